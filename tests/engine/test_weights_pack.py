"""A pack comes back as it was made; what a stranger made of one does no harm."""

import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tlstudio import tasks
from tlstudio.core import backbones
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import MissingWeights, RefusedWeights
from tlstudio.core.events import Event, Said, Warned, WeightsFound, WeightsPacked
from tlstudio.engine import digests, weights, weights_pack

MANIFEST = json.dumps({"format": "TL Studio weights pack", "version": 1, "files": [{"file": "tiny.pth"}]})


@pytest.fixture
def tiny_data(tiny_backbone: Backbone) -> bytes:
    """The weights of `tiny`, taken out of the program's folder."""
    place = weights.locate(tiny_backbone)
    data = place.read_bytes()
    place.unlink()
    return data


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_pack_comes_back_whole(tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, out = weights.locate(tiny_backbone), tmp_path / "weights.zip"
    done = list(tasks.weights_pack(out, ["tiny"]))
    assert done[-1] == WeightsPacked(str(out), ("tiny",), out.stat().st_size)
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["manifest.json", "LICENCES.txt", "tiny.pth"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        (file,) = json.loads(archive.read("manifest.json"))["files"]
        known = tiny_backbone.weights
        assert file["name"] == "tiny"
        assert (file["file"], file["sha256"], file["licence"]) == (known.filename, known.sha256, known.licence)
        assert "random values" in archive.read("LICENCES.txt").decode()
    again = tmp_path / "again.zip"
    list(tasks.weights_pack(again, ["tiny"]))
    assert again.read_bytes() == out.read_bytes()

    data = place.read_bytes()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "other machine"))
    found = [event for event in tasks.weights_import(out) if isinstance(event, WeightsFound)]
    assert [(event.backbone, event.state) for event in found] == [("tiny", "checked")]
    assert weights.locate(tiny_backbone).read_bytes() == data
    assert written(tmp_path / "other machine") == ["tlstudio/weights/tiny.pth"]


def test_a_pack_carries_the_licence_of_what_is_in_it(tmp_path: Path) -> None:
    list(tasks.weights_pack(tmp_path / "weights.zip", ["efficientnet_lite0"]))
    with zipfile.ZipFile(tmp_path / "weights.zip") as archive:
        text = archive.read("LICENCES.txt").decode()
    assert "licence: Apache-2.0" in text
    assert "http://www.apache.org/licenses/LICENSE-2.0" in text


def test_only_what_is_here_goes_into_a_pack_and_the_rest_is_named(tiny_backbone: Backbone, tmp_path: Path) -> None:
    out = tmp_path / "weights.zip"
    with pytest.raises(MissingWeights, match=r"resnet18 are not on this machine\. Add --fetch to download 47 MB"):
        list(tasks.weights_pack(out, ["tiny", "resnet18"]))
    assert not out.exists()
    weights.locate(tiny_backbone).write_bytes(b"not it")
    with pytest.raises(MissingWeights, match="has not the SHA-256 of the tiny weights"):
        list(tasks.weights_pack(out, ["tiny"]))
    done = list(tasks.weights_pack(out))
    (packed,) = [event for event in done if isinstance(event, WeightsPacked)]
    assert "efficientnet_lite0" in packed.backbones
    assert not {"tiny", "resnet18"} & set(packed.backbones)
    (said,) = [event for event in done if isinstance(event, Said)]
    assert "resnet18" in said.text
    assert "tiny" in said.text


def test_a_cancelled_pack_leaves_nothing_and_what_was_there(tiny_backbone: Backbone, tmp_path: Path) -> None:
    out = tmp_path / "packs" / "weights.zip"
    out.parent.mkdir()
    out.write_bytes(b"an older one")
    task = tasks.weights_pack(out, ["tiny"])
    next(task)
    task.close()  # type: ignore[attr-defined]
    assert written(out.parent) == ["weights.zip"]
    assert out.read_bytes() == b"an older one"


def named(name: str) -> Callable[[zipfile.ZipFile, bytes], None]:
    return lambda archive, data: archive.writestr(name, data)


def too_long(archive: zipfile.ZipFile, data: bytes) -> None:
    archive.writestr("tiny.pth", data + b"0" * (1 << 20), zipfile.ZIP_DEFLATED)


def changed(archive: zipfile.ZipFile, data: bytes) -> None:
    archive.writestr("tiny.pth", data[:-1] + b"?")


def twice(archive: zipfile.ZipFile, data: bytes) -> None:
    archive.writestr("tiny.pth", data)
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("tiny.pth", data[:-1] + b"?")


def squeezed(archive: zipfile.ZipFile, data: bytes) -> None:
    archive.writestr("tiny.pth", data, zipfile.ZIP_BZIP2)


def absent(_archive: zipfile.ZipFile, _data: bytes) -> None:
    pass


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile, bytes], None], str]] = {
    "a name that climbs": (named("../../tiny.pth"), "../../tiny.pth: its name leads elsewhere"),
    "a name from the root": (named("/tmp/tiny.pth"), "leads elsewhere"),
    "a name of a drive": (named("C:tiny.pth"), "leads elsewhere"),
    "a name in a folder": (named("weights/tiny.pth"), "leads elsewhere"),
    "an unknown file": (named("evil.pth"), "evil.pth: it is no weights file TL Studio knows"),
    "other letters": (named("TINY.PTH"), "it is no weights file TL Studio knows"),
    "more bytes than declared in the table": (too_long, "bytes, and tiny weights have"),
    "other bytes": (changed, "is not the pretrained weights of tiny: its SHA-256"),
    "the same name twice": (twice, "tiny.pth: it is in the pack more than once"),
    "an odd compression": (squeezed, "packed in a way that is not unpacked here"),
    "a file that is not there": (absent, "tiny.pth: the manifest names it, but it is not there"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_the_known_file_is_not_taken_and_named(tiny_data: bytes, tmp_path: Path, case: str) -> None:
    fill, sentence = HOSTILE[case]
    pack = tmp_path / "weights.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("manifest.json", MANIFEST)
        fill(archive, tiny_data)
    before = written(tmp_path)
    with pytest.raises(RefusedWeights) as refused:
        list(tasks.weights_import(pack))
    assert sentence in str(refused.value)
    assert written(tmp_path) == before


def patched(pack: Path, at: int, value: int) -> None:
    """Change a 4-byte number in the central directory's last entry."""
    data = bytearray(pack.read_bytes())
    start = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, start + at, value)
    pack.write_bytes(data)


@pytest.mark.parametrize("what", ["a bomb", "cut short", "its sum wrong", "encrypted"])
def test_a_pack_whose_directory_lies_does_no_harm(
    tiny_backbone: Backbone, tiny_data: bytes, tmp_path: Path, what: str
) -> None:
    pack = tmp_path / "weights.zip"
    size = len(tiny_data)
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", MANIFEST)
        # A bomb: declared as large as the table says, and twenty times that when it is unpacked.
        archive.writestr("tiny.pth", bytes(size * 20) if what == "a bomb" else tiny_data)
    if what == "a bomb":
        patched(pack, 24, size)
    elif what == "its sum wrong":
        patched(pack, 16, 12345)
    elif what == "encrypted":
        data = bytearray(pack.read_bytes())
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        pack.write_bytes(data)
    else:
        pack.write_bytes(pack.read_bytes()[:-200])
    before = written(tmp_path)
    with pytest.raises(RefusedWeights):
        list(tasks.weights_import(pack))
    assert written(tmp_path) == before


def test_the_known_file_is_taken_from_among_others(tiny_backbone: Backbone, tiny_data: bytes, tmp_path: Path) -> None:
    pack = tmp_path / "weights.zip"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", MANIFEST)
        archive.writestr("evil\n.exe", b"evil")
        archive.writestr("tiny.pth", tiny_data)
    done = list(tasks.weights_import(pack))
    assert [event.backbone for event in done if isinstance(event, WeightsFound)] == ["tiny"]
    (warned,) = [event for event in done if isinstance(event, Warned)]
    assert warned.text == "Not taken from weights.zip: evil?.exe: its name leads elsewhere."
    assert weights.locate(tiny_backbone).read_bytes() == tiny_data


def zipped(tmp_path: Path, manifest: str | None) -> Path:
    pack = tmp_path / "weights.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("photo.jpg", b"a picture")
        if manifest is not None:
            archive.writestr("manifest.json", manifest)
    return pack


def test_other_zip_files_are_told_apart(tmp_path: Path) -> None:
    newer = MANIFEST.replace('"version": 1', '"version": 9')
    cases = {
        None: "is no pack of weights .it has no manifest.json",
        "{": "its manifest.json is not one of TL Studio",
        "[1]": "is not one of TL Studio",
        '{"format": "another", "version": 1, "files": []}': "is not one of TL Studio",
        newer: "a newer TL Studio made this pack",
        MANIFEST + " " * (2 << 20): "is not one of TL Studio",
    }
    for manifest, sentence in cases.items():
        with pytest.raises(RefusedWeights, match=sentence):
            list(tasks.weights_import(zipped(tmp_path, manifest)))
    (tmp_path / "weights.zip").write_bytes(b"PK no zip at all")
    with pytest.raises(RefusedWeights, match="it is no whole zip file"):
        list(tasks.weights_import(tmp_path / "weights.zip"))


def test_a_pack_of_another_name_is_still_a_pack(
    tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(tasks.weights_pack(tmp_path / "weights.zip", ["tiny"]))
    (tmp_path / "weights.zip").rename(tmp_path / "download")
    assert weights_pack.is_pack(tmp_path / "download")
    assert not weights_pack.is_pack(weights.locate(tiny_backbone))  # PyTorch's files are zip files too
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "other"))
    events: Iterator[Event] = tasks.weights_import(tmp_path / "download")
    assert [event.backbone for event in events if isinstance(event, WeightsFound)] == ["tiny"]
    assert digests.of(weights.locate(backbones.BACKBONES["tiny"])) == tiny_backbone.weights.sha256

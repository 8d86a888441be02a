import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.serving import serving
from tlstudio import tasks
from tlstudio.core import backbones
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import MissingWeights, RefusedWeights, TLStudioError
from tlstudio.core.events import Event, Progress, WeightsFound
from tlstudio.engine import digests, weights
from tlstudio.engine import network as networks


def found(events: Iterator[Event]) -> dict[str, WeightsFound]:
    return {event.backbone: event for event in events if isinstance(event, WeightsFound)}


def test_known_weights_are_imported_and_used(tiny_backbone: Backbone, tmp_path: Path) -> None:
    place = weights.locate(tiny_backbone)
    place.rename(tmp_path / "from-a-stick.bin")
    with pytest.raises(MissingWeights, match=r"tiny\.pth"):
        networks.build("tiny", 2, pretrained=True)
    tiny = found(tasks.weights_import(tmp_path / "from-a-stick.bin"))["tiny"]
    assert (tiny.path, tiny.state, tiny.place, tiny.sha256) == (str(place), "checked", "own", digests.of(place))
    assert networks.build("tiny", 2, pretrained=True).running_statistics()["bn1.running_mean"].abs().sum() > 0


def test_unknown_or_changed_weights_are_refused(tiny_backbone: Backbone, tmp_path: Path) -> None:
    place = weights.locate(tiny_backbone)
    data = place.read_bytes()
    cases = {
        "other.pth": (b"other", "no weights file TL Studio knows .none has 5 bytes"),
        "alike.pth": (data[:-1] + b"?", "no weights file TL Studio knows .SHA-256"),
        "tiny.pth": (data[:-9], r"not the pretrained weights of tiny: it has .* bytes, and tiny.pth has"),
        "mine.tlmodel": (b"model", "is a model of TL Studio, not pretrained weights"),
    }
    for name, (contents, sentence) in cases.items():
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(RefusedWeights, match=sentence):
            list(tasks.weights_import(tmp_path / name))
    (tmp_path / "tiny.pth").write_bytes(data[:-1] + b"?")
    with pytest.raises(RefusedWeights, match=f"its SHA-256 is .*, and that of tiny.pth is {digests.of(place)[:12]}"):
        list(tasks.weights_import(tmp_path / "tiny.pth"))
    with pytest.raises(RefusedWeights, match="is a folder"):
        list(tasks.weights_import(tmp_path))
    with pytest.raises(RefusedWeights, match="No such file"):
        list(tasks.weights_import(tmp_path / "gone.pth"))
    assert place.read_bytes() == data
    place.write_bytes(data + b"!")
    with pytest.raises(RefusedWeights, match="not the tiny weights"):
        networks.build("tiny", 2, pretrained=True)


def test_the_right_file_is_used_though_a_wrong_one_of_its_name_comes_first(
    tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = weights.locate(tiny_backbone)
    hub = tmp_path / "torch" / "hub" / "checkpoints" / own.name
    hub.parent.mkdir(parents=True)
    hub.write_bytes(own.read_bytes())
    own.write_bytes(b"broken")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert weights.locate(tiny_backbone) == hub
    listed = found(tasks.weights_list(check=True))["tiny"]
    assert (listed.path, listed.place, listed.state) == (str(hub), "hub", "checked")


def test_a_file_is_hashed_once_until_it_changes(tiny_backbone: Backbone, fresh_cache: Path) -> None:
    place = weights.locate(tiny_backbone)
    assert found(tasks.weights_list())["tiny"].state == "unchecked"
    first = list(tasks.weights_list(check=True))
    assert found(iter(first))["tiny"].state == "checked"
    assert f"checking {place.name}" in [event.task for event in first if isinstance(event, Progress)]
    again = list(tasks.weights_list(check=True))
    assert found(iter(again)) == found(iter(first))
    assert [event for event in again if isinstance(event, Progress)] == []

    place.write_bytes(place.read_bytes()[:-1] + b"?")
    changed = found(tasks.weights_list(check=True))["tiny"]
    assert (changed.state, changed.found_sha256) == ("wrong", digests.of(place))
    (fresh_cache / "tlstudio" / "digests.json").write_text("[no list")
    assert found(tasks.weights_list())["tiny"].state == "unchecked"


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("exploded"),))  # type: ignore[return-value]


def test_even_a_file_of_known_digest_is_not_unpickled(
    tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = weights.locate(tiny_backbone)
    place.write_bytes(pickle.dumps(Bomb(), protocol=2))
    known = replace(tiny_backbone.weights, sha256=digests.of(place))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", replace(tiny_backbone, weights=known))
    with pytest.raises(RefusedWeights) as refused:
        networks.build("tiny", 2, pretrained=True)
    assert not (tmp_path / "exploded").exists()
    assert "weights_only" not in str(refused.value)  # torch's text tells how to switch the protection off


def test_the_embedded_weights_are_found_without_anybody_asking() -> None:
    listed = found(tasks.weights_list())
    assert listed["efficientnet_lite0"].place == "package"
    assert listed["resnet18"].path is None


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as where:
        yield where


def test_fetching_goes_on_where_it_broke_off_and_checks(
    tiny_backbone: Backbone, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = weights.locate(tiny_backbone)
    data = place.read_bytes()
    place.unlink()
    (tmp_path / "served" / "tiny.pth").write_bytes(data)
    served = replace(tiny_backbone, weights=replace(tiny_backbone.weights, url=f"{address}/tiny.pth"))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", served)
    partial = place.with_name("tiny.pth.part")
    partial.write_bytes(data[:1000])
    list(tasks.weights_fetch("tiny"))
    assert place.read_bytes() == data
    assert not partial.exists()

    place.unlink()
    (tmp_path / "served" / "tiny.pth").write_bytes(data[:-1] + b"?")
    with pytest.raises(RefusedWeights, match="not the file expected"):
        list(tasks.weights_fetch("tiny"))
    assert not place.exists()
    assert not partial.exists()

    (tmp_path / "served" / "tiny.pth").unlink()
    with pytest.raises(TLStudioError, match="404"):
        list(tasks.weights_fetch("tiny"))


def test_a_cancelled_download_leaves_nothing_under_the_final_name(
    tiny_backbone: Backbone, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = weights.locate(tiny_backbone)
    (tmp_path / "served" / "tiny.pth").write_bytes(place.read_bytes())
    place.unlink()
    served = replace(tiny_backbone, weights=replace(tiny_backbone.weights, url=f"{address}/tiny.pth"))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", served)
    task = tasks.weights_fetch("tiny")
    assert isinstance(next(task), Progress)
    assert isinstance(next(task), Progress)
    task.close()  # type: ignore[attr-defined]
    assert not place.exists()


def test_a_cancelled_import_leaves_nothing(tiny_backbone: Backbone, tmp_path: Path) -> None:
    place = weights.locate(tiny_backbone)
    place.rename(tmp_path / "tiny.pth")
    task = tasks.weights_import(tmp_path / "tiny.pth")
    for event in task:
        if isinstance(event, Progress) and event.task.startswith("copying"):
            task.close()  # type: ignore[attr-defined]
            break
    assert list(place.parent.iterdir()) == []


def test_without_a_network_it_says_so_in_words(tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens on port 9 of this computer.
    unserved = replace(tiny_backbone, weights=replace(tiny_backbone.weights, url="http://127.0.0.1:9/tiny.pth"))
    monkeypatch.setitem(backbones.BACKBONES, "tiny", unserved)
    with pytest.raises(TLStudioError, match=r"could not be reached .*connected to the internet.*weights pack"):
        list(tasks.weights_fetch("tiny"))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_every_name_of_the_wheel_has_its_place(name: str) -> None:
    spec = backbones.backbone(name)
    if name != "efficientnet_lite0":
        pytest.importorskip(spec.weights.package)
    state = networks.upstream_state(spec)
    assert set(state) == set(networks.assemble(spec, 1000).model.state_dict())
    assert hashlib.sha256(weights.locate(spec).read_bytes()).hexdigest() == spec.weights.sha256
    assert all(torch.isfinite(v).all() for v in state.values())


def test_a_digest_of_which_only_the_first_digits_are_published_says_so() -> None:
    known = backbones.backbone("regnet_y_400mf").weights
    assert known.check == "checked against the first 8 digits of its SHA-256, all that its publisher gives"
    assert known.is_digest("e6988f5f" + "0" * 56)
    assert not known.is_digest("e6988f50" + "0" * 56)
    assert not known.is_digest("e6988f5f")  # no whole digest
    assert backbones.backbone("resnet50").weights.check == "checked against its SHA-256"
    with pytest.raises(ValueError, match="no SHA-256"):
        replace(known, sha256="")
    short = [spec.name for spec in backbones.BACKBONES.values() if len(spec.weights.sha256) < 64]
    assert short == ["regnet_y_400mf"]

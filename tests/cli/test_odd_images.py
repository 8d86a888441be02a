"""Files from the test suites of public decoders: whatever they do, the program answers for each."""

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core.backbones import backbone
from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import PictureDrawn
from tlstudio.engine.decode import decode


def expectations(data: Path) -> dict[str, tuple[str, str]]:
    with (data / "odd_images" / "manifest.csv").open(encoding="utf-8") as file:
        return {row["file"]: (row["expected"], row["format_tier"]) for row in csv.DictReader(file)}


def complaint(name: str, read: bool, expected: dict[str, tuple[str, str]]) -> str:
    """Why this outcome is not what the manifest allows; empty when it is."""
    outcome, tier = expected.get(name, ("unreadable", "none"))
    if read and outcome == "unreadable":
        return f"{name} should have been refused"
    if not read and outcome == "readable" and tier != "extended":
        return f"{name} should have been read"
    return ""


def test_every_file_is_accounted_for_and_training_and_prediction_go_on_around_them(
    tlstudio: Tlstudio, data: Path, pictures: Path, tmp_path: Path
) -> None:
    odd, expected = pictures / "odd", expectations(data)
    shutil.copytree(data / "odd_images", odd)
    model = tmp_path / "odd.tlmodel"
    done = tlstudio("train", pictures, "--epochs", 1, "--model", model, "--json")
    assert done.status == 0, done.err
    (seen,) = done.of("inspected")
    assert seen["found"] == 25 + 184 == seen["read"] + len(seen["refused"])
    assert len(done.of("picture_skipped")) == len(seen["refused"])
    refused = {Path(r["path"]).name: r["reason"] for r in seen["refused"]}
    assert all(refused.values())
    assert [c for f in odd.iterdir() if (c := complaint(f.name, f.name not in refused, expected))] == []
    assert "JPEG XL pictures are not supported" in refused["073_squeeze_empty_residual.jxl"]
    assert "HEIC (HEIF) pictures need the plug-in pillow-heif" in refused["039_IMG_0042.jpg"]

    answers = tlstudio("predict", model, odd, "--json")
    assert answers.status == 0
    predicted = {Path(p["path"]).name: p for p in answers.of("predicted")}
    assert len(predicted) == 184
    assert [c for name, p in predicted.items() if (c := complaint(name, p["ok"], expected))] == []
    assert all(p["label"] if p["ok"] else p["error"] for p in predicted.values())


def test_when_nothing_can_be_answered_the_status_says_so(tlstudio: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.tlmodel"
    assert tlstudio("train", pictures, "--epochs", 1, "--model", model).status == 0
    done = tlstudio("predict", model, pictures / "red" / "broken.png", tmp_path / "gone.png", "--json")
    assert done.status == 1
    assert [p["ok"] for p in done.events] == [False, False]
    assert "None of 2 files" in done.err


SIDE = 8


def coarse(image: Image.Image) -> np.ndarray:
    """What can be made out from afar: (8, 8, 3), 0..255."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(float)


def shown(drawn: PictureDrawn) -> Image.Image:
    return Image.frombytes("RGB", (drawn.width, drawn.height), drawn.pixels)


def middle(image: Image.Image) -> Image.Image:
    """The square that a network with a crop of 224 of 256 pixels looks at."""
    side = min(image.size) * 224 / 256
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((224, 224), Image.Resampling.BILINEAR, (left, top, left + side, top + side))


def test_thumbnail_and_network_view_show_what_the_file_shows(data: Path, fresh_cache: Path) -> None:
    with (data / "odd_images" / "manifest.csv").open(encoding="utf-8") as file:
        rows = {str(data / "odd_images" / row["file"]): row for row in csv.DictReader(file)}
    seen_by = backbone("efficientnet_lite0").preprocessing
    views = {e.path: e for e in tasks.draw(iter([(Path(path), 512, seen_by) for path in rows]))}
    small = {e.path: e for e in tasks.draw(iter([(Path(path), 128, None) for path in rows]))}
    wrong = []
    for path, row in rows.items():
        try:
            whole = decode(Path(path)).image
        except UnreadablePicture:
            if small[path].pixels or views[path].pixels:
                wrong.append(f"{row['file']} is drawn, and cannot be read")
            continue
        if (small[path].full_width, small[path].full_height) != whole.size:
            wrong.append(f"{row['file']} is said to have another size")
        # Of pictures of a few pixels the view shows how they are enlarged.
        view = [("view", middle(whole), views[path])] if min(whole.size) > 2 * SIDE else []
        for what, is_, drawn in (("thumbnail", whole, small[path]), *view):
            apart = np.abs(coarse(is_) - coarse(shown(drawn))).mean()
            if apart > 12:
                wrong.append(f"{row['file']}: {what} is {apart:.0f} apart")
            if row["rgb_trap"] and min(whole.size) > 8 and len(np.unique(np.frombuffer(drawn.pixels, np.uint8))) < 20:
                wrong.append(f"{row['file']}: {what} is flat")
    assert "\n".join(wrong) == ""

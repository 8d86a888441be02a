"""Files from the test suites of public decoders: whatever they do, the program answers for each."""

import csv
import shutil
from pathlib import Path

from tests.conftest import Tlstudio


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


def test_inspect_accounts_for_every_file(tlstudio: Tlstudio, data: Path) -> None:
    (seen,) = tlstudio("inspect", data / "odd_images", "--json").of("inspected")
    assert seen["found"] == 184 == seen["read"] + len(seen["refused"])
    refused = {Path(r["path"]).name: r["reason"] for r in seen["refused"]}
    assert all(refused.values())
    expected = expectations(data)
    names = [f.name for f in (data / "odd_images").iterdir()]
    assert [c for name in names if (c := complaint(name, name not in refused, expected))] == []
    assert "JPEG XL pictures are not supported" in refused["073_squeeze_empty_residual.jxl"]
    assert "HEIC (HEIF) pictures need the plug-in pillow-heif" in refused["039_IMG_0042.jpg"]


def test_training_and_prediction_go_on_around_them(
    tlstudio: Tlstudio, data: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(data / "odd_images", pictures / "odd")
    model = tmp_path / "odd.tlmodel"
    done = tlstudio("train", pictures, "--epochs", 1, "--model", model, "--json")
    assert done.status == 0, done.err
    (seen,) = done.of("inspected")
    assert seen["found"] == 25 + 184 == seen["read"] + len(seen["refused"])
    assert len(done.of("picture_skipped")) == len(seen["refused"])

    answers = tlstudio("predict", model, pictures / "odd", "--json")
    assert answers.status == 0
    predicted = {Path(p["path"]).name: p for p in answers.of("predicted")}
    assert len(predicted) == 184
    expected = expectations(data)
    assert [c for name, p in predicted.items() if (c := complaint(name, p["ok"], expected))] == []
    assert all(p["label"] if p["ok"] else p["error"] for p in predicted.values())


def test_when_nothing_can_be_answered_the_status_says_so(tlstudio: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.tlmodel"
    assert tlstudio("train", pictures, "--epochs", 1, "--model", model).status == 0
    done = tlstudio("predict", model, pictures / "red" / "broken.png", tmp_path / "gone.png", "--json")
    assert done.status == 1
    assert [p["ok"] for p in done.events] == [False, False]
    assert "None of 2 files" in done.err

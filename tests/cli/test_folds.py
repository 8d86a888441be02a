"""Figures out of fold: each picture judged by a network that did not learn from it."""

import json
import math
import shutil
import statistics
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.core.run import RunFolder

QUICK = ["--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 3, "--threads", 1, "--json"]


def test_every_picture_but_the_test_ones_is_judged_once(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone
) -> None:
    done = here("train", pictures, "--folds", 4, "--project", "mine", *QUICK)
    assert done.status == 0, done.err
    folds, finished = done.of("fold_done"), done.events[-1]
    assert [(f["fold"], f["folds"], f["n"] + f["pictures"]) for f in folds] == [(n, 4, 21) for n in (1, 2, 3, 4)]
    right = sum(f["accuracy"] * f["n"] for f in folds)
    assert finished["folds"] == 4
    assert finished["val_accuracy"] == pytest.approx(right / 21)
    low, high = finished["val_interval"]
    assert low < finished["val_accuracy"] < high or finished["val_accuracy"] == high

    run = RunFolder(Path(finished["run"]))
    report = run.report()
    assert (report["val"]["split"], report["val"]["n"], report["test"]["n"]) == ("out of fold", 21, 3)
    assert sum(s["support"] for s in report["val"]["per_class"].values()) == 21
    assert report["folds"] == folds
    assert report["folds_deviation"] == pytest.approx(statistics.stdev(f["accuracy"] for f in folds))
    judged = [p["path"] for p in report["predictions"]]
    assert len(judged) == len(set(judged)) == 24
    (facts,) = here("inspect", finished["model"], "--json").events
    assert facts["unknown"]["set_on"] == "21 out-of-fold pictures"
    assert (facts["metrics"]["val"]["n"], facts["metrics"]["val"]["split"]) == (21, "out of fold")

    # The model learns from all of them, for all epochs; nothing is left to validate on.
    assert [e["val_loss"] for e in done.of("epoch_done")] == [None] * 3
    (started,) = done.of("run_started")
    assert started["pictures"] == {"train": 21, "val": 0, "test": 3}
    assert json.loads(run.recipe_file.read_text())["folds"] == 4
    again = run.state()
    assert again.finished is not None and again.finished.folds == 4
    assert all(math.isnan(epoch.val_loss) for epoch in again.epochs)


def test_folds_repeat_and_a_project_has_them_too(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    first = here("train", pictures, "--folds", 3, "--project", "mine", *QUICK).events[-1]
    again = here("train", "mine", "--folds", 3, *QUICK).events[-1]
    other = here("train", pictures, "--folds", 3, "--split-seed", 5, *QUICK).events[-1]
    sums = [here("inspect", e["model"], "--json").events[0]["sha256"] for e in (first, again, other)]
    assert sums[0] == sums[1] != sums[2]
    assert first["val_accuracy"] == again["val_accuracy"]


def test_measuring_on_what_the_model_has_learned_is_warned_about(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone
) -> None:
    done = here("train", pictures, "--folds", 2, "--test-fraction", 0, "--project", "mine", *QUICK)
    model = done.events[-1]["model"]
    assert done.events[-1]["test_accuracy"] is None
    measured = here("evaluate", model, "mine", "--json")
    assert measured.of("evaluated")[0]["split"] == "val"
    assert ["learned from these pictures" in w["text"] for w in measured.of("warning")] == [True]
    assert here("evaluate", model, pictures, "--json").of("warning") == []


def test_people_read_each_fold(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    done = here("train", pictures, "--folds", 2, *QUICK[:-1])
    assert "All 21 pictures but the test ones are dealt into 2 folds." in done.out
    assert "Fold 2 of 2: accuracy" in done.out
    assert "Accuracy by 2 folds" in done.out
    assert "nan" not in done.out


def test_fine_tuning_is_judged_by_folds_too(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    flags = [
        "--backbone",
        "tiny",
        "--strategy",
        "fine-tune-all",
        "--warmup-epochs",
        1,
        "--epochs",
        1,
        "--threads",
        1,
        "--json",
    ]
    done = here("train", pictures, "--folds", 2, *flags)
    assert done.status == 0, done.err
    assert len(done.of("fold_done")) == 2
    assert [phase["phase"] for phase in done.of("phase_started")] == [1, 2]


def test_a_small_class_lowers_the_folds_and_says_so(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    for number in range(5, 8):
        (pictures / "green" / f"{number}.png").unlink()
    done = here("train", pictures, "--folds", 10, *QUICK)
    (text,) = [w["text"] for w in done.of("warning") if "folds" in w["text"]]
    assert text == "10 folds became 4: the smallest class has only 4 different pictures for them."
    assert len(done.of("fold_done")) == done.events[-1]["folds"] == 4


def test_a_class_of_copies_cannot_be_folded(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    (pictures / "violet").mkdir()
    for name in "ab":
        Image.new("RGB", (9, 9)).save(pictures / "violet" / f"{name}.png")
    done = here("train", pictures, "--folds", 3, *QUICK)
    assert done.status == 1
    assert "'violet' has only one picture besides those to test with. Add more pictures of it" in done.err


def test_validation_pictures_that_come_with_the_set_are_kept(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    for part in ("train", "val"):
        shutil.copytree(pictures, tmp_path / "set" / part)
    done = here("train", tmp_path / "set", "--folds", 3, *QUICK)
    assert done.status == 1
    assert "comes with its own validation pictures, which are kept. Leave --folds out" in done.err
    assert here("train", tmp_path / "set" / "train", "--folds", 3, *QUICK).status == 0


@pytest.mark.parametrize("flags", [["--val", "x"], ["--val-fraction", "0.2"]])
def test_a_part_to_validate_on_contradicts_folds(here: Tlstudio, pictures: Path, flags: list[str]) -> None:
    done = here("train", pictures, "--folds", 3, *flags)
    assert (done.status, "With --folds there is no part to validate on" in done.err) == (2, True)
    assert here("train", pictures, "--folds", 1).status == 2

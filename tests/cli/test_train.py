"""The whole job on real pictures, as a user types it."""

import csv
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result, Tlstudio


def finished(done: Result) -> dict[str, Any]:
    assert done.status == 0, done.err
    last = done.events[-1]
    assert last["event"] == "finished"
    return last


@pytest.mark.slow
def test_ants_and_bees(tlstudio: Tlstudio, data: Path, fresh_cache: Path) -> None:
    command = ["train", data / "hymenoptera", "--strategy", "feature-extraction", "--json"]
    runs = [tlstudio(*command, "--seed", seed) for seed in range(3)]
    assert statistics.mean(finished(run)["val_accuracy"] for run in runs) >= 0.93
    assert finished(runs[0])["test_accuracy"] is None

    passes = runs[0].of("features_ready")
    assert sum(p["computed"] for p in passes) == 398
    first_pass = sum(p["seconds"] for p in passes)
    assert all(epoch["seconds"] < first_pass / 20 for epoch in runs[0].of("epoch_done"))
    # The second run on the same pictures starts training at once: nothing goes through the backbone again.
    assert sum(p["computed"] for p in runs[1].of("features_ready")) == 0


@pytest.mark.slow
def test_five_flowers_fine_tuning_is_no_worse_than_extraction(tlstudio: Tlstudio, data: Path, tmp_path: Path) -> None:
    """On one split, as `compare` judges it; `python -m tests.bench advisor` trains both more often."""
    runs = []
    for images, flags in (
        ([data / "flowers5", "--project", tmp_path / "project"], ["--strategy", "feature-extraction"]),
        ([tmp_path / "project"], ["--strategy", "fine-tune-last", "--epochs", 5]),
    ):
        runs.append(finished(tlstudio("train", *images, *flags, "--json")))
    extracted, tuned = runs
    assert extracted["test_accuracy"] >= 0.87
    assert tuned["test_accuracy"] >= 0.89
    (compared,) = tlstudio("compare", extracted["run"], tuned["run"], "--json").events
    assert compared["n"] == 140
    assert compared["better"] != "first"


def test_a_model_answers_in_a_new_process_as_it_did_in_training(tlstudio: Tlstudio, data: Path, tmp_path: Path) -> None:
    model = tmp_path / "insects.tlmodel"
    done = finished(
        tlstudio("train", data / "hymenoptera", "--strategy", "feature-extraction", "--model", model, "--json")
    )
    report = json.loads((Path(done["run"]) / "report.json").read_text())["predictions"]
    assert len(report) == 153
    shown = report[:33]
    paths = [p["path"] for p in shown]

    together = tlstudio("predict", model, *paths, "--csv", tmp_path / "t.csv", "--json").of("predicted")
    assert [p["path"] for p in together] == paths
    for before, now in zip(shown, together, strict=True):
        assert now["label"] == before["label"]
        assert now["probability"] == pytest.approx(before["probability"], abs=1e-5)
        assert sum(probability for _, probability in now["top"]) == pytest.approx(1)
    (alone,) = tlstudio("predict", model, paths[0], "--json").of("predicted")
    assert alone["probability"] == pytest.approx(together[0]["probability"], abs=1e-5)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [p["label"] for p in together]

    (measured,) = tlstudio("evaluate", model, data / "hymenoptera", "--split", "val", "--json").of("evaluated")
    assert (measured["split"], measured["n"]) == ("val", 153)
    assert measured["accuracy"] == pytest.approx(done["val_accuracy"])
    assert sum(map(sum, measured["confusion"]["counts"])) == 153
    assert measured["interval"][0] < measured["accuracy"] < measured["interval"][1]
    assert sum(s["support"] for s in measured["per_class"].values()) == 153

    (facts,) = tlstudio("inspect", model, "--json").events
    assert facts["classes"] == ["ants", "bees"]
    assert facts["provenance"]["licence"] == "Apache-2.0"
    assert len(facts["sha256"]) == 64
    (run,) = tlstudio("inspect", done["run"], "--json").events
    assert run["finished"] and len(run["epochs"]) == 20


def test_a_project_is_trained_and_measured_again(tlstudio: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    project = tmp_path / "mine"
    first = finished(tlstudio("train", pictures, "--project", project, "--epochs", "2", "--json"))
    again = tlstudio("train", project, "--strategy", "feature-extraction", "--epochs", "2", "--json")
    assert Path(finished(again)["run"]).name == "002-feature-extraction"
    (measured,) = tlstudio("evaluate", first["model"], project, "--json").of("evaluated")
    assert (measured["split"], measured["n"]) == ("test", 3)
    (facts,) = tlstudio("inspect", project, "--json").events
    assert facts["classes"] == {"blue": 8, "green": 8, "red": 8}
    assert len(facts["runs"]) == 2
    refused = tlstudio("train", project, "--split-seed", "3")
    assert refused.status == 2
    assert "leave --split-seed out" in refused.err


def test_pictures_to_validate_on_can_come_from_elsewhere(tlstudio: Tlstudio, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "more")
    done = tlstudio("train", pictures, "--val", tmp_path / "more", "--epochs", "1", "--json")
    assert finished(done)["test_accuracy"] is None
    (seen,) = done.of("inspected")
    assert seen["classes"]["red"] == {"train": 8, "val": 8, "test": 0}
    assert len(seen["leaks"]) == 24
    same = tlstudio("train", pictures, "--val", pictures)
    assert (same.status, "no picture to train on" in same.err) == (1, True)


def test_risky_settings_are_warned_about_and_obeyed(tlstudio: Tlstudio, pictures: Path) -> None:
    done = tlstudio(
        *["train", pictures, "--strategy", "fine-tune-last", "--warmup-epochs", "0"],
        *["--epochs", "1", "--backbone-lr", "0.01", "--json"],
    )
    texts = " ".join(w["text"] for w in done.of("warning"))
    assert "erases what the network knows" in texts
    assert "Without a warm-up" in texts
    assert finished(done)["stopped"] is False


def test_people_read_what_happens(tlstudio: Tlstudio, pictures: Path) -> None:
    done = tlstudio("train", pictures, "--epochs", "2")
    assert done.status == 0
    assert "25 files, 24 pictures in 3 classes" in done.out
    assert "Not used:" in done.out and "broken.png" in done.out
    assert "Strategy feature-extraction." in done.out
    assert "3,843 of 3,374,851 parameters learn (0.11%)" in done.out
    assert "Test accuracy" in done.out and "95 % interval" in done.out
    assert done.err == ""

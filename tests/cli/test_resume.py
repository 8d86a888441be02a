"""`tlstudio train --resume`: a training that may be killed at any moment is a command to repeat until it is done."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Tlstudio
from tests.tracing import traced
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe

QUICK = ["--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 3, "--threads", 1]


@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that have loaded torch")
def test_killed_again_and_again_it_comes_to_the_same_weights(tmp_path: Path) -> None:
    """A few of the kills of `python -m tests.bench survival`."""
    command = [sys.executable, "-m", "tests.bench.survival", "--kills", "4", "--real", "0", "--epochs", "20"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the project opened 4 of 4 times" in done.stdout
    assert "all weights are those of the run in one go" in done.stdout


@pytest.fixture
def unfinished(pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> Path:
    """A project with a run that was closed within its first phase."""
    recipe = make_recipe("tiny", "feature-extraction", Changes(epochs=3))
    with Project.open(tmp_path / "mine") as project:
        list(tasks.scan(project, pictures))
        for event in tasks.train(project, recipe, threads=1):
            if event.kind == "epoch_done":
                break
    return tmp_path / "mine"


def test_it_goes_on_with_what_is_unfinished_or_begins(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone, unfinished: Path
) -> None:
    done = here("train", pictures, "--project", unfinished, *QUICK, "--resume", "--json")
    assert done.status == 0, done.err
    assert done.events[0]["event"] == "run_resumed"
    assert done.events[-1]["run"] == str(unfinished / "runs" / "001-feature-extraction")
    again = here("train", unfinished, *QUICK, "--resume", "--json")
    assert again.of("run_resumed") == []
    assert again.events[-1]["run"] == str(unfinished / "runs" / "002-feature-extraction")


def test_it_goes_on_where_the_project_was_moved_with_copies_of_its_pictures(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    recipe = make_recipe("tiny", "feature-extraction", Changes(epochs=3))
    with Project.open(tmp_path / "mine") as project:
        list(tasks.scan(project, pictures, copy=True))
        next(event for event in tasks.train(project, recipe, threads=1) if event.kind == "epoch_done")
    shutil.rmtree(pictures)
    moved = (tmp_path / "mine").rename(tmp_path / "theirs")
    done = here("train", moved, *QUICK, "--resume", "--json")
    assert done.status == 0, done.err
    assert done.events[0]["event"] == "run_resumed"
    assert done.of("picture_skipped") == []
    assert done.events[-1]["run"] == str(moved / "runs" / "001-feature-extraction")
    with Project.look(moved) as looked:
        assert all(Path(picture.path).is_file() for picture in looked.catalogue.pictures())


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--epochs", 4],
            "--epochs contradicts the unfinished run 001-feature-extraction, which has 3. Leave",
        ),
        (["--strategy", "fine-tune-all"], "--strategy contradicts the unfinished run"),
        (["--seed", 1], "--seed contradicts"),
        (["--model", "elsewhere.tlmodel"], "--model contradicts"),
        (["--device", "mps"], "--device contradicts"),
        (["--folds", 3], "--folds contradicts"),
        (["--freeze", "neck", "--strategy", "fine-tune-all"], "contradicts"),
    ],
)
def test_a_flag_that_means_another_run_is_wrong_usage(
    here: Tlstudio, unfinished: Path, flags: list[object], sentence: str
) -> None:
    done = here("train", unfinished, "--backbone", "tiny", "--resume", *flags)
    assert done.status == 2
    assert sentence in " ".join(done.err.split())


def test_other_pictures_are_wrong_usage_and_so_is_no_project(here: Tlstudio, unfinished: Path, pictures: Path) -> None:
    shutil.copytree(pictures, pictures.with_name("others"))
    done = here("train", pictures.with_name("others"), "--project", unfinished, *QUICK, "--resume")
    assert done.status == 2
    assert "was not begun with" in done.err
    done = here("train", pictures, *QUICK, "--resume")
    assert done.status == 2
    assert "say which with --project" in " ".join(done.err.split())


def test_every_durable_write_is_written_synced_renamed_and_its_folder_synced(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    with traced(trace, "write", "fsync", "rename"):
        done = here("train", pictures, "--project", "mine", *QUICK, "--json")
    assert done.status == 0, done.err
    calls = trace.read_text()
    folder = done.events[-1]["run"]
    for name in ("last.safetensors", "best.safetensors", "model.tlmodel", "recipe.json", "report.json"):
        part, place = re.escape(f"{folder}/.{name}.") + r"\d+\.part", re.escape(f"{folder}/{name}")
        former = rf'(rename\("{place}", "[^"]+previous\.safetensors"\) = 0\n)?'
        steps = (
            rf"write\(\d+<{part}>.*\n(write\(.*\n)*fsync\(\d+<{part}>\) += 0\n{former}"
            rf'rename\("{part}", "{place}"\) += 0\nfsync\(\d+<{re.escape(folder)}>\) += 0\n'
        )
        written = len(re.findall(rf'rename\("{part}", "{place}"\)', calls))
        assert written == len(re.findall(steps, calls)) > 0, name

"""Wrong usage and impossible wishes: each its own sentence, its own exit status, and never a traceback."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Result, Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.run import RunFolder

WRONG_USAGE, FAILED = 2, 1

CASES = {
    "a verb misspelt": (["trian"], WRONG_USAGE, "Did you mean train?"),
    "epochs out of range, strategy left open": (["train", "{pictures}", "--epochs", "0"], WRONG_USAGE, "0 epochs"),
    "a table in no folder": (["predict", "m.tlmodel", "x.png", "--csv", "{tmp}/gone/t.csv"], WRONG_USAGE, "exists"),
    "arguments swapped": (["predict", "{pictures}", "m.tlmodel"], FAILED, "is a folder, not a model"),
    "a model that is no model": (["train", "{pictures}", "--model", "{pictures}/red/1.png"], WRONG_USAGE, ".tlmodel"),
    "a table that is a picture": (
        ["predict", "m.tlmodel", "x.png", "--csv", "{pictures}/red/1.png"],
        WRONG_USAGE,
        "ends in .csv",
    ),
    "an empty path": (["inspect", ""], WRONG_USAGE, "is empty"),
    "a name that is too long": (["inspect", "{tmp}/" + "x" * 300], FAILED, "name too long"),
    "a share that is no number": (["train", "{pictures}", "--val-fraction", "nan"], WRONG_USAGE, "leave nothing"),
    "no pictures to validate on": (
        ["train", "{pictures}", "--val", "{tmp}/rubbish"],
        FAILED,
        "rubbish: holds no readable picture to validate on",
    ),
    "no such verb": (["fly"], WRONG_USAGE, "fly"),
    "no such flag": (["train", "{pictures}", "--magic"], WRONG_USAGE, "--magic"),
    "no pictures named": (["train"], WRONG_USAGE, "IMAGES"),
    "no such backbone": (["train", "{pictures}", "--backbone", "alexnet"], WRONG_USAGE, "alexnet"),
    "no such strategy": (["train", "{pictures}", "--strategy", "hope"], WRONG_USAGE, "hope"),
    "no such stage": (
        ["train", "{pictures}", "--strategy", "fine-tune-last", "--train-from", "layer9"],
        WRONG_USAGE,
        "no stage 'layer9'. Stages: stem, blocks0",
    ),
    "a flag that contradicts the strategy": (
        ["train", "{pictures}", "--strategy", "feature-extraction", "--train-from", "blocks6"],
        WRONG_USAGE,
        "--train-from contradicts the strategy feature-extraction",
    ),
    "batchnorm pinned to random values": (
        ["train", "{pictures}", "--strategy", "from-scratch", "--bn", "pinned"],
        WRONG_USAGE,
        "--bn pinned contradicts the strategy from-scratch",
    ),
    "nothing left to train on": (
        ["train", "{pictures}", "--val-fraction", "0.5", "--test-fraction", "0.5"],
        WRONG_USAGE,
        "leave nothing to train on",
    ),
    "a rate out of range": (
        ["train", "{pictures}", "--strategy", "fine-tune-last", "--head-lr", "-1"],
        WRONG_USAGE,
        "a learning rate of -1 is out of range",
    ),
    "a folder that is not there": (["train", "{tmp}/gone"], FAILED, "gone: does not exist."),
    "an empty folder": (["train", "{tmp}/empty"], FAILED, "empty: holds no pictures. Put the pictures into"),
    "a file instead of a folder": (["train", "{pictures}/red/1.png"], FAILED, "1.png: is a file, not a folder"),
    "one class": (["train", "{tmp}/one-class"], FAILED, "holds only one class, 'red'; two are needed"),
    "one picture in a class": (["train", "{tmp}/one-picture"], FAILED, "class 'green' has only one picture"),
    "nothing readable": (["train", "{tmp}/rubbish"], FAILED, "none of 2 files is a readable picture"),
    "a project that cannot be written": (
        ["train", "{pictures}", "--project", "{pictures}/red/1.png/project"],
        FAILED,
        "1.png/project: cannot be made a project (Not a directory)",
    ),
    "a project folder with other things": (
        ["train", "{pictures}", "--project", "{pictures}"],
        FAILED,
        "pictures: is a folder with other things in it",
    ),
    "a model that cannot be written": (
        ["train", "{pictures}", "--model", "{tmp}/gone/m.tlmodel"],
        FAILED,
        "gone/m.tlmodel: is not in a folder that exists",
    ),
    "missing weights": (
        ["train", "{pictures}", "--backbone", "resnet18"],
        FAILED,
        "the pretrained weights of resnet18 are not on this machine. Either get resnet18-f37072fd.pth",
    ),
    "a device that is not there": (["train", "{pictures}", "--device", "cuda:7"], FAILED, "Use --device auto, or cpu."),
    "a device that does not exist": (["train", "{pictures}", "--device", "abacus"], FAILED, "no device 'abacus'"),
    "no model": (["predict", "{tmp}/gone.tlmodel", "{pictures}"], FAILED, "gone.tlmodel: does not exist"),
    "a picture as a model": (["predict", "{pictures}/red/1.png", "{pictures}"], FAILED, "is not a TL Studio model"),
    "unknown weights": (["weights", "import", "{pictures}/red/1.png"], FAILED, "no weights file TL Studio knows"),
    "nothing to inspect": (["inspect", "{tmp}/gone"], FAILED, "gone: does not exist"),
    "an outline of nothing": (["outline", "alexnet"], WRONG_USAGE, "alexnet"),
    "an outline of two minds": (
        ["outline", "resnet18", "--strategy", "fine-tune-all", "--train-from", "layer4"],
        WRONG_USAGE,
        "not both",
    ),
}


@pytest.fixture
def places(pictures: Path, tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "empty").mkdir()
    shutil.copytree(pictures / "red", tmp_path / "one-class" / "red")
    shutil.copytree(pictures / "red", tmp_path / "one-picture" / "red")
    (tmp_path / "one-picture" / "green").mkdir()
    shutil.copy(pictures / "green" / "1.png", tmp_path / "one-picture" / "green")
    for label in ("a", "b"):
        (tmp_path / "rubbish" / label).mkdir(parents=True)
        (tmp_path / "rubbish" / label / "note.txt").write_text("not a picture")
    return {"pictures": pictures, "tmp": tmp_path}


@pytest.mark.parametrize("case", CASES)
def test_each_has_its_sentence_and_status(tlstudio: Tlstudio, places: dict[str, Path], case: str) -> None:
    arguments, status, sentence = CASES[case]
    done = tlstudio(*(a.format(**places) for a in arguments))
    assert sentence in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.status == status
    if status == FAILED:
        assert len(done.err.strip().splitlines()) == 1
    assert not list(places["tmp"].glob("tlstudio-*"))  # no temporary project is left of it


def test_without_a_screen_the_window_says_so(fresh_tlstudio: Tlstudio, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    done = fresh_tlstudio()
    assert (done.status, done.out) == (FAILED, "")
    assert "no screen" in done.err


def test_with_json_stdout_stays_json_when_something_fails(fresh_tlstudio: Tlstudio, places: dict[str, Path]) -> None:
    done = fresh_tlstudio("train", places["tmp"] / "one-picture", "--json")
    assert done.status == FAILED
    assert {e["event"] for e in done.events} >= {"picture_skipped", "inspected"}
    assert "only one picture" in done.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_an_interruption_ends_with_130_and_keeps_the_best(pictures: Path, tmp_path: Path) -> None:
    """A training that would take long, in a process of its own, which the keyboard interrupts after an epoch."""
    command = [sys.executable, "-m", "tlstudio", "train", pictures, "--project", tmp_path / "project", "--json"]
    command += ["--strategy", "fine-tune-all", "--epochs", "500", "--domain", "different"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if '"epoch_done"' in line:
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. Keeping the best weights so far" in err
    assert "Traceback" not in err
    with Project.open(tmp_path / "project") as project:
        (run,) = project.runs()
        finished = run.state().finished
        assert finished is not None
        assert finished.stopped
        assert run.model_file.is_file()


Signalled = Callable[[str, signal.Signals], Result]


@pytest.fixture
def signalled(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> Signalled:
    """Runs a training that would take long, and sends a signal at the first event of a kind."""

    def run(kind: str, how: signal.Signals) -> Result:
        record, sent = RunFolder.record, list[signal.Signals]()

        def recorded(folder: RunFolder, event: Event) -> None:
            record(folder, event)
            if event.kind == kind and not sent:
                sent.append(how)
                signal.raise_signal(how)

        monkeypatch.setattr(RunFolder, "record", recorded)
        flags = ["--backbone", "tiny", "--strategy", "fine-tune-all", "--epochs", 500, "--threads", 1]
        return here("train", pictures, "--project", tmp_path / "project", *flags)

    return run


def test_an_interruption_before_anything_was_learned_ends_with_130_too(signalled: Signalled) -> None:
    done = signalled("run_started", signal.SIGINT)
    assert done.status == 130
    assert "Traceback" not in done.err


def test_a_request_to_terminate_stands_still(signalled: Signalled, tmp_path: Path) -> None:
    done = signalled("epoch_done", signal.SIGTERM)
    assert done.status == 130
    assert "Traceback" not in done.err
    with Project.open(tmp_path / "project") as project:
        (run,) = project.runs()
        paused = run.state().paused
        assert paused is not None
        assert paused.reason == ""
        assert run.is_unfinished

"""What may befall a training while it goes on, and the one line the person at the command line then reads."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result, Tlstudio
from tlstudio.core import events
from tlstudio.core.backbones import Backbone
from tlstudio.core.project import Project, runs_in
from tlstudio.core.run import RunFolder, unfinished
from tlstudio.engine import store, training

Harmed = Callable[..., Result]
FLAGS = ("--backbone", "tiny", "--strategy", "fine-tune-all", "--warmup-epochs", 1, "--epochs", 3, "--threads", 1)


@pytest.fixture
def harmed(
    here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> Harmed:
    """Runs a training to which something happens when its first epoch is over."""

    def run(harm: Callable[[], None], *more: object, remembers: bool = False) -> Result:
        if not remembers:
            monkeypatch.setattr(store, "room", lambda: 0)  # so that files are read in every epoch
        record, done = RunFolder.record, list[int]()

        def recorded(folder: RunFolder, event: events.Event) -> None:
            record(folder, event)
            if isinstance(event, events.EpochDone) and not done:
                done.append(1)
                harm()

        monkeypatch.setattr(RunFolder, "record", recorded)
        return here("train", pictures, "--project", tmp_path / "mine", *FLAGS, *more)

    return run


def line(result: Result) -> str:
    """The one line on stderr of a command that could not do it."""
    assert result.status == 1, result.out
    assert "Traceback" not in result.err
    (said,) = result.err.splitlines()[-1:]
    return said


def test_pictures_whose_folder_goes(harmed: Harmed, pictures: Path, tmp_path: Path) -> None:
    said = line(harmed(lambda: pictures.rename(tmp_path / "unplugged")))
    assert "have vanished or changed" in said
    assert f"Put them back into {pictures}" in said
    assert unfinished(tmp_path / "mine")


def test_pictures_that_are_replaced(harmed: Harmed, pictures: Path, tmp_path: Path) -> None:
    def replace() -> None:
        for number in (1, 2):  # two of twenty-four; one in a hundred may change
            for label in ("red", "blue"):
                shutil.copy(pictures / "green" / "0.png", pictures / label / f"{number}.png")

    said = line(harmed(replace))
    assert "have vanished or changed" in said
    assert "continue the run" in said
    assert unfinished(tmp_path / "mine")


def test_a_project_that_is_deleted(harmed: Harmed, tmp_path: Path) -> None:
    said = line(harmed(lambda: shutil.rmtree(tmp_path / "mine")))
    assert str(tmp_path / "mine") in said
    assert "(No such file or directory)" in said
    assert "Its folder is gone: put it back" in said


@pytest.mark.usefixtures("fresh_cache")
def test_a_cache_that_is_deleted(harmed: Harmed) -> None:
    def delete() -> None:
        assert list(store.folder().iterdir())
        shutil.rmtree(store.folder().parent)

    done = harmed(delete, remembers=True)
    assert done.status == 0, done.err
    assert "Test accuracy" in done.out


def test_a_loss_that_is_no_number(harmed: Harmed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entropy = training.functional.cross_entropy

    def diverging(*given: Any, **named: Any) -> Any:
        return entropy(*given, **named) * float("nan")

    harm = partial(monkeypatch.setattr, training.functional, "cross_entropy", diverging)
    done = harmed(harm, "--backbone-lr", 0.05)
    assert done.status == 0, done.err
    assert (
        "Careful: the loss became nan in epoch 1 of phase 2. Lower the learning rate of the early stages from 0.05 to "
        "0.0001 and train again. The best weights until then are kept.\n"
    ) in done.out
    (run,) = runs_in(tmp_path / "mine")
    assert run.best_file.exists()
    assert not run.is_unfinished  # going on would only lead there again


def test_too_little_memory(harmed: Harmed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    said = line(harmed(lambda: monkeypatch.setattr(training.functional, "cross_entropy", refuse)))
    assert "there is too little memory for even one picture" in said
    assert "a smaller batch, a smaller network or fewer threads" in said
    assert unfinished(tmp_path / "mine")


@pytest.mark.skipif(sys.platform != "linux", reason="takes away what root may do, as only Linux can")
def test_a_project_that_is_write_protected(tmp_path: Path, pictures: Path) -> None:
    Project.open(tmp_path / "mine").close()
    for path in (tmp_path / "mine" / "lock", tmp_path / "mine"):
        path.chmod(path.stat().st_mode & ~0o222)
    command = [sys.executable, "-m", "tlstudio", "train", str(pictures), "--project", str(tmp_path / "mine")]
    if os.geteuid() == 0:  # who may write anything
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (tmp_path / "mine").chmod(0o755)
    assert done.returncode == 1
    reason = os.strerror(errno.EACCES)
    expected = f"{tmp_path / 'mine'}: cannot be written ({reason}). Choose a folder you may write to."
    assert done.stderr.strip() == f"tlstudio: {expected}"

"""What was read once is not read again: not after Cancel, not after a kill."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT
from tlstudio import tasks
from tlstudio.core.events import Progress
from tlstudio.core.import_log import FILE, ImportLog
from tlstudio.core.project import Project
from tlstudio.core.sources import sources_of
from tlstudio.engine import reading

# Imports a folder into a project, and says after each piece of progress when it was and how far.
IMPORT = """
import sys, time
from pathlib import Path
from tlstudio import tasks
from tlstudio.core.events import Progress
from tlstudio.core.project import Project
with Project.open(Path(sys.argv[1])) as project:
    print("open", flush=True)
    for event in tasks.scan(project, Path(sys.argv[2])):
        if isinstance(event, Progress) and event.task == "reading pictures":
            print(time.monotonic(), event.done, flush=True)
print("done", flush=True)
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Some six seconds' worth of reading for one thread: two large pictures with hundreds of names."""
    for label in ("a", "b"):
        (tmp_path / "many" / label).mkdir(parents=True)
        first = tmp_path / "many" / label / "0000.png"
        noise = Image.frombytes("RGB", (100, 100), random.Random(label).randbytes(30_000))
        noise.resize((1200, 1000), Image.Resampling.BICUBIC).save(first, compress_level=1)
        for number in range(1, 150):
            os.link(first, first.with_name(f"{number:04d}.png"))
    return tmp_path / "many"


def keep_only(many: Path, count: int) -> int:
    """Remove all but the first pictures, so that reading the rest takes no time; returns how many there are."""
    for path in sorted(many.rglob("*.png"))[count:]:
        path.unlink()
    return len(list(many.rglob("*.png")))


def count_opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    opened: list[Path] = []
    decode = reading.decode_with_digest

    def counting(path: Path) -> object:
        opened.append(path)
        return decode(path)

    monkeypatch.setattr(reading, "decode_with_digest", counting)
    return opened


def kill_and_reopen(project: Path, pictures: Path, patience: float, rest: int) -> tuple[int, int]:
    """Kill an import once what it told `patience` seconds ago is more than nothing; returns that, and what is kept.

    rest: kill it at the latest when so many pictures are left, so that it never comes to its end.
    """
    command = [sys.executable, "-c", IMPORT, str(project), str(pictures)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    total = len(list(pictures.rglob("*.png")))
    told = list[tuple[float, int]]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "open\n"
        for line in running.stdout:
            moment, done = line.split()
            told.append((float(moment), int(done)))
            old = [n for at, n in told if told[-1][0] - at > patience]
            if (old and old[-1]) or told[-1][1] > total - rest:
                break
        running.send_signal(signal.SIGKILL)
        died = time.monotonic()
    due = max((done for at, done in told if died - at > 2.0), default=0)
    return due, len({p.path for p in ImportLog(project).pictures()})


def test_a_killed_import_keeps_what_it_read_two_seconds_ago_and_goes_on(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due, kept = kill_and_reopen(tmp_path / "project", many, 2.0, rest=20)
    assert kept >= due
    opened = count_opened(monkeypatch)
    with Project.open(tmp_path / "project") as project:
        assert project.catalogue.pictures() == []
        # What was begun is known, though nobody names it again.
        assert [source.path for source in sources_of(project)] == [str(many)]
        left = keep_only(many, kept + 20)
        *_, difference = tasks.difference(project)
        assert len(difference.added) == left
        list(tasks.accept(project, difference))
        assert len(project.catalogue.readable()) == left
    assert len(opened) == left - kept
    assert not (tmp_path / "project" / FILE).exists()


def test_cancel_is_heard_at_once_and_what_was_read_is_not_read_again(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = count_opened(monkeypatch)
    with Project.open(tmp_path / "project") as project:
        task = tasks.scan(project, many)
        for event in task:
            if isinstance(event, Progress) and event.done > 4:
                break
        task.close()
        assert len(opened) < 250
        assert project.catalogue.pictures() == []
        assert sources_of(project) == []
        before = len(opened)
        kept = len(ImportLog(project.folder).pictures())
        assert kept > 4
        left = keep_only(many, kept + 20)
        list(tasks.scan(project, many))
        assert len(opened) - before == left - kept


def test_progress_comes_meanwhile_and_says_how_fast(many: Path, tmp_path: Path) -> None:
    left = keep_only(many, 80)
    with Project.open(tmp_path / "project") as project:
        task = tasks.scan(project, many)
        told = [event for event in task if isinstance(event, Progress) and event.task == "reading pictures"]
    assert told[-1].done == told[-1].total == left
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert any(event.rate > 0 and event.done < left for event in told)


def test_half_a_line_in_the_log_does_not_count(pictures: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        some = project.catalogue.scanned()[:3]
        log = ImportLog(project.folder)
        log.keep(some)
        assert log.pictures() == []  # nobody has said what the facts are
        with pytest.raises(KeyboardInterrupt), log.reading([{"path": "/x"}]):
            log.keep(some)
            with (project.folder / FILE).open("a") as file:
                file.write('["/half')
            raise KeyboardInterrupt
        assert [p.path for p in log.pictures()] == [p.path for p in some]


@pytest.mark.slow
def test_an_import_killed_at_any_moment_leaves_a_project_that_opens(many: Path, tmp_path: Path) -> None:
    moments = random.Random(0)
    for number in range(int(os.environ.get("TLSTUDIO_KILLS", "3"))):
        project = tmp_path / f"project {number}"
        due, kept = kill_and_reopen(project, many, moments.uniform(0.0, 3.0), rest=20)
        assert kept >= due
        with Project.open(project) as opened:
            assert opened.catalogue.pictures() == []

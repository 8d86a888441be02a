import errno
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tlstudio import tasks
from tlstudio.core import events, locks
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.edits import Edits
from tlstudio.core.errors import LookOnly, ProjectError
from tlstudio.core.project import Project, replacing, write_atomically
from tlstudio.core.run import RunFolder


def test_a_project_begins_in_a_new_folder_and_opens_again(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine") as project:
        project.catalogue.replace([Picture("/a.png", "a", "train")], {"source": "/"})
    with Project.open(tmp_path / "mine") as project:
        assert [p.path for p in project.catalogue.pictures()] == ["/a.png"]


# Opens the project at the same moment as others do, and says what came of it; the writer waits to be killed.
START = """
import os, sys, time
from pathlib import Path
from tlstudio.core.errors import LookOnly
from tlstudio.core.project import Project
folder, starts = Path(sys.argv[1]), int(sys.argv[2])
go, gate = os.pipe()
for number in range(starts):
    if not os.fork():
        os.close(gate)
        os.read(go, 1)
        try:
            project = Project.open(folder, f"start {number}")
            text = f"{os.getpid()} writes"
        except LookOnly as error:
            text = f"{os.getpid()} is told {error}"
        os.write(1, f"{text}\\n".encode())
        time.sleep(600 if text.endswith("writes") else 0)
        os._exit(0)
os.close(gate)  # all of them read its end now
os.wait()
for _ in range(starts - 1):
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_of_many_starts_at_once_one_writes_and_the_others_are_told_who(tmp_path: Path) -> None:
    Project.open(tmp_path / "mine").close()
    starts, before = 20, 0
    for _ in range(3):
        command = [sys.executable, "-c", START, str(tmp_path / "mine"), str(starts)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as raced:
            assert raced.stdout
            told = [raced.stdout.readline() for _ in range(starts)]
            (writer,) = (int(line.split()[0]) for line in told if line.endswith("writes\n"))
            assert writer != before
            losers = [line for line in told if not line.endswith("writes\n")]
            assert len(losers) == starts - 1
            for line in losers:
                assert f", process {writer} on {socket.gethostname()}, since " in line
                assert "Close it there, or use another project." in line
            assert not locks.is_free(tmp_path / "mine" / "lock")
            os.kill(writer, signal.SIGKILL)
        assert locks.is_free(tmp_path / "mine" / "lock")
        before = writer


def test_a_name_that_a_dead_process_left_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = {"process": int(gone.stdout), "computer": socket.gethostname(), "since": "2026-01-01T08:00", "program": ""}
    path.write_text(json.dumps(left))
    with path.open("r+") as file:
        assert locks.try_lock(file)
        assert locks.take(path) is None  # somebody has it who has not said so
        path.write_text(json.dumps({**left, "process": os.getpid()}))
        assert str(locks.take(path)) == f"process {os.getpid()} on {socket.gethostname()}, since 2026-01-01 08:00"
    taken = locks.take(path, "tlstudio train")
    assert not isinstance(taken, locks.Holder)
    assert taken
    assert str(locks.take(path)).startswith(f"tlstudio train, process {os.getpid()} on ")
    locks.give_back(taken)
    assert path.read_text() == ""


def test_a_drive_without_locks_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "try_lock", refuse)
    with pytest.raises(LookOnly, match=r"cannot keep two programs apart .*Copy the project to a drive of this"):
        Project.open(tmp_path / "mine")


def test_looking_takes_no_lock_and_changes_nothing(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine") as project:
        project.catalogue.replace([Picture("/a.png", "a", "train")], {"source": "/"})
        with pytest.raises(LookOnly, match=f"process {os.getpid()} on") as refused:
            Project.open(tmp_path / "mine")
        looked = Project.look(tmp_path / "mine", refused.value)
        assert [p.path for p in looked.catalogue.pictures()] == ["/a.png"]
        for change in (
            lambda: looked.catalogue.replace([], {}),
            lambda: Edits(looked.catalogue).add_class("b"),
            lambda: looked.new_run("fine-tune-last"),
            lambda: list(tasks.scan(looked, tmp_path)),
        ):
            with pytest.raises(LookOnly, match="Close it there, or use another project"):
                change()
        project.catalogue.replace([Picture("/b.png", "a", "train")], {"source": "/"})
        assert [p.path for p in looked.catalogue.pictures()] == ["/b.png"]
        with project.catalogue.writing() as db:
            db.execute("DELETE FROM pictures")
            assert [p.path for p in looked.catalogue.pictures()] == ["/b.png"]  # at once, as it was before
        assert looked.catalogue.size() == 0
        looked.close()
        assert not looked.is_free()
    assert Project.look(tmp_path / "mine").is_free()


# Dies where a commit has begun to change the file and the journal still says how it was.
DIE_COMMITTING = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.executemany("INSERT INTO facts VALUES (?, ?)", ((f"{n}", '"' + 900 * "x" + '"') for n in range(500)))
os.kill(os.getpid(), 9)
"""


def test_who_looks_sees_what_was_there_before_a_writer_died_in_mid_commit(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine") as project:
        project.catalogue.replace([Picture("/a.png", "a", "train")], {"source": "/"})
        path = project.catalogue.path
    before = path.stat().st_size
    subprocess.run([sys.executable, "-c", DIE_COMMITTING, path], check=False)
    assert path.stat().st_size > before
    assert path.with_name("catalogue.sqlite-journal").stat().st_size > 0
    looked = Catalogue.look(path)
    assert [p.path for p in looked.pictures()] == ["/a.png"]
    assert looked.fact("1") == ""


def test_looking_makes_no_catalogue_and_changes_no_older_one(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with pytest.raises(ProjectError, match="is not there"):
        Catalogue.look(path)
    assert not path.exists()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(ProjectError, match=r"older TL Studio .* Open the project in the window once"):
        Catalogue.look(path)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ProjectError, match="other things"):
        Project.open(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "x"}', '{"schema": 99}'])
def test_a_project_that_is_damaged_or_newer_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "project.json").write_text(text)
    with pytest.raises(ProjectError, match=r"damaged|newer"):
        Project.open(tmp_path)


def test_a_damaged_catalogue_says_so(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ProjectError, match="cannot be read"):
        Catalogue(tmp_path / "catalogue.sqlite")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half of the ne")
        raise RuntimeError
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [f.name for f in tmp_path.iterdir()] == ["file"]


def test_where_nothing_can_be_written_the_message_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="file/below"):
        write_atomically(tmp_path / "file" / "below", b"")


def test_a_history_cut_short_by_a_kill_replays_what_is_whole(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    groups = ({"name": "head", "lr": 1e-3, "parameters": 10},)
    told = [
        events.Warned("careful"),
        events.PhaseStarted(1, 1, "head", "head", 5, 10, 100, groups),
        events.EpochDone(1, 1, 5, 0.5, 0.9, 0.4, 0.95, 1.0, True),
        events.EpochDone(1, 2, 5, 0.4, 0.9, float("nan"), 0.95, 1.0, False),
    ]
    for event in told:
        run.record(event)
    with run.events_file.open("a") as file:
        file.write(json.dumps(told[2].to_json())[:20])
    state = run.state()
    assert state.warnings == ("careful",)
    assert [e.epoch for e in state.epochs] == [1, 2]
    assert state.phases[0] == told[1]
    assert state.epochs[0] == told[2]


def test_runs_are_numbered_on(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine") as project:
        assert project.new_run("fine-tune-last").folder.name == "001-fine-tune-last"
        assert project.new_run("from-scratch").folder.name == "002-from-scratch"
        assert [run.number for run in project.runs()] == [1, 2]

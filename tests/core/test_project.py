import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlstudio.core import events
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import ProjectError
from tlstudio.core.project import Project, replacing, write_atomically
from tlstudio.core.run import RunFolder


def test_a_project_begins_in_a_new_folder_and_opens_again(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine") as project:
        project.catalogue.replace([Picture("/a.png", "a", "train")], {"source": "/"})
    with Project.open(tmp_path / "mine") as project:
        assert [p.path for p in project.catalogue.pictures()] == ["/a.png"]


def test_one_writer_and_the_other_is_told_who(tmp_path: Path) -> None:
    with Project.open(tmp_path / "mine"):
        code = "import sys; from pathlib import Path; from tlstudio.core.project import Project; "
        code += "Project.open(Path(sys.argv[1]))"
        other = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "mine"], capture_output=True, text=True, check=False
        )
        assert other.returncode != 0
        assert f"process {os.getpid()}" in other.stderr
        with pytest.raises(ProjectError, match=f"process {os.getpid()}"):
            Project.open(tmp_path / "mine")
    Project.open(tmp_path / "mine").close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from tlstudio.core.project import Project; "
    code += "p = Project.open(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, tmp_path / "mine"], check=False)
    Project.open(tmp_path / "mine").close()


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

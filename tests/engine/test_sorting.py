import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.core.test_folder_names import HOSTILE
from tlstudio import tasks
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Predicted, Progress
from tlstudio.core.sorting import Sorted, SortingPlanned, SortingStarted, SortingUndone


def answered(path: Path, label: str, probability: float = 0.9, unknown: bool = False) -> Predicted:
    return Predicted(str(path), True, label, probability, ((label, probability),), unknown)


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Six files in two folders with the same three names."""
    made = [tmp_path / "given" / folder / f"{number}.jpg" for folder in "ab" for number in range(3)]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(5000))
    return made


@pytest.fixture
def answers(sources: list[Path]) -> list[Predicted]:
    labels = ("ants", "bees", "ants", "ants", "bees", "bees")
    return [answered(path, label) for path, label in zip(sources, labels, strict=True)]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def visible(folder: Path) -> list[str]:
    return [name for name in tree(folder) if not name.startswith(".")]


def sort(answers: Iterable[Predicted], into: Path, below: float = 0.0) -> Sorted:
    *_, last = tasks.sort_copies(answers, into, below)
    assert isinstance(last, Sorted)
    return last


def undo(record: Path) -> SortingUndone:
    *_, last = tasks.undo_sorting(record)
    assert isinstance(last, SortingUndone)
    return last


def test_copies_lie_in_their_classes_and_undoing_leaves_nothing(
    answers: list[Predicted], sources: list[Path], tmp_path: Path
) -> None:
    before = tree(tmp_path)
    answers[1] = replace(answers[1], unknown=True)
    answers[2] = replace(answers[2], probability=0.4)
    answers += [Predicted("broken.png", False, error="is not a picture"), answered(tmp_path / "gone.png", "ants")]
    (planned,) = tasks.plan_sorting(answers, tmp_path / "out", 0.5)
    assert isinstance(planned, SortingPlanned)
    assert tree(tmp_path) == before
    assert {f["folder"]: f["pictures"] for f in planned.folders} == {"ants": 2, "bees": 2, "_unsure": 2}
    assert (planned.copies, planned.unsure, planned.size) == (6, 2, 30_000)

    done = sort(answers, tmp_path / "out", 0.5)
    assert (done.copied, done.unsure) == (6, 2)
    assert [Path(skipped["path"]).name for skipped in done.skipped] == ["broken.png", "gone.png"]
    assert visible(tmp_path / "out") == [
        *("_unsure/1.jpg", "_unsure/2.jpg", "ants/0 (2).jpg", "ants/0.jpg", "bees/1.jpg", "bees/2.jpg"),
    ]
    assert (tmp_path / "out/ants/0 (2).jpg").read_bytes() == sources[3].read_bytes()
    assert (tmp_path / "out/ants/0.jpg").stat().st_mtime_ns == sources[0].stat().st_mtime_ns
    assert tree(tmp_path / "given") == {name.removeprefix("given/"): data for name, data in before.items()}

    undone = undo(Path(done.record))
    assert (undone.removed, undone.kept) == (6, ())
    assert tree(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_never_replaced_and_what_changed_is_never_removed(
    answers: list[Predicted], tmp_path: Path
) -> None:
    mine = tmp_path / "out" / "ants" / "0.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    first, second = sort(answers, tmp_path / "out"), sort(answers[:1], tmp_path / "out")
    assert mine.read_text() == "mine"
    assert {"ants/0 (2).jpg", "ants/0 (3).jpg", "ants/0 (4).jpg"} <= set(visible(tmp_path / "out"))
    assert undo(tmp_path / "out").removed == second.copied == 1
    (tmp_path / "out/ants/0 (2).jpg").write_text("edited")
    (tmp_path / "out/bees/new.jpg").write_text("new")
    (tmp_path / "out/bees/1.jpg").unlink()
    undone = undo(Path(first.record))
    assert undone.removed == 4
    assert [Path(kept["path"]).name for kept in undone.kept] == ["0 (2).jpg"]
    assert visible(tmp_path / "out") == ["ants/0 (2).jpg", "ants/0.jpg", "bees/new.jpg"]


def test_the_only_copy_left_stays_until_the_original_is_back(
    answers: list[Predicted], sources: list[Path], tmp_path: Path
) -> None:
    sort(answers, tmp_path / "out")
    away = sources[0].rename(tmp_path / "away.jpg")
    undone = undo(tmp_path / "out")
    (kept,) = undone.kept
    assert (undone.removed, kept["path"]) == (5, str(tmp_path / "out/ants/0.jpg"))
    assert kept["reason"] == f"is the only copy left: {sources[0]} is gone"
    assert visible(tmp_path / "out") == ["ants/0.jpg"]
    away.rename(sources[0])
    assert undo(tmp_path / "out").removed == 1
    assert not (tmp_path / "out").exists()


def test_a_copy_that_stays_does_not_keep_an_earlier_sorting_from_being_taken_back(
    answers: list[Predicted], tmp_path: Path
) -> None:
    sort(answers[:2], tmp_path / "out")
    sort(answers[2:], tmp_path / "out")
    (tmp_path / "out/ants/2.jpg").write_text("edited")
    assert [undo(tmp_path / "out").removed for _ in range(2)] == [3, 2]
    assert visible(tmp_path / "out") == ["ants/2.jpg"]
    assert len(undo(tmp_path / "out").kept) == 1  # and it is said again to who asks again
    sort(answers[:2], tmp_path / "out")
    assert undo(tmp_path / "out").removed == 2
    assert visible(tmp_path / "out") == ["ants/2.jpg"]


def test_a_name_that_another_program_takes_at_that_moment_stays_its_own(
    answers: list[Predicted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, exists = tmp_path / "out" / "ants" / "0.jpg", os.path.lexists

    def meanwhile(path: Path) -> bool:
        found = exists(path)
        if Path(path) == theirs and not found:
            theirs.write_text("theirs")
        return found

    monkeypatch.setattr(os.path, "lexists", meanwhile)
    done = sort(answers, tmp_path / "out")
    assert done.copied == 6
    monkeypatch.undo()
    assert theirs.read_text() == "theirs"
    undone = undo(Path(done.record))
    assert (undone.removed, undone.kept) == (6, ())
    assert visible(tmp_path / "out") == ["ants/0.jpg"]


def test_nothing_is_written_outside_whatever_the_classes_are_called(sources: list[Path], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    into = tmp_path / "in" / "deep" / "out"
    into.mkdir(parents=True)
    (into / "link").symlink_to(outside, target_is_directory=True)
    (into / "file").write_text("a file")
    before = tree(tmp_path)
    labels = (*HOSTILE, "link", "file")
    pictures = [sources[0].with_name(f"{number}.png") for number in range(len(labels))]
    for path in pictures:
        shutil.copy(sources[0], path)
    done = sort([answered(p, label) for p, label in zip(pictures, labels, strict=True)], into)
    assert done.copied == len(labels)
    copies = [p for p in tree(tmp_path) if p not in before and not p.startswith("given/")]
    assert all(Path(name).parts[:3] == ("in", "deep", "out") and len(Path(name).parts) <= 5 for name in copies)
    assert len({Path(name).parent for name in copies if name.endswith(".png")}) == len(labels)
    assert list(outside.iterdir()) == []
    assert undo(into).removed == len(labels)
    assert {n: d for n, d in tree(tmp_path).items() if not n.startswith("given/")} == {
        n: d for n, d in before.items() if not n.startswith("given/")
    }


def test_pictures_in_the_folder_itself_and_links_to_pictures(sources: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "given"
    link = tmp_path / "link.jpg"
    link.symlink_to(sources[5])
    (into / "bees").mkdir()
    there = shutil.move(sources[4], into / "bees" / "there.jpg")
    done = sort([answered(sources[0], "ants"), answered(Path(there), "bees"), answered(link, "ants")] * 2, into)
    assert (done.copied, done.already) == (2, 1)
    copy = into / "ants" / "link.jpg"
    assert not copy.is_symlink()
    assert copy.read_bytes() == sources[5].read_bytes()
    assert undo(into).removed == 2
    assert not (into / "ants").exists()
    assert Path(there).exists()


def test_too_little_room_or_no_folder_is_said_before_anything_is_copied(
    answers: list[Predicted], sources: list[Path], tmp_path: Path
) -> None:
    os.truncate(sources[0], shutil.disk_usage(tmp_path).free + (1 << 30))
    with pytest.raises(TLStudioError, match="MB free; the copies would take"):
        sort(answers, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(TLStudioError, match="is not a folder"):
        sort(answers, sources[1])
    with pytest.raises(TLStudioError, match="does not exist"):
        sort(answers, tmp_path / "no" / "out")


SORT = """
import sys
from pathlib import Path
from tlstudio import tasks
from tlstudio.core.events import Predicted, Progress
answers = [Predicted(path, True, "ants", 0.9) for path in sys.argv[2:]]
for event in tasks.sort_copies(answers, Path(sys.argv[1])):
    if isinstance(event, Progress):
        print(event.done, flush=True)
"""


def test_a_sorting_that_was_killed_is_taken_back(tmp_path: Path) -> None:
    pictures = [tmp_path / "given" / f"{number}.jpg" for number in range(150)]
    pictures[0].parent.mkdir()
    for path in pictures:
        path.write_bytes(os.urandom(100_000))
    before = tree(tmp_path)
    command = [sys.executable, "-c", SORT, str(tmp_path / "out"), *map(str, pictures)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as sorter:
        assert sorter.stdout
        assert sorter.stdout.readline() == "16\n"
        sorter.kill()
    assert 16 <= len(list((tmp_path / "out").rglob("*.jpg"))) < 150
    # As a kill between two steps leaves it: an unfinished copy, a name without its picture, half a line.
    (record,) = (tmp_path / "out").glob(".*.jsonl")
    (tmp_path / "out" / "ants" / f"{record.stem}-3.part").write_bytes(b"half")
    with record.open("a") as file:
        file.write(json.dumps({"copy": "ants/149.jpg", "digest": "0", "from": "x"}) + '\n{"copy": "an')
    (tmp_path / "out" / "ants" / "149.jpg").touch()
    assert undo(tmp_path / "out").kept == ()
    assert tree(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_a_sorting_that_was_stopped_is_taken_back(answers: list[Predicted], tmp_path: Path) -> None:
    task = tasks.sort_copies(answers, tmp_path / "out")
    seen = list[Event]()
    for event in task:
        seen.append(event)
        if isinstance(event, Progress):
            break
    (started,) = [event for event in seen if isinstance(event, SortingStarted)]
    with pytest.raises(TLStudioError, match="at this moment"):
        undo(Path(started.record))
    task.close()  # type: ignore[attr-defined]
    assert undo(Path(started.record)).removed == 6
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["../victim", "ants/../../victim", "/victim", "ants/..", "..", "ants/a/b", 7])
def test_a_strangers_record_removes_nothing_elsewhere(tmp_path: Path, path: object) -> None:
    victim, into = tmp_path / "victim", tmp_path / "out"
    victim.touch()
    (into / "ants").mkdir(parents=True)
    lines = [{"schema": 1, "made": True}, {"folder": "ants", "made": True}, {"copy": path, "digest": "", "from": ""}]
    (into / ".tlstudio-sorted-001.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(TLStudioError, match="not a record"):
        undo(into)
    assert victim.exists()
    assert (into / "ants").exists()


def test_there_is_nothing_to_take_back_where_nothing_was_sorted(tmp_path: Path) -> None:
    with pytest.raises(TLStudioError, match="no sorted copies"):
        undo(tmp_path)

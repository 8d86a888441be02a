"""The folder changes behind our back: what differs is shown, and becomes so when somebody accepts it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tlstudio import tasks
from tlstudio.core.events import Difference, Inspected, Warned
from tlstudio.core.project import Project
from tlstudio.engine import changes, reading


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


def differs(project: Project) -> Difference:
    *_, last = tasks.difference(project)
    assert isinstance(last, Difference)
    return last


def names(paths: tuple[str, ...]) -> list[str]:
    return [Path(path).name for path in paths]


def change(pictures: Path) -> None:
    """One of each kind."""
    Image.new("RGB", (50, 50), "yellow").save(pictures / "red" / "new.png")
    (pictures / "green" / "1.png").unlink()
    Image.new("RGB", (60, 60), "yellow").save(pictures / "blue" / "2.png")
    (pictures / "red" / "3.png").rename(pictures / "blue" / "moved.png")
    os.utime(pictures / "red" / "4.png", ns=(0, 0))  # touched only


def test_nothing_has_changed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_arguments: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(changes, "_digest", forbidden)
    monkeypatch.setattr(reading, "decode_with_digest", forbidden)
    assert differs(project).is_empty


def test_each_kind_of_change_is_told_apart_and_nothing_is_done_yet(project: Project, pictures: Path) -> None:
    before = project.catalogue.scanned()
    change(pictures)
    found = differs(project)
    assert (names(found.added), names(found.gone), names(found.changed)) == (["new.png"], ["1.png"], ["2.png"])
    assert [names(pair) for pair in found.moved] == [["3.png", "moved.png"]]
    assert project.catalogue.scanned() == before


def test_what_is_accepted_becomes_so(project: Project, pictures: Path) -> None:
    change(pictures)
    (seen,) = [event for event in tasks.accept(project, differs(project)) if isinstance(event, Inspected)]
    assert {name: sum(splits.values()) for name, splits in seen.classes.items()} == {"red": 8, "green": 7, "blue": 9}
    assert differs(project).is_empty


def test_what_is_not_accepted_stays_as_it_was_and_is_told_again(project: Project, pictures: Path) -> None:
    change(pictures)
    found = differs(project)
    list(tasks.accept(project, replace(found, gone=(), moved=())))
    held = {Path(p.path).relative_to(pictures).as_posix() for p in project.catalogue.readable()}
    assert {"red/new.png", "green/1.png", "red/3.png"} <= held
    assert "blue/moved.png" not in held
    assert differs(project) == replace(found, added=(), changed=())


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_drive_that_is_not_connected_costs_no_picture(
    project: Project, pictures: Path, tmp_path: Path, left: str
) -> None:
    more = tmp_path / "more" / "yellow"
    more.mkdir(parents=True)
    Image.new("RGB", (30, 30), "yellow").save(more / "1.png")
    list(tasks.add(project, [more.parent]))
    before = {(p.path, p.split) for p in project.catalogue.readable()}
    pictures.rename(tmp_path / "elsewhere")
    if left == "an empty folder":  # what a drive is mounted on
        pictures.mkdir()
    Image.new("RGB", (40, 30), "yellow").save(more / "2.png")
    found = differs(project)
    assert (names(found.added), found.gone, found.missing) == (["2.png"], (), (str(pictures),))
    said = [event.text for event in tasks.rescan(project) if isinstance(event, Warned)]
    assert f"{pictures} is not there now, or is empty; its pictures are kept as they were." in " ".join(said)
    after = {(p.path, p.split) for p in project.catalogue.readable()}
    assert {path for path, _ in after} == {path for path, _ in before} | {str(more / "2.png")}
    assert {pair for pair in after if "yellow" not in pair[0]} == {pair for pair in before if "yellow" not in pair[0]}
    shutil.rmtree(pictures, ignore_errors=True)
    (tmp_path / "elsewhere").rename(pictures)
    assert differs(project).is_empty


def test_a_list_that_is_gone_keeps_what_it_named(pictures: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("path,label,split\n" + "".join(f"pictures/red/{n}.png,warm,train\n" for n in range(6)))
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, listed, more=[pictures / "green"]))
        before = project.catalogue.readable()
        listed.unlink()
        found = differs(project)
        assert (found.is_empty, found.missing) == (True, (str(listed),))
        list(tasks.rescan(project))
        assert project.catalogue.readable() == before


def test_single_files_that_were_added_to_a_class_can_go_and_come_back(project: Project, tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    loose = tmp_path / "loose" / "a.png"
    Image.new("RGB", (33, 30), "red").save(loose)
    list(tasks.add(project, [loose], "red"))
    whole = loose.read_bytes()
    loose.unlink()
    assert differs(project).gone == (str(loose),)
    (tmp_path / "loose").rmdir()
    assert differs(project).missing == (str(loose),)
    loose.parent.mkdir()
    loose.write_bytes(whole)
    assert differs(project).is_empty

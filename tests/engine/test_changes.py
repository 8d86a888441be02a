"""The folder changes behind our back: what differs is shown, and becomes so when somebody accepts it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import Image

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core.edits import Edits
from tlstudio.core.errors import UnreadablePicture
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
    said = [event.text for event in rescan(project) if isinstance(event, Warned)]
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
        list(rescan(project))
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


def test_a_list_that_says_something_else_has_changed(pictures: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    rows = [f"pictures/{label}/{n}.png,{label},train" for label in ("red", "blue") for n in range(6)]
    listed.write_text("\n".join(["path,label,split", *rows]))
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, listed))
        assert differs(project).is_empty
        rows[0] = "pictures/red/0.png,blue,train"
        rows[1] = "pictures/red/1.png,red,test"
        rows[2] = "pictures/red/2.png,,train"
        listed.write_text("\n".join(["path,label,split", *rows]))
        assert names(differs(project).changed) == ["0.png", "1.png", "2.png"]
        list(rescan(project))
        held = {Path(p.path).relative_to(pictures).as_posix(): p for p in project.catalogue.pictures()}
        assert held["red/0.png"].label == "blue"
        assert held["red/1.png"].split == "test"
        assert held["red/2.png"].refused
        assert differs(project).is_empty


def test_a_file_that_can_be_read_now_is_found_by_a_thorough_look_only(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> NoReturn:
        raise UnreadablePicture("cannot be opened", path=path)

    with Project.open(tmp_path / "project") as project:
        with monkeypatch.context() as patch:
            patch.setattr(reading, "decode_with_digest", refuse)
            list(tasks.scan(project, pictures))
        assert differs(project).is_empty
        *_, found = tasks.difference(project, thorough=True)
        assert isinstance(found, Difference)
        assert len(found.changed) == 24  # and one that is broken still
        list(tasks.accept(project, found))
        assert len(project.catalogue.readable()) == 24


def test_what_an_older_version_did_not_measure_is_read_by_a_thorough_look(project: Project) -> None:
    with project.catalogue.writing() as db:
        db.execute("DELETE FROM prints")
    assert differs(project).is_empty
    list(rescan(project))
    assert all(p.fingerprint for p in project.catalogue.scanned() if not p.refused)


def test_adding_and_removing_take_over_no_other_change(project: Project, pictures: Path, tmp_path: Path) -> None:
    more = tmp_path / "more" / "yellow"
    more.mkdir(parents=True)
    Image.new("RGB", (30, 30), "yellow").save(more / "1.png")
    change(pictures)
    found, before = differs(project), project.catalogue.pictures()
    list(tasks.add(project, [more.parent]))
    assert [p for p in project.catalogue.pictures() if p.label != "yellow"] == before
    assert differs(project) == found
    list(tasks.remove(project, [more.parent]))
    assert project.catalogue.pictures() == before
    assert differs(project) == found
    list(tasks.add(project, [pictures]))  # it was meant this time
    assert differs(project).is_empty


def test_removing_gives_a_file_back_to_the_folder_it_lies_in(project: Project, pictures: Path) -> None:
    one = pictures / "red" / "1.png"
    list(tasks.add(project, [one], "blue"))
    assert next(p for p in project.catalogue.pictures() if p.path == str(one)).label == "blue"
    list(tasks.remove(project, [one], "blue"))
    assert next(p for p in project.catalogue.pictures() if p.path == str(one)).label == "red"


def test_what_changes_after_it_was_shown_is_not_accepted(project: Project, pictures: Path) -> None:
    change(pictures)
    found = differs(project)
    Image.new("RGB", (70, 70), "black").save(pictures / "green" / "2.png")
    list(tasks.accept(project, found))
    assert names(differs(project).changed) == ["2.png"]


def test_a_copy_that_arrives_later_goes_where_a_person_put_the_first(project: Project, pictures: Path) -> None:
    held = project.catalogue.readable()
    first = next(p for p in held if p.split == "train")
    list(tasks.edit(project, partial(Edits.set_split, ids=[first.id], split="test")))
    copy = Path(shutil.copy(first.path, pictures / first.label / "copy.png"))
    list(rescan(project))
    split = {p.path: p.split for p in project.catalogue.readable()}
    assert (split[first.path], split[str(copy)]) == ("test", "test")
    assert all(split[p.path] == p.split for p in held if p.id != first.id)
    list(tasks.edit(project, Edits.undo))
    assert {p.path: p.split for p in project.catalogue.readable()}[first.path] == "train"


def test_many_single_files_are_added_in_one_go(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    loose = [folder / f"{n}.png" for n in range(40)]
    for number, path in enumerate(loose):
        Image.new("RGB", (20 + number, 20), "red").save(path)
    assert tasks.not_yet_added(project, loose, "red") == tuple(loose)
    list(tasks.add(project, loose, "red"))
    assert tasks.not_yet_added(project, loose, "red") == ()
    assert differs(project).is_empty
    list(tasks.remove(project, loose[1:], "red"))
    assert [p.path for p in project.catalogue.readable() if "loose" in p.path] == [str(loose[0])]


def test_a_class_without_a_picture_in_use_is_told(project: Project) -> None:
    list(tasks.edit(project, partial(Edits.add_class, name="violet")))
    greens = [p.id for p in project.catalogue.readable() if p.label == "green"]
    list(tasks.edit(project, partial(Edits.exclude, ids=greens)))
    *_, said = tasks.report(project)
    assert isinstance(said, Inspected)
    (finding,) = [f for f in said.findings if f.kind == "empty-class"]
    assert finding.text == "No picture is in use of these classes: green, violet. They are left out."
    assert set(finding.ids) == set(greens)

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tlstudio.core.catalogue import Catalogue, Picture, listed
from tlstudio.core.edits import Edits, Step
from tlstudio.core.errors import ProjectError

Snapshot = tuple[list[Picture], dict[str, dict[str, int]]]


def picture(name: str, label: str, split: str = "train", folder: str = "/set") -> Picture:
    return Picture(f"{folder}/{label}/{name}.png", label, split, size=1, digest=f"digest of {name}", width=9, height=9)


FOUND = [
    *(picture(f"bee{n}", "bees", "val" if n == 3 else "train") for n in range(4)),
    *(picture(f"wasp{n}", "wasps", "val" if n == 2 else "train") for n in range(3)),
    *(picture(f"fly{n}", "flies") for n in range(2)),
]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    made = Catalogue(tmp_path / "catalogue.sqlite")
    made.replace(FOUND, {"source": "/set"})
    return made


def ids(catalogue: Catalogue, *names: str) -> list[int]:
    return [p.id for p in catalogue.pictures() if Path(p.path).stem in names]


def test_a_project_that_another_program_writes_says_so(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(catalogue.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **how: connect(path, **(how | {"timeout": 0})))
    with pytest.raises(ProjectError, match="another TL Studio is using this project") as refused:
        Edits(catalogue).rename_class("bees", "honey bees")
    assert "Close it there" in refused.value.remedy
    other.close()
    assert Edits(catalogue).rename_class("bees", "honey bees")


def labels(catalogue: Catalogue) -> dict[str, str]:
    return {Path(p.path).stem: p.label for p in catalogue.pictures()}


def state(catalogue: Catalogue) -> Snapshot:
    return catalogue.pictures(), catalogue.counts()


def test_classes_are_renamed_merged_added_and_removed(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    assert edits.rename_class("bees", "honey bees") == Step("rename", ("bees", "honey bees"), 0)
    assert edits.merge_classes(["wasps", "flies"], "wasps") == Step("merge", ("flies", "wasps"), 2)
    assert edits.add_class("  ants ") == Step("add", ("ants",), 0)
    assert catalogue.counts() == {"ants": {}, "honey bees": {"train": 3, "val": 1}, "wasps": {"train": 4, "val": 1}}
    assert catalogue.classes() == ("honey bees", "wasps")
    assert edits.remove_class("wasps") == Step("remove", ("wasps",), 5)
    assert catalogue.classes() == ("honey bees",)
    assert len(catalogue.pictures()) == len(FOUND)
    assert {p.label for p in catalogue.pictures() if p.excluded} == {"wasps"}
    edits.add_class("wasps")
    assert catalogue.counts()["wasps"] == {"train": 4, "val": 1}


def test_pictures_are_relabelled_excluded_and_put_into_a_split(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    assert edits.relabel(ids(catalogue, "bee0", "bee1", "fly0"), "flies") == Step("relabel", ("flies",), 2)
    assert [p.filed_as for p in catalogue.readable() if p.label == "flies"] == ["bees", "bees", "flies", "flies"]
    assert edits.exclude(ids(catalogue, "wasp0")) == Step("exclude", (), 1)
    assert "wasp0" not in {Path(p.path).stem for p in catalogue.readable()}
    assert "wasp0" in labels(catalogue)
    assert edits.include(ids(catalogue, "wasp0", "wasp1")) == Step("include", (), 1)
    edits.set_split(ids(catalogue, "fly0"), "val")
    assert len(catalogue.readable("val")) == 3
    assert edits.set_split(ids(catalogue, "fly0"), "") == Step("split", ("",), 1)
    assert len(catalogue.readable("val")) == 2


def test_what_changes_nothing_is_no_edit(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    assert edits.relabel(ids(catalogue, "bee0"), "bees") is None
    assert edits.rename_class("bees", "bees") is None
    assert edits.undoable() is None


@pytest.mark.parametrize("name", ["wasps", "", "  ", "a\nb", "x" * 256])
def test_names_that_cannot_be(catalogue: Catalogue, name: str) -> None:
    before = state(catalogue)
    with pytest.raises(ProjectError):
        Edits(catalogue).rename_class("bees", name)
    with pytest.raises(ProjectError):
        Edits(catalogue).add_class(name)
    assert state(catalogue) == before


def test_a_class_that_is_not_there_says_so(catalogue: Catalogue) -> None:
    with pytest.raises(ProjectError, match="'moths'"):
        Edits(catalogue).relabel(ids(catalogue, "bee0"), "moths")


CHANGES: list[Callable[[Catalogue], Step | None]] = [
    lambda c: Edits(c).rename_class("bees", "wild bees"),
    lambda c: Edits(c).merge_classes(["wasps"], "flies"),
    lambda c: Edits(c).add_class("wasps"),
    lambda c: Edits(c).relabel(ids(c, "bee0", "fly0"), "wasps"),
    lambda c: Edits(c).exclude(ids(c, "bee1", "bee2")),
    lambda c: Edits(c).set_split(ids(c, "bee1", "wasp2"), "test"),
    lambda c: Edits(c).remove_class("flies"),
    lambda c: Edits(c).decide("name", ["bee"], "confirmed"),
]


def test_undo_and_redo_go_all_the_way_also_after_reopening(catalogue: Catalogue) -> None:
    states = [state(catalogue)]
    for change in CHANGES:
        assert change(catalogue)
        states.append(state(catalogue))
    again = Catalogue(catalogue.path)
    assert again.decisions() == {("name", "bee"): "confirmed"}
    for before in reversed(states[:-1]):
        Edits(again).undo()
        assert state(again) == before
    assert Edits(again).undo() is None
    assert again.decisions() == {}
    again = Catalogue(catalogue.path)
    assert Edits(again).redoable() == Step("rename", ("bees", "wild bees"), 0)
    for after in states[1:]:
        Edits(again).redo()
        assert state(again) == after
    assert Edits(again).redo() is None


def test_a_new_edit_ends_what_could_be_redone(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    edits.rename_class("bees", "honey bees")
    edits.undo()
    edits.rename_class("bees", "wild bees")
    assert edits.redoable() is None
    assert edits.undoable() == Step("rename", ("bees", "wild bees"), 0)


def test_a_scan_keeps_every_edit_and_new_files_follow_their_class(catalogue: Catalogue) -> None:
    for change in CHANGES:
        change(catalogue)
    before = state(catalogue)
    catalogue.replace(FOUND, {})
    assert state(catalogue) == before
    catalogue.replace([*FOUND, picture("bee9", "bees"), picture("wasp9", "wasps")], {})
    found = {Path(p.path).stem: p for p in catalogue.pictures()}
    assert found["bee9"].label == "wild bees"
    assert found["wasp9"].label == "flies"
    assert found["wasp9"].excluded


def test_edits_follow_a_file_that_moved_and_wait_for_one_that_is_gone(catalogue: Catalogue) -> None:
    Edits(catalogue).relabel(ids(catalogue, "bee0", "bee1"), "wasps")
    number = ids(catalogue, "bee0")
    moved = [picture("bee0", "bees", folder="/set/elsewhere"), *(p for p in FOUND if "bee0" not in p.path)]
    catalogue.replace(moved, {})
    assert ids(catalogue, "bee0") == number
    assert labels(catalogue)["bee0"] == "wasps"
    catalogue.replace([p for p in moved if "bee1" not in p.path], {})
    assert "bee1" not in labels(catalogue)
    catalogue.replace(moved, {})
    assert labels(catalogue)["bee1"] == "wasps"


def test_edits_stay_with_pictures_whose_names_change_places(catalogue: Catalogue) -> None:
    Edits(catalogue).relabel(ids(catalogue, "bee0"), "wasps")
    names = {"bee0": "bee1", "bee1": "bee2", "bee2": "bee0"}
    turned = [replace(p, digest=f"digest of {names.get(Path(p.path).stem, Path(p.path).stem)}") for p in FOUND]
    catalogue.replace(turned, {})
    assert {name for name, label in labels(catalogue).items() if label == "wasps"} == {
        "bee2",
        "wasp0",
        "wasp1",
        "wasp2",
    }
    # One takes another's name, whose contents are nowhere: its edits follow it, and those of the other one wait.
    Edits(catalogue).exclude(ids(catalogue, "fly1"))
    taken = [p for p in turned if "fly1" not in p.path]
    fly = next(p for p in FOUND if "fly1" in p.path)
    bee = next(p for p in taken if "bee2" in p.path)
    catalogue.replace([*(p for p in taken if p is not bee), replace(fly, digest=bee.digest)], {})
    moved = next(p for p in catalogue.pictures() if "fly1" in p.path)
    assert (moved.label, moved.excluded) == ("wasps", False)
    catalogue.replace([*taken, fly], {})
    back = {Path(p.path).stem: (p.label, p.excluded) for p in catalogue.pictures()}
    assert back["fly1"] == ("flies", True)
    assert back["bee2"] == ("wasps", False)


def test_a_file_that_could_not_be_read_gives_its_place_to_one_that_moved(catalogue: Catalogue) -> None:
    broken = replace(FOUND[0], digest="", refused="is damaged")
    catalogue.replace([broken, *FOUND[1:]], {})
    (number,) = ids(catalogue, "bee1")
    moved = replace(FOUND[1], path=broken.path)
    for _ in range(2):
        catalogue.replace([moved, *FOUND[2:]], {})
    assert ids(catalogue, "bee0") == [number]
    assert catalogue.size() == len(FOUND) - 1


def test_undoing_a_class_that_has_got_pictures_since_keeps_them_in_use(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    edits.add_class("ants")
    catalogue.replace([*FOUND, picture("ant0", "ants")], {})
    assert edits.undo() == Step("add", ("ants",), 0)
    assert catalogue.counts()["ants"] == {"train": 1}
    edits.redo()
    assert catalogue.counts()["ants"] == {"train": 1}
    catalogue.replace(FOUND, {})
    assert catalogue.counts()["ants"] == {}
    edits.undo()
    assert "ants" not in catalogue.counts()


def test_undoing_the_return_of_a_class_takes_its_pictures_out_again(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    edits.remove_class("wasps")
    assert edits.add_class("wasps") == Step("add", ("wasps",), 3)
    edits.undo()
    assert "wasps" not in catalogue.counts()


def test_undoing_a_merge_reaches_what_was_found_and_moved_since(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    edits.merge_classes(["bees"], "wasps")
    moved = replace(FOUND[0], path="/set/flies/bee0.png", label="flies")
    catalogue.replace([*FOUND[1:], moved, picture("bee9", "bees")], {})
    assert labels(catalogue)["bee9"] == "wasps"
    edits.undo()
    assert (labels(catalogue)["bee9"], labels(catalogue)["bee0"]) == ("bees", "flies")
    edits.redo()
    assert (labels(catalogue)["bee9"], labels(catalogue)["bee0"]) == ("wasps", "flies")


def test_a_class_whose_files_are_gone_gives_its_name_away(catalogue: Catalogue) -> None:
    edits = Edits(catalogue)
    edits.exclude(ids(catalogue, "fly0"))
    catalogue.replace([p for p in FOUND if p.label != "flies"], {})
    assert "flies" not in catalogue.counts()
    edits.rename_class("wasps", "flies")
    catalogue.replace(FOUND, {})
    assert catalogue.counts()["flies"] == {"train": 3, "val": 1}


def test_what_a_check_refuses_changes_nothing(catalogue: Catalogue) -> None:
    before = state(catalogue)

    def refuse(pictures: list[Picture]) -> None:
        assert len(pictures) == 1
        raise ProjectError("no")

    with pytest.raises(ProjectError):
        catalogue.replace(FOUND[:1], {"source": "/other"}, check=refuse)
    assert state(catalogue) == before
    assert catalogue.fact("source") == "/set"


def test_pictures_are_found_sorted_and_fetched_in_part(catalogue: Catalogue) -> None:
    catalogue.replace([picture(f"{n}", "bees") for n in (2, 10, 1)] + [picture("Größe", "wasps", "val")], {})

    def names(numbers: object) -> list[str]:
        return [Path(p.path).stem for p in catalogue.some(list(numbers))]  # type: ignore[call-overload]

    assert names(catalogue.matching("bees", order="name")) == ["1", "2", "10"]
    assert names(catalogue.matching("bees", order="name", descending=True)) == ["10", "2", "1"]
    assert names(catalogue.matching(text="GRÖSSE")) == ["Größe"]
    assert names(catalogue.matching(split="val")) == ["Größe"]
    assert names([0, *ids(catalogue, "1"), 99_999]) == ["1"]
    assert catalogue.size() == 4


SCHEMA_1 = """
CREATE TABLE pictures (
    path TEXT PRIMARY KEY, label TEXT NOT NULL, split TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, mode TEXT NOT NULL,
    frames INTEGER NOT NULL, refused TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO pictures VALUES ('/s/a/1.png', 'a', 'train', 7, 8, 'd1', 40, 36, 'PNG', 'RGB', 1, '');
INSERT INTO pictures VALUES ('/s/b/2.gif', 'b', 'val', 9, 10, 'd2', 50, 60, 'GIF', 'P', 3, '');
INSERT INTO pictures VALUES ('/s/b/3.png', 'b', '', 1, 2, '', 0, 0, '', '', 1, 'is not a picture');
INSERT INTO facts VALUES ('source', '"/s"');
INSERT INTO facts VALUES ('splits_given', '"[\\"train\\"]"');
PRAGMA user_version = 1;
"""


def test_a_catalogue_of_version_1_becomes_todays(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    db = sqlite3.connect(path)
    db.executescript(SCHEMA_1)
    db.close()
    catalogue = Catalogue(path)
    assert [
        (p.path, p.label, p.split, p.size, p.digest, p.width, p.frames, p.refused) for p in catalogue.pictures()
    ] == [
        ("/s/a/1.png", "a", "train", 7, "d1", 40, 1, ""),
        ("/s/b/2.gif", "b", "val", 9, "d2", 50, 3, ""),
        ("/s/b/3.png", "b", "", 1, "", 0, 1, "is not a picture"),
    ]
    assert catalogue.fact("source") == "/s"
    with catalogue.reading() as db:
        assert [p.split for p in listed(db, split="given")] == ["train", "", ""]
    Edits(catalogue).rename_class("a", "c")
    assert Catalogue(path).classes() == ("b", "c")


def test_a_catalogue_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "catalogue.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ProjectError, match="newer"):
        Catalogue(tmp_path / "catalogue.sqlite")


EDITOR = """
import itertools, sys
from pathlib import Path
from tlstudio.core.catalogue import Catalogue
from tlstudio.core.edits import Edits

catalogue = Catalogue(Path(sys.argv[1]))
edits, ids = Edits(catalogue), catalogue.matching()
for number in itertools.count(int(catalogue.classes()[0]) + 1):
    if str(number) not in catalogue.counts():
        edits.add_class(str(number))
    edits.relabel(ids, str(number))
    print(number, flush=True)
"""
KILLS = 8


def test_killed_at_any_moment_every_edit_that_returned_is_there(catalogue: Catalogue) -> None:
    catalogue.replace([picture(f"{n}", "0") for n in range(1000)], {})
    last = 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", EDITOR, str(catalogue.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            for line in child.stdout:
                last = int(line)
                if last % (3 + kill) == 0:
                    child.kill()
        again = Catalogue(catalogue.path)
        assert again.size() == 1000
        (label,) = again.classes()  # all of an edit, or nothing of it
        assert int(label) in (last, last + 1)  # it may have been killed between doing and saying
        last = int(label)
        undo = Edits(again).undoable()
        assert undo in (Step("relabel", (label,), 1000), Step("add", (str(last + 1),), 0))

"""What a person changes about the pictures without touching a file: classes, labels, splits, decisions; with Undo.

Each edit is one transaction and on the disk when the call returns. What it changed is written down row by row, so that
Undo and Redo also work after the project was closed.
"""

import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tlstudio.core.catalogue import Catalogue, Deal, is_label, listed
from tlstudio.core.errors import ProjectError
from tlstudio.core.splits import SPLITS

EditKind = Literal["rename", "merge", "add", "remove", "relabel", "exclude", "include", "split", "decide"]
Verdict = Literal["confirmed", "rejected", ""]
Split = Literal["train", "val", "test", ""]


@dataclass(frozen=True)
class Step:
    """One edit, as Undo names it. names: the classes, split or group it was about. count: of pictures changed."""

    kind: EditKind
    names: tuple[str, ...]
    count: int

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "names": list(self.names), "count": self.count}


class Edits:
    """Changes to a catalogue. Each call returns the step it made, or None where there was nothing to change.

    Any thread may call. Pictures are named by their ids, classes by their names.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def rename_class(self, old: str, new: str) -> Step | None:
        """Call a class something else; files that its folder gains later belong to it too.

        Raises:
            ProjectError: there is no such class, the new name is taken, or cannot name a class.
        """
        new = _checked(new)
        with self._catalogue.writing() as db:
            number, taken = _class(db, old), _find_class(db, new)
            step = _Making(db, "rename", (old, new))
            if taken not in (None, number):
                if _is_seen(db, taken):
                    raise ProjectError(f"there is a class {new!r} already", remedy="Merge the two instead.")
                step.merge(taken, number)  # its files are gone; should they come back, they belong here
            step.set("classes.name", new, "id = ?", (number,))
            return step.done()

    def merge_classes(self, names: Sequence[str], into: str) -> Step | None:
        """Make the pictures of some classes those of one that exists; files their folders gain later too.

        Raises:
            ProjectError: one of the classes is not there.
        """
        with self._catalogue.writing() as db:
            target = _class(db, into)
            step = _Making(db, "merge", (*(name for name in names if name != into), into))
            for number in [_class(db, name) for name in names if name != into]:
                step.merge(number, target)
            return step.done()

    def add_class(self, name: str) -> Step | None:
        """Begin a class without pictures; one that was removed comes back with those it had.

        Raises:
            ProjectError: there is such a class already, or the name cannot name one.
        """
        name = _checked(name)
        with self._catalogue.writing() as db:
            number = _find_class(db, name)
            if number is not None and _is_seen(db, number):
                raise ProjectError(f"there is a class {name!r} already", remedy="Give another name.")
            if number is None:
                row = db.execute("SELECT max(id) FROM classes WHERE name = ?", (name,)).fetchone()
                begin = "INSERT INTO classes (name, state) VALUES (?, 'removed')"
                number = row[0] or db.execute(begin, (name,)).lastrowid
            step = _Making(db, "add", (name,))
            step.set("classes.state", "added", "id = ?", (number,))
            return step.done(_count(db, number))

    def remove_class(self, name: str) -> Step | None:
        """Take a class out of the list and its pictures out of use, those its folder gains later too.

        Raises:
            ProjectError: there is no such class.
        """
        with self._catalogue.writing() as db:
            number = _class(db, name)
            step = _Making(db, "remove", (name,))
            step.set("classes.state", "removed", "id = ?", (number,))
            return step.done(_count(db, number))

    def relabel(self, ids: Iterable[int], label: str) -> Step | None:
        """Put pictures into another class.

        Raises:
            ProjectError: there is no such class.
        """
        with self._catalogue.writing() as db:
            number = _class(db, label)
            step = _Making(db, "relabel", (label,))
            _choose(db, ids)
            step.set("pictures.relabelled", 1, f"{_CHOSEN} AND class <> ?", (number,))
            step.set("pictures.class", number, _CHOSEN)
            return step.done()

    def exclude(self, ids: Iterable[int]) -> Step | None:
        """Keep pictures out of training, validation and test; they stay in the list."""
        return self._set(ids, "exclude", (), "pictures.excluded", 1)

    def include(self, ids: Iterable[int]) -> Step | None:
        """Use pictures again that were excluded."""
        return self._set(ids, "include", (), "pictures.excluded", 0)

    def set_split(self, ids: Iterable[int], split: Split) -> Step | None:
        """Put pictures into a split; an empty one gives back what their folder or the draw says.

        Raises:
            ValueError: there is no such split.
        """
        if split not in (*SPLITS, ""):
            raise ValueError(f"no split: {split}")
        return self._set(ids, "split", (split,), "pictures.split_set", split)

    def _set(
        self, ids: Iterable[int], kind: EditKind, names: tuple[str, ...], place: str, value: object
    ) -> Step | None:
        with self._catalogue.writing() as db:
            step = _Making(db, kind, names)
            _choose(db, ids)
            step.set(place, value, _CHOSEN)
            return step.done()

    def set_splits(self, splits: Mapping[int, str]) -> Step | None:
        """Put pictures into splits, each into its own, in one step. splits: id → split."""
        with self._catalogue.writing() as db:
            step = _Making(db, "split", tuple(sorted(set(splits.values()))))
            for number, split in splits.items():
                step.set("pictures.split_set", split, "id = ?", (number,))
            return step.done()

    def decide(self, kind: str, names: Iterable[str], verdict: Verdict, deal: Deal | None = None) -> Step | None:
        """Confirm or reject proposed groups, or take the decisions back.

        kind, names: as `groups.Proposal` says; with kind `near`, names as of `groups.pair_name`. deal: takes all
        pictures with the splits they were given and returns them with those they are to have now.
        """
        with self._catalogue.writing() as db:
            step = _Making(db, "decide", (kind, verdict))
            for name in names:
                db.execute("INSERT OR IGNORE INTO decisions (kind, name, verdict) VALUES (?, ?, '')", (kind, name))
                step.set("decisions.verdict", verdict, "kind = ? AND name = ?", (kind, name))
            if deal is not None:
                for picture in deal(listed(db, split="given")):
                    step.set("pictures.split", picture.split, "id = ?", (picture.id,))
            return step.done()

    def undo(self) -> Step | None:
        """Take the last edit back; None when there is none left.

        Raises:
            ProjectError: a class that came with a scan since bears the name that would come back.
        """
        return self._replay("SELECT * FROM steps WHERE NOT undone ORDER BY id DESC", undo=True)

    def redo(self) -> Step | None:
        """Do the edit again that was taken back last; None when there is none.

        Raises:
            ProjectError: as `undo`.
        """
        return self._replay("SELECT * FROM steps WHERE undone ORDER BY id", undo=False)

    def undoable(self) -> Step | None:
        """The edit that `undo` would take back."""
        return self._next("SELECT * FROM steps WHERE NOT undone ORDER BY id DESC")

    def redoable(self) -> Step | None:
        """The edit that `redo` would do again."""
        return self._next("SELECT * FROM steps WHERE undone ORDER BY id")

    def _next(self, question: str) -> Step | None:
        with self._catalogue.reading() as db:
            row = db.execute(f"{question} LIMIT 1").fetchone()
            return _step(row) if row else None

    def _replay(self, question: str, undo: bool) -> Step | None:
        with self._catalogue.writing() as db:
            row = db.execute(f"{question} LIMIT 1").fetchone()
            if row is None:
                return None
            value, order = ("before", "DESC") if undo else ("after", "ASC")
            changes = db.execute(f"SELECT place, {value}, row FROM changes WHERE step = ? ORDER BY id {order}", row[:1])
            by_place: list[tuple[str, list[tuple[object, int]]]] = []
            for place, content, number in changes:
                if not by_place or by_place[-1][0] != place:
                    by_place.append((place, []))
                by_place[-1][1].append((content, number))
            try:
                for place, values in by_place:
                    table, column = place.split(".")
                    db.executemany(f"UPDATE {table} SET {column} = ? WHERE id = ?", values)
                if undo and _step(row).kind == "add" and not _step(row).count:
                    db.execute(_KEEP_FILLED, row[:1])
            except sqlite3.IntegrityError as error:
                remedy = "Rename the class that has the name now, then try again."
                raise ProjectError("two classes would have one name", remedy=remedy) from error
            # A scan since may have found more files of a label, or one under another.
            db.execute(f"UPDATE pictures SET class = {_OF_LABEL} WHERE NOT relabelled AND class <> {_OF_LABEL}")
            db.execute("UPDATE steps SET undone = ? WHERE id = ?", (undo, row[0]))
            return _step(row)


_CHOSEN = "id IN (SELECT id FROM chosen)"
_OF_LABEL = "(SELECT labels.class FROM labels WHERE labels.id = pictures.label)"
# A class that was begun empty and has got pictures since is like one that a scan found.
_KEEP_FILLED = (
    "UPDATE classes SET state = 'found' WHERE state = 'removed' AND id IN (SELECT row FROM changes WHERE step = ?) "
    "AND EXISTS (SELECT 1 FROM pictures WHERE here AND class = classes.id)"
)


def _choose(db: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Name the pictures an edit is about, however many: a question has room for few."""
    db.execute("CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO chosen VALUES (?)", ((number,) for number in ids))


class _Making:
    """A step while it is made: every change is written down with what was there before."""

    def __init__(self, db: sqlite3.Connection, kind: EditKind, names: tuple[str, ...]) -> None:
        self._db = db
        row = (kind, json.dumps(names))
        self._id = db.execute("INSERT INTO steps (kind, names, count) VALUES (?, ?, 0)", row).lastrowid
        self._kind: EditKind = kind
        self._names = names

    def set(self, place: str, value: object, condition: str, values: tuple[object, ...] = ()) -> None:
        """Give a column (`table.column`) a value in the rows a condition leaves."""
        table, column = place.split(".")
        where = f"{condition} AND {column} IS NOT ?"
        written = f"INSERT INTO changes (step, place, row, before, after) SELECT ?, ?, id, {column}, ? FROM {table}"
        self._db.execute(f"{written} WHERE {where}", (self._id, place, value, *values, value))
        self._db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *values, value))

    def merge(self, number: int, target: int) -> None:
        """Give all of a class to another, what its folder gains later too."""
        self.set("pictures.class", target, "class = ?", (number,))
        self.set("labels.class", target, "class = ?", (number,))
        self.set("classes.state", "removed", "id = ?", (number,))

    def done(self, count: int | None = None) -> Step | None:
        """Close the step; one that changed nothing leaves no trace. count: of pictures, where rows do not tell."""
        own = "FROM changes WHERE step = ?"
        if not self._db.execute(f"SELECT EXISTS (SELECT 1 {own})", (self._id,)).fetchone()[0]:
            self._db.execute("DELETE FROM steps WHERE id = ?", (self._id,))
            return None
        if count is None:
            question = f"SELECT count(DISTINCT row) {own} AND place LIKE 'pictures.%'"
            count = int(self._db.execute(question, (self._id,)).fetchone()[0])
        self._db.execute("UPDATE steps SET count = ? WHERE id = ?", (count, self._id))
        # What was taken back and not done again is now another past.
        self._db.execute("DELETE FROM changes WHERE step IN (SELECT id FROM steps WHERE undone)")
        self._db.execute("DELETE FROM steps WHERE undone")
        return Step(self._kind, self._names, count)


def _step(row: Sequence[object]) -> Step:
    _, kind, names, count, _ = row
    return Step(kind, tuple(json.loads(str(names))), count)  # type: ignore[arg-type]  # as `_Making` wrote them


def _find_class(db: sqlite3.Connection, name: str) -> int | None:
    row = db.execute("SELECT id FROM classes WHERE name = ? AND state <> 'removed'", (name,)).fetchone()
    return int(row[0]) if row else None


def _class(db: sqlite3.Connection, name: str) -> int:
    found = _find_class(db, name)
    if found is None:
        raise ProjectError(f"there is no class {name!r}", remedy="Look at the list of classes again.")
    return found


def _is_seen(db: sqlite3.Connection, number: int) -> bool:
    """Whether a class is in the list: one that a scan found leaves it with its last file."""
    question = "SELECT state = 'added' OR EXISTS (SELECT 1 FROM pictures WHERE here AND class = ?1) FROM classes"
    return bool(db.execute(f"{question} WHERE id = ?1", (number,)).fetchone()[0])


def _count(db: sqlite3.Connection, number: int | None) -> int:
    """How many pictures a class has."""
    return int(db.execute("SELECT count(*) FROM pictures WHERE here AND class = ?", (number,)).fetchone()[0])


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not is_label(name):
        remedy = "Take one to 255 letters, digits or signs that can be seen."
        raise ProjectError("a class cannot have this name", remedy=remedy)
    return name

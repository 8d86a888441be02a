"""The project's pictures: where they lie, what they are called, which split they are in. SQLite, one writer."""

import errno
import json
import os
import re
import sqlite3
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from tlstudio.core.errors import ProjectError
from tlstudio.core.files import cannot_write
from tlstudio.core.schema import SCHEMA_VERSION, bring_up_to_date, version_of

MAX_CLASSES = 10_000
MAX_LABEL = 255
# SQLite takes no more values than this in one question on the oldest systems.
_AT_ONCE = 500


@dataclass(frozen=True)
class Picture:
    """One file under a class.

    label: its class. split: `train`, `val`, `test`, or empty while none is assigned. size: bytes. digest: BLAKE2b of
    the file, hex. width, height: pixels, upright. mode: Pillow's name for the pixels as stored. refused: why it cannot
    be used, empty when it can. light, contrast, taken: as engine/duplicates.py measures them, -1 or empty where it did
    not. excluded: a person took it, or its class, out of use. filed_as: the label its folder or list gives, whatever
    the class is called or the picture was relabelled to since. id: of its row in the catalogue, 0 before it has one;
    it stays the same for as long as the catalogue knows the file. fingerprint: what near-duplicates are found by,
    empty where it was not asked for. group: what it must share a split with (core/groups.py), empty likewise.
    """

    path: str
    label: str
    split: str = ""
    size: int = 0
    mtime_ns: int = 0
    digest: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    mode: str = ""
    frames: int = 1
    refused: str = ""
    light: int = -1
    contrast: int = -1
    taken: str = ""
    excluded: bool = False
    filed_as: str = ""
    id: int = 0
    fingerprint: bytes = b""
    group: str = ""

    @property
    def used(self) -> bool:
        """Whether it is trained on, chosen by or tested with."""
        return not self.refused and not self.excluded


Order = Literal["path", "name", "label", "size", "date", "pixels", "shape", "problem"]
_ORDERS: dict[str, str] = {
    "path": "path",
    "name": "sort_key(path)",
    "label": "label",
    "size": "size",
    "date": "mtime_ns",
    "pixels": "width * height",
    "shape": "1.0 * width / max(height, 1)",
    "problem": "refused = ''",
}
_FACTS = (
    "size",
    "mtime_ns",
    "digest",
    "width",
    "height",
    "format",
    "mode",
    "frames",
    "refused",
    "light",
    "contrast",
    "taken",
)
_FOLDER = "folder"  # the fact that tells where the project lay when its pictures were taken in
_LISTED = ("path", "label", "split", *_FACTS, "excluded", "filed_as", "id")
_EXCLUDED = _LISTED.index("excluded")
Deal = Callable[[list[Picture]], list[Picture]]


class Catalogue:
    """The pictures in `catalogue.sqlite`. A connection is opened for each call, so any thread may ask.

    Every change is one transaction, on the disk when the call returns. It is kept with a rollback journal: a
    write-ahead log needs memory that all who open the file share, which a project on a network drive does not have.
    """

    def __init__(self, path: Path, refusal: ProjectError | None = None) -> None:
        """Open or create the catalogue; that of an older version is brought up to date.

        refusal: what each change is answered with. Then the file is only read, made and brought up to date by nobody.

        Raises:
            ProjectError: the file is damaged, or a newer version wrote it; with a refusal, also an older one.
        """
        self.path = path
        self._refusal = refusal
        if refusal is not None and not path.is_file():
            raise ProjectError("is not there", path=path, remedy="If the project is just being made, try again.")
        try:
            with closing(self._connect()) as db:
                version = version_of(db) if refusal else bring_up_to_date(db)
        except sqlite3.OperationalError as error:
            raise (self._unreadable if refusal else self._unwritable)(error) from error
        except sqlite3.DatabaseError as error:
            remedy = "Move the project aside and start a new one from the pictures; they are untouched."
            raise ProjectError(f"the catalogue cannot be read ({error})", path=path, remedy=remedy) from error
        if version > SCHEMA_VERSION:
            raise ProjectError("a newer TL Studio wrote this catalogue", path=path, remedy="Install that version.")
        if version < SCHEMA_VERSION:
            remedy = "Open the project in the window once; that brings it up to date."
            raise ProjectError("an older TL Studio wrote this catalogue", path=path, remedy=remedy)

    @classmethod
    def look(cls, path: Path) -> "Catalogue":
        """A catalogue to read from, whoever has its project open.

        Raises:
            ProjectError: it is not there, damaged, or of another version.
        """
        return cls(path, ProjectError("is open to be looked at, not changed", path=path))

    def _unwritable(self, error: sqlite3.DatabaseError) -> ProjectError:
        # What SQLite did not raise itself has no code; extended codes say more in the higher bytes.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            remedy = "Close it there, or wait until it is done, then try again."
            return ProjectError("another TL Studio is using this project", path=self.path, remedy=remedy)
        if code == sqlite3.SQLITE_FULL:
            return cannot_write(self.path, OSError(errno.ENOSPC, str(error)))
        remedy = f"Free some space in {self.path.parent}, or choose a folder you may write to."
        return ProjectError(f"cannot be written ({error})", path=self.path, remedy=remedy)

    def _unreadable(self, error: sqlite3.DatabaseError) -> ProjectError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return self._unwritable(error)
        remedy = "Look whether the folder is still there and its drive connected, then open the project again."
        return ProjectError(f"cannot be read ({error})", path=self.path, remedy=remedy)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        if self._refusal is not None:
            # Not `mode=ro`, which could not read what a writer that was killed in mid-commit has left.
            db.execute("PRAGMA query_only = ON")
        return db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to ask questions of, all answered from one state of the catalogue.

        Raises:
            ProjectError: the file cannot be read any more.
        """
        try:
            with closing(self._connect()) as db:
                db.create_function("sort_key", 1, _sort_key, deterministic=True)
                db.create_function("name_of", 1, _name_of, deterministic=True)
                db.execute("BEGIN")
                yield db
        except sqlite3.DatabaseError as error:
            raise self._unreadable(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept, all of them, when the block ends well.

        Raises:
            ProjectError: the disk is full or the file cannot be written, or it is only looked at; nothing has changed.
        """
        if self._refusal is not None:
            raise self._refusal
        try:
            with closing(self._connect()) as db:
                # Also the deletion of the journal, which is what commits, survives a power cut.
                db.execute("PRAGMA synchronous = EXTRA")
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error

    def replace(
        self,
        pictures: Iterable[Picture],
        facts: dict[str, str],
        near: Iterable[tuple[str, str]] = (),
        deal: Deal | None = None,
        check: Callable[[list[Picture]], None] | None = None,
    ) -> None:
        """Make these the project's pictures, all or nothing; what a person changed about them stays changed.

        A file that lies elsewhere now is known by its digest. Edits of one that is gone wait for it to come back.

        pictures: as found, with the labels and splits their places give. facts: remarks to keep beside them, such as
        the source. near: pairs of digests found to show the same, besides those known. deal: takes the pictures as
        they will be listed, each with the split it was given, and returns them with the splits they are to have.
        check: is shown them as they will be; what it raises leaves everything as it was.

        Raises:
            ProjectError: the disk is full or the file cannot be written; the old pictures stay.
        """
        with self.writing() as db:
            _take_in(db, list(pictures))
            db.executemany("INSERT OR IGNORE INTO near VALUES (?, ?)", near)
            if deal is not None:
                dealt = deal(listed(db, split="given"))
                db.executemany("UPDATE pictures SET split = ? WHERE id = ?", [(p.split, p.id) for p in dealt])
            if check is not None:
                check(listed(db))
            # As JSON, which is plain ASCII: a path need not be valid text.
            known = {**facts, _FOLDER: str(self.path.parent)}
            kept = [(name, json.dumps(value)) for name, value in known.items()]
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", kept)
            # A redone edit would meet classes and files it has never seen.
            db.execute("DELETE FROM changes WHERE step IN (SELECT id FROM steps WHERE undone)")
            db.execute("DELETE FROM steps WHERE undone")

    def follow_folder(self) -> None:
        """Know the pictures inside the project's folder by their new paths, if it was moved or copied as a whole.

        Raises:
            ProjectError: the disk is full or the file cannot be written.
        """
        here, before = str(self.path.parent), self.fact(_FOLDER)
        if before in ("", here):
            return
        inside = before + os.sep
        with self.writing() as db:
            rows = db.execute("SELECT id, path FROM pictures").fetchall()
            moved = [(here + path[len(before) :], number) for number, path in rows if path.startswith(inside)]
            db.executemany("UPDATE OR IGNORE pictures SET path = ? WHERE id = ?", moved)
            db.execute("UPDATE facts SET value = ? WHERE name = ?", (json.dumps(here), _FOLDER))

    def pictures(self) -> list[Picture]:
        """All files found, those refused or excluded too, by path; without fingerprints."""
        with self.reading() as db:
            return listed(db)

    def scanned(self, split: Literal["split", "given"] = "split") -> list[Picture]:
        """All files as the last scan found them, without what was changed since, with fingerprints; by path.

        split: the one drawn, or only what folder or list say.
        """
        columns = ", ".join(("path", "labels.found", split, *_FACTS, "excluded", "labels.found", "pictures.id"))
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {columns}, coalesce(fingerprint, x'') FROM pictures "
                "JOIN labels ON labels.id = pictures.label LEFT JOIN prints ON prints.picture = pictures.id "
                "WHERE here ORDER BY path"
            )
            return _pictures(rows)

    def readable(self, split: str = "all") -> list[Picture]:
        """The pictures that can be used and are not excluded, of one split or all, by path."""
        return [p for p in self.pictures() if p.used and split in ("all", p.split)]

    def paths_of(self, digests: Sequence[str]) -> dict[str, str]:
        """Digest → path of a readable file with that digest, for those that are here."""
        marks = ", ".join("?" * len(digests))
        found = f"SELECT digest, path FROM pictures WHERE here AND refused = '' AND digest IN ({marks})"
        with self.reading() as db:
            return dict(db.execute(found, digests))

    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the network's outputs."""
        with self.reading() as db:
            rows = db.execute("SELECT DISTINCT label FROM listed WHERE refused = '' AND NOT excluded")
            return tuple(sorted(name for (name,) in rows))

    def counts(self) -> dict[str, dict[str, int]]:
        """Class → split → pictures in use, classes by name, those without a picture too."""
        with self.reading() as db:
            classes = db.execute("SELECT id, name, state FROM classes WHERE state <> 'removed'").fetchall()
            found: dict[str, dict[str, int]] = {name: {} for _, name, state in classes if state == "added"}
            names = {number: name for number, name, _ in classes}
            # In the order of an index that has it all: no picture's row is read.
            rows = db.execute(
                "SELECT class, split_set, split, NOT excluded AND refused = '', count(*) FROM pictures WHERE here "
                "GROUP BY class, split_set, split, excluded, refused"
            )
            for number, split_set, split, used, count in rows:
                if number not in names:
                    continue
                of_class = found.setdefault(names[number], {})
                if used:
                    part = split_set or split
                    of_class[part] = of_class.get(part, 0) + count
        return dict(sorted(found.items()))

    def size(self) -> int:
        """How many files there are, those refused or excluded too."""
        with self.reading() as db:
            return int(db.execute("SELECT count(*) FROM pictures WHERE here").fetchone()[0])

    def matching(
        self, label: str = "", split: str = "", text: str = "", order: Order = "path", descending: bool = False
    ) -> "array[int]":
        """The ids of the pictures that a filter leaves, in an order; `some` fetches those that are on show.

        label, split: empty for all. text: what the name of the file holds, in whatever case.
        """
        asked = [("label = ?", label), ("split = ?", split), ("instr(name_of(path), ?)", _folded(text))]
        conditions = [condition for condition, value in asked if value]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        by = f"ORDER BY {_ORDERS[order]}{' DESC' if descending else ''}, path"
        with self.reading() as db:
            rows = db.execute(f"SELECT id FROM listed {where} {by}", [value for _, value in asked if value])
            return array("q", [row[0] for row in rows])

    def some(self, ids: Sequence[int]) -> list[Picture]:
        """The pictures with these ids, in their order; those that are gone are left out."""
        found: dict[int, Picture] = {}
        with self.reading() as db:
            for start in range(0, len(ids), _AT_ONCE):
                part = ids[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(part))
                rows = db.execute(f"SELECT {', '.join(_LISTED)} FROM listed WHERE id IN ({marks})", list(part))
                found.update((picture.id, picture) for picture in _pictures(rows))
        return [found[number] for number in ids if number in found]

    def near(self) -> list[tuple[str, str]]:
        """Pairs of digests whose pictures show the same: re-encoded, resized or lightly cropped copies."""
        with self.reading() as db:
            return list(db.execute("SELECT first, second FROM near"))

    def decisions(self) -> dict[tuple[str, str], str]:
        """What a person decided on proposed groups: (kind, name) → `confirmed` or `rejected`."""
        with self.reading() as db:
            rows = db.execute("SELECT kind, name, verdict FROM decisions WHERE verdict <> ''")
            return {(kind, name): verdict for kind, name, verdict in rows}

    def fact(self, name: str) -> str:
        """A remark kept with the pictures; empty when there is none."""
        with self.reading() as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return str(json.loads(row[0])) if row else ""


def _pictures(rows: Iterable[tuple[Any, ...]]) -> list[Picture]:
    """Rows whose columns are in the order of the fields; SQLite has no truth values."""
    return [Picture(*(*row[:_EXCLUDED], bool(row[_EXCLUDED]), *row[_EXCLUDED + 1 :])) for row in rows]


def listed(db: sqlite3.Connection, split: str = "split") -> list[Picture]:
    """All files by path, as `Catalogue.pictures`. split: the column; `given` is what folder or list say, undrawn."""
    columns = ", ".join(("path", "label", split, *_FACTS, "excluded", "filed_as", "id"))
    return _pictures(db.execute(f"SELECT {columns} FROM listed ORDER BY path"))


def _take_in(db: sqlite3.Connection, pictures: Sequence[Picture]) -> None:
    """Bring the rows in line with what was found; edits stand in columns and tables of their own."""
    labels = _labels(db, {p.label for p in pictures})
    _follow_moved(db, pictures)
    db.execute("UPDATE pictures SET here = 0")
    names = ("label", "given", "split", *_FACTS)
    marks = ", ".join("?" * (2 + len(names)))
    db.executemany(
        f"INSERT INTO pictures (path, {', '.join(names)}, class, here) VALUES ({marks}, 1) "
        f"ON CONFLICT (path) DO UPDATE SET {', '.join(f'{n} = excluded.{n}' for n in names)}, here = 1, "
        "class = CASE WHEN relabelled THEN class ELSE excluded.class END",
        (_row(p, *labels[p.label]) for p in pictures),
    )
    known = "id IN (SELECT row FROM changes WHERE place LIKE 'pictures.%')"
    db.execute(f"DELETE FROM prints WHERE picture IN (SELECT id FROM pictures WHERE NOT here AND NOT {known})")
    db.execute(f"DELETE FROM pictures WHERE NOT here AND NOT {known}")
    prints = [(p.fingerprint, p.path) for p in pictures if p.fingerprint]
    db.executemany("INSERT OR REPLACE INTO prints SELECT id, ? FROM pictures WHERE path = ?", prints)


def _row(picture: Picture, label: int, of_class: int) -> list[object]:
    return [picture.path, label, picture.split, picture.split, *(getattr(picture, name) for name in _FACTS), of_class]


def _labels(db: sqlite3.Connection, found: set[str]) -> dict[str, tuple[int, int]]:
    """Label → (its row, its class), where need be new ones: a class of the same name, if there is one."""
    known = {name for (name,) in db.execute("SELECT found FROM labels")}
    for name in sorted(found - known):
        row = db.execute("SELECT id FROM classes WHERE name = ? AND state <> 'removed'", (name,)).fetchone()
        of_class = (
            row[0] if row else db.execute("INSERT INTO classes (name, state) VALUES (?, 'found')", (name,)).lastrowid
        )
        db.execute("INSERT INTO labels (found, class) VALUES (?, ?)", (name, of_class))
    return {name: (number, of_class) for number, name, of_class in db.execute("SELECT id, found, class FROM labels")}


def _follow_moved(db: sqlite3.Connection, pictures: Sequence[Picture]) -> None:
    """Give the rows of files that lie elsewhere now their new paths, also where two have changed places."""
    now = {p.path: p.digest for p in pictures}
    rows = list(db.execute("SELECT id, path, digest FROM pictures ORDER BY path"))
    displaced: dict[str, list[tuple[int, str]]] = {}
    for number, path, digest in rows:
        if digest and (path not in now or now[path] not in ("", digest)):
            displaced.setdefault(digest, []).append((number, path))
    held = {path: (number, digest) for number, path, digest in rows}
    moves: dict[int, str] = {}
    aside: set[int] = set()
    for picture in pictures:
        holder, digest = held.get(picture.path, (0, ""))
        left = displaced.get(picture.digest, []) if picture.digest and picture.digest != digest else []
        if left:
            # Of several copies, the one that kept its name.
            same = [row for row in left if PurePath(row[1]).name == PurePath(picture.path).name]
            row = (same or left)[0]
            left.remove(row)
            moves[row[0]] = picture.path
            aside.add(holder)
    # A path belongs to one row: all make room first. One that gets no new path is known by its digest from now on.
    db.executemany(
        "UPDATE pictures SET path = 'elsewhere ' || id || ' ' || path WHERE id = ?", [(n,) for n in {*moves, *aside}]
    )
    db.executemany("UPDATE pictures SET path = ? WHERE id = ?", [(path, number) for number, path in moves.items()])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _name_of(path: str) -> str:
    return _folded(PurePath(path).name)


def _sort_key(path: str) -> str:
    """A key by which 2.png comes before 10.png."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), _name_of(path))


def is_label(text: str) -> bool:
    """Whether a text can name a class: something to read, short enough to show, nothing that steers a screen."""
    steering = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)
    return 0 < len(text) <= MAX_LABEL and not steering and not text.isspace()


def class_names(pictures: Iterable[Picture]) -> tuple[str, ...]:
    """The labels that occur, sorted: the order of a head's outputs."""
    return tuple(sorted({p.label for p in pictures}))

"""The project's pictures: where they lie, what they are called, which split they are in. SQLite, one writer."""

import json
import sqlite3
import unicodedata
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tlstudio.core.errors import ProjectError

SCHEMA_VERSION = 1
MAX_CLASSES = 10_000
MAX_LABEL = 255
_SCHEMA = """
CREATE TABLE pictures (
    path TEXT PRIMARY KEY, label TEXT NOT NULL, split TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, mode TEXT NOT NULL,
    frames INTEGER NOT NULL, refused TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Picture:
    """One file under a class.

    label: its class. split: `train`, `val`, `test`, or empty while none is assigned. size: bytes. digest: BLAKE2b of
    the file, hex. width, height: pixels, upright. mode: Pillow's name for the pixels as stored. refused: why it cannot
    be used, empty when it can.
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


_FIELDS = tuple(Picture.__dataclass_fields__)


class Catalogue:
    """The table of pictures in `catalogue.sqlite`. A connection is opened for each call, so any thread may ask."""

    def __init__(self, path: Path) -> None:
        """Open or create the catalogue.

        Raises:
            ProjectError: the file is damaged, or a newer version wrote it.
        """
        self.path = path
        try:
            with closing(self._connect()) as db:
                version = db.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    with db:
                        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except sqlite3.OperationalError as error:
            raise self._unwritable(error) from error
        except sqlite3.DatabaseError as error:
            remedy = "Move the project aside and start a new one from the pictures; they are untouched."
            raise ProjectError(f"the catalogue cannot be read ({error})", path=path, remedy=remedy) from error
        if version > SCHEMA_VERSION:
            raise ProjectError("a newer TL Studio wrote this catalogue", path=path, remedy="Install that version.")

    def _unwritable(self, error: sqlite3.DatabaseError) -> ProjectError:
        remedy = f"Free some space in {self.path.parent}, or choose a folder you may write to."
        return ProjectError(f"cannot be written ({error})", path=self.path, remedy=remedy)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)

    def replace(self, pictures: Iterable[Picture], facts: dict[str, str]) -> None:
        """Make these the project's pictures, all or nothing. facts: remarks to keep beside them, such as the source.

        Raises:
            ProjectError: the disk is full or the file cannot be written; the old pictures stay.
        """
        marks = ", ".join("?" * len(_FIELDS))
        try:
            with closing(self._connect()) as db, db:
                db.execute("DELETE FROM pictures")
                rows = ([getattr(p, name) for name in _FIELDS] for p in pictures)
                db.executemany(f"INSERT INTO pictures ({', '.join(_FIELDS)}) VALUES ({marks})", rows)
                # As JSON, which is plain ASCII: a path need not be valid text.
                kept = [(name, json.dumps(value)) for name, value in facts.items()]
                db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", kept)
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error

    def pictures(self) -> list[Picture]:
        """All files found, those refused too, by path."""
        with closing(self._connect()) as db:
            rows = db.execute(f"SELECT {', '.join(_FIELDS)} FROM pictures ORDER BY path")
            return [Picture(*row) for row in rows]

    def readable(self, split: str = "all") -> list[Picture]:
        """The pictures that can be used, of one split or all, by path."""
        return [p for p in self.pictures() if not p.refused and split in ("all", p.split)]

    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the network's outputs."""
        return class_names(self.readable())

    def fact(self, name: str) -> str:
        """A remark kept with the pictures; empty when there is none."""
        with closing(self._connect()) as db:
            row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return str(json.loads(row[0])) if row else ""


def is_label(text: str) -> bool:
    """Whether a text can name a class: something to read, short enough to show, nothing that steers a screen."""
    steering = any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)
    return 0 < len(text) <= MAX_LABEL and not steering and not text.isspace()


def class_names(pictures: Iterable[Picture]) -> tuple[str, ...]:
    """The labels that occur, sorted: the order of a head's outputs."""
    return tuple(sorted({p.label for p in pictures}))

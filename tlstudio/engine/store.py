"""Where remembered rows lie: for each key a flat file of values and an index of what lies where in it.

Made to be lost. Values are appended to the flat file and read through a memory map; the index (SQLite, one writer at a
time in whatever process) learns of them only afterwards, with a checksum of each row. So whatever is killed, torn by a
power cut, deleted or damaged is at worst missing, and is computed again. A file that is mapped somewhere is never
shortened: it is deleted, and its readers keep what they hold.
"""

import json
import mmap
import os
import shutil
import sqlite3
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from tlstudio.core.caching import NumberFormat
from tlstudio.engine import settings

Row = npt.NDArray[Any]
# The cache leaves this much of a disk alone: a tenth of it, within these bounds.
LEAST_FREE, MOST_FREE = 2 << 30, 5 << 30
MOST_FILES = 10_240  # what macOS allows
_INDEX, _VALUES = ".sqlite", ".rows"
_SIDE_FILES = ("-journal", "-wal", "-shm")
_SCHEMA = """CREATE TABLE IF NOT EXISTS rows (
    digest TEXT PRIMARY KEY, start INTEGER NOT NULL, size INTEGER NOT NULL, shape TEXT NOT NULL,
    checksum INTEGER NOT NULL
) WITHOUT ROWID"""


@dataclass(frozen=True)
class CacheUsage:
    """What the cache of features takes. bytes: on disk. entries: files. limit: the most it may take, in bytes."""

    bytes: int
    entries: int
    folder: Path
    limit: int


def folder() -> Path:
    return platformdirs.user_cache_path("tlstudio", appauthor=False) / "features"


def usage() -> CacheUsage:
    """How much the cache holds now."""
    sizes = _sizes()
    return CacheUsage(sum(size for _, size in sizes.values()), len(sizes), folder(), settings.cache_limit())


def room() -> int:
    """How many bytes the cache may take in all: its limit, but never the last gigabytes of the disk.

    What it holds already counts as free, so the answer does not depend on what is remembered. 0 where nothing can be
    written.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(folder())
    except OSError:
        return 0
    if not os.access(folder(), os.W_OK):
        return 0
    spare = disk.free - min(max(disk.total // 10, LEAST_FREE), MOST_FREE)
    found = usage()
    return max(0, min(found.limit, spare + found.bytes))


def clear() -> None:
    """Delete what is remembered. Whoever is reading keeps what they hold; where the system forbids it, files stay."""
    for key in _sizes():
        _delete(key)


class Shelf:
    """The rows of one key: arrays of one number format under the digests of their pictures."""

    def __init__(self, key: str, number_format: NumberFormat) -> None:
        self._key = key
        self._dtype = np.dtype(number_format)
        self._usable = True
        self._index, self._values = (folder() / f"{key}{suffix}" for suffix in (_INDEX, _VALUES))
        _allow_many_files()
        try:
            folder().mkdir(parents=True, exist_ok=True)
            self._trim(0)
            if self._index.exists():
                os.utime(self._index)  # the least recently used goes first
        except OSError:
            self._usable = False  # nothing can be written here

    def find(self, digests: Sequence[str], shape: tuple[int, ...] | None = None) -> dict[str, Row]:
        """The rows of those pictures that are remembered and sound, as views into the file. shape: any other is none.

        Every row is read once here, for its checksum.
        """
        if not self._usable:
            return {}
        try:
            with self._values.open("rb") as file, self._open() as db:
                mapped = _map(file.fileno(), 0)
                entries = []
                wanted = list(dict.fromkeys(digests))
                for at in range(0, len(wanted), 500):  # SQLite takes a bounded number of values in one question
                    batch = wanted[at : at + 500]
                    marks = ", ".join("?" * len(batch))
                    entries += db.execute(f"SELECT * FROM rows WHERE digest IN ({marks})", batch).fetchall()
        except (sqlite3.OperationalError, OSError, ValueError):  # ValueError: an empty file cannot be mapped
            return {}
        except sqlite3.DatabaseError:
            _delete(self._key)
            return {}
        found = dict[str, Row]()
        for digest, start, size, written, checksum in entries:
            row = self._view(mapped, start, size, tuple(json.loads(written)), checksum)
            if row is not None and shape in (None, row.shape):
                found[digest] = row
        return found

    def _view(self, mapped: mmap.mmap, start: int, size: int, shape: tuple[int, ...], checksum: int) -> Row | None:
        count = size // self._dtype.itemsize
        if start + size > len(mapped) or count != np.prod(shape):
            return None
        row = np.frombuffer(mapped, self._dtype, count, start)
        return row.reshape(shape) if zlib.crc32(row.data) == checksum else None

    def add(self, rows: Sequence[tuple[str, Row]]) -> list[Row] | None:
        """Append rows; returns them as views into the file, or None where there is no room for them."""
        if not self._usable or not rows:
            return None
        data = [np.ascontiguousarray(row, self._dtype) for _, row in rows]
        total = sum(row.nbytes for row in data)
        try:
            if not self._trim(total):
                return None
            with self._open() as db:
                db.execute("BEGIN IMMEDIATE")
                start = self._end(db)
                starts = [start, *(start + int(n) for n in np.cumsum([row.nbytes for row in data]))]
                self._values.touch()
                with self._values.open("r+b") as file:
                    file.seek(start)
                    file.writelines(row.data.cast("B") for row in data)
                    file.flush()
                    # Windows maps from multiples of its allocation granularity only.
                    base = start - start % mmap.ALLOCATIONGRANULARITY
                    mapped = _map(file.fileno(), base, start + total - base)
                entries = [
                    (digest, at, row.nbytes, json.dumps(row.shape), zlib.crc32(row.data))
                    for (digest, _), at, row in zip(rows, starts, data, strict=False)
                ]
                db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)", entries)
        except (sqlite3.OperationalError, OSError):
            self._usable = False  # the disk is full, or others keep the file busy
            return None
        except sqlite3.DatabaseError:
            _delete(self._key)  # damaged: the next rows begin it anew
            return None
        return [
            np.frombuffer(mapped, self._dtype, row.size, at - base).reshape(row.shape)
            for at, row in zip(starts, data, strict=False)
        ]

    def _end(self, db: sqlite3.Connection) -> int:
        """Where the next row goes. Bytes beyond belong to nobody: somebody was killed while writing them."""
        (end,) = db.execute("SELECT coalesce(max(start + size), 0) FROM rows").fetchone()
        if not self._values.exists() or self._values.stat().st_size < end:
            db.execute("DELETE FROM rows")  # the values were lost
            end = 0
        if not end:
            self._values.unlink(missing_ok=True)  # never written over: somebody may hold rows of an index that is gone
        return int(end)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._index, timeout=30)) as db, db:
            # Each time: somebody may have emptied the cache meanwhile.
            db.execute(_SCHEMA)
            yield db

    def _trim(self, wanted: int) -> bool:
        """Delete the least recently used keys until `wanted` more bytes fit; whether they do.

        This key goes last, and only where it is too large by itself (somebody lowered the limit).
        """
        sizes, space = _sizes(), room()
        total = wanted + sum(size for _, size in sizes.values())
        for key in sorted(sizes, key=lambda key: (key == self._key, sizes[key])):
            if total <= space:
                return True
            if key != self._key or not wanted:
                _delete(key)
                total -= sizes[key][1]
        return total <= space


def _allow_many_files() -> None:
    """Raise this process's limit of open files: each part that is appended stays mapped, and so open, while it is in
    use, which is hundreds in a long run; many desktops allow 1,024 or 256."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _map(file: int, start: int, length: int = 0) -> mmap.mmap:
    return mmap.mmap(file, length, access=mmap.ACCESS_READ, offset=start)


def _sizes() -> dict[str, tuple[float, int]]:
    """For each key when it was last used and its bytes on disk."""
    found = dict[str, tuple[float, int]]()
    for file in folder().glob("*.*"):
        with suppress(OSError):  # another process may trim at the same moment
            used, size = found.get(file.name.partition(".")[0], (0.0, 0))
            status = file.stat()
            found[file.name.partition(".")[0]] = max(used, status.st_mtime), size + status.st_size
    return found


def _delete(key: str) -> None:
    """Delete what lies under a key: values first, then the index with its journals (one left behind would be taken
    for the next index's)."""
    with suppress(OSError):
        for suffix in (_VALUES, _INDEX, *(_INDEX + side for side in _SIDE_FILES)):
            (folder() / f"{key}{suffix}").unlink(missing_ok=True)

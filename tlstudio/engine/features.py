"""Run pictures through the frozen stages once and remember the answers.

With BatchNorm pinned, what the frozen stages say about a picture depends only on their weights, the preprocessing and
the pixels. So it is kept in the user's cache, shared by all projects and runs; deleting the cache costs time only.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import platformdirs
import torch
from torch import nn

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import Event, FeaturesReady, PictureSkipped, Progress
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.engine.network import Network
from tlstudio.engine.tensors import batched, normalise, read, stacked, threaded

CACHE_LIMIT = 4 << 30
MEMORY_LIMIT = 2 << 30
BATCH = 32
# Goes up when decoding or resizing here gives other pixels for the same file.
PIPELINE = 2


class Stopped(Exception):  # no error: somebody asked for it
    """The work was asked to stop before it was done."""


@dataclass(frozen=True)
class Features:
    """What the stages before a cut say. values: (N, …) float32, one row a picture kept, in order. kept: those."""

    values: torch.Tensor
    kept: tuple[Picture, ...]


def fits(network: Network, cut: str, count: int) -> bool:
    """Whether the features of `count` pictures before this cut are small enough to hold and keep."""
    prefix, _ = network.split(cut)
    if not len(prefix):
        return False
    values = _row_shape(prefix, network.preprocessing).numel()
    return bool(count * values * 4 <= MEMORY_LIMIT)


def extract(
    network: Network,
    cut: str,
    pictures: Sequence[Picture],
    threads: int,
    remember: bool = True,
    task: str = "reading pictures through the frozen stages",
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, Features]:
    """What the stages before `cut` say about each picture: from the cache where it is there, computed where not.

    remember: keep what is computed. Pictures that changed or can no longer be read are reported and left out.

    Raises:
        Stopped: `stop`, asked at every batch, said so.
    """
    started = time.monotonic()
    prefix, _ = network.split(cut)
    preprocessing = network.preprocessing
    device = next(network.model.parameters()).device
    prefix.eval()
    shape = _row_shape(prefix, preprocessing)
    values = torch.empty((len(pictures), *shape))
    store = _Store(_key(prefix, cut, preprocessing, device)) if remember else None
    missing = list(range(len(pictures)))
    if store:
        rows = store.load([p.digest for p in pictures], shape.numel() * 4)
        missing = [i for i, p in enumerate(pictures) if p.digest not in rows]
        for i, picture in enumerate(pictures):
            if picture.digest in rows:
                values[i] = torch.from_numpy(np.frombuffer(rows[picture.digest], np.float32).copy()).view(shape)
    unreadable: set[int] = set()
    done = len(pictures) - len(missing)
    if missing:
        yield Progress(task, done, len(pictures))
    pixels = threaded(lambda i: (i, read(pictures[i].path, preprocessing, pictures[i].digest)), missing, threads)
    with closing(pixels):
        for batch in batched(pixels, BATCH):
            if stop():
                raise Stopped
            good = [(i, x) for i, x in batch if isinstance(x, torch.Tensor)]
            for i, error in ((i, x) for i, x in batch if isinstance(x, UnreadablePicture)):
                unreadable.add(i)
                yield PictureSkipped(pictures[i].path, error.what)
            if good:
                indices = [i for i, _ in good]
                values[indices] = _answers(prefix, stacked([x for _, x in good]), preprocessing, device)
                if store:
                    store.save([(pictures[i].digest, values[i]) for i in indices])
            done += len(batch)
            yield Progress(task, done, len(pictures))
    if store:
        store.trim()
    yield FeaturesReady(cut, len(missing), len(pictures) - len(missing), time.monotonic() - started)
    kept = [i for i in range(len(pictures)) if i not in unreadable]
    return Features(values[kept] if unreadable else values, tuple(pictures[i] for i in kept))


@torch.inference_mode()
def _answers(
    prefix: nn.Module, pixels: torch.Tensor, preprocessing: Preprocessing, device: torch.device
) -> torch.Tensor:
    answers: torch.Tensor = prefix(normalise(pixels.to(device), preprocessing))
    return answers.float().cpu()


@torch.inference_mode()
def _row_shape(prefix: nn.Module, preprocessing: Preprocessing) -> torch.Size:
    device = next(prefix.parameters()).device
    shape: torch.Size = prefix(torch.zeros(1, 3, preprocessing.size, preprocessing.size, device=device)).shape[1:]
    return shape


def _key(prefix: nn.Module, cut: str, preprocessing: Preprocessing, device: torch.device) -> str:
    """Everything the answers depend on but the picture. No run and no project in it."""
    found = hashlib.sha256()
    engine = f"torch {torch.__version__} {device.type}, Pillow {PIL.__version__}, pipeline {PIPELINE}"
    facts = [cut, preprocessing.to_json(), "plain view", engine, "float32"]
    found.update(json.dumps(facts, sort_keys=True).encode())
    for name, value in prefix.state_dict().items():
        found.update(name.encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:32]


def cache_folder() -> Path:
    return platformdirs.user_cache_path("tlstudio", appauthor=False) / "features"


class _Store:
    """One SQLite file of answers: picture digest → float32 values.

    Made to be lost: a damaged file is begun anew, and where the disk is full or may not be written the work goes on
    without remembering.
    """

    def __init__(self, key: str) -> None:
        self.path = cache_folder() / f"{key}.sqlite"
        self._usable = True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._create()
        except (sqlite3.OperationalError, OSError):
            self._usable = False  # the disk is full or may not be written, or others keep the file busy
        except sqlite3.DatabaseError:
            self._begin_anew()

    def _create(self) -> None:
        with self._open() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE IF NOT EXISTS features (digest TEXT PRIMARY KEY, value BLOB NOT NULL)")
        os.utime(self.path)  # the least recently used file is the first to go

    def _begin_anew(self) -> None:
        try:
            _delete(self.path)
            self._create()
        except (sqlite3.DatabaseError, OSError):
            self._usable = False

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            db.execute("PRAGMA synchronous = NORMAL")
            yield db

    def load(self, digests: Sequence[str], size: int) -> dict[str, bytes]:
        """The values of those pictures that are remembered; `size` bytes each, anything else does not count."""
        found = dict[str, bytes]()
        if not self._usable:
            return found
        try:
            with self._open() as db:
                for batch in batched(set(digests), 500):
                    marks = ", ".join("?" * len(batch))
                    found.update(db.execute(f"SELECT digest, value FROM features WHERE digest IN ({marks})", batch))
        except sqlite3.OperationalError:
            return {}
        except sqlite3.DatabaseError:
            self._begin_anew()
            return {}
        return {digest: value for digest, value in found.items() if len(value) == size}

    def save(self, rows: Sequence[tuple[str, torch.Tensor]]) -> None:
        if not self._usable:
            return
        try:
            with self._open() as db:
                values = [(digest, value.numpy().tobytes()) for digest, value in rows]
                db.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", values)
        except sqlite3.DatabaseError:
            self._usable = False

    def trim(self) -> None:
        """Delete the least recently used files until the cache is within its limit."""
        files = []
        for file in self.path.parent.glob("*.sqlite"):
            with suppress(OSError):  # another process may trim at the same moment
                files.append((file.stat().st_mtime, file.stat().st_size, file))
        total = sum(size for _, size, _ in files)
        for _, size, file in sorted(files):
            if total > CACHE_LIMIT and file != self.path:
                with suppress(OSError):
                    _delete(file)
                total -= size


def _delete(database: Path) -> None:
    """Delete a database together with its journals: a journal left behind would be taken for the next one's."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)

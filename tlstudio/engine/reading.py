"""Open the files that were found: each is decoded once in full, on threads, and what it is gets written down."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tlstudio.core.catalogue import Picture, is_label
from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import Event, Progress
from tlstudio.engine.decode import decode_with_digest
from tlstudio.engine.duplicates import measure
from tlstudio.engine.survey import BREATH

TASK = "reading pictures"
KEEP_EVERY = 1.0  # seconds; what a kill can cost
RATE_OVER = 5.0  # seconds
Keep = Callable[[Sequence[Picture]], None]


def read_all(
    found: Sequence[Picture], known: Iterable[Picture] = (), threads: int = 0, keep: Keep | None = None
) -> Generator[Event, None, list[Picture]]:
    """Decode every file once in full; yields progress at least ten times a second, returns the pictures in order.

    known: pictures looked at before; one whose size and modification time are unchanged is not opened again. keep: is
    given what was read, about once a second and when the caller stops asking. Closing the generator ends it as soon as
    the pictures in work are decoded.
    """
    before = {p.path: p for p in known}
    looked: list[Picture] = []
    unopened: list[int] = []
    for index, picture in enumerate(found):
        settled = _without_opening(picture, before.get(picture.path))
        looked.append(settled or picture)
        if settled is None:
            unopened.append(index)
        if index % 1024 == 0:
            yield Progress(TASK, 0, len(found))
    del before
    pace = _Pace(len(found), len(found) - len(unopened))
    fresh: list[Picture] = []
    try:
        for indices in _finished(looked, unopened, threads):
            fresh += [looked[index] for index in indices]
            if keep and fresh and pace.is_time_to_keep():
                keep(fresh)
                fresh = []
            if progress := pace.after(len(indices)):
                yield progress
    finally:
        if keep and fresh:
            keep(fresh)
    yield Progress(TASK, len(found), len(found))
    return looked


class _Pace:
    """When to say how far it is, and how fast it goes."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._said = self._kept = time.monotonic()
        self._seen = deque([(self._said, done)])

    def is_time_to_keep(self) -> bool:
        now = time.monotonic()
        if now - self._kept < KEEP_EVERY:
            return False
        self._kept = now
        return True

    def after(self, more: int) -> Progress | None:
        self._done += more
        now = time.monotonic()
        if now - self._said < BREATH:
            return None
        self._said = now
        self._seen.append((now, self._done))
        while now - self._seen[0][0] > RATE_OVER:
            self._seen.popleft()
        then, done = self._seen[0]
        rate = (self._done - done) / (now - then) if now > then else 0.0
        return Progress(TASK, self._done, self._total, rate)


def _finished(looked: list[Picture], unopened: Sequence[int], threads: int) -> Iterator[list[int]]:
    """Open the pictures at these places and put what they are there; yields the places done, and none now and then."""
    count = threads or os.cpu_count() or 1
    left = iter(unopened)
    working: dict[Future[Picture], int] = {}
    with ThreadPoolExecutor(count, thread_name_prefix="reading") as pool:
        try:
            while True:
                for index in islice(left, 8 * count - len(working)):
                    working[pool.submit(_opened, looked[index])] = index
                if not working:
                    return
                ended, _ = wait(working, timeout=BREATH, return_when=FIRST_COMPLETED)
                done = []
                for future in ended:
                    index = working.pop(future)
                    looked[index] = future.result()
                    done.append(index)
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _without_opening(picture: Picture, before: Picture | None) -> Picture | None:
    """What can be said of a picture without opening its file; None where it has to be opened."""
    if picture.refused:  # by the list that names it
        return replace(picture, path=shown(picture.path), label=shown(picture.label))
    if not (is_text(picture.path) and is_label(picture.label)):
        # Kept under a name that can be shown and stored; the file itself is not touched.
        reason = "its name or its class's is empty, too long, or not text that can be shown. Rename it."
        return replace(picture, path=shown(picture.path), label=shown(picture.label), refused=reason)
    # What was refused is tried again: permissions change without leaving a trace in the file.
    # And a catalogue of an older version has no fingerprints.
    if before is None or before.refused or not before.fingerprint:
        return None
    size, mtime_ns = picture.size, picture.mtime_ns
    if not mtime_ns:  # a list names files without having looked at them
        try:
            facts = Path(picture.path).stat()
        except OSError as error:
            return replace(picture, refused=error.strerror or "cannot be opened")
        size, mtime_ns = facts.st_size, facts.st_mtime_ns
    if (before.size, before.mtime_ns) == (size, mtime_ns):
        return replace(before, label=picture.label, split=picture.split)
    return None


def _opened(picture: Picture) -> Picture:
    path = Path(picture.path)
    try:
        facts = path.stat()
    except OSError as error:
        return replace(picture, refused=error.strerror or "cannot be opened")
    stamped = replace(picture, size=facts.st_size, mtime_ns=facts.st_mtime_ns)
    try:
        decoded, digest = decode_with_digest(path)
    except UnreadablePicture as error:
        return replace(stamped, refused=f"{error.what}. {error.remedy}".strip())
    return replace(
        stamped,
        digest=digest,
        width=decoded.image.width,
        height=decoded.image.height,
        format=decoded.format,
        mode=decoded.mode,
        frames=decoded.frames,
        **vars(measure(decoded.image)),
    )


def is_text(name: str) -> bool:
    """Whether a file's name is text. Names are bytes; other ones come to Python with lone surrogates in them."""
    return name == shown(name)


def shown(name: str) -> str:
    """A file's name as text that can be stored: what is none is written as an escape."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")

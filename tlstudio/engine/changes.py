"""What has changed where a project's pictures lie, by names, sizes and times; only what these leave open is read."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Difference, Event, Progress
from tlstudio.engine.reading import read_all, shown
from tlstudio.engine.survey import BREATH


def compare(
    found: Iterable[Picture], known: Sequence[Picture], missing: Sequence[str] = (), thorough: bool = False
) -> Generator[Event, None, Difference]:
    """How what is found differs from what is known; yields progress while it reads.

    found: with the sizes and times of now. known: those that should be there, with the splits that were given. missing:
    places that are not there, whose pictures are in neither. thorough: files that could not be read are tried again,
    and those count as changed of which a project of an older version does not know all.
    """
    now, before = {shown(p.path): p for p in found}, {p.path: p for p in known}
    added = {path: p for path, p in now.items() if path not in before}
    gone = {path: p for path, p in before.items() if path not in now}
    doubtful = [path for path, p in before.items() if path in now and _stamp(p) != _stamp(now[path])]
    of_size = defaultdict[int, list[str]](list)
    for path, picture in gone.items():
        if picture.digest:
            of_size[picture.size].append(path)
    candidates = [path for path, p in added.items() if p.size in of_size]
    digests = yield from _digests([*doubtful, *candidates])
    different = {path for path in doubtful if digests[path] != before[path].digest}
    different |= {path for path, p in before.items() if path in now and _is_told_otherwise(p, now[path])}
    if thorough:
        different |= {path for path, p in before.items() if path in now and not (p.refused or p.fingerprint)}
        refused = [now[path] for path, p in before.items() if p.refused and path in now and path not in different]
        again = yield from read_all(refused)
        different |= {p.path for p in again if not p.refused}
    changed = [path for path in before if path in different]
    moved = list[tuple[str, str]]()
    for path in candidates:
        old = next((each for each in of_size[added[path].size] if gone[each].digest == digests[path]), None)
        if old is not None:
            of_size[added[path].size].remove(old)
            moved.append((old, path))
    for old, path in moved:
        del gone[old], added[path]
    return Difference(tuple(added), tuple(gone), tuple(changed), tuple(moved), tuple(missing))


def _is_told_otherwise(before: Picture, now: Picture) -> bool:
    """Whether folder or list say another label or split of a file than they did, or that it cannot be used."""
    told = (shown(now.label), now.split) != (before.label, before.split)
    return told or bool(now.refused and not before.refused)


def _stamp(picture: Picture) -> tuple[int, int]:
    return picture.size, picture.mtime_ns


def _digests(paths: Sequence[str]) -> Generator[Event, None, dict[str, str]]:
    """The digest of each file as a picture's; empty where it cannot be read."""
    found, said = dict[str, str](), 0.0
    for number, path in enumerate(paths):
        if time.monotonic() - said > BREATH:
            yield Progress("comparing pictures", number, len(paths))
            said = time.monotonic()
        found[path] = _digest(Path(path))
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except (OSError, ValueError):
        return ""

"""Copies of pictures inside a project, for those who will take the originals away."""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import platformdirs

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import ProjectError, UnreadablePicture
from tlstudio.core.events import Event, PictureSkipped, Progress, Warned
from tlstudio.core.files import cannot_write
from tlstudio.core.project import replacing, write_atomically

FOLDER = "pictures"
CHUNK = 1 << 20
THREADS = 4  # writing waits for the disk, not for the processor
LONGEST_STEM = 60
_SPARE = 100_000_000  # bytes that the catalogue and a run may need besides


def must_be_copied(path: Path) -> bool:
    """Whether a file lies where anybody may delete it: among the program's own temporary ones."""
    return path.is_relative_to(platformdirs.user_cache_path("tlstudio", appauthor=False))


def take_in(
    project: Path, pictures: Sequence[Picture], known: Sequence[Picture]
) -> Generator[Event, None, list[Picture]]:
    """Copy pictures that were read into a project; yields progress, returns the copies with their facts.

    They lie in `pictures/`, named after the original and its digest. Identical pictures of one class are copied once;
    one the project has a copy of already is not copied again. The originals stay as they are. known: the pictures the
    project holds.

    Raises:
        ProjectError: there is not enough space, or the project cannot be written; what was copied is deleted again.
    """
    for left in (project / FOLDER).glob("*/.*.part"):  # by a program that was killed
        left.unlink()
    planned, again = _plan(project, pictures, known)
    missing = {place: p for place, p in planned.items() if not _is_there(place, p)}
    _check_space(project / FOLDER, sum(p.size for p in missing.values()))
    if again:
        several = f"{again} pictures are identical to others of their class, which are copied once."
        yield Warned("1 picture is identical to another of its class; one is copied." if again == 1 else several)
    try:
        lost = yield from _copy_all(missing)
    except BaseException:
        for place in missing:
            with suppress(OSError):  # never made, or its folder has others in it
                place.unlink(missing_ok=True)
                place.parent.rmdir()
        raise
    return [_as_copy(place, p) for place, p in planned.items() if place not in lost]


def write_list(project: Path, copies: Sequence[Picture]) -> str:
    """Write a list of copies, as `picture_list` reads it; returns its path from the project's folder on.

    Raises:
        ProjectError: it cannot be written.
    """
    folder = project / FOLDER
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("path", "label", "split"))
    rows.writerows((Path(p.path).relative_to(folder).as_posix(), p.label, p.split) for p in copies)
    numbers = [int(file.stem.removeprefix("list-")) for file in folder.glob("list-*.csv") if file.stem[5:].isdigit()]
    place = folder / f"list-{max(numbers, default=0) + 1:03d}.csv"
    write_atomically(place, text.getvalue().encode())
    return place.relative_to(project).as_posix()


def _plan(project: Path, pictures: Sequence[Picture], known: Sequence[Picture]) -> tuple[dict[Path, Picture], int]:
    """Where each picture goes, and how many need no place because an identical one of their class has it."""
    folder = project / FOLDER
    copied = {Path(p.path): p for p in known if Path(p.path).is_relative_to(folder)}
    held = {(p.digest, p.label): place for place, p in copied.items()}
    label_at = {place: p.label for place, p in copied.items()}
    planned, again = dict[Path, Picture](), 0
    for picture in pictures:
        if picture.refused:
            continue
        first = place = held.get((picture.digest, picture.label)) or _place(folder, picture)
        for number in count(2):
            if label_at.setdefault(place, picture.label) == picture.label:
                break
            place = first.with_name(f"{first.stem}-{number}{first.suffix}")
        held[picture.digest, picture.label] = place
        again += place in planned
        planned.setdefault(place, picture)
    return planned, again


def _place(folder: Path, picture: Picture) -> Path:
    original = Path(picture.path)
    stem, suffix = (_plain(part) for part in (original.stem[:LONGEST_STEM], original.suffix[:10].lower()))
    return folder / picture.digest[:2] / f"{stem}.{picture.digest}{suffix}"


def _plain(name: str) -> str:
    """A name that every file system takes: the project may move to another one."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


def _is_there(place: Path, picture: Picture) -> bool:
    try:
        return place.stat().st_size == picture.size
    except OSError:
        return False


def _as_copy(place: Path, picture: Picture) -> Picture:
    return replace(picture, path=str(place), mtime_ns=place.stat().st_mtime_ns)


def _check_space(folder: Path, wanted: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ProjectError(f"cannot be written ({error.strerror})", path=folder) from error
    if wanted and wanted + _SPARE > free:
        what = f"the pictures take {wanted / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free"
        remedy = "Free some space there, or use the pictures where they lie."
        raise ProjectError(what, path=folder, remedy=remedy)


def _copy_all(missing: Mapping[Path, Picture]) -> Generator[Event, None, set[Path]]:
    """Copy each picture to its place; returns the places of those that could not be read any more."""
    lost = set[Path]()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="copying") as pool:
        try:
            tries = pool.map(lambda item: _try(partial(_copy, *item)), missing.items())
            for number, (place, failure) in enumerate(zip(missing, tries, strict=True), start=1):
                if failure:
                    lost.add(place)
                    yield PictureSkipped(missing[place].path, f"{failure.what}. {failure.remedy}".strip())
                yield Progress("copying pictures", number, len(missing))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return lost


def _try(copy: Callable[[], None]) -> UnreadablePicture | None:
    try:
        copy()
    except UnreadablePicture as error:
        return error
    return None


def _copy(place: Path, picture: Picture) -> None:
    try:
        place.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    found = hashlib.blake2b(digest_size=16)
    with replacing(place) as temporary, temporary.open("wb") as target:
        for chunk in _chunks(picture.path):
            found.update(chunk)
            target.write(chunk)
        target.flush()
        os.utime(temporary, ns=(picture.mtime_ns, picture.mtime_ns))
        if found.hexdigest() != picture.digest:
            raise UnreadablePicture("changed while it was copied", path=picture.path, remedy="Add it again.")


def _chunks(path: str) -> Generator[bytes, None, None]:
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UnreadablePicture(error.strerror or str(error), path=path) from error

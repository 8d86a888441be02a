"""Look through what a person gave: which files there are, of which classes, and on which side they are filed."""

import os
import stat
import time
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Event, Progress
from tlstudio.core.files import is_dropping
from tlstudio.engine import picture_list
from tlstudio.engine.picture_list import SPLIT_NAMES

LAYOUT = "Put the pictures into one folder per class, such as pictures/cats and pictures/dogs."
BREATH = 0.1  # seconds between two signs of life, so that Cancel is heard
SHOWN = 10  # names in a sentence


@dataclass(frozen=True)
class Found:
    """What a place names before any file is opened. remarks: sentences on what is left out or looks like a mistake."""

    pictures: tuple[Picture, ...]
    remarks: tuple[str, ...] = ()


def find(images: Path, exact: bool = False) -> Generator[Event, None, Found]:
    """The files that `images` names, with labels, the splits it gives, sizes and times; nothing is opened but a list.

    images: a folder of class folders, one with train, val or test above them, a folder of pictures (one class), or a
    CSV of `path,label[,split]` whose paths are absolute or start from the CSV's folder. exact: as of
    `picture_list.read`. Yields progress without a total, at least ten times a second.

    Each name in a folder is one picture. A link to a file counts like the file; a link to a folder is not followed, for
    it can make loops. Hard links and links to a file of the same set are identical pictures like any other copies.

    Raises:
        UnusableImages: there is nothing of that kind there.
    """
    if images.is_file() and images.suffix.lower() == ".csv":
        pictures, remarks = picture_list.read(images.absolute(), exact)
        return Found(tuple(replace(p, label=_class_name(p.label)) for p in pictures), tuple(remarks))
    if images.is_file():
        raise UnusableImages("is a file, not a folder of pictures", path=images, remedy=LAYOUT)
    if not images.is_dir():
        raise UnusableImages("does not exist", path=images, remedy="Check the spelling of the path.")
    try:
        found = yield from _in_folder(str(images.absolute()))
    except OSError as error:
        raise UnusableImages(f"cannot be read ({error.strerror})", path=images) from error
    if not found.pictures:
        raise UnusableImages("holds no pictures", path=images, remedy=LAYOUT)
    return found


def find_one_class(folder: Path, label: str, split: str) -> Generator[Event, None, Found]:
    """Every file below a folder, however deep, as a picture of one class.

    Raises:
        UnusableImages: there is none.
    """
    walk, pictures = _Walk(str(folder.absolute())), list[Picture]()
    yield from walk.collect("", label, split, pictures)
    if not pictures:
        raise UnusableImages("holds no pictures", path=folder)
    return Found(tuple(pictures), tuple(_remarks_on(walk)))


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular, non-hidden file below a folder. Links to folders are not followed: they can make loops."""
    return (Path(path) for path, _ in _Walk(str(folder)).below(str(folder)))


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; 0 where it cannot be looked at."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _class_name(folder: str) -> str:
    # One name can be spelt with composed or with combined letters; macOS and Windows do not agree which.
    return unicodedata.normalize("NFC", folder)


def _in_folder(root: str) -> Generator[Event, None, Found]:
    walk = _Walk(root)
    top = _listing(root)
    parts = {name: walk.peek(name) for name in top.folders if name.lower() in SPLIT_NAMES}
    # A folder of that name is a split if there are classes in it, and a class of trains, say, if there are none.
    parts = {name: listing for name, listing in parts.items() if listing.folders}
    classes = [(f"{part}{os.sep}{name}", part) for part, listing in parts.items() for name in listing.folders]
    classes = classes or [(name, "") for name in top.folders or [""]]
    pictures, empty = list[Picture](), list[str]()
    for folder, part in classes:
        before, label = len(pictures), _class_name(Path(root, folder).name)
        yield from walk.collect(folder, label, SPLIT_NAMES.get(part.lower(), ""), pictures)
        if folder and len(pictures) == before:
            empty.append(folder)
    unfiled = _unfiled(top, parts) if top.folders or top.links else []
    return Found(tuple(pictures), tuple(_remarks(walk, top, parts, unfiled, empty)))


@dataclass(frozen=True)
class _Listing:
    """What lies in one folder, by name; hidden things and what systems drop aside.

    links: to folders. others: what is neither a file nor a folder, each with what it is in brackets.
    """

    folders: list[str]
    files: list[os.DirEntry[str]]
    links: list[str]
    others: list[str]


def _listing(folder: str) -> _Listing:
    with os.scandir(folder) as found:
        entries = [entry for entry in found if entry.name[0] != "." and not is_dropping(entry.name)]
    entries.sort(key=lambda entry: entry.name)
    listing = _Listing([], [], [], [])
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            listing.folders.append(entry.name)
        elif entry.is_file(follow_symlinks=False):
            listing.files.append(entry)
        else:
            _put_aside(entry, listing)
    return listing


def _put_aside(entry: os.DirEntry[str], listing: _Listing) -> None:
    """Sort in what is neither a plain file nor a plain folder."""
    try:
        mode = entry.stat().st_mode
    except OSError:
        listing.others.append(f"{entry.name} (a link that leads nowhere)")
        return
    if stat.S_ISREG(mode):
        listing.files.append(entry)
    elif stat.S_ISDIR(mode):
        listing.links.append(entry.name)
    else:
        kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        listing.others.append(f"{entry.name} ({kinds.get(stat.S_IFMT(mode), 'a device')})")


class _Walk:
    """A way through a folder; it notes what it meets that is neither a file nor a folder to go into.

    links, others: as of a `_Listing`, with their paths from the folder on.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._said = time.monotonic()
        self.links: list[str] = []
        self.others: list[str] = []

    def peek(self, folder: str) -> _Listing:
        """What lies in a folder, named from the root on; nothing, if nobody may look."""
        try:
            return _listing(str(Path(self.root, folder)))
        except OSError:
            return _Listing([], [], [], [])

    def collect(self, folder: str, label: str, split: str, pictures: list[Picture]) -> Iterator[Event]:
        """Put every file below a folder, named from the root on, to the pictures; yields progress without a total."""
        for path, facts in self.below(str(Path(self.root, folder))):
            size, mtime_ns = (facts.st_size, facts.st_mtime_ns) if facts else (0, 0)
            pictures.append(Picture(path, label, split, size, mtime_ns))
            if time.monotonic() - self._said > BREATH:
                yield Progress("finding pictures", len(pictures), 0)
                self._said = time.monotonic()
        if time.monotonic() - self._said > BREATH:
            yield Progress("finding pictures", len(pictures), 0)
            self._said = time.monotonic()

    def below(self, folder: str) -> Iterator[tuple[str, os.stat_result | None]]:
        """Each file below a folder, depth first, with its facts; without them what cannot be looked at or into."""
        waiting = [iter([folder])]
        while waiting:
            place = next(waiting[-1], None)
            if place is None:
                waiting.pop()
                continue
            try:
                listing = _listing(place)
            except OSError:
                yield place, None  # it will be refused by name, and the rest goes on
                continue
            self._note(place, listing)
            for entry in listing.files:
                try:
                    yield entry.path, entry.stat()
                except OSError:
                    yield entry.path, None
            waiting.append(iter([f"{place}{os.sep}{name}" for name in listing.folders]))

    def _note(self, place: str, listing: _Listing) -> None:
        if listing.links or listing.others:
            inside = place[len(self.root) :].lstrip(os.sep)
            self.links += [str(Path(inside, name)) for name in listing.links]
            self.others += [str(Path(inside, name)) for name in listing.others]


def _unfiled(top: _Listing, parts: dict[str, _Listing]) -> list[str]:
    """The names of what lies beside the class folders and so belongs to no class."""
    named = [entry.name for entry in top.files] + [f"{name} (a link to a folder)" for name in top.links] + top.others
    for part, listing in parts.items():
        beside = [entry.name for entry in listing.files]
        beside += [f"{name} (a link to a folder)" for name in listing.links] + listing.others
        named += [f"{part}{os.sep}{name}" for name in beside]
    return named + [name for name in top.folders if parts and name not in parts]


def _remarks(
    walk: _Walk, top: _Listing, parts: dict[str, _Listing], unfiled: list[str], empty: list[str]
) -> Iterator[str]:
    """What of a folder is left out, and what in it looks like a mistake."""
    if unfiled:
        yield f"Left out, because it is in no class folder: {_some(unfiled)}"
    yield from _remarks_on(walk)
    if empty:
        yield f"There are no files in: {_some(empty)}"
    if len(top.folders) > 1 and not parts and all(name.lower() in SPLIT_NAMES for name in top.folders):
        yield "Train, val and test are taken for classes here: there are no class folders in them."
    # Folders that hold nothing but several folders each are hardly classes.
    if top.folders and not parts and all(_holds_only_folders(walk.peek(name)) for name in top.folders):
        inside = walk.peek(top.folders[0]).folders
        counted = f"{_some(top.folders)}: each counts as one class."
        yield f"{counted} If the folders in it ({_some(inside)}) are the classes, give what holds these instead."


def _remarks_on(walk: _Walk) -> Iterator[str]:
    if walk.links:
        yield f"Links to folders are not followed: {_some(walk.links)}"
    if walk.others:
        yield f"Left out, because it is no file: {_some(walk.others)}"


def _holds_only_folders(listing: _Listing) -> bool:
    return len(listing.folders) > 1 and not listing.files


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

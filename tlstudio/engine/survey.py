"""Look through what a person gave: which pictures there are, of which classes, and on which side they are filed."""

import os
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tlstudio.core.catalogue import Picture, is_label
from tlstudio.core.errors import UnreadablePicture, UnusableImages
from tlstudio.core.events import Event, Progress
from tlstudio.engine import picture_list
from tlstudio.engine.decode import decode_with_digest
from tlstudio.engine.duplicates import measure
from tlstudio.engine.picture_list import SPLIT_NAMES

DROPPINGS = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
LAYOUT = "Put the pictures into one folder per class, such as pictures/cats and pictures/dogs."


@dataclass(frozen=True)
class Found:
    """What a place names before any file is opened. remarks: sentences on what is left out or looks like a mistake."""

    pictures: tuple[Picture, ...]
    remarks: tuple[str, ...] = ()


def find(images: Path) -> Found:
    """The files that `images` names, with labels and the splits it gives; nothing is opened but a list.

    images: a folder of class folders, one with train, val or test above them, a folder of pictures (one class), or a
    CSV of `path,label[,split]` whose paths are absolute or start from the CSV's folder.

    Raises:
        UnusableImages: there is nothing of that kind there.
    """
    if images.is_file() and images.suffix.lower() == ".csv":
        pictures, remarks = picture_list.read(images.absolute())
    elif images.is_file():
        raise UnusableImages("is a file, not a folder of pictures", path=images, remedy=LAYOUT)
    elif not images.is_dir():
        raise UnusableImages("does not exist", path=images, remedy="Check the spelling of the path.")
    else:
        try:
            pictures, remarks = list(_from_folder(images.absolute())), list(_remarks(images.absolute()))
        except OSError as error:
            raise UnusableImages(f"cannot be read ({error.strerror})", path=images) from error
        if not pictures:
            raise UnusableImages("holds no pictures", path=images, remedy=LAYOUT)
    # One name can be spelt with composed or with combined letters; macOS and Windows do not agree which.
    named = (replace(p, label=unicodedata.normalize("NFC", p.label)) for p in pictures)
    return Found(tuple(named), tuple(remarks))


def _from_folder(root: Path) -> Iterator[Picture]:
    for folder, split in _class_folders(root):
        yield from _files(folder, folder.name, split)


def _class_folders(root: Path) -> list[tuple[Path, str]]:
    """The folders that are classes, each with the split it is filed under; `root` itself where there are none."""
    folders = _folders(root)
    split_folders = [f for f in folders if _is_split(f)]
    if split_folders:
        return [(folder, SPLIT_NAMES[above.name.lower()]) for above in split_folders for folder in _folders(above)]
    return [(folder, "") for folder in folders or [root]]


def _is_split(folder: Path) -> bool:
    """Whether a folder is a split with classes in it, and not a class of trains, say."""
    return folder.name.lower() in SPLIT_NAMES and bool(_folders(folder))


def _folders(root: Path) -> list[Path]:
    return [entry for entry in _entries(root) if entry.is_dir() and not entry.is_symlink()]


def _remarks(root: Path) -> Iterator[str]:
    """What of a folder is left out, and what in it looks like a mistake."""
    folders = _folders(root)
    if names := _unfiled(root, folders):
        yield f"Left out, because it is in no class folder: {_some(names)}"
    classes = [folder for folder, _ in _class_folders(root)]
    if empty := [str(f.relative_to(root)) for f in classes if f != root and not any(files_below(f))]:
        yield f"There are no files in: {_some(empty)}"
    if len(folders) > 1 and all(f.name.lower() in SPLIT_NAMES and f in classes for f in folders):
        yield "Train, val and test are taken for classes here: there are no class folders in them."
    # Folders that hold nothing but several folders each are hardly classes.
    inside = [[entry.name for entry in _folders(folder)] for folder in folders]
    if folders and folders == classes and all(len(names) > 1 for names in inside) and not any(map(_files_in, folders)):
        counted = f"{_some([folder.name for folder in folders])}: each counts as one class."
        yield f"{counted} If the folders in it ({_some(inside[0])}) are the classes, give what holds these instead."


def _files_in(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_file() and entry.name.lower() not in DROPPINGS]


def _unfiled(root: Path, folders: list[Path]) -> list[str]:
    """The names of what lies beside the class folders and so belongs to no class."""
    if not folders and not any(entry.is_symlink() and entry.is_dir() for entry in _entries(root)):
        return []  # a folder of pictures, all one class
    splits_given = [f for f in folders if _is_split(f)]
    above = [root, *splits_given]
    entries = [entry for place in above for entry in _entries(place) if entry.name.lower() not in DROPPINGS]
    loose = [entry.name for entry in entries if entry.is_file()]
    links = [f"{entry.name} (a link to a folder)" for entry in entries if entry.is_symlink() and entry.is_dir()]
    return loose + links + [f.name for f in folders if splits_given and f not in splits_given]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _files(folder: Path, label: str, split: str) -> Iterator[Picture]:
    return (Picture(str(file), label, split) for file in files_below(folder))


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular, non-hidden file below a folder. Links to folders are not followed: they can make loops."""
    try:
        entries = _entries(folder)
    except OSError:
        yield folder  # it will be refused by name, and the rest goes on
        return
    for entry in entries:
        if entry.is_dir():
            if not entry.is_symlink():
                yield from files_below(entry)
        elif entry.is_file() and entry.name.lower() not in DROPPINGS:
            yield entry


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name, hidden things aside."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def read_all(
    found: Sequence[Picture], known: Iterable[Picture] = (), threads: int = 0
) -> Generator[Event, None, list[Picture]]:
    """Decode every file once in full, on threads; yields progress, returns the pictures with their facts.

    known: pictures looked at before; one whose size and modification time are unchanged is not opened again.
    """
    before = {p.path: p for p in known}
    done: list[Picture] = []
    with ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="survey") as pool:
        try:
            for picture in pool.map(lambda p: _look(p, before.get(p.path)), found):
                done.append(picture)
                if len(done) % 16 == 0 or len(done) == len(found):
                    yield Progress("reading pictures", len(done), len(found))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return done


def _look(picture: Picture, before: Picture | None) -> Picture:
    if picture.refused:  # by the list that names it
        return replace(picture, path=_escaped(picture.path), label=_escaped(picture.label))
    if not (_is_text(picture.path) and is_label(picture.label)):
        # Kept under a name that can be shown and stored; the file itself is not touched.
        reason = "its name or its class's is empty, too long, or not text that can be shown. Rename it."
        return replace(picture, path=_escaped(picture.path), label=_escaped(picture.label), refused=reason)
    path = Path(picture.path)
    try:
        facts = path.stat()
    except OSError as error:
        return replace(picture, refused=error.strerror or "cannot be opened")
    stamped = replace(picture, size=facts.st_size, mtime_ns=facts.st_mtime_ns)
    # What was refused is tried again: permissions change without leaving a trace in the file.
    known = before is not None and not before.refused
    # A catalogue of an older version has no fingerprints.
    known = known and before is not None and bool(before.fingerprint)
    if before is not None and known and (before.size, before.mtime_ns) == (facts.st_size, facts.st_mtime_ns):
        return replace(before, label=picture.label, split=picture.split)
    try:
        decoded, digest = decode_with_digest(path)
    except UnreadablePicture as error:
        return replace(stamped, refused=f"{error.what}. {error.remedy}".strip())
    seen = measure(decoded.image)
    return replace(
        stamped,
        digest=digest,
        width=decoded.image.width,
        height=decoded.image.height,
        format=decoded.format,
        mode=decoded.mode,
        frames=decoded.frames,
        **vars(seen),
    )


def _is_text(name: str) -> bool:
    """File names are bytes; those that are no text come to Python with lone surrogates in them."""
    return name == _escaped(name) and "\0" not in name


def _escaped(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")

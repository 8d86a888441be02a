"""Names for folders of sorted copies, and the record by which a sorting is taken back exactly."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any, ClassVar

from tlstudio import __version__
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.locks import try_lock

# Where copies go that the model is not sure of.
TRAY = "_unsure"
# A folder's name in UTF-8: far below the 255 that file systems take, so that a whole path fits into Windows' 260.
LONGEST_FOLDER, LONGEST_FILE = 128, 255
RECORD = re.compile(r"\.tlstudio-sorted-(\d+)(\.kept)?\.jsonl")
SCHEMA_VERSION = 1

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class SortingPlanned(Event):
    """What sorting copies into folders would do.

    folders: {folder, label, pictures}; the tray for what the model is not sure of has an empty label. copies: to be
    made; unsure: those of them for the tray. already: pictures that lie in their folder. refused: {path, reason}, not
    copied. size: of all copies; free: on that disk; both in bytes.
    """

    into: str
    folders: tuple[dict[str, Any], ...]
    copies: int
    unsure: int
    already: int
    refused: tuple[dict[str, str], ...]
    size: int
    free: int
    kind: ClassVar[str] = "sorting_planned"


@dataclass(frozen=True)
class SortingStarted(Event):
    """From here on copies are made. record: the file by which they are taken back, however this ends."""

    into: str
    record: str
    kind: ClassVar[str] = "sorting_started"


@dataclass(frozen=True)
class Sorted(Event):
    """Copies were made. unsure: those of them in the tray. skipped: {path, reason}, not copied.

    record: as in `SortingStarted`; empty where nothing was copied.
    """

    into: str
    copied: int
    unsure: int
    already: int
    skipped: tuple[dict[str, str], ...]
    record: str
    kind: ClassVar[str] = "sorted"


@dataclass(frozen=True)
class SortingUndone(Event):
    """Copies were removed. kept: {path, reason}, copies that are not what was copied any more or the only ones left."""

    into: str
    removed: int
    kept: tuple[dict[str, str], ...]
    kind: ClassVar[str] = "sorting_undone"


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """A folder name for each label that every system takes; no two are one folder where capitals do not count.

    A label that is a fine name already is its own. Of another, what is left gets a `~` and the beginning of the
    label's SHA-256, so that a label has the same folder whichever others there are.
    """
    names, taken = dict[str, str](), {_alike(TRAY)}
    for label in sorted(set(labels), key=lambda label: (_plain_name(label) != label, label)):
        name = _plain_name(label)
        if name != label or _alike(name) in taken:
            name = with_mark(name, label)
        number = 1
        while _alike(name) in taken:
            number += 1
            name = numbered(with_mark(_plain_name(label), label), number, LONGEST_FOLDER)
        taken.add(_alike(name))
        names[label] = name
    return names


def with_mark(name: str, label: str) -> str:
    """A folder name told apart by the label it stands for."""
    mark = "~" + hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return _shortened(name, LONGEST_FOLDER - len(mark)) + mark


def numbered(name: str, number: int, longest: int = LONGEST_FILE) -> str:
    """`picture (2).jpg` for `picture.jpg`; 1 is the name itself. longest: in bytes."""
    if number == 1:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  # a Path would take "a/" and "." for something else
    suffix = f" ({number}){suffix}"
    return _shortened(stem, longest - len(os.fsencode(suffix))) + suffix


def _plain_name(label: str) -> str:
    """The label without what some system would stumble over."""
    text = unicodedata.normalize("NFC", label)
    # Separators, what Windows forbids, and what cannot be seen: control and bidirectional characters, lone surrogates.
    text = "".join("_" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in text)
    text = _shortened(text.strip(), LONGEST_FOLDER).rstrip(". ")
    if text.startswith(".") or _RESERVED.fullmatch(text) or not text:
        text = _shortened("_" + text, LONGEST_FOLDER)
    return text


def _shortened(text: str, longest: int) -> str:
    """The beginning that takes at most so many bytes, in whole characters."""
    text = text[:longest]
    while len(os.fsencode(text)) > longest:
        text = text[:-1]
    return text


def _alike(name: str) -> str:
    """The same for names that are one folder on some system: Windows and macOS take no notice of capitals."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@dataclass(frozen=True)
class Copied:
    """A copy as the record knows it. path: below the folder sorted into, `class/file`. digest: BLAKE2b of the bytes."""

    path: str
    digest: str
    source: str


class Record:
    """What a sorting makes, written down before it is made: JSON lines in a hidden file in the folder sorted into.

    Whoever holds one open has the operating system's lock on it.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self._file = file

    @classmethod
    def begin(cls, into: Path, made: bool) -> "Record":
        """A new record in a folder. made: the folder was not there before.

        Raises:
            OSError: it cannot be written.
        """
        number = max((int(found[1]) for found in _records_in(into)), default=0) + 1
        path = into / f".tlstudio-sorted-{number:03d}.jsonl"
        file = path.open("x", encoding="utf-8")
        try_lock(file)
        file.seek(0)
        record = cls(path, file)
        record.write({"schema": SCHEMA_VERSION, "program": __version__, "made": made})
        return record

    @property
    def part(self) -> str:
        """How the names of this sorting's unfinished copies begin."""
        return self.path.stem + "-"

    def folder(self, name: str, made: bool) -> None:
        """Copies go there. made: it was not there before."""
        self.write({"folder": name, "made": made})

    def copies(self, copied: Iterable[Copied]) -> None:
        """These come into being next, under names that are free."""
        self.write(*({"copy": c.path, "digest": c.digest, "from": c.source} for c in copied))

    def taken(self, path: str) -> None:
        """Somebody else was faster: what has this name is not ours."""
        self.write({"taken": path})

    def write(self, *lines: dict[str, Any]) -> None:
        """Append lines and wait until they are on the disk."""
        for line in lines:
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class Recorded:
    """A record, read. made: the folder sorted into was made for it. folders: name → made for it."""

    made: bool
    folders: dict[str, bool]
    copies: tuple[Copied, ...]


def newest_record(into: Path) -> Path:
    """The record of the last sorting into a folder that was not taken back, or of the last that was not wholly so.

    Raises:
        TLStudioError: there is none.
    """
    try:
        found = max(_records_in(into), key=lambda found: (not found[2], int(found[1])), default=None)
    except OSError as error:
        raise TLStudioError(f"cannot be read ({error.strerror})", path=into) from error
    if found is None:
        remedy = "Give the folder that copies were sorted into."
        raise TLStudioError("holds no sorted copies that could be taken back", path=into, remedy=remedy)
    return into / found[0]


def set_aside(record: Path) -> None:
    """Put the record of copies that had to stay behind those of sortings that were not taken back.

    Raises:
        OSError: it cannot be renamed.
    """
    found = RECORD.fullmatch(record.name)
    if found and not found[2]:
        record.replace(record.with_suffix(f".kept{record.suffix}"))


def _records_in(into: Path) -> Iterator[re.Match[str]]:
    return (found for entry in into.iterdir() if (found := RECORD.fullmatch(entry.name)))


def read_record(path: Path) -> Recorded:
    """What a record says; a last line that was cut off is left out, for nothing had been made of it yet.

    Raises:
        TLStudioError: it cannot be read, is none, is in use, or a newer version wrote it.
    """
    try:
        with path.open("r+", encoding="utf-8") as file:
            if not try_lock(file):
                remedy = "Wait until that is done, or stop it."
                raise TLStudioError("copies are being sorted by it at this moment", path=path, remedy=remedy)
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        reason, remedy = getattr(error, "strerror", "") or "not text", "Give the folder that copies were sorted into."
        raise TLStudioError(f"cannot be read ({reason})", path=path, remedy=remedy) from error
    if lines and not lines[-1].endswith("\n"):
        del lines[-1]
    if not lines:
        return Recorded(False, {}, ())
    remedy = "Nothing was removed; remove the copies by hand."
    try:
        head, *rest = (json.loads(line) for line in lines)
        if head["schema"] > SCHEMA_VERSION:
            raise TLStudioError("a newer TL Studio wrote this record", path=path, remedy="Install that version.")
        return _understood(bool(head["made"]), rest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TLStudioError("is not a record of sorted copies, or is damaged", path=path, remedy=remedy) from error


def _understood(made: bool, lines: Iterable[dict[str, Any]]) -> Recorded:
    folders, copies = dict[str, bool](), dict[str, Copied]()
    for line in lines:
        if "folder" in line:
            folders[_one_name(line["folder"])] = bool(line["made"])
        elif "taken" in line:
            copies.pop(line["taken"], None)
        else:
            folder, _, name = line["copy"].partition("/")
            copies[line["copy"]] = Copied(f"{_one_name(folder)}/{_one_name(name)}", line["digest"], line["from"])
    return Recorded(made, folders, tuple(copies.values()))


def _one_name(name: str) -> str:
    """A name that leads nowhere else: a record may come from a stranger.

    Raises:
        ValueError: it would.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name or PurePath(name).name != name:
        raise ValueError(name)
    return name

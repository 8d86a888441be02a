"""Copy pictures into a folder a class, and take exactly those copies away again. Sources are only read."""

import errno
import hashlib
import os
import shutil
import stat
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Predicted, Progress
from tlstudio.core.sorting import (
    LONGEST_FOLDER,
    TRAY,
    Copied,
    Record,
    Sorted,
    SortingPlanned,
    SortingStarted,
    SortingUndone,
    folder_names,
    numbered,
    read_record,
    set_aside,
    with_mark,
)

# So many copies are under way at once, on so many threads: what waits for a disk does not wait alone.
AT_ONCE, THREADS = 16, 4
CHUNK = 1 << 20
REPORT_EVERY = 200
# A memory stick's file system takes fewer names than the one a picture lies on.
UNNAMEABLE = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Placement:
    """A picture and the folder its copy goes into. size: in bytes."""

    source: Path
    folder: str
    size: int


@dataclass(frozen=True)
class Plan:
    """What goes where. labels: folder → class. tray: the folder of what the model is not sure of.

    already: pictures that lie in their folder now. refused: (path, reason), pictures that are not copied.
    """

    into: Path
    labels: dict[str, str]
    tray: str
    placements: tuple[Placement, ...]
    already: int
    refused: tuple[tuple[str, str], ...]

    def said(self) -> SortingPlanned:
        counts = Counter(placement.folder for placement in self.placements)
        return SortingPlanned(
            into=str(self.into),
            folders=tuple(
                {"folder": folder, "label": self.labels.get(folder, ""), "pictures": count}
                for folder, count in sorted(counts.items())
            ),
            copies=len(self.placements),
            unsure=counts[self.tray],
            already=self.already,
            refused=tuple({"path": path, "reason": reason} for path, reason in self.refused),
            size=sum(placement.size for placement in self.placements),
            free=shutil.disk_usage(self.into if self.into.exists() else self.into.parent).free,
        )


def plan(answers: Iterable[Predicted], into: Path, below: float) -> Generator[Event, None, Plan]:
    """Decide what goes where; nothing is written. A picture that was answered several times counts once, as last.

    below: a class whose probability, 0..1, is less is not relied on.

    Raises:
        TLStudioError: `into` is not a folder and cannot become one.
    """
    into = checked(into)
    last = {os.path.abspath(answer.path): answer for answer in answers}  # noqa: PTH100  # a name that is none stays one
    names = folder_names(answer.label for answer in last.values() if answer.ok and answer.label is not None)
    names = {label: _usable(into, name, label) for label, name in names.items()}
    tray = _usable(into, TRAY, TRAY)
    placements, refused, already = [], list[tuple[str, str]](), 0
    for number, (source, answer) in enumerate(last.items(), start=1):
        if number % REPORT_EVERY == 0:
            yield Progress("looking at the pictures", number, len(last))
        if not answer.ok or answer.label is None or answer.probability is None:
            refused.append((answer.path, answer.error or "was not answered"))
            continue
        try:
            facts = os.stat(source)  # noqa: PTH116
        except (OSError, ValueError) as error:
            refused.append((answer.path, getattr(error, "strerror", None) or "is not the name of a file"))
            continue
        sure = not answer.unknown and answer.probability >= below
        folder = names[answer.label] if sure else tray
        if os.path.realpath(os.path.dirname(source)) == os.path.join(into, folder):  # noqa: PTH118, PTH120
            already += 1
        else:
            placements.append(Placement(Path(source), folder, facts.st_size))
    labels = {folder: label for label, folder in names.items()}
    return Plan(into, labels, tray, tuple(placements), already, tuple(refused))


def checked(into: Path) -> Path:
    """The folder to sort into, in full and without links; it need not be there yet.

    Raises:
        TLStudioError: it is not a folder, or what it would lie in is none.
    """
    found = Path(os.path.realpath(into))
    if found.is_dir():
        return found
    if os.path.lexists(found):
        raise TLStudioError("is not a folder", path=into, remedy="Give a folder, or the name of a new one.")
    if not found.parent.is_dir():
        remedy = "Give a new name in a folder that exists."
        raise TLStudioError("cannot be made: the folder it would lie in does not exist", path=into, remedy=remedy)
    return found


def _usable(into: Path, name: str, label: str) -> str:
    """The name, or one like it where something other than a folder has it: a link could lead anywhere."""
    number, tried = 1, name
    while os.path.lexists(into / tried) and (Path(into / tried).is_symlink() or not Path(into / tried).is_dir()):
        tried = numbered(with_mark(name, label), number, LONGEST_FOLDER)
        number += 1
    return tried


def copy(planned: Plan) -> Generator[Event, None, None]:
    """Copy what is planned; ends with `Sorted`. Whatever happens, the record says what was made.

    Raises:
        TLStudioError: there is too little room, or the folder cannot be written.
    """
    said = planned.said()
    yield said
    if not planned.placements:
        yield Sorted(said.into, 0, 0, said.already, said.refused, "")
        return
    if said.size > said.free:
        needed, free = said.size / 1e6, said.free / 1e6
        remedy = "Free some space there, or sort into a folder on another disk."
        what = f"has {free:,.0f} MB free; the copies would take {needed:,.0f} MB"
        raise TLStudioError(what, path=said.into, remedy=remedy)
    try:
        made = not planned.into.exists()
        planned.into.mkdir(exist_ok=True)
        with closing(Record.begin(planned.into, made)) as record:
            yield SortingStarted(said.into, str(record.path))
            yield from _Copying(planned, record).run(said)
    except OSError as error:
        remedy = "Free some space there, or choose a folder you may write to; what was copied can be taken back."
        reason = error.strerror or str(error)
        raise TLStudioError(f"cannot be written ({reason})", path=said.into, remedy=remedy) from error


@dataclass(frozen=True)
class _Staged:
    """A copy that is whole but has no name yet."""

    placement: Placement
    part: Path
    digest: str


class _Copying:
    """One sorting under way."""

    def __init__(self, planned: Plan, record: Record) -> None:
        self._planned = planned
        self._record = record
        self._folders = set[str]()
        self._numbers = Counter[str]()
        self._skipped: list[dict[str, str]] = []
        self._unsure = self._copied = 0

    def run(self, said: SortingPlanned) -> Generator[Event, None, None]:
        placements = self._planned.placements
        with ThreadPoolExecutor(THREADS, thread_name_prefix="copy") as pool:
            for start in range(0, len(placements), AT_ONCE):
                self._some(pool, placements[start : start + AT_ONCE])
                yield Progress("copying pictures", min(start + AT_ONCE, len(placements)), len(placements))
        skipped = (*said.refused, *self._skipped)
        yield Sorted(said.into, self._copied, self._unsure, said.already, skipped, str(self._record.path))

    def _some(self, pool: ThreadPoolExecutor, placements: Sequence[Placement]) -> None:
        for folder in {placement.folder: None for placement in placements}:
            self._make(folder)
        parts = [
            self._planned.into / placement.folder / f"{self._record.part}{number}.part"
            for number, placement in enumerate(placements)
        ]
        staging = [pool.submit(_stage, placement, part) for placement, part in zip(placements, parts, strict=True)]
        try:
            results = [future.result() for future in staging]
            self._name([staged for staged in results if isinstance(staged, _Staged)])
            for placement, result in zip(placements, results, strict=True):
                if isinstance(result, str):
                    self._skip(placement, result)
        finally:
            for future in staging:
                future.cancel() or future.exception()
            for part in parts:
                with suppress(OSError):
                    part.unlink()

    def _skip(self, placement: Placement, reason: str) -> None:
        self._skipped.append({"path": str(placement.source), "reason": reason})

    def _make(self, folder: str) -> None:
        if folder in self._folders:
            return
        path = self._planned.into / folder
        self._record.folder(folder, made=not path.exists())
        path.mkdir(exist_ok=True)
        self._folders.add(folder)

    def _name(self, staged: Sequence[_Staged]) -> None:
        """Write down under which names the copies come into being, then give them those."""
        named = [(item, self._free_name(item.placement)) for item in staged]
        self._record.copies(Copied(name, item.digest, str(item.placement.source)) for item, name in named)
        for item, name in named:
            try:
                while not self._publish(item, name):
                    self._record.taken(name)
                    name = self._free_name(item.placement)
                    self._record.copies([Copied(name, item.digest, str(item.placement.source))])
            except OSError as error:
                if error.errno not in UNNAMEABLE:
                    raise
                self._skip(item.placement, "has a name that cannot be given to a file there")

    def _free_name(self, placement: Placement) -> str:
        """A name in the folder that nothing has, `folder/file`."""
        wanted = f"{placement.folder}/{placement.source.name}"
        while True:
            self._numbers[wanted] += 1
            name = f"{placement.folder}/{numbered(placement.source.name, self._numbers[wanted])}"
            if not os.path.lexists(self._planned.into / name):
                return name

    def _publish(self, item: _Staged, name: str) -> bool:
        """Give a copy its name; False if another program has taken it meanwhile."""
        path = self._planned.into / name
        try:
            # The name is taken first, so that nothing that is there can be replaced.
            path.open("xb").close()
        except FileExistsError:
            return False
        item.part.replace(path)
        self._copied += 1
        self._unsure += item.placement.folder == self._planned.tray
        return True


def _stage(placement: Placement, part: Path) -> _Staged | str:
    """Copy a picture to a file that is not its own yet; or why it cannot be read.

    Raises:
        OSError: the copy cannot be written.
    """
    found = hashlib.blake2b(digest_size=16)
    try:
        facts = placement.source.stat()
        if not stat.S_ISREG(facts.st_mode):
            return "is not a file any more"
        source = placement.source.open("rb")
    except OSError as error:
        return error.strerror or str(error)
    with source, part.open("xb") as made:
        while True:
            try:
                chunk = source.read(CHUNK)
            except OSError as error:
                return error.strerror or str(error)
            if not chunk:
                break
            found.update(chunk)
            made.write(chunk)
        made.flush()
        os.fsync(made.fileno())
    os.utime(part, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return _Staged(placement, part, found.hexdigest())


def undo(path: Path) -> Generator[Event, None, None]:
    """Remove the copies a record names that are still as they were made and whose source is there, and the folders made
    for them if they are empty now; ends with `SortingUndone`. The record goes with them; if a copy stays, it is put
    behind those of other sortings.

    Raises:
        TLStudioError: the record cannot be read or is not one, or something cannot be removed.
    """
    path = path.absolute()
    recorded, into = read_record(path), path.parent
    removed, kept = 0, list[dict[str, str]]()
    try:
        folders = [name for name in recorded.folders if (into / name).is_dir() and not (into / name).is_symlink()]
        for number, copied in enumerate(recorded.copies, start=1):
            folder, _, name = copied.path.partition("/")
            file = into / folder / name
            if folder in folders and os.path.lexists(file):
                if reason := _why_kept(file, copied):
                    kept.append({"path": str(file), "reason": reason})
                else:
                    file.unlink()
                    removed += 1
            if number % AT_ONCE == 0 or number == len(recorded.copies):
                yield Progress("removing copies", number, len(recorded.copies))
        _tidy(path, [into / name for name in folders], [into / name for name in folders if recorded.folders[name]])
        if kept:
            set_aside(path)
        else:
            path.unlink()
        if recorded.made and not kept:
            with suppress(OSError):  # there is something of somebody else's in it
                into.rmdir()
    except OSError as error:
        remedy = "Check that it may be written, and take the sorting back again."
        raise TLStudioError(f"cannot be removed ({error.strerror})", path=error.filename, remedy=remedy) from error
    yield SortingUndone(str(into), removed, tuple(kept))


def _why_kept(file: Path, copied: Copied) -> str:
    """Why a file must stay: it is not the copy that was made, or the only one left; empty if it may go."""
    if file.is_symlink() or not file.is_file():
        return "is not the copy any more"
    if file.stat().st_size == 0:
        return ""  # a name that was taken for a copy which did not get to it
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if found != copied.digest:
        return "was changed since it was copied"
    there = os.path.isfile(copied.source)  # noqa: PTH113  # Path's raises where a folder may not be looked into
    return "" if there else f"is the only copy left: {copied.source} is gone"


def _tidy(record: Path, folders: Sequence[Path], made: Sequence[Path]) -> None:
    """Remove unfinished copies, and the folders that were made if nothing is in them."""
    for folder in folders:
        for part in folder.glob(f"{record.stem}-*.part"):
            part.unlink()
    for folder in made:
        with suppress(OSError):
            folder.rmdir()

"""A project is a folder. Whatever is written there is written whole or not at all."""

import errno
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tlstudio import __version__
from tlstudio.core import locks
from tlstudio.core.catalogue import Catalogue
from tlstudio.core.errors import LookOnly, ProjectError
from tlstudio.core.files import cannot_write
from tlstudio.core.run import RunFolder, runs_in

SCHEMA_VERSION = 1
PROJECT_FILE = "project.json"
CATALOGUE_FILE = "catalogue.sqlite"
LOCK_FILE = "lock"
__all__ = ["Project", "is_project", "replacing", "runs_in", "write_atomically"]


def write_atomically(path: Path, data: bytes, former: Path | None = None) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one, whole.

    former: as of `replacing`.

    Raises:
        ProjectError: the disk is full or the folder cannot be written.
    """
    with replacing(path, former) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path, former: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes `path`'s place when the block ends well.

    former: beside it, what `path` was until then is kept; a kill between may leave that one alone. Where `path` is a
    link, what it points to is replaced and the link stays.

    Raises:
        ProjectError: the disk is full, the folder cannot be written, or `path` is something other than a file.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise ProjectError("is not a file that could be replaced", path=path, remedy="Give another name.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if former and path.exists():
            path.replace(former)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # gone already, or there never was a place for it
            temporary.unlink()


def clear_leftovers(path: Path) -> None:
    """Delete what killed processes were writing in place of a file; nobody may be writing it now."""
    path = Path(os.path.realpath(path))
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):
            part.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no handle on a folder to sync; its rename is journalled.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Project:
    """An open project: its catalogue, its runs, and the lock that makes this process its only writer.

    The lock is the operating system's, so it is free the moment its holder dies. Use as a context manager.

    refusal: what every change is answered with where it is only looked at; None for its writer.
    """

    def __init__(self, folder: Path, lock: IO[str] | None, refusal: LookOnly | None = None) -> None:
        self.folder = folder
        self.refusal = refusal
        self._lock = lock
        self.catalogue = Catalogue(folder / CATALOGUE_FILE, refusal)

    @classmethod
    def open(cls, folder: Path, program: str = "") -> "Project":
        """Open the project in `folder`, or begin one there if the folder is absent or empty.

        program: what others are told has it open, such as `tlstudio train`; a window has no other name.

        Raises:
            LookOnly: another program has it open, or it cannot be written.
            ProjectError: the folder holds something else, is damaged, or a newer version wrote it.
        """
        folder = folder.absolute()
        if not is_project(folder):
            _begin(folder)
        _check_version(folder)
        lock = _take_lock(folder, program)
        try:
            project = cls(folder, lock)
            project.catalogue.follow_folder()
        except BaseException:
            locks.give_back(lock)
            raise
        return project

    @classmethod
    def look(cls, folder: Path, refusal: LookOnly | None = None) -> "Project":
        """The project in `folder`, whoever has it open: everything can be read, nothing changed, no lock is taken.

        refusal: the reason it cannot be changed, with which each change is refused.

        Raises:
            ProjectError: there is none, it is damaged, or another version wrote it.
        """
        folder = folder.absolute()
        _check_version(folder)
        return cls(folder, None, refusal or LookOnly("is open to be looked at, not changed", path=folder))

    @property
    def is_read_only(self) -> bool:
        return self.refusal is not None

    def is_free(self) -> bool:
        """Whether nobody has it open to change it now, this process included."""
        return locks.is_free(self.folder / LOCK_FILE)

    def check_writable(self) -> None:
        """Raise the `refusal`, if there is one, before anything is written beside the catalogue."""
        if self.refusal is not None:
            raise self.refusal

    @classmethod
    def temporary(cls) -> "Project":
        """A new project in a folder of its own among the system's temporary ones; it is not deleted."""
        return cls.open(Path(tempfile.mkdtemp(prefix="tlstudio-")))

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            locks.give_back(self._lock)

    def runs(self) -> list[RunFolder]:
        """The runs there are, oldest first."""
        return runs_in(self.folder)

    def new_run(self, strategy: str) -> RunFolder:
        """An empty folder `runs/<number>-<strategy>` for a run to fill.

        Raises:
            ProjectError: the project cannot be written.
        """
        self.check_writable()
        for run in self.runs():
            run.clear_leftovers()  # of one that was killed and not gone on with
        numbers = [run.number for run in self.runs()]
        folder = self.folder / "runs" / f"{max(numbers, default=0) + 1:03d}-{strategy}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ProjectError(f"cannot be written ({error.strerror})", path=folder) from error
        return RunFolder(folder)


def is_project(folder: Path) -> bool:
    return (folder / PROJECT_FILE).is_file()


def _begin(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        remedy = "Choose a folder you may write to."
        raise ProjectError(f"cannot be made a project ({error.strerror})", path=folder, remedy=remedy) from error
    if occupied:
        remedy = "Give an empty or new folder, or one that holds a project."
        raise ProjectError("is a folder with other things in it", path=folder, remedy=remedy)
    facts = {"schema": SCHEMA_VERSION, "program": __version__}
    write_atomically(folder / PROJECT_FILE, json.dumps(facts, indent=1).encode())


def _check_version(folder: Path) -> None:
    path = folder / PROJECT_FILE
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        version = int(data["schema"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError("is damaged", path=path, remedy=f'Write {{"schema": {SCHEMA_VERSION}}} into it.') from error
    if version > SCHEMA_VERSION:
        raise ProjectError("a newer TL Studio wrote this project", path=path, remedy="Install that version.")


def _take_lock(folder: Path, program: str) -> IO[str]:
    try:
        taken = locks.take(folder / LOCK_FILE, program)
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            what = f"is on a drive that cannot keep two programs apart ({error.strerror})"
            raise LookOnly(what, path=folder, remedy="Copy the project to a drive of this computer.") from error
        remedy = "Choose a folder you may write to."
        raise LookOnly(f"cannot be written ({error.strerror})", path=folder, remedy=remedy) from error
    if taken is None or isinstance(taken, locks.Holder):
        holder = str(taken) if taken else ""
        what = f"the project is open in another TL Studio{f' ({holder})' if holder else ''}"
        raise LookOnly(what, path=folder, remedy="Close it there, or use another project.", holder=holder)
    return taken

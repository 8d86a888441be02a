"""A project is a folder. Whatever is written there is written whole or not at all."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tlstudio import __version__
from tlstudio.core.catalogue import Catalogue
from tlstudio.core.errors import ProjectError
from tlstudio.core.locks import try_lock
from tlstudio.core.run import RunFolder, runs_in

SCHEMA_VERSION = 1
PROJECT_FILE = "project.json"


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

    former: beside it, what `path` was until then is kept; a kill between may leave that one alone. Where `path` is a link, what it points to is replaced and the link stays.

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
        reason = error.strerror or str(error)
        remedy = f"Free some space in {path.parent}, or choose a folder you may write to."
        if not path.parent.is_dir():
            remedy = "Choose a folder that exists."
        raise ProjectError(f"cannot be written ({reason})", path=path, remedy=remedy) from error
    finally:
        with suppress(OSError):  # gone already, or there never was a place for it
            temporary.unlink()


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
    """

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        self.folder = folder
        self._lock = lock
        self.catalogue = Catalogue(folder / "catalogue.sqlite")

    @classmethod
    def open(cls, folder: Path) -> "Project":
        """Open the project in `folder`, or begin one there if the folder is absent or empty.

        Raises:
            ProjectError: the folder holds something else, cannot be written, is open elsewhere, or a newer version
                wrote it.
        """
        folder = folder.absolute()
        if not is_project(folder):
            _begin(folder)
        _check_version(folder)
        lock = _take_lock(folder)
        try:
            return cls(folder, lock)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def temporary(cls) -> "Project":
        """A new project in a folder of its own among the system's temporary ones; it is not deleted."""
        return cls.open(Path(tempfile.mkdtemp(prefix="tlstudio-")))

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lock.close()

    def runs(self) -> list[RunFolder]:
        """The runs there are, oldest first."""
        return runs_in(self.folder)

    def new_run(self, strategy: str) -> RunFolder:
        """An empty folder `runs/<number>-<strategy>` for a run to fill."""
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


def _take_lock(folder: Path) -> IO[str]:
    path = folder / "lock"
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        remedy = "Choose a folder you may write to."
        raise ProjectError(f"cannot be written ({error.strerror})", path=folder, remedy=remedy) from error
    if not try_lock(file):
        file.seek(0)
        holder = file.read().strip()
        file.close()
        which = f" ({holder})" if holder else ""
        remedy = "Close it there, or use another project."
        raise ProjectError(f"the project is open in another TL Studio{which}", path=folder, remedy=remedy)
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file

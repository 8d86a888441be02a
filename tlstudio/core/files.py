"""Open what a person or another program names, when it may be anything."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from tlstudio.core.errors import ProjectError

_DROPPINGS = {".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}


def is_dropping(name: str) -> bool:
    """Whether a file of this name is one that systems leave in folders which people look at."""
    return name.lower() in _DROPPINGS or name.startswith("._")


def open_file(path: Path) -> BufferedReader:
    """A regular file, open to read. Opening a pipe could wait for ever, and a device could go on for ever.

    Raises:
        OSError: there is none, it may not be read, or it is something else; `strerror` says which.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a name with a zero byte in it
        raise OSError(errno.EINVAL, "it is not the name of a file", str(path)) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a file but a pipe, socket or device", str(path))
    return path.open("rb")


def size_of(file: BufferedReader) -> int:
    """How many bytes an open file has."""
    return os.fstat(file.fileno()).st_size


def cannot_write(path: Path, error: OSError) -> ProjectError:
    """What to say of a file that could not be written: why, and on a full disk how much is free in which folder."""
    folder, reason = path.parent, error.strerror or str(error)
    if not folder.is_dir():
        return ProjectError(f"cannot be written ({reason})", path=path, remedy="Choose a folder that exists.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        with suppress(OSError):
            reason += f"; {shutil.disk_usage(folder).free / 1e6:,.1f} MB are free in {folder}"
    remedy = f"Free some space in {folder}, or choose a folder you may write to."
    return ProjectError(f"cannot be written ({reason})", path=path, remedy=remedy)

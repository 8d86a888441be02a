"""The operating system's lock on a file: free the moment its holder dies. Who holds it stands inside."""

import json
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

# Between taking a lock and signing it a holder has no name yet, and one that only looked is gone again.
_TRIES, _PAUSE = 100, 0.005

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[str]) -> bool:
        """Lock an open file for this process until it is closed; False when another process holds it."""
        file.seek(1 << 30)  # far behind what is written there: Windows would keep others from reading a locked byte
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _lives(_process: int) -> bool:
        return True  # nothing in the standard library asks without harm

else:
    import fcntl

    def try_lock(file: IO[str]) -> bool:
        """Lock an open file for this process until it is closed; False when another process holds it.

        Raises:
            OSError: the drive has no locks.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the second is what some network drives say
            return False
        return True

    def _lives(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # somebody else's
        return True


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. since: when it was taken. program: what to call it beside its number; empty for a window."""

    process: int
    computer: str
    since: datetime
    program: str = ""

    def __str__(self) -> str:
        now = datetime.now().astimezone()
        since = self.since.astimezone()
        moment = f"{since:%H:%M}" if since.date() == now.date() else f"{since:%Y-%m-%d %H:%M}"
        program = f"{self.program}, " if self.program else ""
        return f"{program}process {self.process} on {self.computer}, since {moment}"


def take(path: Path, program: str = "") -> IO[str] | Holder | None:
    """Lock the file at `path`, made where there is none, and write into it who this is.

    Returns:
        the open file, which holds the lock until it is closed; or who holds it, None if that is not known.

    Raises:
        OSError: the file cannot be written, or its drive has no locks.
    """
    for _ in range(_TRIES):
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8")
        try:
            if try_lock(file):
                _sign(file, Holder(os.getpid(), socket.gethostname(), datetime.now().astimezone(), program))
                return file
            holder = _signed(file)
        except BaseException:
            file.close()
            raise
        file.close()
        if holder is not None and (holder.computer != socket.gethostname() or _lives(holder.process)):
            return holder
        time.sleep(_PAUSE)
    return None


def give_back(file: IO[str]) -> None:
    """Let go of a lock that `take` gave; the next one finds no name that is not its holder's."""
    if not file.closed:
        with suppress(OSError):
            os.ftruncate(file.fileno(), 0)
        file.close()


def is_free(path: Path) -> bool:
    """Whether the lock could be taken now; it is not taken."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return try_lock(file)
    except OSError:
        return False


def _sign(file: IO[str], holder: Holder) -> None:
    text = {**vars(holder), "since": holder.since.isoformat(timespec="seconds")}
    # Over what stands there: on a full disk the space of the last name is all there is, and no name is no harm.
    with suppress(OSError):
        file.seek(0)
        file.write(json.dumps(text) + "\n")
        file.truncate()
        file.flush()


def _signed(file: IO[str]) -> Holder | None:
    file.seek(0)
    try:
        facts = json.loads(file.read())
        since = datetime.fromisoformat(facts["since"])
        return Holder(int(facts["process"]), str(facts["computer"]), since, str(facts["program"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None

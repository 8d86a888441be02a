"""What a window that dies leaves behind: a mark of what it was doing, a trace, and the report made of them."""

import faulthandler
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from tlstudio import __version__
from tlstudio.core.events import Event
from tlstudio.core.locks import try_lock
from tlstudio.core.project import runs_in, write_atomically
from tlstudio.core.run import RunFolder, RunState

PACKAGES = ("PySide6-Essentials", "torch", "torchvision", "timm", "pillow", "numpy", "scikit-learn", "safetensors")
LOG_LINES, EVENT_LINES = 400, 60
LONGEST_TAIL = 200_000  # bytes
_log = logging.getLogger("tlstudio")


def log_file() -> Path:
    """Where the window's log is written."""
    return platformdirs.user_log_path("tlstudio", appauthor=False) / "tlstudio.log"


def sessions_folder() -> Path:
    """Where each window that lives has its mark."""
    return platformdirs.user_state_path("tlstudio", appauthor=False) / "running"


@dataclass(frozen=True)
class Doing:
    """What goes on in a window. project, run: folders. work: `pictures`, `training` or `prediction`. Empty: none."""

    project: str = ""
    work: str = ""
    run: str = ""


class Session:
    """The mark of a window that lives; `end` takes it away, a crash leaves it.

    The lock beside it is the operating system's: who can take it knows that the window is no more.
    """

    def __init__(self, folder: Path) -> None:
        """Leave the first mark.

        Raises:
            ProjectError, OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._started = datetime.now().astimezone()
        stem = f"{self._started:%Y%m%d-%H%M%S-%f}-{os.getpid()}"
        self._mark = folder / f"{stem}.json"
        self._lock = (folder / f"{stem}.lock").open("a+", encoding="utf-8")
        try_lock(self._lock)  # before there is a mark: nobody may find one that looks left behind
        self._trace = (folder / f"{stem}.trace").open("w", encoding="utf-8")
        self._watches = False
        self.write(Doing())

    def catch_faults(self) -> None:
        """Have the interpreter leave a trace here when a crash inside a library ends it."""
        faulthandler.enable(self._trace)
        self._watches = True

    def write(self, doing: Doing) -> None:
        """Say what goes on from now on.

        Raises:
            ProjectError: it cannot be written.
        """
        facts = {
            "process": os.getpid(),
            "computer": socket.gethostname(),
            "started": self._started.isoformat(timespec="seconds"),
            "program": __version__,
            **asdict(doing),
        }
        write_atomically(self._mark, json.dumps(facts, indent=1).encode())

    def end(self) -> None:
        """Take the mark away: the window closed as it should."""
        self._mark.unlink(missing_ok=True)
        if self._watches:
            faulthandler.disable()
        for file in (self._trace, self._lock):
            file.close()
            Path(file.name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Crashed(Event):
    """A window ended without closing.

    doing: what it was at. started: ISO 8601. trace: what the interpreter wrote while it died, often nothing. state: how
    far the interrupted training had come; None without one, or when its project has newer runs. can_go_on: it left a
    checkpoint.
    """

    doing: Doing
    started: str
    trace: str
    state: RunState | None = None
    can_go_on: bool = False


def find_crashed(folder: Path) -> Iterator[Event]:
    """Tell what the last window that died was at; one that had a project comes first.

    What all of them left is taken away, so that it is told once. Their traces go to the log.
    """
    found = [crashed for mark in sorted(folder.glob("*.json")) if (crashed := _collect(mark)) is not None]
    for crashed in found:
        _log.error("A window of %s did not close properly: %s\n%s", crashed.started, crashed.doing, crashed.trace)
    with_project = [crashed for crashed in found if crashed.doing.project]
    yield from (with_project or found)[-1:]


def _collect(mark: Path) -> Crashed | None:
    """What the mark of a window says and its trace, both taken away; None while that window lives."""
    lock, trace = mark.with_suffix(".lock"), mark.with_suffix(".trace")
    try:
        with lock.open("r+", encoding="utf-8") as held:
            if not try_lock(held):
                return None
            facts = _read_mark(mark)
            if facts.get("computer", socket.gethostname()) != socket.gethostname():
                return None  # a home that several computers share: locks may not reach across
            said = trace.read_text("utf-8", errors="replace") if trace.is_file() else ""
            mark.unlink()
        for left in (trace, lock):
            left.unlink(missing_ok=True)
    except OSError:
        return None  # another start was quicker
    texts = {name: value for name, value in facts.items() if isinstance(value, str)}
    doing = Doing(*(texts.get(name, "") for name in ("project", "work", "run")))
    state = _interrupted(doing)
    can_go_on = state is not None and RunFolder(Path(doing.run)).standing() is not None
    return Crashed(doing, texts.get("started", ""), said, state, can_go_on)


def _read_mark(mark: Path) -> dict[str, Any]:
    try:
        facts = json.loads(mark.read_text("utf-8"))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _interrupted(doing: Doing) -> RunState | None:
    if doing.work != "training" or not doing.run:
        return None
    runs = runs_in(Path(doing.project))
    try:
        if not runs or runs[-1].folder != Path(doing.run):
            return None
        state = runs[-1].state()
    except (OSError, ValueError, KeyError, TypeError):
        return None  # damaged: there is nothing to offer
    return state if state.finished is None and state.recipe else None


@dataclass(frozen=True)
class ReportSaved(Event):
    """A report is on disk."""

    path: Path


def save_report(target: Path, doing: Doing, trace: str) -> Iterator[Event]:
    """Write what helps to find a fault into one text file: versions, system, what went on, trace, last events and log.

    Raises:
        ProjectError: it cannot be written.
    """
    import platform  # as the other one below: not for every start

    run = RunFolder(Path(doing.run)) if doing.run else None
    parts = {
        "Versions": "\n".join(f"{name} {version}" for name, version in _versions().items()),
        "System": f"{platform.platform()}\n{os.cpu_count()} processors",
        "What went on": "\n".join(f"{name}: {text}" for name, text in asdict(doing).items() if text) or "nothing",
        "Trace": trace.strip() or "none",
        "Last events of the run": _tail(run.events_file, EVENT_LINES) if run else "none",
        "Last lines of the log": _tail(log_file(), LOG_LINES),
    }
    opening = (
        "Report of TL Studio\n\nIt has not been sent anywhere. There are no pictures in it; "
        "it does name files and folders. Read it before you pass it on.\n"
    )
    text = opening + "".join(f"\n{title}\n{'-' * len(title)}\n{content}\n" for title, content in parts.items())
    if Path.home() != Path(Path.home().anchor):  # an account without a home of its own has "/" there
        text = text.replace(str(Path.home()), "~")
    write_atomically(target, text.encode(errors="backslashreplace"))
    yield ReportSaved(target)


def _versions() -> dict[str, str]:
    import importlib.metadata
    import platform

    found = {"TL Studio": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _tail(path: Path, lines: int) -> str:
    """The last lines of a text file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LONGEST_TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error}"
    return "\n".join(text.splitlines()[-lines:])

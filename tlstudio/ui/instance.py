"""One window for a person's session: a second start finds the first and hands it what it was given.

Quick to import, and without Qt: a second start does nothing else.
"""

import hashlib
import json
import os
import socket
import stat
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

import platformdirs

from tlstudio.core.locks import try_lock

PROTOCOL = 1
GREETING = json.dumps({"tlstudio": PROTOCOL, "process": os.getpid()}).encode() + b"\n"
TAKEN = b"taken\n"
LONGEST = 4 << 20  # bytes of one request; more than a command line can hold
LONGEST_TOKEN = 1000  # it goes into the environment, where room is scarce
STARTS_WITHIN = 20.0  # seconds from taking the session's lock to answering
ANSWERS_WITHIN = 5.0  # seconds; loading the engine keeps a window busy for less
POLL = 0.05
SESSION = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "SESSIONNAME")
TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")


@dataclass(frozen=True)
class Request:
    """What a second start asks of the first. token: the desktop's permission to come to the front, if it gave one."""

    paths: tuple[Path, ...] = ()
    token: str = ""

    @classmethod
    def of(cls, paths: list[Path]) -> "Request":
        """The request of this process."""
        token = next((os.environ[name] for name in TOKENS if os.environ.get(name)), "")
        return cls(tuple(path.absolute() for path in paths), token)

    def encode(self) -> bytes:
        """One line."""
        return json.dumps({"paths": [str(path) for path in self.paths], "token": self.token}).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Request":
        """Read a line back.

        Raises:
            ValueError: it is anything else than `encode` makes.
        """
        try:
            data = json.loads(line)
            paths, token = data["paths"], data["token"]
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError("not a request") from error
        texts = [token, *paths] if isinstance(paths, list) else [None]
        if not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise ValueError("not a request")
        if len(token) > LONGEST_TOKEN:
            raise ValueError("no desktop gives such a token")
        found = tuple(Path(text) for text in paths)
        if not all(path.is_absolute() for path in found):
            raise ValueError("a path that depends on where one stands")
        return cls(found, token)


@dataclass(frozen=True)
class Place:
    """Where the starts of one session meet. server: a socket's path, on Windows a pipe's name."""

    server: str
    lock: Path


@dataclass
class Claim:
    """The right to show a window.

    lock: held by the session's first window, None in others. place: where that window listens. silent: another window
    holds the session but did not answer.
    """

    place: Place | None = None
    lock: IO[str] | None = None
    silent: bool = False

    def give_up(self) -> None:
        """Let the next start be the session's first."""
        if self.lock is not None:
            self.lock.close()


class Answer(Enum):
    """What became of a request."""

    TAKEN = "taken"
    NOBODY = "nobody listens"
    SILENCE = "somebody listens and does not answer"


def meeting_place() -> Place | None:
    """The place for this user, screen and home; None where no folder is safe enough for one."""
    state = platformdirs.user_state_path("tlstudio", appauthor=False)
    session = "\0".join([str(state), *(os.environ.get(name, "") for name in SESSION)])
    name = f"tlstudio-{hashlib.blake2b(session.encode(errors='surrogateescape'), digest_size=6).hexdigest()}"
    if sys.platform == "win32":
        state.mkdir(parents=True, exist_ok=True)
        return Place(name, state / f"{name}.lock")
    folder = _runtime_folder()
    return Place(str(folder / name), folder / f"{name}.lock") if folder else None


def claim(place: Place | None, request: Request, answers_within: float = ANSWERS_WITHIN) -> Claim | None:
    """Hand the request to the session's window, or become that window.

    answers_within: seconds to wait for a window that hears but does not answer.

    Returns:
        None when a running window took the request; else the right to show one.
    """
    if place is None:
        return Claim()
    end = time.monotonic() + STARTS_WITHIN
    while True:
        answer = ask(place.server, request, answers_within)
        if answer is Answer.TAKEN:
            return None
        lock = _take(place.lock)
        if lock is not None:
            return Claim(place, lock)
        if answer is Answer.SILENCE or time.monotonic() > end:
            return Claim(place, silent=True)
        time.sleep(POLL)  # it is just starting, or just ending


def command_for_new_window() -> list[str]:
    """What to run for a window beside this one."""
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "tlstudio"]
    return [*program, "--new-window"]


def _take(path: Path) -> IO[str] | None:
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError:
        return None
    if try_lock(file):
        return file
    file.close()
    return None


def _knows_us(greeting: bytes) -> bool:
    """Whether a window of this version of the talk greets; on Windows, let it come to the front."""
    try:
        data = json.loads(greeting)
        known = data["tlstudio"] == PROTOCOL
        process = int(data["process"])
    except (ValueError, KeyError, TypeError):
        return False
    if known and sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(process)
    return known


if sys.platform == "win32":
    import threading

    def _runtime_folder() -> Path | None:
        return None

    def ask(server: str, request: Request, patience: float) -> Answer:
        """Hand a request to whoever listens; waits `patience` seconds for each of its answers."""
        try:
            pipe = Path(rf"\\.\pipe\{server}").open("r+b", buffering=0)  # noqa: SIM115  # a thread may still read it
        except OSError:
            return Answer.NOBODY
        answers = [Answer.SILENCE]

        def talk() -> None:
            if _knows_us(pipe.readline()):
                pipe.write(request.encode())
                answers[0] = Answer.TAKEN if pipe.readline() == TAKEN else Answer.SILENCE

        # A pipe knows no time limit; a thread that waits in vain ends with the process.
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        thread.join(patience)
        return answers[0]

else:

    def _runtime_folder() -> Path | None:
        """A folder that only this user can enter: the session's own, or one among the temporary ones."""
        given = os.environ.get("XDG_RUNTIME_DIR", "")
        if given and _is_private(Path(given)):
            return Path(given)
        made = Path(os.environ.get("TMPDIR") or "/tmp") / f"tlstudio-{os.getuid()}"
        try:
            made.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return None
        return made if _is_private(made) else None

    def _is_private(folder: Path) -> bool:
        try:
            found = folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077

    def ask(server: str, request: Request, patience: float) -> Answer:
        """Hand a request to whoever listens; waits `patience` seconds for each of its answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talk:
            talk.settimeout(patience)
            try:
                talk.connect(server)
            except TimeoutError:
                return Answer.SILENCE
            except OSError:
                return Answer.NOBODY
            try:
                # Nothing is asked of a window before it shows that it lives: it would do it late, besides another.
                with talk.makefile("rb") as answers:
                    if not _knows_us(answers.readline(LONGEST)):
                        return Answer.SILENCE
                    talk.sendall(request.encode())
                    return Answer.TAKEN if answers.readline(LONGEST) == TAKEN else Answer.SILENCE
            except OSError:
                return Answer.SILENCE

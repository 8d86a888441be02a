"""`tlstudio` without arguments or with paths opens the window; with a verb it is the command line."""

import atexit
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
NEW_WINDOW = "--new-window"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def main() -> None:
    try:
        status = _main(sys.argv[1:])
    except KeyboardInterrupt:  # while still importing; the command line catches its own
        status = INTERRUPTED
    if "torch" in sys.modules and "PySide6" not in sys.modules:
        _end(status)
    sys.exit(status)


def _end(status: int) -> NoReturn:
    """End this process as Python does, but for taking down everything that was loaded.

    After torch that takes more than a second of processor time, for memory that the system takes back anyway. The steps
    are those by which `multiprocessing` ends its own processes.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):  # the disk is full, who read it has gone, or it is closed
            status = status or FAILED
    os._exit(status)


def _main(arguments: list[str]) -> int:
    if arguments[:1] == [NEW_WINDOW]:
        return _unknown(arguments[1:]) or _window([Path(text) for text in arguments[1:]], own=True)
    if not arguments:
        return _window([])
    first = arguments[0]
    # No verb has a dot or a slash in it, so most paths need not wait for the command line to load.
    if first.startswith("-") or not any(mark in first for mark in (".", "/", os.sep)):
        from tlstudio import cli

        if first.startswith("-") or first in cli.cli.commands:
            return cli.main(arguments)
    return _unknown(arguments) or _window([Path(text) for text in arguments])


def _unknown(arguments: list[str]) -> int:
    """Refuse what is neither there nor a verb; returns the exit status, 0 if there is nothing to refuse."""
    missing = next((text for text in arguments if not Path(text).exists()), None)
    if missing is None:
        return 0
    import difflib

    from tlstudio import cli

    verbs = sorted(cli.cli.commands)
    meant = difflib.get_close_matches(missing, verbs, 1)
    hint = f"Did you mean {meant[0]}?" if meant else f"Commands: {', '.join(verbs)}."
    print(f"tlstudio: {missing} is neither a file or folder nor a command. {hint}", file=sys.stderr)
    return WRONG_USAGE


def _window(paths: list[Path], own: bool = False) -> int:
    """Show the paths in the window that runs, or else in one of our own. own: always in one of our own."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in SCREENS):
        # Qt would abort without a word that helps.
        text = "there is no screen here for the window. The commands need none: tlstudio --help."
        print(f"tlstudio: {text}", file=sys.stderr)
        return FAILED
    from tlstudio.ui import instance

    claim = instance.Claim() if own else instance.claim(instance.meeting_place(), instance.Request.of(paths))
    if claim is None:
        what = "takes what you named" if paths else "comes to the front"
        print(f"TL Studio is open already: its window {what}. For another window: tlstudio {NEW_WINDOW}")
        return 0
    _load_c10_before_qt()
    from tlstudio.ui.app import run

    return run(paths, claim)


def _load_c10_before_qt() -> None:
    """On Windows torch refuses to load after Qt (WinError 1114 on c10.dll) unless this library of its came first."""
    if os.name != "nt":
        return
    import importlib.util

    spec = importlib.util.find_spec("torch")
    if spec and spec.origin:
        library = Path(spec.origin).parent / "lib" / "c10.dll"
        if library.is_file():
            import ctypes

            ctypes.CDLL(str(library))


if __name__ == "__main__":
    main()

"""`tlstudio` without arguments or with a path opens the window; with a verb it is the command line."""

import ctypes
import difflib
import importlib.util
import os
import sys
from pathlib import Path

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def main() -> None:
    try:
        sys.exit(_main(sys.argv[1:]))
    except KeyboardInterrupt:  # while still importing; the command line catches its own
        sys.exit(INTERRUPTED)


def _main(arguments: list[str]) -> int:
    if not arguments:
        return _window([])
    from tlstudio import cli

    first = arguments[0]
    if first.startswith("-") or first in cli.cli.commands:
        return cli.main(arguments)
    missing = next((text for text in arguments if not Path(text).exists()), None)
    if missing is None:
        return _window([Path(text) for text in arguments])
    verbs = sorted(cli.cli.commands)
    meant = difflib.get_close_matches(missing, verbs, 1)
    hint = f"Did you mean {meant[0]}?" if meant else f"Commands: {', '.join(verbs)}."
    print(f"tlstudio: {missing} is neither a file or folder nor a command. {hint}", file=sys.stderr)
    return WRONG_USAGE


def _window(paths: list[Path]) -> int:
    if sys.platform == "linux" and not any(os.environ.get(name) for name in SCREENS):
        # Qt would abort without a word that helps.
        text = "there is no screen here for the window. The commands need none: tlstudio --help."
        print(f"tlstudio: {text}", file=sys.stderr)
        return FAILED
    _load_c10_before_qt()
    from tlstudio.ui.app import run

    return run(paths)


def _load_c10_before_qt() -> None:
    """On Windows torch refuses to load after Qt (WinError 1114 on c10.dll) unless this library of its came first."""
    spec = importlib.util.find_spec("torch") if os.name == "nt" else None
    if spec and spec.origin:
        library = Path(spec.origin).parent / "lib" / "c10.dll"
        if library.is_file():
            ctypes.CDLL(str(library))


if __name__ == "__main__":
    main()

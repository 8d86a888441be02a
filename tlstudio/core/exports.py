"""The folder an export is: what belongs to it, where it may go, and that it is there whole or not at all."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_UP, Context
from pathlib import Path

from tlstudio.core.errors import ExportFailed
from tlstudio.core.files import is_dropping

CERTIFICATE, CERTIFICATE_IN_WORDS = "certificate.json", "certificate.txt"
FILES = {
    *("model.onnx", "labels.txt", "labels.json", "preprocessing.json"),
    *("golden", "golden.json", "check.py", CERTIFICATE, CERTIFICATE_IN_WORDS),
}


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A new folder beside `out` to fill; it takes `out`'s place when the block ends well, and is gone when not.

    Raises:
        ExportFailed: see `check_place`; or it cannot be written.
    """
    out = Path(os.path.realpath(out))
    check_place(out)
    made = out.with_name(f".{out.name}.{os.getpid()}.part")
    before = made.with_name(made.name + ".old")
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        yield made
        for file in made.rglob("*"):
            if file.is_file():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
        check_place(out)  # something may have come there meanwhile
        if out.exists():
            out.rename(before)
        made.rename(out)
    except OSError as error:
        reason, remedy = error.strerror or str(error), f"Free some space in {out.parent}, or choose another folder."
        raise ExportFailed(f"cannot be written ({reason})", path=out, remedy=remedy) from error
    finally:
        if before.exists() and not out.exists():
            before.rename(out)
        for left in (made, before):
            shutil.rmtree(left, ignore_errors=True)


def unfinished(out: Path) -> set[Path]:
    """Exports to `out` in the making, or given up by a process that was killed."""
    return set(out.parent.glob(f".{glob.escape(out.name)}.*.part"))


def at_most(difference: float) -> str:
    """A bound for people, one digit long and never below what it bounds: 0.0004 for 0.00031."""
    return f"{float(Context(prec=1, rounding=ROUND_UP).create_decimal_from_float(difference)):g}"


def check_place(out: Path) -> None:
    """Refuse a place where something else would be lost. What systems leave in every folder is nothing.

    Raises:
        ExportFailed: it is neither new, nor an empty folder, nor an earlier export as it was made.
    """
    if not out.parent.is_dir():
        raise ExportFailed("there is no such folder to export to", path=out.parent, remedy="Make it first.")
    if not out.exists():
        return
    if not out.is_dir():
        raise ExportFailed("is not a folder", path=out, remedy="Give the name of a new folder.")
    try:
        what = _what_would_be_lost(out)
    except OSError as error:
        raise ExportFailed(f"cannot be looked into ({error.strerror})", path=error.filename or out) from error
    if what:
        raise ExportFailed(what, path=out, remedy="Give a new or empty folder, or an earlier export to replace.")


def _what_would_be_lost(out: Path) -> str:
    """Why a folder must not be replaced; empty if it may."""
    names = {entry.name for entry in out.iterdir() if not is_dropping(entry.name)}
    if odd := sorted(names - FILES)[:3]:
        return f"holds other things ({', '.join(odd)})"
    if not names:
        return ""
    digests = _certified(out)
    if not digests:
        return "is no export"
    files = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    found = {path.relative_to(out).as_posix() for path in files if not is_dropping(path.name)}
    if odd := sorted(found - digests.keys() - {CERTIFICATE, CERTIFICATE_IN_WORDS})[:3]:
        return f"holds other things ({', '.join(odd)})"
    changed = [name for name in sorted(digests) if name in found and _digest(out / name) != digests[name]]
    return f"was changed since it was exported ({', '.join(changed[:3])})" if changed else ""


def _certified(out: Path) -> dict[str, str]:
    """The digests an export's certificate names; none where there is no such certificate."""
    try:
        digests = json.loads((out / CERTIFICATE).read_bytes())["sha256"]
        return {str(name): str(digest) for name, digest in digests.items()}
    except (FileNotFoundError, IsADirectoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty for what is none, such as a link to one."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The folder an export is: what belongs to it, where it may go, and that it is there whole or not at all."""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tlstudio.core.errors import ExportFailed

CERTIFICATE = "certificate.json"
FILES = {
    *("model.onnx", "labels.txt", "labels.json", "preprocessing.json"),
    *("golden", "golden.json", "check.py", CERTIFICATE, "certificate.txt"),
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


def check_place(out: Path) -> None:
    """Refuse a place where something else would be lost.

    Raises:
        ExportFailed: it is neither new, nor an empty folder, nor an earlier export.
    """
    if not out.parent.is_dir():
        raise ExportFailed("there is no such folder to export to", path=out.parent, remedy="Make it first.")
    if not out.exists():
        return
    if not out.is_dir():
        raise ExportFailed("is not a folder", path=out, remedy="Give the name of a new folder.")
    try:
        found = {entry.name for entry in out.iterdir()}
    except OSError as error:
        raise ExportFailed(f"cannot be looked into ({error.strerror})", path=out) from error
    if found and (CERTIFICATE not in found or found - FILES):
        odd = sorted(found - FILES)[:3]
        what = f"holds other things ({', '.join(odd)})" if odd else "is no export"
        raise ExportFailed(what, path=out, remedy="Give a new or empty folder, or an earlier export to replace.")

"""What a person notes about a run: one line of plain text beside it, in `note.txt`."""

from contextlib import suppress

from tlstudio.core.project import write_atomically
from tlstudio.core.run import RunFolder

LONGEST = 500  # characters


def read_note(run: RunFolder) -> str:
    """The note of a run; empty where there is none that could be read."""
    with suppress(OSError), (run.folder / "note.txt").open(encoding="utf-8", errors="replace") as file:
        return one_line(file.read(4 * LONGEST))
    return ""


def write_note(run: RunFolder, text: str) -> None:
    """Keep a note beside its run.

    Raises:
        ProjectError: the disk is full, or the run's folder is gone.
    """
    write_atomically(run.folder / "note.txt", (one_line(text) + "\n").encode())


def one_line(text: str) -> str:
    """A text as a note holds it: on one line, and not endless."""
    return " ".join(text.split())[:LONGEST]

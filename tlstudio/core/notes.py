"""What a person has said about a run, kept beside it: a note of one line, and that it shall not be gone on with."""

from contextlib import suppress

from tlstudio.core.project import write_atomically
from tlstudio.core.run import RunFolder, Standing

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


def is_left(run: RunFolder, standing: Standing) -> bool:
    """Whether a person wants a run left as it stands here. One that went on since then stands elsewhere."""
    with suppress(OSError), (run.folder / "left.txt").open(encoding="utf-8", errors="replace") as file:
        return file.read(100).strip() == standing.saved
    return False


def leave(run: RunFolder, standing: Standing) -> None:
    """Remember that a run shall be left as it stands.

    Raises:
        ProjectError: the disk is full, or the run's folder is gone.
    """
    write_atomically(run.folder / "left.txt", f"{standing.saved}\n".encode())


def one_line(text: str) -> str:
    """A text as a note holds it: on one line, and not endless."""
    return " ".join(text.split())[:LONGEST]

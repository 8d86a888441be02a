"""Opening and beginning projects, away from the window's thread."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event
from tlstudio.core.project import PROJECT_FILE, Project

NAMES_TRIED = 1000
SAMPLE_FOLDER = "sample pictures"


class MissingProject(ProjectError):
    """A project that was remembered but is gone."""


@dataclass(frozen=True)
class ProjectOpened(Event):
    """A project is open and ours. model: its newest trained model. then: pictures to add to it. sample: draw those.

    begun: it was made just now, for these pictures.
    """

    project: Project
    model: Path | None = None
    begun: bool = False
    then: tuple[Path, ...] = ()
    sample: bool = False


def open_project(folder: Path) -> Iterator[Event]:
    """Open a project, or begin one in an empty folder.

    Raises:
        MissingProject: there is no such folder.
        ProjectError: it is open elsewhere, damaged, or no project.
    """
    if not folder.is_dir():
        raise MissingProject("is not there any more", path=folder, remedy="It may have been moved: use File ▸ Open.")
    project = Project.open(folder)
    models = [run.model_file for run in project.runs() if run.model_file.is_file()]
    yield ProjectOpened(project, models[-1] if models else None)


def begin_project(home: Path, name: str, then: tuple[Path, ...] = (), sample: bool = False) -> Iterator[Event]:
    """Begin a project called `name`, or `name 2` and so on, among the others.

    Raises:
        ProjectError: the folder for projects cannot be written.
    """
    clean = "".join(letter for letter in name if letter.isprintable() and letter not in '<>:"/\\|?*').strip(" .")
    stem = clean[:80] or "Untitled"
    for number in range(1, NAMES_TRIED):
        folder = home / (stem if number == 1 else f"{stem} {number}")
        if not folder.exists():
            yield ProjectOpened(Project.open(folder), begun=True, then=then, sample=sample)
            return
    raise ProjectError("has too many projects of one name", path=home / stem, remedy="Remove some of them.")


def remove_empty(folder: Path) -> Iterator[Event]:
    """Remove a project that was begun for pictures and got none: what we wrote there, and nothing else."""
    with suppress(OSError):  # what cannot be removed does no harm
        for drawn in (folder / SAMPLE_FOLDER).glob("*/*.png"):
            drawn.unlink()
        for name in (PROJECT_FILE, "lock"):
            (folder / name).unlink(missing_ok=True)
        for table in folder.glob("catalogue.sqlite*"):
            table.unlink()
        emptied = [*(folder / SAMPLE_FOLDER).glob("*/"), folder / SAMPLE_FOLDER, folder]
        for place in emptied:
            if place.is_dir():
                place.rmdir()
    yield from ()

"""Opening and beginning projects, away from the window's thread."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tlstudio.core.errors import LookOnly, ProjectError
from tlstudio.core.events import Event
from tlstudio.core.import_log import FILE as IMPORT_LOG
from tlstudio.core.project import PROJECT_FILE, Project, is_project

NAMES_TRIED = 1000
SAMPLE_FOLDER = "sample pictures"


class MissingProject(ProjectError):
    """A project that was remembered but is gone."""


@dataclass(frozen=True)
class ProjectOpened(Event):
    """A project is open, ours or to be looked at. model: its newest trained model.

    then: pictures to add to it. sample: draw those.

    begun: it was made just now, for these pictures.
    """

    project: Project
    model: Path | None = None
    begun: bool = False
    then: tuple[Path, ...] = ()
    sample: bool = False


@dataclass(frozen=True)
class Watched(Event):
    """A project that is looked at was asked about. is_free: nobody else has it any more."""

    project: Project
    is_free: bool


@dataclass(frozen=True)
class TakenOver(Event):
    """A project was opened anew in place of one that was only looked at, `before`."""

    before: Project
    project: Project


@dataclass(frozen=True)
class ProjectRemoved(Event):
    """A project that never got a picture is no more."""

    folder: Path


@dataclass(frozen=True)
class ProjectsGone(Event):
    """Projects that are not where they were."""

    folders: tuple[Path, ...]


def find_gone(folders: tuple[Path, ...]) -> Iterator[Event]:
    """Tell which projects are not there now."""
    yield ProjectsGone(tuple(folder for folder in folders if not is_project(folder)))


def open_project(folder: Path, current: Project | None = None) -> Iterator[Event]:
    """Open a project, or begin one in an empty folder; one that cannot be changed here is opened to be looked at.

    current: the one that is open; it opens as it is.

    Raises:
        MissingProject: there is no such folder.
        ProjectError: it is damaged, or no project.
    """
    if not folder.is_dir():
        raise MissingProject("is not there any more", path=folder, remedy="It may have been moved: use File ▸ Open.")
    is_open = current is not None and current.folder.exists() and current.folder.samefile(folder)
    project = current if current is not None and is_open and not current.is_read_only else _open_or_look(folder)
    models = [run.model_file for run in project.runs() if run.model_file.is_file()]
    yield ProjectOpened(project, models[-1] if models else None)


def _open_or_look(folder: Path) -> Project:
    try:
        return Project.open(folder)
    except LookOnly as refusal:
        return Project.look(folder, refusal)


def watch(project: Project) -> Iterator[Event]:
    """Tell whether a project that is only looked at could be changed here now."""
    yield Watched(project, project.is_free())


def take_over(project: Project) -> Iterator[Event]:
    """Open a project that is only looked at to change it; where it still cannot be, look at it anew."""
    yield TakenOver(project, _open_or_look(project.folder))


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


def remove_if_empty(project: Project) -> Iterator[Event]:
    """Give back a project that was begun for pictures; where it got none, remove what we wrote, and nothing else."""
    if not project.catalogue.pictures():
        _remove(project)
        yield ProjectRemoved(project.folder)
    project.close()


def _remove(project: Project) -> None:
    folder = project.folder
    with suppress(OSError):  # what cannot be removed does no harm
        for drawn in (folder / SAMPLE_FOLDER).glob("*/*.png"):
            drawn.unlink()
        (folder / PROJECT_FILE).unlink(missing_ok=True)
        for file in (*folder.glob("catalogue.sqlite*"), *folder.glob(IMPORT_LOG)):
            file.unlink()
        project.close()  # Windows removes no file that is open, the lock among them
        (folder / "lock").unlink(missing_ok=True)
        emptied = [*(folder / SAMPLE_FOLDER).glob("*/"), folder / SAMPLE_FOLDER, folder]
        for place in emptied:
            if place.is_dir():
                place.rmdir()

"""What the panel asks of the catalogue, away from the window's thread: counts, a choice of pictures, facts, edits."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tlstudio import tasks
from tlstudio.core.catalogue import Order, Picture
from tlstudio.core.edits import Edits, Step
from tlstudio.core.events import Difference, Edited, Event, Inspected, Warned
from tlstudio.core.project import Project
from tlstudio.ui.dataset.remarks import Remark
from tlstudio.ui.drops import Pixels, Recognised
from tlstudio.ui.projects import SAMPLE_FOLDER

# How many pictures' facts come with a list, so that what is seen first is there at once.
FIRST = 400
# Something that changes the pictures and ends with `Edited`, such as `partial(tasks.edit, change=Edits.undo)`.
Deed = Callable[[Project], Iterator[Event]]


@dataclass(frozen=True)
class Choice:
    """Which pictures the grid shows, and in which order.

    label, split, text: as `Catalogue.matching` takes them. only: ids of the pictures a remark is about, in its own
    order; None for all.
    """

    label: str = ""
    split: str = ""
    text: str = ""
    order: Order = "path"
    descending: bool = False
    only: tuple[int, ...] | None = None

    def after(self, step: Step, back: bool) -> "Choice":
        """The choice once the class it is of has another name, or is another one. back: the step was taken back."""
        if step.kind == "rename":
            old, new = reversed(step.names) if back else step.names
            return replace(self, label=new) if self.label == old else self
        gone = step.kind == "remove" or (step.kind == "add" and back)
        if gone and self.label == step.names[0]:
            return replace(self, label="")
        if step.kind == "merge" and not back and self.label in step.names:
            return replace(self, label=step.names[-1])
        return self


@dataclass(frozen=True)
class Counted(Event):
    """How many pictures each class and split has, how many files there are, and what Undo and Redo would do."""

    project: Project
    classes: Mapping[str, Mapping[str, int]]
    size: int
    undo: Step | None
    redo: Step | None


@dataclass(frozen=True)
class Listed(Event):
    """The ids of the pictures that a choice leaves, and the facts of the first ones.

    keeps: the choice is the same as before, only the pictures may have changed.
    """

    project: Project
    choice: Choice
    ids: Sequence[int]
    first: Mapping[int, Picture]
    keeps: bool


@dataclass(frozen=True)
class Facts(Event):
    """What is known about some pictures, by id."""

    project: Project
    pictures: Mapping[int, Picture]


@dataclass(frozen=True)
class Found(Event):
    """Pictures that somebody named by their paths: the ids of those the project has, and how many it has not."""

    project: Project
    ids: tuple[int, ...]
    missing: int


@dataclass(frozen=True)
class Changed(Event):
    """A person's edit is done, or was taken back. choice: what is listed next, unless another was made meanwhile."""

    project: Project
    edited: Edited
    back: bool
    choice: Choice


@dataclass(frozen=True)
class StaysOut(Event):
    """Pictures could not be used again, because their classes were removed: the names of these."""

    project: Project
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Reported(Event):
    """What there is to know about the pictures; found: None where there are none."""

    project: Project
    found: Inspected | None
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Differs(Event):
    """How the folders differ from what the project knows. asked: a person wanted to know."""

    project: Project
    difference: Difference
    asked: bool


@dataclass(frozen=True)
class Addition:
    """What one drop put into a project: enough to take it out again."""

    paths: tuple[Path, ...]
    label: str


@dataclass(frozen=True)
class Looked(Event):
    """A task has looked through the pictures.

    warnings: what it warned of. addition: what it added; `added`: class → number of pictures that are new.
    """

    project: Project
    warnings: tuple[str, ...]
    addition: Addition | None
    added: Mapping[str, int]


def count(project: Project) -> Iterator[Event]:
    """How many there are of what."""
    catalogue, edits = project.catalogue, Edits(project.catalogue)
    yield Counted(project, catalogue.counts(), catalogue.size(), edits.undoable(), edits.redoable())


def choose(project: Project, choice: Choice, keeps: bool = False, near: Sequence[int] = ()) -> Iterator[Event]:
    """The pictures that a choice leaves. near: ids of pictures somebody is looking at, whose facts come too."""
    catalogue = project.catalogue
    ids: Sequence[int] = catalogue.matching(choice.label, choice.split, choice.text, choice.order, choice.descending)
    if choice.only is not None:
        left = set(ids)
        if choice.order == Choice.order:
            ids = [number for number in choice.only if number in left]
        else:
            wanted = set(choice.only)
            ids = [number for number in ids if number in wanted]
    seen = near if keeps and near else ids[:FIRST]
    yield Listed(project, choice, ids, {p.id: p for p in catalogue.some(seen)}, keeps)


def facts(project: Project, ids: Sequence[int]) -> Iterator[Event]:
    """What is known about some pictures."""
    yield Facts(project, {picture.id: picture for picture in project.catalogue.some(ids)})


def find(project: Project, paths: Sequence[str]) -> Iterator[Event]:
    """The pictures at these paths, in their order."""
    wanted = set(paths)
    ids = {picture.path: picture.id for picture in project.catalogue.pictures() if picture.path in wanted}
    found = tuple(ids[path] for path in paths if path in ids)
    yield Found(project, found, len(paths) - len(found))


def edit(project: Project, deed: Deed, choice: Choice, near: Sequence[int], back: bool = False) -> Iterator[Event]:
    """Change something, then list the choice anew. back: it takes an edit back."""
    for event in deed(project):
        if isinstance(event, Edited):
            choice = choice.after(event.step, back) if event.step else choice
            yield Changed(project, event, back, choice)
        elif isinstance(event, StaysOut):
            yield event
    yield from choose(project, choice, keeps=True, near=near)


def include(project: Project, ids: Sequence[int]) -> Iterator[Event]:
    """Use pictures again that were left out; of those whose class was removed, say so."""
    yield from tasks.edit(project, partial(Edits.include, ids=ids))
    if removed := {picture.label for picture in project.catalogue.some(ids) if picture.excluded}:
        yield StaysOut(project, tuple(sorted(removed)))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles among the objects of 100,000 pictures, which have none.

    It would hold up the window for a tenth of a second and more, over and over.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def report(project: Project, write: Callable[[Inspected, Sequence[int]], tuple[Remark, ...]]) -> Iterator[Event]:
    """What is wrong with the pictures. write: puts a report, and the ids of what a person left out, into lines."""
    with _uncollected():
        for event in tasks.report(project):
            if isinstance(event, Inspected):
                pictures = project.catalogue.pictures() if event.excluded else []
                excluded = [picture.id for picture in pictures if picture.excluded and not picture.refused]
                yield Reported(project, event if event.found else None, write(event, excluded))


def look(project: Project, task: Callable[[], Iterator[Event]], addition: Addition | None = None) -> Iterator[Event]:
    """Run a task that looks through pictures, and say what it came to."""
    known = set(project.catalogue.matching()) if addition else set()
    warnings = []
    for event in task():
        if isinstance(event, Warned):
            warnings.append(event.text)
        elif not isinstance(event, Inspected):
            yield event
    added: dict[str, int] = {}
    if known:  # the first pictures are seen anyway
        for picture in project.catalogue.some([n for n in project.catalogue.matching() if n not in known]):
            added[picture.label] = added.get(picture.label, 0) + 1
    yield from count(project)  # whether there are pictures at all is known when the job ends
    yield Looked(project, tuple(warnings), addition, added)


def differ_if_any(project: Project) -> Iterator[Event]:
    """`differ` on opening: quietly, and only where there is something to compare."""
    if project.catalogue.size():
        yield from differ(project, asked=False)


def differ(project: Project, asked: bool) -> Iterator[Event]:
    """How the folders differ from what the project knows. asked: a person wants to know, and sees how far it is."""
    with _uncollected():
        for event in tasks.difference(project, thorough=asked):
            if isinstance(event, Difference):
                yield Differs(project, event, asked)
            elif asked:
                yield event


def add(project: Project, paths: tuple[Path, ...], label: str, copy: bool = False) -> Iterator[Event]:
    """Add pictures to a project, and remember which were new to it. copy: into the project's folder."""
    fresh = tasks.not_yet_added(project, paths, label)
    yield from look(project, lambda: tasks.add(project, paths, label, copy=copy), Addition(fresh, label))


def add_pixels(project: Project, pixels: Pixels, label: str) -> Iterator[Event]:
    """Add a picture that came without a file to a class; the project keeps it."""
    for event in pixels.keep():
        if isinstance(event, Recognised):
            yield from add(project, event.paths, label)


def draw_sample(project: Project) -> Iterator[Event]:
    """Draw the built-in sample into the project's folder and make it its pictures."""

    def draw_and_add() -> Iterator[Event]:
        folder = project.folder / SAMPLE_FOLDER
        yield from tasks.draw_sample(folder)
        yield from tasks.add(project, [folder])

    yield from look(project, draw_and_add)

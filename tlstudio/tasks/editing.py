"""Change what a project says about its pictures, take it back, do it again. No file is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tlstudio.core.edits import Edits, Step
from tlstudio.core.events import Edited, Event
from tlstudio.core.project import Project


def edit(project: Project, change: Callable[[Edits], Step | None]) -> Iterator[Event]:
    """Make one edit, such as `partial(Edits.rename_class, old="bee", new="bees")`, and say what can be undone now.

    Ends with `Edited`; the edit is on the disk by then.

    Raises:
        ProjectError: the edit is not possible, or cannot be written; nothing has changed.
    """
    edits = Edits(project.catalogue)
    step = change(edits)
    yield Edited(step, project.catalogue.counts(), edits.undoable(), edits.redoable())

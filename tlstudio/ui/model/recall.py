"""What a project was last trained with, read on a thread: where a person goes on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tlstudio import tasks
from tlstudio.core.draft import Draft
from tlstudio.core.errors import BadRecipe
from tlstudio.core.events import Event
from tlstudio.core.project import runs_in
from tlstudio.core.recipe import Recipe


@dataclass(frozen=True)
class Recalled(Event):
    """The draft of a project's newest run. project: its folder."""

    project: Path
    draft: Draft
    kind: ClassVar[str] = "recalled"


def recall(project: Path) -> Iterator[Event]:
    """Find the newest run whose recipe can be read and is known here; silent when there is none."""
    tasks.find_networks()
    for run in reversed(runs_in(project)):
        try:
            recipe = Recipe.from_json(json.loads(run.recipe_file.read_text("utf-8")))
            draft = Draft.of(recipe)
        except (OSError, ValueError, KeyError, TypeError, IndexError, BadRecipe):
            continue  # damaged, or of another version; the list of runs shows it all the same
        yield Recalled(project, draft)
        return

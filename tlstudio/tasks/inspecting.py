"""What a path holds: pictures, a project, a run, or a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.core import events, splits
from tlstudio.core.catalogue import Catalogue, class_names
from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event
from tlstudio.core.project import is_project, runs_in
from tlstudio.core.run import RunFolder
from tlstudio.core.sources import called
from tlstudio.tasks.finding import read


def inspect(path: Path, more: Sequence[Path] = (), threads: int = 0) -> Iterator[Event]:
    """What a path holds: pictures, a project, a run, or a model.

    more: further folders or lists of pictures, joined with the first.

    Raises:
        TLStudioError: it is none of these, or damaged.
    """
    from tlstudio.engine import report

    if more:
        looked = yield from read((path, *more), threads)
        yield report.inspect(called((path, *more)), splits.divide(looked))
    elif path.is_dir() and is_project(path):
        yield _inspect_project(path)
    elif path.is_dir() and (path / "recipe.json").is_file():
        yield _inspect_run(path)
    elif path.is_file() and path.suffix.lower() == ".tlmodel":
        yield _inspect_model(path)
    else:
        looked = yield from read((path,), threads)
        yield report.inspect(path, splits.divide(looked))


def _inspect_project(path: Path) -> Event:
    pictures = Catalogue(path / "catalogue.sqlite").readable()
    counts = {name: sum(p.label == name for p in pictures) for name in class_names(pictures)}
    return events.FileInspected("project", {"classes": counts, "runs": [str(run.folder) for run in runs_in(path)]})


def _inspect_run(path: Path) -> Event:
    run = RunFolder(path)
    try:
        recipe = json.loads(run.recipe_file.read_text("utf-8"))
    except ValueError as error:
        raise ProjectError("is damaged", path=run.recipe_file, remedy="Repeat the run.") from error
    state = run.state()
    facts = {"recipe": recipe, "epochs": [e.to_json() for e in state.epochs], "report": run.report()}
    return events.FileInspected("run", {**facts, "finished": state.finished is not None})


def _inspect_model(path: Path) -> Event:
    from tlstudio.engine import checkpoints

    model = checkpoints.load_model(path)
    return events.FileInspected("model", {**model.facts, "sha256": checkpoints.weights_digest(model)})

"""What a path holds: pictures, a project, a run, or a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.core import events, groups, splits
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event
from tlstudio.core.project import is_project, runs_in
from tlstudio.core.run import RunFolder
from tlstudio.core.sources import called, places_in
from tlstudio.tasks.doubting import doubt
from tlstudio.tasks.finding import read


def inspect(path: Path, more: Sequence[Path] = (), threads: int = 0, doubts: str = "") -> Iterator[Event]:
    """What a path holds: pictures, a project, a run, or a model.

    more: further folders or lists of pictures, joined with the first. doubts: a backbone by which the labels are judged
    as well; nothing else but pictures and projects has any.

    Raises:
        TLStudioError: it is none of these, or damaged.
    """
    if more:
        yield from _inspect_pictures(path, *more, threads=threads, doubts=doubts)
    elif path.is_dir() and is_project(path):
        catalogue = Catalogue.look(path / "catalogue.sqlite")
        yield _inspect_project(path, catalogue)
        yield from _doubt(catalogue.pictures(), places_in(path), doubts, threads)
    elif path.is_dir() and (path / "recipe.json").is_file():
        yield _inspect_run(path)
    elif path.suffix.lower() == ".tlmodel" and not path.is_dir():
        yield _inspect_model(path)
    else:
        yield from _inspect_pictures(path, threads=threads, doubts=doubts)


def _inspect_pictures(*paths: Path, threads: int, doubts: str) -> Iterator[Event]:
    from tlstudio.engine import duplicates, report

    looked = yield from read(paths, threads)
    near = yield from duplicates.near(looked)
    yield report.inspect(called(paths), splits.divide(groups.marked(looked, near, {})), near)
    yield from _doubt(looked, paths, doubts, threads)


def _doubt(pictures: Sequence[Picture], places: Sequence[Path], backbone: str, threads: int) -> Iterator[Event]:
    return doubt(pictures, places, backbone, threads) if backbone else iter(())


def _inspect_project(path: Path, catalogue: Catalogue) -> Event:
    from tlstudio.engine import report

    counts = {name: sum(parts.values()) for name, parts in catalogue.counts().items()}
    seen = report.inspect(path, catalogue.pictures(), catalogue.near(), catalogue.decisions(), counts).to_json()
    facts = {"classes": counts, "runs": [str(run.folder) for run in runs_in(path)]}
    return events.FileInspected("project", {**facts, "pictures": {k: v for k, v in seen.items() if k != "event"}})


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
    from tlstudio.engine import checkpoints, seal

    model = checkpoints.load_model(path)
    facts = {**model.facts, "sha256": checkpoints.weights_digest(model)}
    return events.FileInspected("model", {**facts, "seal": seal.against_shipped(model)})

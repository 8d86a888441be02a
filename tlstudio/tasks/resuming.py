"""Go on with a run that was paused or killed, to the very weights it would have come to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tlstudio.core import events
from tlstudio.core.catalogue import class_names
from tlstudio.core.errors import ProjectError, TrainingFailed
from tlstudio.core.events import Event
from tlstudio.core.project import Project, clear_leftovers
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder
from tlstudio.tasks.concluding import Order
from tlstudio.tasks.running import carry_out, in_use, may_go, terms_of
from tlstudio.tasks.training import check_writable, dealt, starting_network, versions

_CALLED = {
    "files": "the pictures",
    "labels": "the labels of the pictures",
    "splits": "the parts the pictures are dealt into",
    "recipe": "the settings in recipe.json",
    "weights": "the weights it starts from",
}
# Another version of these may round otherwise.
_NUMERIC = ("processor", "way of reading pictures", "torch", "torchvision", "timm", "pillow", "numpy", "scipy")


def resume(
    project: Project,
    run: RunFolder,
    stop: Callable[[], bool] = lambda: False,
    pause: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Iterator[Event]:
    """Go on with an unfinished run of the project from its last checkpoint: first `RunResumed`, later as `train`.

    Settings, device and threads are the run's own. threads: others, for which the last digits may differ.

    Raises:
        TrainingPaused: as `train`.
        TrainingFailed: pictures, settings or weights are no longer those it began with.
        TLStudioError: there is nothing to go on with, or as `train`.
    """
    now = time.monotonic()
    project.check_writable()
    recipe, began = _what_it_was(run)
    pictures = in_use(project)
    # What needs no torch has been checked; from here on it is loaded.
    import torch

    from tlstudio.engine import device as devices
    from tlstudio.engine import run_checkpoints, space
    from tlstudio.engine.training import Fit

    found = run_checkpoints.read(run)
    classes = class_names(pictures)
    network, origin = starting_network(recipe, len(classes))
    by_split = dealt(pictures, recipe)
    with run_checkpoints.fitting(run):
        model = Path(found.terms["model"] or run.model_file)
        order = Order(project, recipe, by_split["test"], model, origin, now - found.facts["seconds"])
        if model.suffix != ".tlmodel":  # a file of the user's, to be replaced by a stranger's project
            raise ValueError("a model has another name")
    terms = terms_of(pictures, order, run)
    _check_unchanged(run, found.terms, terms)
    check_writable(model)
    run.clear_leftovers()
    clear_leftovers(model)
    held = sum(path.stat().st_size for path in run.folder.rglob("*.safetensors"))
    space.check(network, recipe, len(pictures), [(run.folder, held), (model, 0)])
    where, count = devices.choose(began.device), devices.use_threads(threads or began.threads)
    network.model.to(where, memory_format=torch.channels_last)
    place = found.place
    opening: list[Event] = [events.RunResumed(place.phase, place.epoch, place.batch)]
    opening += [events.Warned(text) for text in _differences(began, count)]
    job = Fit(network, recipe, classes, by_split["train"], by_split["val"], run, count, stop, pause=pause)
    job.may_go = may_go(pictures)
    job.terms, job.checkpoint, job.started = terms, found, order.started
    yield from carry_out(order, job, opening)


def _what_it_was(run: RunFolder) -> tuple[Recipe, events.RunStarted]:
    """The recipe of an unfinished run, and how it was begun."""
    if not run.is_unfinished:
        what = "came to its end already" if run.is_finished else "has no checkpoint to go on from"
        raise ProjectError(f"this run {what}", path=run.folder, remedy="Train again.")
    try:
        recipe = Recipe.from_json(json.loads(run.recipe_file.read_text("utf-8")))
        return recipe, next(event for event in run.history() if isinstance(event, events.RunStarted))
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        what = "its recipe.json or events.jsonl is missing or damaged, so the run cannot go on"
        raise ProjectError(what, path=run.folder, remedy="Train again.") from error


def _check_unchanged(run: RunFolder, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [called for name, called in _CALLED.items() if before.get(name) != now[name]]
    if changed:
        what = f"{' and '.join(changed)} have changed since this run began, so it cannot go on"
        raise TrainingFailed(what, path=run.folder, remedy="Train again, or undo the change and continue the run.")


def _differences(began: events.RunStarted, threads: int) -> Iterator[str]:
    """What may make the last digits differ from those of a run that was never interrupted."""
    here, but = versions(), "its last digits may differ from those of a run in one go."
    for name in _NUMERIC:
        # What this version writes down and an older one did not is not known to differ.
        if (then := began.versions.get(name, here[name])) != here[name]:
            yield f"The run began with {name} {then} and goes on with {here[name]}: {but}"
    if threads != began.threads:
        yield f"The run began on {began.threads} threads and goes on with {threads}: {but}"

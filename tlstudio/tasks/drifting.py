"""Show why BatchNorm's statistics are pinned: the same short fine-tuning with and without."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core.backbones import backbone
from tlstudio.core.catalogue import Catalogue, Picture, class_names
from tlstudio.core.drift import DriftMeasured, DriftStarted
from tlstudio.core.errors import BadRecipe, UnusableImages
from tlstudio.core.events import EpochDone, Event, Progress
from tlstudio.core.recipe import WARM_UP, BatchNormMode, Recipe
from tlstudio.core.run import RunFolder
from tlstudio.tasks.seeing import spread

if TYPE_CHECKING:
    from tlstudio.engine.network import Network
    from tlstudio.engine.training import Fit

PICTURES, JUDGED, EPOCHS, BATCH = 128, 64, 4, 16
ENOUGH = 90  # seconds; after these no further epoch begins
MODES: tuple[BatchNormMode, ...] = ("pinned", "adaptive")


def show_drift(project: Path, recipe: Recipe, threads: int = 0) -> Iterator[Event]:
    """Fine-tune by a recipe's last phase twice, statistics pinned and adaptive, on a few of the project's pictures.

    Both start from the same weights and head, and see the same pictures in the same order. A `DriftStarted`, then a
    `DriftMeasured` for each at the end of each epoch. Nothing of it is kept.

    project: its folder.

    Raises:
        TLStudioError: there are too few pictures, no weights, or no BatchNorm that could drift.
    """
    train, val = _pictures(project)
    recipe = _short(recipe)
    from tlstudio.engine import device as devices
    from tlstudio.engine.training import Fit

    count, classes = devices.use_threads(threads), class_names([*train, *val])
    with tempfile.TemporaryDirectory(prefix="tlstudio-drift-") as folder:
        jobs: dict[BatchNormMode, Fit] = {}
        for bn in MODES:
            phases = (*recipe.phases[:-1], replace(recipe.phases[-1], bn=bn))
            run = RunFolder(Path(folder) / bn)
            run.folder.mkdir()
            network = _network(recipe, len(classes))
            jobs[bn] = Fit(network, replace(recipe, phases=phases), classes, train, val, run, count, _never)
        yield from _side_by_side(jobs)


def _side_by_side(jobs: dict[BatchNormMode, Fit]) -> Iterator[Event]:
    """An epoch of one, then the same epoch of the other, for as long as there is time."""
    from tlstudio.engine.evaluation import wilson
    from tlstudio.engine.training import fit

    job = jobs[MODES[0]]
    phase, n, last = job.recipe.phases[-1], len(job.val), len(job.recipe.phases)
    layers = tuple(job.motion.seal.drift())
    yield DriftStarted(job.recipe.backbone, phase.train_from, phase.epochs, len(job.train), n, layers)
    began = time.monotonic()
    said = {bn: fit(job) for bn, job in jobs.items()}
    for epoch in range(1, phase.epochs + 1):
        if time.monotonic() - began > ENOUGH:
            return
        for bn in MODES:
            for event in said[bn]:
                if isinstance(event, Progress):
                    yield replace(event, task=f"{bn} · {event.task}")
                elif isinstance(event, EpochDone) and event.phase == last:
                    seal, accuracy = jobs[bn].motion.seal, event.val_accuracy
                    interval, drift = wilson(round(accuracy * n), n), tuple(seal.drift().values())
                    yield DriftMeasured(bn, epoch, event.val_loss, accuracy, interval, drift, seal.intact)
                    break


def _pictures(project: Path) -> tuple[list[Picture], list[Picture]]:
    """A few of every class to learn from, and a few others to judge on."""
    catalogue = Catalogue(project / "catalogue.sqlite")
    train, val = spread(catalogue.readable("train")), spread(catalogue.readable("val"))
    if not val:
        train, val = train[::2], train[1::2]
    if len(class_names(train)) < 2 or not val:
        remedy = "Add pictures of at least two classes."
        raise UnusableImages("has too few pictures to learn from and to judge on", path=project, remedy=remedy)
    return train[:PICTURES], val[:JUDGED]


def _short(recipe: Recipe) -> Recipe:
    """The recipe as a few epochs from its own cut on, of pictures as they are, in batches that make many steps."""
    spec = backbone(recipe.backbone)
    if not recipe.pretrained:
        remedy = "Choose a strategy that starts from pretrained weights."
        raise BadRecipe("random weights have no statistics worth keeping", remedy=remedy)
    last = recipe.phases[-1]
    cut = last.train_from if last.train_from not in ("pool", "head") else spec.last_stage
    frozen = last.frozen if cut == last.train_from else ()
    phase = replace(last, name="fine-tune", train_from=cut, frozen=frozen, epochs=EPOCHS, augment="none")
    batch = min(BATCH, recipe.batch_size)
    return replace(recipe, phases=(WARM_UP, phase), batch_size=batch, patience=EPOCHS + WARM_UP.epochs, folds=0)


def _network(recipe: Recipe, classes: int) -> Network:
    from tlstudio.engine import checkpoints
    from tlstudio.engine import network as networks

    if recipe.start:
        network = checkpoints.start_from(recipe.start, classes, recipe.seed).network
    else:
        network = networks.build(recipe.backbone, classes, pretrained=True, seed=recipe.seed)
    if recipe.fit:
        network.preprocessing = replace(network.preprocessing, fit=recipe.fit)
    _, tail = network.split(recipe.phases[-1].train_from)
    if not any(isinstance(module, networks.BatchNorm) for module in tail.modules()):
        what = f"{recipe.backbone} has no BatchNorm from {recipe.phases[-1].train_from} on: nothing could drift"
        raise BadRecipe(what, remedy="Learn from an earlier stage on, or choose a network with BatchNorm.")
    return network


def _never() -> bool:
    return False

"""TL Studio: through the hallway, as the window and the command line go."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.contenders.job import Job, Measured
from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.caching import CachePlan
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.engine import sources

list(tasks.load_engine())  # its time is that of the imports: the program does it ahead of the work

STRATEGY = {"head": "feature-extraction", "last": "fine-tune-last", "all": "fine-tune-all"}


def recipe(job: Job) -> Recipe:
    """The strategy's own recipe with so many epochs; what learns learns at once where its epochs are what is timed."""
    if job.learn == "head":
        made = make_recipe(job.network, "feature-extraction", Changes(epochs=job.epochs, seed=job.seed))
    else:
        made = make_recipe(job.network, STRATEGY[job.learn], Changes(warmup_epochs=0, epochs=job.epochs, seed=job.seed))
    # ResNet-18 has random values, which need no weights file. No epoch is left out for want of progress.
    return replace(made, pretrained=job.network != "resnet18", patience=job.epochs)


def without_cache() -> None:
    """What the last stages learn from is made anew in every epoch: the one place that knows how to switch that off."""
    sources.choose = lambda job, phase: CachePlan("files", "uint8", 1)


def work(job: Job) -> Measured:
    """Way `uncached` reads pictures through the frozen stages in every epoch. The cache is empty at the start.

    setup is what comes before the first epoch but looking through the pictures (extra `scan`), reading them through the
    frozen stages among it; extra `after` what follows the last one: judging it and writing the model.
    """
    if job.way == "uncached":
        without_cache()
    measured = Measured()
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder, "project")) as project:
        began = time.perf_counter()
        list(tasks.scan(project, Path(job.images)))
        measured.extra["scan"] = time.perf_counter() - began
        began = last = time.perf_counter()
        spent = 0.0
        for event in tasks.train(project, recipe(job)):
            if isinstance(event, events.EpochDone):
                last = time.perf_counter()
                measured.epochs.append(event.seconds)
                measured.accuracies.append(event.val_accuracy)
                spent += event.seconds
        measured.setup = last - began - spent
        measured.extra["after"] = time.perf_counter() - last
    return measured

"""Which learning rate to begin with: the range test of Smith 2017 (arXiv 1506.01186), on what the last phase learns
from. The rate rises exponentially, step by step, until the loss does too; nothing that is learned is kept.
"""

import itertools
import math
import tempfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from tlstudio.core.advice import RateFound, RateTried
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import Event, PictureSkipped, Progress
from tlstudio.core.recipe import Phase
from tlstudio.core.run import RunFolder
from tlstudio.engine import features, sources
from tlstudio.engine.advisor import stoppable
from tlstudio.engine.sources import Source
from tlstudio.engine.step import Step
from tlstudio.engine.training import Fit, class_weights, fit

LOWEST, HIGHEST = 1e-7, 1.0
# Through a whole network a step takes a second: there they are fewer, and of fewer pictures.
STEPS, DEAR_STEPS = 80, 40
DEAR_BATCH = 16
# The pictures are read through the frozen stages once, and more would not make the curve smoother.
PICTURES = 640
SMOOTHING = 0.85
# How far above where it began the loss is past mending, and how far below shows that something was learned.
RISEN, DIVERGED, FALLEN = 1.15, 3.0, 0.9
MARGIN = 10


def find(job: Fit) -> Generator[Event, None, None]:
    """`RateTried` for each step of the last phase, and `RateFound`. The job's network is spoilt by it.

    job: of a run that is not made: its own folder is never written to. Earlier phases are learned first, because the
    last one begins from what they leave.

    Raises:
        Stopped: the job's `stop`, asked at every step, said so.
        TrainingFailed: no picture can be read, or the loss is no number from the first step on.
    """
    pictures = job.train[:: math.ceil(len(job.train) / PICTURES)]
    *before, phase = job.recipe.phases
    phase = replace(phase, augment="none")
    with tempfile.TemporaryDirectory() as folder:
        recipe = replace(job.recipe, phases=(*before, phase))
        own = replace(job, recipe=recipe, train=pictures, val=[], run=RunFolder(Path(folder)), plans=[])
        if before:
            first = replace(own, recipe=replace(recipe, phases=tuple(before)))
            yield from (e for e in stoppable(first, fit(first)) if isinstance(e, (Progress, PictureSkipped)))
        yield from _range_test(own, phase)


def _range_test(job: Fit, phase: Phase) -> Generator[Event, None, None]:
    network = job.network
    network.prepare(phase)
    plan = sources.choose(job, phase)
    source = yield from sources.open_source(job, phase, plan, job.train, phase.augment)
    if not source.pictures:
        raise TrainingFailed("none of the pictures can be read any more", remedy="Check the folder they lie in.")
    cheap = plan.tier == "features"
    steps, size = (STEPS, job.recipe.batch_size) if cheap else (DEAR_STEPS, min(DEAR_BATCH, job.recipe.batch_size))
    shares = {name: phase.lr(name) for name in network.groups()}
    fastest = max(shares.values())
    weight = class_weights(job.targets(source.pictures), len(job.classes)).to(job.device)
    groups = [{"params": members, "lr": LOWEST, "name": name} for name, members in network.groups().items()]
    optimizer = torch.optim.AdamW(groups, weight_decay=job.recipe.weight_decay)
    step = Step(network.split(phase.train_from)[1], optimizer, weight, job.device, job.pieces)
    network.train_mode(phase)
    torch.manual_seed(job.recipe.seed)
    tried = list[RateTried]()
    curve = list[float]()
    rates = [LOWEST * (HIGHEST / LOWEST) ** (i / (steps - 1)) for i in range(steps)]
    with closing(_endless(source, size, job.recipe.seed)) as batches:
        for rate, (inputs, targets) in zip(rates, batches, strict=False):
            if job.stop():
                raise features.Stopped
            for group in optimizer.param_groups:
                group["lr"] = rate * shares[group["name"]] / fastest
            loss, _ = step(inputs, targets)
            if not math.isfinite(loss):
                break
            tried.append(RateTried(rate, loss))
            yield tried[-1]
            yield Progress("trying learning rates", len(tried), steps)
            curve = smoothed([each.loss for each in tried])
            if curve[-1] > DIVERGED * max(curve[0], min(curve)):
                break
    if not tried:
        raise TrainingFailed("the loss is no number from the first step on", remedy="Look at the pictures again.")
    found, highest = suggestion([each.rate for each in tried], curve)
    yield RateFound(found, highest, {name: found * share / fastest for name, share in shares.items()})


def _endless(source: Source, size: int, seed: int) -> sources.Batches:
    """Batches in an order of their own each time round."""
    for epoch in itertools.count(1):
        order = torch.randperm(len(source.pictures), generator=torch.Generator().manual_seed(seed + epoch)).tolist()
        with closing(source.batches(order, size, epoch)) as batches:
            yield from batches


def smoothed(losses: list[float]) -> list[float]:
    """The running mean of losses in which each counts `SMOOTHING` times the next, without the pull towards 0."""
    mean, found = 0.0, []
    for number, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        found.append(mean / (1 - SMOOTHING**number))
    return found


def suggestion(rates: list[float], curve: list[float]) -> tuple[float, float]:
    """The rate to begin with, and the highest before the loss rises. rates, curve: as tried, the losses smoothed.

    A tenth of the highest. Where the loss falls steepest would be the usual other rule; after a warm-up it hardly falls
    at all, and what is steepest then is noise.
    """
    begin = sum(curve[:5]) / len(curve[:5])
    risen = next((i for i, loss in enumerate(curve) if loss > RISEN * begin), len(curve))
    lowest = min(range(max(risen, 1)), key=curve.__getitem__)
    # After a fall the loss may rise a long way and still be below where it began: half the way back is too far.
    limit = curve[lowest] + (begin - curve[lowest]) / 2 if curve[lowest] < FALLEN * begin else math.inf
    above = next((i for i in range(lowest, risen) if curve[i] > limit), risen)
    highest = rates[max(above - 1, 0)]
    return highest / MARGIN, highest

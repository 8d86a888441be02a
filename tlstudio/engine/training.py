"""The loop: for each phase, cut the network, remember what the frozen part says, train the rest, keep the best.

Read it from `fit` downwards. A phase is data (`core/recipe.py`); the loop does not know one strategy from another.
"""

import math
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tlstudio.core.caching import CachePlan
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import CheckpointSaved, EpochDone, Event, PhaseStarted, Progress, Warned
from tlstudio.core.recipe import Phase, Recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import features, sources
from tlstudio.engine.checkpoints import load_state, save_state
from tlstudio.engine.motion import Motion
from tlstudio.engine.network import Network
from tlstudio.engine.sources import Source
from tlstudio.engine.step import Step, precision

CHECK_BATCH = 32
MAX_CLASS_WEIGHT = 10.0
IMBALANCE = 3


@dataclass
class Fit:
    """A training run while it goes on.

    val: what decides which epoch is best and when to end early; without any, every epoch is trained and the last kept.
    stop: asked at every batch; True ends the run and keeps the best. stopped: whether it ended before its time.
    plans: where the inputs of each phase come from, one for each phase begun; what is given beforehand is obeyed.
    pieces: in how many parts a batch is learned, more than one where the device has too little memory.
    motion: how far it has come; the network has to be as it begins when this is made.
    """

    network: Network
    recipe: Recipe
    classes: tuple[str, ...]
    train: Sequence[Picture]
    val: Sequence[Picture]
    run: RunFolder
    threads: int
    stop: Callable[[], bool]
    best_loss: float = math.inf
    stopped: bool = False
    plans: list[CachePlan] = field(default_factory=list)
    pieces: int = 1
    motion: Motion = field(init=False)

    def __post_init__(self) -> None:
        self.motion = Motion(self.network, self.widest_cut)

    @property
    def device(self) -> torch.device:
        return next(self.network.model.parameters()).device

    @property
    def widest_cut(self) -> str:
        """The earliest stage that learns in any phase: from there on a checkpoint has to hold the weights."""
        cuts = {phase.train_from for phase in self.recipe.phases}
        return next(name for name in self.network.stages if name in cuts)

    def remembers(self, cut: str) -> bool:
        """Whether what the stages before a cut say about the plain pictures is on disk."""
        kept = zip(self.recipe.phases, self.plans, strict=False)
        return any(p.train_from == cut and plan.tier == "features" and p.augment == "none" for p, plan in kept)

    def targets(self, pictures: Sequence[Picture]) -> torch.Tensor:
        index = {name: i for i, name in enumerate(self.classes)}
        return torch.tensor([index[p.label] for p in pictures])


def fit(job: Fit) -> Iterator[Event]:
    """Train the network in place by the recipe; it ends with the weights of the lowest validation loss in `eval()`.

    Each phase begins from the best weights so far, so the second one starts from the head the first one left (LP-FT,
    Kumar et al. 2022, arXiv 2202.10054). Where it is stopped, or the loss is no longer a number, `job.stopped` says so
    and the best weights so far are kept.

    Raises:
        TrainingFailed: it was stopped or lost its numbers before the first epoch had ended, or no picture can be read.
    """
    for number, phase in enumerate(job.recipe.phases, start=1):
        try:
            yield from _train_phase(job, number, phase)
        except features.Stopped:
            job.stopped = True
        except _NotANumber as lost:
            job.stopped = True
            if job.best_loss == math.inf:
                raise TrainingFailed(lost.what, remedy=lost.remedy) from lost
            yield Warned(f"{lost.what}. {lost.remedy} The best weights until then are kept.")
        if job.best_loss == math.inf:
            raise TrainingFailed("stopped before the first epoch had ended", remedy="Nothing was changed; start again.")
        job.network.load_tail(job.widest_cut, load_state(job.run.best_file))
        if job.stopped:
            break
    job.network.eval_mode()


class _NotANumber(Exception):  # caught in this module, it is how an epoch ends
    """The loss became NaN or infinite."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def _train_phase(job: Fit, number: int, phase: Phase) -> Iterator[Event]:
    network = job.network
    network.prepare(phase)
    job.motion.begin_phase()
    trainable, total = network.parameter_counts()
    rates = {name: phase.lr(name) for name in network.groups()}
    groups = tuple(
        {"name": name, "lr": rates[name], "parameters": sum(p.numel() for p in parameters)}
        for name, parameters in network.groups().items()
    )
    if len(job.plans) < number:
        # A new list: a fold's copy of this run shares the old one, and has other pictures and phases.
        job.plans = [*job.plans, sources.choose(job, phase)]
    plan, phases = job.plans[number - 1], len(job.recipe.phases)
    yield PhaseStarted(
        *(number, phases, phase.name, phase.train_from, phase.epochs, trainable, total, groups),
        cache=plan.to_json(),
        precision=precision(job.device),
    )
    train = yield from sources.open_source(job, phase, plan, job.train)
    val = (yield from sources.open_source(job, phase, plan, job.val)) if job.val else None
    if not train.pictures or (val and not val.pictures):
        raise _nothing_to_read()

    _, tail = network.split(phase.train_from)
    optimizer = torch.optim.AdamW(_parameter_groups(network, phase, job.recipe.weight_decay))
    steps = math.ceil(len(train.pictures) / job.recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rise_then_cosine(steps * phase.epochs))
    weight = class_weights(job.targets(train.pictures), len(job.classes)).to(job.device)
    step = Step(tail, optimizer, weight, job.device, job.pieces)
    since_best = 0
    for epoch in range(1, phase.epochs + 1):
        started = time.monotonic()
        network.train_mode(phase)
        # Dropout draws from the global generator: seed it so that an epoch does not depend on what came before.
        torch.manual_seed(_mix(job.recipe.seed, number, epoch))
        train_loss, train_accuracy = yield from _learn(job, train, step, schedule, (number, epoch))
        network.eval_mode()
        val_loss, val_accuracy = _check(val, tail, weight) if val else (math.nan, math.nan)
        if val:
            yield from val.complaints()
        # NaN compares false with everything, so it can never be the best.
        best = val is None or val_loss < job.best_loss
        if best:
            job.best_loss, since_best = val_loss, 0
            save_state(job.run.best_file, network.tail_state(job.widest_cut))
            yield CheckpointSaved(str(job.run.best_file), number, epoch)
        else:
            since_best += 1
        seconds = time.monotonic() - started
        yield job.motion.report(number, epoch)
        yield EpochDone(number, epoch, phase.epochs, train_loss, train_accuracy, val_loss, val_accuracy, seconds, best)
        if since_best >= job.recipe.patience:
            return


def _learn(
    job: Fit, train: Source, step: Step, schedule: torch.optim.lr_scheduler.LRScheduler, place: tuple[int, int]
) -> Generator[Event, None, tuple[float, float]]:
    """One pass over the training pictures; returns mean loss and accuracy as they were while learning."""
    number, epoch = place
    generator = torch.Generator().manual_seed(_mix(job.recipe.seed, number, epoch))
    order = torch.randperm(len(train.pictures), generator=generator).tolist()
    task = f"phase {number} of {len(job.recipe.phases)} · epoch {epoch} of {job.recipe.phases[number - 1].epochs}"
    loss_sum, hits, seen = 0.0, 0, 0
    with closing(train.batches(order, job.recipe.batch_size, epoch)) as batches:
        for inputs, targets in batches:
            if job.stop():
                raise features.Stopped
            loss, right = step(inputs, targets)
            if not math.isfinite(loss):
                remedy = f"Lower the learning rates (the highest was {step.highest_rate:g}) and train again."
                raise _NotANumber(f"the loss became {loss} in epoch {epoch} of phase {number}", remedy)
            job.motion.after_step()
            schedule.step()
            loss_sum += loss * len(targets)
            hits += right
            seen += len(targets)
            if step.pieces > job.pieces:
                job.pieces = step.pieces
                yield Warned(f"The device had too little memory: each batch is now learned in {job.pieces} parts.")
            yield from train.complaints()
            yield Progress(task, seen, len(train.pictures))
    yield from train.complaints()
    if not seen:
        raise _nothing_to_read()
    return loss_sum / seen, hits / seen


def _nothing_to_read() -> TrainingFailed:
    return TrainingFailed("none of the pictures can be read any more", remedy="Check the folder they lie in.")


@torch.inference_mode()
def _check(val: Source, tail: nn.Module, weight: torch.Tensor) -> tuple[float, float]:
    """Mean loss (weighted as in training) and accuracy on the validation pictures."""
    everything = list(range(len(val.pictures)))
    logits, targets = [], []
    with closing(val.batches(everything, CHECK_BATCH, 1)) as batches:
        for inputs, batch_targets in batches:
            logits.append(tail(inputs))
            targets.append(batch_targets)
    if not logits:
        raise _nothing_to_read()
    said, truth = torch.cat(logits), torch.cat(targets)
    loss = functional.cross_entropy(said, truth, weight=weight).item()
    return loss, (said.argmax(1) == truth).float().mean().item()


def class_weights(targets: torch.Tensor, classes: int) -> torch.Tensor:
    """Inverse frequency, the rarest class at most 10 times the most frequent, mean 1 over the pictures.

    All ones unless the classes differ more than threefold. targets: (N,) class indices, every class at least once.
    Returns (classes,) float32.
    """
    counts = torch.bincount(targets, minlength=classes).clamp(min=1).float()
    if counts.max() <= IMBALANCE * counts.min():
        return torch.ones(classes)
    weights = (counts.max() / counts).clamp(max=MAX_CLASS_WEIGHT)
    return weights * counts.sum() / (weights * counts).sum()


def _parameter_groups(network: Network, phase: Phase, weight_decay: float) -> list[dict[str, Any]]:
    """The optimiser's groups: each learning-rate group twice, its norms and biases without weight decay."""
    found = []
    for name, parameters in network.groups().items():
        for decays in (True, False):
            members = [p for p in parameters if (p.ndim > 1) == decays]
            if members:
                decay = weight_decay if decays else 0.0
                found.append({"params": members, "lr": phase.lr(name), "weight_decay": decay, "name": name})
    return found


def _rise_then_cosine(steps: int) -> Callable[[int], float]:
    """The share of the peak rate at each step: linear over the first twentieth, then half a cosine down to zero."""
    rise = max(1, steps // 20)

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    return share


def _mix(seed: int, phase: int, epoch: int) -> int:
    return random.Random(f"{seed}/{phase}/{epoch}").getrandbits(62)

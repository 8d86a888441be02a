"""The loop: for each phase, cut the network, remember what the frozen part says, train the rest, keep the best.

Read it from `fit` downwards. A phase is data (`core/recipe.py`); the loop does not know one strategy from another. All
it has to know to go on after a kill is in `Fit.place` and in what a checkpoint holds besides (`_Lesson.save`).
"""

import math
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional

from tlstudio.core.caching import CachePlan
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import RefusedModel, TrainingFailed
from tlstudio.core.events import CheckpointSaved, EpochDone, Event, PhaseStarted, PictureSkipped, Progress, Warned
from tlstudio.core.recipe import Phase, Recipe
from tlstudio.core.run import RunFolder
from tlstudio.core.schedule import rise_then_cosine
from tlstudio.engine import divergence, features, missing, run_checkpoints, solved, sources
from tlstudio.engine.checkpoints import load_state, save_state
from tlstudio.engine.divergence import NotANumber
from tlstudio.engine.motion import Motion
from tlstudio.engine.network import Network
from tlstudio.engine.run_checkpoints import Checkpoint, Place
from tlstudio.engine.sources import Source
from tlstudio.engine.step import Step, precision

CHECK_BATCH = 32
MAX_CLASS_WEIGHT = 10.0
IMBALANCE = 3
# Within an epoch a checkpoint is written after so many seconds: a batch may take some too, and half a minute is what a
# kill may cost. Epochs shorter than the second share one: writing it durably may take longer than they do.
CHECKPOINT_SECONDS, EPOCH_SECONDS = 20.0, 1.0
_T = TypeVar("_T")


class Paused(Exception):  # no error: somebody asked for it
    """The run was asked to stand still; its checkpoint is written."""


@dataclass
class Fit:
    """A training run while it goes on.

    val: what decides which epoch is best and when to end early; without any, every epoch is trained and the last kept.
    stop: asked at every batch; True ends the run and keeps the best. stopped: whether it ended before its time.
    plans: where the inputs of each phase come from, one for each phase begun; what is given beforehand is obeyed.
    pieces: in how many parts a batch is learned, more than one where the device has too little memory.
    pause: asked at every batch; True writes a checkpoint and raises `Paused`. checkpoint: what to go on from. terms:
    what must not change while the run stands (`Checkpoint.terms`). place: where it stands.
    gone: paths that could not be read since it went on; may_go: how many may be.
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
    pause: Callable[[], bool] = lambda: False
    checkpoint: Checkpoint | None = None
    terms: dict[str, Any] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    gone: set[str] = field(default_factory=set)
    may_go: int = 1
    started: float = field(default_factory=time.monotonic)
    saved: float = -math.inf
    motion: Motion = field(init=False)

    def __post_init__(self) -> None:
        self.motion = Motion(self.network, self.widest_cut)

    @property
    def device(self) -> torch.device:
        return next(self.network.model.parameters()).device

    @property
    def widest_cut(self) -> str:
        """The earliest stage that learns in any phase: from there on the best weights have to be kept."""
        return self.network.earliest(self.recipe.phases)

    def remembers(self, cut: str) -> bool:
        """Whether what the stages before a cut say about the plain pictures is on disk."""
        kept = zip(self.recipe.phases, self.plans, strict=False)
        return any(p.train_from == cut and plan.tier == "features" and p.augment == "none" for p, plan in kept)

    def targets(self, pictures: Sequence[Picture]) -> torch.Tensor:
        index = {name: i for i, name in enumerate(self.classes)}
        return torch.tensor([index[p.label] for p in pictures])

    def is_asked_to_end(self) -> bool:
        return self.stop() or self.pause()

    def watched(self, work: Generator[Event, None, _T]) -> Generator[Event, None, _T]:
        """The events of some work, counting the pictures that are gone.

        Raises:
            PicturesGone: there are too many.
        """
        with closing(work):
            while True:
                try:
                    event = next(work)
                except StopIteration as done:
                    found: _T = done.value
                    return found
                yield event
                if isinstance(event, PictureSkipped):
                    self.gone.add(event.path)
                    if len(self.gone) > self.may_go:
                        raise missing.too_many((*self.train, *self.val), self.gone)


def fit(job: Fit) -> Iterator[Event]:
    """Train the network in place by the recipe; it ends with the weights of the lowest validation loss in `eval()`.

    Without validation pictures, as with folds, it ends with those of the last epoch, and no phase ends early. Each
    phase begins from the best weights so far, so the second one starts from the head the first one left (LP-FT, Kumar
    et al. 2022, arXiv 2202.10054). Where it is stopped, or the loss is no longer a number, `job.stopped` says so and
    the best weights so far are kept. With `job.checkpoint` it goes on from there, to the very same weights.

    Raises:
        Paused: it was asked to stand still.
        PicturesGone: too few pictures can be read.
        RefusedModel: the checkpoint does not fit, or the best weights so far are gone.
        TrainingFailed: it was stopped or lost its numbers before the first epoch had ended.
        ProjectError: the disk is full, or the run's folder cannot be written.
    """
    if job.checkpoint:
        _take_up(job, job.checkpoint)
    else:
        begin(job)
    while job.place.phase <= len(job.recipe.phases) and not job.stopped:
        try:
            yield from _train_phase(job, job.place.phase, job.recipe.phases[job.place.phase - 1])
        except features.Stopped:
            if not job.stop():
                raise Paused from None
            job.stopped = True
        except NotANumber as lost:
            job.stopped = True
            if job.best_loss == math.inf:
                what = f"{lost.what}, before the first epoch had ended, so there are no weights to keep"
                raise TrainingFailed(what, remedy=lost.remedy) from lost
            yield Warned(f"{lost.what}. {lost.remedy} The best weights until then are kept.")
        if job.best_loss == math.inf:
            raise TrainingFailed("stopped before the first epoch had ended", remedy="Nothing was changed; start again.")
        job.network.load_tail(job.widest_cut, load_state(job.run.best_file))
        job.place = Place(job.place.phase + 1)
        # What the next phase begins with, before an epoch of it replaces the best.
        _save(job)
    job.network.eval_mode()


def begin(job: Fit) -> None:
    """Write the checkpoint of a run of which nothing is learned yet; from here on it can be gone on with."""
    _save(job)


def _take_up(job: Fit, found: Checkpoint) -> None:
    """Bring the network and the job to where they stood.

    Raises:
        RefusedModel: the checkpoint is of another run, or the best weights so far are gone.
    """
    facts = found.facts
    with run_checkpoints.fitting(job.run):
        job.place, job.best_loss, job.stopped = found.place, float(facts["best_loss"]), facts["stopped"]
        job.plans, job.pieces = [CachePlan.from_json(plan) for plan in facts["plans"]], facts["pieces"]
        job.network.load_tail(facts["cut"], found.weights)
        job.motion.go_on(facts["motion"])
    if job.best_loss != math.inf and job.place.phase <= len(job.recipe.phases) and not job.stopped:
        if not job.run.best_file.exists():
            raise RefusedModel("is gone", path=job.run.best_file, remedy="Put it back, or train again.")
        load_state(job.run.best_file)  # rather now than when the phase is done
    job.saved = time.monotonic()


def _save(job: Fit, lesson: "_Lesson | None" = None) -> None:
    """Write a checkpoint of where the run stands.

    Raises:
        NotANumber: what it would hold is none; the checkpoint before it stays the last.
    """
    # Before the earliest stage that has learned so far, the network is as it was built.
    cut = job.network.earliest(job.recipe.phases[: job.place.phase])
    tensors = run_checkpoints.named_weights(job.network.tail_state(cut))
    facts: dict[str, Any] = {
        "cut": cut,
        "best_loss": run_checkpoints.as_text(job.best_loss),
        "stopped": job.stopped,
        "pieces": job.pieces,
        "plans": [plan.to_json() for plan in job.plans],
        "seconds": time.monotonic() - job.started,
        "motion": job.motion.state(),
    }
    if lesson:
        tensors |= lesson.state()
        facts |= {"steps": lesson.schedule.last_epoch, "scaler": lesson.step.scaling}
        facts["epoch_seconds"] = time.monotonic() - lesson.began
        if not run_checkpoints.are_finite(tensors):
            raise lesson.lost("a weight became infinite")
    run_checkpoints.write(job.run, Checkpoint(job.place, len(job.recipe.phases), facts, job.terms, tensors))
    job.saved = time.monotonic()


@dataclass
class _Lesson:
    """A phase while it is learned. asked: what was said of validation pictures in this epoch, and the truth, batch by
    batch. began: when the epoch did, on the monotonic clock."""

    job: Fit
    phase: Phase
    train: Source
    val: Source | None
    tail: nn.Module
    weight: torch.Tensor
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    step: Step
    asked: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    began: float = 0.0

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint holds besides the weights."""
        tensors = {**run_checkpoints.optimizer_state(self.optimizer), **run_checkpoints.random_state(self.job.device)}
        if self.asked:
            logits, targets = zip(*self.asked, strict=True)
            tensors |= {"checked.logits": torch.cat(logits), "checked.targets": torch.cat(targets)}
        return tensors

    def take_up(self, found: Checkpoint) -> None:
        """Go on within the epoch that stood; without an optimiser's state the phase had not begun."""
        if "steps" not in found.facts:
            return
        run_checkpoints.restore_optimizer(self.optimizer, found.tensors)
        self.schedule.last_epoch = steps = found.facts["steps"]
        for group, rate, share in zip(
            self.optimizer.param_groups, self.schedule.base_lrs, self.schedule.lr_lambdas, strict=True
        ):
            group["lr"] = rate * share(steps)
        self.step.scaling = found.facts["scaler"]
        self.job.motion.go_on(found.facts["motion"])
        if "checked.logits" in found.tensors:
            logits, targets = (found.tensors[f"checked.{n}"].to(self.job.device) for n in ("logits", "targets"))
            self.asked = [(logits, targets)]
        run_checkpoints.restore_random_state(found.tensors, self.job.device)
        self.began = time.monotonic() - found.facts["epoch_seconds"]

    def save_if_due(self, after: float) -> None:
        """Write a checkpoint if the last one is so many seconds old."""
        if time.monotonic() - self.job.saved >= after:
            _save(self.job, self)

    def lost(self, found: str) -> NotANumber:
        place = self.job.place
        return divergence.lost(found, self.job.recipe, place.phase, place.epoch, self.job.network.groups())


def _train_phase(job: Fit, number: int, phase: Phase) -> Iterator[Event]:
    network = job.network
    network.prepare(phase)
    job.motion.begin_phase()
    if len(job.plans) < number:
        # A new list: a fold's copy of this run shares the old one, and has other pictures and phases.
        job.plans = [*job.plans, sources.choose(job, phase)]
    yield _started(job, number, phase)
    lesson = yield from _lesson(job, phase, job.plans[number - 1])
    while (place := job.place).epoch <= phase.epochs and place.since_best < job.recipe.patience:
        if not place.sums:
            lesson.began, lesson.asked = time.monotonic(), []
            place.sums |= {"loss": 0.0, "hits": 0.0, "seen": 0.0}
            # Dropout draws from the global generator: seed it so that an epoch does not depend on what came before.
            torch.manual_seed(_mix(job.recipe.seed, number, place.epoch))
        network.train_mode(phase)
        train_loss, train_accuracy = yield from _learn(lesson)
        network.eval_mode()
        val_loss, val_accuracy = (yield from _check(lesson, lesson.val)) if lesson.val else (math.nan, math.nan)
        # NaN compares false with everything, so it can never be the best.
        best = lesson.val is None or val_loss < job.best_loss
        if best:
            state = network.tail_state(job.widest_cut)
            if not run_checkpoints.are_finite(state):
                raise lesson.lost("a weight became infinite")
            job.best_loss = val_loss
            save_state(job.run.best_file, state)
            yield CheckpointSaved(str(job.run.best_file), number, place.epoch)
        seconds = time.monotonic() - lesson.began
        figures = train_loss, train_accuracy, val_loss, val_accuracy, seconds
        yield job.motion.report(number, place.epoch)
        yield EpochDone(number, place.epoch, phase.epochs, *figures, best)
        job.place, lesson.asked = place.next_epoch(best), []
        lesson.save_if_due(EPOCH_SECONDS)
    if phase.train_from == "head":
        yield from solved.offer(job, number, lesson.train, lesson.val, lesson.weight)


def _started(job: Fit, number: int, phase: Phase) -> PhaseStarted:
    network = job.network
    trainable, total = network.parameter_counts()
    groups = tuple(
        {"name": name, "lr": phase.lr(name), "parameters": sum(p.numel() for p in parameters)}
        for name, parameters in network.groups().items()
    )
    return PhaseStarted(
        *(number, len(job.recipe.phases), phase.name, phase.train_from, phase.epochs, trainable, total, groups),
        cache=job.plans[number - 1].to_json(),
        precision=precision(job.device),
    )


def _lesson(job: Fit, phase: Phase, plan: CachePlan) -> Generator[Event, None, _Lesson]:
    """Open the pictures of a phase and set up what learns from them, as it stood where the run goes on within it."""
    known = (*job.train, *job.val)
    with run_checkpoints.fitting(job.run):
        gone = {known[number].path for number in job.place.left_out}
    pictures, held_out = ([p for p in part if p.path not in gone] for part in (job.train, job.val))
    train = yield from job.watched(sources.open_source(job, phase, plan, pictures, phase.augment))
    val = (yield from job.watched(sources.open_source(job, phase, plan, held_out, "none"))) if held_out else None
    if not train.pictures or (val and not val.pictures):
        raise _nothing_to_read()
    here = {p.path for p in (*train.pictures, *(val.pictures if val else ()))}
    job.place.left_out = tuple(number for number, p in enumerate(known) if p.path not in here)
    _, tail = job.network.split(phase.train_from)
    optimizer = torch.optim.AdamW(_parameter_groups(job.network, phase, job.recipe.weight_decay))
    steps = math.ceil(len(train.pictures) / job.recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(rise_then_cosine, steps=steps * phase.epochs))
    weight = class_weights(job.targets(train.pictures), len(job.classes)).to(job.device)
    step = Step(tail, optimizer, weight, job.device, job.pieces)
    lesson = _Lesson(job, phase, train, val, tail, weight, optimizer, schedule, step)
    if job.checkpoint:
        with run_checkpoints.fitting(job.run):
            lesson.take_up(job.checkpoint)
        job.checkpoint = None
    return lesson


def _learn(lesson: _Lesson) -> Generator[Event, None, tuple[float, float]]:
    """What is left of a pass over the training pictures; returns mean loss and accuracy as they were while learning."""
    job, train, step, place = lesson.job, lesson.train, lesson.step, lesson.job.place
    sums, count, size = place.sums, len(train.pictures), job.recipe.batch_size
    generator = torch.Generator().manual_seed(_mix(job.recipe.seed, place.phase, place.epoch))
    order = torch.randperm(count, generator=generator).tolist()
    task = f"phase {place.phase} of {len(job.recipe.phases)} · epoch {place.epoch} of {lesson.phase.epochs}"
    with closing(train.batches(order[place.batch * size :], size, place.epoch)) as batches:
        for inputs, targets in batches:
            _heed(lesson)
            if len(targets):
                loss, right = step(inputs, targets)
                if step.lost:
                    raise lesson.lost(step.lost)
                job.motion.after_step()
                lesson.schedule.step()
                sums["loss"] += loss * len(targets)
                sums["hits"] += right
                sums["seen"] += len(targets)
            place.batch += 1
            if step.pieces > job.pieces:
                job.pieces = step.pieces
                yield Warned(f"The device had too little memory: each batch is now learned in {job.pieces} parts.")
            yield from job.watched(train.complaints())
            lesson.save_if_due(CHECKPOINT_SECONDS)
            yield Progress(task, min(place.batch * size, count), count)
    yield from job.watched(train.complaints())
    if not sums["seen"]:
        raise _nothing_to_read()
    return sums["loss"] / sums["seen"], sums["hits"] / sums["seen"]


def _heed(lesson: _Lesson) -> None:
    """Raise `features.Stopped` where somebody asked for it; so that a pause can be gone on from, save first."""
    job = lesson.job
    if job.is_asked_to_end():
        if not job.stop():
            _save(job, lesson)
        raise features.Stopped


def _nothing_to_read() -> missing.PicturesGone:
    return missing.PicturesGone("none of the pictures can be read any more", remedy="Check the folder they lie in.")


def _check(lesson: _Lesson, val: Source) -> Generator[Event, None, tuple[float, float]]:
    """Mean loss (weighted as in training) and accuracy on the validation pictures; goes on where it was interrupted."""
    job, place = lesson.job, lesson.job.place
    left = range(place.checked * CHECK_BATCH, len(val.pictures))
    with closing(val.batches(left, CHECK_BATCH, 1)) as batches:
        for inputs, targets in batches:
            if not job.stop():  # who stops keeps this epoch if it is the best
                _heed(lesson)
            if len(targets):
                with torch.inference_mode():
                    lesson.asked.append((lesson.tail(inputs), targets))
            place.checked += 1
            lesson.save_if_due(CHECKPOINT_SECONDS)
    yield from job.watched(val.complaints())
    if not lesson.asked:
        raise _nothing_to_read()
    said, truth = (torch.cat(parts) for parts in zip(*lesson.asked, strict=True))
    loss = functional.cross_entropy(said, truth, weight=lesson.weight).item()
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


def _mix(seed: int, phase: int, epoch: int) -> int:
    return random.Random(f"{seed}/{phase}/{epoch}").getrandbits(62)

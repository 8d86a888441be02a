"""Which strategy suits these pictures: measured on them, not looked up.

Two things are measured. What each stage says of the pictures, all from one pass, is judged by a head that is solved
for: how good the features are as they come. And short trials on a part of the pictures show what is gained once the
stages from a cut on may learn. What follows from it, beside the table of sizes and domains, is `core.advice.weighed`.
"""

import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from tlstudio.core import estimate, splits
from tlstudio.core.advice import Advised, BackboneProbed, Probed, Tried, needs_deep_trial, needs_trial, weighed
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import EpochDone, Event, FeaturesReady, PhaseStarted, PictureSkipped, Progress
from tlstudio.core.recipe import WARM_UP, Domain, Phase, Recipe, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import features, solved, sources
from tlstudio.engine.evaluation import wilson
from tlstudio.engine.network import Network
from tlstudio.engine.training import Fit, class_weights, fit

# Pictures that are probed, and that trials are made on: of each class its share, and so many if it has them.
PROBED, TRIED, OF_EACH = 1_500, 400, 8
# Three quarters of the pictures of a trial are learned from, the others are asked about, as often as time allows.
FOLDS = 4
EPOCHS = 5
# What one trial may take, in seconds of one processor core; with a single fold it may take twice that.
CORE_SECONDS = 50.0
# `core.estimate` reckons with memory that is waited for at every step; trials, at batch 32, took this share of it.
TRIAL_SPEED = 0.4


@dataclass(frozen=True)
class Measure:
    """Pictures to measure on, and with what. pictures: each with its label, none of them of the test split.

    stop: asked at every batch; True raises `features.Stopped`.
    """

    network: Network
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    threads: int
    stop: Callable[[], bool]
    seed: int = 0

    def targets(self, pictures: Sequence[Picture]) -> torch.Tensor:
        index = {name: i for i, name in enumerate(self.classes)}
        return torch.tensor([index[p.label] for p in pictures])


def advise(measure: Measure, table: Advised, domain: Domain) -> Generator[Event, None, None]:
    """`Probed` for every stage, `Tried` for every trial, and last `Advised`. table: what is believed before.

    Raises:
        Stopped, TLStudioError: as `features.extract`.
    """
    began = time.monotonic()
    probes, penalty = yield from _probe_stages(measure)
    spec, trials = measure.network.backbone, list[Tried]()
    if needs_trial(probes):
        trials += yield from _try(measure, spec.last_stage, penalty)
    late = next(stage.name for stage in spec.stages if stage.rate == "late")
    if late != spec.last_stage and needs_deep_trial(table, probes, trials):
        trials += yield from _try(measure, late, penalty)
    facts: dict[str, Any] = {"backbone": spec.name, "pictures": probes[-1].n}
    facts["run_seconds"] = _run_seconds(measure, domain)
    yield weighed(table, domain, probes, trials, {**facts, "seconds": time.monotonic() - began})


def _run_seconds(measure: Measure, domain: Domain) -> dict[str, float]:
    """About how long a run of each strategy takes on this computer."""
    name = measure.network.backbone.name
    stages = measure.network.outline(Phase("outline", "head", 1))
    machine = estimate.Machine(cores=measure.threads)
    everything = "fine-tune-layered" if domain == "different" else "fine-tune-all"
    return {
        strategy: estimate.run_seconds(make_recipe(name, strategy), stages, len(measure.pictures), machine)
        for strategy in ("feature-extraction", "fine-tune-last", everything)
    }


def probe_backbone(measure: Measure) -> Generator[Event, None, None]:
    """A head on the frozen backbone, judged out of fold, as `BackboneProbed`.

    Raises:
        Stopped, TLStudioError: as `features.extract`.
    """
    spec = measure.network.backbone
    pictures, seconds = evenly(measure.pictures, PROBED, measure.seed), None
    task = f"asking {spec.name}"
    work = features.extract(measure.network, "head", pictures, measure.threads, task=task, stop=measure.stop)
    with closing(work):
        while True:
            try:
                event = next(work)
            except StopIteration as done:
                found: features.Features = done.value
                break
            yield event
            if isinstance(event, FeaturesReady) and event.computed:
                seconds = event.seconds / event.computed
    rows = _given_to_classifier(measure.network, found.values)
    said, truth, _ = _judged(measure, rows, found.kept)
    hits = int((said == truth).sum())
    figures = len(truth), hits / len(truth), wilson(hits, len(truth)), seconds
    yield BackboneProbed(spec.name, True, spec.parameters, spec.weights.size, *figures)


def _probe_stages(measure: Measure) -> Generator[Event, None, tuple[list[Probed], float]]:
    """How much each stage knows, and the penalty that suits a head best."""
    pictures = evenly(measure.pictures, PROBED, measure.seed)
    stages, kept = yield from features.extract_stages(measure.network, pictures, measure.threads, measure.stop)
    _check_enough(measure, kept)
    probes, penalty = list[Probed](), 0.0
    for number, (name, rows) in enumerate(stages.items(), start=1):
        if measure.stop():
            raise features.Stopped
        said, truth, penalty = _judged(measure, rows, kept)
        hits, n = int((said == truth).sum()), len(truth)
        baseline = int(truth.bincount().max()) / n
        probes.append(Probed(name, hits / n, wilson(hits, n), n, baseline))
        yield probes[-1]
        yield Progress("judging what each stage says", number, len(stages))
    return probes, penalty


def _check_enough(measure: Measure, kept: Sequence[Picture]) -> None:
    counts = measure.targets(kept).bincount(minlength=len(measure.classes)) if kept else torch.zeros(1)
    if counts.min() < FOLDS:
        what = "too few of the pictures can still be read to measure on"
        raise TrainingFailed(what, remedy="Look through the pictures again, or choose a strategy yourself.")


def _judged(
    measure: Measure, rows: torch.Tensor, pictures: Sequence[Picture]
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """What was said of each picture out of fold, (N,) class indices; what is true; and the best penalty."""
    truth = measure.targets(pictures)
    weight = class_weights(truth, len(measure.classes))
    groups = [p.group or p.digest for p in pictures]
    chosen = solved.best_penalty(rows, truth, len(measure.classes), weight, groups, measure.seed)
    return chosen.logits.argmax(1), truth[chosen.some], chosen.penalty


def evenly(pictures: Sequence[Picture], count: int, seed: int) -> list[Picture]:
    """About `count` pictures, of each class its share but `OF_EACH` if it has them, drawn by the seed; of copies of one
    picture only one.
    """
    once = list({p.group or p.digest: p for p in pictures}.values())
    draw, of_class, drawn = random.Random(seed), defaultdict[str, list[Picture]](list), set[int]()
    for picture in once:
        of_class[picture.label].append(picture)
    for members in of_class.values():
        share = max(OF_EACH, len(members) * count // len(once))
        drawn.update(id(p) for p in draw.sample(members, min(share, len(members))))
    return [p for p in once if id(p) in drawn]


def _try(measure: Measure, cut: str, penalty: float) -> Generator[Event, None, list[Tried]]:
    """A trial from a cut on, beside the head alone on the same pictures, said and returned; none where it would take
    too long.
    """
    began = time.monotonic()
    pictures = evenly(measure.pictures, TRIED, measure.seed)
    where = splits.folds([p.label for p in pictures], [p.digest for p in pictures], FOLDS, measure.seed)
    learned = len(pictures) * (FOLDS - 1) / FOLDS
    fold_seconds = EPOCHS * learned * _step_seconds(measure.network, cut)
    folds = min(FOLDS, max(1, int(CORE_SECONDS / fold_seconds)))
    if fold_seconds > 2 * CORE_SECONDS:
        return []
    heads, tuned, truth = list[torch.Tensor](), list[torch.Tensor](), list[torch.Tensor]()
    task = f"trying what is gained by learning from {cut} on"
    for fold in range(folds):
        parts: tuple[list[Picture], list[Picture]] = ([], [])
        for picture, at in zip(pictures, where, strict=True):
            parts[at == fold].append(picture)
        heads.append((yield from _solved_head(measure, *parts, penalty)))
        place = _Place(task, fold, folds)
        said, kept = yield from _tuned(measure, cut, parts, place)
        tuned.append(said)
        truth.append(measure.targets(kept))
    found = _compared(cut, torch.cat(heads), torch.cat(tuned), torch.cat(truth), time.monotonic() - began)
    yield from found
    return found


@dataclass(frozen=True)
class _Place:
    """Which fold of a trial is at work, so that its progress can be told as one."""

    task: str
    fold: int
    folds: int

    def progress(self, done: int, learned: int) -> Progress:
        """done: pictures learned from in this fold, of `learned` in each of the epochs."""
        whole = EPOCHS * learned
        return Progress(self.task, self.fold * whole + done, self.folds * whole)


def _step_seconds(network: Network, cut: str) -> float:
    """About how long one processor core learns from one picture, from a cut on."""
    family = network.backbone.family.removesuffix("_timm")
    rate = estimate.MULTIPLY_ADDS_PER_CORE * estimate.EFFICIENCY.get(family, estimate.UNKNOWN_EFFICIENCY)
    stages = network.outline(Phase("trial", cut, EPOCHS))
    at = [stage.name for stage in stages].index(cut)
    work = sum(estimate.multiply_adds(stage) for stage in stages[at:])
    return TRIAL_SPEED * (1 + estimate.BACKWARD) * work / rate


def _solved_head(
    measure: Measure, learned: Sequence[Picture], asked: Sequence[Picture], penalty: float
) -> Generator[Event, None, torch.Tensor]:
    """What the best head alone, on the frozen backbone, says of the pictures asked about: logits."""
    network, classes = measure.network, len(measure.classes)
    found = yield from features.extract(network, "head", [*learned, *asked], measure.threads, stop=measure.stop)
    rows = _given_to_classifier(network, found.values)
    known = {id(picture) for picture in learned}
    is_learned = torch.tensor([id(picture) in known for picture in found.kept])
    targets = measure.targets(found.kept)[is_learned]
    head = solved.solve(rows[is_learned], targets, classes, class_weights(targets, classes), penalty)
    return head(rows[~is_learned])


@torch.inference_mode()
def _given_to_classifier(network: Network, rows: torch.Tensor) -> torch.Tensor:
    """What reaches the last layer, (N, D), of what the stages before the head say: some heads have a norm first."""
    return solved.inputs_of(network.classifier, network.stages["head"], rows)


def _tuned(
    measure: Measure, cut: str, parts: tuple[list[Picture], list[Picture]], place: _Place
) -> Generator[Event, None, tuple[torch.Tensor, Sequence[Picture]]]:
    """What a network that learned from a cut on says of pictures it did not learn from: logits, and of which.

    parts: those to learn from and those to ask about, by whose loss the best epoch is chosen, as in a run.
    """
    network, (learned, asked) = measure.network, parts
    phase = Phase("fine-tune", cut, EPOCHS)
    recipe = Recipe(network.backbone.name, "trial", (WARM_UP, phase), seed=measure.seed)
    untouched = {name: value.clone() for name, value in network.tail_state(cut).items()}
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder(Path(folder))
            job = Fit(network, recipe, measure.classes, learned, asked, run, measure.threads, measure.stop)
            yield from stoppable(job, _told(fit(job), place, len(learned)))
            network.prepare(phase)
            source = yield from sources.open_source(job, phase, job.plans[-1], asked, "none")
            _, tail = network.split(cut)
            everything = range(len(source.pictures))
            with torch.inference_mode(), closing(source.batches(everything, 32, 1)) as batches:
                logits = torch.cat([tail(inputs) for inputs, _ in batches])
    finally:
        network.load_tail(cut, untouched)
        network.eval_mode()
    return logits.cpu(), source.pictures


def stoppable(job: Fit, said: Iterator[Event]) -> Iterator[Event]:
    """What a fit says that is a part of other work: where it is stopped, so is that.

    Raises:
        Stopped: somebody asked for it.
        TrainingFailed: the loss was no number, or no picture can be read.
    """
    try:
        yield from said
    except TrainingFailed as error:
        if job.stop():
            raise features.Stopped from error
        raise
    if job.stopped:
        raise features.Stopped


def _told(events: Iterator[Event], place: _Place, learned: int) -> Generator[Event, None, None]:
    """The progress of a fit as that of the whole trial; the warm-up costs next to nothing and is not counted."""
    phase = done = 0
    for event in events:
        match event:
            case PhaseStarted():
                phase = event.phase
            case EpochDone() if phase == 2:
                done += learned
            case Progress() if not event.task.startswith("phase "):
                yield event
            case Progress() if phase == 2:
                yield place.progress(done + event.done, learned)
            case PictureSkipped():
                yield event


def _compared(cut: str, head: torch.Tensor, tuned: torch.Tensor, truth: torch.Tensor, seconds: float) -> list[Tried]:
    """The head alone and the trial, judged on the same pictures."""
    if not len(head) == len(tuned) == len(truth):
        what = "pictures vanished or changed while they were measured on"
        raise TrainingFailed(what, remedy="Look through the pictures again.")
    n = len(truth)
    right = [(said.argmax(1) == truth).double() for said in (head, tuned)]
    losses = [functional.cross_entropy(said, truth).item() for said in (head, tuned)]
    gain = right[1] - right[0]
    middle = gain.mean().item()
    # One more picture each way keeps a few equal answers from looking like certainty.
    deviation = math.sqrt((gain.square().sum().item() + 1) / n - middle**2)
    half = 1.96 * deviation / math.sqrt(n)
    found = []
    for name, hits, loss in zip(("head", cut), right, losses, strict=True):
        count = int(hits.sum())
        tried = Tried(name, count / n, wilson(count, n), n, loss, 0.0, (0.0, 0.0), 0.0)
        found.append(tried)
    found[1] = replace(found[1], gain=middle, gain_interval=(middle - half, middle + half), seconds=seconds)
    return found

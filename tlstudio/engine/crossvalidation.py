"""How good a recipe is, judged on every picture: each fold is asked of a network that learned from the other folds.

No epoch is chosen by the pictures of a fold: its network learns by the whole recipe, as the model that is made in the
end does, and is asked after the last step.
"""

import statistics
import time
from collections import Counter
from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import cho_factor, cho_solve

from tlstudio.core import splits
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import RefusedModel, TrainingFailed, UnusableImages
from tlstudio.core.events import (
    CheckpointSaved,
    EpochDone,
    Event,
    FeaturesReady,
    FoldDone,
    Interval,
    PhaseStarted,
    Progress,
    Said,
    StagesMoved,
    from_json,
)
from tlstudio.core.files import cannot_write
from tlstudio.core.run import RunFolder
from tlstudio.engine import predictor, run_checkpoints
from tlstudio.engine.evaluation import WORTH_REPEATED, Floats, Ints, wilson
from tlstudio.engine.predictor import HeldOut
from tlstudio.engine.run_checkpoints import Checkpoint, Place
from tlstudio.engine.training import Fit, fit

WORTH_SAYING = 30  # seconds
FOLDS, REPEATS = 5, 10
LEAST_FOLDS = 3


@dataclass(frozen=True)
class OutOfFold:
    """held_out: what was said of each picture by the network that had not learned from it."""

    held_out: HeldOut
    folds: tuple[FoldDone, ...]

    @property
    def spread(self) -> float:
        """Standard deviation of the folds' accuracies, 0..1."""
        return statistics.stdev(fold.accuracy for fold in self.folds)


def most_folds(pictures: Sequence[Picture]) -> int:
    """The number of folds with a picture of every class in each: that of different pictures in the smallest class.

    Raises:
        UnusableImages: a class has only one, so that nothing could learn it while it is held out.
    """
    sizes = Counter(label for label, _ in {(p.label, p.group or p.digest) for p in pictures})
    label, size = min(sizes.items(), key=lambda item: (item[1], item[0]))
    if size < 2:
        remedy = "Add more pictures of it, or leave --folds out."
        raise UnusableImages(f"class {label!r} has only one picture besides those to test with", remedy=remedy)
    return size


def out_of_fold(job: Fit, seed: int) -> Generator[Event, None, OutOfFold]:
    """Train and judge `job.recipe.folds` times on parts of `job.train`, drawn by `seed`; the network ends as it began.

    Each fold has a folder of its own in the run's, so that what is judged already is not trained again, and a fold goes
    on where it stood.

    Raises:
        Paused, Stopped: it was asked to stand still.
        TrainingFailed: it was stopped, or a fold lost its numbers before its first epoch had ended.
    """
    cut, count = job.widest_cut, job.recipe.folds
    untouched = {name: value.clone() for name, value in job.network.tail_state(cut).items()}
    where = splits.folds([p.label for p in job.train], [p.group or p.digest for p in job.train], count, seed)
    held_out, done = [], []
    for number in range(count):
        asked = [p for p, f in zip(job.train, where, strict=True) if f == number]
        fold = replace(
            job,
            train=[p for p, f in zip(job.train, where, strict=True) if f != number],
            run=RunFolder(job.run.folds_folder / str(number + 1)),
            place=Place(),
            checkpoint=None,
        )
        found, figures = _remembered(fold, asked) or (yield from job.watched(_fold(fold, asked, number + 1)))
        job.network.load_tail(cut, untouched)
        held_out.append(found)
        done.append(figures)
    together = HeldOut(
        tuple(picture for found in held_out for picture in found.kept),
        np.concatenate([found.logits for found in held_out]),
        torch.cat([found.distances for found in held_out]),
    )
    return OutOfFold(together, tuple(done))


def _fold(fold: Fit, pictures: Sequence[Picture], number: int) -> Generator[Event, None, tuple[HeldOut, FoldDone]]:
    """Train without a fold's pictures, from where it stood, and ask about them."""
    count, started = fold.recipe.folds, time.monotonic()
    name = f"fold {number} of {count}"
    _take_up(fold)
    reading = 0.0
    for event in _named(fit(fold), name):
        # Of the fit that makes the model, not of these.
        if not isinstance(event, (PhaseStarted, CheckpointSaved, StagesMoved, EpochDone)):
            reading += event.seconds if isinstance(event, FeaturesReady) else 0
            yield event
    if fold.stop():
        raise TrainingFailed(f"stopped in {name}, before there was a model", remedy="Start again.")
    network, cut, task = fold.network, fold.widest_cut, f"{name} · checking"
    familiar, trained = predictor.some_of(fold.train, fold.recipe.seed), time.monotonic()
    learned = yield from predictor.answer(network, cut, familiar, fold.threads, task, stop=fold.pause)
    asked = yield from predictor.answer(network, cut, pictures, fold.threads, task, stop=fold.pause)
    known = predictor.centres(predictor.sample_of(learned.pooled), fold.targets(learned.kept).tolist())
    distances = predictor.distances(asked.pooled, known)
    hits = int((asked.logits.argmax(1) == fold.targets(asked.kept).numpy()).sum())
    n, seconds = len(asked.kept), time.monotonic() - started
    if cut == "head":  # of larger rows `answer` keeps none
        reading += time.monotonic() - trained
    done = FoldDone(number, count, len(fold.train), n, hits / n, wilson(hits, n), seconds)
    yield done
    # What was read now is remembered by the folds to come. One fit more makes the model.
    if number == 1 and (rest := (seconds - reading) * count) > WORTH_SAYING:
        yield Said(f"{count - 1} more folds and the training on all pictures will take about {_minutes(rest)}.")
    found = HeldOut(asked.kept, asked.logits, distances)
    _remember(fold, pictures, found, done)
    return found, done


def _take_up(fold: Fit) -> None:
    """Let a fold go on from its checkpoint, if it has one."""
    try:
        fold.run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(fold.run.folder, error) from error
    with suppress(RefusedModel):
        fold.checkpoint = run_checkpoints.read(fold.run)


def _remember(fold: Fit, pictures: Sequence[Picture], found: HeldOut, done: FoldDone) -> None:
    """Keep what a fold said in the place of its checkpoints: it is all that is needed of it."""
    numbers = {picture.path: number for number, picture in enumerate(pictures)}
    facts = {"done": done.to_json(), "kept": [numbers[picture.path] for picture in found.kept]}
    tensors = {"logits": torch.from_numpy(found.logits), "distances": found.distances}
    end = Place(len(fold.recipe.phases) + 1)
    run_checkpoints.write(fold.run, Checkpoint(end, len(fold.recipe.phases), facts, fold.terms, tensors))
    for path in (fold.run.previous_file, fold.run.best_file):
        path.unlink(missing_ok=True)


def _remembered(fold: Fit, pictures: Sequence[Picture]) -> tuple[HeldOut, FoldDone] | None:
    """What a fold said of its pictures, if it came to its end."""
    try:
        found = run_checkpoints.read(fold.run)
    except RefusedModel:
        return None
    if "done" not in found.facts or found.terms != fold.terms:
        return None
    with run_checkpoints.fitting(fold.run):
        done = from_json(found.facts["done"])
        assert isinstance(done, FoldDone)
        kept = tuple(pictures[number] for number in found.facts["kept"])
        return HeldOut(kept, found.tensors["logits"].numpy(), found.tensors["distances"]), done


def _named(said: Iterator[Event], name: str) -> Iterator[Event]:
    for event in said:
        yield replace(event, task=f"{name} · {event.task}") if isinstance(event, Progress) else event


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


@dataclass(frozen=True)
class Repeated:
    """Accuracy out of fold, 0..1, the mean of several ways to deal n pictures into folds, with its 95 % interval."""

    folds: int
    repeats: int
    accuracy: float
    interval: Interval
    n: int


def repeated(pooled: Floats, truth: Ints, groups: Sequence[Hashable], weights: Floats) -> Repeated | None:
    """How well a linear head on frozen features tells the classes apart, by repeated stratified K-fold.

    The head is solved for, not trained: ridge regression onto the classes, so that fifty of them take a second. None
    where a class has too few different pictures for three folds. The interval is Wilson's of fewer pictures (see
    `WORTH_REPEATED`): it covers the accuracy of the head that has learned from all of them. The corrected resampled t
    (Nadeau & Bengio 2003) covers less than it says where few mistakes are made: `python -m tests.bench coverage`.

    pooled: (N, D). truth: (N,) class indices. groups: copies of one picture share one. weights: (classes,), by which
    the classes count.
    """
    different = Counter(label for label, _ in set(zip(truth.tolist(), groups, strict=True)))
    folds = min(FOLDS, *different.values())
    if folds < LEAST_FOLDS or len(different) < 2:
        return None
    right = solved_out_of_fold(pooled, truth, groups, weights, folds)
    n, accuracy = len(truth), float(np.mean([hit.mean() for hit, _ in right]))
    return Repeated(folds, REPEATS, accuracy, wilson(WORTH_REPEATED * accuracy * n, WORTH_REPEATED * n), n)


def solved_out_of_fold(
    pooled: Floats, truth: Ints, groups: Sequence[Hashable], weights: Floats, folds: int
) -> list[tuple[npt.NDArray[np.bool_], Ints]]:
    """For each of `REPEATS` ways to deal pictures: which were named rightly out of fold, and their folds; (N,) both.

    Arguments as of `repeated`.
    """
    from tlstudio.engine.doubts import prepared  # loads what only few runs need

    rows = prepared(pooled).astype(np.float64)
    gram, wanted, weight = rows @ rows.T, np.eye(int(truth.max()) + 1)[truth], weights[truth]
    found = []
    for repeat in range(REPEATS):
        fold = np.array(splits.folds([str(label) for label in truth], groups, folds, repeat))
        right = np.zeros(len(truth), dtype=bool)
        for number in range(folds):
            out = fold == number
            slopes, mean = solved(gram[np.ix_(~out, ~out)], wanted[~out], weight[~out])
            right[out] = (gram[np.ix_(out, ~out)] @ slopes + mean).argmax(1) == truth[out]
        found.append((right, fold))
    return found


def solved(gram: Floats, wanted: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted ridge regression in its dual form: with few pictures their products are less than their features.

    gram: products of the prepared features, (N, N). wanted: 1 for each picture's class, (N, classes). weight: (N,).
    Returns by what to multiply the products of another picture with these, (N, classes), and what to add, (classes,).
    """
    mean = np.average(wanted, axis=0, weights=weight)
    return cho_solve(cho_factor(gram + np.diag(1 / weight), overwrite_a=True), wanted - mean), mean

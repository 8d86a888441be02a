"""How good a recipe is, judged on every picture: each fold is asked of a network that learned from the other folds."""

import statistics
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch

from tlstudio.core import splits
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import RefusedModel, TrainingFailed, UnusableImages
from tlstudio.core.events import (
    CheckpointSaved,
    EpochDone,
    Event,
    FeaturesReady,
    FoldDone,
    PhaseStarted,
    Progress,
    Said,
    from_json,
)
from tlstudio.core.files import cannot_write
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import predictor, run_checkpoints
from tlstudio.engine.evaluation import wilson
from tlstudio.engine.predictor import HeldOut
from tlstudio.engine.run_checkpoints import Checkpoint, Place
from tlstudio.engine.training import Fit, fit

WORTH_SAYING = 30  # seconds


@dataclass(frozen=True)
class OutOfFold:
    """held_out: what was said of each picture by the network that had not learned from it.

    recipe: for learning from all of them, with as many epochs as the folds found best (their median).
    """

    held_out: HeldOut
    folds: tuple[FoldDone, ...]
    recipe: Recipe

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
        TrainingFailed: it was stopped, or a fold lost its numbers before its first epoch had ended.
    """
    cut, count = job.widest_cut, job.recipe.folds
    untouched = {name: value.clone() for name, value in job.network.tail_state(cut).items()}
    where = splits.folds([p.label for p in job.train], [p.group or p.digest for p in job.train], count, seed)
    held_out, done = [], []
    for number in range(count):
        fold = replace(
            job,
            train=[p for p, f in zip(job.train, where, strict=True) if f != number],
            val=[p for p, f in zip(job.train, where, strict=True) if f == number],
            run=RunFolder(job.run.folder / "folds" / str(number + 1)),
            place=Place(),
            checkpoint=None,
        )
        found, figures = _remembered(fold) or (yield from _fold(fold, number + 1))
        job.network.load_tail(cut, untouched)
        held_out.append(found)
        done.append(figures)
    together = HeldOut(
        tuple(picture for found in held_out for picture in found.kept),
        np.concatenate([found.logits for found in held_out]),
        torch.cat([found.distances for found in held_out]),
    )
    return OutOfFold(together, tuple(done), _with_epochs(job.recipe, [fold.epochs for fold in done]))


def _fold(fold: Fit, number: int) -> Generator[Event, None, tuple[HeldOut, FoldDone]]:
    """Train without a fold's pictures, from where it stood, and ask about them."""
    count, started = fold.recipe.folds, time.monotonic()
    name = f"fold {number} of {count}"
    epochs = _take_up(fold)
    reading = 0.0
    for event in _named(fit(fold), name):
        if isinstance(event, EpochDone):
            epochs.append(event)
            fold.run.record(event)
        elif not isinstance(event, (PhaseStarted, CheckpointSaved)):  # of the fit that makes the model, not of these
            reading += event.seconds if isinstance(event, FeaturesReady) else 0
            yield event
    if fold.stop():
        raise TrainingFailed(f"stopped in {name}, before there was a model", remedy="Start again.")
    network, cut, task = fold.network, fold.widest_cut, f"{name} · checking"
    familiar = predictor.some_of(fold.train, fold.recipe.seed)
    learned = yield from predictor.answer(network, cut, familiar, fold.threads, task)
    asked = yield from predictor.answer(network, cut, fold.val, fold.threads, task)
    known = predictor.centres(predictor.sample_of(learned.pooled), fold.targets(learned.kept).tolist())
    distances = predictor.distances(asked.pooled, known)
    hits = int((asked.logits.argmax(1) == fold.targets(asked.kept).numpy()).sum())
    n, seconds = len(asked.kept), time.monotonic() - started
    best = tuple(
        max((e.epoch for e in epochs if e.best and e.phase == phase), default=0)
        for phase in range(1, len(fold.recipe.phases) + 1)
    )
    done = FoldDone(number, count, len(fold.train), n, hits / n, wilson(hits, n), best, seconds)
    yield done
    # What was read now is remembered by the folds to come. One fit more makes the model.
    if number == 1 and (rest := (seconds - reading) * count) > WORTH_SAYING:
        yield Said(f"{count - 1} more folds and the training on all pictures will take about {_minutes(rest)}.")
    found = HeldOut(asked.kept, asked.logits, distances)
    _remember(fold, found, done)
    return found, done


def _take_up(fold: Fit) -> list[EpochDone]:
    """Let a fold go on from its checkpoint, if it has one; returns the epochs it has done until there."""
    try:
        fold.run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(fold.run.folder, error) from error
    with suppress(RefusedModel):
        fold.checkpoint = run_checkpoints.read(fold.run)
    done = {(e.phase, e.epoch): e for e in fold.run.history() if isinstance(e, EpochDone)}
    place = fold.checkpoint.place if fold.checkpoint else Place()
    return [e for at, e in sorted(done.items()) if at < (place.phase, place.epoch)]


def _remember(fold: Fit, found: HeldOut, done: FoldDone) -> None:
    """Keep what a fold said in the place of its checkpoints: it is all that is needed of it."""
    facts = {"done": done.to_json(), "kept": [picture.path for picture in found.kept]}
    tensors = {"logits": torch.from_numpy(found.logits), "distances": found.distances}
    end = Place(len(fold.recipe.phases) + 1)
    run_checkpoints.write(fold.run, Checkpoint(end, len(fold.recipe.phases), facts, fold.terms, tensors))
    for path in (fold.run.previous_file, fold.run.best_file):
        path.unlink(missing_ok=True)


def _remembered(fold: Fit) -> tuple[HeldOut, FoldDone] | None:
    """What a fold said, if it came to its end."""
    try:
        found = run_checkpoints.read(fold.run)
    except RefusedModel:
        return None
    if "done" not in found.facts or found.terms != fold.terms:
        return None
    done = from_json(found.facts["done"])
    assert isinstance(done, FoldDone)
    here = {picture.path: picture for picture in fold.val}
    kept = tuple(here[path] for path in found.facts["kept"])
    return HeldOut(kept, found.tensors["logits"].numpy(), found.tensors["distances"]), done


def _named(said: Iterator[Event], name: str) -> Iterator[Event]:
    for event in said:
        yield replace(event, task=f"{name} · {event.task}") if isinstance(event, Progress) else event


def _with_epochs(recipe: Recipe, best: Sequence[Sequence[int]]) -> Recipe:
    """The recipe with each phase as long as the folds found best; one that did not help most of them is left out."""
    medians = [round(statistics.median(epochs)) for epochs in zip(*best, strict=True)]
    phases = [replace(p, epochs=epochs) for p, epochs in zip(recipe.phases, medians, strict=True) if epochs]
    return replace(recipe, phases=tuple(phases))


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"

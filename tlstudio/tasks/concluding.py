"""What stands at a run's end: judge the network it trained, write the model and the report."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import __version__
from tlstudio.core import events, model_facts
from tlstudio.core.backbones import TIMM, timm_record
from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import Recipe

if TYPE_CHECKING:
    from tlstudio.engine.crossvalidation import OutOfFold
    from tlstudio.engine.predictor import Answers, HeldOut
    from tlstudio.engine.training import Fit

# Where fewer pictures are held out, a head's accuracy is also measured by repeated folds: of 200 the interval of an
# accuracy about 0.9 is eight points wide (`python -m tests.bench coverage`).
FEW = 200
RANKED = 3  # answers kept of each picture


@dataclass(frozen=True)
class Order:
    """What a run was asked for. origin: where its first weights come from, as the model file tells it."""

    project: Project
    recipe: Recipe
    test: Sequence[Picture]
    model_file: Path
    origin: dict[str, Any]
    started: float


def conclude(order: Order, job: Fit, folds: OutOfFold | None) -> Generator[Event, None, dict[str, Any]]:
    """Judge the trained network, write the model and the report.

    Everything is chosen on validation pictures, or out of fold; test is touched once.

    Raises:
        Stopped: the run was asked to stand still.
    """
    from tlstudio.engine import checkpoints, evaluation, predictor

    network, cut = job.network, job.widest_cut
    familiar = predictor.some_of(job.train, order.recipe.seed)
    # This sample is kept in float16 anyway; every figure below comes from the network as it will be used.
    task, exact = "learning what is familiar", not job.remembers(cut)
    train = yield from predictor.answer(network, cut, familiar, job.threads, task, exact, job.pause)
    sample = predictor.sample_of(train.pooled)
    report: dict[str, Any] = {"test": None, "repeated": None, "predictions": []}
    report |= {"movement": job.motion.movement(), "seal": job.motion.seal.to_json()}
    if folds:
        val = folds.held_out
    else:
        task = "checking on validation pictures"
        said = yield from predictor.answer(network, cut, job.val, job.threads, task, stop=job.pause)
        known = predictor.centres(sample, job.targets(train.kept).tolist())
        val = predictor.HeldOut(said.kept, said.logits, predictor.distances(said.pooled, known))
        if cut == "head" and len(job.val) + len(order.test) < FEW and len(familiar) == len(job.train):
            report["repeated"] = _repeated(job, train, said)
            yield from _said_of(report["repeated"])
    temperature = evaluation.temperature(val.logits, job.targets(val.kept).numpy())
    report |= {"temperature": temperature, **_how(order, job)}
    report["val"] = _judged(job, val, len(job.val or job.train), "val", None, bool(folds))
    report["predictions"] += _predictions(job, val, "val", temperature)
    # The validation pictures chose the temperature, so their own figure is of others, fitted without them.
    report["calibration_error_out_of_fold"] = report["val"]["calibration_error"]
    if order.test:
        task = "checking on test pictures"
        test = yield from predictor.answer(network, cut, order.test, job.threads, task, stop=job.pause)
        report["test"] = _judged(job, test, len(order.test), "test", temperature)
        report["predictions"] += _predictions(job, test, "test", temperature)
    if folds:
        report["val"]["split"] = events.OUT_OF_FOLD
        report |= {"folds": [fold.to_json() for fold in folds.folds], "folds_deviation": folds.spread}
    set_on = f"{len(val.kept)} {'out-of-fold' if folds else 'validation'} pictures"
    unknown = {
        "threshold": predictor.threshold(val.distances),
        "set_on": set_on,
        "refused_at_most": predictor.REFUSED_SHARE,
    }
    unknown["distances"] = predictor.shares(val.distances)
    model = checkpoints.Model(network, _model_facts(order, job, report, unknown, train.kept), sample)
    checkpoints.save_model(order.model_file, model)
    report["weights_sha256"] = checkpoints.weights_digest(model)
    _remember_pictures(order, job)
    write_atomically(job.run.report_file, json.dumps(report).encode())
    return report


def _judged(
    job: Fit, answers: Answers | HeldOut, asked: int, split: str, temperature: float | None, folds: bool = False
) -> dict[str, Any]:
    """The figures of one split. temperature: None where these pictures chose it; then each is judged without it."""
    from tlstudio.engine import evaluation

    truth = job.targets(answers.kept).numpy()
    raw = evaluation.probabilities(answers.logits, 1.0)
    if temperature is None:
        groups = [picture.group or picture.digest for picture in answers.kept]
        scaled = evaluation.out_of_fold_probabilities(answers.logits, truth, groups)
    else:
        scaled = evaluation.probabilities(answers.logits, temperature)
    refused, worth = asked - len(answers.kept), evaluation.WORTH_OUT_OF_FOLD if folds else 1.0
    return evaluation.evaluate(scaled, truth, job.classes, split, refused, raw, worth).to_json()


def _predictions(job: Fit, answers: Answers | HeldOut, split: str, temperature: float) -> list[dict[str, Any]]:
    """What the model says of each picture, as `predict` would."""
    from tlstudio.engine import evaluation

    found = []
    for picture, row in zip(answers.kept, evaluation.probabilities(answers.logits, temperature), strict=True):
        top = [[job.classes[i], float(row[i])] for i in (-row).argsort(kind="stable")[:RANKED]]
        about = {"path": picture.path, "digest": picture.digest, "split": split, "truth": picture.label}
        found.append({**about, "label": top[0][0], "probability": top[0][1], "top": top})
    return found


def _repeated(job: Fit, *answers: Answers) -> dict[str, Any] | None:
    """Accuracy by repeated folds over all pictures but the test ones, whose features are known anyway."""
    import numpy as np

    from tlstudio.engine import crossvalidation
    from tlstudio.engine.training import class_weights

    kept = [picture for answer in answers for picture in answer.kept]
    targets = job.targets(kept)
    found = crossvalidation.repeated(
        np.concatenate([answer.pooled.numpy() for answer in answers]),
        targets.numpy(),
        [picture.group or picture.digest for picture in kept],
        class_weights(targets, len(job.classes)).numpy(),
    )
    return asdict(found) if found else None


def _said_of(repeated: dict[str, Any] | None) -> Iterator[Event]:
    if repeated:
        (low, high), how = repeated["interval"], f"{repeated['repeats']} times {repeated['folds']} folds"
        accuracy = f"{repeated['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})"
        text = f"Few pictures are held out. Steadier: a head on these features by {how} of {repeated['n']} pictures,"
        yield events.Said(f"{text} {accuracy}.")


def _how(order: Order, job: Fit) -> dict[str, Any]:
    """What came of the recipe on this machine, and where the first weights come from."""
    from tlstudio.engine.step import precision

    done = zip(job.recipe.phases, job.plans, strict=False)
    return {
        "phases": [{"name": phase.name, **plan.to_json()} for phase, plan in done],
        "precision": precision(job.device),
        "pieces": job.pieces,
        "origin": order.origin,
    }


def _remember_pictures(order: Order, job: Fit) -> None:
    """Keep which pictures the run had, so that one who repeats it is told which have changed."""
    parts = [("train", job.train), ("val", job.val), ("test", order.test)]
    rows = [[p.path, p.label, split, p.digest] for split, pictures in parts for p in pictures]
    # Without a time of writing, so that the same pictures make the same file.
    packed = gzip.compress(json.dumps(rows).encode(), mtime=0)
    write_atomically(job.run.pictures_file, packed)


def _model_facts(
    order: Order, job: Fit, report: dict[str, Any], unknown: dict[str, Any], familiar: Sequence[Picture]
) -> dict[str, Any]:
    shown = ("accuracy", "interval", "n", "calibration_error", "split")
    metrics = {s: {k: report[s][k] for k in shown} if report[s] else None for s in ("val", "test")}
    spec = job.network.backbone
    described = {"network": timm_record(spec)} if spec.name.startswith(TIMM) else {}
    return {
        **described,
        "schema": model_facts.SCHEMA_VERSION,
        "program": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "backbone": job.network.backbone.name,
        "strategy": order.recipe.strategy,
        "train_from": job.widest_cut,
        "classes": list(job.classes),
        "preprocessing": job.network.preprocessing.to_json(),
        "temperature": report["temperature"],
        "unknown": unknown,
        "sample": {"labels": job.targets(familiar).tolist(), "digests": [p.digest for p in familiar]},
        "trained_on": dict(Counter(picture.label for picture in job.train)),
        "metrics": metrics,
        "recipe_digest": hashlib.sha256(json.dumps(order.recipe.to_json(), sort_keys=True).encode()).hexdigest(),
        "provenance": order.origin,
    }

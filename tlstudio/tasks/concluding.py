"""What stands at a run's end: judge the network it trained, write the model and the report."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
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
    """
    from tlstudio.engine import checkpoints, evaluation, predictor
    from tlstudio.engine.step import precision

    network, cut = job.network, job.widest_cut
    familiar = predictor.some_of(job.train, order.recipe.seed)
    # This sample is kept in float16 anyway; every figure below comes from the network as it will be used.
    task, exact = "learning what is familiar", not job.remembers(cut)
    train = yield from predictor.answer(network, cut, familiar, job.threads, task, exact)
    sample = predictor.sample_of(train.pooled)
    if folds:
        val = folds.held_out
    else:
        said = yield from predictor.answer(network, cut, job.val, job.threads, "checking on validation pictures")
        known = predictor.centres(sample, job.targets(train.kept).tolist())
        val = predictor.HeldOut(said.kept, said.logits, predictor.distances(said.pooled, known))
    temperature = evaluation.temperature(val.logits, job.targets(val.kept).numpy())
    report: dict[str, Any] = {"test": None, "temperature": temperature, "predictions": []}
    done = zip(job.recipe.phases, job.plans, strict=False)
    report["phases"] = [{"name": phase.name, **plan.to_json()} for phase, plan in done]
    report["precision"], report["pieces"] = precision(job.device), job.pieces
    judged: list[tuple[str, Answers | HeldOut, int]] = [("val", val, len(job.val or job.train))]
    if order.test:
        test = yield from predictor.answer(network, cut, order.test, job.threads, "checking on test pictures")
        judged.append(("test", test, len(order.test)))
    for split, answers, count in judged:
        probable = evaluation.probabilities(answers.logits, temperature)
        truth = job.targets(answers.kept).numpy()
        measured = evaluation.evaluate(probable, truth, job.classes, split, count - len(answers.kept))
        report[split] = measured.to_json()
        for picture, row in zip(answers.kept, probable, strict=True):
            best = int(row.argmax())
            about = {"path": picture.path, "split": split, "truth": picture.label}
            report["predictions"].append({**about, "label": job.classes[best], "probability": float(row[best])})
    if folds:
        report["val"]["split"] = events.OUT_OF_FOLD
        report |= {"folds": [fold.to_json() for fold in folds.folds], "folds_deviation": folds.spread}
        report["epochs"] = {phase.name: phase.epochs for phase in folds.recipe.phases}
    set_on = f"{len(val.kept)} {'out-of-fold' if folds else 'validation'} pictures"
    unknown = {
        "threshold": predictor.threshold(val.distances),
        "set_on": set_on,
        "refused_at_most": predictor.REFUSED_SHARE,
    }
    unknown["distances"] = predictor.shares(val.distances)
    facts = _model_facts(order, job, report, unknown, train.kept)
    checkpoints.save_model(order.model_file, checkpoints.Model(network, facts, sample))
    write_atomically(job.run.report_file, json.dumps(report).encode())
    return report


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

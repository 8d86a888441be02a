"""Adapt a network to a project's pictures, judge it, write the model."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import __version__
from tlstudio.core import events
from tlstudio.core.backbones import TIMM, timm_record
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import Recipe, guards

if TYPE_CHECKING:
    from tlstudio.engine.predictor import Answers
    from tlstudio.engine.training import Fit


def train(
    project: Project,
    recipe: Recipe,
    model: Path | None = None,
    device: str = "auto",
    threads: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Adapt a backbone to the project's pictures by a recipe; ends with `Finished`, also when stopped.

    model: where the `.tlmodel` goes; the run's folder by default. threads: 0 takes all cores. stop: asked at every
    batch; True ends the run and keeps the best weights so far.

    Raises:
        TLStudioError: the pictures, weights, device or recipe do not allow it, or the loss stopped being a number.
    """
    from tlstudio.engine import survey

    started = time.monotonic()
    pictures = project.catalogue.readable()
    survey.check_trainable(Path(project.catalogue.fact("source") or project.folder), project.catalogue.pictures())
    if model is not None:
        _check_writable(model)
    # What needs no torch has been checked; from here on it is loaded.
    from tlstudio.engine import device as devices
    from tlstudio.engine import network as networks
    from tlstudio.engine.training import Fit

    where, count = devices.choose(device), devices.use_threads(threads)
    network = networks.build(recipe.backbone, len(class_names(pictures)), recipe.pretrained, recipe.seed)
    for phase in recipe.phases:
        network.prepare(phase)  # a wrong layer name shows before anything is computed
    run = project.new_run(recipe.strategy)
    write_atomically(run.recipe_file, json.dumps(recipe.to_json(), indent=1).encode())
    by_split = {name: [p for p in pictures if p.split == name] for name in ("train", "val", "test")}
    import torch

    network.model.to(where, memory_format=torch.channels_last)
    job = Fit(network, recipe, class_names(pictures), by_split["train"], by_split["val"], run, count, stop)
    sizes = {name: len(members) for name, members in by_split.items()}
    opening = events.RunStarted(str(run.folder), recipe.to_json(), str(where), count, sizes, _versions())
    skipped: set[str] = set()
    for event in _train(project, job, by_split["test"], model or run.model_file, opening, started):
        if isinstance(event, events.PictureSkipped):
            if event.path in skipped:
                continue  # each phase meets it again; once is enough to say it
            skipped.add(event.path)
        run.record(event)
        yield event


def _versions() -> dict[str, str]:
    """What a run has to be repeated with to give the same numbers."""
    packages = ("torch", "torchvision", "timm", "pillow", "numpy")
    return {"tlstudio": __version__, "python": platform.python_version(), **{n: version(n) for n in packages}}


def _check_writable(model: Path) -> None:
    """Find out before hours of work whether the result can be put where it should go."""
    if model.is_dir():
        raise ProjectError("is a folder", path=model, remedy="Give the name of a file in it, ending in .tlmodel.")
    if not model.absolute().parent.is_dir():
        raise ProjectError("is not in a folder that exists", path=model, remedy="Make the folder first.")
    write_atomically(model.with_name(f".{model.name}.test"), b"")
    model.with_name(f".{model.name}.test").unlink()


def _train(
    project: Project, job: Fit, test: Sequence[Picture], model_file: Path, opening: Event, started: float
) -> Iterator[Event]:
    from tlstudio.engine.training import fit

    yield opening
    for guard in guards(job.recipe, len(job.train) / len(job.classes)):
        yield events.Warned(guard.text)
    yield from fit(job)
    report = yield from _conclude(job, test, model_file)
    accuracies = [report[name] for name in ("val", "test")]
    yield events.Finished(
        model=str(model_file),
        project=str(project.folder),
        run=str(job.run.folder),
        val_accuracy=accuracies[0]["accuracy"],
        val_interval=tuple(accuracies[0]["interval"]),
        test_accuracy=accuracies[1]["accuracy"] if accuracies[1] else None,
        test_interval=tuple(accuracies[1]["interval"]) if accuracies[1] else None,
        classes=job.classes,
        seconds=time.monotonic() - started,
        stopped=job.stopped,
    )


def _conclude(job: Fit, test: Sequence[Picture], model_file: Path) -> Generator[Event, None, dict[str, Any]]:
    """Judge the trained network, write the model and the report. Everything is chosen on val; test is touched once."""
    from tlstudio.engine import checkpoints, evaluation, predictor
    from tlstudio.engine.step import precision

    network, recipe = job.network, job.recipe
    cut = job.widest_cut
    familiar = predictor.some_of(job.train, recipe.seed)
    # This sample is kept in float16 anyway; every figure below comes from the network as it will be used.
    task, exact = "learning what is familiar", not job.remembers(cut)
    train = yield from predictor.answer(network, cut, familiar, job.threads, task, exact)
    val = yield from predictor.answer(network, cut, job.val, job.threads, "checking on validation pictures")
    truth = job.targets(val.kept).numpy()
    temperature = evaluation.temperature(val.logits, truth)
    sample = predictor.sample_of(train.pooled)
    threshold = predictor.threshold(predictor.distances(val.pooled, sample))
    report: dict[str, Any] = {"test": None, "temperature": temperature, "predictions": []}
    report["phases"] = [{"name": p.name, **plan.to_json()} for p, plan in zip(recipe.phases, job.plans, strict=False)]
    report["precision"], report["pieces"] = precision(job.device), job.pieces
    judged: list[tuple[str, Answers]] = [("val", val)]
    if test:
        answers = yield from predictor.answer(network, cut, test, job.threads, "checking on test pictures")
        judged.append(("test", answers))
    for split, answers in judged:
        probable = evaluation.probabilities(answers.logits, temperature)
        refused = len(job.val if split == "val" else test) - len(answers.kept)
        measured = evaluation.evaluate(probable, job.targets(answers.kept).numpy(), job.classes, split, refused)
        report[split] = measured.to_json()
        for picture, row in zip(answers.kept, probable, strict=True):
            best = int(row.argmax())
            said = {"label": job.classes[best], "probability": float(row[best])}
            report["predictions"].append({"path": picture.path, "split": split, "truth": picture.label, **said})
    facts = _model_facts(job, temperature, threshold, len(val.kept), report)
    checkpoints.save_model(model_file, checkpoints.Model(network, facts, sample))
    write_atomically(job.run.report_file, json.dumps(report).encode())
    return report


def _model_facts(job: Fit, temperature: float, threshold: float, set_on: int, report: dict[str, Any]) -> dict[str, Any]:
    from tlstudio.engine.checkpoints import SCHEMA_VERSION

    spec, recipe = job.network.backbone, job.recipe
    shown = ("accuracy", "interval", "n", "calibration_error")
    metrics = {s: {k: report[s][k] for k in shown} if report[s] else None for s in ("val", "test")}
    source = {"weights": "random", "sha256": "", "licence": "", "source": ""}
    if recipe.pretrained:
        weights = spec.weights
        source = {"weights": weights.filename, "sha256": weights.sha256}
        source |= {"licence": weights.licence, "source": weights.source}
    described = {"network": timm_record(spec)} if spec.name.startswith(TIMM) else {}
    return {
        **described,
        "schema": SCHEMA_VERSION,
        "program": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "backbone": spec.name,
        "train_from": job.widest_cut,
        "classes": list(job.classes),
        "preprocessing": spec.preprocessing.to_json(),
        "temperature": temperature,
        "unknown": {"threshold": threshold, "set_on": f"{set_on} validation pictures", "refused_at_most": 0.05},
        "metrics": metrics,
        "recipe_digest": hashlib.sha256(json.dumps(recipe.to_json(), sort_keys=True).encode()).hexdigest(),
        "provenance": source,
    }

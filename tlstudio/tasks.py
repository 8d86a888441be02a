"""Everything a person can ask for, one generator of events each. The window and the command line both call these.

The engine is imported inside, so that asking for the list of tasks does not load torch. To cancel a task, stop asking
it for events and close it; training alone takes `stop`, because it ends by keeping the best weights so far.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import __version__
from tlstudio.core import events
from tlstudio.core.advice import from_table
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE, backbone
from tlstudio.core.catalogue import Catalogue, Picture, class_names
from tlstudio.core.errors import ProjectError, RefusedModel, UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project, is_project, runs_in, write_atomically
from tlstudio.core.recipe import Domain, Phase, Recipe, guards, make_recipe
from tlstudio.core.run import RunFolder

if TYPE_CHECKING:
    from tlstudio.engine.checkpoints import Model
    from tlstudio.engine.predictor import Answers, Predictor
    from tlstudio.engine.survey import SplitRule
    from tlstudio.engine.training import Fit


def scan(
    project: Project,
    images: Path,
    rule: SplitRule | None = None,
    val: Path | None = None,
    threads: int = 0,
    to_train: bool = False,
) -> Iterator[Event]:
    """Look through the pictures, give each a split, and make them the project's.

    val: pictures to validate on; then `images` gives those to train on. to_train: leave the project as it was unless
    something can be learned from them.

    Raises:
        UnusableImages: there is nothing to look at; with `to_train`, nothing to learn from.
    """
    sources = [_source(images, split="train"), _source(val, split="val")] if val is not None else [_source(images)]
    yield from _look_through(project, sources, rule, threads, to_train)


def add(project: Project, paths: Sequence[Path], label: str = "", threads: int = 0) -> Iterator[Event]:
    """Look through more pictures and put them beside those the project has.

    paths: folders or lists as `scan` takes them; with a label, any files and folders, all of that class.

    Raises:
        UnusableImages: there is nothing to look at.
    """
    known = _sources(project)
    fresh = [_source(path, label) for path in paths]
    yield from _look_through(project, known + [source for source in fresh if source not in known], None, threads)


def rescan(project: Project, threads: int = 0) -> Iterator[Event]:
    """Look again where the project's pictures came from; files that did not change are not opened.

    Raises:
        UnusableImages: a folder is gone, or there never was one.
    """
    if not _sources(project):
        raise UnusableImages("the project has no pictures yet", path=project.folder, remedy="Add some first.")
    yield from _look_through(project, _sources(project), None, threads)


def report(project: Project) -> Iterator[Event]:
    """What the project's pictures are and what is wrong with them, without opening a file."""
    from tlstudio.engine import survey

    source = Path(project.catalogue.fact("source") or project.folder)
    yield survey.inspect(source, project.catalogue.pictures())


def _source(path: Path, label: str = "", split: str = "") -> dict[str, str]:
    return {"path": str(path.absolute()), "label": label, "split": split}


def _sources(project: Project) -> list[dict[str, str]]:
    """Where the project's pictures came from, in the order they were given."""
    stored, first = project.catalogue.fact("sources"), project.catalogue.fact("source")
    return json.loads(stored) if stored else [_source(Path(first))] if first else []


def _look_through(
    project: Project, sources: list[dict[str, str]], rule: SplitRule | None, threads: int, to_train: bool = False
) -> Iterator[Event]:
    from tlstudio.engine import survey

    before = project.catalogue.pictures()
    stored = project.catalogue.fact("split_rule")
    rule_before = survey.SplitRule(**json.loads(stored)) if stored else None
    rule = rule or rule_before or survey.DEFAULT_SPLIT
    if before and rule != rule_before:
        yield events.Warned("The split is drawn anew: earlier models may have learned from what tests them now.")
    if before and (former := _sources(project)[0]["path"]) != sources[0]["path"]:
        yield events.Warned(f"The project held pictures from {former}; these take their place.")
    # A file that two sources name belongs to the later one: one for validation must not be learned from.
    found = {picture.path: picture for source in sources for picture in _find(source)}
    for source in sources:
        if not source["label"]:
            yield from _unfiled(Path(source["path"]))
    looked = yield from survey.read_all(list(found.values()), before, threads)
    for source in sources:
        _check_validation(source, looked)
    pictures = survey.split(looked, rule, before if rule == rule_before else ())
    origin = Path(sources[0]["path"])
    seen = [events.PictureSkipped(p.path, p.refused) for p in pictures if p.refused]
    if to_train:  # before anything is stored, and after saying what there is
        yield from (*seen, survey.inspect(origin, pictures))
        survey.check_trainable(origin, pictures)
    facts = {"source": str(origin), "sources": json.dumps(sources), "split_rule": json.dumps(asdict(rule))}
    project.catalogue.replace(pictures, facts)
    if not to_train:
        yield from (*seen, survey.inspect(origin, pictures))


def _find(source: dict[str, str]) -> list[Picture]:
    from tlstudio.engine import survey

    path, label, split = Path(source["path"]), source["label"], source["split"]
    if label:
        files = survey.files_below(path) if path.is_dir() else (path,)
        return [Picture(str(file), label, split) for file in files]
    # A project stands for the pictures it holds.
    found = Catalogue(path / "catalogue.sqlite").pictures() if is_project(path) else survey.find(path)
    if split == "train":  # a test part that the folder gives stays one; everything else is to train on
        return [p if p.split == "test" else replace(p, split="train") for p in found]
    return [replace(p, split=split) for p in found] if split else found


def _check_validation(source: dict[str, str], looked: Sequence[Picture]) -> None:
    """Raise if somebody named pictures to validate on and none of them can be used."""
    if source["split"] == "val" and not any(p.split == "val" and not p.refused for p in looked):
        raise UnusableImages("holds no readable picture to validate on", path=source["path"])


def split_rule(val_fraction: float, test_fraction: float, seed: int) -> SplitRule:
    """How to divide pictures that come without a split: shares of each class, 0..1."""
    from tlstudio.engine.survey import SplitRule

    return SplitRule(val_fraction, test_fraction, seed)


def inspect(path: Path, threads: int = 0) -> Iterator[Event]:
    """What a path holds: pictures, a project, a run, or a model.

    Raises:
        TLStudioError: it is none of these, or damaged.
    """
    from tlstudio.engine import survey

    if path.is_dir() and is_project(path):
        yield _inspect_project(path)
    elif path.is_dir() and (path / "recipe.json").is_file():
        yield _inspect_run(path)
    elif path.is_file() and path.suffix.lower() == ".tlmodel":
        yield _inspect_model(path)
    else:
        yield from _unfiled(path)
        looked = yield from survey.read_all(survey.find(path), threads=threads)
        yield survey.inspect(path, survey.split(looked))


def _unfiled(images: Path) -> Iterator[Event]:
    from tlstudio.engine import survey

    if names := survey.unfiled(images):
        some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        yield events.Warned(f"Left out, because it is in no class folder: {some}")


def _inspect_project(path: Path) -> Event:
    pictures = Catalogue(path / "catalogue.sqlite").readable()
    counts = {name: sum(p.label == name for p in pictures) for name in class_names(pictures)}
    return events.FileInspected("project", {"classes": counts, "runs": [str(run.folder) for run in runs_in(path)]})


def _inspect_run(path: Path) -> Event:
    run = RunFolder(path)
    try:
        recipe = json.loads(run.recipe_file.read_text("utf-8"))
    except ValueError as error:
        raise ProjectError("is damaged", path=run.recipe_file, remedy="Repeat the run.") from error
    state = run.state()
    facts = {"recipe": recipe, "epochs": [e.to_json() for e in state.epochs], "report": run.report()}
    return events.FileInspected("run", {**facts, "finished": state.finished is not None})


def _inspect_model(path: Path) -> Event:
    from tlstudio.engine import checkpoints

    model = checkpoints.load_model(path)
    return events.FileInspected("model", {**model.facts, "sha256": checkpoints.weights_digest(model)})


def outline(backbone_name: str, classes: int, phase: Phase) -> Iterator[Event]:
    """The network's stages and layers with what learns in a phase; needs no weights.

    Raises:
        BadRecipe: an unknown backbone, stage or layer.
    """
    from tlstudio.engine import network as networks

    network = networks.assemble(backbone(backbone_name), classes)
    stages = network.outline(phase)
    trainable, total = network.parameter_counts()
    layers = tuple(layer for stage in stages for layer in stage.layers)
    yield events.Outlined(backbone_name, total, trainable, stages, layers)


def advise(project: Project, domain: Domain = "similar") -> Iterator[Event]:
    """Which strategy suits the project's pictures."""
    pictures = project.catalogue.readable("train")
    yield from_table(len(pictures), len(class_names(pictures)), domain)


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

    network, recipe = job.network, job.recipe
    cut = job.widest_cut
    familiar = predictor.some_of(job.train, recipe.seed)
    train = yield from predictor.answer(network, cut, familiar, job.threads, "learning what is familiar")
    val = yield from predictor.answer(network, cut, job.val, job.threads, "checking on validation pictures")
    truth = job.targets(val.kept).numpy()
    temperature = evaluation.temperature(val.logits, truth)
    sample = predictor.sample_of(train.pooled)
    threshold = predictor.threshold(predictor.distances(val.pooled, sample))
    report: dict[str, Any] = {"test": None, "temperature": temperature, "predictions": []}
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
    import hashlib

    from tlstudio.engine.checkpoints import SCHEMA_VERSION

    spec, recipe = job.network.backbone, job.recipe
    shown = ("accuracy", "interval", "n", "calibration_error")
    metrics = {s: {k: report[s][k] for k in shown} if report[s] else None for s in ("val", "test")}
    source = {"weights": "random", "sha256": "", "licence": "", "source": ""}
    if recipe.pretrained:
        weights = spec.weights
        source = {"weights": weights.filename, "sha256": weights.sha256}
        source |= {"licence": weights.licence, "source": weights.source}
    return {
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


def evaluate(
    model_file: Path, images: Path, split: str | None = None, device: str = "auto", threads: int = 0
) -> Iterator[Event]:
    """How a model does on labelled pictures; ends with `Evaluated`.

    split: `all`, `train`, `val` or `test`. By default a project's test split (its validation split where it has none),
    and all of anything else.

    Raises:
        TLStudioError: the model or the pictures cannot be used, or no class is one the model knows.
    """
    _check_exists(model_file)
    from tlstudio.engine import evaluation, predictor

    model, count = _open_model(model_file, device, threads)
    pictures = yield from _labelled(images, count)
    if split is None:
        split = "all"
        if is_project(images):
            split = "test" if any(p.split == "test" and not p.refused for p in pictures) else "val"
    chosen = [p for p in pictures if split in ("all", p.split)]
    if not chosen:
        remedy = "Leave --split out to measure on all of it, or give the project the model was trained in."
        raise UnusableImages(f"does not say which pictures are for {split}", path=images, remedy=remedy)
    readable = [p for p in chosen if not p.refused and p.label in model.classes]
    yield from (events.PictureSkipped(p.path, p.refused) for p in chosen if p.refused)
    strangers = sorted({p.label for p in chosen if not p.refused} - set(model.classes))
    if strangers:
        yield events.Warned(f"Left out, because the model does not know them: {', '.join(strangers[:5])}.")
    if not readable:
        remedy = f"Its classes are: {', '.join(model.classes[:10])}."
        raise UnusableImages(f"has no readable {split} pictures of the model's classes", path=images, remedy=remedy)
    answers = yield from predictor.answer(
        model.network, model.facts["train_from"], readable, count, "classifying pictures"
    )
    index = {name: i for i, name in enumerate(model.classes)}
    import numpy as np

    truth = np.array([index[p.label] for p in answers.kept])
    probable = evaluation.probabilities(answers.logits, model.facts["temperature"])
    yield evaluation.evaluate(probable, truth, model.classes, split, len(chosen) - len(answers.kept))


def _labelled(images: Path, threads: int) -> Generator[Event, None, list[Picture]]:
    from tlstudio.engine import survey

    if images.is_dir() and is_project(images):
        return Catalogue(images / "catalogue.sqlite").pictures()
    return (yield from survey.read_all(survey.find(images), threads=threads))


def _check_exists(model_file: Path) -> None:
    if not model_file.is_file():
        remedy = "Give a .tlmodel file, such as a run's model.tlmodel."
        raise RefusedModel("does not exist", path=model_file, remedy=remedy)


def _open_model(path: Path, device: str, threads: int) -> tuple[Model, int]:
    import torch

    from tlstudio.engine import checkpoints
    from tlstudio.engine import device as devices

    where, count = devices.choose(device), devices.use_threads(threads)
    model = checkpoints.load_model(path)
    model.network.model.to(where, memory_format=torch.channels_last)
    return model, count


def predict(
    model_file: Path, paths: Iterable[Path | str], top: int = 5, device: str = "auto", threads: int = 0
) -> Iterator[Event]:
    """Classify pictures; one `Predicted` each, in order. A folder stands for every file below it.

    Raises:
        TLStudioError: the model cannot be used.
    """
    _check_exists(model_file)
    from tlstudio.engine.predictor import Predictor

    model, count = _open_model(model_file, device, threads)
    yield from Predictor(model, count).predict(_files(paths), top)


def _files(paths: Iterable[Path | str]) -> Iterator[Path | str]:
    """Each path as it was given, a folder as the files below it."""
    from tlstudio.engine.survey import files_below

    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  # unlike Path's, this does not raise for a name that is none
            yield from files_below(Path(path))
        else:
            yield path


def load_engine(device: str = "auto", threads: int = 0) -> Iterator[Event]:
    """Load torch and what stands on it, so that the first training does not wait for it; ends with `EngineReady`.

    Raises:
        DeviceError: the device is not on this machine.
    """
    from tlstudio.engine import preload

    yield from preload.load()
    from tlstudio.engine import device as devices

    yield events.EngineReady(str(devices.choose(device)), devices.use_threads(threads))


def devices() -> Iterator[Event]:
    """What one can train on here."""
    from tlstudio.engine import device

    yield events.DevicesFound(device.available())


def draw(wanted: Iterator[tuple[Path, int, str]]) -> Iterator[Event]:
    """Draw pictures small enough for a screen, one `PictureDrawn` each, for as long as more are wanted.

    wanted: path, side of the square to fit into, and the backbone whose input to show, empty for the picture as filed.
    """
    from tlstudio.engine import thumbnails

    for path, side, seen_by in wanted:
        if seen_by:
            from tlstudio.engine import tensors  # brings torch, which thumbnails do not need

            yield tensors.as_seen(path, side, backbone(seen_by).preprocessing)
        else:
            yield thumbnails.as_filed(path, side)


def draw_sample(folder: Path) -> Iterator[Event]:
    """Draw the built-in sample, a synthetic set of shapes, as class folders into a new folder.

    Raises:
        ProjectError: it cannot be written there.
    """
    from tlstudio.engine import shapes

    yield from shapes.draw_all(folder)


class OpenModel:
    """A `.tlmodel` that is loaded at the first question and kept for the next ones, for whoever asks more than once."""

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        self.path = path
        self._device = device
        self._threads = threads
        self._predictor: Predictor | None = None

    def open(self) -> Iterator[Event]:
        """Load the model now; ends with what it says about itself.

        Raises:
            TLStudioError: the model cannot be used.
        """
        yield from load_engine(self._device, self._threads)
        yield events.FileInspected("model", self._loaded().model.facts)

    def predict(self, paths: Iterable[Path | str], top: int = 5) -> Iterator[Event]:
        """Like `tasks.predict`, with progress between the answers."""
        predictor = self._loaded()
        files = list(_files(paths))
        for number, answer in enumerate(predictor.predict(files, top), start=1):
            yield answer
            yield events.Progress("classifying pictures", number, len(files))

    def _loaded(self) -> Predictor:
        from tlstudio.engine.predictor import Predictor

        if self._predictor is None:
            self._predictor = Predictor(*_open_model(self.path, self._device, self._threads))
        return self._predictor


def weights_list() -> Iterator[Event]:
    """Where each backbone's pretrained weights are."""
    from tlstudio.engine import weights

    for spec in BACKBONES.values():
        path, known = weights.find(spec), spec.weights
        place = str(path) if path else None
        yield events.WeightsFound(spec.name, known.filename, place, known.size, known.sha256, known.licence)


def weights_import(path: Path) -> Iterator[Event]:
    """Copy a weights file into the program's folder, if its digest is a known one.

    Raises:
        RefusedWeights: it is not.
    """
    from tlstudio.engine import weights

    spec, target = weights.adopt(path)
    known = spec.weights
    yield events.WeightsFound(spec.name, known.filename, str(target), known.size, known.sha256, known.licence)


def weights_fetch(name: str) -> Iterator[Event]:
    """Download a backbone's weights from the address in the table, because somebody asked.

    Raises:
        TLStudioError: there is no address, no network, or something else came.
    """
    from tlstudio.engine import weights

    spec = backbone(name)
    target = yield from weights.fetch(spec)
    known = spec.weights
    yield events.WeightsFound(spec.name, known.filename, str(target), known.size, known.sha256, known.licence)


def demo(project: Project, device: str = "auto", threads: int = 0) -> Iterator[Event]:
    """The whole job on the sample: look, choose a strategy, train, measure, classify pictures it never saw.

    Raises:
        TLStudioError: the sample is not installed, or training failed.
    """
    from tlstudio.engine import sample

    yield events.Said(sample.ABOUT)
    yield from scan(project, sample.write_list(project.folder), threads=threads, to_train=True)
    pictures = project.catalogue.readable()
    training = sum(p.split == "train" for p in pictures)
    advice = from_table(training, len(class_names(pictures)), "different")
    yield advice
    recipe = make_recipe(DEFAULT_BACKBONE, advice.strategy, domain="different")
    model = project.folder / "solar-cells.tlmodel"
    yield from train(project, recipe, model, device, threads)
    yield events.Said("Classifying test pictures, which it never saw while training:")
    held_out = [p for p in pictures if p.split == "test"]
    shown = held_out[:: max(1, len(held_out) // 8)][:8]
    for event, picture in zip(predict(model, [Path(p.path) for p in shown], 2, device, threads), shown, strict=True):
        yield events.Said(f"In truth {picture.label}:")
        yield event
    yield events.Said(f"Try it on a picture of your own: tlstudio predict {model} PICTURE")

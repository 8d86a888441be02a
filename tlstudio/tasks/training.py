"""Adapt a network to a project's pictures, judge it, write the model."""

from __future__ import annotations

import itertools
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import __version__
from tlstudio.core import events, groups, model_facts
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.errors import BadRecipe, ProjectError, UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import ModelFile, Recipe, guards
from tlstudio.tasks.concluding import Order, conclude

if TYPE_CHECKING:
    from tlstudio.engine.network import Network
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
    from tlstudio.engine import report

    started = time.monotonic()
    pictures = [p for p in groups.of(project.catalogue) if p.used]
    report.check_trainable(Path(project.catalogue.fact("source") or project.folder), project.catalogue.pictures())
    if recipe.folds:
        _check_no_val_given(project)
    if model is not None:
        _check_writable(model)
    # What needs no torch has been checked; from here on it is loaded.
    import torch

    from tlstudio.engine import device as devices
    from tlstudio.engine.training import Fit

    where, count = devices.choose(device), devices.use_threads(threads)
    classes = class_names(pictures)
    network, origin = starting_network(recipe, len(classes))
    if recipe.fit:
        network.preprocessing = replace(network.preprocessing, fit=recipe.fit)
    _check_layers(network, recipe)
    by_split = {name: [p for p in pictures if p.split == name] for name in ("train", "val", "test")}
    opening: list[Event] = []
    if recipe.folds:
        by_split |= {"train": [p for p in pictures if p.split != "test"], "val": []}
        recipe, opening = _with_possible_folds(recipe, by_split["train"])
    run = project.new_run(recipe.strategy)
    write_atomically(run.recipe_file, json.dumps(recipe.to_json(), indent=1).encode())
    network.model.to(where, memory_format=torch.channels_last)
    sizes = {name: len(members) for name, members in by_split.items()}
    opening.insert(0, events.RunStarted(str(run.folder), recipe.to_json(), str(where), count, sizes, _versions()))
    job = Fit(network, recipe, classes, by_split["train"], by_split["val"], run, count, stop)
    order = Order(project, recipe, by_split["test"], model or run.model_file, origin, started)
    skipped: set[str] = set()
    for event in itertools.chain(opening, _train(order, job)):
        if isinstance(event, events.PictureSkipped):
            if event.path in skipped:
                continue  # each phase meets it again; once is enough to say it
            skipped.add(event.path)
        run.record(event)
        yield event


def model_to_start_from(path: Path) -> ModelFile:
    """A `.tlmodel` as a recipe names it.

    Raises:
        RefusedModel: the file is not a sound model of this version.
    """
    from tlstudio.engine import checkpoints

    return checkpoints.model_file(path)


def starting_network(recipe: Recipe, classes: int) -> tuple[Network, dict[str, Any]]:
    """The network a recipe starts from, and where its weights come from."""
    from tlstudio.engine import checkpoints
    from tlstudio.engine import network as networks

    if recipe.start:
        model = checkpoints.start_from(recipe.start, classes, recipe.seed)
        before = model.facts["provenance"]
        known = {"weights": model_facts.plain(Path(recipe.start.path).name), "sha256": recipe.start.sha256}
        named = ", ".join(recipe.start.classes[:5]) + (" …" if len(recipe.start.classes) > 5 else "")
        source = model_facts.plain(f"a TL Studio model of {len(recipe.start.classes)} classes: {named}")
        origin = {**known, "licence": before.get("licence", ""), "source": source, "before": before}
        return model.network, model_facts.recent(origin)
    network = networks.build(recipe.backbone, classes, recipe.pretrained, recipe.seed)
    if not recipe.pretrained:
        return network, {"weights": "random", "sha256": "", "licence": "", "source": ""}
    weights = network.backbone.weights
    known = {"weights": weights.filename, "sha256": weights.sha256}
    return network, {**known, "licence": weights.licence, "source": model_facts.plain(weights.source)}


def _check_layers(network: Network, recipe: Recipe) -> None:
    """Raise `BadRecipe` before anything is computed if a layer's name is wrong or a setting would do nothing."""
    from tlstudio.engine.network import BatchNorm

    for phase in recipe.phases:
        network.prepare(phase)
    phase = recipe.phases[-1]
    _, tail = network.split(phase.train_from)
    in_tail = {id(parameter) for parameter in tail.parameters()}
    parts = {**dict(network.model.named_parameters()), **dict(network.model.named_modules()), **network.stages}
    for name in phase.frozen:
        held = parts[name].parameters() if hasattr(parts[name], "parameters") else [parts[name]]
        if not any(id(parameter) in in_tail for parameter in held):
            what = f"--freeze {name} does nothing: nothing in it learns from {phase.train_from} on"
            raise BadRecipe(what, remedy="Leave it out, or begin to learn earlier with --train-from.")
    adapts = recipe.phases[-1].bn == "adaptive" and recipe.pretrained
    if adapts and not any(isinstance(module, BatchNorm) for module in tail.modules()):
        what = f"--bn adaptive does nothing: {recipe.backbone} has no BatchNorm from {phase.train_from} on"
        raise BadRecipe(what, remedy="Leave it out.")


def _check_no_val_given(project: Project) -> None:
    """Raise unless all pictures but the test ones are free to be dealt into folds."""
    if "val" in json.loads(project.catalogue.fact("splits_given") or "[]"):
        source = project.catalogue.fact("source") or project.folder
        remedy = "Leave --folds out, or give only the part to train on; folds are then drawn from it."
        raise UnusableImages("comes with its own validation pictures, which are kept", path=source, remedy=remedy)


def _with_possible_folds(recipe: Recipe, pictures: Sequence[Picture]) -> tuple[Recipe, list[Event]]:
    """The recipe with at most as many folds as the smallest class can fill, and a warning if that is fewer."""
    from tlstudio.engine import crossvalidation

    most = crossvalidation.most_folds(pictures)
    if recipe.folds <= most:
        return recipe, []
    text = f"{recipe.folds} folds became {most}: the smallest class has only {most} different pictures for them."
    return replace(recipe, folds=most), [events.Warned(text)]


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


def _train(order: Order, job: Fit) -> Iterator[Event]:
    from tlstudio.engine import crossvalidation
    from tlstudio.engine.training import fit

    for guard in guards(job.recipe, len(job.train) / len(job.classes)):
        yield events.Warned(guard.text)
    folds = None
    if job.recipe.folds:
        yield events.Said(f"All {len(job.train)} pictures but the test ones are dealt into {job.recipe.folds} folds.")
        folds = yield from crossvalidation.out_of_fold(job, _split_seed(order.project))
        job = replace(job, recipe=folds.recipe)
        yield events.Said(f"Now learning from all {len(job.train)} pictures, for as long as the folds found best.")
    yield from fit(job)
    report = yield from conclude(order, job, folds)
    accuracies = [report[name] for name in ("val", "test")]
    yield events.Finished(
        model=str(order.model_file),
        project=str(order.project.folder),
        run=str(job.run.folder),
        val_accuracy=accuracies[0]["accuracy"],
        val_interval=tuple(accuracies[0]["interval"]),
        test_accuracy=accuracies[1]["accuracy"] if accuracies[1] else None,
        test_interval=tuple(accuracies[1]["interval"]) if accuracies[1] else None,
        classes=job.classes,
        seconds=time.monotonic() - order.started,
        stopped=job.stopped,
        folds=order.recipe.folds,
    )


def _split_seed(project: Project) -> int:
    return int(json.loads(project.catalogue.fact("split_rule") or "{}").get("seed", 0))

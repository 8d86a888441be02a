"""Adapt a network to a project's pictures, judge it, write the model."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import __version__
from tlstudio.core import events, model_facts
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.errors import BadRecipe, ProjectError, UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import ModelFile, Recipe, guards
from tlstudio.tasks.concluding import Order
from tlstudio.tasks.running import carry_out, in_use, may_go, terms_of

if TYPE_CHECKING:
    from tlstudio.engine.network import Network


def train(
    project: Project,
    recipe: Recipe,
    model: Path | None = None,
    device: str = "auto",
    threads: int = 0,
    stop: Callable[[], bool] = lambda: False,
    pause: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Adapt a backbone to the project's pictures by a recipe; ends with `Finished`, also when stopped.

    model: where the `.tlmodel` goes; the run's folder by default. threads: 0 takes all cores. stop: asked at every
    batch; True ends the run and keeps the best weights so far. pause: asked at every batch; True ends with `RunPaused`,
    and `resume` goes on. Whatever else ends it between two events, a kill too, leaves a checkpoint to go on from.

    Raises:
        TrainingPaused: it cannot go on as things are; `RunPaused` was said before.
        TLStudioError: the pictures, weights, device or recipe do not allow it, there is too little room for it, or the
            loss stopped being a number.
    """
    from tlstudio.engine import report

    started = time.monotonic()
    project.check_writable()
    pictures = in_use(project)
    report.check_trainable(Path(project.catalogue.fact("source") or project.folder), project.catalogue.pictures())
    if recipe.folds:
        _check_no_val_given(project)
    if model is not None:
        check_writable(model)
    # What needs no torch has been checked; from here on it is loaded.
    import torch

    from tlstudio.engine import device as devices
    from tlstudio.engine import space
    from tlstudio.engine.training import Fit

    where, count = devices.choose(device), devices.use_threads(threads)
    classes = class_names(pictures)
    network, origin = starting_network(recipe, len(classes))
    _check_layers(network, recipe)
    by_split = dealt(pictures, recipe)
    opening: list[Event] = []
    if recipe.folds:
        recipe, opening = _with_possible_folds(recipe, by_split["train"])
    space.check(network, recipe, len(pictures), [(project.folder, 0), (model or project.folder, 0)])
    run = project.new_run(recipe.strategy)
    write_atomically(run.recipe_file, json.dumps(recipe.to_json(), indent=1).encode())
    network.model.to(where, memory_format=torch.channels_last)
    sizes = {name: len(members) for name, members in by_split.items()}
    opening.insert(0, events.RunStarted(str(run.folder), recipe.to_json(), str(where), count, sizes, versions()))
    opening += [events.Warned(guard.text) for guard in guards(recipe, sizes["train"] / len(classes))]
    job = Fit(network, recipe, classes, by_split["train"], by_split["val"], run, count, stop, pause=pause)
    order = Order(project, recipe, by_split["test"], model or run.model_file, origin, started)
    job.may_go = may_go(pictures)
    job.terms = terms_of(pictures, order, run)
    yield from carry_out(order, job, opening)


def dealt(pictures: Sequence[Picture], recipe: Recipe) -> dict[str, list[Picture]]:
    """The pictures to learn from, to validate on and to test on; folds are drawn from all but the last."""
    by_split = {name: [p for p in pictures if p.split == name] for name in ("train", "val", "test")}
    if recipe.folds:
        by_split |= {"train": [p for p in pictures if p.split != "test"], "val": []}
    return by_split


def model_to_start_from(path: Path) -> ModelFile:
    """A `.tlmodel` as a recipe names it.

    Raises:
        RefusedModel: the file is not a sound model of this version.
    """
    from tlstudio.engine import checkpoints

    return checkpoints.model_file(path)


def starting_network(recipe: Recipe, classes: int) -> tuple[Network, dict[str, Any]]:
    """The network a recipe starts from, and where its weights come from."""
    network, origin = _shipped_or_own(recipe, classes)
    if recipe.fit:
        network.preprocessing = replace(network.preprocessing, fit=recipe.fit)
    return network, origin


def _shipped_or_own(recipe: Recipe, classes: int) -> tuple[Network, dict[str, Any]]:
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


def versions() -> dict[str, str]:
    """What a run has to be repeated with to give the same numbers."""
    import torch

    from tlstudio.engine.features import PIPELINE

    # Which of their kernels torch and its libraries take depends on the processor, and with it the last digits.
    here = {"processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"}
    here |= {"tlstudio": __version__, "way of reading pictures": str(PIPELINE), "python": platform.python_version()}
    return here | {name: version(name) for name in ("torch", "torchvision", "timm", "pillow", "numpy", "scipy")}


def check_writable(model: Path) -> None:
    """Find out before hours of work whether the result can be put where it should go."""
    if model.is_dir():
        raise ProjectError("is a folder", path=model, remedy="Give the name of a file in it, ending in .tlmodel.")
    if not model.absolute().parent.is_dir():
        raise ProjectError("is not in a folder that exists", path=model, remedy="Make the folder first.")
    write_atomically(model.with_name(f".{model.name}.test"), b"")
    model.with_name(f".{model.name}.test").unlink()

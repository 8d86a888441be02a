"""Advice measured on a project's own pictures: which strategy, which backbone, which learning rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import groups
from tlstudio.core.advice import BackboneProbed, from_table
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE
from tlstudio.core.backbones import backbone as find_backbone
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.errors import MissingWeights, UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Domain, Recipe
from tlstudio.tasks.weights import find_networks

if TYPE_CHECKING:
    from tlstudio.engine.advisor import Measure

# Of each class; what fewer would show is chance.
LEAST = 8
# With more classes than this, measuring takes longer than a training, and trials see a handful of pictures of each.
MOST_CLASSES = 200


def advise(
    project: Project,
    backbone: str = DEFAULT_BACKBONE,
    domain: Domain = "similar",
    threads: int = 0,
    stop: Callable[[], bool] = lambda: False,
    device: str = "auto",
) -> Iterator[Event]:
    """Which strategy suits the project's pictures: `Probed` for every stage, `Tried` for every short trial, and last
    `Advised`. Test pictures are not looked at, and nothing of the project is changed.

    Where a class has too few pictures to measure on, or there are too many classes, the table answers alone. stop:
    asked at every batch; True ends it without advice.

    Raises:
        TLStudioError: the backbone's weights or the device are not here, or no picture can be read.
    """
    used = [p for p in groups.of(project.catalogue) if p.used]
    train = [p for p in used if p.split == "train"]
    table = from_table(len(train), len(class_names(train)), domain)
    to_measure = [p for p in used if p.split in ("train", "val")]
    why = ""
    if _fewest(to_measure) < LEAST:
        why = f"A class has fewer than {LEAST} pictures to measure on, so this is the table's advice."
    elif len(class_names(to_measure)) > MOST_CLASSES:
        why = f"Measuring more than {MOST_CLASSES} classes would take too long, so this is the table's advice."
    if why or table.strategy == "from-scratch":
        yield replace(table, reasons=(*table.reasons, why)) if why else table
        return
    from tlstudio.engine import advisor, features

    measure = _measure(backbone, to_measure, threads, device, stop)
    try:
        yield from advisor.advise(measure, table, domain)
    except features.Stopped:
        return


def compare_backbones(
    project: Project,
    names: Sequence[str] = (),
    threads: int = 0,
    stop: Callable[[], bool] = lambda: False,
    device: str = "auto",
) -> Iterator[Event]:
    """How well a head on each backbone tells the project's pictures apart: `BackboneProbed` for each of `names`, by
    default for all there are; those whose weights are not here only say so.

    Raises:
        UnusableImages: a class has too few pictures to measure on.
        TLStudioError: weights are not what they should be, or the device is not here.
    """
    to_measure = [p for p in project.catalogue.readable() if p.split in ("train", "val")]
    if _fewest(to_measure) < LEAST:
        what = f"have fewer than {LEAST} different pictures of a class to measure on"
        raise UnusableImages(what, remedy="Add more pictures.")
    from tlstudio.engine import advisor, features

    find_networks()
    for name in names or tuple(BACKBONES):
        spec = find_backbone(name)
        try:
            yield from advisor.probe_backbone(_measure(name, to_measure, threads, device, stop))
        except MissingWeights:
            yield BackboneProbed(name, False, spec.parameters, spec.weights.size)
        except features.Stopped:
            return


def find_rate(
    project: Project,
    recipe: Recipe,
    threads: int = 0,
    stop: Callable[[], bool] = lambda: False,
    device: str = "auto",
) -> Iterator[Event]:
    """Which learning rate suits the last phase of a recipe: `RateTried` for every step, and last `RateFound`. Nothing
    of the project is changed. stop: asked at every batch; True ends it without an answer.

    Raises:
        TLStudioError: as `train`.
    """
    pictures = project.catalogue.readable("train")
    if not pictures:
        raise UnusableImages("hold no training pictures", remedy="Add some, or put some of them into training.")
    from tempfile import gettempdir

    import torch

    from tlstudio.core.run import RunFolder
    from tlstudio.engine import device as devices
    from tlstudio.engine import features, rate_finder
    from tlstudio.engine.training import Fit
    from tlstudio.tasks.training import starting_network

    where, count = devices.choose(device), devices.use_threads(threads)
    classes = class_names(pictures)
    network, _ = starting_network(recipe, len(classes))
    network.model.to(where, memory_format=torch.channels_last)
    job = Fit(network, recipe, classes, pictures, [], RunFolder(Path(gettempdir())), count, stop)
    try:
        yield from rate_finder.find(job)
    except features.Stopped:
        return


def _measure(name: str, pictures: Sequence[Picture], threads: int, device: str, stop: Callable[[], bool]) -> Measure:
    """A backbone with its shipped weights, and the pictures to measure it on."""
    import torch

    from tlstudio.engine import device as devices
    from tlstudio.engine import network as networks
    from tlstudio.engine.advisor import Measure

    where, count = devices.choose(device), devices.use_threads(threads)
    classes = class_names(pictures)
    network = networks.build(name, len(classes), pretrained=True)
    network.model.to(where, memory_format=torch.channels_last)
    return Measure(network, classes, tuple(pictures), count, stop)


def _fewest(pictures: Sequence[Picture]) -> int:
    """How many different pictures the smallest class has."""
    once = {(p.label, p.group or p.digest) for p in pictures}
    counts = Counter(label for label, _ in once)
    return min(counts.values()) if len(counts) > 1 else 0

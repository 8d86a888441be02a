"""The whole job on the sample, start to finish."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from tlstudio.core import events
from tlstudio.core.advice import from_table
from tlstudio.core.backbones import DEFAULT_BACKBONE
from tlstudio.core.catalogue import class_names
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Domain, make_recipe
from tlstudio.tasks.predicting import predict
from tlstudio.tasks.scanning import scan
from tlstudio.tasks.training import train


def demo(project: Project, device: str = "auto", threads: int = 0) -> Iterator[Event]:
    """The whole job on the sample: look, choose a strategy, train, measure, classify pictures it never saw.

    The sample is the solar cells where they are installed, else shapes drawn on the spot.

    Raises:
        TLStudioError: training failed.
    """
    name, images, domain = yield from _sample(project.folder)
    yield from scan(project, images, threads=threads, to_train=True)
    pictures = project.catalogue.readable()
    training = sum(p.split == "train" for p in pictures)
    advice = from_table(training, len(class_names(pictures)), domain)
    yield advice
    recipe = make_recipe(DEFAULT_BACKBONE, advice.strategy, domain=domain)
    model = project.folder / f"{name}.tlmodel"
    yield from train(project, recipe, model, device, threads)
    yield events.Said("Classifying test pictures, which it never saw while training:")
    held_out = [p for p in pictures if p.split == "test"]
    shown = held_out[:: max(1, len(held_out) // 8)][:8]
    for event, picture in zip(predict(model, [Path(p.path) for p in shown], 2, device, threads), shown, strict=True):
        yield events.Said(f"In truth {picture.label}:")
        yield event
    yield events.Said(f"Try it on a picture of your own: tlstudio predict {model} PICTURE")


def _sample(folder: Path) -> Generator[Event, None, tuple[str, Path, Domain]]:
    """Put the sample into a folder; returns its name, what to scan, and how close it is to everyday photographs."""
    from tlstudio.engine import sample, shapes

    if cells := sample.find():
        yield events.Said(sample.ABOUT)
        return "solar-cells", sample.write_list(cells, folder), "different"
    yield events.Said(f"{shapes.ABOUT} How well it does says nothing about photographs.")
    drawn = folder / "sample pictures"
    yield from shapes.draw_all(drawn)
    return "shapes", drawn, "similar"

"""What a network is made of, and how much of it should learn."""

from __future__ import annotations

from collections.abc import Iterator

from tlstudio.core import events
from tlstudio.core.backbones import backbone
from tlstudio.core.events import Event
from tlstudio.core.recipe import Phase


def outline(backbone_name: str, classes: int, *phases: Phase) -> Iterator[Event]:
    """The network's stages and layers with what learns in the last of these phases; needs no weights.

    Raises:
        BadRecipe: an unknown backbone, stage or layer.
    """
    from tlstudio.engine import network as networks

    network = networks.sketch(backbone(backbone_name), classes)
    stages = network.outline(phases[-1])
    trainable, total = network.parameter_counts()
    layers = tuple(layer for stage in stages for layer in stage.layers)
    steps = tuple({"name": p.name, "train_from": p.train_from, "epochs": p.epochs} for p in phases)
    yield events.Outlined(backbone_name, total, trainable, stages, layers, steps)

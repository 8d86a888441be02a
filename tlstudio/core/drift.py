"""What becomes of the same fine-tuning when BatchNorm's statistics are let go, beside one that pins them."""

from dataclasses import dataclass
from typing import ClassVar

from tlstudio.core.events import Event, Interval
from tlstudio.core.recipe import BatchNormMode


@dataclass(frozen=True)
class DriftStarted(Event):
    """What is about to be run. pictures: to learn from; n: to judge on. layers: BatchNorm's, in the network's order."""

    backbone: str
    train_from: str
    epochs: int
    pictures: int
    n: int
    layers: tuple[str, ...]
    kind: ClassVar[str] = "drift_started"


@dataclass(frozen=True)
class DriftMeasured(Event):
    """One of the two at the end of an epoch. drift: of each layer, in standard deviations (see `engine/seal.py`)."""

    bn: BatchNormMode
    epoch: int
    val_loss: float
    val_accuracy: float
    interval: Interval
    drift: tuple[float, ...]
    intact: bool
    kind: ClassVar[str] = "drift_measured"

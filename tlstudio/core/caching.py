"""What of a phase's inputs is remembered: chosen by rule, so the same facts give the same answer on every day."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Literal

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Phase

Tier = Literal["features", "pictures", "files"]
NumberFormat = Literal["float32", "float16", "uint8"]
BYTES: dict[NumberFormat, int] = {"float32": 4, "float16": 2, "uint8": 1}
MAX_VIEWS = 4
MAX_ASPECT = 3.0
# Pooled features and what a full disk refused may be held in memory instead, up to this many bytes.
MEMORY_LIMIT = 2 << 30


@dataclass(frozen=True)
class CachePlan:
    """Where the inputs of one phase come from in every epoch.

    tier: `features`: what the stages before the cut say, on disk. `pictures`: decoded pictures, small, on disk; the
        stages before the cut, if any, answer anew each epoch. `files`: decoded anew each epoch.
    number_format: of what lies on disk.
    views: how many augmented views of each training picture there are; the epochs take them in turn. 1 without
        augmentation, 0: every epoch a view of its own.
    """

    tier: Tier
    number_format: NumberFormat
    views: int

    def view(self, epoch: int) -> int:
        """The view that an epoch (from 1) takes, from 0."""
        return (epoch - 1) % self.views if self.views else epoch - 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CachePlan":
        return cls(**data)


@dataclass(frozen=True)
class Extent:
    """The facts a plan is made from.

    train, held_out: how many pictures. train_bytes: what the training pictures take, decoded and small. side: of the
    square the network sees, in pixels.
    """

    train: int
    held_out: int
    train_bytes: int
    side: int


def plan(phase: Phase, row: tuple[int, ...], extent: Extent, room: int) -> CachePlan:
    """The plan for a phase.

    row: shape of what the stages before the cut say about one picture; empty where there are none. room: bytes the
    cache may take on disk.
    """
    plain = phase.augment == "none"
    if row:
        number_format = default_format(row)
        space = max(room, MEMORY_LIMIT) if len(row) == 1 else room
        most = 1 if plain else min(phase.epochs, MAX_VIEWS)
        for views in range(most, min(2, most) - 1, -1):
            if (views * extent.train + extent.held_out) * prod(row) * BYTES[number_format] <= space:
                return CachePlan("features", number_format, views)
    square = 3 * extent.side**2
    train_bytes = extent.train * square if plain else extent.train_bytes
    tier: Tier = "pictures" if train_bytes + extent.held_out * square <= room else "files"
    return CachePlan(tier, "uint8", 1 if plain else 0)


def default_format(row: tuple[int, ...]) -> NumberFormat:
    """Pooled features are tiny and the figures of a report are made from them; maps of features are large."""
    return "float32" if len(row) == 1 else "float16"


def kept_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Width and height in pixels at which a decoded picture is kept for augmentation.

    The shorter side becomes the preprocessing's `resize`, but never larger than it is; of a very long picture the
    middle is kept, three times as long as it is wide.
    """
    if preprocessing.fit != "crop":
        width = height = max(width, height)  # it is made square first
    shorter = min(width, height)
    width, height = (min(side, int(shorter * MAX_ASPECT)) for side in (width, height))
    scale = min(1.0, preprocessing.resize / shorter)
    return max(1, round(width * scale)), max(1, round(height * scale))

"""What there is to doubt about labelled pictures: labels, outliers, what more would bring, shortcuts."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tlstudio.core.events import Event, Interval


@dataclass(frozen=True)
class Suspect:
    """A picture whose label may be wrong. probable, instead_probable: out of fold, of its label and of the other.

    id: of the picture in its catalogue, 0 without one.
    """

    id: int
    path: str
    label: str
    instead: str
    probable: float
    instead_probable: float


@dataclass(frozen=True)
class Cue:
    """How well something beside the point tells the classes apart, alone.

    name: `colour`, `border`, `size`, `file` or `source`. accuracy: balanced over the classes, cross-validated, 0..1.
    chance: what guessing would reach. alarm: it goes half the way from chance to certainty or more.
    """

    name: str
    accuracy: float
    chance: float
    alarm: bool


@dataclass(frozen=True)
class DoubtsFound(Event):
    """What a frozen backbone makes one doubt, judged out of fold.

    accuracy, interval: how often the label given is found, and its 95 % interval; 0..1, over n pictures. suspects: the
    surest first. outliers: {id, path, distance}, pictures like no other, strangest first.
    """

    backbone: str
    n: int
    folds: int
    accuracy: float
    interval: Interval
    suspects: tuple[Suspect, ...]
    outliers: tuple[dict[str, Any], ...]
    kind: ClassVar[str] = "doubts"


@dataclass(frozen=True)
class PicturesMapped(Event):
    """Where pictures lie on a map of their features: alike ones near each other. method: `t-SNE` or `PCA`.

    points: one (x, y) a path, each 0..1.
    """

    method: str
    paths: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    kind: ClassVar[str] = "pictures_mapped"


@dataclass(frozen=True)
class CurveDrawn(Event):
    """Out-of-fold accuracy, 0..1, for each number of pictures learned from, and as expected from twice as many.

    interval: of `twice`, 95 %.
    """

    pictures: tuple[int, ...]
    accuracy: tuple[float, ...]
    twice: float
    interval: Interval
    kind: ClassVar[str] = "learning_curve"


@dataclass(frozen=True)
class ShortcutsFound(Event):
    """How well each cue beside the point tells the classes apart."""

    cues: tuple[Cue, ...]
    kind: ClassVar[str] = "shortcuts"

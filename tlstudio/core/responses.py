"""What a network's stages respond to in pictures. Events that hold pixels: a window draws them, nothing stores them."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from tlstudio.core.events import Event

Square = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the square the network sees
# `channels`: maps, one for each thing a stage looks for. `tokens`: a vision transformer's patches, all channels of each
# together. `none`: the stage says nothing about single places.
MapKind = Literal["channels", "tokens", "none"]
Weights = Literal["shipped", "trained"]


@dataclass(frozen=True)
class TrainedRun:
    """A finished run whose model can be compared with what it began as. model: its file."""

    model: str
    number: int
    backbone: str
    strategy: str


@dataclass(frozen=True)
class Offered(Event):
    """What of a project can be looked at. pictures: a few of every class. sample: more of them, to search. Paths."""

    project: str
    pictures: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()
    models: tuple[TrainedRun, ...] = ()
    kind: ClassVar[str] = "offered"


@dataclass(frozen=True)
class Response:
    """Where one channel of a stage responds in a picture.

    channel: from 0; -1 where all are taken together. heat: 8 bits a pixel, 255 at the strongest place, of the side of
    the square the network sees. part: of that square, what excites the channel most. strength: how strong that is, in
    standard deviations of the channel over all places of this picture.
    """

    channel: int
    heat: bytes
    part: Square
    strength: float


@dataclass(frozen=True)
class StageSeen(Event):
    """What the channels that respond most in a stage respond to.

    weights: of the network as it was `shipped`, or as it was `trained`. channels, places: of its maps, (rows, columns).
    field: side of what one place sees of the square, in pixels. responses: the strongest first; none where there are no
    maps.
    """

    path: str
    stage: str
    weights: Weights
    maps: MapKind
    channels: int = 0
    places: tuple[int, int] = (0, 0)
    field: int = 0
    responses: tuple[Response, ...] = ()
    kind: ClassVar[str] = "stage_seen"


@dataclass(frozen=True)
class PictureSeen(Event):
    """A picture has passed through the network; its stages may be asked about now.

    side: of the square the network saw. pixels: that square, RGB, 8 bits a channel, rows packed. stages: their names in
    order. error: why the picture cannot be read; then there are none.
    """

    path: str
    side: int = 0
    pixels: bytes = b""
    stages: tuple[str, ...] = ()
    error: str = ""
    kind: ClassVar[str] = "picture_seen"


@dataclass(frozen=True)
class FiltersSeen(Event):
    """The filters of a network's first layer as colour tiles. side: of each, in pixels. tiles: RGB, rows packed; none
    where the first layer does not look at three colours."""

    weights: Weights
    side: int
    tiles: tuple[bytes, ...]
    kind: ClassVar[str] = "filters_seen"


@dataclass(frozen=True)
class Patch:
    """A part of a picture. side: of `pixels`, RGB, rows packed. strength: the channel's value there, as it is."""

    path: str
    side: int
    pixels: bytes
    strength: float


@dataclass(frozen=True)
class PatchesFound(Event):
    """The parts of many pictures that excite a stage's channels most, each of another picture, the strongest first.

    patches: by channel. pictures: among so many.
    """

    stage: str
    weights: Weights
    patches: dict[int, tuple[Patch, ...]]
    pictures: int
    kind: ClassVar[str] = "patches_found"

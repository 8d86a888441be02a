"""Everything a task can say while it works. The window draws these, the command line prints them, a run stores them."""

import json
import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal

from tlstudio.core.catalogue import Picture
from tlstudio.core.edits import Step
from tlstudio.core.groups import Proposal
from tlstudio.core.outline import Layer, StageOutline

Interval = tuple[float, float]


@dataclass(frozen=True)
class Event:
    """Something that happened. `kind` is its name in JSON."""

    kind: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values, `event` first; numbers that are not finite become null."""
        return {"event": self.kind, **{f.name: _plain(getattr(self, f.name)) for f in fields(self)}}


@dataclass(frozen=True)
class Warned(Event):
    """Something usually unwise, said once; the work goes on."""

    text: str
    kind: ClassVar[str] = "warning"


@dataclass(frozen=True)
class Said(Event):
    """A remark for people, such as where something comes from."""

    text: str
    kind: ClassVar[str] = "said"


@dataclass(frozen=True)
class Progress(Event):
    """`done` of `total` steps of `task`, a phrase such as "reading pictures"; a total of 0: nobody knows.

    rate: steps a second over the last seconds; 0 while unknown.
    """

    task: str
    done: int
    total: int
    rate: float = 0.0
    kind: ClassVar[str] = "progress"


@dataclass(frozen=True)
class PictureSkipped(Event):
    """A file that is not used, and why."""

    path: str
    reason: str
    kind: ClassVar[str] = "picture_skipped"


FindingKind = Literal[
    "unreadable",
    "one-class",
    "lost-class",
    "empty-class",
    "too-few",
    "imbalance",
    "spelling",
    "frames",
    "depth",
    "tiny",
    "shapes",
    "grey",
    "blank",
    "dark",
    "duplicate",
    "near-duplicate",
    "near-conflict",
    "near-leak",
    "group-leak",
    "conflict",
    "leak",
]


@dataclass(frozen=True)
class Finding:
    """One line of the report on a set of pictures, with the pictures it is about.

    text: a sentence. groups: those that belong together, such as copies of one another; a finding about single pictures
    has them in one group, one about the set as a whole none.
    """

    kind: FindingKind
    text: str
    groups: tuple[tuple[Picture, ...], ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """The pictures' ids in the catalogue, each once, in order."""
        return tuple(dict.fromkeys(picture.id for group in self.groups for picture in group))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "paths": [[p.path for p in group] for group in self.groups]}


@dataclass(frozen=True)
class Inspected(Event):
    """What a set of pictures holds. Always found = read + len(refused).

    refused: {path, reason}. classes: name → split → pictures in use. duplicates: groups of identical files in one class
    and split. conflicts: identical files with different labels. leaks: identical files on both sides of a split.
    near_duplicates: groups of pictures that show the same in different files. excluded: pictures that were read and are
    not used. findings: everything that is to say, the worst first. proposals: groups that seem to belong on one side.
    """

    source: str
    found: int
    read: int
    refused: tuple[dict[str, str], ...]
    classes: dict[str, dict[str, int]]
    duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    leaks: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    excluded: int = 0
    findings: tuple[Finding, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    kind: ClassVar[str] = "inspected"


@dataclass(frozen=True)
class Difference(Event):
    """How the places a project's pictures come from differ from what it knows. Paths, each in one of these.

    changed: the same name, other contents, or another label or split. moved: (old, new) of a file that is the same
    elsewhere. missing: places that are not there now, such as a drive that is not connected; their pictures are in none
    of the others.
    """

    added: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()
    kind: ClassVar[str] = "difference"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to accept."""
        return not (self.added or self.gone or self.changed or self.moved)


@dataclass(frozen=True)
class Edited(Event):
    """An edit was made, undone or done again.

    step: the edit; None where there was nothing to change. classes: name → split → pictures in use, now. undo, redo:
    what the next of either would be about.
    """

    step: Step | None
    classes: dict[str, dict[str, int]]
    undo: Step | None
    redo: Step | None
    kind: ClassVar[str] = "edited"


@dataclass(frozen=True)
class FileInspected(Event):
    """What a model, project or run says about itself."""

    what: str
    facts: dict[str, Any]
    kind: ClassVar[str] = "inspected"

    def to_json(self) -> dict[str, Any]:
        return {"event": self.kind, "what": self.what, **_plain(self.facts)}


@dataclass(frozen=True)
class Outlined(Event):
    """A network with what learns in it. `stages` and `layers` are in the order pictures pass through them; `phases` are
    the steps of its training, {name, train_from, epochs}, of which the last is shown."""

    backbone: str
    total_parameters: int
    trainable_parameters: int
    stages: tuple[StageOutline, ...]
    layers: tuple[Layer, ...]
    phases: tuple[dict[str, Any], ...] = ()
    kind: ClassVar[str] = "outline"


@dataclass(frozen=True)
class RunStarted(Event):
    """A run folder exists and its recipe is written."""

    run: str
    recipe: dict[str, Any]
    device: str
    threads: int
    pictures: dict[str, int]
    versions: dict[str, str]
    kind: ClassVar[str] = "run_started"


@dataclass(frozen=True)
class FeaturesReady(Event):
    """The stages before a cut have said what they say about every picture; before none, the pictures are decoded.

    computed: pictures run through them now. remembered: read from the cache. seconds: for both. tier: `features`, or
    `pictures` where they were only decoded.
    """

    train_from: str
    computed: int
    remembered: int
    seconds: float
    tier: str = "features"
    kind: ClassVar[str] = "features_ready"


@dataclass(frozen=True)
class PhaseStarted(Event):
    """phase: from 1. groups: {name, lr, parameters} with name `early`, `late` or `head`.

    cache: where the inputs come from in every epoch: {tier, number_format, views} (see `core/caching.py`). precision:
    the number format in which the device multiplies while it learns.
    """

    phase: int
    phases: int
    name: str
    train_from: str
    epochs: int
    trainable_parameters: int
    total_parameters: int
    groups: tuple[dict[str, Any], ...]
    cache: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    kind: ClassVar[str] = "phase_started"


@dataclass(frozen=True)
class EpochDone(Event):
    """Losses are mean cross-entropies in nats, accuracies in 0..1; `best`: the lowest validation loss so far.

    Without validation pictures (with folds) theirs are NaN, and each epoch is kept.
    """

    phase: int
    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    best: bool
    kind: ClassVar[str] = "epoch_done"


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """The best weights so far are on disk."""

    path: str
    phase: int
    epoch: int
    kind: ClassVar[str] = "checkpoint_saved"


@dataclass(frozen=True)
class RunResumed(Event):
    """An unfinished run goes on from its last checkpoint: `batch` batches of that epoch (from 1) are done; what it had
    said of later ones is done again."""

    phase: int
    epoch: int
    batch: int
    kind: ClassVar[str] = "run_resumed"


@dataclass(frozen=True)
class RunPaused(Event):
    """A run stands still, all of it on disk; the last event until it goes on. reason, remedy: empty where a person
    asked for it, else why it could not go on and what to do first."""

    run: str
    phase: int
    epoch: int
    reason: str = ""
    remedy: str = ""
    kind: ClassVar[str] = "run_paused"


@dataclass(frozen=True)
class StagesMoved(Event):
    """How far each stage has come by the end of an epoch. stages: {name, gradient, change}, those that learn.

    gradient: root mean square over the epoch's steps of ‖gradient‖ / ‖weights‖. change: ‖w - w₀‖ / ‖w₀‖, where w₀ are
    the weights with which the run began.
    """

    phase: int
    epoch: int
    stages: tuple[dict[str, Any], ...]
    kind: ClassVar[str] = "stages_moved"


@dataclass(frozen=True)
class HeadSolved(Event):
    """The head was also solved for directly (L-BFGS) on the frozen features. penalty: the L2 one that was best out of
    fold. taken: whether its validation loss is the lowest of the phase."""

    phase: int
    penalty: float
    val_loss: float
    val_accuracy: float
    seconds: float
    taken: bool
    kind: ClassVar[str] = "head_solved"


@dataclass(frozen=True)
class FoldDone(Event):
    """A fold was trained without its own pictures and then asked about them.

    fold: from 1. pictures: it learned from. n: it was asked about, after its last epoch.
    """

    fold: int
    folds: int
    pictures: int
    n: int
    accuracy: float
    interval: Interval
    seconds: float
    kind: ClassVar[str] = "fold_done"


@dataclass(frozen=True)
class Finished(Event):
    """A training run came to its end, or was stopped and kept its best. Accuracies with 95 % Wilson intervals.

    folds: where not 0, the validation figures are those out of so many folds, each picture judged by a network that
    had not learned from it; the model itself has learned from all but the test pictures.
    """

    model: str
    project: str
    run: str
    val_accuracy: float
    val_interval: Interval
    test_accuracy: float | None
    test_interval: Interval | None
    classes: tuple[str, ...]
    seconds: float
    stopped: bool
    folds: int = 0
    kind: ClassVar[str] = "finished"


@dataclass(frozen=True)
class Evaluated(Event):
    """How a model does on labelled pictures; see `engine/evaluation.py`. confusion: {labels, counts}, a row per true
    class. calibration_floor: what so many pictures would show if the probabilities were exactly right."""

    split: str
    accuracy: float
    interval: Interval
    n: int
    refused: int
    per_class: dict[str, dict[str, Any]]
    confusion: dict[str, Any]
    calibration_error: float
    calibration_error_raw: float
    calibration_floor: float
    reliability: dict[str, list[dict[str, Any]]]
    kind: ClassVar[str] = "evaluated"


@dataclass(frozen=True)
class Predicted(Event):
    """The answer for one picture, or why there is none. top: [label, probability], best first.

    unknown: farther from every class the model was taught than nearly all pictures it was checked on.
    distance: how far that is; its scale is the model's own.
    """

    path: str
    ok: bool
    label: str | None = None
    probability: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    unknown: bool = False
    error: str | None = None
    distance: float | None = None
    kind: ClassVar[str] = "predicted"


@dataclass(frozen=True)
class Neighbour:
    """A training picture that a model finds like another one. path: empty where the picture is not at hand.

    distance: between what the network says about both, 0 (the same) to 2. digest: of the file, hex.
    """

    label: str
    distance: float
    digest: str
    path: str = ""


@dataclass(frozen=True)
class Explained(Event):
    """What speaks for a class in one picture. It holds pixels: a window draws it, nothing stores or prints it.

    label: the class asked for; the most probable one if none was. size: width and height, in pixels, of `seen` and
    `heat`, whose rows are packed from the top. seen: the picture as the network saw it, RGB, 8 bits a channel. heat:
    8 bits a pixel, 255 where most speaks for the class and 0 where nothing does; empty if the network has no such map.
    full_size: width and height of the file's picture, upright. box: left, top, right, bottom of where `seen` lies in
    it, in its pixels; it reaches beyond the picture where that was padded. nearest: the training pictures most like it,
    nearest first. error: why the picture cannot be read; then the rest is empty.
    """

    path: str
    label: str = ""
    size: tuple[int, int] = (0, 0)
    seen: bytes = b""
    heat: bytes = b""
    full_size: tuple[int, int] = (0, 0)
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    nearest: tuple[Neighbour, ...] = ()
    error: str | None = None
    kind: ClassVar[str] = "explained"


OUT_OF_FOLD = "out of fold"  # the split of figures by networks that had not learned from what they judged
WHOLE_DIGEST = 64  # hex digits of a SHA-256
WeightsState = Literal["checked", "unchecked", "wrong", "missing"]


@dataclass(frozen=True)
class WeightsFound(Event):
    """Where one backbone's pretrained weights are; `path` is null when they are nowhere on this machine.

    size, sha256: of the file expected, in bytes and hex; fewer than WHOLE_DIGEST digits where no more are published.
    place: `package`, `own` (the program's folder) or `hub` (torch's). state: `checked`, its digest is the known one;
    `wrong`, it is another, `found_sha256`. url: empty where no address is known.
    """

    backbone: str
    filename: str
    path: str | None
    size: int
    sha256: str
    licence: str
    state: WeightsState = "unchecked"
    place: str | None = None
    found_sha256: str | None = None
    source: str = ""
    url: str = ""
    kind: ClassVar[str] = "weights"


@dataclass(frozen=True)
class WeightsPacked(Event):
    """A pack of weights is written. size: of the zip file, in bytes."""

    path: str
    backbones: tuple[str, ...]
    size: int
    kind: ClassVar[str] = "weights_packed"


@dataclass(frozen=True)
class Exported(Event):
    """A model is exported and its answers were compared with the program's own.

    path: the folder; size: of all that is in it, in bytes. pictures: how many were compared. difference: the largest
    in any probability, 0..1; allowed: beyond it there would be no export.
    """

    path: str
    format: str
    size: int
    pictures: int
    difference: float
    allowed: float
    kind: ClassVar[str] = "exported"


@dataclass(frozen=True)
class CacheFound(Event):
    """What one of the program's caches takes on disk. what: `features` or `thumbnails`. limit: null where none is set.

    bytes and limit in bytes; entries: files.
    """

    what: str
    bytes: int
    entries: int
    folder: str
    limit: int | None
    kind: ClassVar[str] = "cache"


@dataclass(frozen=True)
class DevicesFound(Event):
    """What one can train on here: names as `--device` takes them, each with what it is. `auto` comes first."""

    devices: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "devices"


@dataclass(frozen=True)
class EngineReady(Event):
    """What computes is loaded: on which device, with how many threads."""

    device: str
    threads: int
    kind: ClassVar[str] = "engine_ready"


@dataclass(frozen=True)
class PictureDrawn(Event):
    """A picture at the size somebody wanted to look at: RGB, 8 bits, rows packed. Empty pixels: it cannot be read.

    side: of the square it fits into. full_width, full_height: of the file, upright.
    """

    path: str
    side: int
    width: int
    height: int
    pixels: bytes
    full_width: int
    full_height: int
    kind: ClassVar[str] = "picture_drawn"


_STORED: tuple[type[Event], ...] = (
    Warned,
    Progress,
    PictureSkipped,
    RunStarted,
    FeaturesReady,
    PhaseStarted,
    EpochDone,
    CheckpointSaved,
    RunResumed,
    RunPaused,
    StagesMoved,
    HeadSolved,
    FoldDone,
    Finished,
)
_BY_KIND: dict[str, type[Event]] = {event.kind: event for event in _STORED}


def from_json(data: dict[str, Any]) -> Event:
    """The event a run folder stored.

    Raises:
        ValueError: the object is not an event a run stores.
    """
    values = {key: _frozen(value) for key, value in data.items() if key != "event"}
    try:
        kind = _BY_KIND[data["event"]]
        numbers = {field.name for field in fields(kind) if field.type is float}
        return kind(**{key: math.nan if value is None and key in numbers else value for key, value in values.items()})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an event: {json.dumps(data)[:80]}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value

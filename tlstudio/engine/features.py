"""Run pictures through the frozen stages once and remember the answers.

With BatchNorm pinned, what the frozen stages say about a picture depends only on their weights, the preprocessing, the
view and the pixels. So it is kept in the user's cache, shared by all projects and runs; deleting the cache costs time
only. What trains from the first stage on has no frozen stages: for that the decoded pictures are kept, in the same way.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL
import torch
from PIL import Image
from torch import nn

from tlstudio.core.caching import MEMORY_LIMIT, NumberFormat, default_format, kept_size
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TLStudioError, UnreadablePicture
from tlstudio.core.events import Event, FeaturesReady, PictureSkipped, Progress, Warned
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Augmentation
from tlstudio.engine import store
from tlstudio.engine.decode import decode_with_digest
from tlstudio.engine.folding import folded
from tlstudio.engine.memory import TOO_LITTLE_MEMORY, free_memory, is_about_memory, out_of_memory, to_device
from tlstudio.engine.network import Network
from tlstudio.engine.store import CacheUsage, Row, Shelf, clear, usage
from tlstudio.engine.tensors import augment, batched, normalise, read, resized, shaped, threaded

__all__ = [
    "EVERY_STAGE",
    "PLAIN",
    "CacheUsage",
    "Features",
    "Frozen",
    "Stopped",
    "View",
    "clear",
    "each_alone",
    "extract",
    "extract_stages",
    "keep_pictures",
    "usage",
]
_T = TypeVar("_T")
_R = TypeVar("_R")

# On the CPU each thread takes its own few pictures from the file to the answer: no thread waits for another at every
# layer, as they would with one large batch. On a GPU large batches keep the device busy.
CPU_CHUNK, GPU_CHUNK = 8, 64
# Rows are handed to the store by this many bytes, pictures or seconds: what a kill may lose.
FLUSH_BYTES, FLUSH_ROWS, FLUSH_SECONDS = 16 << 20, 512, 10.0
FLOAT16_MAX = 65504.0
# Folding is paid for by this many pictures; fewer go through the stages as they are, to the same answers.
FOLD_FROM = 200
# In place of a cut: what each stage before the head says, averaged over the picture, one after the other.
EVERY_STAGE = "every stage"
# Goes up when decoding, resizing or folding here gives other values for the same file.
PIPELINE = 4


class Stopped(Exception):  # no error: somebody asked for it
    """The work was asked to stop before it was done."""


@dataclass(frozen=True)
class View:
    """One way of looking at every picture: a variation is a pure function of seed, picture and number.

    augment: `none` is the plain view, which has no seed and no number.
    """

    augment: Augmentation = "none"
    seed: int = 0
    number: int = 0

    def of(self, picture: Picture) -> str:
        """The key that fixes a picture's variation, wherever the picture lies and whatever stands beside it."""
        return f"{self.seed}/{picture.digest}/{self.number}"


PLAIN = View()


@dataclass(frozen=True)
class Features:
    """What the stages before a cut say. rows: one array a picture kept, in order, mostly views into files. kept: those
    pictures."""

    rows: Sequence[Row]
    kept: tuple[Picture, ...]

    @property
    def values(self) -> torch.Tensor:
        """All of it in memory: (N, …) float32."""
        return torch.from_numpy(np.stack(self.rows)).float()


class Frozen:
    """The stages before a cut, in `eval()` and without gradients, for any number of threads at once.

    count: how many pictures are to go through them. pieces: into how many parts a batch had to be cut so that the
    device had memory for it.
    """

    def __init__(self, network: Network, cut: str, count: int = 0) -> None:
        prefix, _ = network.split("head" if cut == EVERY_STAGE else cut)
        if cut == EVERY_STAGE:
            prefix = _EachStage(*prefix)
        self.architecture = network.backbone.architecture
        self.preprocessing = network.preprocessing
        self.device = next(network.model.parameters()).device
        self.prefix = prefix.eval()
        self.count = count
        self.pieces = 1
        self._fast: nn.Module | None = None
        self._folding = threading.Lock()
        # One batch at a time on a GPU: more would only take more of its memory.
        self._turn: AbstractContextManager[Any] = nullcontext() if self.device.type == "cpu" else threading.Lock()

    @property
    def is_empty(self) -> bool:
        return not len(self.prefix)

    @property
    def chunk(self) -> int:
        return CPU_CHUNK if self.device.type == "cpu" else GPU_CHUNK

    @torch.no_grad()
    def row_shape(self) -> tuple[int, ...]:
        """What the stages make of one picture; empty where there are none.

        Raises:
            TrainingFailed: the device has not enough memory for one picture.
        """
        if self.is_empty:
            return ()
        side = self.preprocessing.size
        try:
            return tuple(self.prefix(torch.zeros(1, 3, side, side, device=self.device)).shape[1:])
        except TOO_LITTLE_MEMORY as error:
            if not is_about_memory(error):
                raise
            raise out_of_memory(self.device) from error

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels: (N, 3, size, size) uint8. Returns (N, …) float32 on the network's device.

        Raises:
            TrainingFailed: the device has not enough memory for one picture.
        """
        with self._folding:
            if self._fast is None:
                worth = self.count >= FOLD_FROM
                self._fast = folded(self.prefix, self.preprocessing.size) if worth else self.prefix
        count = len(pixels)
        if self.device.type == "cpu" and count < CPU_CHUNK:
            # Fewer would go through other kernels, whose answers differ in the last digits: what a picture's are must
            # not depend on which others are remembered already.
            pixels = torch.cat([pixels, pixels[:1].expand(CPU_CHUNK - count, -1, -1, -1)])
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        with self._turn, torch.no_grad():
            while True:
                pieces = self.pieces
                try:
                    return torch.cat([self._answer(part, self._fast) for part in pixels.chunk(pieces)])[:count]
                except TOO_LITTLE_MEMORY as error:
                    if not is_about_memory(error):
                        raise
                    if pieces >= len(pixels):
                        raise out_of_memory(self.device) from error
                    self.pieces = max(self.pieces, 2 * pieces)
                # Not in the handler: the error holds on to what did not fit.
                free_memory(self.device)

    def _answer(self, pixels: torch.Tensor, stages: nn.Module) -> torch.Tensor:
        answers: torch.Tensor = stages(normalise(to_device(pixels, self.device), self.preprocessing))
        return answers.float()


class _EachStage(nn.Sequential):
    """Stages that say what each of them makes of a picture, averaged over it. (N, 3, S, S) → (N, D₁ + D₂ + …)."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        said = []
        for stage in self:
            value = stage(value)
            said.append(_averaged(value).flatten(1))
        return torch.cat(said, 1)


def _averaged(value: torch.Tensor) -> torch.Tensor:
    """Maps, (N, C, H, W), over their places; tokens, (N, tokens, D), over all of them; what is pooled stays."""
    return value.mean((2, 3)) if value.ndim == 4 else value.mean(1) if value.ndim == 3 else value


def squares(pictures: Sequence[Picture], view: View, preprocessing: Preprocessing) -> list[Row | UnreadablePicture]:
    """Each picture as the network sees it in this view, (size, size, 3) uint8, or why it cannot be read."""
    return [_square(picture, view, preprocessing) for picture in pictures]


def _square(picture: Picture, view: View, preprocessing: Preprocessing) -> Row | UnreadablePicture:
    if view.augment == "none":
        pixels = read(picture.path, preprocessing, picture.digest)
        return pixels if isinstance(pixels, UnreadablePicture) else pixels.permute(1, 2, 0).numpy()
    try:
        return varied(_whole(picture, preprocessing), picture, view, preprocessing)
    except UnreadablePicture as error:
        return error


def varied(image: Image.Image, picture: Picture, view: View, preprocessing: Preprocessing) -> Row:
    """An augmented view of a picture that is decoded already, (size, size, 3) uint8."""
    return augment(image, preprocessing, view.augment, view.of(picture))


def _small(picture: Picture, preprocessing: Preprocessing) -> Row | UnreadablePicture:
    """The picture as it is kept for augmentation, (height, width, 3) uint8; see `kept_size`."""
    try:
        image = _whole(picture, preprocessing)
    except UnreadablePicture as error:
        return error
    image = shaped(image, preprocessing)
    width, height = kept_size(*image.size, preprocessing)
    wide = min(image.width, round(image.height * width / height))
    high = min(image.height, round(image.width * height / width))
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    return resized(image, width, height, preprocessing.interpolation, (left, top, left + wide, top + high))


def _whole(picture: Picture, preprocessing: Preprocessing) -> Image.Image:
    """The whole picture, at least as large as it is kept for augmentation."""
    decoded, found = decode_with_digest(Path(picture.path), shorter=preprocessing.resize)
    if found != picture.digest:
        remedy = "Look through the pictures again."
        raise UnreadablePicture("changed since it was looked at", path=picture.path, remedy=remedy)
    return decoded.image


def as_pixels(rows: Sequence[Row]) -> torch.Tensor:
    """(size, size, 3) uint8 squares as (N, 3, size, size), channels last in memory."""
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def extract(
    network: Network,
    cut: str,
    pictures: Sequence[Picture],
    threads: int,
    remember: bool = True,
    task: str = "reading pictures through the frozen stages",
    stop: Callable[[], bool] = lambda: False,
    view: View = PLAIN,
    number_format: NumberFormat | None = None,
) -> Generator[Event, None, Features]:
    """What the stages before `cut` say about each picture: from the cache where it is there, computed where not.

    remember: keep what is computed; without it only what takes so long that a kill should not cost it again.
    number_format: of the rows; by default float32 for pooled features and float16 for
    maps of features. Pictures that changed or can no longer be read are reported and left out.

    Raises:
        Stopped: `stop`, asked at every few pictures, said so.
        TLStudioError: the rows fit neither on the disk nor in memory, or one picture not on the device.
    """
    frozen = Frozen(network, cut, len(pictures))
    shape = frozen.row_shape()
    number_format = number_format or default_format(shape)

    def compute(batch: Sequence[Picture]) -> list[Row | UnreadablePicture]:
        seen = squares(batch, view, frozen.preprocessing)
        good = [x for x in seen if not isinstance(x, UnreadablePicture)]
        answers = iter(_as_rows(frozen(as_pixels(good)), number_format) if good else ())
        return [x if isinstance(x, UnreadablePicture) else next(answers) for x in seen]

    shelf = Shelf(_key(frozen, cut, view, number_format), number_format)
    work = _Work(compute, frozen.chunk, threads, task, stop)
    found, ready = yield from _through_cache(pictures, shelf, shape, work, remember)
    yield FeaturesReady("head" if cut == EVERY_STAGE else cut, *ready)
    if frozen.pieces > 1:
        yield Warned(f"The device had too little memory: pictures went through it in {frozen.pieces} parts a batch.")
    return found


def extract_stages(
    network: Network, pictures: Sequence[Picture], threads: int, stop: Callable[[], bool] = lambda: False
) -> Generator[Event, None, tuple[dict[str, torch.Tensor], tuple[Picture, ...]]]:
    """What each stage before the head says about each picture, averaged over it, all from one pass: (N, D) float32 by
    stage; and the pictures that could be read.

    What the last of them says is what a head is given; it is remembered for heads, too.

    Raises:
        Stopped, TLStudioError: as `extract`.
    """
    found = yield from extract(network, EVERY_STAGE, pictures, threads, task="asking every stage", stop=stop)
    names = list(network.stages)[:-1]
    shapes = network.shapes()
    widths = [shapes[name][0] if len(shapes[name]) == 3 else shapes[name][-1] for name in names]
    head = Shelf(_key(Frozen(network, "head"), "head", PLAIN, "float32"), "float32")
    known = head.find([p.digest for p in found.kept])
    fresh = {p.digest: row[-widths[-1] :] for p, row in zip(found.kept, found.rows, strict=True)}
    head.add([(digest, row) for digest, row in fresh.items() if digest not in known])
    said = dict(zip(names, found.values.split(widths, 1), strict=True))
    if names[-1] == "pool" and torch.allclose(said["pool"], said[names[-2]], rtol=1e-3, atol=1e-4):
        del said["pool"]  # it only averages what the stage before it says, as was done here
    return said, found.kept


def keep_pictures(
    preprocessing: Preprocessing,
    pictures: Sequence[Picture],
    augmented: bool,
    threads: int,
    stop: Callable[[], bool] = lambda: False,
    cut: str = "",
) -> Generator[Event, None, Features]:
    """Decoded pictures: from the cache where they are there. cut: what is said to learn from them.

    augmented: each row is the whole picture, made small, (height, width, 3); otherwise the very square the network
    sees, (size, size, 3). uint8 both.

    Raises:
        Stopped, TLStudioError: as `extract`.
    """

    def compute(batch: Sequence[Picture]) -> list[Row | UnreadablePicture]:
        return (
            [_small(picture, preprocessing) for picture in batch] if augmented else squares(batch, PLAIN, preprocessing)
        )

    facts = ["small" if augmented else "square", preprocessing.to_json(), _engine("")]
    shelf = Shelf(_digest(facts).hexdigest()[:32], "uint8")
    shape = None if augmented else (preprocessing.size, preprocessing.size, 3)
    work = _Work(compute, CPU_CHUNK, threads, "decoding pictures", stop)
    found, ready = yield from _through_cache(pictures, shelf, shape, work)
    yield FeaturesReady(cut, *ready, tier="pictures")
    return found


@dataclass(frozen=True)
class _Work:
    """How rows that are not remembered are made."""

    compute: Callable[[Sequence[Picture]], list[Row | UnreadablePicture]]
    chunk: int
    threads: int
    task: str
    stop: Callable[[], bool]


def _through_cache(
    pictures: Sequence[Picture], shelf: Shelf, shape: tuple[int, ...] | None, work: _Work, remember: bool = True
) -> Generator[Event, None, tuple[Features, tuple[int, int, float]]]:
    """The rows; and how many were computed, how many remembered, in how many seconds."""
    started = time.monotonic()
    found = shelf.find([p.digest for p in pictures], shape)
    rows = [found.get(p.digest) for p in pictures]
    missing = [i for i, row in enumerate(rows) if row is None]
    done = len(pictures) - len(missing)
    if missing:
        yield Progress(work.task, done, len(pictures))
    fresh = _Fresh(pictures, rows, shelf, remember)

    def compute(batch: list[int]) -> list[tuple[int, Row | UnreadablePicture]]:
        return list(zip(batch, work.compute([pictures[i] for i in batch]), strict=True))

    try:
        batches = batched(missing, work.chunk)
        with closing(each_alone(compute, batches, work.threads, 2 * work.threads)) as chunks:
            for chunk in chunks:
                if work.stop():
                    raise Stopped
                for i, row in chunk:
                    if isinstance(row, UnreadablePicture):
                        yield PictureSkipped(pictures[i].path, row.what)
                    else:
                        fresh.put(i, row)
                done += len(chunk)
                yield Progress(work.task, done, len(pictures))
    finally:
        fresh.end()
    kept = tuple(picture for picture, row in zip(pictures, rows, strict=True) if row is not None)
    ready = len(missing), len(pictures) - len(missing), time.monotonic() - started
    return Features([row for row in rows if row is not None], kept), ready


@dataclass
class _Fresh:
    """Rows just made, on their way to the store; those it has no room for stay in memory.

    remember: as of `extract`.
    """

    pictures: Sequence[Picture]
    rows: list[Row | None]
    shelf: Shelf
    remember: bool
    _waiting: list[int] = field(default_factory=list)
    _waiting_bytes: int = 0
    _held: int = 0
    _flushed: float = field(default_factory=time.monotonic)

    def put(self, index: int, row: Row) -> None:
        self.rows[index] = row
        self._waiting.append(index)
        self._waiting_bytes += row.nbytes
        late = time.monotonic() - self._flushed >= FLUSH_SECONDS
        if late:
            self.remember = True
        if self.remember and (late or self._waiting_bytes >= FLUSH_BYTES or len(self._waiting) >= FLUSH_ROWS):
            self._flush()

    def end(self) -> None:
        if self.remember:
            self._flush()

    def _flush(self) -> None:
        waiting = [(self.pictures[i].digest, row) for i in self._waiting if (row := self.rows[i]) is not None]
        stored = self.shelf.add(waiting)
        if stored is None:
            self._held += self._waiting_bytes
            if self._held > MEMORY_LIMIT:
                remedy = "Free some space there, or raise the limit of the cache, and start again."
                raise TLStudioError("has no room for what the frozen stages say", path=store.folder(), remedy=remedy)
        else:
            for i, row in zip(self._waiting, stored, strict=True):
                self.rows[i] = row
        self._waiting, self._waiting_bytes, self._flushed = [], 0, time.monotonic()


def each_alone(work: Callable[[_T], _R], items: Iterable[_T], threads: int, ahead: int) -> Generator[_R, None, None]:
    """`threaded`, with torch computing on one thread inside each: none waits for another at every layer."""
    before = torch.get_num_threads()

    def alone(item: _T) -> _R:
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        return work(item)

    try:
        with closing(threaded(alone, items, threads, ahead)) as results:
            yield from results
    finally:
        torch.set_num_threads(before)  # it is the whole process's default too


def _as_rows(answers: torch.Tensor, number_format: NumberFormat) -> Iterable[Row]:
    if number_format == "float16":
        answers = answers.clamp(-FLOAT16_MAX, FLOAT16_MAX).half()
    rows: Iterable[Row] = answers.cpu().numpy()
    return rows


def _key(frozen: Frozen, cut: str, view: View, number_format: NumberFormat) -> str:
    """Everything the answers depend on but the picture. No run and no project in it."""
    seen = asdict(view) if view.augment != "none" else "plain view"
    # Networks may share all names and weights and still compute something else (timm's tf_ variants pad otherwise).
    facts = [frozen.architecture, cut, frozen.preprocessing.to_json(), seen, _engine(frozen.device.type), number_format]
    found = _digest(facts)
    for name, value in frozen.prefix.state_dict().items():
        found.update(name.encode())
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:32]


def _digest(facts: list[Any]) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode())


def _engine(device: str) -> str:
    return f"torch {torch.__version__} {device}, Pillow {PIL.__version__}, pipeline {PIPELINE}"

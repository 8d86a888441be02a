"""Where the inputs of a phase come from: what is remembered by its plan, or the files themselves.

Whatever the source, order and views are pure functions of seed, epoch and picture.
"""

import itertools
import math
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image

from tlstudio.core import caching
from tlstudio.core.caching import CachePlan, Extent, kept_size
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import Event, PictureSkipped
from tlstudio.core.recipe import Augmentation, Phase
from tlstudio.engine import features, store
from tlstudio.engine.features import PLAIN, Frozen, View, as_pixels, squares, varied
from tlstudio.engine.memory import to_device
from tlstudio.engine.store import Row
from tlstudio.engine.tensors import batched, normalise, threaded

if TYPE_CHECKING:
    from tlstudio.engine.training import Fit

Batches = Generator[tuple[torch.Tensor, torch.Tensor], None, None]


class Source(Protocol):
    """What the tail learns from. pictures: those that could be read. targets: (N,) class indices on the device."""

    pictures: Sequence[Picture]
    targets: torch.Tensor

    def batches(self, order: Sequence[int], size: int, epoch: int) -> Batches:
        """The tail's inputs, (n, …) float32 on the device, and their targets, in this order of pictures.

        Every `size` of them make a batch, also where some, or all, can no longer be read and are left out of it.
        """
        ...

    def complaints(self) -> Generator[Event, None, None]:
        """Pictures that could not be read any more, each said once."""
        ...


def choose(job: "Fit", phase: Phase) -> CachePlan:
    """What of a phase is remembered, from the facts at its start; see `core/caching.py`."""
    preprocessing = job.network.preprocessing
    kept = (kept_size(p.width, p.height, preprocessing) for p in job.train)
    small = sum(3 * width * height for width, height in kept)
    extent = Extent(len(job.train), len(job.val), small, preprocessing.size)
    row = Frozen(job.network, phase.train_from).row_shape()
    return caching.plan(phase, row, extent, store.room())


def open_source(
    job: "Fit", phase: Phase, plan: CachePlan, pictures: Sequence[Picture], augment: Augmentation
) -> Generator[Event, None, Source]:
    """The source of a phase's training or validation pictures; what has to be remembered is computed now.

    Raises:
        Stopped, TLStudioError: as `features.extract`.
    """
    if plan.tier == "features":
        return (yield from _remembered(job, phase, plan, augment, pictures))
    frozen = Frozen(job.network, phase.train_from, len(pictures) * phase.epochs)
    targets, seed = job.targets(pictures).to(job.device), job.recipe.seed
    source = _Pixels(pictures, targets, frozen, plan, augment, seed, job.threads)
    if plan.tier == "pictures":
        preprocessing, augmented = job.network.preprocessing, augment != "none"
        found = yield from features.keep_pictures(
            preprocessing, pictures, augmented, job.threads, job.is_asked_to_end, phase.train_from
        )
        source.pictures, source.rows = found.kept, found.rows
        source.targets = job.targets(found.kept).to(job.device)
    return source


def _remembered(
    job: "Fit", phase: Phase, plan: CachePlan, augment: Augmentation, pictures: Sequence[Picture]
) -> Generator[Event, None, "_Remembered"]:
    views = [PLAIN] if augment == "none" else [View(augment, job.recipe.seed, n) for n in range(plan.views)]
    kept, found = tuple(pictures), []
    for view in views:
        answers = yield from features.extract(
            job.network,
            phase.train_from,
            kept,
            job.threads,
            True,
            stop=job.is_asked_to_end,
            view=view,
            number_format=plan.number_format,
        )
        found.append(answers)
        kept = answers.kept
    # A picture that vanished between two views is left out of all.
    last = {id(picture) for picture in kept}
    rows = [[row for row, p in zip(each.rows, each.kept, strict=True) if id(p) in last] for each in found]
    return _Remembered(kept, job.targets(kept).to(job.device), job.device, rows)


@dataclass
class _Remembered:
    """What the stages before the cut said. views: for each view one row a picture, mostly views into files."""

    pictures: Sequence[Picture]
    targets: torch.Tensor
    device: torch.device
    views: Sequence[Sequence[Row]]

    def batches(self, order: Sequence[int], size: int, epoch: int) -> Batches:
        rows = self.views[(epoch - 1) % len(self.views)]
        for indices in batched(order, size):
            yield self._on_device(np.stack([rows[i] for i in indices])), self.targets[indices]

    def _on_device(self, stacked: Row) -> torch.Tensor:
        values = to_device(torch.from_numpy(stacked), self.device).float()
        return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values

    def complaints(self) -> Generator[Event, None, None]:
        yield from ()


@dataclass
class _Pixels:
    """Pictures that go through the stages before the cut, if any, anew each epoch.

    rows: the pictures decoded already, as `features.keep_pictures` keeps them; None: they are read from their files.
    """

    pictures: Sequence[Picture]
    targets: torch.Tensor
    frozen: Frozen
    plan: CachePlan
    augment: Augmentation
    seed: int
    threads: int
    rows: Sequence[Row] | None = None
    _unreadable: dict[str, str] = field(default_factory=dict)
    _reported: int = 0

    def batches(self, order: Sequence[int], size: int, epoch: int) -> Batches:
        view = PLAIN if self.augment == "none" else View(self.augment, self.seed, self.plan.view(epoch))

        def work(indices: list[int]) -> list[tuple[int, Row | torch.Tensor | None]]:
            return list(zip(indices, self._answers(indices, view), strict=True))

        # With no stages to run here the tail needs the processor: leave torch the threads it has.
        on_threads = threaded if self.frozen.is_empty else features.each_alone
        ahead = 2 * max(self.threads, math.ceil(size / self.frozen.chunk))
        with closing(on_threads(work, batched(order, self.frozen.chunk), self.threads, ahead)) as chunks:
            for batch in batched(itertools.chain.from_iterable(chunks), size):
                good = [i for i, x in batch if x is not None]
                inputs = self._inputs([x for _, x in batch if x is not None]) if good else torch.empty(0)
                yield inputs, self.targets[good]

    def _answers(self, indices: list[int], view: View) -> Sequence[Row | torch.Tensor | None]:
        """What the frozen stages say about some pictures, or the squares where there are no such stages."""
        pictures, preprocessing = [self.pictures[i] for i in indices], self.frozen.preprocessing
        if self.rows is None:
            seen = squares(pictures, view, preprocessing)
        elif self.augment == "none":
            seen = [self.rows[i] for i in indices]
        else:
            images = [Image.fromarray(self.rows[i]) for i in indices]
            seen = [varied(x, p, view, preprocessing) for x, p in zip(images, pictures, strict=True)]
        for picture, x in zip(pictures, seen, strict=True):
            if isinstance(x, UnreadablePicture):
                self._unreadable[picture.path] = x.what
        good = [x for x in seen if not isinstance(x, UnreadablePicture)]
        said = iter(good if self.frozen.is_empty or not good else self.frozen(as_pixels(good)))
        return [None if isinstance(x, UnreadablePicture) else next(said) for x in seen]

    def _inputs(self, rows: list[Any]) -> torch.Tensor:
        if self.frozen.is_empty:
            return normalise(to_device(as_pixels(rows), self.frozen.device), self.frozen.preprocessing)
        values = torch.stack(rows)
        return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values

    def complaints(self) -> Generator[Event, None, None]:
        for path, reason in list(self._unreadable.items())[self._reported :]:
            self._reported += 1
            yield PictureSkipped(path, reason)

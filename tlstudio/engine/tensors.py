"""From pictures to tensors: preprocessing, augmentation, and threads that decode ahead without running away."""

import math
import random
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageEnhance

from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import PictureDrawn
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Augmentation
from tlstudio.engine.decode import decode, decode_with_digest
from tlstudio.engine.thumbnails import without_pixels

INTERPOLATION = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_T = TypeVar("_T")
_R = TypeVar("_R")


def fit(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The square the network sees: `size` x `size` pixels, RGB, still 0..255."""
    size, filter_ = preprocessing.size, INTERPOLATION[preprocessing.interpolation]
    width, height = image.size
    if preprocessing.fit == "squash":
        return image.resize((size, size), filter_)
    if preprocessing.fit == "pad":
        scale = size / max(width, height)
        small = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), filter_)
        square = Image.new("RGB", (size, size))
        square.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
        return square
    # Resize the shorter side to `resize` and crop the centre, in one step: only the pixels that stay are computed.
    side = min(width, height) * size / preprocessing.resize
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), filter_, box=(left, top, left + side, top + side))


def as_seen(path: Path, side: int, preprocessing: Preprocessing) -> PictureDrawn:
    """What a network is shown of a picture, to look at; without pixels if it cannot be read.

    side: what the caller asked to have it fitted into; the square comes in its own size, pixel by pixel.
    """
    try:
        decoded = decode(path)
    except UnreadablePicture:
        return without_pixels(path, side)
    square = fit(decoded.image, preprocessing)
    return PictureDrawn(str(path), side, square.width, square.height, square.tobytes(), *decoded.full_size)


def augment(image: Image.Image, preprocessing: Preprocessing, kind: Augmentation, key: str) -> Image.Image:
    """A random variation of the square the network sees; the same `key` gives the same variation.

    light: crop 70-100 % of the area and mirror. strong: crop 35-100 %, mirror, turn up to 15 degrees, change
    brightness, contrast and colour by up to 30 %.
    """
    if kind == "none":
        return fit(image, preprocessing)
    chance = random.Random(key)
    if kind == "strong":
        image = image.rotate(chance.uniform(-15, 15), Image.Resampling.BILINEAR, fillcolor=_mean_colour(image))
    size, filter_ = preprocessing.size, INTERPOLATION[preprocessing.interpolation]
    image = image.resize((size, size), filter_, box=_random_box(image, 0.7 if kind == "light" else 0.35, chance))
    if chance.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if kind == "strong":
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = change(image).enhance(chance.uniform(0.7, 1.3))
    return image


def _mean_colour(image: Image.Image) -> tuple[int, ...]:
    red, green, blue = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))  # type: ignore[misc]  # RGB has three
    return int(red), int(green), int(blue)


def _random_box(image: Image.Image, least: float, chance: random.Random) -> tuple[float, float, float, float]:
    """A box of at least this share of the area, sides 3:4 to 4:3 (Szegedy et al. 2015), inside the picture."""
    width, height = image.size
    for _ in range(10):
        area = width * height * chance.uniform(least, 1)
        ratio = math.exp(chance.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if w <= width and h <= height:
            left, top = chance.uniform(0, width - w), chance.uniform(0, height - h)
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def to_tensor(image: Image.Image) -> torch.Tensor:
    """An RGB picture as (3, height, width), uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """(N, 3, H, W) uint8 to the float32 values the weights were trained on, in channels-last memory."""
    mean = torch.tensor(preprocessing.mean, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, device=pixels.device).view(3, 1, 1)
    values = pixels.float().div_(255).sub_(mean).div_(std)
    return values.contiguous(memory_format=torch.channels_last)


def read(path: str | Path, preprocessing: Preprocessing, digest: str = "") -> torch.Tensor | UnreadablePicture:
    """One picture as the network sees it, (3, size, size) uint8, or why it could not be read.

    digest: that of the file when it was looked at; another file in its place is refused. Empty: any file will do.
    """
    try:
        if not digest:
            return to_tensor(fit(decode(Path(path)).image, preprocessing))
        decoded, found = decode_with_digest(Path(path))
    except UnreadablePicture as error:
        return error
    if found != digest:
        return UnreadablePicture("changed since it was looked at", path=path, remedy="Look through the pictures again.")
    return to_tensor(fit(decoded.image, preprocessing))


def threaded(work: Callable[[_T], _R], items: Iterable[_T], threads: int, ahead: int = 64) -> Generator[_R, None, None]:
    """`map(work, items)` on threads, in order, at most `ahead` results waiting. Closing it stops the threads."""
    waiting: deque[Future[_R]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def batched(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of `size` items; the last may be shorter."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

"""From pictures to tensors: preprocessing, augmentation, and threads that decode ahead without running away."""

import math
import random
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import PictureDrawn
from tlstudio.core.preprocessing import Interpolation, Preprocessing
from tlstudio.core.recipe import Augmentation
from tlstudio.engine.decode import decode, decode_with_digest
from tlstudio.engine.thumbnails import without_pixels

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601: how much each colour counts in grey
Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
_T = TypeVar("_T")
_R = TypeVar("_R")


def fit(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """The square the network sees: (size, size, 3), RGB, still 0..255."""
    size, interpolation = preprocessing.size, preprocessing.interpolation
    width, height = image.size
    if preprocessing.fit == "squash":
        return resized(image, size, size, interpolation)
    if preprocessing.fit == "pad":
        scale = size / max(width, height)
        small = resized(image, max(1, round(width * scale)), max(1, round(height * scale)), interpolation)
        square = np.zeros((size, size, 3), np.uint8)
        high, wide = small.shape[:2]
        top, left = (size - high) // 2, (size - wide) // 2
        square[top : top + high, left : left + wide] = small
        return square
    # Resize the shorter side to `resize` and crop the centre, in one step: only the pixels that stay are computed.
    return resized(image, size, size, interpolation, _centre(width, height, preprocessing))


def _centre(width: int, height: int, preprocessing: Preprocessing) -> Box:
    side = max(1, round(min(width, height) * preprocessing.size / preprocessing.resize))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def seen_box(width: int, height: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what `fit` makes the square of, in pixels of a picture of this size.

    Where a picture is padded, the square reaches beyond it on two sides.
    """
    if preprocessing.fit == "squash":
        return 0, 0, width, height
    if preprocessing.fit == "pad":
        longer = max(width, height)
        left, top = (width - longer) / 2, (height - longer) / 2
        return left, top, left + longer, top + longer
    return _centre(width, height, preprocessing)


def resized(
    image: Image.Image, width: int, height: int, interpolation: Interpolation, box: Box | None = None
) -> Pixels:
    """A picture, or a box of it, in another size, antialiased: (height, width, 3).

    PyTorch's resampling of bytes: the same as Pillow's but for rounding, in a fraction of its time.
    """
    pixels = np.array(image.crop(box) if box else image)
    if pixels.shape[:2] == (height, width):
        return pixels
    # One picture is made a batch before its colours are moved: the other way round torch could not tell that they lie
    # side by side in memory, and would sort them apart in its answer.
    batch = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
    made = functional.interpolate(batch, size=(height, width), mode=interpolation, antialias=True)
    return np.ascontiguousarray(made[0].permute(1, 2, 0).numpy())


def as_seen(path: Path, side: int, preprocessing: Preprocessing) -> PictureDrawn:
    """What a network is shown of a picture, to look at; without pixels if it cannot be read.

    side: what the caller asked to have it fitted into; the square comes in its own size, pixel by pixel.
    """
    try:
        decoded = decode(path, **enough(preprocessing))
    except UnreadablePicture:
        return without_pixels(path, side)
    square = fit(decoded.image, preprocessing)
    size = preprocessing.size
    return PictureDrawn(str(path), side, size, size, square.tobytes(), *decoded.full_size)


def enough(preprocessing: Preprocessing) -> dict[str, int]:
    """How large a picture has to be decoded so that `fit` has a pixel for each of its own; arguments of `decode`."""
    if preprocessing.fit == "pad":
        return {"longer": preprocessing.size}
    return {"shorter": preprocessing.resize if preprocessing.fit == "crop" else preprocessing.size}


def shaped(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """What variations are cut from: where the network sees whole pictures, squashed or padded to a square."""
    width, height = image.size
    if preprocessing.fit == "crop" or width == height:
        return image
    side = max(width, height)
    if preprocessing.fit == "squash":
        return Image.fromarray(resized(image, side, side, preprocessing.interpolation))
    square = Image.new("RGB", (side, side))
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def augment(image: Image.Image, preprocessing: Preprocessing, kind: Augmentation, key: str) -> Pixels:
    """A random variation of the square the network sees, (size, size, 3); the same `key` gives the same variation.

    light: crop 70-100 % of the area and mirror. strong: crop 35-100 %, mirror, turn up to 15 degrees, change
    brightness, contrast and colour by up to 30 %.
    """
    if kind == "none":
        return fit(image, preprocessing)
    image = shaped(image, preprocessing)
    chance = random.Random(key)
    if kind == "strong":
        return _strong(image, preprocessing, chance)
    left, top, right, bottom = _random_box(image, 0.7, chance)
    left, top = min(round(left), image.width - 1), min(round(top), image.height - 1)
    box = left, top, max(round(right), left + 1), max(round(bottom), top + 1)
    made = resized(image, preprocessing.size, preprocessing.size, preprocessing.interpolation, box)
    return np.ascontiguousarray(made[:, ::-1]) if chance.random() < 0.5 else made


def _strong(image: Image.Image, preprocessing: Preprocessing, chance: random.Random) -> Pixels:
    size = preprocessing.size
    angle = math.radians(chance.uniform(-15, 15))
    left, top, right, bottom = _random_box(image, 0.35, chance)
    mirrored = chance.random() < 0.5
    brightness, contrast, colour = (chance.uniform(0.7, 1.3) for _ in range(3))
    mean = _mean_colour(image)

    # Turning samples single points, so what is much too large is made smaller first: nothing flickers (aliasing).
    scale = min(1.0, size / min(right - left, bottom - top))
    if scale < 0.8:
        width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        across, down = width / image.width, height / image.height
        left, top, right, bottom = left * across, top * down, right * across, bottom * down
        image = Image.fromarray(resized(image, width, height, preprocessing.interpolation))

    # From a point of the square to one of the box, then round the middle of the picture.
    step_x, step_y = (right - left) / size, (bottom - top) / size
    if mirrored:
        left, step_x = right, -step_x
    sin, cos = math.sin(angle), math.cos(angle)
    x, y = left - image.width / 2, top - image.height / 2
    turned = (
        *(cos * step_x, sin * step_y, cos * x + sin * y + image.width / 2),
        *(-sin * step_x, cos * step_y, -sin * x + cos * y + image.height / 2),
    )
    square = image.transform((size, size), Image.Transform.AFFINE, turned, Image.Resampling.BILINEAR, fillcolor=mean)
    return np.array(square.convert("RGB", _colour_change(brightness, contrast, colour, mean)))


def _colour_change(brightness: float, contrast: float, colour: float, mean: tuple[int, ...]) -> tuple[float, ...]:
    """Brightness, then contrast around the mean, then colour against grey as one 3 x 4 matrix; 1 changes nothing.

    Each is what Pillow's `ImageEnhance` does. mean: of the picture, RGB.
    """
    grey_mean = brightness * sum(part * value for part, value in zip(LUMA, mean, strict=True))
    gain, offset = contrast * brightness, (1 - contrast) * grey_mean
    rows = ([gain * ((1 - colour) * part + colour * (i == j)) for j, part in enumerate(LUMA)] for i in range(3))
    return tuple(value for row in rows for value in (*row, offset))


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


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """A picture, (height, width, 3), as (3, height, width), uint8; its colours stay side by side in memory."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


def stacked(pictures: Sequence[torch.Tensor]) -> torch.Tensor:
    """Pictures of one size, each (3, height, width), as (N, 3, height, width) in channels-last memory."""
    return torch.stack([picture.permute(1, 2, 0) for picture in pictures]).permute(0, 3, 1, 2)


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """(N, 3, H, W) uint8 to the float32 values the weights were trained on, in channels-last memory.

    Fastest where the pixels lie in channels-last memory already, as `stacked` leaves them.
    """
    count, _, height, width = pixels.shape
    mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
    # A row of red, green, blue, red …: long runs of memory, where each colour apart would be steps of three.
    scale = (1 / (255 * std)).repeat(width).to(pixels.device)
    shift = (-mean / std).repeat(width).to(pixels.device)
    rows = pixels.permute(0, 2, 3, 1).reshape(count, height, width * 3)
    return rows.float().mul_(scale).add_(shift).view(count, height, width, 3).permute(0, 3, 1, 2)


def read(path: str | Path, preprocessing: Preprocessing, digest: str = "") -> torch.Tensor | UnreadablePicture:
    """One picture as the network sees it, (3, size, size) uint8, or why it could not be read.

    digest: that of the file when it was looked at; another file in its place is refused. Empty: any file will do.
    """
    try:
        if not digest:
            return to_tensor(fit(decode(Path(path), **enough(preprocessing)).image, preprocessing))
        decoded, found = decode_with_digest(Path(path), **enough(preprocessing))
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

"""Pictures drawn to try an exported model on: ordinary ones, and all that a reader of pictures may get wrong.

Drawn rather than taken from the person's own, which may be private. The same pictures every time.
"""

import random
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlstudio.engine.shapes import SHAPES, draw

ORIENTATION = 0x0112  # EXIF's tag
QUARTER_TURN, MIRRORED = 6, 2  # its values
# The entry of a TIFF by which 32-bit values are signed, as Pillow always writes it, and the other.
_SIGNED, _UNSIGNED = (struct.pack("<HHIHH", 339, 3, 1, sign, 0) for sign in (2, 1))


def golden(folder: Path) -> list[tuple[Path, str]]:
    """The five that go with every export, as PNG, each with what is special about it."""
    photograph = _scene(640, 480, "colour")
    grey = _scene(400, 520, "grey").convert("L")
    pictures: tuple[tuple[str, str, Image.Image], ...] = (
        ("1-colour.png", "8 bits a colour, 640 × 480", photograph),
        ("2-grey.png", "8-bit grey, 400 × 520", grey),
        ("3-16-bit.png", "16-bit grey that uses part of its range, 480 × 360", _sixteen_bits(_scene(480, 360, "deep"))),
        ("4-transparent.png", "colour that fades to transparent, 360 × 360", _fading(_scene(360, 360, "alpha"))),
        ("5-turned-and-long.png", "1800 × 150, to be turned upright by its EXIF data", _scene(1800, 150, "long")),
    )
    folder.mkdir()
    made = []
    for name, what, image in pictures:
        extra: dict[str, Any] = {"exif": _turned(image, QUARTER_TURN)} if "turned" in name else {}
        image.save(folder / name, **extra)
        made.append((folder / name, what))
    return made


def trial(folder: Path) -> Iterator[tuple[Path, str]]:
    """Others that an export is measured on before it is handed over, as they are drawn into a folder."""
    folder.mkdir()
    for number, (suffix, what, make, options) in enumerate(TRIAL):
        path = folder / f"{number:02d}{suffix}"
        image = make(f"trial {number}")
        if "turned" in what:
            options = {**options, "exif": _turned(image, QUARTER_TURN if "quarter" in what else MIRRORED)}
        image.save(path, **options)
        if "unsigned" in what:
            path.write_bytes(path.read_bytes().replace(_SIGNED, _UNSIGNED))
        yield path, what


def _scene(width: int, height: int, seed: str) -> Image.Image:
    """A part of a sheet of shapes, with some of the noise of a camera so that every pixel counts."""
    sheet, chance = _sheet(), random.Random(seed)
    scale = sheet.width * chance.uniform(0.5, 0.9) / max(width, height)
    left, top = chance.uniform(0, sheet.width - width * scale), chance.uniform(0, sheet.height - height * scale)
    box = (left, top, left + width * scale, top + height * scale)
    image = sheet.resize((width, height), Image.Resampling.BICUBIC, box)
    grain = Image.frombytes("RGB", image.size, chance.randbytes(3 * width * height))
    return Image.blend(image, grain, 0.06)


@cache
def _sheet() -> Image.Image:
    """Every shape there is, in rows of three."""
    chance = random.Random(0)
    tiles = [draw(outline, chance) for outline in (*SHAPES.values(), *SHAPES.values())][:9]
    sheet = Image.new("RGB", (3 * tiles[0].width, 3 * tiles[0].height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % 3 * tile.width, number // 3 * tile.height))
    return sheet


def _sixteen_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image.convert("L")).astype(np.uint16)
    return Image.fromarray(9_000 + values * 150)


def _thirty_two_bits(image: Image.Image) -> Image.Image:
    """The whole range of an unsigned value, in a mode that takes it for a signed one."""
    values = np.asarray(image.convert("L")).astype(np.uint32) * 0x01010101
    return Image.fromarray(values.view(np.int32))


def _floats(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 40 - 3)


def _fading(image: Image.Image) -> Image.Image:
    faded = image.copy()
    faded.putalpha(Image.linear_gradient("L").resize(image.size))
    return faded


def _turned(image: Image.Image, orientation: int) -> Image.Exif:
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    return exif


def _of_size(width: int, height: int, mode: str = "RGB") -> Callable[[str], Image.Image]:
    def make(seed: str) -> Image.Image:
        return _scene(width, height, seed).convert(mode)

    return make


TRIAL: tuple[tuple[str, str, Callable[[str], Image.Image], dict[str, Any]], ...] = (
    (".png", "smaller than the network's input", _of_size(90, 70), {}),
    (".png", "a single column", _of_size(1, 300), {}),
    (".png", "a palette", _of_size(300, 260, "P"), {}),
    (".png", "two colours", _of_size(320, 320, "1"), {}),
    (".png", "grey that fades", lambda seed: _fading(_scene(280, 300, seed)).convert("LA"), {}),
    (".tif", "floating point", lambda seed: _floats(_scene(300, 280, seed)), {}),
    (".tif", "16-bit TIFF", lambda seed: _sixteen_bits(_scene(500, 300, seed)), {}),
    (".tif", "unsigned 32-bit TIFF", lambda seed: _thirty_two_bits(_scene(320, 280, seed)), {}),
    (".bmp", "BMP", _of_size(333, 251), {}),
    (".jpg", "a photograph of 2400 × 1600", _of_size(2400, 1600), {"quality": 90}),
    (".jpg", "a progressive JPEG", _of_size(900, 700), {"quality": 75, "progressive": True}),
    (".jpg", "a JPEG to be turned by a quarter", _of_size(1200, 500), {"quality": 85}),
    (".jpg", "a JPEG to be turned round (mirrored)", _of_size(500, 640), {"quality": 85}),
    (".jpg", "a grey JPEG", _of_size(700, 500, "L"), {"quality": 85}),
    (".jpg", "a JPEG of four inks", _of_size(600, 500, "CMYK"), {"quality": 90}),
    (".jpg", "a strip of 3000 × 60", _of_size(3000, 60), {"quality": 90}),
)

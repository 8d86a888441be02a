"""The built-in sample: shapes drawn on the spot, so that a first tour needs no pictures and no network.

It is synthetic and says so: what a network learns from it says nothing about photographs.
"""

import colorsys
import math
import random
from collections.abc import Callable, Generator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event, Progress

ABOUT = "A synthetic sample: five kinds of shapes, drawn by TL Studio itself."
PER_CLASS = 30
SIDE = 240
_OVERSAMPLING = 2
_Points = list[tuple[float, float]]
_Colour = tuple[int, int, int]


def draw_all(folder: Path, seed: int = 0) -> Generator[Event, None, None]:
    """Draw every shape into `folder/<class>/<number>.png`; the same seed draws the same pictures.

    Raises:
        ProjectError: the folder cannot be written.
    """
    total = PER_CLASS * len(SHAPES)
    try:
        for row, (name, outline) in enumerate(SHAPES.items()):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for number in range(PER_CLASS):
                picture = draw(outline, random.Random(f"{seed}/{name}/{number}"))
                picture.save(folder / name / f"{name} {number + 1:02d}.png")
                yield Progress("drawing the sample", row * PER_CLASS + number + 1, total)
    except OSError as error:
        remedy = "Choose a folder you may write to, or free some space."
        raise ProjectError(f"cannot be written ({error.strerror or error})", path=folder, remedy=remedy) from error


def draw(outline: Callable[[], _Points], chance: random.Random) -> Image.Image:
    """One shape of a random colour, size, angle and place on a softly lit ground, SIDE pixels square."""
    side = SIDE * _OVERSAMPLING
    hue = chance.random()
    image = _ground(side, hue, chance)
    radius = side * chance.uniform(0.2, 0.36)
    centre = [chance.uniform(radius * 1.05, side - radius * 1.05) for _ in range(2)]
    points = _placed(outline(), radius, (centre[0], centre[1]), chance)
    shade = Image.new("L", (side, side))
    ImageDraw.Draw(shade).polygon([(x + side * 0.02, y + side * 0.03) for x, y in points], fill=110)
    image.paste((0, 0, 0), mask=shade.filter(ImageFilter.GaussianBlur(side * 0.02)))
    colour = _colour(hue + chance.uniform(0.3, 0.7), chance.uniform(0.55, 0.9), chance.uniform(0.6, 0.95))
    ImageDraw.Draw(image).polygon(points, fill=colour)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _ground(side: int, hue: float, chance: random.Random) -> Image.Image:
    """A gradient between two pale or dark neighbours in colour, at a random angle."""
    light = chance.uniform(0.25, 0.95)
    near = Image.new("RGB", (side, side), _colour(hue, chance.uniform(0.08, 0.3), light))
    far = Image.new("RGB", (side, side), _colour(hue + 0.08, chance.uniform(0.08, 0.35), light * 0.8))
    ramp = Image.linear_gradient("L").rotate(chance.choice((0, 90, 180, 270))).resize((side, side))
    return Image.composite(near, far, ramp)


def _colour(hue: float, saturation: float, value: float) -> _Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _placed(points: _Points, radius: float, centre: tuple[float, float], chance: random.Random) -> _Points:
    angle, squeeze = chance.uniform(0, math.tau), chance.uniform(0.85, 1)
    cos, sin = math.cos(angle) * radius, math.sin(angle) * radius
    return [(centre[0] + x * cos - y * squeeze * sin, centre[1] + x * sin + y * squeeze * cos) for x, y in points]


def _ring(corners: int, inner: float = 1.0) -> _Points:
    """Points around a unit circle, every second one drawn in to `inner`."""
    radii = (1.0, inner)
    turn = math.tau / corners
    return [(math.cos(i * turn) * radii[i % 2], math.sin(i * turn) * radii[i % 2]) for i in range(corners)]


def _circle() -> _Points:
    return _ring(120)


def _triangle() -> _Points:
    return _ring(3)


def _square() -> _Points:
    return _ring(4)


def _star() -> _Points:
    return _ring(10, 0.42)


def _crescent() -> _Points:
    outer = [(math.cos(a), math.sin(a)) for a in (math.radians(d) for d in range(50, 311, 4))]
    # The inner edge is part of a larger circle through the same two tips.
    tips = math.sin(math.radians(50))
    inner = [(0.643 - 0.85 * math.cos(t), tips * math.sin(t)) for t in (math.radians(d) for d in range(-88, 89, 4))]
    return outer + inner


SHAPES: dict[str, Callable[[], _Points]] = {
    "circle": _circle,
    "crescent": _crescent,
    "square": _square,
    "star": _star,
    "triangle": _triangle,
}

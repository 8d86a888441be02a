"""Pictures small enough for a screen, and the sample that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnreadablePicture, UnusableImages
from tlstudio.core.events import Event, PictureDrawn
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.project import Project
from tlstudio.core.recipe import Augmentation


def draw(wanted: Iterator[tuple[Path, int, Preprocessing | None]]) -> Iterator[Event]:
    """Draw pictures small enough for a screen, one `PictureDrawn` each, for as long as more are wanted.

    wanted: path, side of the square to fit into, and what a network's pictures go through; None for it as filed.
    """
    from tlstudio.engine import thumbnails

    for path, side, seen_by in wanted:
        if seen_by is not None:
            from tlstudio.engine import tensors  # brings torch, which thumbnails do not need

            yield tensors.as_seen(path, side, seen_by)
        else:
            yield thumbnails.as_filed(path, side)


def draw_variations(
    project: Project, augment: Augmentation, preprocessing: Preprocessing, number: int, count: int
) -> Iterator[Event]:
    """What training with augmentation sees of one picture: the plain square first, then `count` variations of it, one
    `PictureDrawn` each, in the network's own size; the same picture always gets the same ones.

    number: which of the training pictures; they are gone through class by class, again and again.

    Raises:
        UnreadablePicture: it changed, or cannot be read any more.
        UnusableImages: there is no training picture.
    """
    from tlstudio.engine import features

    pictures = project.catalogue.readable("train")
    if not pictures:
        raise UnusableImages("hold no training pictures", remedy="Add some, or put some of them into training.")
    by_class: dict[str, list[Picture]] = {}
    for each in pictures:
        by_class.setdefault(each.label, []).append(each)
    turn, which = divmod(number, len(by_class))
    own = by_class[sorted(by_class)[which]]
    picture = own[turn % len(own)]
    views = [features.PLAIN, *(features.View(augment, 0, variation) for variation in range(count))]
    for view in views:
        (square,) = features.squares([picture], view, preprocessing)
        if isinstance(square, UnreadablePicture):
            raise square
        side = preprocessing.size
        yield PictureDrawn(str(picture.path), side, side, side, square.tobytes(), side, side)


def draw_sample(folder: Path) -> Iterator[Event]:
    """Draw the built-in sample, a synthetic set of shapes, as class folders into a new folder.

    Raises:
        ProjectError: it cannot be written there.
    """
    from tlstudio.engine import shapes

    yield from shapes.draw_all(folder)

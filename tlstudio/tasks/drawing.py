"""Pictures small enough for a screen, and the sample that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlstudio.core.events import Event
from tlstudio.core.preprocessing import Preprocessing


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


def draw_sample(folder: Path) -> Iterator[Event]:
    """Draw the built-in sample, a synthetic set of shapes, as class folders into a new folder.

    Raises:
        ProjectError: it cannot be written there.
    """
    from tlstudio.engine import shapes

    yield from shapes.draw_all(folder)

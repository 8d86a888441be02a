"""Pictures small enough for a screen, and the sample that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlstudio.core.backbones import backbone
from tlstudio.core.events import Event


def draw(wanted: Iterator[tuple[Path, int, str]]) -> Iterator[Event]:
    """Draw pictures small enough for a screen, one `PictureDrawn` each, for as long as more are wanted.

    wanted: path, side of the square to fit into, and the backbone whose input to show, empty for the picture as filed.
    """
    from tlstudio.engine import thumbnails

    for path, side, seen_by in wanted:
        if seen_by:
            from tlstudio.engine import tensors  # brings torch, which thumbnails do not need

            yield tensors.as_seen(path, side, backbone(seen_by).preprocessing)
        else:
            yield thumbnails.as_filed(path, side)


def draw_sample(folder: Path) -> Iterator[Event]:
    """Draw the built-in sample, a synthetic set of shapes, as class folders into a new folder.

    Raises:
        ProjectError: it cannot be written there.
    """
    from tlstudio.engine import shapes

    yield from shapes.draw_all(folder)

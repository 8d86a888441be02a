"""What to say when the pictures of a run vanish or change while it goes on."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TrainingFailed


class PicturesGone(TrainingFailed):
    """More of a run's pictures have vanished or changed than it can do without."""


def too_many(pictures: Sequence[Picture], gone: Collection[str]) -> PicturesGone:
    """How many are gone, where they were and what to do. gone: paths of which that is known."""
    found = {*gone, *(picture.path for picture in pictures if not _is_there(picture))}
    folder, first = os.path.commonpath([Path(path).parent for path in found]), min(found)
    what = f"{len(found)} of {len(pictures)} pictures to learn from have vanished or changed, {first} for one"
    remedy = f"Put them back into {folder} and continue the run, or look through the pictures again and train anew."
    return PicturesGone(what, remedy=remedy)


def _is_there(picture: Picture) -> bool:
    """Whether the file seems to be the one it was; only reading it would tell for certain."""
    try:
        return Path(picture.path).stat().st_size == picture.size
    except OSError:
        return False

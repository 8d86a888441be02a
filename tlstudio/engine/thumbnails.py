"""Pictures small enough for a screen, remembered on disk: a second look opens no original. Needs no torch."""

import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path

import platformdirs
from PIL import Image

from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import PictureDrawn
from tlstudio.engine.decode import decode

# Remembered in these sizes, pixels of the longer side. Larger ones are a look at one picture and cost one decoding.
SIDES = (256, 512)
QUALITY = 90


def as_filed(path: Path, side: int) -> PictureDrawn:
    """The picture, upright, fitted into a square of `side` pixels; without pixels if it cannot be read."""
    try:
        image, full = _remembered(path, side)
    except (UnreadablePicture, OSError):
        return without_pixels(path, side)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return PictureDrawn(str(path), side, image.width, image.height, image.tobytes(), *full)


def without_pixels(path: Path, side: int) -> PictureDrawn:
    """The answer for a file that cannot be read."""
    return PictureDrawn(str(path), side, 0, 0, b"", 0, 0)


def _remembered(path: Path, side: int) -> tuple[Image.Image, tuple[int, int]]:
    kept = next((size for size in SIDES if size >= side), None)
    if kept is None:
        decoded = decode(path, longer=side)
        return decoded.image, decoded.full_size
    facts = path.stat()
    place = _place(f"{path}\n{facts.st_size}\n{facts.st_mtime_ns}\n{kept}")
    found = _read(place)
    if found is not None:
        return found
    decoded = decode(path, longer=kept)
    small = decoded.image
    small.thumbnail((kept, kept), Image.Resampling.LANCZOS, reducing_gap=2.0)
    _write(place, small, decoded.full_size)
    return small, decoded.full_size


def folder() -> Path:
    """Where small pictures are kept; safe to delete."""
    return platformdirs.user_cache_path("tlstudio", appauthor=False) / "thumbnails"


def usage() -> tuple[int, int]:
    """How many bytes the small pictures take, and how many there are."""
    sizes = []
    for file in folder().glob("*/*.jpg"):
        with suppress(OSError):  # another window may empty the folder at the same moment
            sizes.append(file.stat().st_size)
    return sum(sizes), len(sizes)


def clear() -> None:
    """Delete all small pictures; they are made again when somebody looks."""
    for file in folder().glob("*/*.jpg"):
        with suppress(OSError):
            file.unlink()


def _place(key: str) -> Path:
    name = hashlib.blake2b(os.fsencode(key), digest_size=16).hexdigest()
    return folder() / name[:2] / f"{name[2:]}.jpg"


def _read(place: Path) -> tuple[Image.Image, tuple[int, int]] | None:
    """The small picture and the size of the original, which stands in the file's comment."""
    try:
        with Image.open(place, formats=("JPEG",)) as stored:
            width, height = bytes(stored.info["comment"]).split(b"x")
            return stored.convert("RGB"), (int(width), int(height))
    except (OSError, KeyError, ValueError, SyntaxError):
        return None  # not there yet, or cut short: it is made again


def _write(place: Path, small: Image.Image, full: tuple[int, int]) -> None:
    """Keep a small picture; a full or read-only disk costs time, not the picture."""
    packed = io.BytesIO()
    small.save(packed, "JPEG", quality=QUALITY, subsampling=0, comment=f"{full[0]}x{full[1]}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, but not forced to the disk: a lost thumbnail is made again.
        temporary = place.with_name(f".{place.name}.{os.getpid()}.part")
        temporary.write_bytes(packed.getvalue())
        temporary.replace(place)
    except OSError:
        return

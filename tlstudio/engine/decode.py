"""One safe way from a file to an upright 8-bit RGB picture. Pillow only: thumbnails need no torch."""

import hashlib
import importlib
import logging
import stat
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from tlstudio.core.errors import UnreadablePicture

# What Pillow may try (MPO comes with JPEG). Anything else is refused by name: EPS would start Ghostscript,
# and each reader more is more code that strangers' files reach. Naming the plug-ins registers them.
PLUGINS = (
    *(JpegImagePlugin, PngImagePlugin, GifImagePlugin, BmpImagePlugin),
    *(TiffImagePlugin, WebPImagePlugin, AvifImagePlugin),
)
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
MAX_BYTES = 1 << 30  # what the largest picture has with four uncompressed channels of 16 bits, and room to spare
HEIF = "HEIF"  # by a plug-in of Pillow's that one installs oneself
MAX_PIXELS = 89_478_485  # Pillow's own limit for a picture that takes a quarter of a gigabyte
# A picture of this size takes hundreds of megabytes while it is converted: one at a time.
LARGE_PIXELS = 20_000_000
_large = threading.Lock()

# Pillow warns between one and two times its limit and raises beyond; here both refuse the file.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Remarks on metadata (EXIF, TIFF tags) say nothing about the pixels and would reach the user's terminal.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 258, 339  # tags of TIFF
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class Decoded:
    """A picture as TL Studio uses it.

    image: upright, mode RGB, 8 bits a channel. format, mode, frames: of the file as stored. full_size: width and
    height of the file, upright; larger than `image` where a smaller one was enough.
    """

    image: Image.Image
    format: str
    mode: str
    frames: int
    full_size: tuple[int, int]


def decode(path: Path, longer: int = 0, shorter: int = 0) -> Decoded:
    """Read the first frame of a picture, turn it upright (EXIF), and bring it to 8-bit RGB.

    Pictures of more than 8 bits are scaled linearly so that their own smallest value becomes 0 and their largest 255;
    transparent pixels are laid over white, unless the whole picture is transparent.

    longer, shorter: pixels of that side that are enough (one of them at most); 0: every pixel. A JPEG is then decoded
        at the smallest half, quarter or eighth that still has them, several times faster where it is large. `full_size`
        says how large the file's picture is.

    Raises:
        UnreadablePicture: the file is not a picture of a known format, is damaged, too large, or cannot be opened.
    """
    try:
        with _open(path) as file:
            return _decode(file, path, longer, shorter)
    except OSError as error:
        raise _unopened(path, error) from error


def decode_with_digest(path: Path, longer: int = 0, shorter: int = 0) -> tuple[Decoded, str]:
    """`decode`, and the BLAKE2b digest (hex) of the very file that was decoded, even if another takes its place.

    Raises:
        UnreadablePicture: as `decode`.
    """
    try:
        with _open(path) as file:
            decoded = _decode(file, path, longer, shorter)
            file.seek(0)
            return decoded, hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise _unopened(path, error) from error


def _open(path: Path) -> BufferedReader:
    """A regular file; opening a pipe or a device could wait for ever."""
    try:
        found = path.stat()
    except ValueError as error:  # a name with a zero byte in it, from a list
        raise UnreadablePicture("is not the name of a file", path=str(path).replace("\0", "\\0")) from error
    if stat.S_ISDIR(found.st_mode):
        raise UnreadablePicture("is a folder that cannot be looked into", path=path, remedy="Check its permissions.")
    if not stat.S_ISREG(found.st_mode):
        raise UnreadablePicture("is not a file but a pipe, socket or device", path=path)
    if found.st_size > MAX_BYTES:
        raise UnreadablePicture(f"has more than {MAX_BYTES >> 20} MiB, which no picture needs", path=path)
    return path.open("rb")


def _unopened(path: Path, error: OSError) -> UnreadablePicture:
    remedy = "Check that it is still there and may be read."
    return UnreadablePicture(error.strerror or str(error), path=path, remedy=remedy)


def _decode(file: BufferedReader, path: Path, longer: int, shorter: int) -> Decoded:
    try:
        with Image.open(file, formats=_formats(file)) as stored:
            if stored.width * stored.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            full = stored.size
            _draft(stored, longer, shorter)
            # A progressive JPEG is held whole while it is decoded, at whatever fraction.
            width, height = full if "progressive" in stored.info else stored.size
            with _large if width * height > LARGE_PIXELS else nullcontext():
                return _upright(stored, full)
    # Broken files make Pillow raise nearly anything (ValueError, SyntaxError, TypeError, struct.error, RuntimeError …).
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _refusal(path, error) from error


def _formats(file: BufferedReader) -> tuple[str, ...]:
    """What Pillow may try on a file: HEIF only where the file says it is that and the plug-in is there."""
    head = file.read(12)
    file.seek(0)
    return (*FORMATS, HEIF) if _is_heif(head) and _has_heif() else FORMATS


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:11] != b"avi"


@cache
def _has_heif() -> bool:
    """Whether somebody installed the plug-in. Its licence (GPL) keeps it out of our bundle, so nothing imports it."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except (ImportError, OSError):
        return False
    return True


def _draft(stored: Image.Image, longer: int, shorter: int) -> None:
    for side, enough in ((max(stored.size), longer), (min(stored.size), shorter)):
        if side > enough > 0:
            # Asked for a size, a JPEG decodes at the smallest fraction that is no smaller; others take no notice.
            width, height = (max(1, length * enough // side) for length in stored.size)
            stored.draft(None, (width, height))


def _upright(stored: Image.Image, full: tuple[int, int]) -> Decoded:
    format_, mode, frames = stored.format or "", stored.mode, getattr(stored, "n_frames", 1)
    ImageOps.exif_transpose(stored, in_place=True)  # it would copy the picture otherwise, turned or not
    if (stored.width > stored.height) != (full[0] > full[1]):
        full = full[::-1]
    return Decoded(_to_rgb(stored), format_, mode, frames, full)


def _refusal(path: Path, error: Exception) -> UnreadablePicture:
    name = _format_name(path)
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return UnreadablePicture(
            f"is larger than {MAX_PIXELS / 1e6:.0f} megapixels", path=path, remedy="Make a smaller copy of it."
        )
    if name == HEIF and not _has_heif():
        remedy = "Save it as JPEG or PNG, or install pillow-heif into the Python that runs TL Studio."
        return UnreadablePicture("HEIC (HEIF) pictures need the plug-in pillow-heif", path=path, remedy=remedy)
    if name and name not in (*FORMATS, HEIF):
        remedy = "Save it as PNG or JPEG."
        return UnreadablePicture(f"{name} pictures are not supported", path=path, remedy=remedy)
    if isinstance(error, UnidentifiedImageError):
        return UnreadablePicture("is not a picture, or is damaged at its beginning", path=path)
    return UnreadablePicture(f"is damaged or of an unusual kind ({str(error).rstrip('.')})", path=path)


_SIGNATURES = {
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"qoif": "QOI",
    b"%!PS": "EPS",
    b"\xc5\xd0\xd3\xc6": "EPS",
    b"8BPS": "PSD",
    b"DDS ": "DDS",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"\x00\x00\x01\x00": "ICO",
}
_SUFFIXES = {".heic": HEIF, ".heif": HEIF, ".tga": "TGA", ".svg": "SVG"} | dict.fromkeys(
    (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "PPM"
)


def _format_name(path: Path) -> str:
    """The format a file seems to have, for the sentence that refuses it; empty when it cannot be told."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return ""
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if _is_heif(head):
        return HEIF
    return _SUFFIXES.get(path.suffix.lower(), "")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _DEEP_MODES:
        return _scale_depth(image).convert("RGB")
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode == "La":
        image = image.convert("LA")  # Pillow goes from premultiplied grey to RGBA only by way of LA
    if image.mode in ("LA", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[1] == 0:
            return rgba.convert("RGB")  # transparent everywhere: nobody meant an empty picture
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _scale_depth(image: Image.Image) -> Image.Image:
    """Linear to 8 bits: the smallest value becomes 0, the largest 255; a flat picture becomes black."""
    values = np.asarray(image)
    if image.mode == "I" and _is_unsigned(image):
        values = values.view(np.uint32)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scaled = np.zeros(values.shape, np.uint8)
    if high > low:
        for row, line in enumerate(values):  # line by line: no second copy of a large picture
            exact = (line.astype(np.float64) - low) * (255.0 / (high - low))
            scaled[row] = np.nan_to_num(exact, nan=0.0, posinf=0.0, neginf=0.0).round()
    return Image.fromarray(scaled)


def _is_unsigned(image: Image.Image) -> bool:
    """Whether a TIFF holds unsigned 32-bit values: Pillow has no mode for them and calls the upper half negative."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(_BITS_PER_SAMPLE) == (32,) and tags.get(_SAMPLE_FORMAT, (1,)) == (1,)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("LAB colours could not be converted")
    return converted

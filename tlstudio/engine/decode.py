"""One safe way from a file to an upright 8-bit RGB picture. Pillow only: thumbnails need no torch."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (  # the plug-ins register their formats on import
    AvifImagePlugin as _avif,  # noqa: F401
)
from PIL import (
    BmpImagePlugin as _bmp,  # noqa: F401
)
from PIL import (
    GifImagePlugin as _gif,  # noqa: F401
)
from PIL import (
    Image,
    ImageCms,
    ImageOps,
    UnidentifiedImageError,
)
from PIL import (
    JpegImagePlugin as _jpeg,  # noqa: F401
)
from PIL import (
    PngImagePlugin as _png,  # noqa: F401
)
from PIL import (
    TiffImagePlugin as _tiff,  # noqa: F401
)
from PIL import (
    WebPImagePlugin as _webp,  # noqa: F401
)

from tlstudio.core.errors import UnreadablePicture

# What Pillow may try (MPO comes with JPEG). Anything else is refused by name: EPS would start Ghostscript,
# and each reader more is more code that strangers' files reach.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485

# Pillow warns between one and two times the limit and raises beyond; here both refuse the file.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# Remarks on metadata (EXIF, TIFF tags) say nothing about the pixels and would reach the user's terminal.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

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


def decode(path: Path, at_least: int = 0) -> Decoded:
    """Read the first frame of a picture, turn it upright (EXIF), and bring it to 8-bit RGB.

    Pictures of more than 8 bits are scaled linearly so that their own smallest value becomes 0 and their largest 255;
    transparent pixels are laid over white, unless the whole picture is transparent.

    at_least: the longer side that is enough; a JPEG is then decoded at a fraction of its size, several times faster.
        `full_size` says how large it is. 0 takes every pixel, as all work but looking must.

    Raises:
        UnreadablePicture: the file is not a picture of a known format, is damaged, too large, or cannot be opened.
    """
    try:
        with Image.open(path, formats=FORMATS) as stored:
            format_, frames, full = stored.format or "", getattr(stored, "n_frames", 1), stored.size
            if at_least:
                _draft(stored, at_least)
            stored.load()
            upright = ImageOps.exif_transpose(stored)
            if (upright.width > upright.height) != (stored.width > stored.height):
                full = full[::-1]
            return Decoded(_to_rgb(upright), format_, stored.mode, frames, full)
    except OSError as error:
        if error.errno is not None:
            remedy = "Check that it is still there and may be read."
            raise UnreadablePicture(error.strerror or str(error), path=path, remedy=remedy) from error
        raise _refusal(path, error) from error
    # Broken files make Pillow raise nearly anything (ValueError, SyntaxError, TypeError, struct.error, RuntimeError …).
    except Exception as error:
        raise _refusal(path, error) from error


def _draft(stored: Image.Image, at_least: int) -> None:
    longer = max(stored.size)
    if longer > at_least:
        # Asked for a size, a JPEG decodes at the smallest eighth that is no smaller; other formats take no notice.
        stored.draft(None, tuple(max(1, side * at_least // longer) for side in stored.size))  # type: ignore[arg-type]


def _refusal(path: Path, error: Exception) -> UnreadablePicture:
    name = _format_name(path)
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return UnreadablePicture(
            f"is larger than {MAX_PIXELS / 1e6:.0f} megapixels", path=path, remedy="Make a smaller copy of it."
        )
    if name and name not in FORMATS:
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
_SUFFIXES = {".heic": "HEIF", ".heif": "HEIF", ".tga": "TGA", ".svg": "SVG"} | dict.fromkeys(
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
    if head[4:8] == b"ftyp" and head[8:11] != b"avi":
        return "HEIF"
    return _SUFFIXES.get(path.suffix.lower(), "")


def _to_rgb(image: Image.Image) -> Image.Image:
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
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _scale_depth(image: Image.Image) -> Image.Image:
    """Linear to 8 bits: the smallest value becomes 0, the largest 255; a flat picture becomes black."""
    values = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, values[finite].min() if finite.any() else 0.0)
    low, high = values.min(), values.max()
    scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(scaled.round().astype(np.uint8))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("LAB colours could not be converted")
    return converted

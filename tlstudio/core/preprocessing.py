"""How pixels become what a network was trained on. It belongs to the weights and travels with them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Fit = Literal["crop", "squash", "pad"]
FITS: tuple[Fit, ...] = get_args(Fit)
Interpolation = Literal["bilinear", "bicubic"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MIN_STD = 1e-4  # a grey value of 8 bits is 40 times as much; dividing by less leaves the range of float32


@dataclass(frozen=True)
class Preprocessing:
    """The road from an upright 8-bit RGB picture to the network's input.

    size: side of the square input in pixels.
    resize: what the shorter side becomes before the centre is cropped to `size` (`crop` only).
    fit: `crop` the centre, `squash` to a square, or `pad` with black to a square.
    interpolation: `bilinear` or `bicubic`, always antialiased.
    mean, std: per channel, for values in 0..1: (value - mean) / std.
    bit_depth: how pictures of more than 8 bits came down to 8. `minmax`: linear, the picture's own smallest value
        becomes 0 and its largest 255, so nothing is clipped (see `engine/decode.py`).
    """

    size: int
    resize: int
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Fit = "crop"
    bit_depth: Literal["minmax"] = "minmax"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Preprocessing":
        """The preprocessing a JSON object describes.

        Raises:
            ValueError, TypeError, KeyError: the object is not one that `to_json` writes.
        """
        made = cls(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"])})
        numbers = (*made.mean, *made.std)
        sound = (
            len(made.mean) == len(made.std) == 3
            and all(isinstance(x, (int, float)) and abs(x) < 1e3 for x in numbers)
            and min(made.std) >= MIN_STD
            and isinstance(made.size, int)
            and isinstance(made.resize, int)
            and 8 <= made.size <= made.resize <= 4096
            and made.interpolation in ("bilinear", "bicubic")
            and made.fit in FITS
            and made.bit_depth == "minmax"
        )
        if not sound:
            raise ValueError("preprocessing out of range")
        return made

"""Check an exported model, or classify pictures with it. Needs onnxruntime, pillow and numpy, and nothing else.

    python check.py                 PASS if model.onnx still answers what TL Studio answered, else FAIL and why
    python check.py PICTURE...      what the model says about pictures

It is also an example of how to use the model: `Exported` below is all there is to it. TL Studio writes this file into
every export, and has measured the export with it before.
"""

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Some builds of onnxruntime report its use to their maker unless they are told not to, before they are loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
KERNEL_REACH = {"bilinear": 1, "bicubic": 2}  # pixels to each side of a point that its value depends on
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class Exported:
    """An exported model, ready to answer.

    facts: what the file says of itself, above all `classes`, `preprocessing` and `unknown`.
    """

    def __init__(self, model: Path) -> None:
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        # Threads that spin while they wait take the processor from other programs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(os.fspath(model), options, providers=["CPUExecutionProvider"])
        self.facts = json.loads(self.session.get_modelmeta().custom_metadata_map["tlstudio"])

    def prepare(self, path: Path) -> Floats:
        """A picture as the network takes it: (3, size, size), RGB, normalised."""
        rules = self.facts["preprocessing"]
        pixels = fit(upright(path, rules), rules).astype(np.float32) / 255
        normalised = (pixels - np.array(rules["mean"], np.float32)) / np.array(rules["std"], np.float32)
        return np.ascontiguousarray(normalised.transpose(2, 0, 1), np.float32)

    def ask(self, prepared: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Probabilities, (N, classes), in the order of `classes`; and how far each picture is from known ones, (N,)."""
        probabilities, distance = self.session.run(["probabilities", "distance"], {"pixels": np.stack(prepared)})
        return probabilities, distance

    def is_unknown(self, distance: float) -> bool:
        """Whether a picture at this distance is not like anything the model was taught."""
        return bool(distance > self.facts["unknown"]["threshold"])


def upright(path: Path, rules: dict[str, Any]) -> Image.Image:
    """The first frame of a picture as it is meant to be seen, 8-bit RGB; a JPEG no larger than it needs to be.

    Transparent pixels lie over white, unless all are transparent. More than 8 bits are scaled linearly so that the
    picture's smallest value becomes 0 and its largest 255.
    """
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # remarks on metadata say nothing about the pixels
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as stored:
            side, enough = min(stored.size), rules["resize"] if rules["fit"] == "crop" else rules["size"]
            if rules["fit"] == "pad":
                side = max(stored.size)
            if side > enough:
                # A JPEG decodes at the smallest half, quarter or eighth that has as many pixels; others take no notice.
                width, height = (max(1, length * enough // side) for length in stored.size)
                stored.draft(None, (width, height))
            ImageOps.exif_transpose(stored, in_place=True)
            return to_rgb(stored)


def to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image.copy()
    if image.mode == "F" or image.mode.startswith("I"):
        return scale_depth(image).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        if converted is None:
            raise ValueError("LAB colours could not be converted")
        return converted
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[1] == 0:
            return rgba.convert("RGB")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def scale_depth(image: Image.Image) -> Image.Image:
    """Linear to 8 bits: the smallest value becomes 0, the largest 255; a flat picture becomes black."""
    values = np.asarray(image)
    if image.mode == "I" and is_unsigned(image):
        values = values.view(np.uint32)
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if not high > low:
        return Image.new("L", image.size)
    with np.errstate(invalid="ignore"):
        scaled = (values - low) * (255.0 / (high - low))
    return Image.fromarray(np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0).round().astype(np.uint8))


def is_unsigned(image: Image.Image) -> bool:
    """Whether a TIFF holds unsigned 32-bit values: Pillow has no mode for them and calls the upper half negative."""
    bits_per_sample, sample_format = 258, 339
    tags = getattr(image, "tag_v2", {})
    return tags.get(bits_per_sample) == (32,) and tags.get(sample_format, (1,)) == (1,)


def fit(image: Image.Image, rules: dict[str, Any]) -> Pixels:
    """The square the network sees: (size, size, 3), RGB, 0..255."""
    size, interpolation = rules["size"], rules["interpolation"]
    width, height = image.size
    if rules["fit"] == "squash":
        return resized(np.asarray(image), size, size, interpolation)
    if rules["fit"] == "pad":
        scale = size / max(width, height)
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        square = np.zeros((size, size, 3), np.uint8)
        left, top = (size - across) // 2, (size - down) // 2
        square[top : top + down, left : left + across] = resized(np.asarray(image), across, down, interpolation)
        return square
    # As if the shorter side became `resize` pixels and the centre was cropped: only what stays is computed.
    side = max(1, round(min(width, height) * size / rules["resize"]))
    left, top = (width - side) // 2, (height - side) // 2
    return resized(np.asarray(image.crop((left, top, left + side, top + side))), size, size, interpolation)


def resized(pixels: Pixels, width: int, height: int, interpolation: str) -> Pixels:
    """A picture, (rows, columns, 3), in another size, antialiased: each side by itself, rounded to bytes in between.

    As PyTorch does it for bytes, with weights of 16 bits. Pillow's `resize` is the same but for its rounding; the few
    values that then differ by one are enough to move a probability by more than is allowed.
    """
    across = _resampled(pixels, width, interpolation)
    return _resampled(across.transpose(1, 0, 2), height, interpolation).transpose(1, 0, 2)


def _resampled(pixels: Pixels, length: int, interpolation: str) -> Pixels:
    """The second side of (rows, columns, 3) in another length."""
    before = pixels.shape[1]
    if before == length:
        return pixels
    scale = before / length
    reach = KERNEL_REACH[interpolation] * max(scale, 1.0)
    centres = scale * (np.arange(length) + 0.5)
    first = np.maximum((centres - reach + 0.5).astype(int), 0)
    last = np.minimum((centres + reach + 0.5).astype(int), before)
    weights = []
    for centre, begin, end in zip(centres, first, last, strict=True):
        kernel = _kernel((np.arange(begin, end) - centre + 0.5) / max(scale, 1.0), interpolation)
        weights.append(kernel / kernel.sum())
    # As many bits as the largest weight leaves in 16.
    largest = max(weight.max() for weight in weights)
    bits = next(n for n in range(23) if n == 22 or int(0.5 + largest * (1 << (n + 1))) >= 1 << 15)
    made = np.empty((pixels.shape[0], length, 3), np.uint8)
    for column, (begin, end, weight) in enumerate(zip(first, last, weights, strict=True)):
        whole = np.trunc(weight * (1 << bits) + np.copysign(0.5, weight)).astype(np.int32)
        exact = np.einsum("rcx,c->rx", pixels[:, begin:end].astype(np.int32), whole)
        made[:, column] = ((exact + (1 << (bits - 1))) >> bits).clip(0, 255)
    return made


def _kernel(x: npt.NDArray[np.float64], interpolation: str) -> npt.NDArray[np.float64]:
    x = np.abs(x)
    if interpolation == "bilinear":
        return np.maximum(1 - x, 0)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def differences(exported: Exported, golden: dict[str, Any], folder: Path) -> dict[str, list[float]]:
    """How far the answers are from those TL Studio gave: the largest difference of each kind, picture by picture.

    `probability` and `distance` are what the network says; `input` is the mean of each colour of what it was shown.
    """
    prepared = [exported.prepare(folder / picture["file"]) for picture in golden["pictures"]]
    probabilities, distance = exported.ask(prepared)
    expected = golden["pictures"]
    pairs: dict[str, tuple[Any, Any]] = {
        "probability": (probabilities, [picture["probabilities"] for picture in expected]),
        "distance": (distance[:, None], [[picture["distance"]] for picture in expected]),
        "input": ([p.mean((1, 2), np.float64) for p in prepared], [picture["input_mean"] for picture in expected]),
    }
    return {kind: np.abs(np.subtract(found, wanted)).max(axis=1).tolist() for kind, (found, wanted) in pairs.items()}


def faults(folder: Path, exported: Exported, golden: dict[str, Any], found: dict[str, list[float]]) -> Iterator[str]:
    """Why an export must not be used, a sentence each; none if all is well."""
    for kind, allowed in golden["allowed"].items():
        largest = float(np.max(found[kind]))
        if not largest <= allowed:
            yield f"the largest difference in {kind} is {largest:.2g}, more than the {allowed:g} allowed"
    for picture in golden["pictures"]:
        if hashlib.sha256((folder / picture["file"]).read_bytes()).hexdigest() != picture["sha256"]:
            yield f"{picture['file']} is not the picture it was"
    if json.loads((folder / "preprocessing.json").read_bytes()) != exported.facts["preprocessing"]:
        yield "preprocessing.json says something else than model.onnx"
    if json.loads((folder / "labels.json").read_bytes()) != exported.facts["classes"]:
        yield "labels.json says something else than model.onnx"
    if (folder / "labels.txt").read_text("utf-8").splitlines() != exported.facts["classes"]:
        yield "labels.txt says something else than model.onnx"


def check(folder: Path) -> int:
    """Ask the model about the golden pictures and say how its answers compare; 0 if all is well."""
    exported = Exported(folder / "model.onnx")
    golden = json.loads((folder / "golden.json").read_bytes())
    found = differences(exported, golden, folder)
    for kind, each in found.items():
        print(f"largest difference in {kind}: {np.max(each):.2g} ({golden['allowed'][kind]:g} allowed)")
    wrong = list(faults(folder, exported, golden, found))
    for fault in wrong:
        print(f"wrong: {fault}")
    print(f"{'FAIL' if wrong else 'PASS'}: {len(golden['pictures'])} pictures, onnxruntime {onnxruntime.__version__}")
    return 1 if wrong else 0


def classify(folder: Path, paths: list[Path]) -> int:
    """Print what the model says about pictures; 1 if one of them could not be read."""
    exported = Exported(folder / "model.onnx")
    status = 0
    for path in paths:
        try:
            prepared = exported.prepare(path)
        # Broken pictures make Pillow raise nearly anything.
        except Exception as error:  # noqa: BLE001
            print(f"{path}: no answer: {error}")
            status = 1
            continue
        (probabilities,), (distance,) = exported.ask([prepared])
        if exported.is_unknown(distance):
            print(f"{path}: not like anything it was taught")
            continue
        best = np.argsort(-probabilities, kind="stable")[:3]
        ranked = ", ".join(f"{exported.facts['classes'][i]} {probabilities[i]:.1%}" for i in best)
        print(f"{path}: {ranked}")
    return status


def main() -> int:
    folder, given = Path(__file__).resolve().parent, [Path(path) for path in sys.argv[1:]]
    try:
        return classify(folder, given) if given else check(folder)
    # Of a damaged model onnxruntime complains in exceptions of its own, which have nothing in common.
    except Exception as error:  # noqa: BLE001
        print(f"FAIL: the export is not whole: {type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())

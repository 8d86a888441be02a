"""CPU time of one picture from its file to the network's square, against plain Pillow: `python -m tests.bench.pixels`.

Plain Pillow is what a PyTorch tutorial does: open, convert, `Resize`, `CenterCrop`. Both ways are timed one after the
other on each picture, in one thread. Goal: 3x on 12-megapixel JPEGs, which are photographs enlarged, with noise of the
strength a camera leaves.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from tests.conftest import DATA
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.engine.decode import decode_with_digest
from tlstudio.engine.tensors import augment, read

SIZE = (4000, 3000)
COUNT, LARGE_COUNT, TIMES = 60, 10, 3


def plain(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    mode = v2.InterpolationMode(preprocessing.interpolation)
    with Image.open(path) as stored:
        small = v2.functional.resize(stored.convert("RGB"), [preprocessing.resize], mode)
    return np.array(v2.functional.center_crop(small, [preprocessing.size]))


def enlarged(path: Path, folder: Path) -> Path:
    """The picture at 12 megapixels, as a camera would have written it."""
    with Image.open(path) as stored:
        pixels = np.asarray(stored.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)).astype(np.int16)
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape).astype(np.int16)
    target = folder / f"{path.stem}.jpg"
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(target, quality=90)
    return target


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this thread, the best of a few."""
    found = []
    for _ in range(TIMES):
        started = time.thread_time()
        work()
        found.append(time.thread_time() - started)
    return min(found)


def compare(title: str, paths: Sequence[Path], preprocessing: Preprocessing) -> None:
    digests = [decode_with_digest(path)[1] for path in paths]
    theirs = [seconds(lambda p=path: plain(p, preprocessing)) for path in paths]
    ours = [seconds(lambda p=p, d=d: read(p, preprocessing, d)) for p, d in zip(paths, digests, strict=True)]
    ratios = sorted(a / b for a, b in zip(theirs, ours, strict=True))
    middle, spread = statistics.median(ratios), f"{ratios[0]:.1f} to {ratios[-1]:.1f}"
    times = (
        f"{1e3 * statistics.median(theirs):7.2f} ms plain, {1e3 * statistics.median(ours):6.2f} ms ours, digest checked"
    )
    print(f"{title:34} {times}: {middle:4.1f}x ({spread})", flush=True)


def augmentation(paths: Sequence[Path], preprocessing: Preprocessing) -> None:
    images = []
    for path in paths:
        with Image.open(path) as stored:
            images.append(stored.convert("RGB").resize((256, 256)))
    for kind in ("light", "strong"):
        found = statistics.median(seconds(lambda i=i, k=kind: augment(i, preprocessing, k, "key")) for i in images)
        print(f"{kind + ' augmentation of 256 px':34} {1e3 * found:7.2f} ms", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    preprocessing = BACKBONES["efficientnet_lite0"].preprocessing
    paths = sorted((DATA / "hymenoptera").rglob("*.jpg"))[:: 397 // COUNT][:COUNT]
    compare("as published, about 500 x 375", paths, preprocessing)
    with tempfile.TemporaryDirectory() as folder:
        large = [enlarged(path, Path(folder)) for path in paths[:: COUNT // LARGE_COUNT]]
        size = statistics.median(path.stat().st_size for path in large) / 1e6
        compare(f"12 megapixels, {size:.1f} MB", large, preprocessing)
    augmentation(paths, preprocessing)


if __name__ == "__main__":
    main()

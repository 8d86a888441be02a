"""How long it takes to find near-duplicates among many pictures: `python -m tests.bench.duplicates [PICTURES]`.

The fingerprints are those of random smooth pictures, every hundredth one a slightly changed copy of the one before.
"""

import sys
import time

import numpy as np
from PIL import Image

from tlstudio.core.catalogue import Picture
from tlstudio.engine.duplicates import measure, near


def made(count: int) -> list[Picture]:
    draw = np.random.default_rng(0)
    pictures: list[Picture] = []
    small = np.zeros((8, 8, 3), np.uint8)
    for number in range(count):
        if number % 100 != 1:
            small = draw.integers(0, 256, (8, 8, 3), np.uint8)
        side = 64 if number % 100 != 1 else 80
        image = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
        pictures.append(Picture(f"/{number}", "a", digest=f"{number:032x}", **vars(measure(image))))
    return pictures


def timed(pictures: list[Picture], known: list[str]) -> int:
    started, cpu = time.perf_counter(), time.process_time()
    comparing = near(pictures, known)
    while True:
        try:
            next(comparing)
        except StopIteration as end:
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
            new = len(pictures) - len(known)
            print(f"{new} new of {len(pictures)}: {len(end.value)} pairs, {wall:.1f} s ({cpu:.1f} s of processor)")
            return len(end.value)


if __name__ == "__main__":
    pictures = made(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    timed(pictures, [])
    timed(pictures, [p.digest for p in pictures[: -len(pictures) // 100]])

"""Many pictures answered with a Lite0 model: `python -m tests.bench.predicting [--pictures 10000]`.

Against the plain loop of a tutorial: open, convert, resize, crop, through the network, one picture after the other; as
torch comes, and on one thread, which is faster where other programs are at work too. The pictures are crops of real
ones, saved anew. The ways run by turns, each in a process of its own. The last row is about all pictures at once, for
the memory they take beyond what a few take.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from tests.conftest import DATA
from tlstudio import tasks
from tlstudio.core.events import Finished, Predicted
from tlstudio.core.project import Project
from tlstudio.core.recipe import make_recipe

FEW, TIMES = 400, 3
WAYS = ("plain", "plain, one thread", "TL Studio")


def draw(folder: Path, count: int) -> None:
    """Distinct pictures: each a part of a real one."""
    sources = sorted(p for name in ("flowers5", "hymenoptera") for p in (DATA / name).rglob("*.jpg"))

    def one(number: int) -> None:
        chance = random.Random(number)
        with Image.open(sources[number % len(sources)]) as source:
            width, height = source.size
            left, top = chance.randrange(width // 4), chance.randrange(height // 4)
            box = left, top, width - chance.randrange(width // 4), height - chance.randrange(height // 4)
            part = source.convert("RGB").crop(box)
        part.save(folder / f"{number:05d}.jpg", quality=chance.randrange(75, 96))

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, range(count)))


def ours(model: Path, paths: list[Path]) -> Callable[[], int]:
    opened = tasks.OpenModel(model)
    list(opened.open())
    list(opened.predict(paths[:2]))

    def run() -> int:
        return sum(event.ok for event in opened.predict(paths) if isinstance(event, Predicted))

    return run


def plain(model: Path, paths: list[Path]) -> Callable[[], int]:
    from torchvision.transforms import v2

    from tlstudio.engine.checkpoints import load_model

    network = load_model(model).network
    network.eval_mode()
    given = network.preprocessing
    prepare = v2.Compose(
        [
            v2.Resize(given.resize, v2.InterpolationMode(given.interpolation)),
            v2.CenterCrop(given.size),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(given.mean, given.std),
        ]
    )

    def answer(path: Path) -> torch.Tensor:
        with Image.open(path) as picture:
            pixels = prepare(picture.convert("RGB"))
        with torch.inference_mode():
            return network.model(pixels[None]).softmax(1)

    answer(paths[0])
    return lambda: sum(answer(path).numel() > 0 for path in paths)


def work(way: str, model: Path, folder: Path, count: int) -> None:
    """Answer pictures in one way and print what that took, as JSON."""
    if way == "plain, one thread":
        torch.set_num_threads(1)
    run = (ours if way == "TL Studio" else plain)(model, sorted(folder.iterdir())[:count])
    started, busy = time.perf_counter(), time.process_time()
    answered = run()
    facts = {"seconds": time.perf_counter() - started, "busy": time.process_time() - busy, "answered": answered}
    print(json.dumps(facts | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measured(way: str, model: Path, folder: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.predicting", "--work", way, str(model), str(folder), str(count)]
    facts: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert facts["answered"] == count
    return facts


def row(way: str, count: int, facts: dict[str, float], cores: int) -> None:
    speed, each = count / facts["seconds"], 1000 * facts["busy"] / count
    busy = facts["busy"] / facts["seconds"] / cores
    what = f"{speed:6.1f} a second  {each:6.1f} ms of CPU each  {cores} cores {busy:4.0%} busy"
    print(f"{way:18} {count:6} pictures  {what}  peak {facts['peak']:5.0f} MB", flush=True)


def trained(folder: Path) -> Path:
    with Project.open(folder / "project") as project:
        list(tasks.scan(project, DATA / "hymenoptera"))
        *_, finished = tasks.train(project, make_recipe("efficientnet_lite0", "feature-extraction"))
    assert isinstance(finished, Finished)
    return Path(finished.model)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        way, model, folder, count = given.work
        work(way, Path(model), Path(folder), int(count))
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as temporary:
        model, folder = trained(Path(temporary)), Path(temporary) / "pictures"
        folder.mkdir()
        draw(folder, given.pictures)
        few, ratios, cpu = min(FEW, given.pictures), [], []
        for _ in range(TIMES):
            found = {way: measured(way, model, folder, few) for way in WAYS}
            for way, facts in found.items():
                row(way, few, facts, cores)
            *theirs, mine = found.values()
            ratios.append(min(facts["seconds"] for facts in theirs) / mine["seconds"])
            cpu.append(min(facts["busy"] for facts in theirs) / mine["busy"])
        whole = measured("TL Studio", model, folder, given.pictures)
        row("TL Studio", given.pictures, whole, cores)
    for what, found_ratios in (("time", ratios), ("CPU time", cpu)):
        middle, low, high = statistics.median(found_ratios), min(found_ratios), max(found_ratios)
        print(f"{middle:.1f}x the faster plain loop ({low:.1f} to {high:.1f}) in {what}")
    print(f"{whole['peak'] - mine['peak']:+.0f} MB for {given.pictures - few} pictures more")


if __name__ == "__main__":
    main()

"""How well wrong labels are found, and how soon a correction moves the figure: `python -m tests.bench.doubts`.

Five flowers, one label in twenty changed at random. Goals: 80 % of them among the suggestions, 70 % of as many first
suggestions right, a new five-fold figure within 2 s of relabelling twenty.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tlstudio import tasks
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.doubts import DoubtsFound
from tlstudio.core.edits import Edits
from tlstudio.core.project import Project

DATA = Path(os.environ.get("TLSTUDIO_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
SHARE, CORRECTED = 0.05, 20


def judged(doubts: tasks.Doubts, pictures: list[Picture]) -> DoubtsFound:
    *_, found = doubts.judge(pictures)
    assert isinstance(found, DoubtsFound)
    return found


def mislabelled(pictures: list[Picture], seed: int) -> tuple[list[Picture], set[str]]:
    """The pictures with one label in twenty changed, and the paths of those."""
    draw, names = np.random.default_rng(seed), class_names(pictures)
    wrong = set(draw.choice(len(pictures), round(SHARE * len(pictures)), replace=False).tolist())
    others = {name: [other for other in names if other != name] for name in names}
    given = [replace(p, label=str(draw.choice(others[p.label]))) if i in wrong else p for i, p in enumerate(pictures)]
    return given, {pictures[i].path for i in wrong}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5)
    repeats = options.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder) / "project") as project:
        list(tasks.scan(project, DATA / "flowers5"))
        pictures = project.catalogue.readable()
        doubts = tasks.Doubts("efficientnet_lite0")
        clean = judged(doubts, pictures)
        low, high = clean.interval
        print(f"{clean.n} pictures, labels as published: {clean.accuracy:.1%} found again ({low:.1%} to {high:.1%})")
        found, right, sizes = [], [], []
        for seed in range(repeats):
            given, wrong = mislabelled(pictures, seed)
            suspects = [suspect.path for suspect in judged(doubts, given).suspects]
            found.append(len(wrong & set(suspects)) / len(wrong))
            right.append(len(wrong & set(suspects[: len(wrong)])) / len(wrong))
            sizes.append(len(suspects))
        for what, values, goal in (("found", found, 0.8), ("first suggestions right", right, 0.7)):
            met = "met" if statistics.mean(values) >= goal else "MISSED"
            shares = f"{statistics.mean(values):.0%} ({min(values):.0%} to {max(values):.0%})"
            print(f"{what:24} {shares}, goal {goal:.0%}: {met}")
        print(f"{'suggestions':24} {statistics.mean(sizes):.0f} for {len(wrong)} wrong labels")
        seconds = []
        for number in range(repeats):
            label = class_names(pictures)[number % 5]
            ids = [p.id for p in pictures if p.label != label][number : number + CORRECTED]
            began = time.perf_counter()
            list(tasks.edit(project, partial(Edits.relabel, ids=ids, label=label)))
            judged(doubts, project.catalogue.readable())
            seconds.append(time.perf_counter() - began)
        met = "met" if statistics.median(seconds) <= 2 else "MISSED"
        times = f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
        print(f"{'relabel 20, new figure':24} {times}, goal 2 s: {met}")


if __name__ == "__main__":
    main()

"""Is the measured advice better than the table's? `python -m tests.bench advisor [--quick] [--keep FILE]`.

Small tasks are made from the real pictures at hand, some of them altered so that ImageNet's features fit them less. For
each the head alone, the last stages and the whole network are trained anew from several splits and judged on pictures
of which neither they nor the advisor saw any. Regret: by how much the mean accuracy of what was advised is below that
of the strategy that turned out best. Goals: a mean regret of at most 1.5 points, and none larger than the table's own.
"""

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.training import DATA
from tlstudio import tasks
from tlstudio.core.advice import Advised, Probed, Tried, from_table, weighed
from tlstudio.core.catalogue import class_names
from tlstudio.core.events import Finished
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Domain, make_recipe

LITE = "efficientnet_lite0"
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
INSECTS, CELLS = ("ants", "bees"), ("defective", "functional")
GOAL = 0.015
VALIDATED = 0.2  # of the pictures to learn from


@dataclass(frozen=True)
class Task:
    """Pictures to tell apart. kinds: folders they come from. learned, asked: pictures of each class.

    alter: what is made of a file: pictures with their labels; None leaves files as they are.
    """

    name: str
    kinds: tuple[str, ...]
    learned: int
    asked: int
    domain: Domain = "similar"
    alter: Callable[[Image.Image, str, random.Random], tuple[str, Image.Image]] | None = None

    @property
    def everything(self) -> str:
        return "fine-tune-layered" if self.domain == "different" else "fine-tune-all"

    @property
    def strategies(self) -> tuple[str, ...]:
        return ("feature-extraction", "fine-tune-last", self.everything)


def tiny_crop(image: Image.Image, label: str, draw: random.Random) -> tuple[str, Image.Image]:
    """A small part of the middle: texture without shape."""
    side = 48
    left, top = (draw.randint(length // 4, 3 * length // 4 - side) for length in image.size)
    return label, image.crop((left, top, left + side, top + side))


def false_colours(image: Image.Image, label: str, draw: random.Random) -> tuple[str, Image.Image]:
    """The negative, its colours in another order, in each picture another."""
    bands = list(ImageOps.invert(image).split())
    draw.shuffle(bands)
    return label, Image.merge("RGB", bands)


def turned(image: Image.Image, label: str, draw: random.Random) -> tuple[str, Image.Image]:
    """Which way up is it? Flowers from above have no answer."""
    quarters = draw.randrange(4)
    square = ImageOps.fit(image, (224, 224))
    return f"turned {90 * quarters}", square.rotate(90 * quarters)


def quadrant(image: Image.Image, label: str, draw: random.Random) -> tuple[str, Image.Image]:
    """Which quarter of the picture stands on its head?"""
    square, where = ImageOps.fit(image, (224, 224)), draw.randrange(4)
    box = (112 * (where % 2), 112 * (where // 2))
    box = (*box, box[0] + 112, box[1] + 112)
    square.paste(square.crop(box).rotate(180), box)
    return f"quarter {where}", square


def coarse(image: Image.Image, label: str, draw: random.Random) -> tuple[str, Image.Image]:
    """Grey, and of 20 by 20 pixels."""
    return label, ImageOps.fit(image, (20, 20)).convert("L").resize((224, 224), Image.Resampling.NEAREST)


TASKS = (
    Task("ants or bees, 10 each", INSECTS, 10, 100),
    Task("ants or bees, 50 each", INSECTS, 50, 100),
    Task("solar cells, 20 each", CELLS, 20, 50, "different"),
    Task("solar cells, 50 each", CELLS, 50, 50, "different"),
    Task("five flowers, 10 each", FLOWERS, 10, 80),
    Task("five flowers, 50 each", FLOWERS, 50, 80),
    Task("rose or tulip, 40 each", ("rose", "tulip"), 40, 100),
    Task("five flowers, tiny crops", FLOWERS, 30, 80, alter=tiny_crop),
    Task("five flowers, false colours", FLOWERS, 30, 80, alter=false_colours),
    Task("five flowers, coarse and grey", FLOWERS, 30, 80, alter=coarse),
    Task("which way up", FLOWERS, 32, 80, alter=turned),
    Task("which quarter is turned", FLOWERS, 40, 80, alter=quadrant),
)
QUICK = (0, 3, 4, 7)


def files_of(kind: str) -> list[Path]:
    """The pictures of one class, of all the folders it has."""
    places = [DATA / "flowers5", DATA / "elpv_solar_cells", DATA / "hymenoptera/train", DATA / "hymenoptera/val"]
    return [f for place in places for f in sorted((place / kind).glob("*")) if f.suffix != ".gif"]


def make(task: Task, seed: int, folder: Path) -> Path:
    """Write a task's list of pictures, `path,label,split`, with what is altered beside it."""
    table = folder / "pictures.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        for kind in task.kinds:
            files = files_of(kind)
            draw = random.Random(f"{task.name}/{kind}/{seed}")
            draw.shuffle(files)
            for number, path in enumerate(files[: task.learned + task.asked]):
                val = number < round(VALIDATED * task.learned)
                split = "test" if number >= task.learned else "val" if val else "train"
                label, place = kind, path
                if task.alter:
                    with Image.open(path) as image:
                        label, altered = task.alter(image.convert("RGB"), kind, draw)
                    place = folder / f"{kind} {number}.png"
                    altered.save(place)
                rows.writerow([place, label, split])
    return table


def trained(project: Project, task: Task, strategy: str, seed: int) -> float:
    """Accuracy on the test pictures."""
    *_, finished = tasks.train(project, make_recipe(LITE, strategy, Changes(seed=seed), task.domain))
    assert isinstance(finished, Finished)
    assert finished.test_accuracy is not None
    return finished.test_accuracy


@dataclass
class Kept:
    """What was trained and measured already, by task, seed and what it was, in a file; without one it is forgotten."""

    file: Path | None

    def __post_init__(self) -> None:
        known = self.file and self.file.exists()
        self.figures: dict[str, Any] = json.loads(self.file.read_text()) if self.file and known else {}

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self.figures:
            began = time.perf_counter(), time.process_time()
            self.figures[key] = make()
            took = time.perf_counter() - began[0], time.process_time() - began[1]
            print(f"  {key}: {took[0]:.0f} s, {took[1]:.0f} s of CPU", file=sys.stderr, flush=True)
            if self.file:
                self.file.write_text(json.dumps(self.figures, indent=1))
        return self.figures[key]


def measured(project: Project, domain: Domain) -> list[dict[str, Any]]:
    """What `advise` says in the end, and how many seconds it took."""
    began = time.perf_counter()
    *_, advised = tasks.advise(project, LITE, domain)
    return [advised.to_json(), {"seconds": time.perf_counter() - began}]


def advice_from(said: Sequence[dict[str, Any]], table: Advised, domain: Domain) -> str:
    """The strategy that follows from what was measured: no measuring anew when only the weighing has changed."""
    stages, trials = ([_plain(e) for e in said[-2]["measured"].get(name, [])] for name in ("stages", "trials"))
    if not stages:
        return table.strategy
    return weighed(table, domain, [Probed(**e) for e in stages], [Tried(**e) for e in trials], {}).strategy


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "event"}


@dataclass
class Outcome:
    """Of one task: the mean accuracy of each strategy over the splits, and what advice and table said of each split."""

    task: Task
    truth: dict[str, list[float]]
    advice: list[str]
    table: str

    def regret(self, said: Sequence[str]) -> float:
        best = max(statistics.mean(scores) for scores in self.truth.values())
        return best - statistics.mean(self.truth[name][i] for i, name in enumerate(said))


def judge(task: Task, seeds: int, kept: Kept) -> Outcome:
    outcome = Outcome(task, {name: [] for name in task.strategies}, [], "")
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder) / "project") as project:
            list(tasks.scan(project, make(task, seed, Path(folder))))
            train = project.catalogue.readable("train")
            table = from_table(len(train), len(class_names(train)), task.domain)
            said = kept.get(f"{task.name}/{seed}/advice", partial(measured, project, task.domain))
            outcome.table = table.strategy
            outcome.advice.append(advice_from(said, table, task.domain))
            for name in task.strategies:
                key = f"{task.name}/{seed}/{name}"
                outcome.truth[name].append(kept.get(key, partial(trained, project, task, name, seed)))
    return outcome


def show(outcomes: Sequence[Outcome], seeds: int) -> int:
    """Print the table of all tasks and the mean regrets; 1 where a goal is missed."""
    columns = ("task", "head", "last stages", "everything", "table", "advised", "regret of the table", "of the advice")
    table = Table(*columns, box=box.SIMPLE)
    regrets: dict[str, list[float]] = {"table": [], "advice": []}
    for outcome in outcomes:
        figures = [f"{statistics.mean(scores):.1%}" for scores in outcome.truth.values()]
        regrets["table"].append(outcome.regret([outcome.table] * seeds))
        regrets["advice"].append(outcome.regret(outcome.advice))
        last = [f"{100 * each[-1]:.1f}" for each in regrets.values()]
        table.add_row(outcome.task.name, *figures, outcome.table, ", ".join(outcome.advice), *last)
    console = Console(width=max(170, Console().width), highlight=False)
    console.print(table)
    by_table, by_advice = (statistics.mean(each) for each in regrets.values())
    met = "met" if by_advice <= GOAL and by_advice <= by_table else "MISSED"
    console.print(
        f"Mean regret over {len(outcomes)} tasks, {seeds} splits each: advice {100 * by_advice:.2f} points, "
        f"table {100 * by_table:.2f}; goal at most {100 * GOAL:g} and no more than the table's: {met}"
    )
    return 0 if met == "met" else 1


def speed(pictures: int) -> None:
    """How long advice on the five flowers takes, with nothing and with everything remembered."""
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder) / "project") as project:
        task = Task("five flowers", FLOWERS, pictures // len(FLOWERS), 0)
        list(tasks.scan(project, make(task, 0, Path(folder))))
        for memory in ("with an empty cache", "once remembered"):
            began, last = (time.perf_counter(), time.process_time()), None
            probed = began
            for event in tasks.advise(project, LITE):
                if isinstance(event, Probed):
                    probed = time.perf_counter(), time.process_time()
                last = event
            took = [time.perf_counter() - began[0], time.process_time() - began[1], probed[0] - began[0]]
            assert isinstance(last, Advised)
            print(
                f"advise on {last.measured['pictures']} flowers, {memory}: {took[0]:.0f} s ({took[1]:.0f} s of CPU), "
                f"every stage probed after {took[2]:.0f} s: {last.strategy}",
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench advisor", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of the tasks, one split each")
    parser.add_argument("--seeds", type=int, default=2, help="splits of each task")
    parser.add_argument("--keep", type=Path, help="remember in this file what was trained, for the next time")
    parser.add_argument("--only", choices=("regret", "speed"))
    options = parser.parse_args()
    seeds = 1 if options.quick else options.seeds
    chosen = [TASKS[i] for i in QUICK] if options.quick else TASKS
    status = 0
    with tempfile.TemporaryDirectory() as cache:
        if "XDG_CACHE_HOME" not in os.environ or not options.keep:
            os.environ["XDG_CACHE_HOME"] = cache
        if options.only in (None, "regret"):
            kept = Kept(options.keep)
            status = show([judge(task, seeds, kept) for task in chosen], seeds)
        if options.only in (None, "speed"):
            os.environ["XDG_CACHE_HOME"] = cache
            speed(200 if options.quick else 950)
    return status


if __name__ == "__main__":
    sys.exit(main())

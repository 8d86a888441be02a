"""Is the measured advice better than the table's? `python -m tests.bench advisor [--quick] [--keep FILE]`.

Small tasks are made from the real pictures at hand, some of them altered so that ImageNet's features fit them less. For
each the head alone, the last stages and the whole network are trained anew from several splits and judged on pictures
of which neither they nor the advisor saw any. Regret: by how much the mean accuracy of what was advised is below that
of the strategy that turned out best. Goals: a mean regret of at most 1.5 points, and none larger than the table's own.
"""

import csv
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tests.bench.training import DATA
from tlstudio import tasks
from tlstudio.core.events import Finished
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Domain, make_recipe

LITE = "efficientnet_lite0"
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
INSECTS, CELLS = ("ants", "bees"), ("defective", "functional")
GOAL = 0.015
VALIDATED = 0.2  # of the pictures to learn from

Altered = Iterator[tuple[str, Image.Image]]  # label and picture


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
    """What was trained already, by task, seed and strategy, in a file; without one it is forgotten."""

    file: Path | None

    def __post_init__(self) -> None:
        known = self.file and self.file.exists()
        self.figures: dict[str, float] = json.loads(self.file.read_text()) if self.file and known else {}

    def get(self, key: str, train: Callable[[], float]) -> float:
        if key not in self.figures:
            self.figures[key] = train()
            if self.file:
                self.file.write_text(json.dumps(self.figures, indent=1))
        return self.figures[key]

"""How well a model tells what it was not taught from what it was: `python -m tests.bench unknown [--seeds N]`.

Insects (hymenoptera) are split anew for each seed: 70 % to learn from, 15 % to set threshold and temperature on, 15 %
to judge by. Goals: at most 5 % of the known test pictures refused, within the interval of what was counted; AUROC of at
least 0.95 for known test pictures against flowers, and against solar cells. Each kind of flower left out of the five
is there for information: no goal.
"""

import argparse
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn.metrics import roc_auc_score

from tests.conftest import DATA
from tlstudio import tasks
from tlstudio.core.events import Evaluated, Explained, Finished, Predicted
from tlstudio.core.project import Project
from tlstudio.core.recipe import make_recipe
from tlstudio.engine.evaluation import wilson
from tlstudio.engine.survey import SplitRule

STRATEGIES = ("feature-extraction", "fine-tune-last")
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")


@dataclass(frozen=True)
class Trained:
    """A model and the test pictures of its project."""

    model: tasks.OpenModel
    file: Path
    test: tuple[str, ...]
    project: Path

    def answers(self, paths: Sequence[Path | str]) -> list[Predicted]:
        return [e for e in self.model.predict(paths) if isinstance(e, Predicted) and e.ok]

    def calibration_error(self) -> float:
        (*_, measured) = tasks.evaluate(self.file, self.project)
        assert isinstance(measured, Evaluated)
        return measured.calibration_error


def train(folder: Path, classes: Sequence[Path], backbone: str, strategy: str, seed: int) -> Trained:
    """Train on these folders of classes, split by the seed."""
    table = folder / "pictures.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        rows.writerows([path, place.name] for place in classes for path in sorted(place.iterdir()))
    with Project.open(folder / "project") as project:
        list(tasks.scan(project, table, SplitRule(seed=seed)))
        *_, finished = tasks.train(project, make_recipe(backbone, strategy))
        test = tuple(picture.path for picture in project.catalogue.readable("test"))
    assert isinstance(finished, Finished)
    return Trained(tasks.OpenModel(Path(finished.model)), Path(finished.model), test, folder / "project")


def auroc(known: Sequence[Predicted], strange: Sequence[Predicted]) -> float:
    truth = [0] * len(known) + [1] * len(strange)
    return float(roc_auc_score(truth, [answer.distance for answer in (*known, *strange)]))


def files(folder: Path, every: int = 1) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())[::every]


def insects(backbone: str, strategy: str, seeds: int) -> None:
    refused = count = 0
    against: dict[str, list[float]] = {"flowers": [], "solar cells": []}
    caught: dict[str, list[float]] = {"flowers": [], "solar cells": []}
    calibration = []
    places = [DATA / "hymenoptera" / split / label for split in ("train", "val") for label in ("ants", "bees")]
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            trained = train(Path(folder), places, backbone, strategy, seed)
            known = trained.answers(trained.test)
            refused, count = refused + sum(a.unknown for a in known), count + len(known)
            calibration.append(trained.calibration_error())
            strangers = {"flowers": files(DATA / "flowers5", 5), "solar cells": files(DATA / "elpv_solar_cells", 2)}
            for name, paths in strangers.items():
                strange = trained.answers(paths)
                against[name].append(auroc(known, strange))
                caught[name].append(sum(a.unknown for a in strange) / len(strange))
    low, high = wilson(refused, count)
    print(f"{backbone}, {strategy}, insects in {seeds} splits:", flush=True)
    print(f"  known test pictures refused   {refused} of {count}, {refused / count:.1%} ({low:.1%} to {high:.1%})")
    for name in against:
        mean, least = statistics.mean(against[name]), min(against[name])
        print(f"  AUROC against {name:<15} {mean:.3f} (least {least:.3f}), refused {statistics.mean(caught[name]):.0%}")
    print(f"  calibration error on test     {statistics.mean(calibration):.3f}", flush=True)


def flowers(backbone: str, strategy: str) -> None:
    print(f"{backbone}, {strategy}, one kind of flower left out (no goal):", flush=True)
    for left_out in FLOWERS:
        with tempfile.TemporaryDirectory() as folder:
            others = [DATA / "flowers5" / name for name in FLOWERS if name != left_out]
            trained = train(Path(folder), others, backbone, strategy, seed=0)
            found = auroc(trained.answers(trained.test), trained.answers(files(DATA / "flowers5" / left_out, 2)))
            print(f"  AUROC without {left_out:<15} {found:.3f}", flush=True)


def speed(backbone: str) -> None:
    """One picture at a time with a model that is warm. Goals: answer 150 ms, heat map 500 ms."""
    with tempfile.TemporaryDirectory() as folder:
        places = [DATA / "hymenoptera" / "train" / label for label in ("ants", "bees")]
        model = train(Path(folder), places, backbone, "feature-extraction", seed=0).model
        paths = files(DATA / "hymenoptera" / "val", 8)
        for name, ask in (("answer", model.predict), ("heat map", model.explain)):
            took = []
            for path in paths:
                wall, cpu = time.perf_counter(), time.process_time()
                said = list(ask([path]) if name == "answer" else model.explain(path))
                assert any(isinstance(event, (Predicted, Explained)) for event in said)
                took.append((time.perf_counter() - wall, time.process_time() - cpu))
            middle = sorted(took[1:])[len(took) // 2]
            print(f"{backbone}: {name} of one picture {middle[0] * 1000:.0f} ms, {middle[1] * 1000:.0f} ms of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--only", choices=("insects", "flowers", "speed"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        if options.only in (None, "insects"):
            for strategy in STRATEGIES:
                insects(options.backbone, strategy, options.seeds)
        if options.only in (None, "flowers"):
            flowers(options.backbone, "feature-extraction")
        if options.only in (None, "speed"):
            speed(options.backbone)


if __name__ == "__main__":
    main()

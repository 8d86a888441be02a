"""Is a solved head better than a trained one? `python -m tests.bench solved [--splits N] [--tuned N]`.

On splits of three real sets, 55 % to learn from, 15 % to choose by, 30 % to judge by: twenty epochs of AdamW, the head
solved for with its penalty chosen out of fold, and whichever of the two has the lower validation loss. Then fine-tuning
of the last stages from either.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.nn import functional

from tests.bench.training import DATA
from tests.conftest import look_through
from tlstudio.core import splits
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.events import EpochDone
from tlstudio.core.recipe import Phase, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import device, features, solved
from tlstudio.engine import network as networks
from tlstudio.engine.network import Network
from tlstudio.engine.training import Fit, class_weights, fit

_T = TypeVar("_T")

LITE = "efficientnet_lite0"
SETS = {"five flowers": "flowers5", "ants and bees": "hymenoptera/train", "solar cells": "elpv_solar_cells"}


@dataclass
class Bench:
    """One set: its pictures and what the frozen network says of them, by digest."""

    network: Network
    classes: tuple[str, ...]
    pictures: Sequence[Picture]
    rows: dict[str, torch.Tensor]
    threads: int

    def parts(self, seed: int) -> tuple[list[Picture], ...]:
        labels, groups = [p.label for p in self.pictures], [p.digest for p in self.pictures]
        where = splits.assign(labels, groups, 0.15, 0.3, seed)
        return tuple(
            [p for p, at in zip(self.pictures, where, strict=True) if at == name] for name in ("train", "val", "test")
        )

    def given(self, pictures: Sequence[Picture]) -> tuple[torch.Tensor, torch.Tensor]:
        index = {name: i for i, name in enumerate(self.classes)}
        return torch.stack([self.rows[p.digest] for p in pictures]), torch.tensor([index[p.label] for p in pictures])

    def fitted(self, phases: tuple[Phase, ...], seed: int, head: solved.Head | None = None) -> float:
        """Fit a new network on a split; returns the lowest validation loss, and leaves the network as it then was."""
        train, val, _ = self.parts(seed)
        fresh = networks.build(LITE, len(self.classes), True, seed)
        self.network.load_tail(self.network.backbone.last_stage, fresh.tail_state(self.network.backbone.last_stage))
        if head:
            self.network.classifier.weight.data.copy_(head.weight)
            self.network.classifier.bias.data.copy_(head.bias)
        recipe = replace(make_recipe(LITE, "feature-extraction"), phases=phases, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder(Path(folder))
            job = Fit(self.network, recipe, self.classes, train, val, run, self.threads, bool)
            return min(e.val_loss for e in fit(job) if isinstance(e, EpochDone))

    def solved_for(self, seed: int) -> solved.Head:
        train, _, _ = self.parts(seed)
        rows, targets = self.given(train)
        weight = class_weights(targets, len(self.classes))
        chosen = solved.best_penalty(rows, targets, len(self.classes), weight, [p.digest for p in train], seed)
        return solved.solve(rows, targets, len(self.classes), weight, chosen.penalty)

    def own_head(self) -> solved.Head:
        linear = self.network.classifier
        return solved.Head(linear.weight.detach().clone(), linear.bias.detach().clone())

    def tuned_on_test(self, seed: int) -> tuple[float, float]:
        """Accuracy and loss on the test pictures of the network as it is."""
        test = self.parts(seed)[2]
        cut = self.network.backbone.last_stage
        found = to_end(features.extract(self.network, cut, test, self.threads))
        with torch.inference_mode():
            return figures(self.network.split(cut)[1](found.values), self.given(found.kept)[1])


def to_end(work: Generator[Any, None, _T]) -> _T:
    """What a generator of events returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            found: _T = done.value
            return found


def figures(logits: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """Accuracy and mean loss."""
    return (logits.argmax(1) == truth).float().mean().item(), functional.cross_entropy(logits, truth).item()


def opened(folder: str, threads: int) -> Bench:
    pictures = look_through(DATA / folder)
    classes = class_names(pictures)
    network = networks.build(LITE, len(classes), True)
    network.model.to(memory_format=torch.channels_last)
    found = to_end(features.extract(network, "head", pictures, threads))
    rows = {p.digest: row for p, row in zip(found.kept, found.values, strict=True)}
    return Bench(network, classes, found.kept, rows, threads)


def heads(name: str, bench: Bench, count: int) -> None:
    """Trained against solved, on the test pictures of each split."""
    found: dict[str, list[tuple[float, float]]] = {"trained": [], "solved": [], "the better on validation": []}
    seconds: dict[str, list[float]] = {"trained": [], "solved": []}
    taken = 0
    for seed in range(count):
        began = time.process_time()
        by_training = bench.fitted((Phase("head", "head", 20),), seed)
        seconds["trained"].append(time.process_time() - began)
        trained, began = bench.own_head(), time.process_time()
        head = bench.solved_for(seed)
        seconds["solved"].append(time.process_time() - began)
        _, val, test = (bench.given(part) for part in bench.parts(seed))
        is_better = figures(head(val[0]), val[1])[1] < by_training
        taken += is_better
        for title, one in zip(found, (trained, head, head if is_better else trained), strict=True):
            found[title].append(figures(one(test[0]), test[1]))
    print(
        f"{name}, {len(bench.pictures)} pictures, {count} splits; solved is better on validation in {taken}", flush=True
    )
    for title, each in found.items():
        accuracy, loss = (statistics.mean(column) for column in zip(*each, strict=True))
        took = f"  {statistics.median(seconds[title]):.2f} s of CPU" if title in seconds else ""
        print(f"  {title:<25} test accuracy {accuracy:.2%}  loss {loss:.3f}{took}", flush=True)


def tuned(name: str, bench: Bench, count: int) -> None:
    """Fine-tuning of the last stages, begun from ten epochs of the head or from the head solved for."""
    phase = Phase("fine-tune", bench.network.backbone.last_stage, 5)
    found: dict[str, list[tuple[float, float]]] = {"from ten epochs": [], "from the solved head": []}
    for seed in range(count):
        bench.fitted((Phase("warm-up", "head", 10), phase), seed)
        found["from ten epochs"].append(bench.tuned_on_test(seed))
        bench.fitted((phase,), seed, bench.solved_for(seed))
        found["from the solved head"].append(bench.tuned_on_test(seed))
    for title, each in found.items():
        accuracy, loss = (statistics.mean(column) for column in zip(*each, strict=True))
        print(
            f"  fine-tune-last {title:<22} test accuracy {accuracy:.2%}  loss {loss:.3f}  ({count} splits)", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench solved", description=__doc__)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--tuned", type=int, default=3, help="splits on which the last stages are fine-tuned too")
    options = parser.parse_args()
    threads = device.use_threads(0)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        for name, folder in SETS.items():
            bench = opened(folder, threads)
            heads(name, bench, options.splits)
            tuned(name, bench, options.tuned)


if __name__ == "__main__":
    main()

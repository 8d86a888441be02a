"""Whether the intervals hold what they say: `python -m tests.bench coverage [--sets N]`.

Made-up classes, clouds of points of which the true accuracy can be counted on as many as one likes. Goals: each
interval covers the truth 93 to 97 % of the time, on average over a table's rows (of a single row the share jumps,
because pictures are whole and sets are few); of two equally good classifiers at most 5 % are called better.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tlstudio.core.comparison import SIGNIFICANT, mcnemar, paired_interval
from tlstudio.engine import crossvalidation
from tlstudio.engine.crossvalidation import FOLDS
from tlstudio.engine.doubts import prepared
from tlstudio.engine.evaluation import WORTH_OUT_OF_FOLD, WORTH_REPEATED, Floats, Ints, wilson

ACCURACIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
GOAL = (0.93, 0.97)


def wilson_coverage(accuracy: float, n: int) -> float:
    """How often Wilson's interval from n pictures holds this accuracy; exact, by counting all outcomes."""
    hits = np.arange(n + 1)
    held = [low <= accuracy <= high for low, high in (wilson(int(k), n) for k in hits)]
    return float(stats.binom.pmf(hits, n, accuracy)[held].sum())


@dataclass(frozen=True)
class Clouds:
    """Pictures as points: a class each around a corner of its own, at such a distance from the middle, in D axes."""

    n: int
    classes: int
    axes: int
    distance: float

    def draw(self, random: np.random.Generator, n: int) -> tuple[Floats, Ints]:
        truth = np.arange(n) % self.classes
        rows = random.normal(size=(n, self.axes))
        rows[np.arange(n), truth] += self.distance
        return rows, truth


SETS = (
    Clouds(40, 2, 20, 2.2),
    Clouds(60, 3, 64, 3.0),
    Clouds(120, 3, 64, 2.5),
    Clouds(120, 3, 64, 3.3),
    Clouds(160, 5, 128, 3.6),
    Clouds(170, 2, 256, 3.0),
)


@dataclass(frozen=True)
class Covered:
    """Shares of sets of pictures whose interval held the accuracy of the head that learned from all of them; accuracy
    and half widths on average. t: the corrected resampled t. alone: one K-fold, as `--folds` has it."""

    accuracy: float
    repeated: float
    t: float
    alone: float
    half: float
    half_alone: float


def folds_coverage(clouds: Clouds, sets: int, seed: int = 0) -> Covered:
    """Draw so many sets of pictures and look how often each interval from folds holds the truth."""
    random = np.random.default_rng(seed)
    fresh, fresh_truth = clouds.draw(random, 4_000)
    rows = [_one_set(clouds, random, fresh, fresh_truth) for _ in range(sets)]
    accuracy, repeated, t, alone, half, half_alone = (statistics.mean(column) for column in zip(*rows, strict=True))
    return Covered(accuracy, repeated, t, alone, half, half_alone)


def _one_set(clouds: Clouds, random: np.random.Generator, fresh: Floats, fresh_truth: Ints) -> tuple[float, ...]:
    rows, truth = clouds.draw(random, clouds.n)
    weights, n = np.ones(clouds.classes), clouds.n
    judged = crossvalidation.solved_out_of_fold(rows, truth, range(n), weights, FOLDS)
    hits = [int(right.sum()) for right, _ in judged]
    repeated = wilson(WORTH_REPEATED * statistics.mean(hits), WORTH_REPEATED * n)
    alone = wilson(WORTH_OUT_OF_FOLD * hits[0], WORTH_OUT_OF_FOLD * n)
    t = _resampled_t([float(right[fold == k].mean()) for right, fold in judged for k in range(FOLDS)])
    both = prepared(np.concatenate([rows, fresh]))
    slopes, mean = crossvalidation.solved(both[:n] @ both[:n].T, np.eye(clouds.classes)[truth], weights[truth])
    true = float(((both[n:] @ both[:n].T @ slopes + mean).argmax(1) == fresh_truth).mean())
    held = (float(low <= true <= high) for low, high in (repeated, t, alone))
    return true, *held, (repeated[1] - repeated[0]) / 2, (alone[1] - alone[0]) / 2


def _resampled_t(accuracies: list[float]) -> tuple[float, float]:
    """The corrected resampled t interval of Nadeau & Bengio 2003 (Machine Learning 52:239-281)."""
    count = len(accuracies)
    error = statistics.stdev(accuracies) * math.sqrt(1 / count + 1 / (FOLDS - 1))
    half = float(stats.t.ppf(0.975, count - 1)) * error
    return statistics.mean(accuracies) - half, statistics.mean(accuracies) + half


def paired_rates(n: int, only_first: float, only_second: float, sets: int, seed: int = 0) -> tuple[float, float]:
    """How often the interval of the difference holds it, and how often a comparison says "better".

    only_first, only_second: the shares of pictures that only one of two classifiers gets right.
    """
    random = np.random.default_rng(seed)
    drawn = random.multinomial(n, [only_first, only_second, 1 - only_first - only_second], size=sets)
    held = said = 0
    for first, second, _ in drawn.tolist():
        low, high = paired_interval(first, second, n)
        held += low <= only_second - only_first <= high
        said += mcnemar(first, second) < SIGNIFICANT and not low <= 0 <= high
    return held / sets, said / sets


def _wilson_table() -> Iterator[bool]:
    print("Wilson: how often it covers, exactly")
    print("   n  " + "".join(f"{accuracy:>8.0%}" for accuracy in ACCURACIES) + "    mean")
    for n in (30, 60, 143, 200, 500, 950):
        covers = [wilson_coverage(accuracy, n) for accuracy in ACCURACIES]
        print(f"{n:>5} " + "".join(f"{100 * c:>7.1f}%" for c in covers) + f"{100 * statistics.mean(covers):>7.1f}%")
        yield GOAL[0] <= statistics.mean(covers) <= GOAL[1]


def _folds_table(sets: int) -> Iterator[bool]:
    print(f"\nFolds of frozen features, {sets} sets each: how often they cover, and half the width on average")
    print("pictures classes axes  true       repeated      one K-fold     resampled t   ± of a test split of 15 %")
    found = []
    for clouds in SETS:
        c = folds_coverage(clouds, sets)
        found.append(c)
        split = wilson(c.accuracy * 0.15 * clouds.n, 0.15 * clouds.n)
        columns = (f"{c.repeated:.1%} ±{100 * c.half:4.1f}", f"{c.alone:.1%} ±{100 * c.half_alone:4.1f}", f"{c.t:.1%}")
        print(f"{clouds.n:>8}{clouds.classes:>8}{clouds.axes:>5}{c.accuracy:>7.1%}", end="")
        print(*(f"{column:>15}" for column in columns), f"{50 * (split[1] - split[0]):>18.1f}", flush=True)
    repeated, alone = (statistics.mean(getattr(c, name) for c in found) for name in ("repeated", "alone"))
    print(f"{'mean':>28}{repeated:>9.1%}{alone:>16.1%}")
    yield all(GOAL[0] <= mean <= GOAL[1] for mean in (repeated, alone))


def _paired_table(sets: int) -> Iterator[bool]:
    print(f"\nTwo runs on the same pictures, {sets} times each: the interval of the difference, and the verdict")
    print("   n  only first  only second  covers  says better")
    covers = []
    for n in (50, 150, 500):
        for first, second in ((0.05, 0.05), (0.15, 0.15), (0.02, 0.10), (0.05, 0.25)):
            held, says = paired_rates(n, first, second, sets)
            covers.append(held)
            print(f"{n:>5}{first:>11.0%}{second:>13.0%}{held:>9.1%}{says:>12.1%}")
            yield first != second or says <= SIGNIFICANT
    print(f"{'mean':>29}{statistics.mean(covers):>9.1%}")
    yield GOAL[0] <= statistics.mean(covers) <= GOAL[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=400, help="How many sets of pictures are drawn for each row.")
    sets = parser.parse_args().sets
    kept = [*_wilson_table(), *_folds_table(sets), *_paired_table(10 * sets)]
    print(f"\nGoals {'met' if all(kept) else 'MISSED'}.")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

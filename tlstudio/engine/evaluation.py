"""How good a classifier is, with its uncertainty."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from tlstudio.core import splits
from tlstudio.core.events import Evaluated, Interval

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

# A bin of the reliability diagram has so many pictures or more, and there are at most so many bins.
BIN_PICTURES, MOST_BINS = 20, 10
TEMPERATURE_FOLDS = 5
# What is known of a temperature before any picture is seen: its logarithm is about 0, give or take so much. Few or
# perfectly separated pictures would drive it to the ends; hundreds outweigh this.
TEMPERATURE_SPREAD = 0.5
# Pictures judged out of fold are judged by networks that learned from much the same pictures: they are right and wrong
# together. As many independent pictures as this share of them would tell as much, by simulation
# (`python -m tests.bench coverage`): of those of one K-fold, and of several averaged.
WORTH_OUT_OF_FOLD, WORTH_REPEATED = 0.7, 0.9


def wilson(hits: float, n: float) -> Interval:
    """The 95 % interval of a share of `hits` in `n` (Wilson 1927): honest for few pictures and near 0 and 1.

    Both need not be whole: n is how many independent pictures would tell as much.
    """
    if n == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share, scale = hits / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def probabilities(logits: Floats, temperature: float) -> Floats:
    """Softmax of logits / temperature; (N, classes)."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1))


def temperature(logits: Floats, truth: Ints) -> float:
    """The one number by which logits are divided to make probabilities honest (Guo et al. 2017, arXiv 1706.04599).

    The most probable one, on pictures the weights were not trained on: with few of them the likelihood alone makes
    probabilities worse than no temperature does (`TEMPERATURE_SPREAD`). Within 0.25 and 8.
    """

    # Here, and below: an answer needs neither, and both take long to load.
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / math.exp(log_t), axis=1)
        surprise = -scaled[np.arange(len(truth)), truth].sum()
        return float(surprise + (log_t / TEMPERATURE_SPREAD) ** 2 / 2) / len(truth)

    best = minimize_scalar(loss, bounds=(math.log(0.25), math.log(8)), method="bounded")
    return math.exp(float(best.x))


def out_of_fold_probabilities(logits: Floats, truth: Ints, groups: Sequence[Hashable]) -> Floats:
    """Softmax of logits, (N, classes), each divided by a temperature that was fitted without its own picture.

    groups: copies of one picture share one. Pictures of a single group are left as they are: nothing else tells.
    """
    count = min(TEMPERATURE_FOLDS, len(set(groups)))
    if count < 2:
        return probabilities(logits, 1.0)
    fold = np.array(splits.folds([str(label) for label in truth], groups, count, seed=0))
    scaled = np.empty(logits.shape)
    for number in range(count):
        out = fold == number
        scaled[out] = probabilities(logits[out], temperature(logits[~out], truth[~out]))
    return scaled


def reliability(probable: Floats, truth: Ints, worth: float = 1.0) -> list[dict[str, Any]]:
    """How often answers of about the same probability are right, least probable first.

    Bins of about as many pictures each, 20 or more: equal widths would leave most of them next to nothing. Of each:
    low, high: the least and greatest probability in it; n pictures; confidence: their mean probability; accuracy, with
    its 95 % Wilson interval. Equal probabilities share a bin. worth: as of `evaluate`.
    """
    confidence, right = probable.max(1), probable.argmax(1) == truth
    found = []
    for members in _bins(confidence):
        n, hits = len(members), int(right[members].sum())
        said = confidence[members]
        bounds = {"low": float(said.min()), "high": float(said.max()), "n": n, "confidence": float(said.mean())}
        found.append({**bounds, "accuracy": hits / n, "interval": wilson(worth * hits, worth * n)})
    return found


def _bins(confidence: Floats) -> list[Ints]:
    count = max(1, min(MOST_BINS, len(confidence) // BIN_PICTURES))
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    cuts = np.searchsorted(ordered, ordered[np.arange(1, count) * len(ordered) // count])
    return [members for members in np.split(order, np.unique(cuts)) if len(members)]


def calibration_error(probable: Floats, truth: Ints) -> float:
    """Expected calibration error, 0..1: mean gap between probability and accuracy over the bins of `reliability`.

    Few pictures show one even where there is none; see `calibration_floor`.
    """
    bins = reliability(probable, truth)
    return float(sum(abs(b["confidence"] - b["accuracy"]) * b["n"] for b in bins) / len(truth))


def calibration_floor(probable: Floats) -> float:
    """The calibration error that so many pictures would show, on average, if the probabilities were exactly right."""
    confidence = probable.max(1)
    # What chance adds to a bin is nearly normal; the mean size of a normal deviate is √(2/π) of its deviation.
    spread = sum(math.sqrt(float((confidence[b] * (1 - confidence[b])).sum())) for b in _bins(confidence))
    return math.sqrt(2 / math.pi) * spread / len(confidence)


def evaluate(
    probable: Floats,
    truth: Ints,
    classes: Sequence[str],
    split: str,
    refused: int,
    raw: Floats | None = None,
    worth: float = 1.0,
) -> Evaluated:
    """Accuracy, figures per class, confusion and calibration, with their 95 % Wilson intervals.

    probable: (N, classes) probabilities. truth: (N,) class indices. refused: files that could not be judged. raw: the
    probabilities before the temperature, by default the same. worth: how many independent pictures would tell as much
    as these N, as a share of them; less than 1 for figures out of fold.
    """
    from sklearn.metrics import confusion_matrix

    labels = list(range(len(classes)))
    confusion = confusion_matrix(truth, probable.argmax(1), labels=labels)
    hits, n = int(confusion.trace()), len(truth)
    raw = probable if raw is None else raw
    return Evaluated(
        split=split,
        accuracy=hits / n,
        interval=wilson(worth * hits, worth * n),
        n=n,
        refused=refused,
        per_class=_per_class(confusion, classes, worth),
        confusion={"labels": list(classes), "counts": confusion.tolist()},
        calibration_error=calibration_error(probable, truth),
        calibration_error_raw=calibration_error(raw, truth),
        calibration_floor=calibration_floor(probable),
        reliability={"raw": reliability(raw, truth, worth), "scaled": reliability(probable, truth, worth)},
    )


def _per_class(confusion: Ints, classes: Sequence[str], worth: float) -> dict[str, dict[str, Any]]:
    """Precision, recall and F1 of each class, 0 where nothing was to be found; intervals of the first two."""
    found = {}
    for i, name in enumerate(classes):
        hits, said, support = int(confusion[i, i]), int(confusion[:, i].sum()), int(confusion[i].sum())
        found[name] = {
            "precision": hits / said if said else 0.0,
            "recall": hits / support if support else 0.0,
            "f1": 2 * hits / (said + support) if said + support else 0.0,
            "support": support,
            "precision_interval": wilson(worth * hits, worth * said),
            "recall_interval": wilson(worth * hits, worth * support),
        }
    return found

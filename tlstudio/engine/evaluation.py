"""How good a classifier is, with its uncertainty."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from tlstudio.core.events import Evaluated, Interval

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


def wilson(hits: int, n: int) -> Interval:
    """The 95 % interval of a share of `hits` in `n` (Wilson 1927): honest for few pictures and near 0 and 1."""
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

    Fitted by maximum likelihood on pictures the weights were not trained on; kept within 0.25 and 8, because few or
    perfectly separated pictures would drive it to the ends.
    """

    # Here, and below: an answer needs neither, and both take long to load.
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / math.exp(log_t), axis=1)
        return float(-scaled[np.arange(len(truth)), truth].mean())

    best = minimize_scalar(loss, bounds=(math.log(0.25), math.log(8)), method="bounded")
    return math.exp(float(best.x))


def calibration_error(probable: Floats, truth: Ints, bins: int = 15) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over equal-width bins, 0..1."""
    confidence, right = probable.max(1), probable.argmax(1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[which == b].mean() - right[which == b].mean()) * (which == b).sum() for b in set(which)]
    return float(sum(gaps) / len(truth))


def evaluate(probable: Floats, truth: Ints, classes: Sequence[str], split: str, refused: int) -> Evaluated:
    """Accuracy with its interval, figures per class, confusion and calibration.

    probable: (N, classes) probabilities. truth: (N,) class indices. refused: files that could not be judged.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    said, labels = probable.argmax(1), list(range(len(classes)))
    hits = int((said == truth).sum())
    scores = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0.0)
    per_class = {
        name: {
            "precision": float(scores[0][i]),
            "recall": float(scores[1][i]),
            "f1": float(scores[2][i]),
            "support": int(scores[3][i]),
        }
        for i, name in enumerate(classes)
    }
    return Evaluated(
        split=split,
        accuracy=hits / len(truth),
        interval=wilson(hits, len(truth)),
        n=len(truth),
        refused=refused,
        per_class=per_class,
        confusion={"labels": list(classes), "counts": confusion_matrix(truth, said, labels=labels).tolist()},
        calibration_error=calibration_error(probable, truth),
    )

"""Doubts about the pictures themselves, from what a frozen network says about them: labels that look wrong, pictures
like no other, what more pictures would bring, and whether something beside the point tells the classes apart.

All of it stands on pooled features that are remembered anyway (`features.py`). The judge is ridge regression onto the
classes (least-squares classification: Rifkin & Lippert 2007), out of fold: what it factorises does not depend on the
labels, so that a changed label costs one product of matrices.
"""

import warnings
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.manifold import TSNE
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tlstudio.core import splits
from tlstudio.core.catalogue import Picture
from tlstudio.core.doubts import Cue
from tlstudio.engine import thumbnails
from tlstudio.engine.evaluation import Floats, Ints, temperature
from tlstudio.engine.tensors import threaded

FOLDS = 5
# Penalties relative to the mean squared length of a row; the one with the least out-of-fold squared error is taken.
PENALTIES = (0.3, 1.0, 3.0)
# How far the second opinion believes the first rather than the label, and how sure it has to be of another class.
BELIEF, SURE = 0.7, 0.7
# Votes of this many neighbours, among at most so many other pictures, compared by the block.
NEIGHBOURS, OTHERS, BLOCK = 15, 5_000, 2_000
NEAREST = 5
# A picture is an outlier beyond the median distance by this many median deviations.
FAR = 6.0
MAP_BY_TSNE, MAP_AT_MOST = 3_000, 10_000
CURVE_AT_MOST = 5_000
SHARES = (0.25, 0.5, 1.0)
REPEATS = 4
# How much of the way from chance to certainty a cue has to go before it is called a shortcut.
ALARM = 0.5
BORDER = 0.06
KINDS = 50  # of files or places that are told apart
SIDE = 256


def prepared(pooled: Floats) -> Floats:
    """Pooled features, (N, D), as they are learned from: of length 1 each, centred, then of mean square length 1."""
    rows = _of_length_one(pooled)
    rows = rows - rows.mean(0)
    return np.asarray(rows / max(float(np.sqrt((rows**2).sum(1).mean())), 1e-12), dtype=np.float32)


def _of_length_one(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


class Judge:
    """What each picture looks like to classifiers that did not learn from it nor from its copies.

    The folds are drawn once, by the first labels: figures before and after a relabelling are of the same folds.
    """

    def __init__(self, pooled: Floats, truth: Ints, classes: int, groups: Sequence[Hashable], seed: int = 0) -> None:
        """pooled: features, (N, D). truth: (N,) class indices. groups: copies of one picture share one."""
        rows = self._rows = prepared(pooled)
        self.folds = min(FOLDS, len(set(groups)))
        self._fold = np.array(splits.folds([str(label) for label in truth], groups, self.folds, seed))
        self._near, self._likeness = _neighbours(pooled, groups, seed)
        gram, wanted = rows.T @ rows, _one_of(truth, classes)
        tried = [self._factorised(gram, penalty) for penalty in PENALTIES]
        missed = [float(((self._scores(factors, wanted) - wanted) ** 2).mean()) for factors in tried]
        self._factors = tried[missed.index(min(missed))]

    def _factorised(self, gram: Floats, penalty: float) -> list[tuple[Floats, bool]]:
        identity = penalty * np.eye(len(gram), dtype=gram.dtype)
        held_out = [self._rows[self._fold == number] for number in range(self.folds)]
        return [cho_factor(gram - part.T @ part + identity, overwrite_a=True) for part in held_out]

    def _scores(self, factors: Sequence[tuple[Floats, bool]], wanted: Floats) -> Floats:
        scores = np.empty(wanted.shape)
        for number, factor in enumerate(factors):
            out = self._fold == number
            mean = wanted[~out].mean(0)
            scores[out] = self._rows[out] @ cho_solve(factor, self._rows[~out].T @ (wanted[~out] - mean)) + mean
        return scores

    def _said(self, wanted: Floats, truth: Ints) -> Floats:
        # A regression's scores lie about 0 and 1; as logits they want to be larger before a temperature is fitted.
        logits = 10 * self._scores(self._factors, wanted)
        return np.asarray(softmax(logits / temperature(logits, truth), axis=1))

    def probabilities(self, truth: Ints, classes: int) -> Floats:
        """Out-of-fold probabilities for these labels, (N, classes)."""
        return self._said(_one_of(truth, classes), truth)

    def second_opinion(self, truth: Ints, probable: Floats) -> Floats:
        """Probabilities that follow wrong labels less, (N, classes), from `probabilities`.

        The mean of two: of regression onto labels mixed with what was first said of them (Reed et al. 2014, arXiv
        1412.6596), and of the votes of the nearest pictures.
        """
        classes = probable.shape[1]
        mixed = (1 - BELIEF) * _one_of(truth, classes) + BELIEF * probable
        votes = np.full(probable.shape, 1e-3)
        rows, weights = np.arange(len(truth)), np.exp(10 * self._likeness)
        for column in range(self._near.shape[1]):
            np.add.at(votes, (rows, truth[self._near[:, column]]), weights[:, column])
        return np.asarray((self._said(mixed.astype(np.float32), truth) + votes / votes.sum(1, keepdims=True)) / 2)

    def outliers(self) -> list[tuple[int, float]]:
        """Pictures like no other, strangest first: index and mean cosine distance, 0..2, to the nearest five."""
        if not self._near.size:
            return []
        distances = 1 - self._likeness[:, :NEAREST].mean(1)
        middle = float(np.median(distances))
        limit = middle + FAR * max(float(np.median(np.abs(distances - middle))), 1e-6)
        return [(int(i), float(distances[i])) for i in np.argsort(-distances, kind="stable") if distances[i] > limit]


def _one_of(truth: Ints, classes: int) -> Floats:
    return np.eye(classes, dtype=np.float32)[truth]


def _neighbours(pooled: Floats, groups: Sequence[Hashable], seed: int) -> tuple[Ints, Floats]:
    """The indices of the nearest pictures of other groups, (N, k), nearest first, and their cosine likeness."""
    unit = _of_length_one(pooled)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    group = np.array([numbers[g] for g in groups])
    draw = np.random.default_rng(seed)
    others = np.sort(draw.choice(len(unit), OTHERS, replace=False)) if len(unit) > OTHERS else np.arange(len(unit))
    count = min(NEIGHBOURS, len(numbers) - 1)
    near, likeness = np.zeros((len(unit), count), dtype=int), np.zeros((len(unit), count), dtype=np.float32)
    for start in range(0, len(unit), BLOCK):
        part = slice(start, start + BLOCK)
        alike = unit[part] @ unit[others].T
        alike[group[part][:, None] == group[others]] = -1
        order = np.argsort(-alike, axis=1, kind="stable")[:, :count]
        near[part], likeness[part] = others[order], np.take_along_axis(alike, order, axis=1)
    return near, likeness


def suspects(opinion: Floats, truth: Ints) -> list[tuple[int, int]]:
    """Pictures whose label is likely wrong, the surest first: index, and the class it should be.

    After confident learning (Northcutt et al. 2021, arXiv 1911.00068): another class is more probable than the label
    given, and nearly as probable as it is on average for pictures that carry its label.

    opinion: (N, classes), as `Judge.second_opinion`. truth: (N,) class indices.
    """
    rows, classes = np.arange(len(truth)), np.arange(opinion.shape[1])
    usual = np.array([opinion[truth == c, c].mean() if (truth == c).any() else np.inf for c in classes])
    sure = (opinion >= SURE * usual) & (classes != truth[:, None])
    others = np.where(sure, opinion, -np.inf)
    gap = others.max(1) - opinion[rows, truth]
    return [(int(i), int(others[i].argmax())) for i in np.argsort(-gap, kind="stable") if gap[i] > 0]


def positions(rows: Floats, seed: int = 0) -> tuple[str, Floats]:
    """Where each picture lies on a map, (N, 2) within 0..1, and by which method it was drawn.

    t-SNE (van der Maaten & Hinton 2008) shows neighbourhoods, not distances; with many pictures, the two main axes.
    """
    if len(rows) < 3:
        return "PCA", np.full((len(rows), 2), 0.5)
    flat = PCA(min(50, *rows.shape), random_state=seed).fit_transform(rows)
    method = "PCA"
    if 10 <= len(rows) <= MAP_BY_TSNE:
        method = "t-SNE"
        flat = TSNE(perplexity=min(30, len(rows) / 4), init="pca", random_state=seed, n_jobs=-1).fit_transform(flat)
    low, high = flat[:, :2].min(0), flat[:, :2].max(0)
    return method, np.asarray((flat[:, :2] - low) / np.maximum(high - low, 1e-9))


@dataclass(frozen=True)
class Curve:
    """Out-of-fold accuracy, 0..1, against pictures learned from. twice, interval: expected with twice as many."""

    pictures: tuple[int, ...]
    accuracy: tuple[float, ...]
    twice: float
    interval: tuple[float, float]


def learning_curve(rows: Floats, truth: Ints, classes: int, seed: int = 0) -> Iterator[Curve | int]:
    """Accuracy with a quarter, a half and all of the pictures, and by extrapolation with twice as many.

    Errors fall about as a power of the number of pictures (Hestness et al. 2017, arXiv 1712.00409). Yields how many of
    the `REPEATS` are done after each, then the curve; its interval is of the mean, or of as many pictures if wider.
    """
    draw = np.random.default_rng(seed)
    if len(rows) > CURVE_AT_MOST:
        some = _sample(truth, CURVE_AT_MOST / len(rows), draw)
        rows, truth = rows[some], truth[some]
    errors = np.zeros((REPEATS, len(SHARES)))
    sizes = np.zeros(len(SHARES))
    for again in range(REPEATS):
        folds = StratifiedKFold(min(FOLDS, int(np.bincount(truth).min())), shuffle=True, random_state=seed + again)
        for learned, asked in folds.split(rows, truth):
            learned = draw.permutation(learned)
            for i, share in enumerate(SHARES):
                part = learned[: max(classes, round(share * len(learned)))]
                said = _answers(rows[part], truth[part], rows[asked], classes)
                errors[again, i] += (said != truth[asked]).sum() / len(truth)
                sizes[i] = len(part)
        yield again + 1
    # In logarithms the power is a straight line; half a mistake stands for none.
    logs = np.log(np.maximum(errors, 0.5 / len(truth)))
    steps = np.log(sizes / sizes[-1])
    ends = [float(np.exp(np.polyval(np.polyfit(steps, row, 1), np.log(2)))) for row in logs]
    middle, spread = float(np.mean(ends)), float(np.std(ends, ddof=1))
    half = 1.96 * max(spread, np.sqrt(middle * (1 - min(middle, 1)) / len(truth)))
    accuracy = tuple(float(a) for a in 1 - errors.mean(0))
    low, high = max(0.0, float(1 - middle - half)), min(1.0, float(1 - middle + half))
    yield Curve(tuple(int(s) for s in sizes), accuracy, max(0.0, 1 - middle), (low, high))


def _sample(truth: Ints, share: float, draw: np.random.Generator) -> Ints:
    """The indices of a share of each class, and of no fewer than two of it."""
    members = (np.flatnonzero(truth == c) for c in np.unique(truth))
    return np.concatenate([draw.permutation(of_class)[: max(2, round(share * len(of_class)))] for of_class in members])


def _answers(rows: Floats, truth: Ints, asked: Floats, classes: int) -> Ints:
    """What ridge regression with a middling penalty says, in whichever of rows and columns is the smaller."""
    wanted = np.eye(classes, dtype=np.float32)[truth]
    mean = wanted.mean(0)
    if len(rows) <= rows.shape[1]:
        weights = np.linalg.solve(rows @ rows.T + np.eye(len(rows), dtype=np.float32), wanted - mean)
        return np.asarray(((asked @ rows.T) @ weights + mean).argmax(1))
    slopes = np.linalg.solve(rows.T @ rows + np.eye(rows.shape[1], dtype=np.float32), rows.T @ (wanted - mean))
    return np.asarray((asked @ slopes + mean).argmax(1))


def looks(pictures: Sequence[Picture], threads: int) -> Iterator[tuple[Floats, Floats] | None]:
    """Of each picture, in order: mean and deviation of the colours, and of those along the border, six numbers each.

    None for one that can no longer be read. Small pictures that are remembered serve.
    """
    with closing(threaded(_look, pictures, threads)) as found:
        yield from found


def _look(picture: Picture) -> tuple[Floats, Floats] | None:
    drawn = thumbnails.as_filed(Path(picture.path), SIDE)
    if not drawn.pixels:
        return None
    pixels = np.frombuffer(drawn.pixels, np.uint8).reshape(drawn.height, drawn.width, 3).astype(np.float32) / 255
    edge = max(1, round(BORDER * min(pixels.shape[:2])))
    strips = (pixels[:edge], pixels[-edge:], pixels[:, :edge], pixels[:, -edge:])
    frame = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    return _colours(pixels.reshape(-1, 3)), _colours(frame)


def _colours(pixels: Floats) -> Floats:
    return np.concatenate([pixels.mean(0), pixels.std(0)])


def shortcuts(
    pictures: Sequence[Picture], seen: Sequence[tuple[Floats, Floats] | None], sources: Sequence[str], seed: int = 0
) -> list[Cue]:
    """How well things beside the point tell the classes apart, each alone: colours, border, size and file, source.

    seen: as `looks` gives them. sources: of each picture, the place it was brought in from. What such a cue knows, a
    network may learn instead of the thing itself (Geirhos et al. 2020, arXiv 2004.07780).
    """
    whole = [i for i, look in enumerate(seen) if look is not None]
    kept, looked = [pictures[i] for i in whole], [look for look in seen if look is not None]
    names = sorted({p.label for p in kept})
    truth = np.array([names.index(p.label) for p in kept])
    if len(names) < 2 or np.bincount(truth).min() < 2:
        return []
    cues = {
        "colour": np.stack([colours for colours, _ in looked]),
        "border": np.stack([frame for _, frame in looked]),
        "size": np.array([[p.width, p.height, p.width / max(1, p.height)] for p in kept], dtype=np.float64),
        "file": np.column_stack(
            [[p.size / max(1, p.width * p.height) for p in kept], *_one_hot([f"{p.format} {p.mode}" for p in kept])]
        ),
        "source": np.column_stack(_one_hot([sources[i] for i in whole])),
    }
    folds = StratifiedKFold(min(FOLDS, int(np.bincount(truth).min())), shuffle=True, random_state=seed)
    judge = RandomForestClassifier(60, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=-1)
    chance = 1 / len(names)
    found = []
    for name, values in cues.items():
        if not np.ptp(values, axis=0).any():
            continue  # the same for all
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class may be missing from a fold's answers
            said = cross_val_predict(judge, values, truth, cv=folds)
        accuracy = float(balanced_accuracy_score(truth, said))
        found.append(Cue(name, accuracy, chance, (accuracy - chance) / (1 - chance) >= ALARM))
    return found


def _one_hot(values: Sequence[str]) -> list[Floats]:
    """A column for each value; those beyond the most frequent share one, in which all is 0."""
    kinds = sorted(kind for kind, _ in Counter(values).most_common(KINDS))
    return [np.array([value == kind for value in values], dtype=np.float64) for kind in kinds]

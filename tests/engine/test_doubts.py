"""Labels that look wrong, pictures like no other, what more would bring, and what gives the classes away."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from tlstudio import tasks
from tlstudio.core.catalogue import class_names
from tlstudio.core.doubts import CurveDrawn, DoubtsFound
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.engine import doubts

E = TypeVar("E", bound=Event)


def clouds(count: int, apart: float = 1.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes in three clouds, `apart` times as far from each other as they are wide."""
    draw = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    middles = draw.normal(size=(3, 40)) * apart
    return (middles[truth] + draw.normal(size=(count, 40))).astype(np.float32), truth


def flipped(truth: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, set[int]]:
    draw = np.random.default_rng(seed)
    classes = int(truth.max()) + 1
    wrong = draw.choice(len(truth), round(share * len(truth)), replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + draw.integers(1, classes, len(wrong))) % classes
    return given, {int(i) for i in wrong}


def judged(pooled: np.ndarray, given: np.ndarray) -> list[tuple[int, int]]:
    judge = doubts.Judge(pooled, given, int(given.max()) + 1, list(range(len(given))))
    return doubts.suspects(judge.second_opinion(given, judge.probabilities(given, int(given.max()) + 1)), given)


def test_planted_wrong_labels_are_found_and_the_right_ones_named() -> None:
    pooled, truth = clouds(300)
    given, wrong = flipped(truth, 0.05, seed=1)
    found = judged(pooled, given)
    assert wrong <= {i for i, _ in found}
    assert {i for i, _ in found[: len(wrong)]} == wrong
    assert all(instead == truth[i] for i, instead in found[: len(wrong)])


def test_right_labels_are_hardly_doubted() -> None:
    pooled, truth = clouds(300)
    assert len(judged(pooled, truth)) <= 3


def test_relabelling_moves_the_figure_without_new_folds() -> None:
    pooled, truth = clouds(300)
    given, _ = flipped(truth, 0.1, seed=2)
    judge = doubts.Judge(pooled, given, 3, list(range(300)))

    def right(labels: np.ndarray) -> float:
        return float((judge.probabilities(labels, 3).argmax(1) == labels).mean())

    assert right(given) < 0.92
    assert right(truth) > 0.97


def test_copies_do_not_vouch_for_each_other() -> None:
    pooled, truth = clouds(90)
    # Six copies of one picture, all with the same wrong label.
    pooled = np.concatenate([pooled, np.repeat(pooled[:1], 6, axis=0)])
    given = np.concatenate([truth, np.full(6, (truth[0] + 1) % 3)])
    groups = [*range(90), *[0] * 6]
    judge = doubts.Judge(pooled, given, 3, groups)
    found = doubts.suspects(judge.second_opinion(given, judge.probabilities(given, 3)), given)
    assert set(range(90, 96)) <= {i for i, _ in found}


def test_a_picture_like_no_other_is_named() -> None:
    pooled, truth = clouds(120, apart=5)
    pooled[7] = -pooled[8]
    judge = doubts.Judge(pooled, truth, 3, list(range(120)))
    assert [i for i, _ in judge.outliers()] == [7]


def test_the_map_puts_classes_apart() -> None:
    pooled, truth = clouds(90)
    method, points = doubts.positions(doubts.prepared(pooled))
    assert method == "t-SNE"
    assert points.min() >= 0 and points.max() <= 1
    centres = np.stack([points[truth == c].mean(0) for c in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    assert (nearest == truth).mean() > 0.9


def test_more_pictures_are_said_to_help_where_the_curve_still_rises() -> None:
    pooled, truth = clouds(240, apart=0.35)
    *_, curve = doubts.learning_curve(doubts.prepared(pooled), truth, 3)
    assert isinstance(curve, doubts.Curve)
    assert curve.pictures[0] < curve.pictures[1] < curve.pictures[2]
    assert curve.accuracy[0] < curve.accuracy[2]
    assert curve.interval[0] <= curve.twice <= curve.interval[1]


def test_a_rare_class_among_very_many_pictures_is_not_lost_from_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubts, "CURVE_AT_MOST", 100)
    pooled, _ = clouds(200)
    truth = np.r_[np.arange(len(pooled) - 2) % 2, 2, 2]
    *_, curve = doubts.learning_curve(doubts.prepared(pooled), truth, 3)
    assert isinstance(curve, doubts.Curve)
    assert curve.pictures[-1] < 100


def of(kind: type[E], said: Iterator[Event]) -> E:
    found = [event for event in said if isinstance(event, kind)]
    assert len(found) == 1
    return found[0]


@pytest.mark.slow
def test_five_in_a_hundred_wrong_labels_among_flowers(data: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, data / "flowers5"))
        pictures = project.catalogue.readable()
    names = class_names(pictures)
    truth = np.array([names.index(p.label) for p in pictures])
    doubting = tasks.Doubts("efficientnet_lite0")
    rights, founds = [], []
    for seed in range(3):
        given, wrong = flipped(truth, 0.05, seed)
        labelled = [replace(p, label=names[c]) for p, c in zip(pictures, given, strict=True)]
        said = of(DoubtsFound, doubting.judge(labelled))
        planted = {pictures[i].path for i in wrong}
        rights.append(len(planted & {s.path for s in said.suspects[: len(wrong)]}) / len(wrong))
        founds.append(len(planted & {s.path for s in said.suspects}) / len(wrong))
    assert np.mean(rights) >= 0.7
    assert np.mean(founds) >= 0.8
    # Twenty of them put right: judged anew, on the same pictures.
    right = {s.path for s in said.suspects[:20] if s.path in planted}
    mended = [p if p.path in right else q for p, q in zip(pictures, labelled, strict=True)]
    assert of(DoubtsFound, doubting.judge(mended)).accuracy > said.accuracy
    assert of(CurveDrawn, doubting.curve()).accuracy[-1] > 0.8

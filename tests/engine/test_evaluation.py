"""The figures people will defend, against numbers worked out by hand or known from the literature."""

import numpy as np
import pytest

from tlstudio.engine import evaluation


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(hits: int, n: int, low: float, high: float) -> None:
    assert evaluation.wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_measured_is_nothing_known() -> None:
    assert evaluation.wilson(0, 0) == (0.0, 1.0)


def test_the_temperature_that_spoiled_the_logits_is_found() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (20_000, 4))
    probable = evaluation.probabilities(honest, 1.0)
    truth = np.array([random.choice(4, p=row) for row in probable])
    assert evaluation.temperature(honest * 2.5, truth) == pytest.approx(2.5, rel=0.05)
    overconfident = evaluation.calibration_error(evaluation.probabilities(honest * 2.5, 1.0), truth)
    mended = evaluation.calibration_error(evaluation.probabilities(honest * 2.5, 2.5), truth)
    assert mended < 0.02 < overconfident


def test_calibration_error_by_hand() -> None:
    probable = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    truth = np.array([0, 1, 0, 1])
    # Two at 0.9, one of them right: gap 0.4; two at 0.6, both right: gap 0.4.
    assert evaluation.calibration_error(probable, truth) == pytest.approx(0.4)


def test_figures_per_class_by_hand() -> None:
    probable = np.eye(3)[[0, 0, 1, 1, 2]] * 0.8 + 0.1
    measured = evaluation.evaluate(probable, np.array([0, 1, 1, 1, 1]), ("a", "b", "c"), "test", refused=2)
    assert (measured.accuracy, measured.n, measured.refused) == (0.6, 5, 2)
    assert measured.confusion == {"labels": ["a", "b", "c"], "counts": [[1, 0, 0], [1, 2, 1], [0, 0, 0]]}
    assert measured.per_class["a"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert measured.per_class["b"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 4}
    assert measured.per_class["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}

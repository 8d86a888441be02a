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


def test_a_temperature_from_few_pictures_does_no_harm() -> None:
    """Thirty pictures of which all but a few are named rightly, by probabilities that are right as they are."""
    random = np.random.default_rng(2)

    def drawn(n: int) -> tuple[evaluation.Floats, evaluation.Ints]:
        truth = random.integers(0, 5, n)
        return 3.5 * (random.normal(size=(n, 5)) + 3.5 * np.eye(5)[truth]), truth

    fresh, fresh_truth = drawn(20_000)
    found = [evaluation.temperature(*drawn(30)) for _ in range(25)]
    assert 0.4 < min(found) < max(found) < 2.5
    errors = [evaluation.calibration_error(evaluation.probabilities(fresh, t), fresh_truth) for t in found]
    assert np.mean(errors) < 0.02


def test_reliability_by_hand() -> None:
    """Forty answers at 0.6, all right, and forty at 0.9, half of them right: a gap of 0.4 both times."""
    probable = np.repeat([[0.9, 0.1], [0.4, 0.6]], 40, axis=0)
    truth = np.array([0, 1] * 20 + [1] * 40)
    low, high = evaluation.reliability(probable, truth)
    assert (low["low"], low["high"], low["n"], low["accuracy"]) == (0.6, 0.6, 40, 1.0)
    assert (high["low"], high["high"], high["n"], high["accuracy"]) == (0.9, 0.9, 40, 0.5)
    assert high["interval"] == evaluation.wilson(20, 40)
    assert evaluation.calibration_error(probable, truth) == pytest.approx(0.4)


def test_a_bin_has_twenty_pictures_or_all() -> None:
    probable = np.column_stack([np.linspace(0.5, 0.99, 90), np.linspace(0.5, 0.01, 90)])
    for n, counts in ((90, [22, 23, 22, 23]), (30, [30])):
        assert [b["n"] for b in evaluation.reliability(probable[:n], np.zeros(n, int))] == counts


@pytest.mark.parametrize("n", [30, 150, 950])
def test_the_floor_is_what_exact_probabilities_show(n: int) -> None:
    random = np.random.default_rng(1)
    errors, floors = [], []
    for _ in range(150):
        sure = random.beta(6, 1, n) / 2 + 0.5
        probable = np.column_stack([sure, 1 - sure])
        errors.append(evaluation.calibration_error(probable, (random.random(n) > sure).astype(int)))
        floors.append(evaluation.calibration_floor(probable))
    assert np.mean(floors) == pytest.approx(np.mean(errors), rel=0.15)


def test_a_temperature_is_fitted_without_what_it_scales() -> None:
    """Five temperatures, one each for a fifth of the pictures and their copies: that which the others give."""
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (60, 3))
    truth = np.array([random.choice(3, p=row) for row in evaluation.probabilities(logits, 2.0)])
    scaled = evaluation.out_of_fold_probabilities(logits, truth, [i // 2 for i in range(60)])
    used = (logits[:, 0] - logits[:, 1]) / np.log(scaled[:, 0] / scaled[:, 1])
    assert used[::2] == pytest.approx(used[1::2])
    found = sorted({round(t, 4) for t in used.tolist()})
    assert len(found) == 5
    for one in found:
        others = np.abs(used - one) > 1e-3
        assert one == pytest.approx(evaluation.temperature(logits[others], truth[others]), abs=1e-3)
    alone = evaluation.out_of_fold_probabilities(logits[:3], truth[:3], [7, 7, 7])
    assert alone == pytest.approx(evaluation.probabilities(logits[:3], 1.0))


def test_figures_per_class_by_hand() -> None:
    probable = np.eye(3)[[0, 0, 1, 1, 2]] * 0.8 + 0.1
    measured = evaluation.evaluate(probable, np.array([0, 1, 1, 1, 1]), ("a", "b", "c"), "test", refused=2)
    assert (measured.accuracy, measured.n, measured.refused) == (0.6, 5, 2)
    assert measured.confusion == {"labels": ["a", "b", "c"], "counts": [[1, 0, 0], [1, 2, 1], [0, 0, 0]]}
    a, b, c = (measured.per_class[name] for name in "abc")
    assert (a["precision"], a["recall"], a["f1"], a["support"]) == (0.5, 1.0, pytest.approx(2 / 3), 1)
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == (1.0, 0.5, pytest.approx(2 / 3), 4)
    assert (c["precision"], c["recall"], c["f1"], c["support"]) == (0.0, 0.0, 0.0, 0)
    assert (a["precision_interval"], a["recall_interval"]) == (evaluation.wilson(1, 2), evaluation.wilson(1, 1))
    assert c["recall_interval"] == (0.0, 1.0)

"""The pace of a run, folded from events at stated times."""

import pytest

from tlstudio.core.events import EpochDone, PhaseStarted, Progress
from tlstudio.core.pace import Pace

PHASE = PhaseStarted(1, 2, "warm-up", "head", 4, 10, 100, ())


def epoch(number: int, seconds: float) -> EpochDone:
    return EpochDone(1, number, 4, 1.0, 0.5, 1.0, 0.5, seconds, True)


def learning(number: int, done: int) -> Progress:
    return Progress(f"phase 1 of 2 · epoch {number} of 4", done, 100)


def folded(*timed) -> Pace:
    pace = Pace()
    for now, event in timed:
        pace = pace.after(event, now)
    return pace


def test_reading_has_its_own_fraction_and_rate():
    read = [(float(t), Progress("reading pictures", 20 * t, 100)) for t in range(3)]
    pace = folded((0.0, PHASE), *read)
    assert (pace.learning, pace.epoch, pace.fraction) == (False, 0, 0.4)
    assert pace.per_second == pytest.approx(20)
    assert pace.seconds_left == pytest.approx(3)


def test_epochs_are_the_fraction_of_a_phase():
    pace = folded((0.0, PHASE), (1.0, learning(1, 100)), (1.1, epoch(1, 10.0)), (1.2, learning(2, 50)))
    assert (pace.epoch, pace.fraction) == (2, pytest.approx(1.5 / 4))
    assert pace.seconds_left == pytest.approx(25)
    assert pace.per_second == pytest.approx(10)


def test_a_new_task_starts_its_rate_anew():
    pace = folded((0.0, Progress("a", 0, 10)), (1.0, Progress("a", 10, 10)), (2.0, Progress("b", 0, 10)))
    assert pace.per_second == 0
    assert pace.seconds_left is None


def test_a_new_phase_forgets_the_last_one():
    second = PhaseStarted(2, 2, "fine-tune", "layer4", 5, 10, 100, ())
    pace = folded((0.0, PHASE), (1.0, learning(1, 100)), (1.1, epoch(1, 10.0)), (2.0, second))
    assert (pace.phase, pace.epochs, pace.fraction) == (second, (), 0)

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


def test_a_computer_that_slept_for_an_hour_has_the_time_left_it_had() -> None:
    pace = Pace().after(PhaseStarted(1, 1, "head", "head", 4, 10, 100, ()), 0.0)
    for second in range(1, 11):
        pace = pace.after(Progress("phase 1", 10 * second, 200), float(second))
    before = pace.seconds_left
    assert before == pytest.approx((4 * 200 - 100) / 10)
    awake = 3611.0
    for step, second in enumerate((0.0, 0.1, 0.3, 1.0, 2.0)):
        pace = pace.after(Progress("phase 1", 110 + 10 * step, 200), awake + second)
        assert pace.seconds_left is not None
        assert 0 <= pace.seconds_left < 1.5 * before
    pace = pace.after(EpochDone(1, 1, 4, 0.5, 0.9, 0.4, 0.9, 3620.0, True), awake + 9)
    assert pace.seconds_left == pytest.approx(3 * 20, abs=5)


def test_a_clock_that_goes_back_makes_no_negative_time() -> None:
    pace = Pace().after(PhaseStarted(1, 1, "head", "head", 2, 10, 100, ()), 100.0)
    for done, now in ((10, 101.0), (20, 102.0), (30, 40.0), (40, 41.0), (200, 41.5)):
        pace = pace.after(Progress("phase 1", done, 200), now)
        assert pace.per_second >= 0
        assert pace.seconds_left is None or pace.seconds_left >= 0


def test_steps_that_take_minutes_are_slow_and_not_asleep() -> None:
    pace = Pace().after(PhaseStarted(1, 1, "head", "head", 1, 10, 100, ()), 0.0)
    for step in range(1, 6):
        pace = pace.after(Progress("phase 1", step, 100), 90.0 * step)
    assert pace.per_second == pytest.approx(1 / 90)

"""The door between a thread and a widget."""

import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject

from tlstudio.core.errors import TLStudioError, UnusableImages
from tlstudio.core.events import Event, Progress, Said
from tlstudio.ui import job as job_module
from tlstudio.ui.job import GIVES_WAY, PROGRESS_INTERVAL, SWITCH_INTERVAL, Job, Stop


@pytest.fixture
def owner(qtbot) -> QObject:
    return QObject()


def run(qtbot, owner, work, **options) -> tuple[list[Event], list[TLStudioError]]:
    said: list[Event] = []
    failed: list[TLStudioError] = []
    job = Job(work, owner, **options)
    job.reported.connect(said.append)
    job.failed.connect(failed.append)
    with qtbot.waitSignal(job.finished, timeout=20_000):
        job.start()
    return said, failed


def test_milestones_always_come_and_progress_now_and_then(qtbot, owner):
    def work(stop: Stop) -> Iterator[Event]:
        for number in range(1000):
            yield Progress("counting", number, 1000)
            if number % 100 == 0:
                yield Said(str(number))
        yield Progress("counting", 1000, 1000)

    said, failed = run(qtbot, owner, work)
    assert [e.text for e in said if isinstance(e, Said)] == [str(n) for n in range(0, 1000, 100)]
    assert 2 <= sum(isinstance(e, Progress) for e in said) < 100
    assert said[-1] == Progress("counting", 1000, 1000)
    assert failed == []


def test_progress_is_seen_between_milestones_that_come_without_a_pause(qtbot, owner, monkeypatch):
    """As when pictures are classified: after each answer, how far it is."""
    clock = iter(range(10_000))
    monkeypatch.setattr(job_module, "time", SimpleNamespace(monotonic=lambda: next(clock) * PROGRESS_INTERVAL / 10))

    def work(stop: Stop) -> Iterator[Event]:
        for number in range(100):
            yield Said(str(number))
            yield Progress("answering", number, 1000)

    said, _ = run(qtbot, owner, work)
    assert sum(isinstance(e, Said) for e in said) == 100
    assert 5 <= sum(isinstance(e, Progress) for e in said) <= 15


def test_what_is_foreseen_comes_as_it_is(qtbot, owner):
    error = UnusableImages("has no pictures", path="/nowhere", remedy="Choose another.")

    def work(stop: Stop) -> Iterator[Event]:
        yield Said("before")
        raise error

    said, failed = run(qtbot, owner, work)
    assert said == [Said("before")]
    assert failed == [error]


def test_what_is_not_foreseen_comes_wrapped(qtbot, owner, caplog):
    def work(stop: Stop) -> Iterator[Event]:
        yield Said("before")
        raise ZeroDivisionError("a fault of ours")

    _, failed = run(qtbot, owner, work)
    assert "a fault of ours" in str(failed[0]) and failed[0].remedy
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("closes", [True, False])
def test_stopping_closes_a_task_or_leaves_it_to_end_itself(qtbot, owner, closes):
    ended: list[str] = []

    def work(stop: Stop) -> Iterator[Event]:
        try:
            while not (stop() and not closes):
                yield Progress("waiting", 0, 1)
            ended.append("by itself")
        except GeneratorExit:
            ended.append("closed")
            raise

    job = Job(work, owner, closes_on_stop=closes)
    with qtbot.waitSignal(job.finished, timeout=20_000):
        with qtbot.waitSignal(job.reported, timeout=20_000):
            job.start()
        job.stop()
    assert ended == (["closed"] if closes else ["by itself"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no nice value of its own")
def test_it_gives_way_to_the_window(qtbot, owner):
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    found: list[int] = []

    def work(stop: Stop) -> Iterator[Event]:
        thread = threading.Thread(target=lambda: found.append(niceness()))
        thread.start()
        thread.join()
        found.append(niceness())
        yield Said("done")

    before = niceness()
    run(qtbot, owner, work)
    assert found == [max(before, GIVES_WAY)] * 2
    assert niceness() == before
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)

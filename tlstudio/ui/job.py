"""The one door between a thread and a widget: a task runs behind it, its events come out of it."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QThread, Signal

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Progress

PROGRESS_INTERVAL = 0.05
# How long a thread may keep the interpreter while the window waits for it. Python's own 5 ms are a third of a frame.
SWITCH_INTERVAL = 0.0005
GIVES_WAY = 5  # a thread's "nice" value: the window's thread counts three times as much as one of these
Stop = Callable[[], bool]


class Job(QThread):
    """Runs one task's generator on a thread of its own.

    Signals:
        reported: an event, frozen. Milestones always, progress at most 20 times a second.
        failed: the TLStudioError that ended the task; anything unforeseen comes wrapped in one.
        finished: (QThread's own) the thread has ended, well, failed or stopped.

    Connect them to bound `@Slot` methods of widgets, never to lambdas. `stop()` asks the task to end; the widget that
    starts a job keeps it until `finished`.
    """

    reported = Signal(object)
    failed = Signal(object)

    def __init__(self, work: Callable[[Stop], Iterator[Event]], parent: QObject, closes_on_stop: bool = True) -> None:
        """Prepare a job; `start()` starts it.

        work: called on the thread with a question "should I stop?", returns the generator of events.
        closes_on_stop: end by closing the generator at its next event. False for training, which asks the question
            itself and ends with the best weights so far.
        """
        super().__init__(parent)
        self._work = work
        self._closes_on_stop = closes_on_stop

    def stop(self) -> None:
        self.requestInterruption()

    def run(self) -> None:
        _give_way()
        try:
            self._report(self._work(self.isInterruptionRequested))
        except TLStudioError as error:
            self.failed.emit(error)
        # The boundary: an exception that left run() would end the thread in silence.
        except Exception as error:  # noqa: BLE001
            self.failed.emit(_unforeseen(error))

    def _report(self, task: Iterator[Event]) -> None:
        last = 0.0
        for event in task:
            # Only progress counts for the limit: between milestones that come close together it must still get through.
            if not isinstance(event, Progress):
                self.reported.emit(event)
            elif event.done == event.total or time.monotonic() - last >= PROGRESS_INTERVAL:
                self.reported.emit(event)
                last = time.monotonic()
            if self._closes_on_stop and self.isInterruptionRequested():
                close = getattr(task, "close", None)
                if close:
                    close()
                return


def start_errand(
    owner: QObject,
    work: Callable[[], Iterator[Event]],
    report: Callable[[Event], None],
    fail: Callable[[TLStudioError], None],
) -> None:
    """Run a short task of `owner`'s and forget about it. report, fail: bound slots of a QObject."""
    job = Job(lambda _stop: work(), owner)
    job.reported.connect(report)
    job.failed.connect(fail)
    job.finished.connect(job.deleteLater)
    job.start()


def _give_way() -> None:
    """Let the window's thread go first, with the interpreter and with the processor.

    Threads that the work starts (decoding, torch's own) inherit the lower priority. An idle machine loses nothing.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    if sys.platform == "linux":  # elsewhere a thread has no nice value of its own
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), GIVES_WAY))


def _unforeseen(error: Exception) -> TLStudioError:
    import logging

    logging.getLogger("tlstudio").error("a task broke", exc_info=error)
    remedy = "Help ▸ Show log has the details."
    return TLStudioError(f"Something went wrong inside TL Studio: {type(error).__name__}: {error}", remedy=remedy)

"""One thing after another, each in a Job: what a panel asks for while it still works waits its turn."""

from collections import deque
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.core.events import Event
from tlstudio.ui.job import Job

Work = Callable[[], Iterator[Event]]


class JobQueue(QObject):
    """Runs works in the order they were added.

    Signals:
        reported: an event of the running work. failed: the TLStudioError that ended one; the next one starts.
        busy_changed: the first work began (True), or the last one ended (False).
    """

    reported = Signal(object)
    failed = Signal(object)
    busy_changed = Signal(bool)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._waiting: deque[Work] = deque()
        self._job: Job | None = None
        self._closed = False

    def add(self, work: Work) -> None:
        """Run a work when those before it have ended; after `shut_down` nothing runs any more."""
        if self._closed:
            return
        self._waiting.append(work)
        if self._job is None:
            self.busy_changed.emit(True)
            self._start_next()

    def is_busy(self) -> bool:
        return self._job is not None

    def stop(self) -> None:
        """Forget what waits, and end what runs at its next event."""
        self._waiting.clear()
        if self._job is not None:
            self._job.stop()

    def shut_down(self) -> None:
        """Stop for good, and return when nothing runs any more."""
        self._closed = True
        self.stop()
        if self._job is not None:
            self._job.wait()

    def _start_next(self) -> None:
        work = self._waiting.popleft()
        self._job = Job(lambda _stop: work(), self)
        self._job.reported.connect(self.reported)
        self._job.failed.connect(self.failed)
        self._job.finished.connect(self._go_on)
        self._job.start()

    @Slot()
    def _go_on(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        if self._waiting:
            self._start_next()
        else:
            self.busy_changed.emit(False)

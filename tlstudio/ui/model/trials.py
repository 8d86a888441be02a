"""What dialogs that try something out have in common: how far it is, stop, and leaving in the middle of it."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QProgressBar, QPushButton, QWidget

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Progress, Warned
from tlstudio.ui import figures
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE

Work = Callable[[Stop], Iterator[Event]]


class TrialRow(QWidget):
    """Runs one work at a time and says how far it is.

    Signals:
        wanted: begin; connect what calls `run`.
        reported: an event of the work that is no progress. ended: it came to its end, was stopped, or failed.
    """

    wanted = Signal()
    reported = Signal(object)
    ended = Signal()

    def __init__(self, begin: str, parent: QWidget | None = None) -> None:
        """begin: what the button says while nothing runs."""
        super().__init__(parent)
        self._begin = begin
        self._job: Job | None = None
        self._asked_to_stop = self._failed = False
        self.button = QPushButton(begin)
        self.button.setObjectName("trial_button")
        self.button.clicked.connect(self._press)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setMaximumWidth(160)
        self.bar.hide()
        self.line = muted(ElidedLabel("", Qt.TextElideMode.ElideRight))
        self.line.setObjectName("trial_line")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.button)
        row.addWidget(self.bar)
        row.addWidget(self.line, 1)

    def say(self, text: str) -> None:
        self.line.show_text(text)

    def is_busy(self) -> bool:
        return self._job is not None

    def run(self, work: Work) -> None:
        """Begin a work on a thread; nothing while another one runs."""
        if self._job:
            return
        self._asked_to_stop = self._failed = False
        self.button.setText(self.tr("Stop"))
        self.bar.setRange(0, 0)
        self.bar.show()
        self.say("")
        self._job = Job(work, self)
        self._job.reported.connect(self._take)
        self._job.failed.connect(self._show_failure)
        self._job.finished.connect(self._end)
        self._job.start()

    def stop(self) -> None:
        if self._job:
            self._asked_to_stop = True
            self.button.setEnabled(False)
            self._job.stop()

    @Slot()
    def _press(self) -> None:
        if self._job:
            self.stop()
        else:
            self.wanted.emit()

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self.bar.setRange(0, event.total)
                self.bar.setValue(event.done)
                done, total = figures.count(event.done), figures.count(event.total)
                text = self.tr("{0}: {1} of {2}").format(event.task, done, total) if event.total else event.task
                self.say(text)
            case Warned():
                self.say(event.text)
            case _:
                self.reported.emit(event)

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self._failed = True
        self.say(str(error))

    @Slot()
    def _end(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()
        self.bar.hide()
        self.button.setEnabled(True)
        self.button.setText(self._begin)
        if not self._failed:
            self.say(self.tr("Stopped.") if self._asked_to_stop else "")
        self.ended.emit()


class TrialDialog(QDialog):
    """Stops what runs in its rows before it goes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._leaves = False

    def rows(self) -> list[TrialRow]:
        return self.findChildren(TrialRow)

    def done(self, result: int) -> None:
        """Go; what runs is stopped first, and the dialog goes when it has ended."""
        busy = [row for row in self.rows() if row.is_busy()]
        if not busy:
            super().done(result)
            return
        if not self._leaves:
            self._leaves, self._result = True, result
            self.setEnabled(False)
            for row in busy:
                row.ended.connect(self._go)
                row.stop()

    @Slot()
    def _go(self) -> None:
        self.done(self._result)

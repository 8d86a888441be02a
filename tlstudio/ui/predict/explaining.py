"""Asks the model why it answers as it does, beside whatever else it is being asked."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from tlstudio import tasks
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Explained
from tlstudio.ui.job import Job

# Somebody who holds an arrow key down passes by faster than this, in ms: nothing is asked about what they pass.
PAUSE = 80
REMEMBERED = 32


@dataclass(frozen=True)
class Question:
    """Which picture, for which class, with which project's pictures at hand."""

    path: str
    label: str
    project: Path | None


class Explainer(QObject):
    """One question at a time, on a thread of its own, so that it never waits for a folder of pictures to be classified.

    Signals:
        explained: the Explained for the last question.
        failed: the TLStudioError of what could not be explained.
    """

    explained = Signal(object)
    failed = Signal(object)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._model: tasks.OpenModel | None = None
        self._wanted: Question | None = None
        self._asked: Question | None = None
        self._kept: OrderedDict[Question, Explained] = OrderedDict()
        self._job: Job | None = None
        self._closed = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._ask_next)

    def use(self, model: tasks.OpenModel | None) -> None:
        """Ask this model from now on."""
        self._model = model
        self._kept.clear()
        self.forget()

    def ask(self, path: str, label: str, project: Path | None) -> None:
        """Find out what speaks for a class in a picture; forgets the question before, if it is still open."""
        self._wanted = Question(path, label, project)
        if known := self._kept.get(self._wanted):
            self._kept.move_to_end(self._wanted)
            self.explained.emit(known)
        else:
            self._pause.start()

    def forget(self) -> None:
        """Nothing is wanted any more."""
        self._wanted = None
        self._pause.stop()

    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._pause.isActive() or self._job is not None

    def shut_down(self) -> None:
        """Stop for good, and return when nothing runs any more."""
        self._closed = True
        self.forget()
        if self._job is not None:
            self._job.stop()
            self._job.wait()

    @Slot()
    def _ask_next(self) -> None:
        model, question = self._model, self._wanted
        if model is None or question is None or self._job is not None or self._closed:
            return
        self._asked = question
        self._job = Job(lambda _stop: model.explain(question.path, question.label, question.project), self)
        self._job.reported.connect(self._take)
        self._job.failed.connect(self._take_failure)
        self._job.finished.connect(self._go_on)
        self._job.start()

    @Slot(object)
    def _take(self, answer: Event) -> None:
        if not isinstance(answer, Explained) or self._asked is None:
            return
        if not answer.error:  # the file may be there again
            self._kept[self._asked] = answer
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        if self._asked == self._wanted:
            self.explained.emit(answer)

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        if self._asked == self._wanted:
            self._wanted = None
            self.failed.emit(error)

    @Slot()
    def _go_on(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        if self._wanted is not None and self._wanted != self._asked and not self._pause.isActive():
            self._ask_next()

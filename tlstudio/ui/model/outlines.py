"""The layers of networks, looked up in the background and kept: a network is built once for a number of classes."""

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio import tasks
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Outlined
from tlstudio.core.outline import StageOutline
from tlstudio.core.recipe import Phase
from tlstudio.ui.job import Job, Stop


class Outlines(QObject):
    """Answers at once with what it knows, and finds out the rest.

    Signals:
        changed: a search ended, whatever it found. failed: the TLStudioError that ended one.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._known: dict[tuple[str, int], tuple[StageOutline, ...]] = {}
        self._wanted: tuple[str, int] | None = None
        self._job: Job | None = None

    def exactly(self, backbone: str, classes: int) -> tuple[StageOutline, ...]:
        """The layers with a head of this many classes; empty while they are not known."""
        return self._known.get((backbone, classes), ())

    def nearest(self, backbone: str, classes: int) -> tuple[StageOutline, ...]:
        """The layers; while they are looked up for new classes, those for the old ones."""
        others = [stages for (name, _), stages in self._known.items() if name == backbone]
        return self.exactly(backbone, classes) or (others[-1] if others else ())

    def is_looking(self) -> bool:
        return self._job is not None

    def look_up(self, backbone: str, classes: int, phase: Phase) -> bool:
        """See to it that these layers get known; whether a search was begun for it."""
        self._wanted = backbone, classes
        self._phase = phase
        if self._wanted in self._known or self._job:
            return False
        self._job = Job(partial(_outline, backbone, classes, phase), self)
        self._job.reported.connect(self.take)
        self._job.failed.connect(self._take_failure)
        self._job.finished.connect(self._end_job)
        self._job.start()
        return True

    @Slot(object)
    def take(self, event: Event) -> None:
        """Keep an outline."""
        if isinstance(event, Outlined):
            classes = event.stages[-1].output_shape[0]
            self._known[event.backbone, classes] = event.stages

    def shut_down(self) -> None:
        """End the search; returns when it has ended."""
        self._wanted = None
        if self._job:
            self._job.stop()
            self._job.wait()

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._wanted = None
        self.failed.emit(error)

    @Slot()
    def _end_job(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()
        self.changed.emit()
        if self._wanted and self._wanted not in self._known:
            self.look_up(*self._wanted, self._phase)


def _outline(name: str, classes: int, phase: Phase, _stop: Stop) -> Iterator[Event]:
    yield from tasks.load_engine()
    yield from tasks.outline(name, classes, phase)

"""Where the run is: a line of words and a bar."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from tlstudio.core.events import Finished
from tlstudio.core.pace import Pace
from tlstudio.ui import figures
from tlstudio.ui.labels import ElidedLabel

_WHOLE = 1000


class ProgressLine(QWidget):
    """Words above, the bar below; the bar is there while there is something to measure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._status = ElidedLabel(mode=Qt.TextElideMode.ElideRight)
        self._status.setObjectName("training_status")
        self.bar = QProgressBar()
        self.bar.setObjectName("progress_bar")
        self.bar.setAccessibleName(self.tr("Progress of the run"))
        self.bar.setToolTip(self.tr("Progress of the phase, or of what goes before or after it"))
        self.bar.setRange(0, _WHOLE)
        self.bar.setTextVisible(False)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._status)
        column.addWidget(self.bar)

    def text(self) -> str:
        return self._status.full_text

    def show_pace(self, pace: Pace, stopping: bool, pausing: bool = False, waiting: int = 0) -> str:
        """Show a run that goes on, and how many wait for its end; returns the short form for the rail."""
        self.bar.show()
        self.bar.setValue(round(_WHOLE * pace.fraction))
        parts = self._parts(pace)
        if stopping:
            parts = self._halting(self.tr("stopping, the best so far is kept"), pace)
        elif pausing:
            parts = self._halting(self.tr("pausing, all of it is kept"), pace)
        elif waiting:
            parts.append(self.tr("%n more run(s) after this", "", waiting))
        self._status.show_text(" · ".join(parts))
        return self._short(pace, stopping, pausing)

    def show_paused(self, text: str) -> None:
        """Show that a run stands still, the bar where it stands."""
        self.bar.show()
        self._status.show_text(text)

    def show_end(self, end: Finished | None, stopped: bool, plan: str) -> None:
        """Show how a run ended; before the first one, what Train would do."""
        self.bar.setVisible(end is not None)
        self.bar.setValue(_WHOLE if end and not end.stopped else 0)
        self._status.show_text(self._verdict(end, stopped) or plan)

    def _short(self, pace: Pace, stopping: bool, pausing: bool) -> str:
        """The same where there is little room: "phase 2 of 2 · 52 %" while pictures are read."""
        if stopping:
            return self.tr("stopping…")
        if pausing:
            return self.tr("pausing…")
        parts = self._parts(pace)
        if pace.task and not pace.learning:
            part = figures.percent(pace.fraction, 0)
            parts = [parts[0], part] if pace.phase and pace.phase.phases > 1 else [pace.task, part]
        return " · ".join(parts[:2])

    def _halting(self, how: str, pace: Pace) -> list[str]:
        return [how, *([pace.task] if pace.task else [])]

    def _parts(self, pace: Pace) -> list[str]:
        parts = []
        if pace.phase and pace.phase.phases > 1:
            parts.append(self.tr("phase {0} of {1}").format(pace.phase.phase, pace.phase.phases))
        if pace.learning and pace.phase:
            parts.append(self.tr("epoch {0} of {1}").format(pace.epoch, pace.phase.epochs))
        elif pace.task:
            task = self.tr("{0}, {1} of {2}")
            parts.append(task.format(pace.task, figures.count(pace.done), figures.count(pace.total)))
        if pace.per_second >= 1:
            parts.append(self.tr("{0} pictures/s").format(figures.count(round(pace.per_second))))
        if pace.seconds_left is not None:
            is_last = not pace.phase or pace.phase.phase == pace.phase.phases
            left = self.tr("{0} left") if is_last else self.tr("{0} left in this phase")
            parts.append(left.format(figures.rough_duration(pace.seconds_left)))
        return parts or [self.tr("getting ready…")]

    def _verdict(self, end: Finished | None, stopped: bool) -> str:
        if end is None:
            return self.tr("Stopped before anything was learned.") if stopped else ""
        took = figures.duration(end.seconds)
        if end.stopped:
            return self.tr("Stopped after {0}; the best weights so far are kept.").format(took)
        return self.tr("Done in {0}.").format(took)

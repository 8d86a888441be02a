"""Show me why: the same short fine-tuning with BatchNorm's statistics pinned and adaptive, side by side."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.drift import DriftMeasured, DriftStarted
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Progress
from tlstudio.core.recipe import BatchNormMode, Recipe
from tlstudio.ui import figures
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel, heading, muted
from tlstudio.ui.model.seeing.charts import DriftBars, EpochChart, colour_of
from tlstudio.ui.theme import SPACE

MODES: tuple[BatchNormMode, ...] = ("pinned", "adaptive")


class DriftDialog(QDialog):
    """Runs both when a person says so, and draws them epoch by epoch; nothing of it is kept."""

    def __init__(self, project: Callable[[], Path | None], recipe: Callable[[], Recipe], owner: QWidget) -> None:
        """project: the folder of the open one. recipe: the one on show; asked when the runs are started."""
        super().__init__(owner)
        self.setObjectName("drift_dialog")
        self.setWindowTitle(self.tr("Why BatchNorm is pinned"))
        self.resize(760, 600)
        self._project, self._recipe = project, recipe
        self._started: DriftStarted | None = None
        self._measured: dict[BatchNormMode, list[DriftMeasured]] = {}
        self._legend: dict[BatchNormMode, QLabel] = {}
        self._queue = JobQueue(self)
        self._queue.reported.connect(self._take)
        self._queue.failed.connect(self._show_failure)
        self._queue.busy_changed.connect(self._show_busy)
        self._lay_out()
        self._show_busy(False)

    def open_again(self) -> None:
        """Open, or come to the front."""
        self._show_busy(self._queue.is_busy())
        self.show()
        self.activateWindow()

    def done(self, result: int) -> None:
        """Close; what runs ends."""
        self._queue.stop()
        super().done(result)

    def shut_down(self) -> None:
        """Stop for good; returns when nothing runs any more."""
        self._queue.shut_down()

    def _lay_out(self) -> None:
        intro = muted(
            QLabel(
                self.tr(
                    "BatchNorm layers carry the mean and spread that each channel had over a million pictures. Left to "
                    "adapt, they follow a few of yours, batch by batch, and the layers behind them meet inputs they "
                    "were never shown; freezing weights does not stop that. Here the same fine-tuning runs twice on a "
                    "few of your pictures: pinned, and adaptive. It takes about a minute, and nothing of it is kept."
                )
            )
        )
        intro.setWordWrap(True)
        self.loss = EpochChart(self.tr("Validation loss"))
        self.accuracy = EpochChart(self.tr("Validation accuracy, %"))
        self.bars = DriftBars(self.tr("Drift of the statistics, in standard deviations"))
        charts = QHBoxLayout()
        charts.setSpacing(SPACE * 2)
        charts.addWidget(self.loss)
        charts.addWidget(self.accuracy)
        self.verdict = heading("")
        self.verdict.setObjectName("drift_verdict")
        self.verdict.setWordWrap(True)
        self.text = QLabel()
        self.text.setObjectName("drift_text")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addLayout(self._make_legend())
        layout.addLayout(charts, 1)
        layout.addWidget(self.bars, 1)
        layout.addWidget(self.verdict)
        layout.addWidget(self.text)
        layout.addLayout(self._make_bottom())

    def _make_legend(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(SPACE * 2)
        self._legend = {"pinned": QLabel("━●"), "adaptive": QLabel("┅●")}
        names = {"pinned": self.tr("pinned"), "adaptive": self.tr("adaptive")}
        for bn, mark in self._legend.items():
            row.addWidget(mark)
            row.addWidget(QLabel(names[bn]))
        row.addStretch(1)
        self._colour()
        return row

    def _colour(self) -> None:
        for bn, mark in self._legend.items():
            mark.setStyleSheet(f"color: {colour_of(bn, self).name()}")

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _make_bottom(self) -> QHBoxLayout:
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self._doing = muted(ElidedLabel())
        self.run_button = QPushButton()
        self.run_button.setObjectName("drift_run_button")
        self.run_button.setProperty("primary", True)
        self.run_button.clicked.connect(self._run_or_stop)
        row = QHBoxLayout()
        row.setSpacing(SPACE * 2)
        row.addWidget(self._doing, 1)
        row.addWidget(self.bar, 1)
        row.addWidget(self.run_button)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        row.addWidget(buttons)
        return row

    @Slot()
    def _run_or_stop(self) -> None:
        project = self._project()
        if self._queue.is_busy():
            self._queue.stop()
        elif project is not None:
            self._started, self._measured = None, {}
            self._draw()
            self.text.setText("")
            self.verdict.setText("")
            self._queue.add(partial(tasks.show_drift, project, self._recipe()))

    @Slot(bool)
    def _show_busy(self, busy: bool) -> None:
        self.bar.setRange(0, 0)
        self.bar.setVisible(busy)
        self._doing.show_text("")
        self.run_button.setText(self.tr("Stop") if busy else self.tr("Show me why"))
        has_project = self._project() is not None
        self.run_button.setEnabled(busy or has_project)
        tip = self.tr("Run both on a few of the project's pictures") if has_project else self.tr("Open a project first")
        self.run_button.setToolTip(self.tr("End both runs; what was measured stays") if busy else tip)
        if not busy:
            self._conclude()

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._doing.show_text(event.task)
                self.bar.setRange(0, event.total)
                self.bar.setValue(event.done)
            case DriftStarted():
                self._started = event
                text = self.tr("{0} from {1} on: {2} pictures to learn from, {3} others to judge on.")
                self.text.setText(text.format(event.backbone, event.train_from, event.pictures, event.n))
            case DriftMeasured():
                self._measured.setdefault(event.bn, []).append(event)
                self._draw()

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self.text.setText(str(error))

    def _draw(self) -> None:
        epochs = self._started.epochs if self._started else 1
        losses = {bn: tuple(m.val_loss for m in self._measured.get(bn, [])) for bn in MODES}
        accuracies = {bn: tuple(100 * m.val_accuracy for m in self._measured.get(bn, [])) for bn in MODES}
        self.loss.show_lines(losses, epochs)
        self.accuracy.show_lines(accuracies, epochs)
        drifted = self._measured.get("adaptive")
        self.bars.show_drift(drifted[-1].drift if drifted else ())

    def _conclude(self) -> None:
        """Say what both have come to, as far as they have come together."""
        pairs = list(zip(self._measured.get("pinned", []), self._measured.get("adaptive", []), strict=False))
        if not pairs or self._started is None:
            return
        pinned, adaptive = pairs[-1]
        layer = self._started.layers[adaptive.drift.index(max(adaptive.drift))]
        kept = self.tr("Pinned, every value is still what it was at the start.") if pinned.intact else ""
        said = self.tr("Adaptive, they drifted by up to {0} standard deviations ({1}).")
        self.verdict.setText(f"{kept} {said.format(figures.number(max(adaptive.drift), 2), layer)}".strip())
        overlap = pinned.interval[0] <= adaptive.interval[1] and adaptive.interval[0] <= pinned.interval[1]
        judged = self.tr(
            "After epoch {0}: loss {1} pinned, {2} adaptive; accuracy {3} % and {4} % on {5} pictures{6}."
        ).format(
            pinned.epoch,
            *(figures.number(m.val_loss, 3) for m in (pinned, adaptive)),
            *(figures.number(100 * m.val_accuracy, 1) for m in (pinned, adaptive)),
            self._started.n,
            self.tr(", too few to tell these accuracies apart") if overlap else "",
        )
        self.text.setText(judged)

"""The training panel: start a run, watch it, stop it, look at those there were."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QEvent, QItemSelection, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.backbones import backbone
from tlstudio.core.errors import TLStudioError, TrainingFailed
from tlstudio.core.estimate import Measured
from tlstudio.core.pace import Pace
from tlstudio.core.project import Project
from tlstudio.core.recipe import Guard, Recipe, guards
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.labels import ElidedLabel, heading, muted
from tlstudio.ui.training.curves import CurvePlot, curves_of
from tlstudio.ui.training.device_box import DeviceBox
from tlstudio.ui.training.guard_note import GuardNote
from tlstudio.ui.training.history import RunColumn, RunLine, RunsRead, RunTable, read_runs
from tlstudio.ui.training.progress_line import ProgressLine
from tlstudio.ui.training.results import ResultsView
from tlstudio.ui.training.run_list import RunList, WarningNote

REDRAW_INTERVAL = 100  # ms
_WIDE = 900


class TrainingPanel(QWidget):
    """Runs the recipe on the project's pictures in a Job and keeps the list of runs.

    Signals:
        summary_changed: one line for the rail, such as "93.2 % (91–95)" or "phase 1 of 2 · epoch 2 of 3".
        progressed: events.Progress while a run goes on.
        busy_changed: a run began (True) or ended (False).
        began: the folder of the run that goes on, as soon as it has one.
        trained: the path of the finished run's .tlmodel, also of one stopped half-way.
        measured: estimate.Measured of a run that came to its own end (connect to ModelPanel.take_measurement).
        failed: the TLStudioError that ended a run or kept it from starting.
        predict_requested: the path of the model to classify new pictures with; the user asked for the next step.
    """

    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    began = Signal(str)
    trained = Signal(str)
    measured = Signal(object)
    failed = Signal(object)
    predict_requested = Signal(str)

    def __init__(self, chooser: FileChooser | None = None, parent: QWidget | None = None) -> None:
        """chooser: asks where reports go; the system's dialogs by default."""
        super().__init__(parent)
        self.setObjectName("training_panel")
        self._chooser = chooser
        self._project: Project | None = None
        self._recipe: Recipe | None = None
        self._classes, self._pictures = 0, 0
        self._ready, self._why_not = False, self.tr("Train needs pictures in at least two classes.")
        self._settled: set[str] = set()  # the guards that were asked about and answered with "Train anyway"
        self._state, self._pace = RunState(), Pace()
        self._train_job: Job | None = None
        self._history_job: Job | None = None
        self._history_stale = False
        self._stop_asked = False
        self._remembered: set[tuple[str, str]] = set()
        self._model_to_use = ""
        self._redraw = QTimer(self, interval=REDRAW_INTERVAL, singleShot=True)
        self._redraw_accuracy = QTimer(self, interval=REDRAW_INTERVAL // 2, singleShot=True)
        self._drawn: tuple[object, ...] = ()
        self._build()
        self._connect()
        self._show_readiness()
        self._show_pace()

    # What the window asks

    def show_project(self, project: Project | None) -> None:
        """Show the runs of a project; train in it from now on."""
        self._project = project
        self._settled = set()
        self.guard_note.hide()
        self._state, self._pace, self._stop_asked = RunState(), Pace(), False
        self._model_to_use = ""
        self._runs.show_runs([])
        self._show_run(None)
        self._show_readiness()
        self._show_pace()
        self._read_history()

    @Slot(object)
    def set_recipe(self, recipe: Recipe) -> None:
        """What the next run does (connect ModelPanel.recipe_changed to it)."""
        self._recipe = recipe
        self.guard_note.hide()  # another recipe is another question
        self._show_readiness()
        self._show_plan()

    @Slot(int, int)
    def show_pictures(self, classes: int, training_pictures: int) -> None:
        """Say how many classes and training pictures there are; the guards ask by them."""
        self._classes, self._pictures = classes, training_pictures

    @Slot(bool, str)
    def set_ready(self, ok: bool, why_not: str) -> None:
        """Allow training, or say why it cannot start yet ("Train needs pictures in at least two classes.")."""
        self._ready, self._why_not = ok, why_not
        self._show_readiness()
        self._show_plan()

    @Slot()
    def train(self) -> None:
        """Start a run, after asking about what is risky in the recipe. While a question is open, nothing happens."""
        if not self._can_train() or self._recipe is None or not self.guard_note.isHidden():
            return
        open_questions = [g for g in self._risks(self._recipe) if g.text not in self._settled]
        if open_questions:
            self.guard_note.ask(open_questions)
        else:
            self._start()

    @Slot()
    def stop(self) -> None:
        """Ask the run to end; it keeps the best weights so far."""
        if self._train_job and not self._stop_asked:
            self._stop_asked = True
            self._train_job.stop()
            self.stop_button.setEnabled(False)
            self.stop_button.setToolTip(self.tr("It is stopping."))
            self._show_pace()

    def is_busy(self) -> bool:
        """Whether a run goes on."""
        return self._train_job is not None

    def shut_down(self) -> None:
        """Ask the run to end, keeping its best, and wait until it and all reading has ended."""
        self.stop()
        for job in (self._train_job, self._history_job):
            if job:
                job.stop()
                job.wait()
        self.device_box.shut_down()
        self.results_view.shut_down()
        self.loss_plot.shut_down()
        self.accuracy_plot.shut_down()

    # Layout

    def _build(self) -> None:
        self.guard_note = GuardNote()
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE)
        column.setSpacing(theme.SPACE)
        column.addLayout(self._build_controls())
        column.addWidget(self.guard_note)
        self._progress = ProgressLine()
        self.progress_bar = self._progress.bar
        column.addWidget(self._progress)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._build_empty())
        self._pages.addWidget(self._build_results())
        column.addWidget(self._pages, 1)
        self.warning_note = WarningNote()
        column.addWidget(self.warning_note)
        column.addLayout(self._build_next_step())

    def _build_controls(self) -> QHBoxLayout:
        self.train_button = QPushButton(self.tr("Train"))
        self.train_button.setObjectName("train_button")
        self.train_button.setProperty("primary", True)
        self.train_button.setMinimumWidth(120)
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setObjectName("stop_button")
        self.stop_button.setAccessibleName(self.tr("Stop and keep the best so far"))
        self.device_box = DeviceBox()
        caption = muted(QLabel(self.tr("Train on")))
        caption.setBuddy(self.device_box)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE)
        row.addWidget(self.train_button)
        row.addWidget(self.stop_button)
        row.addStretch(1)
        row.addWidget(caption)
        row.addWidget(self.device_box)
        return row

    def _build_empty(self) -> QWidget:
        page = QWidget()
        self._empty_title = QLabel()
        self._empty_title.setProperty("role", "title")
        self._empty_hint = muted(QLabel())
        column = QVBoxLayout(page)
        column.addStretch(2)
        for label in (self._empty_title, self._empty_hint):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addStretch(3)
        return page

    def _build_results(self) -> QWidget:
        self.loss_plot = CurvePlot(self.tr("Loss"), "loss")
        self.accuracy_plot = CurvePlot(self.tr("Accuracy"), "accuracy")
        plots = QWidget()
        row = QHBoxLayout(plots)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self.loss_plot, 1)
        row.addWidget(self.accuracy_plot, 1)
        below = QSplitter(Qt.Orientation.Horizontal)
        runs = self._build_runs()
        self.results_view = ResultsView(self._runs, self._chooser)
        for part in (runs, self.results_view):
            below.addWidget(part)
        below.setStretchFactor(0, 3)
        below.setStretchFactor(1, 2)
        splitter = QSplitter(Qt.Orientation.Vertical)
        for part in (plots, below):
            splitter.addWidget(part)
        for part in (below, splitter):
            part.setChildrenCollapsible(False)
            part.setHandleWidth(theme.SPACE)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        for beside in (plots, runs):
            self.results_view.room_wanted.connect(beside.setHidden)
        return splitter

    def _build_runs(self) -> QWidget:
        self._runs = RunTable(self)
        self._runs.set_colours(theme.colours(self.palette()))
        self.run_list = RunList(self._runs)
        return _titled(heading(self.tr("Runs")), self.run_list)

    def _build_next_step(self) -> QHBoxLayout:
        self._result = ElidedLabel(mode=Qt.TextElideMode.ElideRight)
        self._result.setProperty("role", "muted")
        self.next_button = QPushButton(self.tr("Next: classify new pictures →"))
        self.next_button.setObjectName("next_button")
        self.next_button.setToolTip(self.tr("Drop pictures the model has never seen, with the chosen run's model"))
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE)
        row.addWidget(self._result, 1)
        row.addWidget(self.next_button)
        return row

    def _connect(self) -> None:
        self._redraw.timeout.connect(self._show_live)
        self._redraw_accuracy.timeout.connect(self._show_live_accuracy)
        self.loss_plot.loaded.connect(self.accuracy_plot.load)
        self.train_button.clicked.connect(self.train)
        self.stop_button.clicked.connect(self.stop)
        self.guard_note.accepted.connect(self._take_consent)
        self.guard_note.declined.connect(self.train_button.setFocus)
        self.device_box.failed.connect(self.failed)
        self.results_view.failed.connect(self.failed)
        self.next_button.clicked.connect(self._ask_for_prediction)
        self.run_list.selectionModel().selectionChanged.connect(self._follow_selection)

    # A run

    def _can_train(self) -> bool:
        return self._ready and self._project is not None and self._recipe is not None and not self.is_busy()

    def _risks(self, recipe: Recipe) -> list[Guard]:
        if not self._classes:
            return []
        return guards(recipe, self._pictures / self._classes)

    @Slot()
    def _take_consent(self) -> None:
        self._settled |= {guard.text for guard in self.guard_note.guards}
        self._start()

    def _start(self) -> None:
        if not self._can_train() or self._project is None or self._recipe is None:
            return
        self.guard_note.hide()
        self._state, self._pace, self._stop_asked = RunState(), Pace(), False
        self._remembered = set()
        device = self.device_box.device()
        # It ends by itself when asked to, keeping the best weights; closing it would lose them.
        self._train_job = Job(partial(_train, self._project, self._recipe, device), self, closes_on_stop=False)
        self._train_job.reported.connect(self._take_event)
        self._train_job.failed.connect(self._take_failure)
        self._train_job.finished.connect(self._end_run)
        self._train_job.start()
        self._pages.setCurrentIndex(1)
        self._show_readiness()
        self._show_pace()
        self.stop_button.setFocus()
        self.busy_changed.emit(True)

    @Slot(object)
    def _take_event(self, event: events.Event) -> None:
        self._state = self._state.after(event)
        self._pace = self._pace.after(event, time.monotonic())
        match event:
            case events.Progress():
                self.progressed.emit(event)
            case events.RunStarted():
                self._runs.begin_run(RunLine(RunFolder(Path(event.run)), self._state, {}, time.time(), running=True))
                self.run_list.selectRow(0)
                self.began.emit(event.run)
            case events.FeaturesReady() if not event.computed and self._state.recipe:
                self._remembered.add((self._state.recipe.backbone, event.train_from))
        # Epochs on remembered features come by the dozen a second, faster than anybody looks or a plot draws.
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot()
    def _show_live(self) -> None:
        """Bring the screen up to what the run has said."""
        if not self.is_busy():
            return
        self._show_pace()
        drawn = self._state.phases, self._state.epochs, self._state.warnings
        if self._state.recipe is None or self._drawn == drawn:
            return
        self._drawn = drawn
        self._runs.update_running(self._state)
        if self.run_list.chosen_row() == 0:
            self.warning_note.show_warnings(self._state.warnings)
            # One plot now, one a little later: together they would take longer than a frame.
            self.loss_plot.show_curves(curves_of(self._state, "loss"))
            self._redraw_accuracy.start()

    @Slot()
    def _show_live_accuracy(self) -> None:
        if self.is_busy() and self.run_list.chosen_row() == 0:
            self.accuracy_plot.show_curves(curves_of(self._state, "accuracy"))

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        # Stopped before there was anything to keep: what the person asked for, not a fault.
        if not (self._stop_asked and isinstance(error, TrainingFailed) and not self._state.epochs):
            self.failed.emit(error)

    @Slot()
    def _end_run(self) -> None:
        at = self.window().focusWidget()  # before Stop is switched off and the focus goes elsewhere
        is_here = at is None or self.isAncestorOf(at)
        self._redraw.stop()
        self._show_live()
        self._show_live_accuracy()
        job, self._train_job = self._train_job, None
        if job:
            job.deleteLater()
        end = self._state.finished
        self._show_readiness()
        self._show_pace()
        self._read_history()
        self.busy_changed.emit(False)
        if end is None:
            return
        self._model_to_use = end.model
        if not end.stopped and self._state.recipe:
            self.measured.emit(Measured(self._state.recipe, end.seconds, frozenset(self._remembered)))
        self._show_next_step()
        self.trained.emit(end.model)
        if is_here:
            self.next_button.setFocus()

    @Slot()
    def _ask_for_prediction(self) -> None:
        if self._model_to_use:
            self.predict_requested.emit(self._model_to_use)

    # Showing

    def _show_readiness(self) -> None:
        busy = self.is_busy()
        self.train_button.setEnabled(self._can_train())
        why = self.tr("A run goes on; stop it first.") if busy else self._why_not
        start = self.tr("Train with the recipe of step 2")
        self.train_button.setToolTip(start if self._can_train() else why)
        self.stop_button.setEnabled(busy and not self._stop_asked)
        keep = self.tr("End the run now and keep the best weights so far")
        self.stop_button.setToolTip(keep if busy else self.tr("No run goes on."))
        self.device_box.allow(not busy)
        self._pages.setCurrentIndex(1 if busy or self._runs.rowCount() else 0)
        self._show_empty()
        self._show_next_step()

    def _show_empty(self) -> None:
        if self._can_train():
            self._empty_title.setText(self.tr("Ready to train"))
            self._empty_hint.setText(self.tr("Press Train. Loss and accuracy appear here, epoch by epoch."))
        else:
            self._empty_title.setText(self._why_not)
            self._empty_hint.setText(self.tr("Step 1 takes a folder with one folder inside for each class."))

    def _show_next_step(self) -> None:
        ready = bool(self._model_to_use) and not self.is_busy()
        self.next_button.setEnabled(ready)
        why = self.tr("Once a run has ended, its model classifies new pictures.")
        self.next_button.setToolTip(self.tr("Drop pictures the model has never seen") if ready else why)
        # One highlighted step at a time: training first, then what it is for.
        for button, primary in ((self.next_button, ready), (self.train_button, not ready)):
            if button.property("primary") != primary:
                button.setProperty("primary", primary)
                button.style().unpolish(button)
                button.style().polish(button)

    def _show_pace(self) -> None:
        if self.is_busy():
            self.summary_changed.emit(self._progress.show_pace(self._pace, self._stop_asked))
        else:
            self._show_plan()
            self.summary_changed.emit(self._rail_line())

    def _show_plan(self) -> None:
        if not self.is_busy():
            self._progress.show_end(self._state.finished, self._stop_asked, self._plan())

    def _plan(self) -> str:
        """What Train would do, in a few words."""
        if self._recipe is None or not self._ready:
            return ""
        spec, last = backbone(self._recipe.backbone), self._recipe.phases[-1]
        title = strategies.title_of(self._recipe)
        where = strategies.what_learns(last, spec)
        parts = (spec.title, title) if where in title else (spec.title, title, where)
        return self.tr("Next run: {0}").format(" · ".join(parts))

    def _rail_line(self) -> str:
        ended = (self._runs.line(row).state.finished for row in range(self._runs.rowCount()))
        end = self._state.finished or next((e for e in ended if e), None)
        if end is None:
            return self.tr("not trained yet") if self._project is not None else self.tr("needs pictures")
        if end.test_accuracy is not None and end.test_interval is not None:
            return figures.accuracy(end.test_accuracy, end.test_interval)
        return figures.accuracy(end.val_accuracy, end.val_interval)

    @Slot(QItemSelection, QItemSelection)
    def _follow_selection(self, _chosen: QItemSelection, _left: QItemSelection) -> None:
        row = self.run_list.chosen_row()
        self._show_run(self._runs.line(row) if row >= 0 else None)

    def _show_run(self, line: RunLine | None) -> None:
        self._show_curves(line.state if line else RunState())
        self.warning_note.show_warnings(line.state.warnings if line else ())
        self.results_view.show_run(line)
        self._show_result(line)

    def _show_curves(self, state: RunState) -> None:
        self.loss_plot.show_curves(curves_of(state, "loss"))
        self.accuracy_plot.show_curves(curves_of(state, "accuracy"))

    def _show_result(self, line: RunLine | None) -> None:
        end = line.state.finished if line else None
        self._model_to_use = line.model if line else ""
        self._show_next_step()
        if line is None or end is None:
            self._result.show_text("")
            return
        said = [self.tr("Run {0}").format(line.run.number)]
        if end.test_accuracy is not None and end.test_interval is not None:
            said.append(self.tr("test {0}").format(figures.accuracy(end.test_accuracy, end.test_interval)))
        held_out = self.tr("judged by {1} folds {0}") if end.folds else self.tr("validation {0}")
        said.append(held_out.format(figures.accuracy(end.val_accuracy, end.val_interval), end.folds))
        self._result.show_text(" · ".join(said))

    # Reading what there is

    def _read_history(self) -> None:
        if self._history_job:
            self._history_stale = True
            return
        if self._project is None:
            return
        self._history_job = Job(partial(read_runs, self._project.folder), self)
        self._history_job.reported.connect(self._take_history)
        self._history_job.failed.connect(self.failed)
        self._history_job.finished.connect(self._end_history)
        self._history_job.start()

    @Slot(object)
    def _take_history(self, event: events.Event) -> None:
        # A run that goes on is on the list already, and newer than what was read of it.
        if not isinstance(event, RunsRead) or self.is_busy() or self._history_stale:
            return
        self._runs.show_runs(event.lines)
        self._show_readiness()
        if event.lines:
            self.run_list.selectRow(0)
        self.summary_changed.emit(self._rail_line())

    @Slot()
    def _end_history(self) -> None:
        job, self._history_job = self._history_job, None
        if job:
            job.deleteLater()
        if self._history_stale:
            self._history_stale = False
            self._read_history()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self.loss_plot.load()  # the other follows: what takes a moment should not come at the click on Train

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        # Beside the network panel there is no room for every column; the tool tip has the moment too.
        self.run_list.setColumnHidden(RunColumn.WHEN, self.width() < _WIDE)

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._runs.set_colours(theme.colours(self.palette()))


def _titled(title: QLabel, content: QWidget) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    column.addWidget(title)
    column.addWidget(content, 1)
    return box


def _train(project: Project, recipe: Recipe, device: str, stop: Stop) -> Iterator[events.Event]:
    yield from tasks.load_engine()
    something_to_keep = False
    task = cast("Generator[events.Event, None, None]", tasks.train(project, recipe, device=device, stop=stop))
    with closing(task) as run:
        for event in run:
            yield event
            something_to_keep |= isinstance(event, events.CheckpointSaved)
            if stop() and not something_to_keep:
                return  # reading thousands of pictures to its end would keep nothing

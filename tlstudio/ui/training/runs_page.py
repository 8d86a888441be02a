"""The runs of a project on one page: the list, the curves and stages of the chosen ones, their evaluation."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from tlstudio.core import events
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui import theme
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job import Job
from tlstudio.ui.training.curves import MOST_LAID, CurvePlot, curves_of, laid
from tlstudio.ui.training.history import RunLine, RunsRead, RunTable, read_runs
from tlstudio.ui.training.results import ResultsView
from tlstudio.ui.training.run_list import WarningNote
from tlstudio.ui.training.runs_box import RunsBox
from tlstudio.ui.training.side_by_side import SideBySide
from tlstudio.ui.training.stage_bars import StageBars, moves_of

REST_LATER = 50  # ms
_TALL, _NARROW = 640, 900  # pixels: a page taller and narrower than that has the list above the evaluation
_BESIDE, _STACKED = (1, 1), (2, 3)  # how plots and what is below them share the height
_LEAST_LIST = 360  # pixels of width in which one recipe can be told from another
_LEAST_PLOT = 168  # pixels of height in which curves can still be read


class RunsPage(QSplitter):
    """Reads the runs of a project and shows the chosen ones, also while one of them goes on.

    Signals:
        chosen_changed: other runs are chosen, or more is known of them.
        read: the list is as it is on disk.
        failed: the TLStudioError that something here ended with.

    Attributes:
        warning_note: what the chosen run warned about; the page of the panel it stands on has the room for it.
    """

    chosen_changed = Signal()
    read = Signal()
    failed = Signal(object)

    def __init__(self, chooser: FileChooser | None, parent: QWidget | None = None) -> None:
        """chooser: asks where reports go; the system's dialogs by default."""
        super().__init__(Qt.Orientation.Vertical, parent)
        self._folder: Path | None = None
        self._job: Job | None = None
        self._stale = False
        self._to_choose: list[Path] = []
        self._live = RunState()
        self._lent = 0  # pixels that the plots gave to the table of several runs
        self._rest = QTimer(self, interval=REST_LATER, singleShot=True)
        self.table = RunTable(self)
        self.table.set_colours(theme.colours(self.palette()))
        self.box = RunsBox(self.table)
        self.loss_plot = CurvePlot(self.tr("Loss"), "loss")
        self.accuracy_plot = CurvePlot(self.tr("Accuracy"), "accuracy")
        self.stage_bars = StageBars()
        self.side_by_side = SideBySide()
        self.results_view = ResultsView(self.table, chooser)
        self.warning_note = WarningNote()
        self._lay_out()
        self._rest.timeout.connect(self._show_live_rest)
        self.loss_plot.loaded.connect(self.accuracy_plot.load)
        self.box.trashed.connect(self.read_anew)
        for part in (self.results_view, self.box):
            part.failed.connect(self.failed)
        self.box.list.selectionModel().selectionChanged.connect(self._show_chosen)

    def _lay_out(self) -> None:
        plots, lower = QWidget(), QWidget()
        row = QHBoxLayout(plots)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self.loss_plot, 4)
        row.addWidget(self.accuracy_plot, 4)
        row.addWidget(self.stage_bars, 3)
        self._below = QSplitter(Qt.Orientation.Horizontal)
        self.box.setMinimumWidth(_LEAST_LIST)
        self._below.addWidget(self.box)
        self._below.addWidget(self.results_view)
        column = QVBoxLayout(lower)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE)
        column.addWidget(self.side_by_side)
        column.addWidget(self._below, 1)
        self.addWidget(plots)
        self.addWidget(lower)
        for splitter in (self._below, self):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(theme.SPACE)
            splitter.setStretchFactor(0, 1)
            splitter.setStretchFactor(1, 1)
        self._share_room()
        for beside in (plots, self.box):
            self.results_view.room_wanted.connect(beside.setHidden)

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        is_stacked = self.height() >= _TALL and self.width() < _NARROW
        wanted = Qt.Orientation.Vertical if is_stacked else Qt.Orientation.Horizontal
        if self._below.orientation() != wanted:
            self._below.setOrientation(wanted)
            self._share_room()

    def _share_room(self) -> None:
        is_stacked = self._below.orientation() == Qt.Orientation.Vertical
        whole = max(self.height(), _TALL)
        plots, lower = _STACKED if is_stacked else _BESIDE
        self.setSizes([whole * plots // (plots + lower), whole * lower // (plots + lower)])
        self._below.setSizes([1000, 2000] if is_stacked else [2000, 3000])
        self._lent = 0
        self._lend_room()

    def _lend_room(self) -> None:
        """The plots give the table of several runs its room, as long as they can be read, and get it back after it."""
        plots, lower = self.sizes()
        if plots == 0:
            return  # the evaluation has all the room
        wanted = 0 if self.side_by_side.isHidden() else self.side_by_side.minimumHeight() + theme.SPACE
        lent = min(wanted, max(0, plots + self._lent - _LEAST_PLOT))
        self.setSizes([plots + self._lent - lent, lower - self._lent + lent])
        self._lent = lent

    # Reading

    def show_project(self, folder: Path | None) -> None:
        """Show the runs of the project in a folder."""
        self._folder, self._to_choose, self._live = folder, [], RunState()
        self.table.forget()
        self._show_chosen()
        self.read_anew()

    @Slot()
    def read_anew(self) -> None:
        """Read what there is on disk now."""
        if self._job:
            self._stale = True
        elif self._folder is not None:
            self._job = Job(partial(read_runs, self._folder), self)
            self._job.reported.connect(self._take_read)
            self._job.failed.connect(self.failed)
            self._job.finished.connect(self._end_reading)
            self._job.start()

    def is_reading(self) -> bool:
        return self._job is not None

    @Slot(object)
    def _take_read(self, event: events.Event) -> None:
        if not isinstance(event, RunsRead) or self._stale:
            return
        chosen = [line.run.folder for line in self.chosen_lines()]
        if self._to_choose and self.table.running_row() < 0:
            chosen, self._to_choose = self._to_choose, []
        self.table.show_runs(event.lines)
        rows = [row for row in (self.table.row_of(RunFolder(folder)) for folder in chosen) if row >= 0]
        if self.table.rowCount():
            self.box.list.choose(sorted(rows) or [0])
        else:
            self._show_chosen()
        self.read.emit()

    @Slot()
    def _end_reading(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()
        if self._stale:
            self._stale = False
            self.read_anew()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        if self._job:
            self._job.stop()
            self._job.wait()
        for part in (self.box, self.results_view, self.loss_plot, self.accuracy_plot):
            part.shut_down()

    # The run that goes on

    def begin_run(self, started: events.RunStarted, state: RunState) -> None:
        """Put a run that has just begun on top of the list, and choose it."""
        pictures = started.pictures.get("train", 0)
        line = RunLine(RunFolder(Path(started.run)), state, {}, time.time(), running=True, pictures=pictures)
        self.table.begin_run(line)
        self.box.list.choose([0])

    def go_on(self, run: RunFolder) -> None:
        """Show that an unfinished run goes on, and choose it."""
        self.table.go_on(run)
        row = self.table.row_of(run)
        if row >= 0:
            self.box.list.choose([row])
            self._show_chosen()  # the chosen one may be the same, but it goes on now

    def show_live(self, state: RunState) -> None:
        """Show how the run that goes on gets on: it may be on the list only, or the chosen one."""
        drawn = state.phases, state.epochs, state.moved, state.warnings
        if drawn == (self._live.phases, self._live.epochs, self._live.moved, self._live.warnings):
            return
        self._live = state
        self.table.update_running(state)
        if self.table.running_row() in self.box.list.chosen_rows():
            # One plot now, the rest a little later: together they would take longer than a frame.
            self._show_curves(self.loss_plot)
            self._rest.start()

    @Slot()
    def _show_live_rest(self) -> None:
        running, current = self.table.running_row(), self.box.list.chosen_row()
        if running >= 0 and running in self.box.list.chosen_rows():
            self._show_curves(self.accuracy_plot)
        if 0 <= running == current:
            self.stage_bars.show_moves(moves_of(self._live))
            self.warning_note.show_warnings(self._live.warnings)

    def end_run(self, state: RunState, choose: Sequence[Path]) -> None:
        """Show how the run that went on has ended, and what it left on disk. choose: those runs then, if any."""
        self._rest.stop()
        self._live, self._to_choose = RunState(), list(choose)
        self.table.update_running(state)
        self.table.end_running()
        self._show_chosen()
        self.read_anew()

    # The chosen ones

    def chosen_lines(self) -> list[RunLine]:
        """The chosen runs, the newest first."""
        return [self.table.line(row) for row in self.box.list.chosen_rows()]

    @Slot()
    def _show_chosen(self) -> None:
        """Show the chosen run; of several the current one, and all of them held against each other."""
        lines, line = self.chosen_lines(), self.box.chosen()
        for plot in (self.loss_plot, self.accuracy_plot):
            self._show_curves(plot)
        whose = line.run.number if line and len(lines) > 1 else 0
        self.stage_bars.show_moves(moves_of(line.state) if line else (), whose)
        self.warning_note.show_warnings(line.state.warnings if line else ())
        self.side_by_side.show_runs(lines)
        self._lend_room()
        if len(lines) == 2:
            later, earlier = lines
            self.results_view.show_comparison(later, earlier)
        else:
            self.results_view.show_run(line)
        self.chosen_changed.emit()

    def _show_curves(self, plot: CurvePlot) -> None:
        lines = self.chosen_lines()
        if len(lines) > 1:
            name = self.tr("Run {0}")
            shown = reversed(lines[:MOST_LAID])
            plot.show_laid([laid(name.format(line.run.number), line.state, plot.measure) for line in shown])
        else:
            plot.show_curves(curves_of(lines[0].state if lines else RunState(), plot.measure))

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.table.set_colours(theme.colours(self.palette()))

"""The evaluation of the chosen run: what it mistook for what, how good it is in each class, how far to trust it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.comparison import Replayed, ReportWritten
from tlstudio.core.errors import TLStudioError
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder
from tlstudio.ui import figures
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.icons import IconButton
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedBox, ElidedLabel, muted
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import SPACE
from tlstudio.ui.training.class_figures import ClassFiguresView, class_figures
from tlstudio.ui.training.close_look import CloseLook
from tlstudio.ui.training.comparison import ComparisonPage
from tlstudio.ui.training.confusion import ConfusionPage
from tlstudio.ui.training.history import RunLine, RunTable
from tlstudio.ui.training.judged_pictures import Judged, JudgedPictures
from tlstudio.ui.training.mistakes import MistakesPage
from tlstudio.ui.training.reliability import ReliabilityPage, reliability_of
from tlstudio.ui.training.results_note import ResultsNote

_SPLITS = ("test", "val")
_NAMED = 640  # from this width on, the buttons say in words what they do


class ResultsView(QWidget):
    """Shows what is known of how good a run's network is.

    Signals:
        failed: the TLStudioError that ended something this view did.
        pictures_wanted: paths of pictures to show in step 1, where their labels can be put right.
        replay_wanted: the RunFolder of a run to repeat exactly; answer with `show_replayed`.
        room_wanted: True to give this view all the room of its panel, False to give it back.
    """

    failed = Signal(object)
    pictures_wanted = Signal(object)
    replay_wanted = Signal(object)
    room_wanted = Signal(bool)

    def __init__(self, runs: RunTable, chooser: FileChooser | None = None, parent: QWidget | None = None) -> None:
        """runs: what a run can be compared with. chooser: asks where reports go; the system's dialogs by default."""
        super().__init__(parent)
        self.setObjectName("results_view")
        self._chooser = chooser or FileChooser(Preferences())
        self._line: RunLine | None = None
        self._judged = Judged({})
        self._stale: set[QWidget] = set()  # pages that still show another run
        self._pair: tuple[RunFolder, RunFolder] | None = None  # two that are held against each other
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self._take_failure)
        self._make_pages(runs)
        self._nothing = muted(QLabel())
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(self._tabs)
        self.note = ResultsNote()
        self.note.cancelled.connect(self._stop_writing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(self._make_head())
        column.addWidget(self._pages, 1)
        column.addWidget(self.note)
        self._show_line()

    def _make_pages(self, runs: RunTable) -> None:
        self.confusion = ConfusionPage()
        self.confusion_view = self.confusion.view
        self.classes = ClassFiguresView()
        self.mistakes = MistakesPage()
        self.reliability = ReliabilityPage()
        self.comparison = ComparisonPage(runs)
        self._tabs = QTabWidget()
        self._tabs.setObjectName("results_tabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._tabs.tabBar().setStyleSheet("QTabBar::tab { padding: 4px 8px; }")
        for part in (self._tabs, self._tabs.tabBar()):
            part.setAccessibleName(self.tr("Evaluation"))
        for page, name, explanation in (
            (self.confusion, self.tr("Confusion"), self.tr("What it took for what; each cell leads to its pictures")),
            (self.classes, self.tr("Classes"), self.tr("How good it is in each class")),
            (self.mistakes, self.tr("Mistakes"), self.tr("The mistakes it was surest of")),
            (self.reliability, self.tr("Reliability"), self.tr("Whether it is as sure as it is right")),
            (self.comparison, self.tr("Compare"), self.tr("Whether another run is really better or worse")),
        ):
            self._tabs.setTabToolTip(self._tabs.addTab(page, name), explanation)
        self._tabs.currentChanged.connect(self._show_page)
        for source in (self.confusion, self.mistakes, self.comparison):
            source.pictures_wanted.connect(self.pictures_wanted)
        self.confusion.look_wanted.connect(self._look_at_cell)
        self.mistakes.look_wanted.connect(self._look_at_mistake)
        self.comparison.look_wanted.connect(self._look_at_difference)

    def _make_head(self) -> QHBoxLayout:
        self._title = ElidedLabel(mode=Qt.TextElideMode.ElideRight)
        self._title.setProperty("role", "heading")
        self._title.setMinimumHeight(self.fontMetrics().height())
        self.split_box = ElidedBox()
        self.split_box.setObjectName("judged_split_box")
        self.split_box.setAccessibleName(self.tr("Which pictures"))
        self.split_box.setToolTip(
            self.tr("Test pictures were looked at once, at the end; validation pictures also chose the best epoch")
        )
        self.split_box.activated.connect(self._show_split)
        self.report_button = IconButton("report", self.tr("Save a report of this run to read in any browser"))
        self.report_button.setObjectName("report_button")
        self.report_button.clicked.connect(self._save_report)
        self.replay_button = IconButton("repeat", self.tr("Train once more with everything as it was, and compare"))
        self.replay_button.setObjectName("replay_button")
        self.replay_button.clicked.connect(self._ask_for_replay)
        self.room_button = IconButton("expand", self.tr("Give the evaluation all the room, or give it back"))
        self.room_button.setObjectName("results_room_button")
        self.room_button.setCheckable(True)
        self.room_button.toggled.connect(self.room_wanted)
        row = QHBoxLayout()
        row.setSpacing(SPACE // 2)
        row.addWidget(self._title, 1)
        for part in (self.split_box, self.report_button, self.replay_button, self.room_button):
            row.addWidget(part)
        return row

    # What the panel asks

    def show_run(self, line: RunLine | None) -> None:
        """Show the evaluation of a run, or that there is none."""
        self._pair = None
        before, self._line = self._line, line
        if line and before and _state_of(line) == _state_of(before):
            return  # read again, and the same: what is open stays open
        if line and before and line.run.folder.parent != before.run.folder.parent:
            self.note.hide()  # it speaks of another project
        self._show_line()

    def show_comparison(self, first: RunLine, second: RunLine) -> None:
        """Show a run, and beside it how it differs from another."""
        pair, before = (first.run, second.run), self._pair
        self.show_run(first)
        if pair != before:  # it is shown again and again while these two are chosen
            self._tabs.setCurrentWidget(self.comparison)
        self._pair = pair
        self.comparison.compare_with(second)

    @Slot(object)
    def show_replayed(self, replayed: Replayed) -> None:
        """Say how a repeated run differs from the first, if it does."""
        if replayed.identical:
            self.note.say(self.tr("Repeated exactly: the weights and every figure are the same, to the last bit."))
        else:
            self.note.say(self.tr("Repeated, and it came out differently:"), replayed.differences)

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._jobs.shut_down()
        self.comparison.shut_down()
        for page in (self.confusion, self.mistakes):
            page.shut_down()
        for dialog in self.findChildren(CloseLook):
            dialog.view.shut_down()

    # Showing

    def _show_line(self) -> None:
        """Show what the chosen run's report has."""
        line = self._line
        found = [split for split in _SPLITS if line and line.report.get(split)]
        self._pages.setCurrentIndex(1 if found else 0)
        self._nothing.setText(self._say_why_nothing(line))
        self.split_box.clear()
        for split in found:
            self.split_box.addItem(self._name_split(split), split)
        self.split_box.setVisible(len(found) > 1)
        for button in (self.report_button, self.replay_button):
            button.setEnabled(bool(found))
        self.comparison.show_first(line if found else None)
        self._show_split()

    @Slot()
    def _show_split(self) -> None:
        """Show how the run did on the chosen pictures."""
        line, split = self._line, self.split_box.currentData()
        judged: dict[str, Any] = line.report[split] if line and split else {}
        if line is None or not judged:
            self._title.show_text(self.tr("Evaluation"))
            return
        text = self.tr("Run {0} · {1} {2} pictures")
        self._title.show_text(text.format(line.run.number, figures.count(judged["n"]), self._name_split(split)))
        self._judged = Judged(line.report, split)
        self._stale = {self.confusion, self.classes, self.mistakes, self.reliability}
        self.comparison.show_network(_network_of(line.state.recipe))
        self._show_page()

    @Slot()
    def _show_page(self) -> None:
        """Fill the page in front, if another run or other pictures were chosen since."""
        page, line, split = self._tabs.currentWidget(), self._line, self.split_box.currentData()
        if page not in self._stale or line is None or not split:
            return
        self._stale.discard(page)
        judged, network = line.report[split], _network_of(line.state.recipe)
        if page is self.confusion:
            confusion = judged["confusion"]
            self.confusion.show_judged(confusion["labels"], confusion["counts"], self._judged, network)
        elif page is self.classes:
            self.classes.show_classes(class_figures(judged["per_class"]))
        elif page is self.mistakes:
            self.mistakes.show_judged(self._judged, network)
        else:
            self.reliability.show_reliability(reliability_of(line.report, split))

    def _name_split(self, split: str) -> str:
        judged = self._line.report[split] if self._line else {}
        names = {"test": self.tr("test"), "val": self.tr("validation"), events.OUT_OF_FOLD: self.tr("out-of-fold")}
        return names.get(judged.get("split", split), names[split])

    def _say_why_nothing(self, line: RunLine | None) -> str:
        if line is None:
            return self.tr(
                "Once a run has ended, this shows what it took for what, how good it is in each class, and how far "
                "to trust it."
            )
        if line.running:
            return self.tr("This run goes on. When it has ended, it is judged, and the evaluation stands here.")
        if line.state.finished:
            return self.tr("Its evaluation is being read. If it does not appear, its report.json is damaged or gone.")
        return self.tr(
            "This run has not come to its end, so it was never judged. Go on with it, or choose another one."
        )

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        named = self.width() >= _NAMED
        names = (self.tr("Save report…"), self.tr("Repeat exactly")) if named else ("", "")
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if named else Qt.ToolButtonStyle.ToolButtonIconOnly
        for button, name in zip((self.report_button, self.replay_button), names, strict=True):
            button.setText(name)
            button.setToolButtonStyle(style)

    # One picture

    @Slot(int)
    def _look_at_cell(self, row: int) -> None:
        self._look(self.confusion.pictures, row)

    @Slot(int)
    def _look_at_mistake(self, row: int) -> None:
        self._look(self.mistakes.pictures, row)

    @Slot(int)
    def _look_at_difference(self, row: int) -> None:
        self._look(self.comparison.pictures, row)

    def _look(self, pictures: JudgedPictures, row: int) -> None:
        dialog = CloseLook(pictures.grid.list, row, _network_of(self._line.state.recipe) if self._line else None, self)
        dialog.pictures_wanted.connect(self.pictures_wanted)
        dialog.open()

    # The report, and doing it all again

    @Slot()
    def _save_report(self) -> None:
        if self._line is None:
            return
        run = self._line.run
        suggestion = self.tr("Run {0}.html").format(run.number)
        file = self._chooser.save(self, self.tr("Save the report"), suggestion, self.tr("Web page (*.html)"))
        if file is not None:
            self.note.say_busy(self.tr("Writing the report of run {0} …").format(run.number))
            self.report_button.setEnabled(False)
            self._jobs.add(lambda: _write_report(run, file))

    @Slot(object)
    def _take(self, event: events.Event) -> None:
        if isinstance(event, ReportWritten):
            self._end_writing()
            name = Path(event.path).name
            self.note.say_written(
                self.tr("{0} is saved ({1}).").format(name, figures.size(event.size)), Path(event.path)
            )

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._end_writing()
        self.failed.emit(error)

    @Slot()
    def _stop_writing(self) -> None:
        self._jobs.stop()
        self._end_writing()

    def _end_writing(self) -> None:
        self.note.hide()
        self.report_button.setEnabled(self._pages.currentIndex() == 1)

    @Slot()
    def _ask_for_replay(self) -> None:
        if self._line is not None:
            self.replay_wanted.emit(self._line.run)


def _state_of(line: RunLine) -> tuple[RunFolder, float, bool, bool]:
    # Not the reports themselves: to compare those of a hundred thousand pictures would hold the window up.
    return line.run, line.when, line.running, bool(line.report)


def _network_of(recipe: Recipe | None) -> Preprocessing | None:
    """How the network of a recipe is shown pictures; None where the recipe or the network is not known any more."""
    if recipe is None or recipe.backbone not in BACKBONES:
        return None
    usual = BACKBONES[recipe.backbone].preprocessing
    return replace(usual, fit=recipe.fit) if recipe.fit else usual


def _write_report(run: RunFolder, file: Path) -> Iterator[events.Event]:
    yield from tasks.write_report(run, file)

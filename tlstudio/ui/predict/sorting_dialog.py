"""Sort copies into folders: what would go where, shown before anything is written; then how far it is."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Predicted, Progress
from tlstudio.core.sorting import Sorted, SortingPlanned, SortingStarted
from tlstudio.ui import figures
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job import Job
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE

FIRST_BELOW = 80  # percent


class SortingDialog(QDialog):
    """Chooses a folder and how sure is sure enough, shows the plan, copies.

    Signals:
        begun: the record by which the copies are taken back; from here on there are some.
        sorted_: the Sorted at the end. stopped: it was cancelled; what was copied by then stays.
    """

    begun = Signal(str)
    sorted_ = Signal(object)
    stopped = Signal()

    def __init__(
        self, answers: tuple[Predicted, ...], chosen: tuple[Predicted, ...], chooser: FileChooser, owner: QWidget
    ) -> None:
        """answers: all there are; chosen: those a person selected, which are offered when they are several."""
        super().__init__(owner)
        self.setObjectName("sorting_dialog")
        self.setWindowTitle(self.tr("Sort copies into folders"))
        self.resize(640, 520)
        self._answers, self._chosen, self._chooser = answers, chosen, chooser
        self._into: Path | None = None
        self._plan: SortingPlanned | None = None
        self._job: Job | None = None
        self._is_stale = False  # something was changed while the plan was being made
        self._copies = self._leaves = False
        self._lay_out()
        self._show_plan()

    def _lay_out(self) -> None:
        intro = muted(
            QLabel(
                self.tr(
                    "Each picture is copied into a folder named after its class. Your files stay where they are, and "
                    "nothing that is in the folder already is replaced."
                )
            )
        )
        intro.setWordWrap(True)
        self._table = QTableWidget(0, 2)
        self._table.setObjectName("sorting_table")
        self._table.setAccessibleName(self.tr("What would be copied"))
        self._table.setToolTip(self.tr("The folders, and how many pictures each would get"))
        self._table.setHorizontalHeaderLabels([self.tr("Folder"), self.tr("Pictures")])
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        numbers = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        self._table.model().setHeaderData(1, Qt.Orientation.Horizontal, numbers, Qt.ItemDataRole.TextAlignmentRole)
        self._table.verticalHeader().hide()
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._table.setShowGrid(False)
        self._sum = QLabel()
        self._sum.setObjectName("sorting_sum")
        self._sum.setTextFormat(Qt.TextFormat.PlainText)
        self._sum.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress"))
        policy = self._bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._bar.setSizePolicy(policy)
        self._bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addLayout(self._make_choices())
        layout.addWidget(self._table, 1)
        layout.addWidget(self._sum)
        layout.addWidget(self._bar)
        layout.addWidget(self._make_buttons())

    def _make_choices(self) -> QGridLayout:
        self._which = QComboBox()
        self._which.setObjectName("sorting_which")
        self._which.setAccessibleName(self.tr("Which pictures"))
        self._which.setToolTip(self.tr("Copy the pictures of all answers, or only of those that are selected"))
        self._which.addItem(self.tr("All %n answer(s)", "", len(self._answers)), self._answers)
        if len(self._chosen) > 1:
            self._which.addItem(self.tr("The %n selected", "", len(self._chosen)), self._chosen)
            self._which.setCurrentIndex(1)
        self._which.currentIndexChanged.connect(self._plan_anew)
        self._place = ElidedLabel(self.tr("No folder chosen yet"))
        self._choose = QPushButton(self.tr("Choose folder…"))
        self._choose.setObjectName("sorting_folder_button")
        self._choose.setToolTip(self.tr("Choose the folder in which the class folders are made"))
        self._choose.clicked.connect(self._choose_folder)
        self._below = QSpinBox()
        self._below.setObjectName("sorting_below")
        self._below.setRange(0, 100)
        self._below.setValue(FIRST_BELOW)
        self._below.setSuffix(" %")
        self._below.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._below.setAccessibleName(self.tr("Least probability to be sorted by class"))
        explanation = self.tr(
            "Pictures with a lower probability, and those like nothing the model was taught, go into a folder of their "
            "own to be looked through by hand"
        )
        self._below.setToolTip(explanation)
        self._below.valueChanged.connect(self._plan_anew)
        where, limit = QHBoxLayout(), QHBoxLayout()
        where.addWidget(self._place, 1)
        where.addWidget(self._choose)
        limit.setSpacing(SPACE)
        limit.addWidget(self._below)
        limit.addWidget(muted(ElidedLabel(self.tr("go into the folder “_unsure”"), Qt.TextElideMode.ElideRight)), 1)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE * 2)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel(self.tr("Pictures of")), 0, 0)
        grid.addWidget(self._which, 0, 1)
        grid.addWidget(QLabel(self.tr("Into")), 1, 0)
        grid.addLayout(where, 1, 1)
        grid.addWidget(QLabel(self.tr("Less sure than")), 2, 0)
        grid.addLayout(limit, 2, 1)
        return grid

    def _make_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.copy_button = QPushButton(self.tr("Copy"))
        self.copy_button.setObjectName("copy_pictures_button")
        self.copy_button.setProperty("primary", True)
        buttons.addButton(self.copy_button, QDialogButtonBox.ButtonRole.AcceptRole)
        cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setIcon(QIcon())  # the style's own does not follow our colours
        cancel.setToolTip(self.tr("Copy nothing, or nothing more"))
        buttons.accepted.connect(self._copy)
        buttons.rejected.connect(self.reject)
        return buttons

    # The plan

    @Slot()
    def _choose_folder(self) -> None:
        folder = self._chooser.folder(self, self.tr("Folder to sort copies into"))
        if folder is not None:
            self._into = folder
            self._place.show_text(str(folder))
            self._plan_anew()

    @Slot()
    def _plan_anew(self) -> None:
        """See what would be done now; a plan that is being made is given up."""
        self._plan = None
        self._show_plan()
        if self._into is None:
            return
        if self._job is not None:
            self._is_stale = True
            self._job.stop()
            return
        task = partial(tasks.plan_sorting, self._which.currentData(), self._into, self._below.value() / 100)
        self._start(task)

    def _start(self, task: Callable[[], Iterator[Event]]) -> None:
        self._job = Job(lambda _stop: task(), self)
        self._job.reported.connect(self._take)
        self._job.failed.connect(self._show_failure)
        self._job.finished.connect(self._go_on)
        self._job.start()

    def _show_plan(self) -> None:
        plan = self._plan
        folders = plan.folders if plan is not None else ()
        self._table.setRowCount(len(folders))
        for row, found in enumerate(folders):
            name = found["folder"]
            if not found["label"]:
                name = self.tr("{folder}: to be looked through by hand").format(folder=name)
            self._table.setItem(row, 0, QTableWidgetItem(name))
            count = QTableWidgetItem(figures.count(found["pictures"]))
            count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._table.setItem(row, 1, count)
        self._sum.setText(self._describe(plan))
        fits = plan is not None and plan.copies > 0 and plan.size <= plan.free
        self.copy_button.setEnabled(fits)
        copies = plan.copies if plan is not None else 0
        self.copy_button.setText(self.tr("Copy %n picture(s)", "", copies) if copies else self.tr("Copy"))
        self.copy_button.setToolTip(
            self.tr("Make the copies; Undo takes them back")
            if fits
            else self.tr("There is nothing to copy as it stands")
        )

    def _describe(self, plan: SortingPlanned | None) -> str:
        if self._into is None:
            return self.tr("Choose a folder to see what would be copied.")
        if plan is None:
            return self.tr("Looking at the pictures …")
        size, free = figures.size(plan.size), figures.size(plan.free)
        if plan.size > plan.free:
            text = self.tr("The copies take {size}, and only {free} are free there. Choose a folder on another disk.")
            return text.format(size=size, free=free)
        parts = [self.tr("{size} to copy, {free} free there.").format(size=size, free=free)]
        if plan.already:
            parts.append(self.tr("%n picture(s) already in place.", "", plan.already))
        if plan.refused:
            parts.append(self.tr("%n unreadable picture(s) left out.", "", len(plan.refused)))
        return " ".join(parts)

    # The copying

    @Slot()
    def _copy(self) -> None:
        if self._into is None or self._job is not None:
            return
        self._copies = True
        self.copy_button.setEnabled(False)
        for choice in (self._which, self._choose, self._below):
            choice.setEnabled(False)
        self._bar.setRange(0, 0)
        self._bar.show()
        self._start(partial(tasks.sort_copies, self._which.currentData(), self._into, self._below.value() / 100))

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case SortingPlanned() if not self._copies:
                self._plan = None if self._is_stale else event
                self._show_plan()
            case SortingStarted():
                self.begun.emit(event.record)
            case Progress() if self._copies:
                self._bar.setRange(0, event.total)
                self._bar.setValue(event.done)
                done, total = figures.count(event.done), figures.count(event.total)
                self._sum.setText(self.tr("Copying … {done} of {total}").format(done=done, total=total))
            case Sorted():
                self.sorted_.emit(event)
                self.accept()

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self._copies = False
        self._plan = None
        self._show_plan()
        self._sum.setText(str(error))
        self._bar.hide()
        for choice in (self._which, self._choose, self._below):
            choice.setEnabled(True)

    @Slot()
    def _go_on(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        if self._leaves:
            if self._copies:
                self.stopped.emit()
            super().reject()
        elif self._is_stale:
            self._is_stale = False
            self._plan_anew()

    def reject(self) -> None:
        """Go; what runs is stopped first."""
        if self._job is None:
            super().reject()
            return
        self._leaves = True
        self._job.stop()
        self.setEnabled(False)

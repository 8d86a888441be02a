"""Two runs on the same pictures: whether one is really better, and the pictures that only one of them got right."""

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.comparison import Compared
from tlstudio.core.errors import TLStudioError
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.run import RunFolder
from tlstudio.ui import figures, strategies
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedBox, muted
from tlstudio.ui.theme import SPACE
from tlstudio.ui.training.history import RunLine, RunTable
from tlstudio.ui.training.judged_pictures import Judged, JudgedPictures

_BESIDE = 640  # from this width on, the pictures stand beside the words
_PICTURES = 190


class ComparisonPage(QScrollArea):
    """The chosen run against another one of the list.

    Signals:
        pictures_wanted, look_wanted: as of JudgedPictures.
    """

    pictures_wanted = Signal(object)
    look_wanted = Signal(int)

    def __init__(self, runs: RunTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._runs.modelReset.connect(self._list_others)
        self._first: RunLine | None = None
        self._compared: tuple[RunFolder, RunFolder] | None = None  # what is on show or on its way
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self._take_failure)
        self.box = ElidedBox()
        self.box.setObjectName("other_run_box")
        self.box.setAccessibleName(self.tr("Compare with"))
        self.box.setToolTip(self.tr("The run to compare the chosen one with"))
        self.box.setSizeAdjustPolicy(ElidedBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.activated.connect(self._compare)
        self._caption = muted(QLabel(self.tr("Compare with")))
        self._caption.setBuddy(self.box)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._caption)
        row.addWidget(self.box, 1)
        self._verdict, self._difference = QLabel(), muted(QLabel())
        self._verdict.setProperty("role", "heading")
        for label in (self._verdict, self._difference):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.pictures = JudgedPictures(self.tr("Pictures that only one of the runs got right"))
        self.pictures.grid.setObjectName("difference_pictures")
        self.pictures.pictures_wanted.connect(self.pictures_wanted)
        self.pictures.look_wanted.connect(self.look_wanted)
        self.pictures.setMinimumHeight(_PICTURES)
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(row)
        column.addWidget(self._verdict)
        column.addWidget(self._difference)
        column.addWidget(self._make_counts())
        column.addStretch(1)
        self._parts = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._parts.setContentsMargins(0, SPACE, SPACE // 2, 0)
        self._parts.setSpacing(SPACE)
        self._parts.addWidget(words, 1)
        self._parts.addWidget(self.pictures, 1)
        inside = QWidget()
        inside.setLayout(self._parts)
        self.setObjectName("comparison_page")
        self.setAccessibleName(self.tr("Comparison"))
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)
        self._show(None)

    def _make_counts(self) -> QWidget:
        """Both right or wrong, and only one of them: the latter lead to their pictures."""
        self._names = [muted(QLabel()) for _ in range(4)]
        self._both_right, self._both_wrong = QLabel(), QLabel()
        for label in (*self._names, self._both_right, self._both_wrong):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.only_this, self.only_other = QPushButton(), QPushButton()
        self._paths: dict[QAbstractButton, Sequence[str]] = {}
        self._lists = QButtonGroup(self)
        for button in (self.only_this, self.only_other):
            button.setCheckable(True)
            self._lists.addButton(button)
        self._lists.buttonToggled.connect(self._show_list)
        self._counts = QWidget()
        grid = QGridLayout(self._counts)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * SPACE)
        grid.setVerticalSpacing(2)
        for column, name in enumerate(self._names[:2], 1):
            grid.addWidget(name, 0, column, Qt.AlignmentFlag.AlignCenter)
        for row, name in enumerate(self._names[2:], 1):
            grid.addWidget(name, row, 0)
        cells = ((self._both_right, self.only_this), (self.only_other, self._both_wrong))
        for row, parts in enumerate(cells, 1):
            for column, part in enumerate(parts, 1):
                grid.addWidget(part, row, column, Qt.AlignmentFlag.AlignCenter)
        grid.setColumnStretch(3, 1)
        return self._counts

    # From outside

    def show_first(self, line: RunLine | None) -> None:
        """The run that is compared with another; None compares nothing."""
        self._first = line
        self._list_others()

    def compare_with(self, other: RunLine) -> None:
        """Compare with this run, as if it had been chosen."""
        self._list_others(other)
        if self.box.currentData() is None:
            self._compared = None
            self._show(None)
            self._verdict.setText(
                self.tr("Run {0} was not judged, so there is nothing to compare.").format(other.run.number)
            )

    def show_network(self, network: Preprocessing | None) -> None:
        """How the network of the chosen run is shown pictures."""
        self.pictures.show_network(network)

    def text(self) -> str:
        """The words on show."""
        return f"{self._verdict.text()}\n{self._difference.text()}"

    def shut_down(self) -> None:
        self._jobs.shut_down()
        self.pictures.shut_down()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        beside = self.width() >= _BESIDE
        self._parts.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._compare()

    # Choosing

    @Slot()
    def _list_others(self, choose: RunLine | None = None) -> None:
        """Offer the other judged runs, and choose one; by default that which was chosen stays so."""
        before = choose or self.box.currentData()
        lines = [self._runs.line(row) for row in range(self._runs.rowCount())]
        others = [line for line in lines if self._first and line.report and line.run != self._first.run]
        self.box.clear()
        for line in others:
            self.box.addItem(self._describe(line), line)
        kept = next((i for i, line in enumerate(others) if before and line.run == before.run), -1 if choose else 0)
        self.box.setCurrentIndex(kept if others else -1)
        for part in (self.box, self._caption):
            part.setVisible(bool(others))
        if self.isVisible():
            self._compare()

    def _describe(self, line: RunLine) -> str:
        end, recipe = line.state.finished, line.state.recipe
        parts = [self.tr("Run {0}").format(line.run.number)]
        if recipe is not None:
            parts.append(strategies.title_of(recipe))
        if end is not None and end.test_accuracy is not None and end.test_interval is not None:
            parts.append(self.tr("{0} test").format(figures.accuracy(end.test_accuracy, end.test_interval)))
        elif end is not None:
            held_out = self.tr("{0} out of fold") if end.folds else self.tr("{0} val.")
            parts.append(held_out.format(figures.accuracy(end.val_accuracy, end.val_interval)))
        return " · ".join(parts)

    @Slot()
    def _compare(self) -> None:
        """Compare the two runs, unless that is on show already."""
        first, other = self._first, self.box.currentData()
        wanted = (first.run, other.run) if first and other else None
        if wanted is None:
            self._compared = None
            self._show(None)
        elif wanted != self._compared:
            self._compared = wanted
            self._show(None)
            self._jobs.stop()
            self._jobs.add(lambda: _compare_runs(*wanted))

    @Slot(object)
    def _take(self, event: events.Event) -> None:
        # One that was asked for before the last choice may still come.
        if isinstance(event, Compared) and self._compared and self._is_of(event, self._compared):
            self._show(event)

    @staticmethod
    def _is_of(event: Compared, runs: tuple[RunFolder, RunFolder]) -> bool:
        return (event.second, event.first) == tuple(str(run.folder) for run in runs)

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._show(None)
        self._verdict.setText(self.tr("These two cannot be compared."))
        self._difference.setText(str(error))

    # Showing

    def _show(self, compared: Compared | None) -> None:
        for part in (self._counts, self.pictures):
            part.setVisible(compared is not None)
        if compared is None:
            self._verdict.setText(self._say_why_nothing())
            self._difference.setText("")
            return
        this, other = self._numbers()
        self._verdict.setText(self._say_verdict(compared, this, other))
        self._difference.setText(self._say_difference(compared, this, other))
        right, wrong = self.tr("run {0} right"), self.tr("run {0} wrong")
        for label, (text, number) in zip(
            self._names, ((right, other), (wrong, other), (right, this), (wrong, this)), strict=True
        ):
            label.setText(text.format(number))
        self._both_right.setText(figures.count(compared.both_right))
        self._both_wrong.setText(figures.count(compared.both_wrong))
        said = self.tr("Pictures that only run {0} got right: {1}")
        for button, number, paths in (
            (self.only_this, this, compared.only_second),
            (self.only_other, other, compared.only_first),
        ):
            button.setText(figures.count(len(paths)))
            button.setToolTip(said.format(number, figures.count(len(paths))))
            button.setAccessibleName(button.toolTip())
            self._paths[button] = paths
        fuller = self.only_this if len(compared.only_second) >= len(compared.only_first) else self.only_other
        fuller.setChecked(True)
        self._show_list()

    def _say_why_nothing(self) -> str:
        if self._first is None:
            return self.tr("Choose a run that has ended.")
        if not self.box.count():
            return self.tr("There is no other judged run yet. Train with another recipe, and the two can be compared.")
        return self.tr("Comparing …")

    def _numbers(self) -> tuple[int, int]:
        """The numbers of the chosen run and of the other."""
        return (self._compared[0].number, self._compared[1].number) if self._compared else (0, 0)

    def _say_verdict(self, compared: Compared, this: int, other: int) -> str:
        if compared.better is None:
            text = self.tr("Neither is better, as far as {0} pictures can tell.")
            return text.format(figures.count(compared.n))
        # The task was given the other run first.
        pair = (this, other) if compared.better == "second" else (other, this)
        return self.tr("Run {0} is better than run {1}.").format(*pair)

    def _say_difference(self, compared: Compared, this: int, other: int) -> str:
        names = {"test": self.tr("test"), "val": self.tr("validation"), events.OUT_OF_FOLD: self.tr("out-of-fold")}
        low, high = (_signed(end) for end in compared.interval)
        text = self.tr(
            "On {n} {split} pictures run {this} got {first}, run {other} {second}: {by} points ({low} to {high})."
        )
        lines = [
            text.format(
                n=figures.count(compared.n),
                split=names.get(compared.split, compared.split),
                this=this,
                other=other,
                first=figures.percent(compared.second_accuracy),
                second=figures.percent(compared.first_accuracy),
                by=_signed(compared.difference),
                low=low,
                high=high,
            )
        ]
        if compared.better is None and compared.needed:
            needed = self.tr("To show a difference of this size it would take about {0} pictures.")
            lines.append(needed.format(figures.count(compared.needed)))
        if compared.remarks:
            named = self.tr("(The first is run {0}, the second run {1}.)").format(other, this)
            lines += [*compared.remarks, named]
        return " ".join(lines)

    @Slot()
    def _show_list(self) -> None:
        """Show the pictures that only one got right, with what the other took them for."""
        button = self._lists.checkedButton()
        other: RunLine | None = self.box.currentData()
        if button is None or self._first is None or other is None:
            return
        this_alone = button is self.only_this
        winner, loser = (self._first, other) if this_alone else (other, self._first)
        title = self.tr("Only run {0} is right")
        found = Judged(loser.report, "test", "val").among(self._paths[button])
        self.pictures.show_pictures(title.format(winner.run.number), found)


def _signed(share: float) -> str:
    """A difference of shares in points with its sign: +3.5."""
    points = round(100 * share, 1)
    return ("−" if points < 0 else "+" if points > 0 else "") + figures.number(abs(points), 1)


def _compare_runs(this: RunFolder, other: RunFolder) -> Iterator[events.Event]:
    # The other comes first, so that the difference is what the chosen one has more.
    yield from tasks.compare(other, this)

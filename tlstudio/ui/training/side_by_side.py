"""Runs side by side: one row a run, so that extraction and fine-tuning can be held against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from tlstudio.core.events import EpochDone
from tlstudio.core.run import RunState
from tlstudio.ui import figures, strategies
from tlstudio.ui.training.history import RunLine

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_ROW_HEIGHT = 26
_STRATEGY = 20  # characters of it that have to be seen
_MOST_ROWS = 5  # that are seen without scrolling


class Column(IntEnum):
    RUN = 0
    STRATEGY = 1
    LEARNS = 2
    EPOCHS = 3
    TRAIN = 4
    VAL = 5
    TEST = 6
    CALIBRATION = 7
    TIME = 8
    SPEED = 9


_LEAST = (Column.SPEED, Column.EPOCHS, Column.TRAIN)


@dataclass(frozen=True)
class _Row:
    texts: tuple[str, ...]
    tip: str


class SideBySideTable(QAbstractTableModel):
    """Translates the chosen runs into rows, the oldest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []

    def show_runs(self, lines: Sequence[RunLine]) -> None:
        self.beginResetModel()
        self._rows = [self._row(line) for line in sorted(lines, key=_number)]
        self.endResetModel()

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(self._rows)

    def columnCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        match role:
            case _Role.DisplayRole:
                return self._titles()[section]
            case _Role.ToolTipRole:
                return self._meanings().get(Column(section))
            case _Role.TextAlignmentRole:
                return _alignment(Column(section))
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, text = self._rows[index.row()], self._rows[index.row()].texts[index.column()]
        match role:
            case _Role.DisplayRole:
                return text
            case _Role.ToolTipRole:
                return row.tip
            case _Role.TextAlignmentRole:
                return _alignment(Column(index.column()))
            case _Role.AccessibleTextRole:
                return f"{self._titles()[index.column()]}: {text}"
        return None

    def _titles(self) -> tuple[str, ...]:
        return (
            self.tr("Run"),
            self.tr("Strategy"),
            self.tr("Learn"),
            self.tr("Epochs"),
            self.tr("Train"),
            self.tr("Validation"),
            self.tr("Test"),
            self.tr("Cal. error"),
            self.tr("Time"),
            self.tr("Pictures/s"),
        )

    def _meanings(self) -> dict[Column, str]:
        return {
            Column.LEARNS: self.tr("Parameters that learn in the last phase"),
            Column.EPOCHS: self.tr("Epochs it ran, of all phases together"),
            Column.TRAIN: self.tr(
                "Accuracy on the pictures it learned from, in the epoch that was kept. It says nothing about new "
                "pictures, so it has no interval; far above validation, the network has learned them by heart."
            ),
            Column.VAL: self.tr("With its 95 % interval; out of fold where the run was judged by folds"),
            Column.TEST: self.tr("With its 95 % interval, on pictures that decided nothing"),
            Column.CALIBRATION: self.tr(
                "How far what it says of its certainty is from how often it is right, on average"
            ),
            Column.SPEED: self.tr("Pictures learned from in a second, over all epochs"),
        }

    def _row(self, line: RunLine) -> _Row:
        state, end = line.state, line.state.finished
        kept = _kept(state)
        learns = figures.count(state.phases[-1].trainable_parameters) if state.phases else ""
        name = strategies.title_of(state.recipe) if state.recipe else strategies.title(line.strategy)
        judged = line.report.get("test") or line.report.get("val") or {}
        error = judged.get("calibration_error")
        seconds = sum(epoch.seconds for epoch in state.epochs)
        speed = figures.count(round(line.pictures * len(state.epochs) / seconds)) if line.pictures and seconds else ""
        texts = (
            str(line.run.number),
            name,
            learns,
            figures.count(len(state.epochs)),
            figures.percent(kept.train_accuracy) if kept else "",
            figures.accuracy(end.val_accuracy, end.val_interval) if end else "",
            figures.accuracy(end.test_accuracy, end.test_interval)
            if end and end.test_accuracy is not None and end.test_interval is not None
            else "",
            figures.percent(error) if error is not None else "",
            figures.duration(end.seconds) if end else "",
            speed,
        )
        shown = tuple(text or "–" for text in texts)
        # Where there is little room some columns are not there; this always has all.
        named = (f"{title}: {text}" for title, text in zip(self._titles()[2:], shown[2:], strict=True))
        tip = strategies.in_words(state.recipe) if state.recipe else name
        return _Row(shown, "\n".join((tip, *named)))


def _kept(state: RunState) -> EpochDone | None:
    """The epoch whose weights were kept: the last that was the best of its run so far."""
    return next((epoch for epoch in reversed(state.epochs) if epoch.best), None)


def _number(line: RunLine) -> int:
    return line.run.number


def _alignment(column: Column) -> Qt.AlignmentFlag:
    left = column == Column.STRATEGY
    return (Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter


class SideBySide(QTableView):
    """The table as it stands on the page: there while several runs are chosen, as high as they need."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("side_by_side")
        self.setAccessibleName(self.tr("The chosen runs side by side"))
        self.setModel(SideBySideTable(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setStyleSheet("QTableView::item { padding: 0 4px; } QHeaderView::section { padding: 4px 5px; }")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.STRATEGY, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(34)
        self.hide()

    def show_runs(self, lines: Sequence[RunLine]) -> None:
        """Show these beside each other; fewer than two: nothing to hold against anything."""
        table = self.model()
        if isinstance(table, SideBySideTable):
            table.show_runs(lines)
        rows = min(len(lines), _MOST_ROWS)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * _ROW_HEIGHT + 4)
        self.setVisible(len(lines) > 1)
        self._make_room()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._make_room()

    def _make_room(self) -> None:
        """Leave out the least of the columns until the strategy can be read."""
        header = self.horizontalHeader()
        wide: dict[Column, int] = {
            c: max(header.sectionSizeHint(c), self.sizeHintForColumn(c)) for c in Column if c != Column.STRATEGY
        }
        over = sum(wide.values()) + self.fontMetrics().averageCharWidth() * _STRATEGY - self.viewport().width()
        for column in _LEAST:
            self.setColumnHidden(column, over > 0)
            over -= wide[column] if over > 0 else 0

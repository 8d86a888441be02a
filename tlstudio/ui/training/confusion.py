"""What a run mistook for what: a table of counts, shaded by their share of the row."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from tlstudio.ui import figures, theme

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_FEW, _NARROW = 12, 48
_STRONGEST = 120  # alpha of a full cell: the figures on it stay readable


class ConfusionTable(QAbstractTableModel):
    """Counts of pictures: a row for each true class, a column for each answer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._labels: list[str] = []
        self._counts: list[list[int]] = []
        self._totals: list[int] = []
        self._colours: theme.Colours | None = None

    def show_counts(self, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        self.beginResetModel()
        self._labels, self._counts = list(labels), [list(row) for row in counts]
        self._totals = [sum(row) for row in self._counts]
        self.endResetModel()

    def set_colours(self, colours: theme.Colours) -> None:
        self.beginResetModel()
        self._colours = colours
        self.endResetModel()

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(self._counts)

    def columnCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(self._labels)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if role == _Role.DisplayRole:
            return self._labels[section]
        if role == _Role.ToolTipRole:
            said = self.tr("Taken for {0}") if orientation == Qt.Orientation.Horizontal else self.tr("In truth {0}")
            return said.format(self._labels[section])
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        count, total = self._counts[row][column], self._totals[row]
        match role:
            case _Role.DisplayRole:
                return figures.count(count) if count else "·"
            case _Role.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignCenter
            case _Role.BackgroundRole if count and self._colours:
                shade = QColor(self._colours.accent if row == column else self._colours.warning)
                shade.setAlpha(round(_STRONGEST * (0.25 + 0.75 * count / total)))
                return shade
            case _Role.ForegroundRole if not count and self._colours:
                return self._colours.muted
            case _Role.ToolTipRole | _Role.AccessibleTextRole:
                truth, said = self._labels[row], self._labels[column]
                if row == column:
                    text = self.tr("{0} of {1} pictures of {2} were recognised")
                    return text.format(figures.count(count), figures.count(total), truth)
                text = self.tr("{0} of {1} pictures of {2} were taken for {3}")
                return text.format(figures.count(count), figures.count(total), truth, said)
        return None


class ConfusionView(QTableView):
    """Shows a ConfusionTable."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("confusion_view")
        self.setAccessibleName(self.tr("Confusion: rows are the truth, columns what the model said"))
        self.setToolTip(self.tr("Rows are the truth, columns what the model said"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setCornerButtonEnabled(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self._table = ConfusionTable(self)
        self._table.set_colours(theme.colours(self.palette()))
        self.setModel(self._table)
        self.horizontalHeader().setMinimumSectionSize(36)
        self.horizontalHeader().setStyleSheet("QHeaderView::section { padding: 5px 2px; }")
        self.horizontalHeader().setSectionsClickable(False)
        self.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().setSectionsClickable(False)
        self.verticalHeader().setDefaultSectionSize(26)

    def table(self) -> ConfusionTable:
        return self._table

    def show_counts(self, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        self._table.show_counts(labels, counts)
        # Fitting a thousand columns to what stands in a million cells would take minutes.
        mode = QHeaderView.ResizeMode.Stretch if len(labels) <= _FEW else QHeaderView.ResizeMode.Fixed
        self.horizontalHeader().setSectionResizeMode(mode)
        self.horizontalHeader().setDefaultSectionSize(_NARROW)

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._table.set_colours(theme.colours(self.palette()))
        super().changeEvent(change)

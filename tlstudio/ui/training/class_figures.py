"""How good a run is in each class: a table whose figures carry their intervals, the worst class first."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.core.events import Interval
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.theme import SPACE

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_FIGURE = int(_Role.UserRole)  # a Figure, for the delegate
_SORT = _FIGURE + 1
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ROW = 28
_LEAST_BAR, _LEAST_NAME = 36, 72
_WIDEST, _BRIEF = "100.0 % (100–100)", "100.0 %"


@dataclass(frozen=True)
class Figure:
    """A share of 1 and its 95 % interval, where the report has one."""

    value: float
    interval: Interval | None = None

    def text(self) -> str:
        return figures.accuracy(self.value, self.interval) if self.interval else figures.percent(self.value)


@dataclass(frozen=True)
class ClassFigures:
    """How good a run is in one class. pictures: of this class that were judged."""

    name: str
    pictures: int
    precision: Figure
    recall: Figure
    f1: Figure


def class_figures(per_class: Mapping[str, Mapping[str, Any]]) -> list[ClassFigures]:
    """The figures in a report, class by class; reports of earlier versions have no intervals."""

    def figure(found: Mapping[str, Any], name: str) -> Figure:
        interval = found.get(f"{name}_interval")
        return Figure(float(found[name]), (float(interval[0]), float(interval[1])) if interval else None)

    return [
        ClassFigures(name, int(found["support"]), *(figure(found, each) for each in ("precision", "recall", "f1")))
        for name, found in per_class.items()
    ]


class Column(IntEnum):
    CLASS = 0
    PICTURES = 1
    PRECISION = 2
    RECALL = 3
    F1 = 4


class ClassTable(QAbstractTableModel):
    """A row for each class."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._classes: list[ClassFigures] = []

    def show_classes(self, classes: list[ClassFigures]) -> None:
        self.beginResetModel()
        self._classes = classes
        self.endResetModel()

    def classes(self) -> list[ClassFigures]:
        return self._classes

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(self._classes)

    def columnCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        titles = (self.tr("Class"), self.tr("Pictures"), self.tr("Precision"), self.tr("Recall"), self.tr("F1"))
        match role:
            case _Role.DisplayRole:
                return titles[section]
            case _Role.ToolTipRole:
                return self._explain_column(Column(section))
            case _Role.TextAlignmentRole:
                return _RIGHT if section == Column.PICTURES else _LEFT
        return None

    def _explain_column(self, column: Column) -> str:
        what = {
            Column.CLASS: self.tr("The class as the pictures are filed"),
            Column.PICTURES: self.tr("How many pictures of the class were judged"),
            Column.PRECISION: self.tr("Of the pictures it took for this class: how many were of it"),
            Column.RECALL: self.tr("Of the pictures of this class: how many it recognised"),
            Column.F1: self.tr("Precision and recall in one figure: their harmonic mean"),
        }[column]
        if column in (Column.PRECISION, Column.RECALL, Column.F1):
            what = self.tr("{0}. The bar reaches to the figure, the thin line over its 95 % interval").format(what)
        return self.tr("{0}. A click sorts by it; S sorts by the column of the chosen cell.").format(what)

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line, column = self._classes[index.row()], Column(index.column())
        figure = {Column.PRECISION: line.precision, Column.RECALL: line.recall, Column.F1: line.f1}.get(column)
        match role:
            case _Role.DisplayRole:
                if figure is not None:
                    return figure.text()
                return line.name if column == Column.CLASS else figures.count(line.pictures)
            case _Role.TextAlignmentRole:
                return _RIGHT if column == Column.PICTURES else _LEFT
            case _Role.ToolTipRole | _Role.AccessibleTextRole:
                said = f"{line.name}: {self._explain(line, column)}"
                return plain_tip(said) if role == _Role.ToolTipRole else said
            case _ if role == _FIGURE:
                return figure
            case _ if role == _SORT:
                if figure is not None:
                    return figure.value
                return line.name.casefold() if column == Column.CLASS else line.pictures
        return None

    def _explain(self, line: ClassFigures, column: Column) -> str:
        match column:
            case Column.PRECISION:
                return self.tr("precision {0}").format(line.precision.text())
            case Column.RECALL:
                return self.tr("recall {0}").format(line.recall.text())
            case Column.F1:
                return self.tr("F1 {0}").format(line.f1.text())
        return self.tr("%n picture(s)", "", line.pictures)


class _FigureDelegate(QStyledItemDelegate):
    """A figure, and where there is room a bar as long as it is high, with a thin line over its interval.

    Attributes:
        is_brief: leave the intervals out of the figures, for want of room; the tool tips have them.
    """

    is_brief = False

    def initStyleOption(self, option: QStyleOptionViewItem, at: _Index) -> None:
        super().initStyleOption(option, at)
        figure: Figure | None = at.data(_FIGURE)
        if figure is not None and self.is_brief:
            option.text = figures.percent(figure.value)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: _Index) -> None:
        figure: Figure | None = at.data(_FIGURE)
        has_interval = figure is not None and figure.interval and not self.is_brief
        widest = _WIDEST if has_interval else _BRIEF
        needed = option.fontMetrics.horizontalAdvance(widest) + 2 * SPACE
        bar = min(option.rect.width() - needed - SPACE, 160)
        super().paint(painter, option, at)
        if figure is None or bar < _LEAST_BAR:
            return
        colours = theme.colours(option.palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, left = option.rect.center().y() + 0.5, option.rect.left() + needed
        track = QRectF(left, middle - 4, bar, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.line)
        painter.drawRoundedRect(track, 2, 2)
        filled = QColor(colours.accent)
        filled.setAlpha(150)
        painter.setBrush(filled)
        painter.drawRoundedRect(QRectF(left, middle - 4, bar * figure.value, 8), 2, 2)
        if figure.interval:
            low, high = (left + bar * end for end in figure.interval)
            painter.setPen(QPen(option.palette.text().color(), 1.5))
            painter.drawLine(QPointF(low, middle), QPointF(high, middle))
            for end in (low, high):
                painter.drawLine(QPointF(end, middle - 4), QPointF(end, middle + 4))
        painter.restore()


class ClassFiguresView(QTableView):
    """Shows a ClassTable; a click on a title sorts by it, and so does S on a cell."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("class_figures")
        self.setAccessibleName(self.tr("Figures of each class"))
        self.setToolTip(self.tr("How good the run is in each class, the worst first; S sorts by the chosen column"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setStyleSheet("QTableView::item { padding: 0 5px; }")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self._table = ClassTable(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(_SORT)
        self._sorted.setSourceModel(self._table)
        self.setModel(self._sorted)
        self._delegate = _FigureDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setSortingEnabled(True)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.sortByColumn(Column.F1, Qt.SortOrder.AscendingOrder)

    def show_classes(self, classes: list[ClassFigures]) -> None:
        self._table.show_classes(classes)
        self._share_width()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._share_width()

    def _share_width(self) -> None:
        """Names take what they need, figures the rest; where they would not fit any more, without their intervals."""
        width, header = self.fontMetrics().horizontalAdvance, self.horizontalHeader()
        room = self.viewport().width()
        names = [width(line.name) for line in self._table.classes()]
        named = min(max([*names, _LEAST_NAME]) + 3 * SPACE, max(_LEAST_NAME, room // 4))
        counted = header.sectionSizeHint(Column.PICTURES)
        has_interval = any(line.f1.interval for line in self._table.classes())
        whole, brief = width(_WIDEST) + 3 * SPACE, width(_BRIEF) + 3 * SPACE
        least = {Column.PRECISION: whole, Column.RECALL: whole, Column.F1: whole if has_interval else brief}
        self._delegate.is_brief = sum(least.values()) > room - named - counted
        if self._delegate.is_brief:
            least = dict.fromkeys(least, brief)
        spare = max(0, room - named - counted - sum(least.values())) // len(least)
        for column, needed in least.items():
            header.resizeSection(column, needed + spare)
        header.resizeSection(Column.PICTURES, counted)
        header.resizeSection(Column.CLASS, named)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() != Qt.Key.Key_S or not self.currentIndex().isValid():
            super().keyPressEvent(pressed)
            return
        column, ascending = self.currentIndex().column(), Qt.SortOrder.AscendingOrder
        again = column == self._sorted.sortColumn() and self._sorted.sortOrder() == ascending
        self.sortByColumn(column, Qt.SortOrder.DescendingOrder if again else ascending)

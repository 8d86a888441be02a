"""What a run mistook for what: a table of counts, shaded by their share of the row, each leading to its pictures."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSplitter, QTableView, QVBoxLayout, QWidget

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.theme import SPACE
from tlstudio.ui.training.judged_pictures import Judged, JudgedPictures

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_FEW, _NARROW, _NAMES = 12, 36, 0.3
_TALLEST, _MEASURED = 110, 200  # pixels of a name that stands upright; names that are measured for it
_STRONGEST = 120  # alpha of a full cell: the figures on it stay readable
_BESIDE = 620  # from this width on, the pictures of a cell stand beside the table
_BELOW = 380  # from this height on, they stand below it; where there is room for neither, in its place


class ConfusionTable(QAbstractTableModel):
    """Counts of pictures: a row for each true class, a column for each answer, and the totals of both at the end."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._labels: list[str] = []
        self._counts: list[list[int]] = []
        self._truths: list[int] = []
        self._answers: list[int] = []
        self._colours: theme.Colours | None = None

    def show_counts(self, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        self.beginResetModel()
        self._labels, self._counts = list(labels), [list(row) for row in counts]
        self._truths = [sum(row) for row in self._counts]
        self._answers = [sum(column) for column in zip(*self._counts, strict=True)]
        self.endResetModel()

    def set_colours(self, colours: theme.Colours) -> None:
        self.beginResetModel()
        self._colours = colours
        self.endResetModel()

    def labels_at(self, index: _Index) -> tuple[str, str]:
        """The true class and the answer a cell is about; empty for all of them together."""
        row, column = index.row(), index.column()
        named = [*self._labels, ""]
        return named[row], named[column]

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() or not self._counts else len(self._counts) + 1

    def columnCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() or not self._labels else len(self._labels) + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        is_total = section == len(self._labels)
        if role == _Role.DisplayRole:
            return self.tr("all") if is_total else self._labels[section]
        if role == _Role.ToolTipRole:
            across = orientation == Qt.Orientation.Horizontal
            if is_total:
                return self.tr("All pictures of the class") if across else self.tr("All answers of the class")
            said = self.tr("Taken for {0}") if across else self.tr("In truth {0}")
            return plain_tip(said.format(self._labels[section]))
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        is_total = row == len(self._counts) or column == len(self._labels)
        count = self._count(row, column)
        match role:
            case _Role.DisplayRole:
                return figures.count(count) if count else "·"
            case _Role.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignCenter
            case _Role.BackgroundRole if count and self._colours and not is_total:
                shade = QColor(self._colours.accent if row == column else self._colours.warning)
                shade.setAlpha(round(_STRONGEST * (0.25 + 0.75 * count / self._truths[row])))
                return shade
            case _Role.ForegroundRole if self._colours and (is_total or not count):
                return self._colours.muted
            case _Role.FontRole if is_total:
                bold = QFont()
                bold.setWeight(QFont.Weight.DemiBold)
                return bold
            case _Role.ToolTipRole:
                return plain_tip(self._explain(row, column))
            case _Role.AccessibleTextRole:
                return self._explain(row, column)
        return None

    def _count(self, row: int, column: int) -> int:
        if row < len(self._counts) and column < len(self._labels):
            return self._counts[row][column]
        if row < len(self._counts):
            return self._truths[row]
        return self._answers[column] if column < len(self._labels) else sum(self._truths)

    def _explain(self, row: int, column: int) -> str:
        """What the number in a cell says."""
        rows, columns = len(self._counts), len(self._labels)
        if row == rows and column == columns:
            right, every = sum(self._counts[i][i] for i in range(rows)), sum(self._truths)
            text = self.tr("{0} of all {1} pictures were recognised ({2})")
            return text.format(figures.count(right), figures.count(every), figures.share(right, every))
        if row == rows:
            right, every = self._counts[column][column], self._answers[column]
            text = self.tr("{0} of {1} answers “{3}” were right ({2})")
            return text.format(
                figures.count(right), figures.count(every), figures.share(right, every), self._labels[column]
            )
        recognised = column in (row, columns)
        count, total = self._counts[row][row if recognised else column], self._truths[row]
        shown = figures.count(count), figures.count(total), figures.share(count, total), self._labels[row]
        if recognised:
            return self.tr("{0} of {1} pictures of {3} were recognised ({2})").format(*shown)
        text = self.tr("{0} of {1} pictures of {3} were taken for {4} ({2})")
        return text.format(*shown, self._labels[column])


class _AnswerHeader(QHeaderView):
    """Names of the answers above their columns, upright where the columns are too narrow to read across."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._upright = False
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)

    def stand_upright(self, upright: bool) -> None:
        self._upright = upright
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        usual = super().sizeHint()
        if not self._upright or not self.count():
            return usual
        width = self.fontMetrics().horizontalAdvance
        named = (str(self.model().headerData(i, self.orientation())) for i in range(min(self.count(), _MEASURED)))
        return QSize(usual.width(), min(max(map(width, named)) + 2 * SPACE, _TALLEST))

    def paintSection(self, painter: QPainter, box: QRect, section: int) -> None:
        if not self._upright:
            super().paintSection(painter, box, section)
            return
        text = str(self.model().headerData(section, self.orientation()))
        painter.save()
        painter.setPen(theme.colours(self.palette()).muted)
        painter.translate(box.left(), box.bottom())
        painter.rotate(-90)
        room = QRect(SPACE // 2, 0, box.height() - SPACE, box.width())
        short = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), short)
        painter.restore()


class ConfusionView(QTableView):
    """Shows a ConfusionTable.

    Signals:
        cell_opened: a cell with a count was clicked, or Enter pressed on it: its row and column.
    """

    cell_opened = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("confusion_view")
        self.setAccessibleName(self.tr("Confusion: rows are the truth, columns what the model said"))
        self.setToolTip(
            self.tr("Rows are the truth, columns what the model said; a click or Enter shows the pictures of a cell")
        )
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setCornerButtonEnabled(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self._table = ConfusionTable(self)
        self._table.set_colours(theme.colours(self.palette()))
        self.setModel(self._table)
        self._header = _AnswerHeader(self)
        self.setHorizontalHeader(self._header)
        self.horizontalHeader().setMinimumSectionSize(_NARROW)
        self.horizontalHeader().setStyleSheet("QHeaderView::section { padding: 5px 2px; }")
        self.horizontalHeader().setSectionsClickable(False)
        self.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().setSectionsClickable(False)
        self.verticalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().setDefaultSectionSize(26)
        self.clicked.connect(self._open)

    def table(self) -> ConfusionTable:
        return self._table

    def show_counts(self, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        self._table.show_counts(labels, counts)
        # Fitting a thousand columns to what stands in a million cells would take minutes.
        few = len(labels) <= _FEW
        mode = QHeaderView.ResizeMode.Stretch if few else QHeaderView.ResizeMode.Fixed
        self._header.stand_upright(not few)
        self.horizontalHeader().setSectionResizeMode(mode)
        self.horizontalHeader().setDefaultSectionSize(_NARROW)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if pressed.key() in keys and self.currentIndex().isValid():
            self._open(self.currentIndex())
        elif pressed.key() == Qt.Key.Key_Escape:
            pressed.ignore()  # the page closes its pictures
        else:
            super().keyPressEvent(pressed)

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        # A long name must not take the room of the counts.
        self.verticalHeader().setMaximumWidth(max(60, round(_NAMES * self.width())))

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._table.set_colours(theme.colours(self.palette()))
        super().changeEvent(change)

    @Slot(QModelIndex)
    def _open(self, at: QModelIndex) -> None:
        self.cell_opened.emit(at.row(), at.column())


class ConfusionPage(QWidget):
    """The table, and beside or below it the pictures of the cell that was opened last.

    Signals:
        pictures_wanted, look_wanted: as of JudgedPictures.
    """

    pictures_wanted = Signal(object)
    look_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._judged = Judged({})
        self.view = ConfusionView()
        self.view.cell_opened.connect(self._open)
        self.view.selectionModel().currentChanged.connect(self._follow)
        self.pictures = JudgedPictures(self.tr("Pictures of the chosen cell"), closable=True)
        self.pictures.grid.setObjectName("cell_pictures")
        self.pictures.pictures_wanted.connect(self.pictures_wanted)
        self.pictures.look_wanted.connect(self.look_wanted)
        self.pictures.closed.connect(self.close_pictures)
        self.pictures.hide()
        self._split = QSplitter()
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        for part in (self.view, self.pictures):
            self._split.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE // 2, 0, 0)
        column.addWidget(self._split)

    def show_judged(
        self,
        labels: Sequence[str],
        counts: Sequence[Sequence[int]],
        judged: Judged,
        network: Preprocessing | None,
    ) -> None:
        """Show how a network did. judged: the pictures it was judged by. network: how it is shown pictures."""
        self._judged = judged
        self.close_pictures()
        self.view.show_counts(labels, counts)
        self.pictures.show_network(network)

    @Slot()
    def close_pictures(self) -> None:
        """The table alone."""
        had_focus = self.pictures.isAncestorOf(self.focusWidget())
        self.pictures.hide()
        self.view.show()
        if had_focus:
            self.view.setFocus()

    def shut_down(self) -> None:
        self.pictures.shut_down()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._arrange()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() == Qt.Key.Key_Escape and not self.pictures.isHidden():
            self.close_pictures()
        else:
            super().keyPressEvent(pressed)

    def _arrange(self) -> None:
        """Pictures beside the table, below it, or in its place, as there is room."""
        beside = self.width() >= _BESIDE
        self._split.setOrientation(Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical)
        crowded = not beside and self.height() < _BELOW
        self.view.setVisible(self.pictures.isHidden() or not crowded)

    @Slot(int, int)
    def _open(self, row: int, column: int) -> None:
        at = self.view.table().index(row, column)
        truth, said = self.view.table().labels_at(at)
        picked = self._judged.of(truth, said)
        if not picked.count and len(self._judged) and self.pictures.isHidden():
            return  # an empty cell has nothing to make room for
        self.pictures.show_pictures(at.data(_Role.AccessibleTextRole), picked)
        self.pictures.show()
        self._arrange()
        if self.view.isHidden():
            self.pictures.grid.setFocus()

    @Slot(QModelIndex, QModelIndex)
    def _follow(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid() and self.pictures.isVisible():
            self._open(now.row(), now.column())

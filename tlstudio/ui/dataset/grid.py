"""The picture grid: as many pictures as there are, and only those near the window are decoded.

Qt's own list lays every cell out when the model or the width changes: 160 ms for 100,000 pictures, and twice that to
select them. All cells are alike here, so where one lies is arithmetic, and a selection is a range.
"""

from collections.abc import Iterator

from PySide6.QtCore import QItemSelection, QMimeData, QModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QDrag,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem, QWidget

from tlstudio.ui import theme
from tlstudio.ui.dataset.delegates import PictureDelegate, paint_count
from tlstudio.ui.dataset.models import ClassList, Index, PictureList
from tlstudio.ui.thumbnails import Thumbnails

SETTLE = 25
GAP = 4
SMALLEST, LARGEST = 72, 256
MOST_BESIDE = 3
# What a drag of chosen pictures carries inside the window; the pictures themselves are the grid's selection.
DRAGGED = "application/x-tlstudio-chosen-pictures"
_Move = QAbstractItemView.CursorAction
_Hint = QAbstractItemView.ScrollHint
_State = QStyle.StateFlag


class PictureGrid(QAbstractItemView):
    """Pictures in rows.

    Signals:
        look_wanted: Space or a double click. digit_pressed: 1 to 9, and 0 for the tenth class. exclude_wanted: Delete.
        rename_wanted: F2. menu_wanted: a menu at this place of the screen, for what is selected.
    """

    look_wanted = Signal()
    digit_pressed = Signal(int)
    exclude_wanted = Signal()
    rename_wanted = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, pictures: PictureList, classes: ClassList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("picture_grid")
        self.setAccessibleName(self.tr("Pictures"))
        self.setToolTip(
            self.tr(
                "Space looks at a picture closely, 1 to 9 file it under another class, Delete leaves it out; drag "
                "pictures onto a class to file them there"
            )
        )
        self._pictures = pictures
        self._cell = QSize(128, 128)
        self._columns = 1
        self._why_empty = ""
        self.thumbnails = Thumbnails(self)
        self._delegate = PictureDelegate(self.thumbnails, classes, self)
        self.setModel(pictures)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Coming and going it would change the width, the width the cells, and the cells whether it is needed.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        # Only what covers all behind it can be moved when it is scrolled.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self._want_visible)
        self.verticalScrollBar().valueChanged.connect(self._settle_soon)
        pictures.modelReset.connect(self._settle_soon)
        pictures.dataChanged.connect(self._settle_soon)
        self.doubleClicked.connect(self.look_wanted)
        self.thumbnails.drawn.connect(self._show_drawn)
        self.show_side(self._delegate.side)

    # What is asked of it

    @Slot(int)
    def show_side(self, side: int) -> None:
        """Show pictures this large, pixels of the square they fit into."""
        self._delegate.says_more = False
        self._show_side(side)

    def show_beside(self, count: int) -> None:
        """Show so many pictures beside each other, as large as there is room for, with what tells them apart."""
        self._delegate.says_more = True
        columns = max(1, min(count, MOST_BESIDE))
        spare = self._delegate.cell(self.fontMetrics()).width() - self._delegate.side + GAP
        self._show_side((self.viewport().width() - 1) // columns - spare)

    def _show_side(self, side: int) -> None:
        kept = (
            self.currentIndex() if self.currentIndex().isValid() else self.indexAt(QPoint(self._cell.width() // 2, 1))
        )
        self._delegate.side = max(SMALLEST, min(side, LARGEST))
        self.updateGeometries()
        self.viewport().update()
        self.scrollTo(kept, _Hint.PositionAtCenter if kept == self.currentIndex() else _Hint.PositionAtTop)
        self._settle.start()

    def say_why_empty(self, text: str) -> None:
        """What stands where there is no picture to show."""
        self._why_empty = text
        self.viewport().update()

    @property
    def side(self) -> int:
        return self._delegate.side

    def chosen_ids(self) -> list[int]:
        """The ids of the selected pictures, in the order they stand in."""
        return [number for first, last in self._chosen_rows() for number in self._pictures.ids(first, last)]

    def chosen_count(self) -> int:
        return sum(last - first + 1 for first, last in self._chosen_rows())

    def _chosen_rows(self) -> list[tuple[int, int]]:
        """The first and last row of each stretch that is selected."""
        chosen = self.selectionModel().selection()
        return sorted((chosen.at(n).top(), chosen.at(n).bottom()) for n in range(chosen.count()))

    def shut_down(self) -> None:
        self.thumbnails.shut_down()

    # Where things lie

    def updateGeometries(self) -> None:
        super().updateGeometries()
        cell = self._delegate.cell(self.fontMetrics())
        room = self.viewport().width() - 1
        self._columns = max(1, room // (cell.width() + GAP))
        # The columns share the whole width evenly.
        self._cell = QSize(max(cell.width() + GAP, room // self._columns), cell.height() + GAP)
        bar, lines = self.verticalScrollBar(), -(-self._pictures.rowCount() // self._columns)
        bar.setRange(0, max(0, lines * self._cell.height() - self.viewport().height()))
        bar.setPageStep(max(self._cell.height(), self.viewport().height() - self._cell.height() // 2))
        bar.setSingleStep(max(1, self._cell.height() // 3))

    def visualRect(self, at: Index) -> QRect:
        if not at.isValid():
            return QRect()
        line, column = divmod(at.row(), self._columns)
        top = line * self._cell.height() - self.verticalOffset()
        return QRect(QPoint(column * self._cell.width(), top), self._cell)

    def indexAt(self, place: QPoint) -> QModelIndex:
        column, line = place.x() // self._cell.width(), (place.y() + self.verticalOffset()) // self._cell.height()
        row = line * self._columns + column
        inside = 0 <= column < self._columns and 0 <= row < self._pictures.rowCount()
        return self._pictures.index(row) if inside else QModelIndex()

    def scrollTo(self, at: Index, hint: QAbstractItemView.ScrollHint = _Hint.EnsureVisible) -> None:
        if not at.isValid():
            return
        bar, box = self.verticalScrollBar(), self.visualRect(at)
        top, room = box.top() + bar.value(), self.viewport().height()
        if hint == _Hint.PositionAtTop:
            bar.setValue(top)
        elif hint == _Hint.PositionAtCenter:
            bar.setValue(top - (room - box.height()) // 2)
        elif box.top() < 0:
            bar.setValue(top)
        elif box.bottom() > room:
            bar.setValue(top + box.height() - room)

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, _at: Index) -> bool:
        return False

    def moveCursor(self, action: QAbstractItemView.CursorAction, _keys: Qt.KeyboardModifier) -> QModelIndex:
        count = self._pictures.rowCount()
        if not count:
            return QModelIndex()
        row = self.currentIndex().row()
        if row < 0:
            return self._pictures.index(0)
        page = max(1, self.viewport().height() // self._cell.height()) * self._columns
        step = {
            _Move.MoveUp: -self._columns,
            _Move.MoveDown: self._columns,
            _Move.MoveLeft: -1,
            _Move.MoveRight: 1,
            _Move.MovePrevious: -1,
            _Move.MoveNext: 1,
            _Move.MovePageUp: -page,
            _Move.MovePageDown: page,
            _Move.MoveHome: -row,
            _Move.MoveEnd: count,
        }[action]
        if action == _Move.MoveUp and row + step < 0:
            return self._pictures.index(row)
        return self._pictures.index(max(0, min(count - 1, row + step)))

    def setSelection(self, box: QRect, command: object) -> None:
        """Select from the cell at the box's first corner to that at its last, in reading order, as text is."""
        chosen = QItemSelection()
        count = self._pictures.rowCount()
        if count and (box.width() != 1 or box.height() != 1 or self.indexAt(box.topLeft()).isValid()):
            ends = sorted(self._row_near(place) for place in (box.topLeft(), box.bottomRight()))
            first, last = (max(0, min(count - 1, row)) for row in ends)
            chosen.select(self._pictures.index(first), self._pictures.index(last))
        self.selectionModel().select(chosen, command)  # type: ignore[call-overload]  # Qt's own flags come in

    def _row_near(self, place: QPoint) -> int:
        column = max(0, min(self._columns - 1, place.x() // self._cell.width()))
        return (place.y() + self.verticalOffset()) // self._cell.height() * self._columns + column

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        first, last = self._visible_rows()
        region = QRegion()
        for part in (selection.at(number) for number in range(selection.count())):
            for row in range(max(first, part.top()), min(last, part.bottom()) + 1):
                region += self.visualRect(self._pictures.index(row))
        return region

    def near_rows(self) -> tuple[int, int]:
        """The first and last row on show or a page away from it; either may lie beyond the pictures."""
        first, last = self._visible_rows()
        page = last - first + 1
        return first - page, last + page

    def _visible_rows(self) -> tuple[int, int]:
        """The first and last row on show; the last may lie behind the last picture."""
        first = self.verticalOffset() // self._cell.height() * self._columns
        lines = self.viewport().height() // self._cell.height() + 2
        return first, first + lines * self._columns - 1

    # Painting

    def scrollContentsBy(self, across: int, down: int) -> None:
        self.viewport().scroll(across, down)  # what stays on show is moved, not painted again

    def paintEvent(self, painting: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(painting.rect(), theme.colours(self.palette()).surface)
        if not self._pictures.rowCount():
            painter.setPen(theme.colours(self.palette()).muted)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(24, 24, -24, -24), flags, self._why_empty)
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        plain = option.state & ~(_State.State_Selected | _State.State_MouseOver | _State.State_HasFocus)
        hovered = self.indexAt(self.viewport().mapFromGlobal(QCursor.pos())) if self.viewport().underMouse() else None
        chosen, current = self.selectionModel(), self.currentIndex()
        by_key = self.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
        for at in self._indexes_in(painting.rect()):
            option.rect = self.visualRect(at)
            state = plain
            if chosen.isSelected(at):
                state |= _State.State_Selected
            if at == hovered:
                state |= _State.State_MouseOver
            if at == current and self.hasFocus():
                state |= _State.State_HasFocus
                if by_key:
                    state |= _State.State_KeyboardFocusChange
            option.state = state
            self._delegate.paint(painter, option, at)

    def _indexes_in(self, area: QRect) -> Iterator[QModelIndex]:
        first, last = self._visible_rows()
        for row in range(first, min(last, self._pictures.rowCount() - 1) + 1):
            at = self._pictures.index(row)
            if self.visualRect(at).intersects(area):
                yield at

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self.updateGeometries()
        self._settle.start()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._settle.start()

    # What a person does

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        key, plain = pressed.key(), pressed.modifiers() in (Qt.KeyboardModifier(0), Qt.KeyboardModifier.KeypadModifier)
        if key == Qt.Key.Key_Space and plain:
            self.look_wanted.emit()
        elif key == Qt.Key.Key_Delete and plain:
            self.exclude_wanted.emit()
        elif key == Qt.Key.Key_F2:
            self.rename_wanted.emit()
        elif Qt.Key.Key_0 <= key <= Qt.Key.Key_9 and plain:
            self.digit_pressed.emit(key - Qt.Key.Key_0)
        elif key == Qt.Key.Key_Menu:
            self.menu_wanted.emit(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center()))
        else:
            super().keyPressEvent(pressed)

    def keyboardSearch(self, _typed: str) -> None:
        """A letter does nothing: Qt would compare it with the name of every picture, on this thread."""

    def contextMenuEvent(self, wanted: QContextMenuEvent) -> None:
        if self.selectionModel().hasSelection():
            self.menu_wanted.emit(wanted.globalPos())

    def startDrag(self, _actions: Qt.DropAction) -> None:
        given = QMimeData()
        given.setData(DRAGGED, str(self.chosen_count()).encode())
        drag = QDrag(self)
        drag.setMimeData(given)
        drag.setPixmap(paint_count(self, self.tr("%n picture(s)", "", self.chosen_count())))
        drag.exec(Qt.DropAction.MoveAction)

    # Pictures that come

    @Slot()
    def _settle_soon(self) -> None:
        # Not connected itself: it would take the scroll bar's value for milliseconds. And never put off: pictures are
        # to appear while somebody scrolls.
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _want_visible(self) -> None:
        if not self.isVisible():
            return
        first, last = self._visible_rows()
        page = last - first + 1
        self._pictures.want(*self.near_rows())
        spans = ((first, last), (last + 1, last + page), (first - page, first - 1))
        near = [picture.path for span in spans for _row, picture in self._pictures.known(*span)]
        self.thumbnails.want(near, round(self.side * self.devicePixelRatioF()))

    @Slot(str)
    def _show_drawn(self, path: str) -> None:
        first, last = self._visible_rows()
        for row, picture in self._pictures.known(first, last):
            if picture.path == path:
                self.viewport().update(self.visualRect(self._pictures.index(row)))

"""The tree of the network on screen: tick, search, copy, and see how far each layer moved."""

from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import (
    QEvent,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from tlstudio.core.outline import StageOutline
from tlstudio.core.recipe import Phase
from tlstudio.ui import theme
from tlstudio.ui.model.layer_model import BAR_ROLE, Column, LayerModel, typeable

_PADDING, _ROW_HEIGHT = 5, 24
_BAR_HEIGHT = 3
_Role = Qt.ItemDataRole


class _MovementDelegate(QStyledItemDelegate):
    """A number with a bar under it."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        share = index.data(BAR_ROLE)
        if share is None:
            return
        room = QRectF(option.rect).adjusted(_PADDING, 0, -_PADDING, 0)
        width = max(1.0, room.width() * share)
        colour = theme.colours(option.palette).accent
        painter.fillRect(QRectF(room.right() - width, room.bottom() - _BAR_HEIGHT - 1, width, _BAR_HEIGHT), colour)


class LayerTree(QTreeView):
    """Shows a LayerModel; Space ticks the row one stands on, Ctrl+C copies what is to be seen.

    Signals:
        cut_wanted: freeze everything before this stage. seeing_wanted: see what this stage responds to.
    """

    cut_wanted = Signal(str)
    seeing_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer_tree")
        self.setAccessibleName(self.tr("Layers of the network"))
        self.setUniformRowHeights(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setIndentation(16)
        self.setStyleSheet(f"QTreeView::item {{ padding: 0 {_PADDING}px; min-height: {_ROW_HEIGHT}px; }}")
        self._words: tuple[str, ...] = ()
        self._only_learning = False
        self._open_before: list[QPersistentModelIndex] | None = None  # while a search has opened others
        self._model = LayerModel(self)
        self._model.set_colours(theme.colours(self.palette()))
        self.setModel(self._model)
        self.setItemDelegateForColumn(Column.MOVED, _MovementDelegate(self))
        # Qt would measure all names again at every change of any row, 40 times for one other phase.
        self._fit_soon = QTimer(self, interval=0, singleShot=True)
        self._fit_soon.timeout.connect(self._fit_names)
        self.expanded.connect(self._fit_soon.start)
        self.verticalScrollBar().rangeChanged.connect(self._fit_soon.start)
        self.verticalScrollBar().valueChanged.connect(self._fit_soon.start)
        self.header().setResizeContentsPrecision(0)  # of what is to be seen
        self._model.modelReset.connect(self.scrollToTop)
        self._model.modelReset.connect(self._fit_columns)
        self._model.modelReset.connect(self._sieve)
        self.header().setStretchLastSection(True)
        self.header().setSectionsMovable(False)
        self.header().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.header().setMinimumSectionSize(56)
        self.setColumnHidden(Column.MOVED, True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)

    def layers(self) -> LayerModel:
        return self._model

    def show_outline(self, stages: Sequence[StageOutline], phase: Phase) -> None:
        self._model.show_outline(stages, phase)
        self.setColumnHidden(Column.MOVED, not self._model.has_movement)
        if self._only_learning:
            self._sieve()

    def show_movement(self, movement: dict[str, float], seal: dict[str, object]) -> None:
        """Show how far a run moved each layer, and whether BatchNorm stood still; nothing of either hides it."""
        if self._model.shows_run(movement, seal):
            return
        self._model.show_run(movement, seal)
        self.setColumnHidden(Column.MOVED, not self._model.has_movement)
        self._fit_columns()

    # Search and sieve

    def search(self, text: str) -> int:
        """Show only rows that say all these words, with what lies above and in them; the number of rows that do."""
        words = tuple(typeable(text).split())
        if words and self._open_before is None:
            opened = (index for index in self._walk(QModelIndex(), self.isExpanded))
            self._open_before = [QPersistentModelIndex(index) for index in opened]
        self._words = words
        self._sieve()
        if not words:
            self._close_what_search_opened()
        found = list(self._matches())
        for index in found:
            above = index.parent()
            while above.isValid():
                self.expand(above)
                above = above.parent()
        if found and not self._says_it(self.currentIndex()):
            self._go_to(found[0])
        return len(found)

    def _close_what_search_opened(self) -> None:
        """Open what was open before, and what leads to the row one stands on."""
        before, self._open_before = self._open_before, None
        if before is None:
            return
        here = self.currentIndex()
        self.collapseAll()
        self.scheduleDelayedItemsLayout()  # once, not for every row that opens
        for index in before:
            self.expand(index)
        if here.isValid():
            self._go_to(here)  # which opens what it lies in

    @Slot()
    def go_to_next_match(self) -> None:
        """Stand on the next row that says what is searched for; after the last comes the first."""
        found = list(self._matches())
        if not found:
            return
        here = self.currentIndex().siblingAtColumn(0)
        at = found.index(here) + 1 if here in found else 0
        self._go_to(found[at % len(found)])

    @Slot(bool)
    def show_only_learning(self, only: bool) -> None:
        """Leave out what is frozen altogether, or show everything again."""
        self._only_learning = only
        self._sieve()

    def _go_to(self, index: QModelIndex) -> None:
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.EnsureVisible)

    def _says_it(self, index: QModelIndex) -> bool:
        return index.isValid() and all(word in self._model.says(index) for word in self._words)

    def _matches(self) -> Iterator[QModelIndex]:
        if self._words:
            yield from (index for index in self._walk(QModelIndex(), self._is_shown) if self._says_it(index))

    def _is_shown(self, index: QModelIndex) -> bool:
        return not self.isRowHidden(index.row(), index.parent())

    def _walk(self, above: QModelIndex, enters: Callable[[QModelIndex], bool]) -> Iterator[QModelIndex]:
        """The rows below one, from top to bottom, without those that are not to be entered and what lies in them."""
        for position in range(self._model.rowCount(above)):
            index = self._model.index(position, 0, above)
            if enters(index):
                yield index
                yield from self._walk(index, enters)

    @Slot()
    def _sieve(self) -> None:
        self._sieve_below(QModelIndex(), inside=False)

    def _sieve_below(self, above: QModelIndex, inside: bool) -> bool:
        """Hide what is not wanted among the rows below one; whether any of them is left. inside: of a row found."""
        left = False
        for position in range(self._model.rowCount(above)):
            index = self._model.index(position, 0, above)
            is_found = inside or self._says_it(index)
            wanted = self._sieve_below(index, is_found) or is_found
            wanted = wanted and (self._model.learns(index) or not self._only_learning)
            if self.isRowHidden(position, above) == wanted:
                self.setRowHidden(position, above, not wanted)
            left = left or wanted
        return left

    def paintEvent(self, painting: QPaintEvent) -> None:
        super().paintEvent(painting)
        if self._words and self._is_shown_empty():
            painter = QPainter(self.viewport())
            painter.setPen(theme.colours(self.palette()).muted)
            nothing = self.tr("No layer says that. Try a part of a name (layer4, bn) or of a kind (conv, 3x3, linear).")
            if self._only_learning:
                nothing = self.tr("Nothing that learns says that. Untick “Show only what learns” to search in all.")
            place = self.viewport().rect().adjusted(_PADDING, 0, -_PADDING, 0)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), nothing)

    def _is_shown_empty(self) -> bool:
        return all(self.isRowHidden(row, QModelIndex()) for row in range(self._model.rowCount()))

    # Copying

    def rows_as_text(self) -> list[list[str]]:
        """What is to be seen, a header first: opened rows only, names indented by their depth."""
        columns = [column for column in Column if not self.isColumnHidden(column)]
        header = [self._model.headerData(column, Qt.Orientation.Horizontal) for column in columns]

        def is_open(index: QModelIndex) -> bool:
            return self._is_shown(index) and (not index.parent().isValid() or self.isExpanded(index.parent()))

        rows = [header]
        for index in self._walk(QModelIndex(), is_open):
            cells = [index.siblingAtColumn(column).data() or "" for column in columns]
            rows.append(["  " * _depth(index) + cells[0], *cells[1:]])
        return rows

    @Slot()
    def copy(self) -> None:
        """Put what is to be seen on the clipboard, in columns of plain text."""
        QGuiApplication.clipboard().setText(aligned(self.rows_as_text()))

    @Slot()
    def copy_as_table(self) -> None:
        """Put what is to be seen on the clipboard, with tabs between the cells, as spreadsheets take it."""
        given = QMimeData()
        text = "\n".join("\t".join(row) for row in self.rows_as_text()) + "\n"
        given.setText(text)
        given.setData("text/tab-separated-values", text.encode())
        QGuiApplication.clipboard().setMimeData(given)

    # The menu of a row

    def menu_at(self, index: QModelIndex) -> QMenu:
        """What can be done with a row, and with the tree."""
        menu = QMenu(self)
        menu.setObjectName("layer_menu")
        menu.setToolTipsVisible(True)
        if index.isValid():
            self.setCurrentIndex(index)
            box = index.siblingAtColumn(Column.LEARNS)
            can = bool(box.flags() & Qt.ItemFlag.ItemIsUserCheckable)
            state = Qt.CheckState(box.data(_Role.CheckStateRole) or 0)
            learn = menu.addAction(self.tr("Let it learn"), self._let_learn)
            learn.setEnabled(can and state != Qt.CheckState.Checked)
            freeze = menu.addAction(self.tr("Freeze it"), self._freeze)
            freeze.setEnabled(can and state != Qt.CheckState.Unchecked)
            cut = menu.addAction(self.tr("Freeze up to “{0}”").format(self._model.stage(index)), self._cut)
            cut.setEnabled(self._model.is_editable and bool(self._model.stage_after(index)))
            menu.addSeparator()
            menu.addAction(self.tr("What “{0}” sees…").format(self._model.stage(index)), self._see)
            menu.addSeparator()
        menu.addAction(self.tr("Copy as text"), self.copy)
        menu.addAction(self.tr("Copy as table"), self.copy_as_table)
        return menu

    @Slot(QPoint)
    def _show_menu(self, place: QPoint) -> None:
        menu = self.menu_at(self.indexAt(place).siblingAtColumn(0))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(place))

    @Slot()
    def _let_learn(self) -> None:
        self._tick(Qt.CheckState.Checked)

    @Slot()
    def _freeze(self) -> None:
        self._tick(Qt.CheckState.Unchecked)

    def _tick(self, state: Qt.CheckState) -> None:
        self._model.setData(self.currentIndex().siblingAtColumn(Column.LEARNS), state, _Role.CheckStateRole)

    @Slot()
    def _cut(self) -> None:
        self.cut_wanted.emit(self._model.stage_after(self.currentIndex()))

    @Slot()
    def _see(self) -> None:
        self.seeing_wanted.emit(self._model.stage(self.currentIndex()))

    @Slot()
    def _fit_columns(self) -> None:
        header = self.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        sample = self.fontMetrics().horizontalAdvance
        widest = {
            Column.SHAPE: "32 × 112 × 112",
            Column.PARAMETERS: "11,179,077",
            Column.LEARNS: "☐  in part",
            Column.RATE: "2.5e-4",
            Column.BATCHNORM: "adaptive · ✓" if self._model.has_seal else "BatchNorm",
            Column.MOVED: "134.5 %",
        }
        for column, text in widest.items():
            wanted = (sample(text) + 2 * _PADDING + 12, header.sectionSizeHint(column), self.sizeHintForColumn(column))
            header.resizeSection(column, max(wanted))
        header.resizeSection(Column.NAME, header.sectionSizeHint(Column.NAME))
        self._fit_names()

    @Slot()
    def _fit_names(self) -> None:
        """Make room for the names that are to be seen; a column that also shrank would jump while one scrolls."""
        wanted = self.sizeHintForColumn(Column.NAME)
        if wanted > self.columnWidth(Column.NAME):
            self.setColumnWidth(Column.NAME, wanted)

    def keyPressEvent(self, press: QKeyEvent) -> None:
        index = self.currentIndex()
        if press.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif press.key() == Qt.Key.Key_Space and index.isValid():
            box = index.siblingAtColumn(Column.LEARNS)
            if box.flags() & Qt.ItemFlag.ItemIsUserCheckable:
                ticked = Qt.CheckState(box.data(_Role.CheckStateRole)) == Qt.CheckState.Checked
                self._tick(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)
        else:
            super().keyPressEvent(press)

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._model.set_colours(theme.colours(self.palette()))
        super().changeEvent(change)


def _depth(index: QModelIndex) -> int:
    return 1 + _depth(index.parent()) if index.parent().isValid() else 0


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as columns of plain text, two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines) + "\n"

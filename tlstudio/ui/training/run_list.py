"""The list of runs as it stands on the page, and what a run warned about below it."""

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.ui import theme
from tlstudio.ui.icons import Sign
from tlstudio.ui.labels import muted
from tlstudio.ui.training.history import RunColumn, RunTable

_ROW_HEIGHT = 28
_SHOWN = 3
_ROOM_FOR_WHEN, _ROOM_FOR_TIME = 700, 500  # pixels
_ROOM_TO_WRITE = 280  # pixels for a note


class _NoteDelegate(QStyledItemDelegate):
    """Gives a note more room while it is written than its column has."""

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().updateEditorGeometry(editor, option, index)
        place = editor.geometry()
        place.setLeft(max(0, min(place.left(), place.right() - _ROOM_TO_WRITE)))
        editor.setGeometry(place)


class RunList(QTableView):
    """One line a run, newest first; the current one is chosen, and more beside it with Ctrl or Shift."""

    def __init__(self, table: RunTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run_list")
        self.setAccessibleName(self.tr("Runs"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setStyleSheet("QTableView::item { padding: 0 5px; }")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.setModel(table)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setSectionResizeMode(RunColumn.STRATEGY, QHeaderView.ResizeMode.Stretch)
        for column in (RunColumn.ACCURACY, RunColumn.TIME):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        width = self.fontMetrics().horizontalAdvance
        header.resizeSection(RunColumn.NUMBER, width("★ 100") + 12)
        header.resizeSection(RunColumn.WHEN, width("12/31/2026") + 16)
        self.setItemDelegateForColumn(RunColumn.NOTE, _NoteDelegate(self))

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        # The recipe comes first; the tool tip has the rest.
        self.setColumnHidden(RunColumn.WHEN, self.width() < _ROOM_FOR_WHEN)
        self.setColumnHidden(RunColumn.TIME, self.width() < _ROOM_FOR_TIME)
        letters = 6 if self.width() < _ROOM_FOR_TIME else 14
        self.horizontalHeader().resizeSection(RunColumn.NOTE, self.fontMetrics().horizontalAdvance("n") * letters)

    def chosen_row(self) -> int:
        """The row of the chosen run, of several the current one; -1: none is."""
        rows = self.chosen_rows()
        current = self.currentIndex().row()
        return current if current in rows else rows[0] if rows else -1

    def chosen_rows(self) -> list[int]:
        """The rows of all chosen runs, from the top."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def choose(self, rows: Sequence[int]) -> None:
        """Choose these runs; the first is the current one."""
        chosen = QItemSelection()
        for row in rows:
            chosen.select(self.model().index(row, 0), self.model().index(row, len(RunColumn) - 1))
        flags = QItemSelectionModel.SelectionFlag
        if rows:
            self.selectionModel().setCurrentIndex(self.model().index(rows[0], 0), flags.NoUpdate)
        self.selectionModel().select(chosen, flags.ClearAndSelect)

    def closeEditor(self, editor: QWidget, _hint: QAbstractItemDelegate.EndEditHint) -> None:
        """A note is one step: Enter and Tab end it, and neither opens the next."""
        super().closeEditor(editor, QAbstractItemDelegate.EndEditHint.NoHint)
        self.setFocus()


class WarningNote(QWidget):
    """What a run warned about, a line each; not there when it warned about nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run_warnings")
        self.setAccessibleName(self.tr("What the run warned about"))
        self._text = muted(QLabel())
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(Sign("warning", warns=True, side=16), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        self.hide()

    def show_warnings(self, warnings: Sequence[str]) -> None:
        """Show these, each once; where there are many, the first ones, the tool tip has all."""
        said = list(dict.fromkeys(warnings))
        shown = said[:_SHOWN]
        if len(said) > _SHOWN:
            shown[-1] = self.tr("{0} (and {1} more)").format(shown[-1], len(said) - _SHOWN)
        self._text.setText("\n".join(shown))
        self._text.setToolTip("\n".join(said) if len(said) > _SHOWN else "")
        self.setVisible(bool(said))

    def text(self) -> str:
        return self._text.text()

"""The list of classes as a person works with it: choose, rename, merge, remove, and drop pictures onto one."""

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QMenu, QMessageBox, QWidget

from tlstudio.ui import theme
from tlstudio.ui.dataset.delegates import ClassDelegate
from tlstudio.ui.dataset.grid import DRAGGED
from tlstudio.ui.dataset.models import DRAGGED_CLASS, ClassList
from tlstudio.ui.drops import Pixels, carries_picture, local_paths
from tlstudio.ui.read_only import switch_off
from tlstudio.ui.theme import RADIUS


class ClassView(QListView):
    """The classes. F2 renames one in place; a class dropped onto another one is merged into it after a question.

    Signals:
        class_chosen: its name, empty for all. rename_wanted: the old name and the new one. merge_wanted: the name of
        the class that goes and of the one that stays. remove_wanted: a name. add_wanted: a new class.
        pictures_dropped: the pictures selected in the grid belong to this class.
        files_dropped: a class and paths. pixels_dropped: a class and the Pixels of a picture without a file.
    """

    class_chosen = Signal(str)
    rename_wanted = Signal(str, str)
    merge_wanted = Signal(str, str)
    remove_wanted = Signal(str)
    add_wanted = Signal()
    pictures_dropped = Signal(str)
    files_dropped = Signal(str, object)
    pixels_dropped = Signal(str, object)

    def __init__(self, classes: ClassList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("class_list")
        self.setAccessibleName(self.tr("Classes"))
        self.setToolTip(
            self.tr(
                "The classes and how many pictures each has. Choose one to see its pictures; F2 renames it, dragging "
                "it onto another one merges the two"
            )
        )
        self._classes = classes
        self._over = QModelIndex()
        self._brings_pictures = False  # what is dragged here, from outside
        self._why_not = ""
        self.setModel(classes)
        self.setItemDelegate(ClassDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setMinimumWidth(190)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDropIndicatorShown(False)
        self.selectionModel().currentChanged.connect(self._tell_chosen)
        classes.renamed.connect(self.rename_wanted)

    def chosen(self) -> str:
        """The name of the chosen class; empty for all."""
        line = self._classes.line(self.currentIndex().row())
        return line.name if line else ""

    def allow_changes(self, why_not: str) -> None:
        """Let classes be changed. why_not: why they cannot be; empty where they can."""
        self._why_not = why_not
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.NoEditTriggers if why_not else triggers.EditKeyPressed)
        modes = QAbstractItemView.DragDropMode
        self.setDragDropMode(modes.NoDragDrop if why_not else modes.DragDrop)

    def choose(self, name: str) -> None:
        self.setCurrentIndex(self._classes.index(self._classes.row_of(name)))

    def start_renaming(self, name: str) -> None:
        """Let the person type another name for a class."""
        if name and not self._why_not:
            at = self._classes.index(self._classes.row_of(name))
            self.scrollTo(at)
            self.edit(at)

    @Slot()
    def _rename_chosen(self) -> None:
        self.start_renaming(self.chosen())

    @Slot(QModelIndex, QModelIndex)
    def _tell_chosen(self, _now: QModelIndex, _before: QModelIndex) -> None:
        self.class_chosen.emit(self.chosen())

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() == Qt.Key.Key_Delete and self.chosen():
            self.remove_wanted.emit(self.chosen())
        elif pressed.key() == Qt.Key.Key_Menu:
            self._show_menu(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center()))
        else:
            super().keyPressEvent(pressed)

    # The menu

    def contextMenuEvent(self, wanted: QContextMenuEvent) -> None:
        at = self.indexAt(wanted.pos())
        if at.isValid():
            self.setCurrentIndex(at)
        self._show_menu(wanted.globalPos())

    def _show_menu(self, place: QPoint) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def make_menu(self) -> QMenu:
        """What can be done with the chosen class."""
        menu = QMenu(self)
        name = self.chosen()
        if name:
            rename = menu.addAction(self.tr("Rename…"))
            rename.setShortcut(Qt.Key.Key_F2)
            rename.triggered.connect(self._rename_chosen)
            into = menu.addMenu(self.tr("Merge into"))
            for other in self._classes.names():
                if other != name:
                    action = into.addAction(other.replace("&", "&&"))
                    action.setData(other)
                    action.triggered.connect(self._merge_into_chosen)
            into.setEnabled(not into.isEmpty())
            remove = menu.addAction(self.tr("Remove class"))
            remove.setShortcut(Qt.Key.Key_Delete)
            remove.triggered.connect(self._remove_chosen)
            menu.addSeparator()
        menu.addAction(self.tr("New class…")).triggered.connect(self.add_wanted)
        switch_off(menu, menu.actions(), self._why_not)
        return menu

    @Slot()
    def _remove_chosen(self) -> None:
        self.remove_wanted.emit(self.chosen())

    @Slot()
    def _merge_into_chosen(self) -> None:
        self.ask_to_merge(self.chosen(), self.sender().data())  # type: ignore[attr-defined]  # an action of the menu

    def ask_to_merge(self, gone: str, into: str) -> None:
        """Ask before one class becomes part of another."""
        line = self._classes.line(self._classes.row_of(gone))
        count = line.count if line else 0
        box = QMessageBox(self)
        box.setObjectName("merge_question")
        box.setWindowTitle(self.tr("Merge classes"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(self.tr("Merge “{gone}” into “{into}”?").format(gone=gone, into=into))
        told = self.tr(
            "Its %n picture(s) will count as “{into}”. No file is moved, and Ctrl+Z takes it back.", "", count
        )
        box.setInformativeText(told.format(into=into))
        merge = box.addButton(self.tr("Merge"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(merge)
        box.setProperty("classes", [gone, into])
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.accepted.connect(self._merge_as_asked)
        box.open()

    @Slot()
    def _merge_as_asked(self) -> None:
        gone, into = self.sender().property("classes")
        self.merge_wanted.emit(gone, into)

    # Dropping onto a class

    def dragEnterEvent(self, entering: QDragEnterEvent) -> None:
        given = entering.mimeData()  # thousands of paths, perhaps: asked for once
        self._brings_pictures = carries_picture(given) or bool(local_paths(given))
        self._consider(entering)

    def dragMoveEvent(self, moving: QDragMoveEvent) -> None:
        super().dragMoveEvent(moving)  # scrolls at the edges
        self._consider(moving)

    def dragLeaveEvent(self, leaving: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(leaving)
        self._mark(QModelIndex())

    def _consider(self, moving: QDropEvent) -> None:
        """Accept what may be dropped on the class below the pointer, and mark that class."""
        at, given = self.indexAt(moving.position().toPoint()), moving.mimeData()
        line = self._classes.line(at.row()) if at.isValid() else None
        ours = given.hasFormat(DRAGGED) or given.hasFormat(DRAGGED_CLASS)
        itself = given.hasFormat(DRAGGED_CLASS) and line and given.data(DRAGGED_CLASS) == line.name.encode()
        if line and line.name and not itself and (ours or self._brings_pictures):
            self._mark(at)
            moving.setDropAction(Qt.DropAction.MoveAction if ours else Qt.DropAction.CopyAction)
            moving.accept()
        else:
            self._mark(QModelIndex())
            moving.ignore()

    def dropEvent(self, dropping: QDropEvent) -> None:
        self._consider(dropping)
        at, given = self._over, dropping.mimeData()
        self._mark(QModelIndex())
        line = self._classes.line(at.row()) if at.isValid() else None
        if line is None or not dropping.isAccepted():
            return
        if given.hasFormat(DRAGGED):
            self.pictures_dropped.emit(line.name)
        elif given.hasFormat(DRAGGED_CLASS):
            # Accepted as a copy: after a move, Qt would take the row out of the model by itself.
            dropping.setDropAction(Qt.DropAction.CopyAction)
            self.ask_to_merge(bytes(given.data(DRAGGED_CLASS).data()).decode(), line.name)
        elif paths := local_paths(given):
            self.files_dropped.emit(line.name, paths)
        else:
            self.pixels_dropped.emit(line.name, Pixels.of(given))

    def _mark(self, at: QModelIndex) -> None:
        if at != self._over:
            self._over = QModelIndex(at)
            self.viewport().update()

    def paintEvent(self, painting: QPaintEvent) -> None:
        super().paintEvent(painting)
        if self._over.isValid():
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colours(self.palette()).accent, 2))
            box: QRect = self.visualRect(self._over).adjusted(3, 2, -3, -2)
            painter.drawRoundedRect(box, RADIUS, RADIUS)

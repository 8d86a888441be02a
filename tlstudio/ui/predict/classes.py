"""The classes with how many answers each got: choose one to see those, drop a wrong answer on its right one."""

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from tlstudio.ui.drops import OWN_ANSWERS
from tlstudio.ui.predict.delegates import CountDelegate
from tlstudio.ui.predict.models import ALL, ClassCounts, Group, Kind


class ClassColumn(QListView):
    """One row a group of answers.

    Signals:
        chosen: the Group whose answers a person wants to see.
        corrected: the class onto which answers were dropped.
    """

    chosen = Signal(object)
    corrected = Signal(str)

    def __init__(self, counts: ClassCounts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("answer_classes")
        self.setAccessibleName(self.tr("Answers by class"))
        self.setToolTip(self.tr("How many answers each class got; choose one to see them, drop a wrong answer on it"))
        self._counts = counts
        self._delegate = CountDelegate(counts, self)
        self.setModel(counts)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setMinimumWidth(128)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)
        self.selectionModel().currentChanged.connect(self._choose)

    @property
    def group(self) -> Group:
        """The one that is chosen."""
        return self._counts.group(self.currentIndex().row()) or ALL

    def show_group(self, group: Group) -> None:
        """Choose a group; all answers if there is no such one."""
        self.setCurrentIndex(self._counts.index(self._counts.row_of(group)))

    @Slot(QModelIndex, QModelIndex)
    def _choose(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.chosen.emit(self.group)

    # Dropping a wrong answer on its right class

    def dragEnterEvent(self, entering: QDragEnterEvent) -> None:
        # Anything else goes on to the window, which knows what to do with files.
        entering.setAccepted(entering.mimeData().hasFormat(OWN_ANSWERS))

    def dragMoveEvent(self, moving: QDragMoveEvent) -> None:
        super().dragMoveEvent(moving)  # scrolls near the edges
        self._aim_at(self._class_at(moving.position().toPoint()))
        moving.setDropAction(Qt.DropAction.CopyAction)
        moving.setAccepted(self._delegate.target is not None)

    def dragLeaveEvent(self, _leaving: QDragLeaveEvent) -> None:
        self._aim_at(None)

    def dropEvent(self, dropping: QDropEvent) -> None:
        target = self._class_at(dropping.position().toPoint())
        self._aim_at(None)
        dropping.setDropAction(Qt.DropAction.CopyAction)
        dropping.accept()
        if target is not None:
            self.corrected.emit(target.label)

    def _class_at(self, place: QPoint) -> Group | None:
        group = self._counts.group(self.indexAt(place).row())
        return group if group is not None and group.kind == Kind.LABEL else None

    def _aim_at(self, target: Group | None) -> None:
        if target != self._delegate.target:
            self._delegate.target = target
            self.viewport().update()

"""The picture grid: as many pictures as there are, and only those near the window are decoded."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from tlstudio.ui.dataset.delegates import PictureDelegate
from tlstudio.ui.dataset.models import PictureList
from tlstudio.ui.thumbnails import Thumbnails

SETTLE = 25
GAP = 4
SMALLEST, LARGEST = 72, 256


class PictureGrid(QListView):
    """Pictures in rows. Space looks at the current one.

    Signals:
        look_wanted: Space or a double click.
    """

    look_wanted = Signal()

    def __init__(self, pictures: PictureList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("picture_grid")
        self.setAccessibleName(self.tr("Pictures"))
        self.setToolTip(self.tr("The pictures of the chosen class; Space looks at one closely"))
        self._pictures = pictures
        self.thumbnails = Thumbnails(self)
        self._delegate = PictureDelegate(self.thumbnails, self)
        self.setModel(pictures)
        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Coming and going it would change the width, the width the cells, and the cells whether it is needed.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self._want_visible)
        self.verticalScrollBar().valueChanged.connect(self._settle_soon)
        pictures.modelReset.connect(self._settle_soon)
        self.thumbnails.drawn.connect(self._show_drawn)
        self.show_side(self._delegate.side)

    def show_side(self, side: int) -> None:
        """Show pictures this large, pixels of the square they fit into."""
        self._delegate.side = max(SMALLEST, min(side, LARGEST))
        self._spread()
        self._settle.start()

    def _spread(self) -> None:
        """Give the columns the whole width, evenly."""
        cell = self._delegate.cell(self.fontMetrics())
        room = self.viewport().width() - 1
        columns = max(1, room // (cell.width() + GAP))
        wanted = QSize(max(cell.width() + GAP, room // columns), cell.height() + GAP)
        if wanted != self.gridSize():
            self.setGridSize(wanted)
        self.verticalScrollBar().setSingleStep(cell.height() // 3)

    @property
    def side(self) -> int:
        return self._delegate.side

    def resizeEvent(self, change: QResizeEvent) -> None:
        self._spread()
        super().resizeEvent(change)
        self._settle.start()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._settle.start()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() == Qt.Key.Key_Space:
            self.look_wanted.emit()
        else:
            super().keyPressEvent(pressed)

    def _visible_rows(self) -> tuple[int, int]:
        """The first and last row on show, by arithmetic: all cells are alike."""
        cell = self.gridSize()
        columns = max(1, self.viewport().width() // cell.width())
        top = self.verticalScrollBar().value()
        first = top // cell.height() * columns
        lines = self.viewport().height() // cell.height() + 2
        return first, first + lines * columns - 1

    @Slot()
    def _settle_soon(self) -> None:
        self._settle.start()  # not connected itself: it would take the scroll bar's value for milliseconds

    @Slot()
    def _want_visible(self) -> None:
        if not self.isVisible():
            return
        first, last = self._visible_rows()
        page = last - first + 1
        near = self._pictures.paths(first, last)
        near += self._pictures.paths(last + 1, last + page) + self._pictures.paths(first - page, first - 1)
        self.thumbnails.want(near, round(self.side * self.devicePixelRatioF()))

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self.viewport().update()

    def shut_down(self) -> None:
        self.thumbnails.shut_down()

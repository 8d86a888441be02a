"""One picture as large as the room allows, with a quiet word where there is none."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui import theme
from tlstudio.ui.theme import RADIUS, SPACE
from tlstudio.ui.thumbnails import Drawn, Thumbnails

REMEMBERED = 6


class PictureView(QWidget):
    """Shows the picture at a path, as filed or as a network sees it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path = ""
        self._seen_by: Preprocessing | None = None
        self._nothing = ""
        self.place = QRectF()  # where the picture was painted last; empty when there was none
        self._pictures = Thumbnails(self, REMEMBERED)
        self._pictures.drawn.connect(self._show_drawn)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 140)

    def show_path(self, path: str, seen_by: Preprocessing | None = None) -> None:
        """Show a picture; empty shows none."""
        self._path, self._seen_by = path, seen_by
        self._ask()
        self.update()

    def say_nothing_is_there(self, text: str) -> None:
        """What stands there while there is no picture."""
        self._nothing = text
        self.update()

    @property
    def drawn(self) -> Drawn | None:
        """The picture on show, when it is there."""
        return self._pictures.get(self._path) if self._path else None

    def forget(self) -> None:
        self._pictures.forget()

    def shut_down(self) -> None:
        self._pictures.shut_down()

    def sizeHint(self) -> QSize:
        return QSize(320, 280)

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._ask()

    def _ask(self) -> None:
        if self._path and self.isVisible():
            # In steps of 256, so that dragging a splitter does not decode at every pixel.
            longest = max(self.width(), self.height()) * self.devicePixelRatioF()
            self._pictures.want([self._path], min(2048, 256 * (int(longest) // 256 + 1)), self._seen_by)

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()

    def event(self, happening: QEvent) -> bool:
        if happening.type() == QEvent.Type.Show:
            self._ask()
        return super().event(happening)

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self.update()

    def paintEvent(self, _painting: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        drawn = self.drawn
        if drawn is not None and drawn.pixmap is not None:
            self.place = self.paint_picture(painter, drawn.pixmap)
            return
        self.place = QRectF()
        found = theme.colours(self.palette())
        text = self._nothing if not self._path else self.tr("This file cannot be shown.") if drawn else ""
        painter.setPen(found.muted)
        room = self.rect().adjusted(SPACE * 2, SPACE, -SPACE * 2, -SPACE)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)

    def paint_picture(self, painter: QPainter, pixmap: QPixmap) -> QRectF:
        """Paint a picture as large as there is room; returns where it lies."""
        return paint_fitted(painter, pixmap, QRectF(self.rect()))


def paint_fitted(painter: QPainter, pixmap: QPixmap, room: QRectF, radius: float = RADIUS) -> QRectF:
    """Paint a picture whole into the middle of a room, corners rounded; returns where it lies."""
    size = pixmap.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
    corner = QPointF(room.x() + (room.width() - size.width()) / 2, room.y() + (room.height() - size.height()) / 2)
    box = QRectF(corner, size.toSizeF())
    clip = QPainterPath()
    clip.addRoundedRect(box, radius, radius)
    painter.save()
    painter.setClipPath(clip)
    painter.drawPixmap(box, pixmap, QRectF(pixmap.rect()))
    painter.restore()
    return box

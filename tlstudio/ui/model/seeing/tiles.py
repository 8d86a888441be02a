"""Rows of small pictures to choose from, and one picture with where a channel responds laid over it."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QSizePolicy, QStyle, QWidget

from tlstudio.core.responses import PictureSeen, Response
from tlstudio.ui import theme
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.predict.heat import colour_table
from tlstudio.ui.theme import RADIUS, SPACE

HEAT_OPACITY = 0.75


def pixmap_of(pixels: bytes, side: int) -> QPixmap:
    """A square of RGB pixels, rows packed, as something to paint."""
    return QPixmap.fromImage(QImage(pixels, side, side, 3 * side, QImage.Format.Format_RGB888))


def enlarged(pixmap: QPixmap, side: int, smooth: bool = True) -> QPixmap:
    """A square pixmap at another size. smooth: without it each pixel stays a square."""
    how = Qt.TransformationMode.SmoothTransformation if smooth else Qt.TransformationMode.FastTransformation
    return pixmap.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, how)


def filled(pixmap: QPixmap, side: int) -> QPixmap:
    """The middle of a picture as a square of so many pixels."""
    expanding, smooth = Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
    large = pixmap.scaled(side, side, expanding, smooth)
    return large.copy((large.width() - side) // 2, (large.height() - side) // 2, side, side)


class Tiles(QListWidget):
    """Small pictures to choose from: one row of them, or two columns; each may have a line of text below."""

    def __init__(self, name: str, title: str, side: int, named: bool = True, columns: int = 0) -> None:
        """title: what they are, also for those who hear it. side: of a picture, in pixels. named: with a line of text.

        columns: how many fit side by side; 0: all in one row.
        """
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setToolTip(title)
        self._side = side
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(bool(columns))
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(side, side))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        line = self.fontMetrics().height() if named else 0
        self._cell = QSize(side + 2 * SPACE, side + line + SPACE)
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        if columns:
            self.setFixedWidth(columns * self._cell.width() + bar + SPACE)
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        else:
            self.setFixedHeight(self._cell.height() + bar + SPACE // 2)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_tiles(self, tiles: Sequence[tuple[QPixmap, str, str]]) -> None:
        """Show these instead of what is there: a picture, the text below it and its tool tip each."""
        chosen = self.currentRow()
        self.clear()
        for pixmap, text, tip in tiles:
            self.addItem(self._item(pixmap, text, tip))
        if 0 <= chosen < self.count():
            self.setCurrentRow(chosen)

    def show_picture(self, row: int, pixmap: QPixmap) -> None:
        """Show the picture of a tile that has had none."""
        if item := self.item(row):
            item.setIcon(_icon(pixmap))

    def minimumSizeHint(self) -> QSize:
        return QSize(2 * self._cell.width(), self._cell.height())

    def _item(self, pixmap: QPixmap, text: str, tip: str) -> QListWidgetItem:
        item = QListWidgetItem(_icon(pixmap), text)
        item.setToolTip(plain_tip(tip))
        item.setSizeHint(self._cell)
        return item


def _icon(pixmap: QPixmap) -> QIcon:
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # as it is: a style would tint what is chosen
    return icon


class ResponsePicture(QWidget):
    """The square the network saw, with where a channel responds; a frame around the part that excites it most."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setMinimumSize(150, 150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._square: QPixmap | None = None
        self._side = 0
        self._heat: QPixmap | None = None
        self._part = QRectF()
        self._nothing = ""

    def show_picture(self, seen: PictureSeen | None) -> None:
        self._square = pixmap_of(seen.pixels, seen.side) if seen and seen.pixels else None
        self._side = seen.side if seen else 0
        self.show_response(None)

    def show_response(self, response: Response | None) -> None:
        """Lay a channel's map over the picture; None shows the picture alone."""
        self._heat, self._part = None, QRectF()
        if response is not None and self._square is not None:
            side = self._side
            heat = QImage(response.heat, side, side, side, QImage.Format.Format_Indexed8)
            heat.setColorTable(colour_table())
            self._heat = QPixmap.fromImage(heat)
            left, top, right, bottom = response.part
            self._part = QRectF(left / side, top / side, (right - left) / side, (bottom - top) / side)
        self.update()

    def say_nothing_is_there(self, text: str) -> None:
        self._nothing = text
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 300)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        room = QRectF(self.rect())
        if self._square is None:
            painter.setPen(theme.colours(self.palette()).muted)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._nothing)
            return
        place = paint_fitted(painter, self._square, room)
        if self._heat is None:
            return
        rounded = QPainterPath()
        rounded.addRoundedRect(place, RADIUS, RADIUS)
        painter.setClipPath(rounded)
        painter.setOpacity(HEAT_OPACITY)
        painter.drawPixmap(place, self._heat, QRectF(self._heat.rect()))
        painter.setOpacity(1)
        frame = QRectF(
            place.x() + self._part.x() * place.width(),
            place.y() + self._part.y() * place.height(),
            self._part.width() * place.width(),
            self._part.height() * place.height(),
        )
        for colour, width in ((QColor(0, 0, 0, 170), 4), (QColor(255, 255, 255), 2)):
            painter.setPen(QPen(colour, width))
            painter.drawRect(frame.adjusted(1, 1, -1, -1))

"""A picture with what speaks for a class laid over it: as filed, or as the network saw it."""

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, qRgba
from PySide6.QtWidgets import QWidget

from tlstudio.core.events import Explained
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.theme import RADIUS

# From nothing over red to yellow: it grows lighter all the way, so that it can be read without seeing colours, and it
# hides least where least speaks for the class.
_STOPS = (
    (0, 80, 0, 110, 0),
    (48, 110, 10, 120, 50),
    (120, 200, 40, 60, 170),
    (190, 245, 125, 20, 225),
    (255, 255, 240, 120, 255),
)


def colour_table() -> list[int]:
    """The colour for each of the 256 values of a heat map."""
    table = []
    for value in range(256):
        low, high = next((a, b) for a, b in pairwise(_STOPS) if value <= b[0])
        part = (value - low[0]) / (high[0] - low[0])
        table.append(qRgba(*(round(x + part * (y - x)) for x, y in zip(low[1:], high[1:], strict=True))))
    return table


class HeatPicture(PictureView):
    """The chosen picture; the map lies exactly on the part of it that the network saw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen: QPixmap | None = None
        self._heat: QPixmap | None = None
        self._box = QRectF()  # of what the network saw, in shares of the picture's sides
        self._as_seen = False
        self._opacity = 0.0

    def sizeHint(self) -> QSize:
        """Less than there usually is: what is left over goes to the picture, and nothing has to be scrolled for it."""
        return QSize(320, 170)

    def show_evidence(self, evidence: Explained | None) -> None:
        """Lay this over the picture on show; None takes away what lies there."""
        self._seen = self._heat = None
        if evidence is not None and evidence.seen:
            width, height = evidence.size
            image = QImage(evidence.seen, width, height, 3 * width, QImage.Format.Format_RGB888)
            self._seen = QPixmap.fromImage(image)
            if evidence.heat:
                heat = QImage(evidence.heat, width, height, width, QImage.Format.Format_Indexed8)
                heat.setColorTable(colour_table())
                self._heat = QPixmap.fromImage(heat)
            left, top, right, bottom = evidence.box
            across, down = evidence.full_size
            self._box = QRectF(QPointF(left / across, top / down), QPointF(right / across, bottom / down))
        self.update()

    @Slot(bool)
    def show_as_seen(self, as_seen: bool) -> None:
        """Show what the network saw instead of the whole picture."""
        self._as_seen = as_seen
        self.update()

    def set_opacity(self, opacity: float) -> None:
        """How strongly the map covers the picture, 0..1."""
        self._opacity = opacity
        self.update()

    @property
    def has_heat(self) -> bool:
        """Whether there is a map to show."""
        return self._heat is not None

    def paintEvent(self, painting: QPaintEvent) -> None:
        if self._as_seen and self._seen is not None:
            painter = QPainter(self)
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
            place = self.paint_picture(painter, self._seen)
            self._paint_heat(painter, place, place)
            return
        super().paintEvent(painting)
        if not self.place.isEmpty():
            painter = QPainter(self)
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
            size, corner = self.place.size(), self.place.topLeft()
            area = QRectF(
                corner.x() + self._box.x() * size.width(),
                corner.y() + self._box.y() * size.height(),
                self._box.width() * size.width(),
                self._box.height() * size.height(),
            )
            self._paint_heat(painter, area, self.place)

    def _paint_heat(self, painter: QPainter, area: QRectF, clip: QRectF) -> None:
        if self._heat is None or not self._opacity:
            return
        rounded = QPainterPath()
        rounded.addRoundedRect(clip, RADIUS, RADIUS)
        painter.setClipPath(rounded)
        painter.setOpacity(self._opacity)
        painter.drawPixmap(area, self._heat, QRectF(self._heat.rect()))
        if area != clip:  # where the network looked at all
            painter.setOpacity(1)
            for colour, width in ((QColor(0, 0, 0, 90), 2), (QColor(255, 255, 255, 160), 1)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(area)

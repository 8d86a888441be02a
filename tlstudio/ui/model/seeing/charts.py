"""Two small drawings: a figure over the epochs for both runs, and how far each BatchNorm layer has drifted."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.core.recipe import BatchNormMode
from tlstudio.ui import figures, theme
from tlstudio.ui.theme import SPACE

_ROOM = 44  # pixels for the figures beside an axis


def colour_of(bn: BatchNormMode, widget: QWidget) -> QColor:
    """Pinned and adaptive, apart also in lightness."""
    colours = theme.colours(widget.palette())
    return colours.curve1 if bn == "pinned" else colours.curve2


class EpochChart(QWidget):
    """One figure over the epochs, a line for each of the two runs."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.setAccessibleName(title)
        self.setMinimumSize(180, 130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._epochs = 1
        self._lines: dict[BatchNormMode, tuple[float, ...]] = {}

    def show_lines(self, lines: dict[BatchNormMode, tuple[float, ...]], epochs: int) -> None:
        """lines: a value for each epoch done, from the first. epochs: how many there will be."""
        self._lines, self._epochs = lines, max(1, epochs)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 170)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = _frame(painter, self, self._title, self.tr("epoch"))
        values = [value for line in self._lines.values() for value in line]
        if not values:
            return
        low, high = min(values), max(values)
        margin = (high - low) * 0.1 or 0.05
        low, high = low - margin, high + margin
        _tick(painter, self, room, (low, high))
        for bn, line in self._lines.items():
            colour = colour_of(bn, self)
            points = [
                QPointF(
                    room.x() + room.width() * (i + 0.5) / self._epochs,
                    room.bottom() - room.height() * (value - low) / (high - low),
                )
                for i, value in enumerate(line)
            ]
            style = Qt.PenStyle.SolidLine if bn == "pinned" else Qt.PenStyle.DashLine
            painter.setPen(QPen(colour, 2, style))
            painter.drawPolyline(QPolygonF(points))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            for point in points:
                painter.drawEllipse(point, 3.5, 3.5)


class DriftBars(QWidget):
    """A bar for each BatchNorm layer in the network's order: how far its statistics have drifted."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.setAccessibleName(title)
        self.setMinimumSize(300, 130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._drift: tuple[float, ...] = ()

    def show_drift(self, drift: Sequence[float]) -> None:
        """drift: of the adaptive run, in standard deviations."""
        self._drift = tuple(drift)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(600, 170)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = _frame(painter, self, self._title, self.tr("BatchNorm layers, from the first to the last"))
        if not self._drift:
            return
        high = max(*self._drift, 0.1)
        _tick(painter, self, room, (0.0, high))
        wide = room.width() / len(self._drift)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour_of("adaptive", self))
        for i, value in enumerate(self._drift):
            tall = room.height() * value / high
            painter.drawRect(QRectF(room.x() + i * wide, room.bottom() - tall, max(1.0, wide - 2), tall))
        painter.setPen(QPen(colour_of("pinned", self), 2))  # all of the pinned run's are zero
        painter.drawLine(room.bottomLeft(), room.bottomRight())


def _frame(painter: QPainter, widget: QWidget, title: str, below: str) -> QRectF:
    """Title, axes and what stands below them; returns the room inside."""
    colours, line = theme.colours(widget.palette()), widget.fontMetrics().height()
    painter.setPen(widget.palette().windowText().color())
    painter.drawText(QPointF(0, widget.fontMetrics().ascent()), title)
    room = QRectF(widget.rect()).adjusted(_ROOM, line + SPACE, -SPACE, -line - SPACE // 2)
    painter.setPen(QPen(colours.line, 1))
    painter.drawLine(room.topLeft(), room.bottomLeft())
    painter.drawLine(room.bottomLeft(), room.bottomRight())
    painter.setPen(colours.muted)
    painter.drawText(
        QRectF(room.x(), room.bottom(), room.width(), line + SPACE // 2), Qt.AlignmentFlag.AlignCenter, below
    )
    return room


def _tick(painter: QPainter, widget: QWidget, room: QRectF, ends: tuple[float, float]) -> None:
    painter.setPen(theme.colours(widget.palette()).muted)
    line = widget.fontMetrics().height()
    for value, y in ((ends[0], room.bottom() - line), (ends[1], room.top())):
        text = figures.number(value, 2)
        painter.drawText(QRectF(0, y, _ROOM - SPACE // 2, line), Qt.AlignmentFlag.AlignRight, text)

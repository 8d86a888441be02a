"""The training pictures most like the chosen one, and how far they are from it."""

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from tlstudio.core.events import Neighbour
from tlstudio.ui import icons, theme
from tlstudio.ui.figures import number
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

SHOWN = 5
SIDE = 60
REMEMBERED = 60


class NearestRow(QWidget):
    """Up to five small pictures, each with its class below; a quiet square where the picture is not at hand."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("nearest_row")
        self._neighbours: tuple[Neighbour, ...] = ()
        self._pictures = Thumbnails(self, REMEMBERED)
        self._pictures.drawn.connect(self._show_drawn)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_neighbours(self, neighbours: tuple[Neighbour, ...]) -> None:
        """Show these, nearest first."""
        self._neighbours = neighbours[:SHOWN]
        named = [self.tr("{label} at {distance}").format(label=n.label, distance=_far(n)) for n in self._neighbours]
        self.setAccessibleName(self.tr("Nearest training pictures: {list}").format(list=", ".join(named)))
        paths = [n.path for n in self._neighbours if n.path]
        if paths:
            self._pictures.want(paths, round(SIDE * self.devicePixelRatioF()))
        self.updateGeometry()
        self.update()

    @property
    def has_pictures(self) -> bool:
        """Whether at least one of the pictures is at hand."""
        return any(neighbour.path for neighbour in self._neighbours)

    def shut_down(self) -> None:
        self._pictures.shut_down()

    def sizeHint(self) -> QSize:
        side = SIDE if self.has_pictures else 0
        return QSize(240, side + self.fontMetrics().height() + SPACE // 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _cell(self, place: int) -> QRectF:
        width = self.width() / SHOWN
        return QRectF(place * width, 0, width, self.height())

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self.update()

    def event(self, happening: QEvent) -> bool:
        if isinstance(happening, QHelpEvent) and happening.type() == QEvent.Type.ToolTip:
            under = [n for i, n in enumerate(self._neighbours) if self._cell(i).contains(happening.pos())]
            text = self.tr("{label}, distance {distance}\n{path}")
            said = text.format(label=under[0].label, distance=_far(under[0]), path=under[0].path) if under else ""
            QToolTip.showText(happening.globalPos(), plain_tip(said.strip()), self)
            return True
        if happening.type() == QEvent.Type.PaletteChange:
            self.update()
        return super().event(happening)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        colours = theme.colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        line = self.fontMetrics().height()
        for place, neighbour in enumerate(self._neighbours):
            cell = self._cell(place)
            if self.has_pictures:
                room = QRectF(cell.left(), 0, min(SIDE, cell.width() - SPACE / 2), SIDE)
                drawn = self._pictures.get(neighbour.path) if neighbour.path else None
                if drawn is not None and drawn.pixmap is not None:
                    paint_fitted(painter, drawn.pixmap, room, 4)
                else:
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(colours.hover)
                    painter.drawRoundedRect(room, 4, 4)
                    mark = icons.pixmap("pictures", colours.muted, 20, self.devicePixelRatioF())
                    painter.drawPixmap(room.center().toPoint() - QPoint(10, 10), mark)
            painter.setPen(colours.muted)
            text = QRectF(cell.left(), self.height() - line, cell.width() - SPACE / 2, line)
            short = QFontMetrics(self.font()).elidedText(
                neighbour.label, Qt.TextElideMode.ElideRight, int(text.width())
            )
            painter.drawText(text, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), short)


def _far(neighbour: Neighbour) -> str:
    return number(neighbour.distance, 2)

"""The large quiet place that says what to drop here, with a small drawing of it."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QWidget

from tlstudio.ui import icons, theme
from tlstudio.ui.theme import SPACE


class DropHint(QFrame):
    """A dashed frame to drop files into or to click; widgets may lie in it.

    Signals:
        clicked: a click, or Enter or Space with the focus on it.
    """

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._by_key = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        colours = theme.colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colours.surface)
        strong = self.underMouse() or (self.hasFocus() and self._by_key)
        pen = QPen(colours.accent if strong else colours.edge, 2 if strong else 1.5)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), 12, 12)

    def focusInEvent(self, gained: QFocusEvent) -> None:
        """Remember whether the keyboard brought the focus here: only then its ring helps."""
        self._by_key = gained.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        super().focusInEvent(gained)
        self.update()

    def mouseReleaseEvent(self, released: QMouseEvent) -> None:
        if released.button() == Qt.MouseButton.LeftButton and self.rect().contains(released.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        # A key that a button in the frame has no use for comes here too; it is not meant for the frame.
        if self.hasFocus() and pressed.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(pressed)

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()


class FolderDrawing(QWidget):
    """The tiny drawing of a folder with one folder inside it per class."""

    WIDTH, HEIGHT = 300, 104

    def __init__(self, names: tuple[str, str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = names
        self.setFixedSize(self.WIDTH, self.HEIGHT)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, _painting: QPaintEvent) -> None:
        colours = theme.colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ratio = self.devicePixelRatioF()
        line = 34.0
        painter.setPen(QPen(colours.edge, 1.5))
        painter.drawLine(QPointF(52, 28), QPointF(52, 18 + 2 * line))
        for row in (1, 2):
            painter.drawLine(QPointF(52, 18 + row * line), QPointF(68, 18 + row * line))
        for row, (name, left) in enumerate(zip(self._names, (40, 74, 74), strict=True)):
            colour = colours.muted if row == 0 else colours.accent
            top = 18 + row * line - 12
            painter.drawPixmap(QPointF(left, top), icons.pixmap("folder", colour, 24, ratio))
            font = QFont(self.font())
            font.setWeight(QFont.Weight.Normal if row == 0 else QFont.Weight.DemiBold)
            painter.setFont(font)
            painter.setPen(self.palette().windowText().color() if row else colours.muted)
            text = QRectF(left + 32, top, 90, 24)
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), name)
            if row:
                self._paint_pictures(painter, QPointF(left + 112, top), colours, ratio)

    def _paint_pictures(self, painter: QPainter, at: QPointF, colours: theme.Colours, ratio: float) -> None:
        drawn = icons.pixmap("pictures", colours.muted, 20, ratio)
        for number in range(3):
            painter.drawPixmap(at + QPointF(number * (20 + SPACE), 2), drawn)

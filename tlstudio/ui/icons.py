"""Our own icons, drawn as black lines and tinted with a colour of the palette when they are asked for."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from tlstudio.ui import theme

_SIZES = (18, 36)


def pixmap(name: str, colour: QColor, side: int, ratio: float = 1.0) -> QPixmap:
    """The icon's lines in a colour, `side` pixels square on a screen of that device pixel ratio."""
    key = f"tlstudio/{name}/{colour.name()}/{side}/{ratio}"
    kept = QPixmap()
    if QPixmapCache.find(key, kept):
        return kept
    drawn = QPixmap(round(side * ratio), round(side * ratio))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(f":/icons/{name}.svg").render(painter, QRectF(drawn.rect()))
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(drawn.rect(), colour)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    QPixmapCache.insert(key, drawn)
    return drawn


def icon(name: str, colour: QColor) -> QIcon:
    """The icon in a colour, sharp on ordinary and on dense screens. Ask again after a `PaletteChange`."""
    made = QIcon()
    for side in _SIZES:
        made.addPixmap(pixmap(name, colour, side))
    return made


class Sign(QLabel):
    """An icon that stands beside a text; it keeps to the palette."""

    def __init__(self, name: str, warns: bool, side: int = 20) -> None:
        """warns: in the colour of warnings; else in the accent. side: in pixels."""
        super().__init__()
        self._name, self._warns, self._side = name, warns, side
        self._tint()

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(change)

    def _tint(self) -> None:
        found = theme.colours(self.palette())
        colour = found.warning if self._warns else found.accent
        self.setPixmap(pixmap(self._name, colour, self._side, self.devicePixelRatio()))


class IconButton(QToolButton):
    """A button that is only an icon; it keeps to the palette, and its tool tip is its name for everyone."""

    def __init__(self, name: str, explanation: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.setToolTip(explanation)
        self.setAccessibleName(explanation)
        self.setIconSize(QSize(18, 18))
        self.setMinimumSize(28, 28)
        self._tint()

    def changeEvent(self, change: QEvent) -> None:
        if change.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._tint()
        super().changeEvent(change)

    def _tint(self) -> None:
        # The style sheet's transparent ground stands in the button's own palette as black.
        self.setIcon(icon(self._name, theme.colours(self.window().palette()).muted))

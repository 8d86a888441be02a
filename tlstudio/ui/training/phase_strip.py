"""Which phases a run has, which of them goes on, and the learning rates in force now."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.core.pace import Pace
from tlstudio.core.recipe import Recipe
from tlstudio.core.schedule import rise_then_cosine
from tlstudio.ui import figures, theme

_BESIDE = 8  # pixels at either end of a phase's name
_HEIGHT = 24
_ARROW = "▸"


@dataclass(frozen=True)
class Place:
    """Where a run is. names: of its phases, in order. at: the phase that goes on, from 0; -1: none has begun; as many
    as there are: all are done. rates: what the groups of layers learn with now, (name, rate)."""

    names: tuple[str, ...] = ()
    at: int = -1
    rates: tuple[tuple[str, float], ...] = ()


def place_of(recipe: Recipe | None, pace: Pace, finished: bool) -> Place:
    """The place of a run by its recipe and how far it has come."""
    if recipe is None:
        return Place()
    names = tuple(phase.name for phase in recipe.phases)
    if finished or pace.phase is None:
        return Place(names, len(names) if finished else -1)
    # A phase's schedule runs over all its epochs; it may end before.
    share = rise_then_cosine(round(10_000 * pace.fraction), 10_000) if pace.learning else 0.0
    groups = pace.phase.groups if pace.learning else ()
    rates = tuple((str(group["name"]), share * float(group["lr"])) for group in groups)
    return Place(names, pace.phase.phase - 1, rates)


class PhaseStrip(QWidget):
    """One line: the phases with an arrow between them, the one that goes on filled, and on the right the rates."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("phase_strip")
        self.setAccessibleName(self.tr("Phases of the run"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._place = Place()
        self._rates = ""

    def show_place(self, place: Place) -> None:
        if place == self._place:
            return
        self._place = place
        names = {"early": self.tr("early stages"), "late": self.tr("late stages"), "head": self.tr("head")}
        rates = " · ".join(f"{names.get(name, name)} {_rate(rate)}" for name, rate in place.rates)
        self._rates = self.tr("rate now: {0}").format(rates) if rates else ""
        going = f" {_ARROW} ".join(self._said(number, name) for number, name in enumerate(place.names))
        self.setToolTip("\n".join(part for part in (going, self._rates) if part))
        self.setAccessibleDescription(self.toolTip())
        self.update()

    def place(self) -> Place:
        return self._place

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, _HEIGHT)

    def _said(self, number: int, name: str) -> str:
        if number < self._place.at:
            return self.tr("{0} (done)").format(name)
        return self.tr("{0} (now)").format(name) if number == self._place.at else name

    def paintEvent(self, _drawing: QPaintEvent) -> None:
        place = self._place
        if not place.names:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, metrics = theme.colours(self.palette()), self.fontMetrics()
        advance, middle = metrics.horizontalAdvance, Qt.AlignmentFlag.AlignCenter
        texts = self._texts()
        if self._width(texts) > self.width():  # only the one that goes on keeps its name
            texts = [text if n == place.at else str(n + 1) for n, text in enumerate(texts)]
        x = 0
        for number, text in enumerate(texts):
            if number:
                painter.setPen(colours.muted)
                painter.drawText(QRectF(x, 0, advance(_ARROW) + 8, self.height()), middle, _ARROW)
                x += advance(_ARROW) + 8
            box = QRectF(x + 0.5, 1.5, advance(text) + 2 * _BESIDE, self.height() - 3)
            if number == place.at:
                painter.setBrush(colours.chosen)
                painter.setPen(colours.accent)
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(colours.line)
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
            painter.setPen(self.palette().windowText().color() if number == place.at else colours.muted)
            painter.drawText(box, middle, text)
            x += int(box.width())
        room = self.width() - x - 2 * theme.SPACE
        if self._rates and room > advance("0") * 8:
            painter.setPen(colours.muted)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            said = metrics.elidedText(self._rates, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(x + 2 * theme.SPACE, 0, room, self.height()), right, said)

    def _texts(self) -> list[str]:
        return [f"✓ {name}" if n < self._place.at else name for n, name in enumerate(self._place.names)]

    def _width(self, texts: list[str]) -> int:
        advance = self.fontMetrics().horizontalAdvance
        return sum(advance(text) + 2 * _BESIDE for text in texts) + (len(texts) - 1) * (advance(_ARROW) + 8)


def _rate(value: float) -> str:
    """A rate that moves all the time, in two digits: 8.3e-4."""
    return figures.rate(float(f"{value:.1e}"))

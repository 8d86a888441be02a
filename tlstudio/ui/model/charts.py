"""Two small charts: accuracy over the depth of a network, and loss over the learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from tlstudio.core.advice import Probed, RateTried, Tried
from tlstudio.ui import figures, theme

_ABOVE, _RIGHT, _GAP = 14, 16, 6
_POINT, _WHISKER = 4.0, 3.0
_HIGHEST_LOSS = 1.5  # times the first one
_STEPS = (0.02, 0.05, 0.1, 0.2, 0.25)


class _Chart(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(300, 160)

    def sizeHint(self) -> QSize:
        return QSize(560, 240)

    def plot_area(self) -> QRectF:
        """Where the points lie, between the figures on the left and the names below."""
        metrics = self.fontMetrics()
        left = metrics.horizontalAdvance(figures.percent(1.0, 0)) + 2 * _GAP
        below = metrics.height() + 2 * _GAP
        return QRectF(left, _ABOVE, self.width() - left - _RIGHT, self.height() - _ABOVE - below)

    def changeEvent(self, change: QEvent) -> None:
        if change.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(change)


@dataclass(frozen=True)
class _Scale:
    """The accuracies a chart reaches from and to, and the step between its lines."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, values: Sequence[float]) -> "_Scale":
        span = max(max(values) - min(values), 0.1)
        step = next((step for step in _STEPS if span / step <= 5), _STEPS[-1])
        low = math.floor(max(0.0, min(values) - 0.02) / step) * step
        return cls(low, min(1.0, math.ceil((max(values) + 0.01) / step) * step), step)

    def y(self, value: float, area: QRectF) -> float:
        return area.bottom() - (value - self.low) / (self.high - self.low) * area.height()

    def lines(self) -> list[float]:
        return [self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1)]


class DepthChart(_Chart):
    """How well the classes are told apart by what each stage says, and after short trials from some stages on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("depth_chart")
        self.setAccessibleName(self.tr("Accuracy by stage"))
        self._probed: tuple[Probed, ...] = ()
        self._tried: tuple[Tried, ...] = ()

    def show_measured(self, probed: Sequence[Probed], tried: Sequence[Tried]) -> None:
        self._probed, self._tried = tuple(probed), tuple(tried)
        self.setAccessibleDescription("; ".join(self._said(stage) for stage in self._stages()))
        self.update()

    def _stages(self) -> list[str]:
        names = (*(probe.stage for probe in self._probed), *(trial.train_from for trial in self._tried))
        return list(dict.fromkeys(names))

    def _said(self, stage: str) -> str:
        """The figures at a stage, as a sentence."""
        parts = [
            self.tr("what {0} says tells {1} of the pictures right").format(
                stage, figures.accuracy(p.accuracy, p.interval)
            )
            for p in self._probed
            if p.stage == stage
        ]
        alone = self.tr("the head alone, on the pictures of the trial from {0} on: {1}")
        learned = self.tr("learning from {0} on: {1}")
        for head, tuned in self._trials():
            for text, trial in ((alone, head), (learned, tuned)):
                if trial.train_from == stage:
                    parts.append(text.format(tuned.train_from, figures.accuracy(trial.accuracy, trial.interval)))
        return "\n".join(parts)

    def _trials(self) -> list[tuple[Tried, Tried]]:
        """Each trial with the head alone, which comes before it."""
        return list(zip(self._tried[::2], self._tried[1::2], strict=False))

    def _x(self, stage: str, area: QRectF) -> float:
        names = self._stages()
        return area.left() + (names.index(stage) + 0.5) * area.width() / len(names)

    def event(self, what: QEvent) -> bool:
        if isinstance(what, QHelpEvent) and what.type() == QEvent.Type.ToolTip and self._stages():
            area = self.plot_area()
            nearest = min(self._stages(), key=lambda stage: abs(self._x(stage, area) - what.pos().x()))
            QToolTip.showText(what.globalPos(), self._said(nearest), self)
            return True
        return super().event(what)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self._probed and not self._tried:
            painter.setPen(theme.colours(self.palette()).muted)
            nothing = self.tr("Here you will see how much each stage of the network knows about your pictures.")
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), nothing)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, colours = self.plot_area(), theme.colours(self.palette())
        ends = [end for probe in self._probed for end in probe.interval]
        ends += [end for trial in self._tried for end in trial.interval]
        baselines = [probe.baseline for probe in self._probed]
        scale = _Scale.around([*ends, *baselines])
        self._paint_frame(painter, area, scale, colours)
        if baselines:
            painter.setPen(QPen(colours.muted, 1, Qt.PenStyle.DashLine))
            y = scale.y(baselines[0], area)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        path = QPolygonF([QPointF(self._x(p.stage, area), scale.y(p.accuracy, area)) for p in self._probed])
        painter.setPen(QPen(colours.curve1, 2))
        painter.drawPolyline(path)
        for probe in self._probed:
            at = QPointF(self._x(probe.stage, area), scale.y(probe.accuracy, area))
            self._paint_whisker(painter, at.x(), [scale.y(end, area) for end in probe.interval])
            painter.setBrush(colours.curve1)
            painter.drawEllipse(at, _POINT, _POINT)
        painter.setPen(QPen(colours.curve2, 2))
        for number, pair in enumerate(self._trials()):
            for trial in pair:
                # Beside the probe of the same stage and beside the other trial, not upon them.
                x = self._x(trial.train_from, area) + (number + 1) * 3 * _POINT
                self._paint_whisker(painter, x, [scale.y(end, area) for end in trial.interval])
                painter.setBrush(self.palette().window() if number else colours.curve2)
                painter.drawPolygon(_mark(number, QPointF(x, scale.y(trial.accuracy, area))))

    def _paint_frame(self, painter: QPainter, area: QRectF, scale: _Scale, colours: theme.Colours) -> None:
        metrics = self.fontMetrics()
        for value in scale.lines():
            y = scale.y(value, area)
            painter.setPen(QPen(colours.line, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(colours.muted)
            text = figures.percent(value, 0)
            painter.drawText(
                QPointF(area.left() - _GAP - metrics.horizontalAdvance(text), y + metrics.ascent() / 2), text
            )
        end = -1.0
        for name in self._stages():
            width = metrics.horizontalAdvance(name)
            left = min(max(0.0, self._x(name, area) - width / 2), self.width() - width)
            if left > end:
                painter.drawText(QPointF(left, area.bottom() + _GAP + metrics.ascent()), name)
                end = left + width + _GAP

    def _paint_whisker(self, painter: QPainter, x: float, ends: Sequence[float]) -> None:
        low, high = ends
        painter.drawLine(QPointF(x, low), QPointF(x, high))
        for y in (low, high):
            painter.drawLine(QPointF(x - _WHISKER, y), QPointF(x + _WHISKER, y))


def _mark(trial: int, at: QPointF) -> QPolygonF:
    """A square for the first trial, a rhombus for what follows it."""
    if trial == 0:
        return QPolygonF(QRectF(at.x() - _POINT, at.y() - _POINT, 2 * _POINT, 2 * _POINT))
    reach = 1.4 * _POINT
    return QPolygonF([at + QPointF(*by) for by in ((-reach, 0.0), (0.0, -reach), (reach, 0.0), (0.0, reach))])


class RateChart(_Chart):
    """The loss of each step of a learning-rate test; the rates are spread evenly by their powers of ten."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rate_chart")
        self.setAccessibleName(self.tr("Loss by learning rate"))
        self._tried: list[RateTried] = []
        self._marked: tuple[float, ...] = ()

    def show_tried(self, tried: Sequence[RateTried], marked: Sequence[float] = ()) -> None:
        """marked: rates at which a line is drawn."""
        self._tried = [step for step in tried if math.isfinite(step.loss)]
        self._marked = tuple(marked)
        self.setAccessibleDescription(", ".join(figures.rate(rate) for rate in marked))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        if len(self._tried) < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, colours, metrics = self.plot_area(), theme.colours(self.palette()), self.fontMetrics()
        lows = [math.log10(step.rate) for step in self._tried]
        first, last = min(lows), max(lows)
        losses = [step.loss for step in self._tried]
        # Where the loss explodes at the end, the rest would be a flat line.
        low, high = min(losses), min(max(losses), _HIGHEST_LOSS * losses[0])

        def place(rate: float, loss: float) -> QPointF:
            share = (math.log10(rate) - first) / max(last - first, 1e-9)
            height = (min(loss, high) - low) / max(high - low, 1e-9)
            return QPointF(area.left() + share * area.width(), area.bottom() - height * area.height())

        for decade in range(math.ceil(first), math.floor(last) + 1):
            x = place(10.0**decade, low).x()
            painter.setPen(QPen(colours.line, 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(colours.muted)
            text = figures.rate(10.0**decade)
            left = x - metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(left, area.bottom() + _GAP + metrics.ascent()), text)
        for value in (low, high):
            text = figures.number(value, 2)
            y = place(self._tried[0].rate, value).y() + metrics.ascent() / 2
            painter.drawText(QPointF(area.left() - _GAP - metrics.horizontalAdvance(text), y), text)
        painter.setPen(QPen(colours.curve1, 2))
        painter.drawPolyline(QPolygonF([place(step.rate, step.loss) for step in self._tried]))
        for rate, style in zip(self._marked, (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine), strict=False):
            painter.setPen(QPen(colours.curve2, 2, style))
            x = place(min(max(rate, 10**first), 10**last), low).x()
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

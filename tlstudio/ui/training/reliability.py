"""Whether a network is as sure as it is right: stated against real shares, bin by bin, in a drawing and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.core.events import Interval
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import muted
from tlstudio.ui.theme import SPACE

_FEW, _VERY_FEW = 200, 10  # pictures altogether, and in a bin, below which a drawing says little
_USUAL = 0.9  # what people ask first: when it says 90 %, how often is it right?
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BESIDE, _LOW = 520, 260  # from this width on, or below this height, the words stand beside the drawing
_DOT = 4


@dataclass(frozen=True)
class Bin:
    """Pictures about which the network was about equally sure.

    low, high: limits of the stated probability. n: pictures. confidence: their mean stated probability. accuracy: the
    share that was right, with its 95 % interval. All but n from 0 to 1.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Reliability:
    """What a report says of how sure and how right a network was.

    raw: before scaling; scaled: as its answers are given. error, error_raw: the expected calibration error of each,
    0..1; error_by_chance: what exact probabilities would show on so many pictures; error_out_of_fold: that of the
    validation pictures where others are shown. temperature: what the scaling divides by. None: not in the report.
    """

    raw: tuple[Bin, ...]
    scaled: tuple[Bin, ...]
    error: float | None
    error_raw: float | None
    error_by_chance: float | None
    error_out_of_fold: float | None
    temperature: float | None

    @property
    def pictures(self) -> int:
        return sum(each.n for each in self.scaled)


def reliability_of(report: Mapping[str, Any], split: str) -> Reliability | None:
    """What a report says of a split; None where it does not, as those of earlier versions."""
    judged = report.get(split) or {}
    try:
        drawn = judged["reliability"]
        return Reliability(
            _bins(drawn["raw"]),
            _bins(drawn["scaled"]),
            judged.get("calibration_error"),
            judged.get("calibration_error_raw"),
            judged.get("calibration_floor"),
            report.get("calibration_error_out_of_fold") if split != "val" else None,
            report.get("temperature"),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _bins(rows: Sequence[Mapping[str, Any]]) -> tuple[Bin, ...]:
    """The bins that have pictures."""
    found = []
    for row in rows:
        if row["n"]:
            low, high = (float(end) for end in row["interval"])
            shares = [float(row[name]) for name in ("low", "high", "confidence", "accuracy")]
            found.append(Bin(shares[0], shares[1], int(row["n"]), shares[2], shares[3], (low, high)))
    return tuple(found)


class ReliabilityDiagram(QWidget):
    """Dots at stated against real shares: on the diagonal it is as right as it is sure. Below, how many pictures.

    Signals:
        chosen: the Bin that was clicked, or reached with the arrow keys.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reliability_plot")
        self.setAccessibleName(self.tr("Reliability: how often it is right when it is so sure"))
        self.setToolTip(
            self.tr("How sure it was against how often it was right; a click, or the arrow keys, read out a dot")
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(170, 110)
        self._shown: Reliability | None = None
        self._chosen = -1

    def show_reliability(self, shown: Reliability | None) -> None:
        """Draw this; of its dots the one nearest to 90 % is chosen, which is what people ask for."""
        self._shown = shown
        bins = shown.scaled if shown else ()
        fit = [number for number, each in enumerate(bins) if each.n >= _VERY_FEW] or list(range(len(bins)))
        self._chosen = min(fit, key=lambda number: abs(bins[number].confidence - _USUAL), default=-1)
        self.update()

    def chosen_bin(self) -> Bin | None:
        bins = self._shown.scaled if self._shown else ()
        return bins[self._chosen] if 0 <= self._chosen < len(bins) else None

    def sizeHint(self) -> QSize:
        return QSize(320, 300)

    # Choosing a dot

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(pressed.key()))
        if step is None or self._shown is None:
            super().keyPressEvent(pressed)
        else:
            self._choose(max(0, min(len(self._shown.scaled) - 1, self._chosen + step)))

    def mousePressEvent(self, pressed: QMouseEvent) -> None:
        bins = self._shown.scaled if self._shown else ()
        at = pressed.position().x()
        number = min(range(len(bins)), key=lambda i: abs(self._place(bins[i].confidence, 0).x() - at), default=-1)
        self._choose(number)

    def _choose(self, number: int) -> None:
        self._chosen = number
        self.update()
        if (found := self.chosen_bin()) is not None:
            self.chosen.emit(found)

    def focusInEvent(self, came: QFocusEvent) -> None:
        super().focusInEvent(came)
        self.update()

    def focusOutEvent(self, left: QFocusEvent) -> None:
        super().focusOutEvent(left)
        self.update()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()

    # Drawing

    def _field(self) -> QRectF:
        """Where shares are drawn: left of it the axis, below it the counts and the other axis."""
        line = self.fontMetrics().height()
        left = self.fontMetrics().horizontalAdvance("100 %") + SPACE
        below = 2 * line + self._counts_height() + SPACE
        return QRectF(left, line // 2 + 2, self.width() - left - 2 * SPACE, self.height() - below - line // 2 - 2)

    def _counts_height(self) -> int:
        return max(14, self.height() // 8)

    def _place(self, stated: float, real: float) -> QPointF:
        field = self._field()
        return QPointF(field.left() + stated * field.width(), field.bottom() - real * field.height())

    def paintEvent(self, _painting: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme.colours(self.palette())
        self._paint_axes(painter, colours)
        if self._shown is not None:
            self._paint_counts(painter, colours, self._shown.scaled)
            self._paint_raw(painter, colours, self._shown.raw)
            self._paint_scaled(painter, colours, self._shown.scaled)
        if self.hasFocus():
            painter.setPen(colours.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS)

    def _paint_axes(self, painter: QPainter, colours: theme.Colours) -> None:
        line, field = self.fontMetrics().height(), self._field()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        few = field.height() < 5 * line or field.width() < 6 * self.fontMetrics().horizontalAdvance("100 %")
        below = field.bottom() + self._counts_height() + 4
        for tick in (_TICKS[0], _TICKS[2], _TICKS[4]) if few else _TICKS:
            painter.setPen(colours.line)
            painter.drawLine(self._place(0, tick), self._place(1, tick))
            painter.setPen(colours.muted)
            at, text = self._place(0, tick), figures.percent(tick, 0)
            painter.drawText(QRectF(0, at.y() - line / 2, at.x() - SPACE / 2, line), right, text)
            x = self._place(tick, 0).x()
            wide = self.fontMetrics().horizontalAdvance(text) + 4
            start = min(max(x - wide / 2, 0), self.width() - wide)
            painter.drawText(QRectF(start, below, wide, line), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(colours.muted, 1, Qt.PenStyle.DashLine))
        painter.drawLine(self._place(0, 0), self._place(1, 1))
        painter.setPen(colours.muted)
        name = QRectF(field.left(), below + line, field.width(), line)
        painter.drawText(name, Qt.AlignmentFlag.AlignCenter, self.tr("how sure it was"))

    def _paint_counts(self, painter: QPainter, colours: theme.Colours, bins: Sequence[Bin]) -> None:
        """Bars that hang below the field, as long as the bin has pictures."""
        field, most = self._field(), max((each.n for each in bins), default=1)
        colour = QColor(colours.accent)
        colour.setAlpha(90)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for each in bins:
            left, right = (self._place(end, 0).x() for end in (each.low, each.high))
            long = max(1.5, (self._counts_height() - 2) * each.n / most)
            painter.drawRect(QRectF(left + 0.5, field.bottom() + 1, right - left - 1, long))

    def _paint_raw(self, painter: QPainter, colours: theme.Colours, bins: Sequence[Bin]) -> None:
        places = [self._place(each.confidence, each.accuracy) for each in bins]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colours.curve2, 1, Qt.PenStyle.DotLine))
        painter.drawPolyline(places)
        painter.setPen(QPen(colours.curve2, 1.5))
        for at in places:
            painter.drawRect(QRectF(at.x() - 3, at.y() - 3, 6, 6))

    def _paint_scaled(self, painter: QPainter, colours: theme.Colours, bins: Sequence[Bin]) -> None:
        places = [self._place(each.confidence, each.accuracy) for each in bins]
        painter.setPen(QPen(colours.curve1, 1.5))
        painter.drawPolyline(places)
        for number, (each, at) in enumerate(zip(bins, places, strict=True)):
            colour = QColor(colours.curve1)
            colour.setAlpha(255 if each.n >= _VERY_FEW else 110)  # what rests on a handful of pictures is pale
            low, high = (self._place(each.confidence, end) for end in each.interval)
            painter.setPen(QPen(colour, 1))
            painter.drawLine(low, high)
            for end in (low, high):
                painter.drawLine(end - QPointF(3, 0), end + QPointF(3, 0))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(at, _DOT, _DOT)
            if number == self._chosen:
                painter.setPen(QPen(colours.curve1, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(at, _DOT + 4, _DOT + 4)


class ReliabilityPage(QWidget):
    """The diagram, and beside or below it what it comes to in words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Reliability | None = None
        self.diagram = ReliabilityDiagram()
        self.diagram.chosen.connect(self._say)
        self._reading = QLabel()
        self._reading.setProperty("role", "heading")
        self._errors, self._hint, self._key = QLabel(), QLabel(), muted(QLabel())
        self._key.setText(
            self.tr("● with the scaling, whiskers: 95 % interval · □ before the scaling · bars: how many pictures")
        )
        self._hint.setProperty("role", "warning")
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(SPACE, 0, SPACE, 0)
        column.setSpacing(SPACE)
        for label in (self._reading, self._errors, self._hint, self._key):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(label)
        column.addStretch(1)
        self._words = QScrollArea()
        self._words.setObjectName("reliability_words")
        self._words.setAccessibleName(self.tr("Reliability in words"))
        self._words.setFrameShape(QScrollArea.Shape.NoFrame)
        self._words.setWidgetResizable(True)
        self._words.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._words.setWidget(words)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, SPACE, 0, 0)
        self._row.setSpacing(SPACE)
        self._row.addWidget(self.diagram, 3)
        self._row.addWidget(self._words, 2)

    def show_reliability(self, shown: Reliability | None) -> None:
        """Show this; None says that the report of an earlier version has none."""
        self._shown = shown
        self.diagram.setVisible(shown is not None)
        self.diagram.show_reliability(shown)
        if shown is None:
            self._reading.setText(
                self.tr(
                    "This run was judged by an older version of TL Studio, which did not look at how reliable its "
                    "probabilities are. Train again with the same recipe to see it."
                )
            )
        for label in (self._errors, self._hint, self._key):
            label.setVisible(shown is not None)
        if shown is not None:
            self._say(self.diagram.chosen_bin())
            self._errors.setText(self._describe_errors(shown))
            few = self.tr(
                "Only %n picture(s) were judged: the whiskers are long. Take it as a hint.", "", shown.pictures
            )
            self._hint.setText(few)
            self._hint.setVisible(shown.pictures < _FEW)

    def text(self) -> str:
        """All the words on show."""
        said = (self._reading, self._errors, self._hint)
        return "\n".join(label.text() for label in said if not label.isHidden())

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        beside = self.width() >= _BESIDE or self.height() < _LOW
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._row.direction() != direction:
            self._row.setDirection(direction)

    @Slot(object)
    def _say(self, at: Bin | None) -> None:
        if at is None:
            self._reading.setText(self.tr("No picture was judged."))
            return
        low, high = (figures.number(100 * end, 0) for end in at.interval)
        text = self.tr("When it says {stated}, it is right {real} of the time ({low}–{high}).")
        said = text.format(
            stated=figures.percent(at.confidence, 0), real=figures.percent(at.accuracy, 0), low=low, high=high
        )
        count = self.tr("%n picture(s)", "", at.n)
        self._reading.setText(self.tr("{said} This rests on {count}.").format(said=said, count=count))
        self.diagram.setAccessibleDescription(self._reading.text())

    def _describe_errors(self, shown: Reliability) -> str:
        lines = []
        if shown.error is not None:
            off = self.tr("On average, what it says is off by {0} points (expected calibration error).")
            lines.append(off.format(_points(shown.error)))
        if shown.error_by_chance is not None:
            chance = self.tr("With so many pictures chance alone would show {0}.")
            lines.append(chance.format(_points(shown.error_by_chance)))
        if shown.error_raw is not None and shown.temperature is not None:
            before = self.tr("Without the scaling by the temperature {1} it would be {0}.")
            lines.append(before.format(_points(shown.error_raw), figures.number(shown.temperature, 2)))
        if shown.error_out_of_fold is not None:
            apart = self.tr("On the validation pictures, out of fold, it is {0}.")
            lines.append(apart.format(_points(shown.error_out_of_fold)))
        return " ".join(lines)


def _points(share: float) -> str:
    return figures.number(100 * share, 1)

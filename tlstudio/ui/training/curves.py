"""Curves of a run: training and validation over the epochs, the phases marked. pyqtgraph comes with the first look."""

import importlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from PySide6.QtCore import QEvent, QLocale, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.core.events import Event, Said
from tlstudio.core.run import RunState
from tlstudio.ui import figures, theme
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.labels import heading, muted

Measure = Literal["loss", "accuracy"]
_LIBRARIES = ("numpy", "pyqtgraph")
_HUNDRED = 100
_BESIDE = 12  # pixels around the name of a phase
_SAMPLE, _GAP = 22, 4  # pixels: of a run's line beside its name, and around them
_MARGIN = 12
_SMEAR = 40  # more epochs than this, and symbols would run into each other
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1, 1.5), (6, 2, 1, 2), (2, 2))  # lengths in widths of the line
MOST_LAID = theme.RUN_COLOURS
_STEPS, _MOST_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000), 10


@dataclass(frozen=True)
class Curves:
    """What to draw. epochs: counted through all phases, from 1. phases: (first epoch, name) of each phase."""

    epochs: tuple[int, ...] = ()
    train: tuple[float, ...] = ()
    val: tuple[float, ...] = ()
    phases: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Laid:
    """A run's curve over others. name: of the run. values: one an epoch, counted through all phases from 1; on
    validation pictures, or on those it learned from where none were held out (`learned`)."""

    name: str
    values: tuple[float, ...]
    learned: bool = False


def laid(name: str, state: RunState, measure: Measure) -> Laid:
    """The one curve of a run that is held against other runs'."""
    curves = curves_of(state, measure)
    judged = any(math.isfinite(value) for value in curves.val)
    return Laid(name, curves.val if judged else curves.train, not judged)


def curves_of(state: RunState, measure: Measure) -> Curves:
    """A run's losses or accuracies (percent)."""
    done = state.epochs
    if measure == "loss":
        # A stored loss that was no number is null.
        train = tuple(math.nan if e.train_loss is None else e.train_loss for e in done)
        val = tuple(math.nan if e.val_loss is None else e.val_loss for e in done)
    else:
        train, val = tuple(100 * e.train_accuracy for e in done), tuple(100 * e.val_accuracy for e in done)
    names = {phase.phase: phase.name for phase in state.phases}
    starts = [i for i, e in enumerate(done) if i == 0 or e.phase != done[i - 1].phase]
    phases = tuple((i + 1, f"{done[i].phase} {names.get(done[i].phase, '')}".strip()) for i in starts)
    return Curves(tuple(range(1, len(done) + 1)), train, val, phases)


def _load_libraries(_stop: Stop) -> Iterator[Event]:
    # On a thread: together they take most of a second, and the window must not wait for it.
    for name in _LIBRARIES:
        importlib.import_module(name)
        yield Said(name)


class _Legend(QWidget):
    """Which line is which, by colour, form and name."""

    def __init__(self) -> None:
        super().__init__()
        self._train, self._val = QLabel(), QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE + 4)
        row.addWidget(self._train)
        row.addWidget(self._val)
        self.colour()

    def colour(self) -> None:
        colours = theme.colours(self.palette())
        for label, mark, name, colour in (
            (self._train, "━●", self.tr("training"), colours.curve1),
            (self._val, "┅■", self.tr("validation"), colours.curve2),
        ):
            label.setText(f"{mark} {name}")
            label.setStyleSheet(f"color: {colour.name()}")


class _Keys(QWidget):
    """Which run is which: a piece of its line, and its name; where there is little room, in columns of one width."""

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self.setFixedHeight(max(18, self.fontMetrics().height()))
        self.hide()

    def show_runs(self, runs: Sequence[Laid]) -> None:
        learned = self.tr("{0}, training")
        self._names = tuple(learned.format(run.name) if run.learned else run.name for run in runs)
        self.setToolTip("\n".join(self._names))
        self.setVisible(bool(runs))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """With room for every name."""
        wide = sum(_SAMPLE + self.fontMetrics().horizontalAdvance(name) + 3 * _GAP for name in self._names)
        return QSize(wide, self.height())

    def paintEvent(self, _drawing: QPaintEvent) -> None:
        painter, metrics = QPainter(self), self.fontMetrics()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 0
        fits = self.sizeHint().width() <= self.width()
        most = self.width() if fits else self.width() // max(1, len(self._names))
        for number, name in enumerate(self._names):
            painter.setPen(_pen(number, self.palette()))
            painter.drawLine(x, self.height() // 2, x + _SAMPLE, self.height() // 2)
            painter.setPen(self.palette().windowText().color())
            room = most - _SAMPLE - 2 * _GAP
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(x + _SAMPLE + _GAP, 0, room, self.height()), left, text)
            x += min(most, _SAMPLE + metrics.horizontalAdvance(text) + 3 * _GAP)


def _pen(number: int, palette: QPalette) -> QPen:
    """The pen of one of several runs: a colour and a form of its own."""
    pen = QPen(theme.run_colour(number, palette), 2)
    pen.setCosmetic(True)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    if _DASHES[number]:
        pen.setDashPattern(_DASHES[number])
    return pen


class CurvePlot(QFrame):
    """A card with a title, a legend and a plot that is loaded when it is first shown.

    Signals:
        loaded: the plot is there and shows what it was given.
    """

    loaded = Signal()

    def __init__(self, title: str, measure: Measure, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setObjectName(f"{measure}_plot")
        self.setAccessibleName(title)
        self.setMinimumSize(220, 140)
        # Neither hint: two plots side by side get the same room, whatever stands in them.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.measure: Measure = measure
        self._curves = Curves()
        self._plot: Any = None
        self._lines: list[Any] = []
        self._laid: tuple[Laid, ...] = ()
        self._laid_lines: list[Any] = []
        self._marks: list[Any] = []
        self._marked: tuple[tuple[int, str, bool], ...] = ()
        self._job: Job | None = None
        self._title = heading(title)
        self._legend = _Legend()
        self._waiting = muted(QLabel())
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._waiting.setWordWrap(True)
        self._head = QHBoxLayout()
        self._head.addWidget(self._title)
        self._head.addStretch(1)
        self._head.addWidget(self._legend)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(_MARGIN, theme.SPACE, _MARGIN, theme.SPACE)
        self._column.setSpacing(4)
        self._keys = _Keys()
        self._column.addLayout(self._head)
        self._column.addWidget(self._keys)
        self._column.addWidget(self._waiting, 1)

    def show_curves(self, curves: Curves) -> None:
        """Draw these; at once when the plot is loaded."""
        if curves == self._curves and not self._laid:
            return  # painting is what costs most, and a list that is read anew shows the same again
        self._lay(())
        self._curves = curves
        self._describe()
        self._draw()

    def show_laid(self, runs: Sequence[Laid]) -> None:
        """Draw several runs over each other, at most `MOST_LAID`."""
        if runs and tuple(runs) == self._laid:
            return
        self._lay(tuple(runs))
        epochs = max((len(run.values) for run in runs), default=0)
        self._curves = Curves(tuple(range(1, epochs + 1)))
        self._describe()
        self._draw()

    def shown_laid(self) -> tuple[Laid, ...]:
        return self._laid

    def _lay(self, runs: tuple[Laid, ...]) -> None:
        if runs != self._laid:
            self._laid = runs
            self._keys.show_runs(runs)
            self._legend.setVisible(not runs)
            self._place_keys()

    def _place_keys(self) -> None:
        """Beside the title where they have the room, else in a row of their own."""
        beside = self._title.sizeHint().width() + self._keys.sizeHint().width() + 2 * _MARGIN + theme.SPACE
        is_beside, is_there = beside <= self.width(), self._head.indexOf(self._keys) >= 0
        if is_beside and not is_there:
            self._column.removeWidget(self._keys)
            self._head.addWidget(self._keys)
        elif is_there and not is_beside:
            self._head.removeWidget(self._keys)
            self._column.insertWidget(1, self._keys)

    def shown_curves(self) -> Curves:
        return self._curves

    def is_loaded(self) -> bool:
        return self._plot is not None

    def shut_down(self) -> None:
        if self._job:
            self._job.wait()

    @Slot()
    def load(self) -> None:
        """Load the plot now, before it is shown."""
        if self._plot is None and self._job is None:
            self._job = Job(_load_libraries, self)
            self._job.finished.connect(self._make_plot)
            self._job.start()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self.load()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        if self._laid:
            self._place_keys()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._legend.colour()
            self._keys.update()
            self._colour_plot()

    @Slot()
    def _make_plot(self) -> None:
        if self._job:
            self._job.deleteLater()
            self._job = None
        import pyqtgraph

        plot = pyqtgraph.PlotWidget(enableMenu=False)
        plot.setAccessibleName(self.accessibleName())
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it shows, there is nothing to operate
        plot.setFrameShape(QFrame.Shape.NoFrame)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.showGrid(x=False, y=True, alpha=0.12)
        item = plot.getPlotItem()
        item.disableAutoRange()
        item.setLabel("bottom", self.tr("epoch"))
        item.setLabel("left", self.tr("loss") if self.measure == "loss" else self.tr("accuracy (%)"))
        for side in ("left", "bottom"):
            item.getAxis(side).tickStrings = _tick_texts
            item.getAxis(side).enableAutoSIPrefix(False)
        # Lines between the labelled ones can hardly be seen, and took half the time of a painting.
        item.getAxis("left").setStyle(maxTickLevel=0)
        if self.measure == "accuracy":
            item.getAxis("left").tickStrings = _percent_ticks
        # A loss that was no number leaves a gap.
        self._lines = [item.plot([], [], antialias=True, connect="finite", symbolSize=6) for _ in range(2)]
        item.getViewBox().sigResized.connect(self._place_marks)
        self._plot = plot
        self._column.addWidget(plot, 1)
        self._colour_plot()
        self._draw()
        self.loaded.emit()

    def _draw(self) -> None:
        there = bool(self._curves.epochs)
        soon, first = self.tr("The curves are about to be drawn."), self.tr("The curves appear with the first epoch.")
        self._waiting.setText(soon if there else first)
        self._waiting.setVisible(self._plot is None or not there)
        if self._plot is None:
            return
        self._plot.setVisible(there)
        if not there:
            return
        self._draw_laid()
        many = len(self._curves.epochs) > _SMEAR
        for line, values, symbol in zip(self._lines, (self._curves.train, self._curves.val), "os", strict=True):
            if line.opts["symbol"] != (None if many else symbol):
                line.setSymbol(None if many else symbol)
            # A line without any number would be warned about at every drawing.
            drawn = any(math.isfinite(value) for value in values)
            line.setData(list(self._curves.epochs) if drawn else [], list(values) if drawn else [])
        self._set_range()
        self._place_marks()

    def _draw_laid(self) -> None:
        while len(self._laid_lines) < len(self._laid):
            line = self._plot.getPlotItem().plot([], [], antialias=True, connect="finite")
            line.setPen(_pen(len(self._laid_lines), self.palette()))
            self._laid_lines.append(line)
        for number, line in enumerate(self._laid_lines):
            values = self._laid[number].values if number < len(self._laid) else ()
            drawn = any(math.isfinite(value) for value in values)
            line.setData(list(range(1, len(values) + 1)) if drawn else [], list(values) if drawn else [])

    def _colour_plot(self) -> None:
        if self._plot is None:
            return
        import pyqtgraph

        colours = theme.colours(self.palette())
        self._plot.setBackground(colours.surface)
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(colours.line)
            axis.setTextPen(colours.muted)
        styles = ((colours.curve1, Qt.PenStyle.SolidLine), (colours.curve2, Qt.PenStyle.DashLine))
        for line, (colour, style) in zip(self._lines, styles, strict=True):
            line.setPen(pyqtgraph.mkPen(colour, width=2, style=style))
            line.setSymbolPen(pyqtgraph.mkPen(colour))
            line.setSymbolBrush(pyqtgraph.mkBrush(colour))
        for number, line in enumerate(self._laid_lines):
            line.setPen(_pen(number, self.palette()))
        self._mark_phases()

    def _set_range(self) -> None:
        last = max(self._curves.epochs[-1], 2)
        self._plot.setXRange(0.5, last + 0.5, padding=0)
        step = next((s for s in _STEPS if last / s <= _MOST_TICKS), _STEPS[-1])
        self._plot.getPlotItem().getAxis("bottom").setTickSpacing(levels=[(step, 0)])  # there is no epoch 1.5
        drawn = (self._curves.train, self._curves.val, *(run.values for run in self._laid))
        values = [value for line in drawn for value in line if math.isfinite(value)]
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = max((high - low) * 0.08, 0.02 if self.measure == "loss" else 1.0)
        low, high = max(low - room, -0.03 * high), high + room
        if len(self._curves.phases) > 1:
            high += 0.16 * (high - low)  # their names stand above the curves
        self._plot.setYRange(low, high, padding=0)

    @Slot()
    def _place_marks(self) -> None:
        """Mark the phases anew when there are others, or one's name has to go to the other side of its line."""
        if self._plot is not None and self._curves.epochs and self._marked != self._wanted_marks():
            self._mark_phases()

    def _wanted_marks(self) -> tuple[tuple[int, str, bool], ...]:
        """First epoch and name of each phase, and whether the name has to stand left of its line to be read.

        A name that its phase has no room for is its number alone; the last one's stands in the phase before it.
        """
        if not self._curves.epochs:
            return ()
        box = self._plot.getPlotItem().getViewBox()
        (left, right), _ = box.viewRange()
        phases = self._curves.phases
        wide = [self.fontMetrics().horizontalAdvance(name) + _BESIDE for _, name in phases]
        lines = [first - 0.5 for first, _ in phases]
        rooms = [(b - a) / (right - left) * box.width() for a, b in pairwise((*lines, right))]
        to_the_left = bool(phases) and rooms[-1] < wide[-1]
        if to_the_left and len(phases) > 1:
            rooms[-2] -= wide[-1]
        last = len(phases) - 1
        return tuple(
            (first, name if room >= width or n == last else name.partition(" ")[0], to_the_left and n == last)
            for n, ((first, name), room, width) in enumerate(zip(phases, rooms, wide, strict=True))
        )

    def _mark_phases(self) -> None:
        import pyqtgraph

        for mark in self._marks:
            self._plot.removeItem(mark)
        self._marks, self._marked = [], self._wanted_marks()
        muted_colour = theme.colours(self.palette()).muted
        pen = pyqtgraph.mkPen(muted_colour, width=1, style=Qt.PenStyle.DotLine)
        for first, name, to_the_left in self._marked if len(self._marked) > 1 else ():
            options = {"position": 0.99, "color": muted_colour, "anchors": [(int(to_the_left), 0)] * 2}
            mark = pyqtgraph.InfiniteLine(first - 0.5, angle=90, pen=pen, label=name, labelOpts=options)
            self._plot.addItem(mark, ignoreBounds=True)
            self._marks.append(mark)

    def _describe(self) -> None:
        """For those who cannot see the curves: where they stand."""
        if not self._curves.epochs:
            self.setAccessibleDescription("")
            return
        digits = 3 if self.measure == "loss" else 1
        if self._laid:
            ends = (f"{run.name}: {figures.number(run.values[-1], digits)}" for run in self._laid if run.values)
            self.setAccessibleDescription(self.tr("At the end, on validation pictures: {0}").format(", ".join(ends)))
            return
        train, val = (figures.number(values[-1], digits) for values in (self._curves.train, self._curves.val))
        said = self.tr("After epoch {0}: training {1}, validation {2}")
        self.setAccessibleDescription(said.format(figures.count(self._curves.epochs[-1]), train, val))


def _tick_texts(values: Sequence[float], _scale: float, spacing: float) -> list[str]:
    """Axis numbers in the locale's writing, with as many digits as their distance needs."""
    digits = 0
    while digits < 4 and abs(spacing * 10**digits - round(spacing * 10**digits)) > 1e-6:
        digits += 1
    return [QLocale().toString(float(value), "f", digits) if value >= 0 else "" for value in values]


def _percent_ticks(values: Sequence[float], scale: float, spacing: float) -> list[str]:
    """The same for percentages: the room above 100 is for the names of the phases."""
    texts = _tick_texts(values, scale, spacing)
    return [text if value <= _HUNDRED else "" for value, text in zip(values, texts, strict=True)]

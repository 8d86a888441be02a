"""A map of the pictures by their features: alike ones lie together. A line drawn around some chooses them."""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QGraphicsPathItem, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.core.events import Event, Said
from tlstudio.ui import theme
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.labels import ElidedLabel, muted

_LIBRARIES = ("numpy", "pyqtgraph")
_SIZE, _CHOSEN_SIZE = 8, 11
_NAMED = 10  # classes with a colour of their own


def _load_libraries(_stop: Stop) -> Iterator[Event]:
    for name in _LIBRARIES:
        importlib.import_module(name)
        yield Said(name)


class FeatureMap(QFrame):
    """Dots in the colours of their classes.

    Signals:
        chosen: the numbers of the pictures a line was drawn around, or of the one that was clicked; a tuple.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("feature_map")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("Map of the pictures"))
        self.setToolTip(self.tr("Draw a line around pictures to choose them; click one to choose it alone"))
        self._points: tuple[tuple[float, float], ...] = ()
        self._classes: tuple[int, ...] = ()
        self._marked: frozenset[int] = frozenset()
        self._plot: Any = None
        self._dots: Any = None
        self._job: Job | None = None
        self._line = QPolygonF()
        self._lasso = QGraphicsPathItem()
        self._waiting = muted(QLabel(self.tr("Drawing the map …")))
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._names: tuple[str, ...] = ()
        self._legend = QHBoxLayout()
        self._legend.setSpacing(theme.SPACE + 4)
        self._column = QVBoxLayout(self)
        self._column.addLayout(self._legend)
        self._column.addWidget(self._waiting, 1)

    def load(self) -> None:
        """Load what draws it, on a thread: it takes most of a second."""
        if self._plot is None and self._job is None:
            self._job = Job(_load_libraries, self)
            self._job.finished.connect(self._make_plot)
            self._job.start()

    def show_points(self, points: Sequence[tuple[float, float]]) -> None:
        """Draw pictures where they lie, (x, y) each, 0..1; `show_classes` says of which class each is."""
        self._points, self._classes, self._marked = tuple(points), (0,) * len(points), frozenset()
        if points:
            self.load()
        self._draw()

    def show_classes(self, classes: Sequence[int], names: Sequence[str]) -> None:
        """The number of the class of each picture, and what the classes are called."""
        self._classes, self._names = tuple(classes), tuple(names)
        self._draw()
        self._draw_legend()

    def _draw_legend(self) -> None:
        while (entry := self._legend.takeAt(0)) is not None:
            if (label := entry.widget()) is not None:
                label.deleteLater()
        for number, name in enumerate(self._names[:_NAMED]):
            line = ElidedLabel(f"● {name}", Qt.TextElideMode.ElideRight)
            line.setStyleSheet(f"color: {theme.class_colour(number, self.palette()).name()}")
            self._legend.addWidget(line, 1)
        if len(self._names) > _NAMED:
            self._legend.addWidget(muted(QLabel(self.tr("and %n more", "", len(self._names) - _NAMED))))

    def shut_down(self) -> None:
        if self._job is not None:
            self._job.wait()

    @Slot()
    def _make_plot(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        import pyqtgraph

        self._plot = pyqtgraph.PlotWidget(enableMenu=False)
        self._plot.setAccessibleName(self.accessibleName())
        self._plot.setFrameShape(QFrame.Shape.NoFrame)
        self._plot.hideButtons()
        self._plot.setMouseEnabled(x=False, y=False)
        for side in ("left", "bottom"):
            self._plot.getPlotItem().hideAxis(side)
        self._plot.setXRange(0, 1, padding=0.03)
        self._plot.setYRange(0, 1, padding=0.03)
        self._dots = pyqtgraph.ScatterPlotItem(pxMode=True)
        self._plot.addItem(self._dots)
        self._plot.scene().addItem(self._lasso)
        self._plot.viewport().installEventFilter(self)
        self._waiting.hide()
        self._column.addWidget(self._plot, 1)
        self._draw()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._draw()
            self._draw_legend()

    def _draw(self) -> None:
        if self._plot is None:
            return
        import pyqtgraph

        found = theme.colours(self.palette())
        self._plot.setBackground(found.surface)
        self._lasso.setPen(QPen(found.accent, 2, Qt.PenStyle.DashLine))
        count = max(self._classes, default=0) + 1
        brushes = [pyqtgraph.mkBrush(theme.class_colour(number, self.palette())) for number in range(count)]
        ring, none = pyqtgraph.mkPen(self.palette().text().color(), width=2), pyqtgraph.mkPen(None)
        self._dots.setData(
            x=[x for x, _ in self._points],
            y=[y for _, y in self._points],
            brush=[brushes[number] for number in self._classes],
            pen=[ring if i in self._marked else none for i in range(len(self._points))],
            size=[_CHOSEN_SIZE if i in self._marked else _SIZE for i in range(len(self._points))],
        )

    def choose(self, numbers: Sequence[int]) -> None:
        """Mark these and say so."""
        self._marked = frozenset(numbers)
        self._draw()
        self.chosen.emit(tuple(numbers))

    # The line around pictures

    def eventFilter(self, watched: QObject, happening: QEvent) -> bool:
        kinds = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease)
        if happening.type() not in kinds or not isinstance(happening, QMouseEvent):
            return super().eventFilter(watched, happening)
        place = self._plot.mapToScene(happening.position().toPoint())
        if happening.type() == QEvent.Type.MouseButtonPress and happening.button() == Qt.MouseButton.LeftButton:
            self._line = QPolygonF([place])
        elif happening.type() == QEvent.Type.MouseMove and not self._line.isEmpty():
            self._line.append(place)
        elif happening.type() == QEvent.Type.MouseButtonRelease and not self._line.isEmpty():
            self._take_line()
        else:
            return True
        path = QPainterPath()
        path.addPolygon(self._line)
        self._lasso.setPath(path)
        return True

    def _take_line(self) -> None:
        """Choose what the line is around; a line that goes nowhere is a click on the nearest dot."""
        box = self._plot.getPlotItem().getViewBox()
        places = [box.mapViewToScene(QPointF(x, y)) for x, y in self._points]
        around = self._line.boundingRect()
        if max(around.width(), around.height()) < _SIZE:
            here = self._line.first()
            reach = [((p.x() - here.x()) ** 2 + (p.y() - here.y()) ** 2, i) for i, p in enumerate(places)]
            near = min(reach, default=(float("inf"), -1))
            self.choose([near[1]] if near[0] <= _CHOSEN_SIZE**2 else [])
        else:
            inside = Qt.FillRule.OddEvenFill
            self.choose([i for i, place in enumerate(places) if self._line.containsPoint(place, inside)])
        self._line = QPolygonF()

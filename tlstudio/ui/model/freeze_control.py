"""The slider "freeze up to": a stop for every stage, its name below it."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QSlider, QStyle, QStyleOptionSlider, QWidget

from tlstudio.ui import theme


class _Scale(QWidget):
    """The names of the slider's stops, each under its stop; a click on one goes there."""

    chosen = Signal(int)

    def __init__(self, slider: QSlider) -> None:
        super().__init__()
        self._slider = slider
        self._names: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_names(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self.fontMetrics().height() + 2)

    def _centre(self, position: int) -> int:
        """Where the handle's middle is at a stop, in this widget's pixels."""
        option = QStyleOptionSlider()
        self._slider.initStyleOption(option)
        option.sliderPosition = option.sliderValue = position
        handle = self._slider.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self._slider
        )
        return self.mapFromGlobal(self._slider.mapToGlobal(handle.center())).x()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        colours = theme.colours(self.palette())
        width = self.fontMetrics().horizontalAdvance
        end = -1
        for position, name in enumerate(self._names):
            is_here = position == self._slider.value()
            centre = self._centre(position)
            left = max(0, min(centre - width(name) // 2, self.width() - width(name)))
            if left <= end and not is_here:
                continue  # no room beside the one before it
            end = left + width(name) + 4
            painter.setPen(self.palette().windowText().color() if is_here else colours.muted)
            place = QRect(left, 0, width(name) + 2, self.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)

    def mousePressEvent(self, press: QMouseEvent) -> None:
        if self.isEnabled() and self._names:
            spots = [abs(self._centre(i) - press.position().toPoint().x()) for i in range(len(self._names))]
            self.chosen.emit(spots.index(min(spots)))


class FreezeControl(QWidget):
    """Caption, slider and the names of its stops.

    Signals:
        cut_asked: the stage from which on everything is to learn.
    """

    cut_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cuts: tuple[str, ...] = ()
        caption = QLabel(self.tr("Freeze up to"))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("freeze_slider")
        self.slider.setAccessibleName(self.tr("Freeze up to"))
        self.slider.setPageStep(1)
        self.slider.setMinimumHeight(24)
        self._scale = _Scale(self.slider)
        self.slider.valueChanged.connect(self._move)
        self._scale.chosen.connect(self.slider.setValue)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * theme.SPACE)
        grid.setVerticalSpacing(0)
        grid.addWidget(caption, 0, 0)
        grid.addWidget(self.slider, 0, 1)
        grid.addWidget(self._scale, 1, 1)
        self.allow(True)

    def show_cuts(self, cuts: Sequence[str], chosen: str) -> None:
        """The stages one can cut at, and the one the recipe cuts at."""
        names = [self.tr("nothing"), *cuts[:-1]]
        if tuple(cuts) != self._cuts:
            self._cuts = tuple(cuts)
            self.slider.blockSignals(True)
            self.slider.setRange(0, max(0, len(cuts) - 1))
            self.slider.blockSignals(False)
        at = self._cuts.index(chosen) if chosen in self._cuts else len(self._cuts) - 1
        self.slider.blockSignals(True)
        self.slider.setValue(at)
        self.slider.blockSignals(False)
        self._scale.show_names(names)
        said = self.tr("{0}; learns from {1} on").format(names[at], self._cuts[at])
        self.slider.setAccessibleDescription(said)

    def allow(self, allowed: bool, why_not: str = "") -> None:
        self.slider.setEnabled(allowed)
        self._scale.setEnabled(allowed)
        explanation = self.tr("Everything up to here stays as it was; everything after it learns. Arrow keys move it.")
        self.slider.setToolTip(explanation if allowed else why_not)

    @Slot(int)
    def _move(self, position: int) -> None:
        if 0 <= position < len(self._cuts):
            self.cut_asked.emit(self._cuts[position])

    def changeEvent(self, change: QEvent) -> None:
        if change.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._scale.update()
        super().changeEvent(change)

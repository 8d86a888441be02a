"""A field for a rate of learning or decay: short scientific notation, arrows that go 1, 2, 5, 10."""

import math

from PySide6.QtCore import QLocale
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from tlstudio.ui import figures

LOWEST, HIGHEST = 1e-7, 10.0
_STEPS = (1.0, 2.0, 5.0)


class RateBox(QDoubleSpinBox):
    """Takes 1e-4, 0.0001 and, where the locale writes so, 0,0001.

    Below `lowest` there is nothing but, with `or_none`, 0.
    """

    def __init__(
        self, lowest: float = LOWEST, highest: float = HIGHEST, or_none: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._lowest, self._or_none = lowest, or_none
        self.setDecimals(12)  # values are rounded to this many
        self.setRange(0.0 if or_none else lowest, highest)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:
        return figures.rate(value) if value else self.tr("none")

    def valueFromText(self, text: str) -> float:
        value = _parsed(text)
        return self.value() if value is None else value

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        value = _parsed(text)
        allowed = value is not None and (self._lowest <= value <= self.maximum() or (self._or_none and value == 0))
        if allowed or (self._or_none and text == self.tr("none")):
            return QValidator.State.Acceptable, text, position
        typed = all(character in "0123456789.,eE+-" for character in text.strip())
        return (QValidator.State.Intermediate if typed else QValidator.State.Invalid), text, position

    def stepBy(self, steps: int) -> None:
        for _ in range(abs(steps)):
            value, up = self.value(), steps > 0
            if self._or_none and value <= self._lowest and not (up and value):
                self.setValue(self._lowest if up else 0.0)
            else:
                self.setValue(_next(value, up))


def _parsed(text: str) -> float | None:
    """The number a text stands for, in the locale's writing or in the plain one."""
    value, good = QLocale().toDouble(text.strip())
    if not good:
        value, good = QLocale.c().toDouble(text.strip())
    return value if good and math.isfinite(value) else None


def _next(value: float, up: bool) -> float:
    """The next of 1, 2, 5, 10, … above or below a value."""
    decade = 10.0 ** math.floor(math.log10(value) + 1e-9)
    rungs = [step * power for power in (decade / 10, decade, decade * 10) for step in _STEPS]
    if up:
        return min(rung for rung in rungs if rung > value * 1.001)
    return max(rung for rung in rungs if rung < value * 0.999)

"""A field for a learning rate: short scientific notation, arrows that go 1, 2, 5, 10."""

import math

from PySide6.QtCore import QLocale
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from tlstudio.ui import figures

LOWEST, HIGHEST = 1e-7, 10.0
_STEPS = (1.0, 2.0, 5.0)


class RateBox(QDoubleSpinBox):
    """Takes 1e-4, 0.0001 and, where the locale writes so, 0,0001."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(12)  # values are rounded to this many
        self.setRange(LOWEST, HIGHEST)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:
        return figures.rate(value)

    def valueFromText(self, text: str) -> float:
        return _parsed(text) or self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        value = _parsed(text)
        if value is not None and LOWEST <= value <= HIGHEST:
            return QValidator.State.Acceptable, text, position
        typed = all(character in "0123456789.,eE+-" for character in text.strip())
        return (QValidator.State.Intermediate if typed else QValidator.State.Invalid), text, position

    def stepBy(self, steps: int) -> None:
        for _ in range(abs(steps)):
            self.setValue(_next(self.value(), up=steps > 0))


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

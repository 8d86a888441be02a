"""Labels with a role in the page: titles, muted remarks, and lines and boxes that shorten themselves."""

import html
from typing import TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QStyle, QStyleOptionComboBox, QWidget

_Label = TypeVar("_Label", bound=QLabel)
_BOX_INSET = 1  # px that a style leaves free at either end of a box's text


def _with_role(label: _Label, role: str) -> _Label:
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def plain_tip(text: str) -> str:
    """A tool tip that shows names and paths as they are: Qt would take `<b>` in one for bold."""
    if "<" not in text:
        return text
    escaped = html.escape(text).replace("\n", "<br>")
    return f"<qt>{escaped}</qt>"


def title(text: str) -> QLabel:
    return _with_role(QLabel(text), "title")


def heading(text: str) -> QLabel:
    return _with_role(QLabel(text), "heading")


def muted(label: _Label) -> _Label:
    return _with_role(label, "muted")


class ElidedLabel(QLabel):
    """One line of plain text that ends in … where the room ends; the tool tip has all of it."""

    def __init__(
        self, text: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._full = ""
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    @property
    def full_text(self) -> str:
        return self._full

    def show_text(self, text: str) -> None:
        self._full = text
        self._fit()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 6, super().minimumSizeHint().height())

    def _fit(self) -> None:
        short = self.fontMetrics().elidedText(self._full, self._mode, max(self.width(), 1))
        self.setText(short)
        self.setToolTip(plain_tip(self._full) if short != self._full else "")


class ElidedBox(QComboBox):
    """A combo box whose closed entry ends in … where the room ends; Qt's own cuts through a letter."""

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        control, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(control, option, part, self).width() - 2 * _BOX_INSET
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)

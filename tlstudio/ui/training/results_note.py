"""A line under the evaluation: what became of a report or a repetition, with the one thing to do about it."""

from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.theme import SPACE

_SHOWN = 4  # lines; the tool tip has all


class ResultsNote(QFrame):
    """Hidden while there is nothing to say.

    Signals:
        cancelled: what goes on is no longer wanted.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("results_note")
        self.setProperty("card", True)
        self._file: Path | None = None
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.open_button = QPushButton(self.tr("Open"))
        self.open_button.setToolTip(self.tr("Open the report in the browser"))
        self.open_button.clicked.connect(self._open)
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Stop writing the report"))
        self.cancel_button.clicked.connect(self.cancelled)
        self._cross = IconButton("close", self.tr("Close this note"))
        self._cross.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE, SPACE // 2, SPACE // 2, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self._text, 1)
        for button in (self.open_button, self.cancel_button, self._cross):
            row.addWidget(button)
        self.hide()

    def say(self, text: str, details: tuple[str, ...] = ()) -> None:
        """Say how something ended. details: a line each, the first ones below the text."""
        shown = details if len(details) <= _SHOWN else details[: _SHOWN - 1]
        lines = [text, *(f"• {line}" for line in shown)]
        if len(shown) < len(details):
            lines.append(self.tr("… and %n more", "", len(details) - len(shown)))
        self._show("\n".join(lines), None, busy=False)
        self._text.setToolTip(plain_tip("\n".join(details)))

    def say_written(self, text: str, file: Path) -> None:
        """Say that a file is there, and offer to open it."""
        self._show(text, file, busy=False)

    def say_busy(self, text: str) -> None:
        """Say what goes on; it can be cancelled."""
        self._show(text, None, busy=True)

    def text(self) -> str:
        return self._text.text()

    def _show(self, text: str, file: Path | None, busy: bool) -> None:
        self._file = file
        self._text.setText(text)
        self._text.setToolTip("")
        self.open_button.setVisible(file is not None)
        self.cancel_button.setVisible(busy)
        self._cross.setVisible(not busy)
        self.show()

    @Slot()
    def _open(self) -> None:
        if self._file is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file)))

"""What the window has to say: one line with a remedy above the page, and a log window for the rest."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.errors import TLStudioError
from tlstudio.ui import icons, theme
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import muted, plain_tip
from tlstudio.ui.theme import SPACE

LOG_LENGTH = 2000
_log = logging.getLogger("tlstudio")


@dataclass(frozen=True)
class Offer:
    """Something a message offers to do. name: the button's objectName. tip: what it does.

    chosen: a bound slot. stays: the message stays when it was chosen.
    """

    name: str
    text: str
    tip: str
    chosen: Callable[[], None]
    stays: bool = False


class MessageBar(QFrame):
    """The newest message: what happened, what to do. Nobody has to answer it.

    Signals:
        undo_wanted: take back what the message tells of.
    """

    undo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self.setAccessibleName(self.tr("Message"))
        self._kind = "info"
        self._details = ""
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self._what = self._make_text()
        self._remedy = muted(self._make_text())
        self._copy = QPushButton(self.tr("Copy details"))
        self._copy.setToolTip(self.tr("Put the whole message on the clipboard"))
        self._copy.clicked.connect(self._copy_details)
        self._undo = QPushButton(self.tr("Undo"))
        self._undo.setObjectName("undo_button")
        self._undo.setToolTip(self.tr("Take back what this message tells of"))
        self._undo.clicked.connect(self.hide)
        self._undo.clicked.connect(self.undo_wanted)
        self._dismiss = IconButton("close", self.tr("Dismiss this message"))
        self._dismiss.clicked.connect(self.hide)
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(self._what)
        text.addWidget(self._remedy)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE * 2, SPACE, SPACE, SPACE)
        row.setSpacing(SPACE + 4)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(text, 1)
        self._offers = QHBoxLayout()
        self._offers.setSpacing(SPACE)
        row.addLayout(self._offers)
        row.addWidget(self._undo)
        row.addWidget(self._copy)
        row.addWidget(self._dismiss)
        self.hide()

    def _make_text(self) -> QLabel:
        label = QLabel()
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        return label

    @property
    def text(self) -> str:
        """What stands there now; empty when nothing does."""
        return f"{self._what.text()} {self._remedy.text()}".strip() if not self.isHidden() else ""

    @Slot(object)
    def show_error(self, error: TLStudioError) -> None:
        where = f"{Path(error.path).name}: " if error.path is not None else ""
        _log.error("%s", error)
        self._show("error", f"{where}{error.what.rstrip('.')}.", error.remedy, str(error))

    @Slot(str, str)
    def warn(self, what: str, remedy: str = "", undo: bool = False) -> None:
        _log.warning("%s %s", what, remedy)
        self._show("warning", what, remedy, f"{what} {remedy}".strip(), undo)

    def say(self, what: str, remedy: str = "", undo: bool = False) -> None:
        """undo: offer to take it back."""
        _log.info("%s %s", what, remedy)
        self._show("info", what, remedy, "", undo)

    def offer(self, kind: str, what: str, remedy: str, offers: Sequence[Offer], details: str = "") -> None:
        """Say something with buttons beside it. kind: `info`, `warning` or `error`. It stays through `clear`."""
        _log.info("%s %s", what, remedy)
        self._show(kind, what, remedy, details)
        for offer in offers:
            button = QPushButton(offer.text)
            button.setObjectName(offer.name)
            button.setToolTip(offer.tip)
            if not offer.stays:
                button.clicked.connect(self.hide)
            button.clicked.connect(offer.chosen)
            self._offers.addWidget(button)
            button.show()  # not at the next event only: the keyboard may be there first

    @Slot()
    def clear(self) -> None:
        """Take away what was said of things that are over; what is still offered stays."""
        if not self._offers.count():
            self.hide()

    def _show(self, kind: str, what: str, remedy: str, details: str, undo: bool = False) -> None:
        while (item := self._offers.takeAt(0)) is not None:
            if button := item.widget():
                button.hide()
                button.deleteLater()
        self._kind = kind
        self._details = details
        self._what.setText(what)
        self._what.setToolTip(plain_tip(details))
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(remedy))
        self._copy.setVisible(bool(details) and not undo)
        self._undo.setVisible(undo)
        self._tint()
        self.show()

    def _tint(self) -> None:
        found = theme.colours(self.palette())
        colour = {"error": found.error, "warning": found.warning}.get(self._kind, found.accent)
        self._icon.setPixmap(icons.pixmap(self._kind, colour, 20, self.devicePixelRatioF()))

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(change)

    @Slot()
    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self._details)


class LogLines(QObject):
    """The last lines of the program's log, from whichever thread they come.

    Signals:
        added: one more line.
    """

    added = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LOG_LENGTH)
        self._handler = _Forward(self._add)
        self._handler.setFormatter(logging.Formatter("%(asctime)s  %(levelname)-7s  %(message)s"))
        _log.addHandler(self._handler)

    def _add(self, line: str) -> None:
        self.lines.append(line)
        self.added.emit(line)

    def close(self) -> None:
        _log.removeHandler(self._handler)


class _Forward(logging.Handler):
    def __init__(self, add: Callable[[str], None]) -> None:
        super().__init__()
        self._add = add

    def emit(self, record: logging.LogRecord) -> None:
        self._add(self.format(record))


class LogWindow(QWidget):
    """Help ▸ Show log: what the program did and what went wrong, to read and to copy."""

    def __init__(self, lines: LogLines, owner: QWidget) -> None:
        super().__init__(owner, Qt.WindowType.Window)
        self._lines = lines
        self.setObjectName("log_window")
        self.setWindowTitle(self.tr("Log: TL Studio"))
        self.resize(860, 420)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setMaximumBlockCount(LOG_LENGTH)
        self._text.setAccessibleName(self.tr("Log"))
        self._text.setPlaceholderText(self.tr("Nothing has happened yet."))
        copy = QPushButton(self.tr("Copy all"))
        copy.setToolTip(self.tr("Put the whole log on the clipboard"))
        copy.setAutoDefault(True)  # Enter presses it
        copy.clicked.connect(self._copy_all)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.addWidget(self._text)
        layout.addWidget(copy, 0, Qt.AlignmentFlag.AlignRight)

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._text.setPlainText("\n".join(self._lines.lines))
        self._lines.added.connect(self._text.appendPlainText, Qt.ConnectionType.UniqueConnection)

    def closeEvent(self, closing: QCloseEvent) -> None:
        self._lines.added.disconnect(self._text.appendPlainText)
        super().closeEvent(closing)

    @Slot()
    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self._text.toPlainText())

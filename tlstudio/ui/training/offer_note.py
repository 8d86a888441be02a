"""A card with a sentence and two answers, above what it is about; it holds nothing up."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from tlstudio.ui import theme
from tlstudio.ui.icons import Sign


class OfferNote(QFrame):
    """Shown while an offer stands.

    Signals:
        accepted: yes, do it. declined: leave it as it is.
    """

    accepted = Signal()
    declined = Signal()

    def __init__(self, name: str, spoken: str, warns: bool, parent: QWidget | None = None) -> None:
        """name: of this widget, for tests and assistive technology. spoken: what it is, for those who cannot see it."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("card", True)
        self.setAccessibleName(spoken)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.yes_button, self.no_button = QPushButton(), QPushButton()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, theme.SPACE, 12, theme.SPACE)
        row.setSpacing(theme.SPACE + 4)
        row.addWidget(Sign("warning" if warns else "info", warns), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.yes_button)
        row.addWidget(self.no_button)
        self.yes_button.clicked.connect(self._accept)
        self.no_button.clicked.connect(self._decline)
        self.hide()

    def ask(self, text: str, yes: str, explanation: str) -> None:
        """Show an offer. yes: what accepts it, and what that does."""
        self._text.setText(text)
        self.yes_button.setText(yes)
        self.yes_button.setToolTip(explanation)
        self.name_no(self.tr("Leave it"), self.tr("Leave it as it is"))
        self.show()

    def name_no(self, no: str, explanation: str) -> None:
        """Until the next offer, let this decline it. explanation: what that does."""
        self.no_button.setText(no)
        self.no_button.setToolTip(explanation)

    def text(self) -> str:
        return self._text.text()

    @Slot()
    def _accept(self) -> None:
        self.hide()
        self.accepted.emit()

    @Slot()
    def _decline(self) -> None:
        self.hide()
        self.declined.emit()

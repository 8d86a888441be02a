"""A question on a page, answered there: what is about to happen, and two buttons."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from tlstudio.ui import theme
from tlstudio.ui.icons import Sign


class Question(QFrame):
    """Hidden until something is asked.

    Signals:
        agreed: do it. It is hidden again by then, as after a no.
    """

    agreed = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        """name: its objectName; the buttons are called after it."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("Question"))
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.yes_button, self.no_button = QPushButton(), QPushButton(self.tr("Not now"))
        self.yes_button.setObjectName(f"{name}_yes_button")
        self.no_button.setObjectName(f"{name}_no_button")
        self.no_button.setToolTip(self.tr("Leave everything as it is"))
        for button in (self.yes_button, self.no_button):
            button.setAutoDefault(False)
            button.clicked.connect(self.hide)
        self.yes_button.clicked.connect(self._agree)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, theme.SPACE, 12, theme.SPACE)
        row.setSpacing(theme.SPACE + 4)
        row.addWidget(Sign("info", warns=False), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.yes_button)
        row.addWidget(self.no_button)
        self.hide()

    @property
    def text(self) -> str:
        """What is asked now; empty when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def ask(self, text: str, yes: str, consequence: str) -> None:
        """yes: what the button that agrees says. consequence: its tool tip."""
        self._text.setText(text)
        self.yes_button.setText(yes)
        self.yes_button.setToolTip(consequence)
        self.show()
        self.no_button.setFocus()

    @Slot()
    def _agree(self) -> None:
        self.agreed.emit()

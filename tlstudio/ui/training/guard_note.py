"""A note above the curves that asks once about a risky recipe, says why, and obeys."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from tlstudio.core.recipe import Guard
from tlstudio.ui import theme
from tlstudio.ui.icons import Sign


class GuardNote(QFrame):
    """Shown while a question is open.

    Signals:
        accepted: train all the same. declined: rather not.

    Attributes:
        guards: what is asked about, or was asked about last.
    """

    accepted = Signal()
    declined = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("guard_note")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("A question before training"))
        self.guards: tuple[Guard, ...] = ()
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.go_button = QPushButton(self.tr("Train anyway"))
        self.go_button.setObjectName("train_anyway_button")
        self.go_button.setToolTip(self.tr("Start with the recipe as it is; this is not asked again"))
        self.leave_button = QPushButton(self.tr("Not now"))
        self.leave_button.setObjectName("not_now_button")
        self.leave_button.setToolTip(self.tr("Change the recipe first, in step 2"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, theme.SPACE, 12, theme.SPACE)
        row.setSpacing(theme.SPACE + 4)
        row.addWidget(Sign("warning", warns=True), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.go_button)
        row.addWidget(self.leave_button)
        self.go_button.clicked.connect(self._accept)
        self.leave_button.clicked.connect(self._decline)
        self.hide()

    def ask(self, guards: Sequence[Guard]) -> None:
        """Show why the recipe is risky and wait for an answer, without holding anything up."""
        self.guards = tuple(guards)
        self._text.setText("\n".join(guard.text for guard in guards))
        self.show()
        self.leave_button.setFocus()

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

"""What has changed in the folders since: said above the pictures, and taken over when a person says so."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from tlstudio.core.events import Difference
from tlstudio.ui.icons import Sign
from tlstudio.ui.labels import ElidedLabel, plain_tip
from tlstudio.ui.theme import SPACE

NAMED = 12  # files in the tool tip


class DifferenceBar(QFrame):
    """Stands above the page while the project and the folders differ.

    Signals:
        accepted: the Difference, to be taken over.
    """

    accepted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("difference_bar")
        self.setAccessibleName(self.tr("What has changed in the folders"))
        self._difference: Difference | None = None
        self._text = ElidedLabel("", Qt.TextElideMode.ElideRight)
        accept = QPushButton(self.tr("Take over"))
        accept.setObjectName("accept_difference_button")
        accept.setToolTip(self.tr("Make the project say what the folders say now; what you edited stays edited"))
        accept.clicked.connect(self._accept)
        later = QPushButton(self.tr("Not now"))
        later.setObjectName("later_button")
        later.setToolTip(self.tr("Leave the project as it is; Run ▸ Look for changed pictures shows this again"))
        later.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(Sign("info", warns=False))
        row.addWidget(self._text, 1)
        row.addWidget(accept)
        row.addWidget(later)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty while it is hidden."""
        return self._text.full_text if not self.isHidden() else ""

    def show_difference(self, difference: Difference | None) -> None:
        """Say what differs; None hides it."""
        self._difference = difference
        self.setVisible(difference is not None and not difference.is_empty)
        if difference is not None:
            self._text.show_text(self._say(difference))
            self.setToolTip(plain_tip(self._list(difference)))

    def _say(self, difference: Difference) -> str:
        counts = (
            (self.tr("%n new", "", len(difference.added)), difference.added),
            (self.tr("%n gone", "", len(difference.gone)), difference.gone),
            (self.tr("%n changed", "", len(difference.changed)), difference.changed),
            (self.tr("%n moved", "", len(difference.moved)), difference.moved),
        )
        parts = ", ".join(text for text, paths in counts if paths)
        return self.tr("The folders have changed since: {parts}.").format(parts=parts)

    def _list(self, difference: Difference) -> str:
        """Some of the files by name."""
        lines = [self.tr("new: {name}").format(name=Path(path).name) for path in difference.added[:NAMED]]
        lines += [self.tr("gone: {name}").format(name=Path(path).name) for path in difference.gone[:NAMED]]
        lines += [self.tr("changed: {name}").format(name=Path(path).name) for path in difference.changed[:NAMED]]
        lines += [self.tr("moved: {name}").format(name=Path(new).name) for _old, new in difference.moved[:NAMED]]
        more = len(difference.added) + len(difference.gone) + len(difference.changed) + len(difference.moved) - NAMED
        shown = lines[:NAMED]
        return "\n".join([*shown, self.tr("and %n more", "", more)] if more > 0 else shown)

    @Slot()
    def _accept(self) -> None:
        self.hide()
        if self._difference is not None:
            self.accepted.emit(self._difference)

"""A project that another program has open is looked at, not changed: the strip that says so, and who has it."""

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QWidget

from tlstudio.core.project import Project
from tlstudio.ui import icons, theme
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.theme import SPACE


def why_not_changeable(project: Project | None) -> str:
    """Why a project can only be looked at; empty where it can be changed."""
    if project is None or project.refusal is None:
        return ""
    if project.refusal.holder is None:
        return QCoreApplication.translate("read_only", "This project's folder cannot be written.")
    if not project.refusal.holder:
        return QCoreApplication.translate("read_only", "Open in another TL Studio.")
    text = QCoreApplication.translate("read_only", "Open in another TL Studio ({holder}).")
    return text.format(holder=project.refusal.holder)


def switch_off(menu: QMenu, actions: Sequence[QAction], why_not: str) -> None:
    """Switch entries of a menu off and let them say why; where there is no reason, leave them on."""
    if why_not:
        menu.setToolTipsVisible(True)
        for action in actions:
            action.setEnabled(False)
            action.setToolTip(plain_tip(why_not))


class ReadOnlyStrip(QFrame):
    """Stands above the page for as long as the project is only looked at.

    Signals:
        change_wanted: try to become the one that changes it.
    """

    change_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("read_only_strip")
        self.setAccessibleName(self.tr("This project can only be looked at"))
        self._is_free = False
        self._icon = QLabel()
        self._icon.setFixedSize(20, 20)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._again = QPushButton(self.tr("Try again"))
        self._again.setObjectName("try_again_button")
        self._again.clicked.connect(self.change_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE * 2, SPACE, SPACE, SPACE)
        row.setSpacing(SPACE + 4)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._text, 1)
        row.addWidget(self._again)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty while it is hidden."""
        return self._text.text() if not self.isHidden() else ""

    def show_project(self, project: Project | None) -> None:
        """Say who has this project; hidden where it can be changed here."""
        why = why_not_changeable(project)
        if why and project is not None:
            self._text.setText(self.tr("{why} You can look, not change.").format(why=why))
            self._text.setToolTip(plain_tip(str(project.folder)))
            self._again.setText(self.tr("Try again"))
            self._again.setToolTip(self.tr("Look whether it can be changed here now"))
        self._is_free = False
        self._tint()
        self.setVisible(bool(why))

    @Slot()
    def show_free(self) -> None:
        """Say that nobody else has it any more."""
        self._text.setText(self.tr("The other TL Studio has closed this project. You can change it here now."))
        self._again.setText(self.tr("Change it here"))
        self._again.setToolTip(self.tr("Open the project as it is now, to add pictures, edit and train"))
        self._is_free = True
        self._tint()

    def _tint(self) -> None:
        found = theme.colours(self.palette())
        name, colour = ("info", found.accent) if self._is_free else ("warning", found.warning)
        self._icon.setPixmap(icons.pixmap(name, colour, 20, self.devicePixelRatioF()))

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(change)

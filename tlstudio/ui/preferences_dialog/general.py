"""Preferences, General: theme, and the folder for new projects. A choice holds at once; there is nothing to save."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import SCHEMES, SPACE, Theme


class GeneralPage(QWidget):
    """How the window looks, and where new projects go."""

    def __init__(self, preferences: Preferences, theme: Theme, chooser: FileChooser, parent: QWidget) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._theme = theme
        self._chooser = chooser
        self.setObjectName("general_page")
        form = QFormLayout(self)
        form.setContentsMargins(0, SPACE * 2, 0, 0)
        form.setSpacing(SPACE * 2)
        form.addRow(self.tr("Theme"), self._make_schemes())
        form.addRow(self.tr("New projects go to"), self._make_folder_row())
        note = QLabel(self.tr("Projects that exist stay where they are."))
        form.addRow("", muted(note))

    def _make_schemes(self) -> QComboBox:
        box = QComboBox()
        box.setObjectName("theme_box")
        box.setAccessibleName(self.tr("Theme"))
        box.setToolTip(self.tr("Light or dark colours; System follows the desktop, also while the program runs"))
        for scheme, text in zip(SCHEMES, (self.tr("System"), self.tr("Light"), self.tr("Dark")), strict=True):
            box.addItem(text, scheme)
        box.setCurrentIndex(SCHEMES.index(self._theme.scheme))
        box.currentIndexChanged.connect(self._choose_scheme)
        return box

    def _make_folder_row(self) -> QHBoxLayout:
        self._folder = ElidedLabel(str(self._preferences.projects_home))
        change = QPushButton(self.tr("Change…"))
        change.setObjectName("projects_folder_button")
        change.setToolTip(self.tr("Choose the folder in which new projects are made"))
        change.clicked.connect(self._choose_folder)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._folder, 1)
        row.addWidget(change)
        return row

    @Slot(int)
    def _choose_scheme(self, row: int) -> None:
        self._preferences.theme = SCHEMES[row]
        self._theme.choose(SCHEMES[row])

    @Slot()
    def _choose_folder(self) -> None:
        folder = self._chooser.folder(self, self.tr("Folder for new projects"))
        if folder is not None:
            self._preferences.projects_folder = folder
            self._folder.show_text(str(folder))

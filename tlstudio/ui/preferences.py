"""What the window remembers about a person's habits. What affects results is never here: that goes into the project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import platformdirs
from PySide6.QtCore import QByteArray, QSettings, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SCHEMES, SPACE, Scheme, Theme

RECENT_LENGTH = 10
T = TypeVar("T")


class Option(Generic[T]):
    """One remembered value: its name and default beside each other, and how it stands in the settings file."""

    def __init__(self, name: str, default: T, encode: Callable[[T], Any], decode: Callable[[Any], T]) -> None:
        self.name = name
        self.default = default
        self._encode = encode
        self._decode = decode

    @overload
    def __get__(self, owner: None, kind: type) -> "Option[T]": ...
    @overload
    def __get__(self, owner: "Preferences", kind: type) -> T: ...
    def __get__(self, owner: "Preferences | None", kind: type) -> "Option[T] | T":
        if owner is None:
            return self
        stored = owner.settings.value(self.name)
        try:
            return self.default if stored is None else self._decode(stored)
        except (ValueError, TypeError):
            return self.default  # a settings file edited by hand is no reason not to start

    def __set__(self, owner: "Preferences", value: T) -> None:
        owner.settings.setValue(self.name, self._encode(value))


def _scheme(stored: Any) -> Scheme:
    if stored not in SCHEMES:
        raise ValueError(stored)
    return stored


def _paths(stored: Any) -> tuple[Path, ...]:
    return tuple(Path(text) for text in json.loads(stored))


def _json(paths: tuple[Path, ...]) -> str:
    return json.dumps([str(path) for path in paths])


class Preferences:
    """The window's settings file, typed."""

    geometry = Option("window/geometry", QByteArray(), QByteArray, QByteArray)
    theme = Option[Scheme]("window/theme", "system", str, _scheme)
    thumbnail_side = Option("pictures/side", 128, int, int)
    recent = Option[tuple[Path, ...]]("projects/recent", (), _json, _paths)
    projects_folder = Option("projects/folder", Path(), str, Path)
    last_folder = Option("dialogs/folder", Path(), str, Path)

    def __init__(self, file: Path | None = None) -> None:
        """Open the settings in a file; in the user's configuration folder by default."""
        path = file or platformdirs.user_config_path("tlstudio", appauthor=False) / "window.ini"
        self.settings = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def projects_home(self) -> Path:
        """Where new projects go."""
        chosen = self.projects_folder
        return chosen if chosen.is_absolute() else platformdirs.user_documents_path() / "TL Studio"

    def remember_project(self, folder: Path) -> None:
        """Put a project first among the recent ones."""
        others = [path for path in self.recent if path != folder]
        self.recent = (folder, *others)[:RECENT_LENGTH]

    def forget_project(self, folder: Path) -> None:
        self.recent = tuple(path for path in self.recent if path != folder)


class PreferencesDialog(QDialog):
    """Theme, and the folder for new projects. A choice holds at once; there is nothing to save."""

    def __init__(self, preferences: Preferences, theme: Theme, chooser: FileChooser, owner: QWidget) -> None:
        super().__init__(owner)
        self._preferences = preferences
        self._theme = theme
        self._chooser = chooser
        self.setObjectName("preferences_dialog")
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(520)
        form = QFormLayout()
        form.setSpacing(SPACE * 2)
        self._schemes = self._make_schemes()
        form.addRow(self.tr("Theme"), self._schemes)
        form.addRow(self.tr("New projects go to"), self._make_folder_row())
        note = QLabel(self.tr("Projects that exist stay where they are."))
        form.addRow("", muted(note))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setToolTip(self.tr("Close this window"))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addLayout(form)
        layout.addWidget(buttons)

    def _make_schemes(self) -> QComboBox:
        box = QComboBox()
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

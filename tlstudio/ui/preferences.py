"""What the window remembers about a person's habits. What affects results is never here: that goes into the project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from tlstudio.ui.theme import SCHEMES, Scheme

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

"""The system's file dialogs behind one small class, so that a test can answer in a person's place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

if TYPE_CHECKING:
    from tlstudio.ui.preferences import Preferences


class FileChooser:
    """Asks a person for a file or folder; None or nothing when they change their mind.

    A dialog opens where the last choice was made; the first one in the person's documents.
    """

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    def folder(self, owner: QWidget, title: str) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(owner, title, str(self._start()))
        return self._remember(Path(chosen)) if chosen else None

    def files(self, owner: QWidget, title: str, filter_: str = "") -> list[Path]:
        chosen, _ = QFileDialog.getOpenFileNames(owner, title, str(self._start()), filter_)
        return [self._remember(Path(path)) for path in chosen]

    def save(self, owner: QWidget, title: str, suggestion: str, filter_: str) -> Path | None:
        """Ask where to save; a name without a suffix of the filter gets one, and nothing is replaced unasked."""
        suffixes = re.findall(r"\*(\.\w+)", filter_) or [Path(suggestion).suffix]
        dialog = QFileDialog(owner, title, str(self._start()), filter_)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffixes[0].removeprefix("."))
        dialog.selectFile(suggestion)
        accepted = dialog.exec()
        dialog.deleteLater()
        if not accepted:
            return None
        chosen = Path(dialog.selectedFiles()[0])
        if chosen.suffix.lower() not in suffixes:
            # The dialog takes "run.v2" as it is, and has asked about that name alone.
            kept = re.findall(r"\*(\.\w+)", dialog.selectedNameFilter()) or suffixes
            chosen = chosen.with_name(chosen.name + kept[0])
            if chosen.exists() and not self._may_replace(owner, title, chosen):
                return None
        return self._remember(chosen)

    def _may_replace(self, owner: QWidget, title: str, path: Path) -> bool:
        question = QCoreApplication.translate("chooser", "{file} exists already. Replace it?").format(file=path.name)
        return QMessageBox.question(owner, title, question) == QMessageBox.StandardButton.Yes

    def _start(self) -> Path:
        last = self._preferences.last_folder
        return last if last.is_absolute() and last.is_dir() else platformdirs.user_documents_path()

    def _remember(self, chosen: Path) -> Path:
        self._preferences.last_folder = chosen.parent
        return chosen

"""The system's file dialogs behind one small class, so that a test can answer in a person's place."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


class FileChooser:
    """Asks a person for a file or folder; None or nothing when they change their mind."""

    def folder(self, owner: QWidget, title: str) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(owner, title)
        return Path(chosen) if chosen else None

    def files(self, owner: QWidget, title: str, filter_: str = "") -> list[Path]:
        chosen, _ = QFileDialog.getOpenFileNames(owner, title, "", filter_)
        return [Path(path) for path in chosen]

    def save(self, owner: QWidget, title: str, suggestion: str, filter_: str) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(owner, title, suggestion, filter_)
        return Path(chosen) if chosen else None

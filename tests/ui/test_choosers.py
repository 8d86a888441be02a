"""File dialogs: where they open, and that saving asks before it replaces a file."""

from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLineEdit, QMessageBox, QWidget

from tlstudio.ui.choosers import FileChooser

# The offscreen platform's remarks on dialogs.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def answer(*deeds: Callable[[QDialog], None]) -> list[QDialog]:
    """Do one thing with each dialog that opens, in this order; the dialogs as they come."""
    opened: list[QDialog] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        fresh = isinstance(dialog, QDialog) and dialog not in opened
        if fresh:
            opened.append(dialog)
        if len(opened) < len(deeds):
            QTimer.singleShot(0, look)  # before the deed: it may not return until the next dialog is answered
        if fresh:
            deeds[len(opened) - 1](dialog)

    QTimer.singleShot(0, look)
    return opened


def type_name(name: str) -> Callable[[QDialog], None]:
    def deed(dialog: QDialog) -> None:
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        field.setText(name)  # typed letter by letter, its list of suggestions would take the Enter
        QTest.keyClick(field, Qt.Key.Key_Return)

    return deed


def press(button: QMessageBox.StandardButton) -> Callable[[QDialog], None]:
    def deed(dialog: QDialog) -> None:
        QTest.mouseClick(dialog.button(button), Qt.MouseButton.LeftButton)

    return deed


@pytest.fixture
def owner(qtbot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def asking(preferences, tmp_path) -> FileChooser:
    preferences.last_folder = tmp_path
    return FileChooser(preferences)


def save(asking: FileChooser, owner: QWidget) -> Path | None:
    return asking.save(owner, "Save the table", "answers.csv", "Tables (*.csv)")


@pytest.mark.parametrize(
    ("typed", "saved"),
    [("answers.csv", "answers.csv"), ("answers", "answers.csv"), ("run.v2", "run.v2.csv"), ("A.CSV", "A.CSV")],
)
def test_a_table_is_called_csv(asking, owner, tmp_path, typed, saved):
    answer(type_name(typed))
    assert save(asking, owner) == tmp_path / saved


@pytest.mark.parametrize("typed", ["answers.csv", "answers", "run.v2"])
def test_no_file_is_replaced_without_a_question(asking, owner, tmp_path, typed):
    for name in ("answers.csv", "run.v2.csv"):
        (tmp_path / name).write_text("mine")
    questions: list[str] = []

    def refuse(question: QDialog) -> None:
        questions.append(question.text())
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QFileDialog) and one.isVisible()]
        for dialog in dialogs:  # Qt's own question leaves its dialog open
            QTimer.singleShot(0, dialog.reject)
        press(QMessageBox.StandardButton.No)(question)

    answer(type_name(typed), refuse)
    assert save(asking, owner) is None
    assert len(questions) == 1
    assert "exists" in questions[0]
    answer(type_name(typed), press(QMessageBox.StandardButton.Yes))
    assert save(asking, owner).read_text() == "mine"


def test_dialogs_open_among_the_documents_and_then_where_the_last_choice_was(owner, preferences, tmp_path, monkeypatch):
    documents, chosen = tmp_path / "documents", tmp_path / "elsewhere"
    documents.mkdir()
    chosen.mkdir()
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: documents)
    asking = FileChooser(preferences)
    first = answer(type_name(str(chosen / "table")))
    places: list[Path] = []
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda _owner, _title, place: places.append(Path(place)) or ""
    )
    asking.folder(owner, "Choose")
    assert save(asking, owner) == chosen / "table.csv"
    asking.folder(owner, "Choose")
    assert places == [documents, chosen]
    assert len(first) == 1

"""File ▸ Export model…: a folder, progress, cancelling, the certificate in words."""

from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from tests.exported import run_checker
from tests.ui.uichecks import complaints
from tests.ui.world import draw_shapes, settle, wait_for
from tlstudio import tasks
from tlstudio.core.exports import unfinished
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.ui.labels import ElidedLabel
from tlstudio.ui.predict.export_dialog import ExportDialog


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("model")
    pictures = draw_shapes(root / "shapes", 6, names=("circle", "star"))
    recipe = make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=2))
    with Project.open(root / "project") as project:
        list(tasks.scan(project, pictures))
        list(tasks.train(project, recipe, root / "shapes.tlmodel"))
    return root / "shapes.tlmodel"


@pytest.fixture
def dialog(window, model, chooser, tmp_path) -> ExportDialog:
    """The dialog for that model, with a folder chosen."""
    assert not window.menus.export.isEnabled()
    assert window.menus.export.toolTip() == "Train or open a model first"
    window.predict_panel.open_model(model)
    wait_for(lambda: window.menus.export.isEnabled())
    settle(window)
    window.menus.export.trigger()
    made = window.findChild(ExportDialog)
    assert not made.export_button.isEnabled()
    chooser.answers = [tmp_path]
    press(made, "export_folder_button")
    assert made.export_button.isEnabled()
    assert complaints(made) == {}
    return made


def press(dialog: ExportDialog, name: str) -> None:
    QTest.mouseClick(dialog.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def text(dialog: ExportDialog) -> str:
    return " ".join(dialog.findChild(QLabel, name).text() for name in ("export_verdict", "export_text"))


class Opened(QObject):
    """Takes what would go to the file manager."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[QUrl] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.urls.append(url)


@pytest.mark.slow
def test_a_model_is_exported_and_the_certificate_read(dialog, tmp_path):
    press(dialog, "export_button")
    wait_for(lambda: "step" in text(dialog))
    assert not dialog.export_button.isEnabled()
    wait_for(lambda: "answers as the model does" in text(dialog))
    settle(dialog.parent())
    assert "the same 21 pictures" in text(dialog)
    assert "0.001 is allowed" in text(dialog)
    assert complaints(dialog) == {}
    status, said = run_checker(tmp_path / "shapes-onnx", tmp_path)
    assert status == 0, said
    opened = Opened()
    QDesktopServices.setUrlHandler("file", opened, "take")
    press(dialog, "open_export_button")
    QDesktopServices.unsetUrlHandler("file")
    assert [url.toLocalFile() for url in opened.urls] == [str(tmp_path / "shapes-onnx")]
    dialog.reject()


@pytest.mark.slow
def test_cancelling_ends_the_work_and_leaves_nothing(dialog, tmp_path):
    before = set(tmp_path.iterdir())
    press(dialog, "export_button")
    wait_for(lambda: unfinished(tmp_path / "shapes-onnx"))
    gone: list[bool] = []
    dialog.finished.connect(lambda: gone.append(True))
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    wait_for(lambda: gone)
    assert set(tmp_path.iterdir()) == before


def test_each_model_gets_a_folder_of_its_own(window, model, chooser, tmp_path):
    run = next((model.parent / "project" / "runs").iterdir())
    (tmp_path / "project-001-feature-extraction-onnx").mkdir()
    chooser.answers = [tmp_path]
    dialog = ExportDialog(run / "model.tlmodel", chooser, window)
    dialog.show()
    press(dialog, "export_folder_button")
    place = dialog.findChild(ElidedLabel, "export_place")
    assert place.full_text == str(tmp_path / "project-001-feature-extraction-onnx-2")
    dialog.reject()


def test_a_place_in_use_is_said_and_another_may_be_chosen(dialog, chooser, tmp_path):
    taken = tmp_path / "shapes-onnx"
    taken.mkdir()
    (taken / "diary.txt").write_text("mine")
    press(dialog, "export_button")
    wait_for(lambda: "Nothing was exported" in text(dialog))
    settle(dialog.parent())
    assert "holds other things (diary.txt)" in text(dialog)
    assert complaints(dialog) == {}
    (tmp_path / "other").mkdir()
    chooser.answers = [tmp_path / "other"]
    press(dialog, "export_folder_button")
    assert text(dialog).strip() == ""
    assert dialog.export_button.isEnabled()
    assert [path.name for path in taken.iterdir()] == ["diary.txt"]
    dialog.reject()

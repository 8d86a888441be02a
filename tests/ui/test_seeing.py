"""What layers see and why BatchNorm is pinned, as a person asks for it in the window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.world import AnsweringChooser, carry, draw_shapes, drop, settle, wait_for
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.draft import Draft
from tlstudio.core.events import Finished
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.model.seeing.dialog import SeeingDialog
from tlstudio.ui.model.seeing.drift import DriftDialog
from tlstudio.ui.theme import Theme

SHOWN = {"shipped", "trained"}


def quiet(dialog: SeeingDialog) -> None:
    """Until nothing is asked any more."""
    wait_for(lambda: not dialog._queue.is_busy() and not dialog._offers.is_busy() and not dialog._thumbnails._job)
    QApplication.processEvents()


def stage_shown(dialog: SeeingDialog) -> str:
    return dialog.stages.currentItem().data(Qt.ItemDataRole.UserRole)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of drawn shapes, its pictures beside it; no window has it open."""
    root = tmp_path_factory.mktemp("seeing")
    pictures = draw_shapes(root / "shapes", 4, names=("star", "circle", "square"))
    with Project.open(root / "project") as project:
        list(tasks.scan(project, pictures))
    return root / "project"


@pytest.fixture
def recipe(tiny_backbone: Backbone) -> Recipe:
    return make_recipe("tiny", "fine-tune-all", Changes(epochs=1, warmup_epochs=0, train_from="blocks1"))


@pytest.fixture
def owner(qapp: QApplication, look: Theme, qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def seeing(owner: QWidget, folder: Path, recipe: Recipe, chooser: AnsweringChooser) -> Iterator[SeeingDialog]:
    """The dialog, opened on the project and the tiny network."""
    dialog = SeeingDialog(lambda: folder, lambda: recipe, chooser, owner)
    dialog.see("blocks2")
    wait_for(lambda: dialog._stages)
    quiet(dialog)
    yield dialog
    dialog.close()
    dialog.shut_down()


def test_a_stage_shows_its_strongest_channels_and_the_parts_that_excite_them(
    seeing: SeeingDialog, qtbot: QtBot
) -> None:
    assert stage_shown(seeing) == "blocks2"
    tiles = seeing.tiles["shipped"]
    assert tiles.count() == 6
    texts = [tiles.item(row).text() for row in range(6)]
    assert len(set(texts)) == 6 and all(text.startswith("channel ") for text in texts)
    assert "places of the picture" in seeing.words.text()
    assert not seeing.pictures["trained"].isVisibleTo(seeing)
    before = seeing.pictures["shipped"].grab().toImage()
    place = tiles.visualItemRect(tiles.item(3)).center()
    qtbot.mouseClick(tiles.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert tiles.currentRow() == 3
    assert seeing.pictures["shipped"].grab().toImage() != before


def test_stages_and_pictures_are_chosen_by_keyboard(seeing: SeeingDialog, qtbot: QtBot) -> None:
    qtbot.keyClick(seeing.stages, Qt.Key.Key_End)
    assert stage_shown(seeing) == "pool"
    wait_for(lambda: "sums up the whole picture" in seeing.words.text())
    quiet(seeing)
    assert seeing.tiles["shipped"].count() == 0 and not seeing.search_button.isEnabled()
    qtbot.keyClick(seeing.stages, Qt.Key.Key_Home)
    wait_for(lambda: seeing.filters.count() and seeing.filters.isVisibleTo(seeing))
    first = seeing._seen
    qtbot.keyClick(seeing.strip, Qt.Key.Key_Right)
    wait_for(lambda: seeing._seen is not first and seeing._stages)
    quiet(seeing)
    assert seeing._seen is not None and seeing._seen.path == seeing._offered.pictures[1]


def test_a_picture_can_be_dropped_or_chosen_and_what_is_none_says_so(
    seeing: SeeingDialog, chooser: AnsweringChooser, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    dropped = next((folder.parent / "shapes" / "star").iterdir())
    assert drop(seeing, carry(dropped), QPoint(300, 300))
    wait_for(lambda: seeing._seen and seeing._seen.path == str(dropped) and seeing._stages)
    broken = tmp_path / "<b>broken.png"
    broken.write_bytes(b"no picture")
    chooser.answers = [broken]
    qtbot.mouseClick(seeing.choose_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: "<b>broken.png" in seeing.pictures["shipped"]._nothing)
    quiet(seeing)
    assert seeing.tiles["shipped"].count() == 0


def test_a_channel_is_looked_for_in_the_other_pictures(seeing: SeeingDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(seeing.search_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: seeing.found.count())
    quiet(seeing)
    assert seeing.found.count() == 4 and seeing.found.isVisibleTo(seeing)
    names = {seeing.found.item(row).toolTip() for row in range(4)}
    assert len(names) == 4  # each from another picture


def test_the_picture_chosen_last_is_shown_however_fast_one_chooses(seeing: SeeingDialog) -> None:
    for row in (1, 2, 3):
        seeing.strip.setCurrentRow(row)
    wait_for(lambda: seeing._seen is not None and seeing._seen.path == seeing._offered.pictures[3])
    wait_for(lambda: seeing._stages)
    quiet(seeing)
    seeing.strip.setCurrentRow(0)
    seeing.close()  # before it has come
    wait_for(lambda: not seeing._queue.is_busy())
    seeing.see("blocks2")
    wait_for(lambda: seeing._seen is not None and seeing._seen.path == seeing._offered.pictures[0])
    quiet(seeing)


def test_before_and_after_training_stand_side_by_side(
    seeing: SeeingDialog, folder: Path, recipe: Recipe, qtbot: QtBot
) -> None:
    assert not seeing.compare_box.isEnabled()
    with Project.open(folder) as project:
        assert isinstance(list(tasks.train(project, recipe, device="cpu"))[-1], Finished)
    seeing.see("blocks2")
    quiet(seeing)
    assert seeing.compare_box.count() == 2
    qtbot.keyClick(seeing.compare_box, Qt.Key.Key_Down)
    wait_for(lambda: seeing._stages.keys() == SHOWN)
    quiet(seeing)
    shown = [[seeing.tiles[w].item(row).text() for row in range(6)] for w in ("shipped", "trained")]
    assert shown[0] == shown[1]
    assert seeing._captions["trained"].text() == "After training: the same channels"
    seeing.tiles["trained"].setCurrentRow(2, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    assert seeing.tiles["shipped"].currentRow() == 2
    seeing.see("stem")
    wait_for(lambda: seeing._stages.keys() == SHOWN)
    quiet(seeing)
    assert seeing._captions["trained"].text() == "After training: this stage sees as it did before"


def test_weights_that_are_not_here_are_named(owner: QWidget, folder: Path, chooser: AnsweringChooser) -> None:
    dialog = SeeingDialog(lambda: folder, lambda: make_recipe("resnet18", "feature-extraction"), chooser, owner)
    dialog.see("layer1")
    wait_for(lambda: "resnet18" in dialog.pictures["shipped"]._nothing)
    quiet(dialog)
    dialog.close()
    dialog.shut_down()


def test_why_batchnorm_is_pinned_is_shown_epoch_by_epoch(
    owner: QWidget, folder: Path, recipe: Recipe, qtbot: QtBot
) -> None:
    dialog = DriftDialog(lambda: folder, lambda: recipe, owner)
    dialog.open_again()
    qtbot.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.run_button.text() == "Stop"
    wait_for(lambda: dialog.verdict.text())
    assert "Pinned, every value is still what it was at the start." in dialog.verdict.text()
    assert "Adaptive, they drifted by up to" in dialog.verdict.text()
    assert "After epoch 4: loss" in dialog.text.text()
    assert {bn: len(measured) for bn, measured in dialog._measured.items()} == {"pinned": 4, "adaptive": 4}
    assert not any(dialog._measured["pinned"][-1].drift) and any(dialog._measured["adaptive"][0].drift)
    dialog.close()
    dialog.shut_down()


def test_the_network_panel_opens_both(window: MainWindow, tiny_backbone: Backbone) -> None:
    window.model_panel.show_draft(Draft("tiny"))
    window.model_panel.seeing_wanted.emit("blocks1")
    dialog = window.findChild(SeeingDialog)
    assert dialog is not None and dialog.isVisible() and stage_shown(dialog) == "blocks1"
    window.model_panel.why_wanted.emit()
    why = window.findChild(DriftDialog)
    assert why is not None and why.isVisible()
    assert not why.run_button.isEnabled() and why.run_button.toolTip() == "Open a project first"
    settle(window)

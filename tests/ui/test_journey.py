"""The whole job in the window, as a person does it: drop, Train, drop. And what happens when they change their mind."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from tests.ui.world import carry, close, draw_shapes, draw_strangers, drop, settle, wait_for
from tlstudio.core.project import Project
from tlstudio.core.recipe import STRATEGIES
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.rail import Step


def choose_strategy(window: MainWindow, name: str) -> None:
    """As with the mouse: activated is what a person's choice emits."""
    box = window.model_panel.strategy_box
    row = [box.itemData(position) for position in range(box.count())].index(name)
    box.setCurrentIndex(row)
    box.activated.emit(row)


def test_three_actions_from_the_empty_window_to_an_answer(window, tmp_path):
    asked = []
    window.training_panel.failed.connect(asked.append)
    pictures = draw_shapes(tmp_path / "shapes", 12)
    drop(window, carry(pictures))
    train = window.findChild(QPushButton, "train_now_button")
    wait_for(lambda: train.isVisible() and train.isEnabled())
    QTest.mouseClick(train, Qt.MouseButton.LeftButton)
    assert window.step == Step.TRAINING
    wait_for(lambda: window.training_panel.is_busy())
    wait_for(lambda: not window.training_panel.is_busy())
    wait_for(lambda: window.predict_panel._model)
    assert "%" in window.rail.summary(Step.TRAINING)
    window.show_step(Step.PREDICT)
    drop(window, carry(draw_strangers(tmp_path / "new")[0]))
    wait_for(lambda: window.predict_panel._predictions.answers)
    assert window.predict_panel._predictions.answers[0].label == "circle"
    assert asked == []
    assert not [
        dialog for dialog in QApplication.topLevelWidgets() if isinstance(dialog, QDialog) and dialog.isVisible()
    ]


def test_stopping_keeps_the_best_so_far(full_window):
    choose_strategy(full_window, "fine-tune-last")
    assert full_window.model_panel.recipe().strategy == "fine-tune-last"
    full_window.train()
    wait_for(lambda: len(full_window.training_panel.control.state.epochs) > 1)
    QTest.keyClick(full_window, Qt.Key.Key_Escape)
    wait_for(lambda: not full_window.training_panel.is_busy())
    wait_for(lambda: full_window.predict_panel._model)
    (run,) = full_window.project.runs()
    assert run.model_file.is_file()
    assert run.state().finished.stopped


def test_closing_during_training_pauses_it_and_the_project_opens_again(full_window, preferences, look, chooser):
    folder = full_window.project.folder
    choose_strategy(full_window, "fine-tune-last")
    full_window.train()
    wait_for(lambda: len(full_window.training_panel.control.state.epochs) > 1)
    full_window.close()
    assert full_window.isVisible()  # it stays, says what it does, and answers
    assert "Pausing the training" in full_window.message_bar.text
    wait_for(lambda: not full_window.isVisible() and full_window.project is None)
    with Project.open(folder) as project:
        (run,) = project.runs()
        assert run.is_unfinished
    again = MainWindow(preferences, look, chooser)
    again.show()
    again.projects.open(folder)
    wait_for(lambda: again.dataset_panel._pictures and not again.training_panel.offer_note.isHidden())
    assert again.rail.summary(Step.PICTURES) == "40 · 5 classes"
    assert again.rail.summary(Step.TRAINING).startswith("paused · epoch ")
    close(again)
    again.deleteLater()


def test_a_project_in_training_is_not_left_by_accident(full_window, tmp_path):
    choose_strategy(full_window, "fine-tune-last")
    full_window.train()
    wait_for(lambda: full_window.training_panel.is_busy())
    project = full_window.project
    full_window.leave_project()
    assert full_window.project is project
    assert "Pause the training first" in full_window.message_bar.text
    full_window.training_panel.stop()
    wait_for(lambda: not full_window.training_panel.is_busy())
    settle(full_window)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_tree_follows_the_strategy(full_window, strategy):
    choose_strategy(full_window, strategy)
    assert full_window.model_panel.recipe().strategy == strategy
    assert full_window.training_panel._recipe == full_window.model_panel.recipe()

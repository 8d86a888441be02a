"""The frame: steps, keys, the two widths, messages, projects, closing."""

import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QPushButton, QWidget

from tests.ui.world import carry, close, draw_shapes, drop, settle, wait_for
from tlstudio import __main__ as front_door
from tlstudio.core.errors import ProjectError, TLStudioError
from tlstudio.core.project import Project
from tlstudio.ui.preferences import RECENT_LENGTH, Preferences
from tlstudio.ui.preferences_dialog.dialog import PreferencesDialog
from tlstudio.ui.rail import Step

CONTRACT = {
    "main_window": ["rail", "message_bar"],
    "dataset_panel": ["class_list", "picture_grid", "import_button", "problem_list"],
    "model_panel": ["backbone_box", "strategy_box", "layer_tree", "freeze_slider", "parameter_summary"],
    "training_panel": [
        "train_button",
        "stop_button",
        "progress_bar",
        "loss_plot",
        "accuracy_plot",
        "run_list",
        "device_box",
    ],
    "predict_panel": ["drop_area", "prediction_list", "evidence_view", "export_csv_button"],
}


def test_every_promised_name_is_there(window):
    assert window.objectName() == "main_window"
    for panel, names in CONTRACT.items():
        owner = window if panel == "main_window" else window.findChild(QWidget, panel)
        assert [name for name in names if owner.findChild(QWidget, name) is None] == []


def test_control_and_a_digit_choose_a_step(window):
    for step in reversed(Step):
        QTest.keyClick(window, Qt.Key(Qt.Key.Key_1 + step), Qt.KeyboardModifier.ControlModifier)
        assert window.step == step
        assert window.panels[step].isVisible()


def test_arrow_keys_move_along_the_rail(window):
    button = window.rail._buttons[0]
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Down)
    assert window.step == Step.NETWORK
    assert window.rail._buttons[1].hasFocus()


def test_network_and_training_stand_side_by_side_where_there_is_room(window):
    window.show_step(Step.NETWORK)
    assert window.model_panel.isVisible()
    assert not window.training_panel.isVisible()
    window.resize(1700, 900)
    assert window.model_panel.isVisible()
    assert window.training_panel.isVisible()
    window.resize(1366, 768)
    window.show_step(Step.TRAINING)
    assert not window.model_panel.isVisible()


def test_an_error_names_file_and_remedy_and_can_be_copied(window):
    error = TLStudioError("is damaged", path=Path("/far/away/a.tlmodel"), remedy="Get it again.")
    window.message_bar.show_error(error)
    assert window.message_bar.text == "a.tlmodel: is damaged. Get it again."
    window.message_bar._copy.click()
    assert QGuiApplication.clipboard().text() == "/far/away/a.tlmodel: is damaged. Get it again."
    window.message_bar._dismiss.click()
    assert window.message_bar.text == ""


def test_the_log_window_holds_what_was_said(window):
    window.message_bar.show_error(TLStudioError("went wrong", remedy="Try again."))
    window._show_log()
    text = window._log_window.findChild(QPlainTextEdit)
    assert "went wrong. Try again." in text.toPlainText()
    logging.getLogger("tlstudio").warning("one more")
    assert "one more" in text.toPlainText()
    window._log_window.close()


def test_train_says_why_it_cannot_start(window, tmp_path):
    assert not window.menus.train.isEnabled()
    assert "needs pictures" in window.menus.train.toolTip()
    only = tmp_path / "only" / "one"
    only.mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (40, 40 + number)).save(only / f"{number}.png")
    window.dataset_panel.import_path(tmp_path / "only")
    wait_for(lambda: "at least two classes" in window.menus.train.toolTip())


def test_a_project_open_elsewhere_is_looked_at_and_says_who_has_it(window, tmp_path):
    folder = tmp_path / "taken"
    command = (
        "from pathlib import Path; from tlstudio.core.project import Project\n"
        f"project = Project.open(Path({str(folder)!r})); print('open', flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline().strip() == "open"
        window.projects.open(folder)
        wait_for(lambda: window.read_only_strip.text)
        who = f"Open in another TL Studio (process {holder.pid} on {socket.gethostname()}, since "
        assert window.read_only_strip.text.startswith(who)
        assert window.project.is_read_only
    finally:
        holder.communicate("\n")


def test_a_dropped_project_opens_with_its_pictures(full_window, look):
    folder = full_window.project.folder
    full_window.leave_project()
    settle(full_window)
    with Project.open(folder):
        pass  # nobody holds it any more
    drop(full_window, carry(folder))
    wait_for(lambda: full_window.dataset_panel._pictures)
    assert full_window.project.folder == folder
    assert full_window.menus.recent.actions()[0].data() == str(folder)


def test_a_project_that_is_gone_is_not_begun_anew(window, tmp_path, preferences):
    gone = tmp_path / "gone"
    preferences.remember_project(gone)
    window.projects.open(gone)
    wait_for(lambda: "gone: is not there any more" in window.message_bar.text)
    assert not gone.exists()
    assert preferences.recent == ()


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # the offscreen platform, of the open menu
def test_recent_projects_that_are_gone_are_greyed_and_can_be_removed(window, tmp_path, preferences):
    Project.open(tmp_path / "here").close()
    preferences.remember_project(tmp_path / "gone")
    preferences.remember_project(tmp_path / "here")
    window.projects.recent_changed.emit()
    window.menus.recent.popup(window.rect().center())
    wait_for(lambda: len(window.menus.recent.actions()) > 2)
    here, gone, _separator, remove = window.menus.recent.actions()
    assert here.isEnabled()
    assert not gone.isEnabled()
    assert "is not there now" in gone.toolTip()
    window.menus.recent.close()
    remove.trigger()
    assert preferences.recent == (tmp_path / "here",)
    assert [action.data() for action in window.menus.recent.actions()] == [str(tmp_path / "here")]
    settle(window)


def test_a_new_project_that_is_left_before_its_pictures_came_never_was(window, tmp_path, preferences):
    drop(window, carry(draw_shapes(tmp_path / "many", 30)))
    wait_for(lambda: window.status._cancel.isVisible())
    begun = window.project.folder
    window.leave_project()
    assert window.project is None
    wait_for(lambda: preferences.recent == ())
    assert not begun.exists()
    settle(window)


def test_the_command_line_s_path_opens_what_it_is(window, shapes):
    window.incoming.open_paths((shapes,))
    wait_for(lambda: window.dataset_panel._pictures)
    assert window.project is not None


def test_closing_gives_the_project_back(full_window):
    folder = full_window.project.folder
    with pytest.raises(ProjectError):
        Project.open(folder)
    close(full_window)
    Project.open(folder).close()


def test_closing_while_pictures_are_read_does_not_hang(window, shapes):
    window.dataset_panel.import_path(shapes)
    wait_for(lambda: window.dataset_panel.is_busy())
    close(window)
    assert not window._running()
    assert window.project is None


def test_preferences_survive_and_a_damaged_file_does_no_harm(tmp_path, preferences):
    for number in range(12):
        preferences.remember_project(Path(f"/p/{number}"))
    preferences.theme = "dark"
    again = Preferences(tmp_path / "window.ini")
    assert again.theme == "dark"
    assert len(again.recent) == RECENT_LENGTH
    assert again.recent[0] == Path("/p/11")
    again.settings.setValue("projects/recent", "no list")
    again.settings.setValue("window/theme", "pink")
    assert again.recent == ()
    assert again.theme == "system"


def test_the_preferences_dialog_acts_at_once(window, chooser, tmp_path):
    window._show_preferences()
    dialog = window.findChild(PreferencesDialog)
    dialog.findChild(QComboBox).setCurrentIndex(2)
    assert window.theme.scheme == "dark"
    chooser.answers = [tmp_path / "elsewhere"]
    dialog.general._choose_folder()
    assert window.preferences.projects_home == tmp_path / "elsewhere"
    dialog.close()
    wait_for(lambda: window.menus.schemes["dark"].isChecked())


def test_menus_name_each_key_once(window):
    keys = [action.shortcut().toString() for menu in window.menuBar().actions() for action in menu.menu().actions()]
    used = [key for key in keys if key]
    assert len(used) == len(set(used))
    assert {"Ctrl+1", "Ctrl+4", "Ctrl+I", "F5", "Ctrl+R", "Esc", "Ctrl+N", "Ctrl+O"} <= set(used)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_presses_the_button_that_has_the_focus_and_nothing_around_it(window, preferences, key):
    window.activateWindow()
    asked = []
    window._chooser.folder = lambda *_: asked.append("a folder")
    sample = window.findChild(QPushButton, "try_sample_button")
    sample.setFocus()
    QTest.keyClick(sample, key)
    wait_for(lambda: window.project is not None)
    assert window.project.folder.name == "Sample shapes"
    assert asked == []
    window.dataset_panel.stop()
    settle(window)


def test_enter_in_the_frame_around_the_buttons_is_a_click_on_it(window):
    window.activateWindow()
    asked = []
    window._chooser.folder = lambda *_: asked.append("a folder")
    window._chooser.files = lambda *_: asked.append("files") or []
    frame = window.findChild(QWidget, "first_drop_area")
    frame.setFocus()
    QTest.keyClick(frame, Qt.Key.Key_Return)
    assert asked == ["a folder"]
    window.show_step(Step.PREDICT)
    button = window.findChild(QPushButton, "choose_pictures_folder_button")
    button.setVisible(True)  # as with a model
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Return)
    assert asked == ["a folder", "a folder"]


def test_a_word_that_is_neither_verb_nor_path_is_wrong_usage(capsys):
    assert front_door._main(["trian"]) == 2
    assert "trian is neither a file or folder nor a command. Did you mean train?" in capsys.readouterr().err


def test_an_option_goes_to_the_command_line(capsys):
    assert front_door._main(["--version"]) == 0
    assert "tlstudio" in capsys.readouterr().out


def test_a_path_goes_to_the_window(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(front_door, "_window", lambda paths: given.append(paths) or 0)
    assert front_door._main([str(tmp_path)]) == 0
    assert front_door._main([]) == 0
    assert given == [[tmp_path], []]


def test_everything_can_be_done_by_keyboard(window, shapes, chooser):
    """Import, look, go on to Training: no mouse."""
    chooser.answers = [shapes]
    QTest.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    window.activateWindow()
    reached = set()
    window.rail._buttons[0].setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(40):
        focus = window.focusWidget()
        reached.add(focus.objectName())
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    assert {"filter_text", "class_list", "picture_grid", "import_button", "train_now_button"} <= reached

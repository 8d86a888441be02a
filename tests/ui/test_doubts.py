"""Deciding on doubtful labels in the window: by key, on the map, with the figure moving along."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QListView, QPushButton, QTabWidget

from tests.ui.world import draw_shapes, settle, wait_for
from tlstudio.core.edits import Edits
from tlstudio.ui.dataset.doubts.decisions import DecisionsPage
from tlstudio.ui.dataset.doubts.models import Doubt
from tlstudio.ui.main_window import MainWindow

WRONG = ("circle 0.png", "star 1.png")


@pytest.fixture
def doubtful(full_window: MainWindow) -> MainWindow:
    """The window with the doubts on show: two pictures are filed under a class that is not theirs."""
    catalogue = full_window.project.catalogue
    ids = [p.id for p in catalogue.readable() if p.path.endswith(WRONG)]
    Edits(catalogue).relabel(ids, "square")
    button = full_window.findChild(QPushButton, "doubts_button")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_for(lambda: listed(full_window))
    settle(full_window)
    return full_window


def doubt_list(window: MainWindow) -> QListView:
    return window.findChild(QListView, "doubt_list")


def listed(window: MainWindow) -> list[str]:
    view = doubt_list(window)
    return [view.model().index(row, 0).data() for row in range(view.model().rowCount())]


def figure(window: MainWindow) -> str:
    return window.findChild(QLabel, "doubts_accuracy").text()


def choose(window: MainWindow, name: str) -> None:
    view = doubt_list(window)
    row = next(row for row, text in enumerate(listed(window)) if text.startswith(name))
    view.setCurrentIndex(view.model().index(row, 0))
    view.setFocus()


def label_of(window: MainWindow, name: str) -> str:
    return next(p.label for p in window.project.catalogue.pictures() if p.path.endswith(name))


def test_wrong_labels_are_listed_and_a_key_puts_one_right(doubtful: MainWindow) -> None:
    assert set(WRONG) <= {text.partition(":")[0] for text in listed(doubtful)}
    before = figure(doubtful)
    choose(doubtful, "circle 0.png")
    QTest.keyClick(doubt_list(doubtful), Qt.Key.Key_R)
    assert not any(text.startswith("circle 0.png") for text in listed(doubtful))  # at once
    wait_for(lambda: label_of(doubtful, "circle 0.png") == "circle")
    wait_for(lambda: figure(doubtful) != before)
    settle(doubtful)
    # Ctrl+Z takes it back, and the doubt is there again.
    QTest.keyClick(doubtful, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: label_of(doubtful, "circle 0.png") == "square")
    wait_for(lambda: any(text.startswith("circle 0.png") for text in listed(doubtful)))


def test_what_is_kept_is_not_asked_again_and_keys_file_and_leave_out(doubtful: MainWindow) -> None:
    choose(doubtful, "star 1.png")
    QTest.keyClick(doubt_list(doubtful), Qt.Key.Key_K)
    wait_for(lambda: ("label", "confirmed") in {(k, v) for (k, _), v in doubtful.project.catalogue.decisions().items()})
    settle(doubtful)
    QTest.mouseClick(doubtful.findChild(QPushButton, "leave_doubts_button"), Qt.MouseButton.LeftButton)
    QTest.mouseClick(doubtful.findChild(QPushButton, "doubts_button"), Qt.MouseButton.LeftButton)
    settle(doubtful)
    assert not any(text.startswith("star 1.png") for text in listed(doubtful))
    assert label_of(doubtful, "star 1.png") == "square"
    # A digit files under the class of that number, Delete leaves out.
    choose(doubtful, "circle 0.png")
    QTest.keyClick(doubt_list(doubtful), Qt.Key.Key_5)
    wait_for(lambda: label_of(doubtful, "circle 0.png") == "triangle")
    settle(doubtful)
    choose(doubtful, "circle 0.png")
    QTest.keyClick(doubt_list(doubtful), Qt.Key.Key_Delete)
    wait_for(lambda: [p.path[-12:] for p in doubtful.project.catalogue.pictures() if p.excluded] == ["circle 0.png"])
    settle(doubtful)


def test_a_line_on_the_map_chooses_pictures_and_the_last_page_says_what_would_help(doubtful: MainWindow) -> None:
    view = doubtful.dataset_panel._doubts
    view.findChild(QTabWidget).setCurrentIndex(1)
    wait_for(lambda: view.map._plot is not None and len(view.map._points) == 40)
    settle(doubtful)
    port = view.map._plot.viewport()
    corners = [(2, 2), (port.width() - 3, 2), (port.width() - 3, port.height() - 3), (2, port.height() - 3), (2, 2)]
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(*corners[0]))
    for corner in corners[1:]:
        QTest.mouseMove(port, QPoint(*corner))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(*corners[-1]))
    assert len(view._chosen) == 40
    QTest.mouseClick(view._look, Qt.MouseButton.LeftButton)
    settle(doubtful)
    assert "chosen on the map" in doubtful.findChild(QLabel, "count_label").text()
    assert view.isHidden()
    # What would help is said in words.
    QTest.mouseClick(doubtful.findChild(QPushButton, "doubts_button"), Qt.MouseButton.LeftButton)
    view.findChild(QTabWidget).setCurrentIndex(2)
    wait_for(lambda: "With twice as many" in view._curve.text())
    wait_for(lambda: "guessing: 20" in view._cues.text())
    settle(doubtful)


def test_one_class_says_why_there_is_nothing_to_doubt(full_window: MainWindow) -> None:
    edits = Edits(full_window.project.catalogue)
    edits.merge_classes(["circle", "crescent", "star", "triangle"], into="square")
    QTest.mouseClick(full_window.findChild(QPushButton, "doubts_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: "fewer than two classes" in full_window.message_bar.text)
    settle(full_window)


def test_another_project_starts_with_a_clean_page(doubtful: MainWindow, tmp_path: Path) -> None:
    view = doubtful.dataset_panel._doubts
    view.findChild(QTabWidget).setCurrentIndex(1)
    wait_for(lambda: view.map._points)
    settle(doubtful)
    view.map.choose([0, 1])
    doubtful.leave_project()
    assert not listed(doubtful)
    assert view._chosen == ()
    assert view.map._points == ()
    # The next project is judged by itself, from its first look on.
    doubtful.dataset_panel.import_path(draw_shapes(tmp_path / "others", 4, names=("circle", "star")))
    wait_for(lambda: doubtful.dataset_panel._pictures)
    QTest.mouseClick(doubtful.findChild(QPushButton, "doubts_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: "of 8 pictures" in view._about.full_text)
    settle(doubtful)


def test_where_nothing_can_be_changed_doubts_are_shown_but_not_decided(qtbot) -> None:
    page = DecisionsPage()
    qtbot.addWidget(page, before_close_func=DecisionsPage.shut_down)
    edits: list[object] = []
    page.edit_wanted.connect(edits.append)
    page.allow_changes("Open elsewhere.")
    page.show_doubts([Doubt(1, "ab", "", "circle", "square", 0.9)], ("circle", "square"))
    for button in (page.keep, page.take, page.other, page.leave):
        assert not button.isEnabled() and button.toolTip() == "Open elsewhere."
    for key in (Qt.Key.Key_K, Qt.Key.Key_R, Qt.Key.Key_Delete, Qt.Key.Key_2):
        QTest.keyClick(page.list, key)
    assert page.list.model().rowCount() == 1 and not edits
    page.allow_changes("")
    QTest.keyClick(page.list, Qt.Key.Key_R)
    assert page.list.model().rowCount() == 0 and len(edits) == 1

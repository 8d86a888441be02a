"""A project that somebody else has open: the window shows all of it, changes nothing, takes over when it is free."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.ui.world import carry, close, drop, settle, wait_for
from tlstudio import tasks
from tlstudio.core import locks
from tlstudio.core.events import Warned
from tlstudio.core.project import LOCK_FILE, Project
from tlstudio.ui.main_window import MainWindow

HELD = f"Open in another TL Studio (process {os.getpid()} on "


@pytest.fixture
def held(tmp_path: Path, shapes: Path) -> Iterator[Project]:
    """A project with pictures and a run that another program holds, here this process."""
    with Project.open(tmp_path / "mine") as project:
        list(tasks.scan(project, shapes))
        project.new_run("feature-extraction").record(Warned("careful"))
        yield project


@pytest.fixture
def looking(window: MainWindow, held: Project) -> MainWindow:
    """A window that has opened that project."""
    window.projects._watching.setInterval(20)
    window.incoming.open_paths((held.folder,))
    wait_for(lambda: window.read_only_strip.text and window.dataset_panel._pictures)
    settle(window)
    return window


def press(window: MainWindow, name: str) -> None:
    (button,) = (b for b in window.findChildren(QPushButton, name) if b.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_project_that_another_program_has_is_shown_and_left_alone(looking, held, shapes):
    window, dataset = looking, looking.dataset_panel
    assert window.read_only_strip.text.startswith(HELD)
    assert window.read_only_strip.text.endswith("). You can look, not change.")
    assert dataset._shown.rowCount() == 40
    assert window.training_panel.runs.table.rowCount() == 1
    before = held.catalogue.pictures()
    menus = window.menus
    changing = [menus.import_, menus.import_copy, menus.rescan, menus.train, window.training_panel.train_button]
    changing += [window.findChild(QPushButton, "import_button"), dataset._page.next]
    for each in (*changing, *dataset._class_view.make_menu().actions(), *dataset._editor.make_menu().actions()[1:]):
        assert not each.isEnabled()
        assert each.toolTip().startswith(HELD) or each.isSeparator()
    assert dataset._page.doubt.isEnabled()  # to look harms nothing
    for attempt in (
        lambda: QTest.keyClick(dataset._grid, Qt.Key.Key_Delete),
        lambda: QTest.keyClick(dataset._grid, Qt.Key.Key_2),
        lambda: drop(window, carry(shapes)),
    ):
        dataset._grid.setCurrentIndex(dataset._shown.index(0))
        window.message_bar.hide()
        attempt()
        wait_for(lambda: "is open in another TL Studio (process" in window.message_bar.text)
    settle(window)
    assert held.catalogue.pictures() == before


def test_the_one_that_looks_takes_over_when_it_wants_and_can(looking, held):
    window = looking
    press(window, "try_again_button")
    wait_for(lambda: not window._running())
    assert window.read_only_strip.text.startswith(HELD)
    held.close()
    wait_for(lambda: "has closed this project" in window.read_only_strip.text)
    press(window, "try_again_button")
    wait_for(lambda: not window.read_only_strip.text)
    settle(window)
    assert not window.project.is_read_only
    wait_for(window.training_panel.train_button.isEnabled)
    dataset = window.dataset_panel
    dataset._grid.setCurrentIndex(dataset._shown.index(0))
    QTest.keyClick(dataset._grid, Qt.Key.Key_Delete)
    wait_for(lambda: sum(p.excluded for p in window.project.catalogue.pictures()) == 1)
    assert not locks.is_free(held.folder / LOCK_FILE)
    settle(window)
    close(window)
    assert locks.is_free(held.folder / LOCK_FILE)

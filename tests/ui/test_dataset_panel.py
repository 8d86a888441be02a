"""Bringing pictures in, seeing them by class, and seeing what is wrong with them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QListView, QPushButton

from tests.ui.world import carry, draw_shapes, drop, hover, settle, wait_for
from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.project import Project
from tlstudio.ui import projects
from tlstudio.ui.dataset.models import ITEM, ClassList, PictureList
from tlstudio.ui.dataset.remarks import Remark, RemarkList
from tlstudio.ui.rail import Step
from tlstudio.ui.thumbnails import Thumbnails


def classes_shown(window) -> dict[str, int]:
    view = window.findChild(QListView, "class_list")
    lines = [view.model().index(row, 0).data(ITEM) for row in range(view.model().rowCount())]
    return {line.title: line.count for line in lines}


def problems_shown(window) -> list[str]:
    view = window.findChild(QListView, "problem_list")
    return [view.model().index(row, 0).data() for row in range(view.model().rowCount())]


def names_shown(window) -> list[str]:
    model = window.findChild(QAbstractItemView, "picture_grid").model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_dropping_a_folder_on_the_empty_window_begins_a_project(window, shapes, preferences):
    assert drop(window, carry(shapes))
    wait_for(lambda: window.dataset_panel._pictures)
    expected = {"All pictures": 40, "circle": 8, "crescent": 8, "square": 8, "star": 8, "triangle": 8}
    assert classes_shown(window) == expected
    assert window.project.folder == preferences.projects_home / "shapes"
    assert window.windowTitle() == "TL Studio — shapes"
    assert window.rail.summary(Step.PICTURES) == "40 · 5 classes"
    assert preferences.recent == (window.project.folder,)


def test_a_second_folder_of_that_name_gets_a_project_of_its_own(window, shapes):
    drop(window, carry(shapes))
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    window.leave_project()
    assert window.dataset_panel.is_empty()
    drop(window, carry(shapes))
    wait_for(lambda: window.dataset_panel._pictures)
    assert window.project.folder.name == "shapes 2"


def test_more_pictures_are_added_beside_those_there_are(full_window, tmp_path):
    more = draw_shapes(tmp_path / "more", 3, seed=9, names=("circle", "star"))
    drop(full_window, carry(more))
    wait_for(lambda: classes_shown(full_window)["All pictures"] == 46)
    assert classes_shown(full_window)["star"] == 11
    assert classes_shown(full_window)["square"] == 8


def test_loose_pictures_need_a_class_to_go_to(full_window, tmp_path):
    loose = tmp_path / "one.png"
    Image.new("RGB", (50, 50), "teal").save(loose)
    drop(full_window, carry(loose))
    wait_for(lambda: "of which class" in full_window.message_bar.text)
    assert full_window.message_bar.text.startswith("one.png: ")
    assert "Choose a class on the left first" in full_window.message_bar.text
    view = full_window.findChild(QListView, "class_list")
    view.setCurrentIndex(view.model().index(2, 0))
    drop(full_window, carry(loose))
    wait_for(lambda: classes_shown(full_window)["crescent"] == 9)


@pytest.mark.parametrize("name", ["one.png", "notes.txt"])
def test_a_single_file_on_the_empty_window_is_told_what_to_drop(window, tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever")
    drop(window, carry(tmp_path / name))
    wait_for(lambda: window.message_bar.text)
    assert window.message_bar.text.startswith(f"{name}: a single file does not say of which class it is.")
    assert "Drop the folder that holds your class folders" in window.message_bar.text
    assert window.project is None


def test_a_wrong_drop_can_be_taken_back(full_window, tmp_path):
    odd = draw_shapes(tmp_path / "more", 3, seed=9, names=("star",))
    drop(full_window, carry(odd))
    wait_for(lambda: full_window.message_bar.text)
    assert full_window.message_bar.text == "Added 3 pictures as class star."
    assert classes_shown(full_window)["star"] == 11
    undo = full_window.findChild(QPushButton, "undo_button")
    assert undo.isVisible()
    QTest.mouseClick(undo, Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["All pictures"] == 40)
    settle(full_window)
    assert classes_shown(full_window)["star"] == 8
    assert full_window.message_bar.text == ""
    assert len(list(odd.rglob("*.png"))) == 3


def test_taking_back_leaves_what_was_there_before(full_window, shapes, tmp_path):
    """The same drop may hold a folder that the project has already."""
    more = draw_shapes(tmp_path / "more", 2, seed=9, names=("circle", "star"))
    drop(full_window, carry(shapes, more))
    wait_for(lambda: full_window.message_bar.text == "Added 4 pictures in 2 classes.")
    QTest.mouseClick(full_window.findChild(QPushButton, "undo_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["All pictures"] == 40)
    settle(full_window)


def test_the_only_pictures_cannot_be_taken_out(tmp_path):
    pictures = draw_shapes(tmp_path / "shapes", 2)
    with Project.open(tmp_path / "project") as project:
        list(tasks.add(project, [pictures]))
        assert tasks.not_yet_added(project, [pictures]) == ()
        with pytest.raises(UnusableImages, match="no pictures left"):
            list(tasks.remove(project, [pictures]))
        assert len(project.catalogue.pictures()) == 10


def test_what_is_left_out_is_said(window, shapes):
    (shapes / "by itself.png").write_bytes((shapes / "star" / "star 0.png").read_bytes())
    drop(window, carry(shapes))
    wait_for(lambda: "in no class folder: by itself.png" in window.message_bar.text)
    assert not window.findChild(QPushButton, "undo_button").isVisible()


def test_a_problem_is_left_when_another_class_is_chosen(window, tmp_path):
    root = draw_shapes(tmp_path / "odd", 4, names=("circle", "star"))
    (root / "circle" / "broken.png").write_bytes(b"no picture")
    window.dataset_panel.import_path(root)
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    problems, classes = window.findChild(QListView, "problem_list"), window.findChild(QListView, "class_list")
    place = problems.visualRect(problems.model().index(0, 0)).center()
    QTest.mouseClick(problems.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert problems.selectionModel().hasSelection()
    place = classes.visualRect(classes.model().index(2, 0)).center()
    QTest.mouseClick(classes.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert not problems.selectionModel().hasSelection()
    wait_for(lambda: len(names_shown(window)) == 4)


def test_problems_are_listed_and_lead_to_their_pictures(window, tmp_path):
    root = draw_shapes(tmp_path / "odd", 10, names=("circle", "star"))
    (root / "circle" / "broken.png").write_bytes(b"no picture")
    shutil.copy(root / "circle" / "circle 0.png", root / "star" / "the same.png")
    shutil.copy(root / "star" / "star 1.png", root / "star" / "star 1 again.png")
    window.dataset_panel.import_path(root)
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    assert problems_shown(window) == [
        "1 file could not be read and will not be used",
        "1 picture filed under more than one class",
        "1 picture there more than once in a class",
    ]
    view = window.findChild(QListView, "problem_list")
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(1, 0)).center())
    grid = window.findChild(QAbstractItemView, "picture_grid")
    wait_for(lambda: names_shown(window) == ["circle 0.png", "the same.png"])
    window.dataset_panel._page.show_all.click()
    wait_for(lambda: grid.model().rowCount() == 23)


def test_choosing_a_class_and_typing_a_name_narrows_the_grid(full_window):
    grid = full_window.findChild(QAbstractItemView, "picture_grid")
    view = full_window.findChild(QListView, "class_list")
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Down)
    wait_for(lambda: grid.model().rowCount() == 8)
    full_window.dataset_panel.focus_filter()
    QTest.keyClicks(full_window.dataset_panel._tools.text, "CIRCLE 3")
    wait_for(lambda: names_shown(full_window) == ["circle 3.png"])


def test_space_opens_the_preview_with_the_facts(full_window):
    grid = full_window.findChild(QAbstractItemView, "picture_grid")
    grid.setFocus()
    grid.setCurrentIndex(grid.model().index(0, 0))
    QTest.keyClick(grid, Qt.Key.Key_Space)
    preview = full_window.dataset_panel._preview
    assert preview.isVisible()
    wait_for(lambda: preview._view.drawn)
    assert "64 × 64 px" in preview._facts.text()
    preview._tabs.setCurrentIndex(1)
    wait_for(lambda: preview._view.drawn and preview._view.drawn.pixmap.width() == 224)
    assert "224 × 224 px" in preview._facts.text()


def test_f5_finds_what_changed_on_disk(full_window, shapes):
    (shapes / "circle" / "circle 0.png").unlink()
    full_window.menus.rescan.trigger()
    bar = full_window.dataset_panel._page.difference
    wait_for(lambda: bar.text == "The folders have changed since: 1 gone.")
    QTest.mouseClick(full_window.findChild(QPushButton, "accept_difference_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["circle"] == 7)


def test_cancel_leaves_everything_as_it_was(full_window, tmp_path):
    more = draw_shapes(tmp_path / "more", 60, seed=3, names=("circle",))
    drop(full_window, carry(more))
    wait_for(lambda: full_window.status._cancel.isVisible())
    full_window.status._cancel.click()
    settle(full_window)
    assert classes_shown(full_window)["All pictures"] == 40
    assert full_window.status.text == "Ready"


def test_a_folder_without_pictures_says_what_to_do(window, tmp_path):
    (tmp_path / "nothing").mkdir()
    drop(window, carry(tmp_path / "nothing"))
    wait_for(lambda: window.message_bar.text)
    assert "holds no pictures" in window.message_bar.text
    assert "one folder per class" in window.message_bar.text


def test_a_project_that_got_no_pictures_never_was(window, tmp_path, shapes, preferences):
    (tmp_path / "nothing").mkdir()
    drop(window, carry(tmp_path / "nothing"))
    wait_for(lambda: window.message_bar.text)
    settle(window)
    assert window.project is None
    wait_for(lambda: preferences.recent == ())
    assert not (preferences.projects_home / "nothing").exists()
    assert (tmp_path / "nothing").is_dir()
    assert "holds no pictures" in window.message_bar.text
    drop(window, carry(shapes))
    wait_for(lambda: window.dataset_panel._pictures)
    assert window.project.folder.name == "shapes"


@pytest.mark.parametrize("what", ["folder", "sample"])
def test_cancelling_the_first_import_leaves_nothing_behind(window, tmp_path, preferences, what):
    if what == "sample":
        QTest.mouseClick(window.findChild(QPushButton, "try_sample_button"), Qt.MouseButton.LeftButton)
    else:
        drop(window, carry(draw_shapes(tmp_path / "many", 60)))
    wait_for(lambda: window.status._cancel.isVisible())
    QTest.mouseClick(window.status._cancel, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.project is None
    assert window.dataset_panel._pages.currentIndex() == 0
    wait_for(lambda: preferences.recent == ())
    assert list(preferences.projects_home.iterdir()) == []


def test_what_somebody_else_put_into_an_empty_project_stays(tmp_path):
    folder = tmp_path / "project"
    empty = Project.open(folder)
    (folder / "notes.txt").write_text("mine")
    list(projects.remove_if_empty(empty))
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("url", "text", "said"),
    [
        ("https://example.org/cat.jpg", None, "fetches nothing"),
        (None, "a cat", "This is text"),
        (None, None, "no files"),
    ],
)
def test_what_cannot_be_used_gets_one_sentence(window, url, text, said):
    given = QMimeData()
    if url:
        given.setUrls([QUrl(url)])
    if text:
        given.setText(text)
    assert not drop(window, given)
    assert said in window.message_bar.text
    assert not window.dragging.overlay.isVisible()


def test_the_sample_is_drawn_and_shown(window, preferences):
    window.dataset_panel._empty.sample_wanted.emit()
    wait_for(lambda: window.dataset_panel._pictures)
    assert classes_shown(window)["All pictures"] == 150
    assert len(list((preferences.projects_home / "Sample shapes" / "sample pictures").rglob("*.png"))) == 150


def test_only_pictures_near_the_window_are_decoded(window, tmp_path):
    source = draw_shapes(tmp_path / "many", 1) / "star" / "star 0.png"
    pictures = {}
    for number in range(400):
        path = tmp_path / f"{number}.png"
        shutil.copy(source, path)
        pictures[number] = Picture(str(path), "circle", "train")
    pictures |= {number: Picture(str(source), "circle", "train") for number in range(400, 10_400)}
    panel = window.dataset_panel
    panel._pages.setCurrentIndex(1)
    panel._shown.facts_wanted.connect(lambda ids: panel._shown.take({number: pictures[number] for number in ids}))
    panel._shown.show_pictures(range(10_400), {})
    settle(window)
    assert 20 < panel._grid.thumbnails.decoded < 200
    panel._grid.verticalScrollBar().setValue(panel._grid.verticalScrollBar().maximum())
    settle(window)
    assert panel._grid.thumbnails.decoded < 220


def test_thumbnails_on_show_outlast_those_drawn_ahead(window, tmp_path):
    def draw(pages: list[list[str]]) -> None:
        thumbnails.want([path for page in pages for path in page], 16)
        wait_for(lambda: thumbnails._job is None)

    pages = [[str(tmp_path / f"{page} {number}.png") for number in range(3)] for page in range(6)]
    for path in (path for page in pages for path in page):
        Image.new("RGB", (8, 8), "teal").save(path)
    thumbnails = Thumbnails(window, capacity=10)
    for page in (0, 1, 2, 3, 4, 3, 2, 1):
        draw([pages[page], pages[page + 1], pages[page - 1] if page else []])
        assert all(thumbnails.get(path) for path in pages[page])
    draw(pages)  # more than the capacity at once, as on a very large screen
    assert all(thumbnails.get(path) for page in pages for path in page)


def test_originals_are_untouched(window, shapes):
    def state() -> dict[Path, tuple[bytes, int]]:
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in shapes.rglob("*.png")}

    before = state()
    drop(window, carry(shapes))
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    assert state() == before


def test_models_keep_qts_contract(qtmodeltester):
    classes, pictures, remarks = ClassList(), PictureList(), RemarkList()
    for model in (classes, pictures, remarks):
        qtmodeltester.check(model)
    classes.show_classes({"a": {"train": 1, "val": 1}, "b": {"train": 1}, "empty": {}})
    pictures.show_pictures((7, 8, 9), {7: Picture("/a/b.png", "a"), 8: Picture("/a/c.png", "b", refused="broken")})
    remarks.show_remarks((Remark("unreadable", "error", "1 file", (8,)), Remark("", "info", "w")))
    for model in (classes, pictures, remarks):
        qtmodeltester.check(model)


def test_dragging_over_a_step_of_the_rail_opens_it(window, shapes):
    entry = window.rail._buttons[Step.PREDICT]
    at = entry.mapTo(window, QPoint(20, 20))
    assert hover(window, carry(shapes), at)
    assert window.step == Step.PREDICT
    # Without a model there is nobody to ask.
    assert window.dragging.overlay.texts == ("Train first, or drop a .tlmodel file",)
    at = window.rail._buttons[Step.NETWORK].mapTo(window, QPoint(20, 20))
    hover(window, carry(shapes), at)
    assert window.dragging.overlay.texts == ("Add to the pictures",)
    QApplication.processEvents()

"""Putting classes, labels and splits right in the window, and taking it back."""

import html
import shutil
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDragLeaveEvent, QDragMoveEvent, QGuiApplication, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QMessageBox, QPushButton, QToolButton

from tests.ui.test_dataset_panel import classes_shown, names_shown, problems_shown
from tests.ui.world import carry, draw_shapes, drop, hover, settle, wait_for
from tlstudio.ui.dataset.grid import DRAGGED
from tlstudio.ui.dataset.models import DRAGGED_CLASS
from tlstudio.ui.rail import Step


def select(window, *rows: int) -> None:
    """Choose pictures by their rows, and give the grid the keyboard."""
    grid = window.dataset_panel._grid
    grid.setFocus()
    grid.setCurrentIndex(grid.model().index(rows[0], 0))
    for _ in rows[1:]:
        QTest.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert grid.chosen_count() == len(rows)


def dragged(kind: str, what: str = "") -> QMimeData:
    given = QMimeData()
    given.setData(kind, what.encode())
    return given


def place_of(window, name: str):
    view = window.dataset_panel._class_view
    return view.visualRect(view.model().index(view.model().row_of(name), 0)).center()


def undo_text(window) -> str:
    return window.undoing.undo.text()


def test_a_digit_files_the_chosen_pictures_under_a_class_and_undo_takes_it_back(full_window):
    select(full_window, 0, 1)
    QTest.keyClick(full_window.dataset_panel._grid, Qt.Key.Key_3)
    wait_for(lambda: classes_shown(full_window)["square"] == 10)
    assert classes_shown(full_window)["circle"] == 6
    assert undo_text(full_window) == "Undo filing 2 pictures under “square”"
    assert "Filed 2 pictures under “square”." in full_window.dataset_panel._page.count.full_text
    full_window.undoing.undo.trigger()
    wait_for(lambda: classes_shown(full_window)["circle"] == 8)
    assert not full_window.undoing.undo.isEnabled()
    full_window.undoing.redo.trigger()
    wait_for(lambda: classes_shown(full_window)["circle"] == 6)


def test_the_next_picture_is_current_when_one_has_left_its_class(full_window):
    panel = full_window.dataset_panel
    panel._class_view.choose("circle")
    wait_for(lambda: len(names_shown(full_window)) == 8)
    select(full_window, 2)
    QTest.keyClick(panel._grid, Qt.Key.Key_2)
    wait_for(lambda: len(names_shown(full_window)) == 7)
    assert panel._grid.currentIndex().data() == "circle 3.png"


def test_delete_leaves_pictures_out_and_a_second_time_uses_them_again(full_window):
    select(full_window, 0, 1, 2)
    QTest.keyClick(full_window.dataset_panel._grid, Qt.Key.Key_Delete)
    wait_for(lambda: classes_shown(full_window)["circle"] == 5)
    wait_for(lambda: "3 pictures left out by you" in problems_shown(full_window))
    assert len(names_shown(full_window)) == 40
    QTest.keyClick(full_window.dataset_panel._grid, Qt.Key.Key_Delete)
    wait_for(lambda: classes_shown(full_window)["circle"] == 8)
    settle(full_window)


def test_f2_renames_a_class_in_place(full_window):
    view = full_window.dataset_panel._class_view
    view.choose("star")
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_F2)
    editor = view.findChild(QLineEdit)
    assert editor.text() == "star"
    QTest.keyClicks(editor, "<b>sun</b> & moon")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    wait_for(lambda: "<b>sun</b> & moon" in classes_shown(full_window))
    assert view.chosen() == "<b>sun</b> & moon"
    assert undo_text(full_window) == "Undo renaming “star” to “<b>sun</b> && moon”"
    wait_for(lambda: len(names_shown(full_window)) == 8)


def test_a_name_that_is_taken_is_refused_in_words(full_window):
    full_window.dataset_panel._classes.renamed.emit("star", "circle")
    wait_for(lambda: "there is a class 'circle' already" in full_window.message_bar.text)
    assert classes_shown(full_window)["star"] == 8


def test_a_class_dropped_onto_another_is_merged_after_a_question(full_window):
    view = full_window.dataset_panel._class_view
    assert drop(view.viewport(), dragged(DRAGGED_CLASS, "star"), place_of(full_window, "circle"))
    question = full_window.findChild(QMessageBox, "merge_question")
    assert question.text() == "Merge “star” into “circle”?"
    QTest.mouseClick(question.defaultButton(), Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["circle"] == 16)
    assert "star" not in classes_shown(full_window)


def test_pictures_dropped_onto_a_class_are_filed_there(full_window):
    select(full_window, 0, 1)
    view = full_window.dataset_panel._class_view
    assert drop(view.viewport(), dragged(DRAGGED), place_of(full_window, "triangle"))
    wait_for(lambda: classes_shown(full_window)["triangle"] == 10)


def test_files_dropped_onto_a_class_are_added_to_it(full_window, tmp_path):
    loose = tmp_path / "one.png"
    Image.new("RGB", (50, 50), "teal").save(loose)
    view = full_window.dataset_panel._class_view
    assert drop(view.viewport(), carry(loose), place_of(full_window, "star"))
    wait_for(lambda: classes_shown(full_window)["star"] == 9)


def picture_without_a_file(colour: str) -> QMimeData:
    given = QMimeData()
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(colour)
    given.setImageData(image)
    return given


def from_a_browser(file: Path) -> QMimeData:
    given = QMimeData()
    given.setUrls([QUrl("http://127.0.0.1:9/star.png")])
    given.setData("application/octet-stream", file.read_bytes())
    return given


def test_pixels_dropped_onto_a_class_join_it_as_files_of_the_project(full_window, tmp_path):
    teal = tmp_path / "teal.png"
    Image.new("RGB", (50, 50), "teal").save(teal)
    view = full_window.dataset_panel._class_view
    for number, given in enumerate((picture_without_a_file("orange"), from_a_browser(teal)), start=9):
        assert drop(view.viewport(), given, place_of(full_window, "star"))
        wait_for(lambda number=number: classes_shown(full_window)["star"] == number)
    kept = [Path(picture.path) for picture in full_window.project.catalogue.pictures()]
    kept = [path for path in kept if full_window.project.folder in path.parents]
    assert sorted(Image.open(path).convert("RGB").getpixel((9, 9)) for path in kept) == [(0, 128, 128), (255, 165, 0)]
    assert not drop(view.viewport(), carry(), place_of(full_window, "star"))


def test_pixels_pasted_or_dropped_beside_the_classes_join_the_chosen_one(full_window):
    drop(full_window, picture_without_a_file("orange"))
    wait_for(lambda: "Choose a class on the left first" in full_window.message_bar.text)
    full_window.dataset_panel._class_view.choose("circle")
    drop(full_window, picture_without_a_file("orange"))
    wait_for(lambda: classes_shown(full_window)["circle"] == 9)
    QGuiApplication.clipboard().setMimeData(picture_without_a_file("teal"))
    QTest.keyClick(full_window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: classes_shown(full_window)["circle"] == 10)
    assert full_window.step == Step.PICTURES
    QTest.mouseClick(full_window.findChild(QPushButton, "undo_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["circle"] == 9)
    settle(full_window)


def test_the_paths_of_a_drag_are_asked_for_when_it_comes_and_not_at_every_move(full_window, tmp_path):
    class Counting(QMimeData):
        asked = 0

        def retrieveData(self, kind, how):
            self.asked += 1
            return super().retrieveData(kind, how)

    given = Counting()
    given.setUrls([QUrl.fromLocalFile(str(tmp_path / "one.png"))])
    view, at = full_window.dataset_panel._class_view, place_of(full_window, "star")
    for target, place in ((view.viewport(), at), (full_window, full_window.rect().center())):
        assert hover(target, given, place)
        asked = given.asked
        moving = QDragMoveEvent(
            place, Qt.DropAction.CopyAction, given, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0)
        )
        QApplication.sendEvent(target, moving)
        assert moving.isAccepted()
        assert given.asked == asked > 0
    QApplication.sendEvent(full_window, QDragLeaveEvent())


def test_what_is_chosen_while_an_edit_runs_stays_chosen(full_window):
    panel = full_window.dataset_panel
    select(full_window, 0)
    QTest.keyClick(panel._grid, Qt.Key.Key_4)
    panel._class_view.choose("star")
    settle(full_window)
    assert panel._class_view.chosen() == "star"
    assert len(names_shown(full_window)) == 9
    panel._classes.renamed.emit("circle", "disc")
    panel._class_view.choose("circle")
    settle(full_window)
    assert panel._class_view.chosen() == "disc"
    assert len(names_shown(full_window)) == 7


def test_pictures_of_a_removed_class_say_why_they_stay_out(full_window):
    panel = full_window.dataset_panel
    panel._class_view.choose("circle")
    panel._class_view.setFocus()
    QTest.keyClick(panel._class_view, Qt.Key.Key_Delete)
    wait_for(lambda: "circle" not in classes_shown(full_window))
    settle(full_window)
    select(full_window, names_shown(full_window).index("circle 0.png"))
    QTest.keyClick(panel._grid, Qt.Key.Key_Delete)
    wait_for(lambda: full_window.message_bar.text)
    assert full_window.message_bar.text.startswith("Pictures of a class that was removed stay left out: circle.")
    assert "Add a class of that name again" in full_window.message_bar.text
    panel._editor._add("circle")
    wait_for(lambda: classes_shown(full_window).get("circle") == 8)
    settle(full_window)


def test_a_letter_leaves_the_current_picture_where_it_is(full_window):
    select(full_window, 0)
    QTest.keyClick(full_window.dataset_panel._grid, Qt.Key.Key_S)
    assert full_window.dataset_panel._grid.currentIndex().row() == 0


def test_a_new_class_is_there_before_it_has_pictures(full_window):
    QTest.mouseClick(full_window.findChild(QToolButton, "add_class_button"), Qt.MouseButton.LeftButton)
    dialog = full_window.findChild(QInputDialog, "new_class_dialog")
    dialog.setTextValue("heart")
    dialog.accept()
    wait_for(lambda: classes_shown(full_window).get("heart") == 0)


def test_conflicts_are_decided_side_by_side(window, tmp_path):
    root = draw_shapes(tmp_path / "odd", 6, names=("circle", "star"))
    for number in (0, 1):
        shutil.copy(root / "circle" / f"circle {number}.png", root / "star" / f"the same {number}.png")
    window.dataset_panel.import_path(root)
    wait_for(lambda: "2 pictures filed under more than one class" in problems_shown(window))
    settle(window)
    panel, bar = window.dataset_panel, window.dataset_panel._page.decision
    panel._page.remark_chosen.emit(panel._remarks.row_of("conflict"))
    wait_for(lambda: len(names_shown(window)) == 4)
    QTest.mouseClick(window.findChild(QPushButton, "one_by_one_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: len(names_shown(window)) == 2)
    assert bar.texts[:2] == ["All are “circle”", "All are “star”"]
    for _ in range(2):
        choice = next(each for each in bar._buttons() if each.text() == "All are “circle”")
        QTest.mouseClick(choice, Qt.MouseButton.LeftButton)
        settle(window)
    wait_for(lambda: classes_shown(window) == {"All pictures": 14, "circle": 8, "star": 6})
    wait_for(lambda: not any("more than one class" in line for line in problems_shown(window)))


def test_leaks_are_mended_with_one_click(window, tmp_path):
    root = tmp_path / "split"
    for split in ("train", "val"):
        draw_shapes(root / split, 4, seed=len(split), names=("circle", "star"))
    shutil.copy(root / "train" / "star" / "star 0.png", root / "val" / "star" / "again.png")
    window.dataset_panel.import_path(root)
    wait_for(lambda: any("both to train on and to check with" in line for line in problems_shown(window)))
    settle(window)
    panel = window.dataset_panel
    panel._page.remark_chosen.emit(panel._remarks.row_of("leak"))
    wait_for(lambda: sorted(names_shown(window)) == ["again.png", "star 0.png"])
    QTest.mouseClick(window.findChild(QPushButton, "mend_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: "1 picture left out by you" in problems_shown(window))
    assert not any("both to train on" in line for line in problems_shown(window))


def test_what_changed_in_the_folders_is_shown_on_opening_and_taken_over(full_window, shapes):
    folder = full_window.project.folder
    full_window.dataset_panel._classes.renamed.emit("star", "sun")
    wait_for(lambda: "sun" in classes_shown(full_window))
    settle(full_window)
    full_window.leave_project()
    settle(full_window)
    (shapes / "circle" / "circle 0.png").unlink()
    Image.new("RGB", (40, 40), "teal").save(shapes / "star" / "new.png")
    full_window.projects.open(folder)
    bar = full_window.dataset_panel._page.difference
    wait_for(lambda: bar.text)
    assert bar.text == "The folders have changed since: 1 new, 1 gone."
    assert classes_shown(full_window)["circle"] == 8
    assert undo_text(full_window) == "Undo renaming “star” to “sun”"
    QTest.mouseClick(full_window.findChild(QPushButton, "accept_difference_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: classes_shown(full_window)["circle"] == 7)
    assert classes_shown(full_window)["sun"] == 9
    assert bar.text == ""
    settle(full_window)


def test_an_edit_right_after_opening_does_not_lose_what_changed(full_window, shapes):
    folder, panel = full_window.project.folder, full_window.dataset_panel
    full_window.leave_project()
    settle(full_window)
    (shapes / "circle" / "circle 0.png").unlink()
    reports = []

    def report_again(_found: object) -> None:
        reports.append(1)
        if len(reports) == 2:  # the first only says that there is nothing yet
            panel._report()

    panel.pictures_changed.connect(report_again)
    full_window.projects.open(folder)
    wait_for(lambda: panel._page.difference.text == "The folders have changed since: 1 gone.")
    settle(full_window)
    assert len(reports) == 3


def test_what_changed_is_no_longer_said_once_it_has_been_added(full_window, shapes):
    new = shapes / "star" / "new.png"
    Image.new("RGB", (40, 40), "teal").save(new)
    full_window.menus.rescan.trigger()
    bar = full_window.dataset_panel._page.difference
    wait_for(lambda: bar.text == "The folders have changed since: 1 new.")
    drop(full_window.dataset_panel._class_view.viewport(), carry(new), place_of(full_window, "star"))
    wait_for(lambda: classes_shown(full_window)["star"] == 9)
    settle(full_window)
    assert bar.text == ""


def test_f5_says_so_when_nothing_has_changed(full_window):
    full_window.menus.rescan.trigger()
    wait_for(lambda: full_window.message_bar.text == "Nothing has changed in the folders.")


def test_a_source_that_is_away_takes_no_picture_with_it(full_window, shapes):
    shapes.rename(shapes.with_name("away"))
    full_window.menus.rescan.trigger()
    wait_for(lambda: "is not there now" in full_window.message_bar.text)
    assert classes_shown(full_window)["All pictures"] == 40
    assert full_window.dataset_panel._page.difference.text == ""


def test_how_pictures_become_square_is_chosen_where_it_is_seen(window, tmp_path):
    root = draw_shapes(tmp_path / "shapes", 3, names=("circle", "star"))
    Image.new("RGB", (160, 40), "teal").save(root / "circle" / "a long one.png")
    window.dataset_panel.import_path(root)
    wait_for(lambda: names_shown(window))
    settle(window)
    preview = window.dataset_panel._preview
    window.dataset_panel._tools.look.setChecked(True)
    preview._tabs.setCurrentIndex(1)
    select(window, 0)
    assert preview._effect.text().startswith("The network does not see 8")
    preview._fits.setFocus()
    QTest.keyClick(preview._fits, Qt.Key.Key_Down)
    preview._fits.activated.emit(preview._fits.currentIndex())
    assert window.model_panel.recipe().fit == "pad"
    assert preview._effect.text().startswith("75 % of what the network sees")
    wait_for(lambda: preview._view.drawn)
    image = preview._view.drawn.pixmap.toImage()
    assert image.pixelColor(image.width() // 2, 5).name() == "#000000"
    assert image.pixelColor(image.width() // 2, image.height() // 2).name() == "#008080"


def test_undo_follows_the_step(full_window):
    select(full_window, 0)
    QTest.keyClick(full_window.dataset_panel._grid, Qt.Key.Key_Delete)
    wait_for(lambda: undo_text(full_window) == "Undo leaving out 1 picture")
    full_window.undoing.show_step(Step.NETWORK)  # alone: the page itself would load torch
    assert (undo_text(full_window), full_window.undoing.undo.isEnabled()) == ("Undo", False)
    full_window.model_panel.choose_fit("squash")
    assert undo_text(full_window) == "Undo Change how pictures become square"
    full_window.undoing.show_step(Step.PREDICT)
    assert (undo_text(full_window), full_window.undoing.undo.isEnabled()) == ("Undo", False)
    full_window.undoing.show_step(Step.PICTURES)
    assert undo_text(full_window) == "Undo leaving out 1 picture"
    settle(full_window)


def test_sorting_and_choosing_a_part(full_window):
    tools = full_window.dataset_panel._tools
    tools._orders.setCurrentIndex(tools._orders.findData("name"))
    tools._turn.click()
    wait_for(lambda: names_shown(full_window)[0] == "triangle 7.png")
    tools._splits.setCurrentIndex(tools._splits.findData("test"))
    wait_for(lambda: 0 < len(names_shown(full_window)) < 20)


def test_the_arrows_and_ctrl_a_reach_every_picture(full_window):
    grid = full_window.dataset_panel._grid
    select(full_window, 0)
    for key, row in ((Qt.Key.Key_End, 39), (Qt.Key.Key_Home, 0), (Qt.Key.Key_Down, grid._columns), (Qt.Key.Key_Up, 0)):
        QTest.keyClick(grid, key)
        assert grid.currentIndex().row() == row
        assert grid.viewport().rect().contains(grid.visualRect(grid.currentIndex()))
    QTest.keySequence(grid, QKeySequence.StandardKey.SelectAll)
    assert grid.chosen_count() == 40
    assert len(grid.chosen_ids()) == 40


@pytest.mark.parametrize("name", ["<b>bold<b> &amp; =cmd", "شجرة 🌳", "x" * 200])
def test_naughty_names_are_shown_as_they_are(window, tmp_path, name):
    root = draw_shapes(tmp_path / "shapes", 3, names=("circle", "star"))
    (root / "star").rename(root / name)
    window.dataset_panel.import_path(root)
    wait_for(lambda: name in classes_shown(window))
    settle(window)
    model = window.dataset_panel._classes
    tip = model.data(model.index(model.row_of(name)), Qt.ItemDataRole.ToolTipRole)
    assert html.escape(name) in tip or ("<" not in tip and name in tip)
    menu = window.dataset_panel._editor.make_menu()
    texts = [action.text() for action in menu.actions()[1].menu().actions()]
    assert name.replace("&", "&&") in texts
    menu.deleteLater()
    QApplication.processEvents()


def test_copies_lie_in_the_project(full_window, chooser, tmp_path):
    more = draw_shapes(tmp_path / "more", 2, seed=9, names=("star",))
    chooser.answers = [more]
    full_window.menus.import_copy.trigger()
    wait_for(lambda: classes_shown(full_window)["star"] == 10)
    kept = [Path(picture.path) for picture in full_window.project.catalogue.pictures()]
    assert sum(full_window.project.folder in path.parents for path in kept) == 2
    assert len(list(more.rglob("*.png"))) == 2


def test_the_next_group_is_on_show_once_one_is_decided(window, tmp_path):
    """The buttons speak of the pictures that are seen, and of no others."""
    root = draw_shapes(tmp_path / "shapes", 4, names=("circle", "star"))
    for number in (0, 1):
        shutil.copy(root / "circle" / f"circle {number}.png", root / "star" / f"the same {number}.png")
    window.dataset_panel.import_path(root)
    wait_for(lambda: names_shown(window))
    settle(window)
    panel = window.dataset_panel
    panel._page.remark_chosen.emit(panel._remarks.row_of("conflict"))
    wait_for(lambda: len(names_shown(window)) == 4)
    QTest.mouseClick(window.findChild(QPushButton, "one_by_one_button"), Qt.MouseButton.LeftButton)
    wait_for(lambda: len(names_shown(window)) == 2)
    grid, seen = panel._grid, names_shown(window)
    assert grid.visualRect(grid.model().index(0, 0)).top() == grid.visualRect(grid.model().index(1, 0)).top()
    QTest.mouseClick(panel._page.decision._buttons()[0], Qt.MouseButton.LeftButton)
    wait_for(lambda: not set(seen) & set(names_shown(window)) and len(names_shown(window)) == 2)
    settle(window)
    assert not set(seen) & set(names_shown(window))
    panel._tools.text.setText("no such name")
    wait_for(lambda: not names_shown(window))
    assert "“no such name”" in grid._why_empty
    settle(window)

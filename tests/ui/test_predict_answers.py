"""Answers at work: sorted, filtered, judged, explained, corrected, copied, sorted into folders."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QInputDialog, QLabel, QMenu, QPushButton, QSpinBox

from tests.ui.world import answers_of, carry, draw_shapes, draw_strangers, drop, settle, wait_for
from tlstudio.core.events import Explained, Predicted
from tlstudio.ui.drops import OWN_ANSWERS
from tlstudio.ui.predict.card import ModelCard
from tlstudio.ui.predict.models import ALL, UNKNOWN, UNREADABLE, ClassCounts, Group, Kind, Order, PredictionList
from tlstudio.ui.predict.sorting_dialog import SortingDialog
from tlstudio.ui.rail import Step

CLASSES = ("bee", "wasp")


def answer(name: str, label: str, probability: float, distance: float = 0.1, folder: str = "/nowhere") -> Predicted:
    other = CLASSES[1 - CLASSES.index(label)]
    top = ((label, probability), (other, 1 - probability))
    return Predicted(f"{folder}/{name}", True, label, probability, top, distance > 0.5, distance=distance)


SOME = (
    answer("d.png", "bee", 0.9),
    answer("a.png", "wasp", 0.6, 0.3),
    answer("c.png", "bee", 0.55, 0.9),
    answer("b.png", "wasp", 0.99),
    Predicted("/nowhere/e.png", False, error="is damaged."),
)


@pytest.fixture
def list_of_some(window):
    """The predict step with some answers about two classes, of which the third picture is a stranger's."""
    panel = window.predict_panel
    window.show_step(Step.PREDICT)
    distances = [number / 100 for number in range(101)]
    unknown = {"threshold": 0.5, "refused_at_most": 0.05, "distances": distances}
    panel.answers.show_model(CLASSES, unknown)
    for one in SOME:
        panel._take(one)
    wait_for(lambda: len(answers_of(window)) == len(SOME))
    return window


def names_shown(window) -> str:
    return "".join(Path(one.path).stem for one in window.predict_panel._predictions.shown)


def choose(window, box: str, text: str) -> None:
    found = window.findChild(QComboBox, box)
    found.setCurrentIndex(found.findText(text))


def select(window, *rows: int) -> None:
    """Click these rows, adding one to the other."""
    view = window.predict_panel.answers.list
    for row in rows:
        at = view.visualRect(view.model().index(row)).center()
        key = Qt.KeyboardModifier.ControlModifier if row != rows[0] else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, key, at)


def click(window, name: str) -> None:
    QTest.mouseClick(window.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


# The list


def test_answers_are_sorted_as_one_likes_and_strangers_come_last(list_of_some):
    for text, order in (
        ("Least sure first", "adbce"),
        ("Surest first", "bdace"),
        ("By class", "dbace"),
        ("By file name", "abcde"),
        ("As they came", "dacbe"),
    ):
        choose(list_of_some, "answer_order", text)
        assert names_shown(list_of_some) == order, text


def test_new_answers_go_where_the_order_wants_them_and_what_is_chosen_stays(list_of_some):
    choose(list_of_some, "answer_order", "Least sure first")
    select(list_of_some, 1)
    list_of_some.predict_panel.answers.append([answer("f.png", "bee", 0.7), answer("g.png", "wasp", 0.5)])
    assert names_shown(list_of_some) == "gafdbce"
    (chosen,) = list_of_some.predict_panel.answers.chosen()
    assert Path(chosen.path).stem == "d"


def test_a_class_is_chosen_beside_its_count(list_of_some):
    column = list_of_some.predict_panel.answers.column
    counts = [column.model().data(column.model().index(row), Qt.ItemDataRole.AccessibleTextRole) for row in range(5)]
    assert counts == ["All answers, 5", "Like nothing taught, 1", "Unreadable, 1", "bee, 1", "wasp, 2"]
    column.setFocus()
    for expected in ("c", "e", "d", "ab"):
        QTest.keyClick(column, Qt.Key.Key_Down)
        assert names_shown(list_of_some) == "".join(sorted(expected))
    choose(list_of_some, "answer_limit", "Below 70 %")
    assert names_shown(list_of_some) == "a"
    assert "1 of 5 answers" in list_of_some.predict_panel.answers._how_many.full_text


def test_strictness_judges_the_list_anew_without_asking_the_model(list_of_some):
    box = list_of_some.findChild(QSpinBox, "strictness_box")
    assert box.value() == 5
    cost = list_of_some.predict_panel.answers.strictness._cost
    assert cost.full_text == "of known pictures · 1 of 5 refused"
    select(list_of_some, 2)
    assert "Not like anything" in list_of_some.predict_panel._evidence.text
    box.setValue(0)  # only what is farther than everything known, 1.0, is refused
    assert list_of_some.predict_panel._predictions.counts[UNKNOWN] == 0
    assert list_of_some.predict_panel._evidence.text == "bee"
    box.setValue(50)
    assert [one.unknown for one in answers_of(list_of_some)] == [False, False, True, False, False]
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    box.setValue(5)
    assert answers_of(list_of_some) == SOME


def test_ten_thousand_answers_change_order_and_verdict_at_once(window):
    model = PredictionList()
    many = [answer(f"{n}.png", CLASSES[n % 2], 0.5 + n % 500 / 1000, n % 100 / 100) for n in range(10_000)]
    model.append(many)
    model.arrange(ALL, None, Order.LEAST_SURE)
    model.append(many[:500])
    shown = [one.probability for one in model.shown if not one.unknown]
    assert shown == sorted(shown)
    model.judge(0.2)
    assert model.counts[UNKNOWN] == sum(one.distance > 0.2 for one in [*many, *many[:500]])
    model.arrange(Group(Kind.LABEL, "bee"), 0.6, Order.ARRIVAL)
    assert {one.label for one in model.shown} == {"bee"}
    assert max(one.probability for one in model.shown) < 0.6


def test_models_of_the_answers_keep_qts_contract(qtmodeltester):
    model = PredictionList()
    counts = ClassCounts(model)
    for order in Order:
        model.clear()
        model.arrange(ALL, None, order)
        counts.show_classes(CLASSES)
        model.append(SOME)
        model.append(SOME[:2])
        model.judge(0.2)
        qtmodeltester.check(model)
        qtmodeltester.check(counts)
    model.arrange(UNREADABLE, None, Order.NAME)
    qtmodeltester.check(model)


# The card


def test_the_card_tells_what_the_model_is_before_it_is_asked(asking_window):
    card = asking_window.findChild(ModelCard)
    assert card.isVisible()
    for text in ("shapes.tlmodel", "circle (8), crescent (8)", "correct on 10 test pictures", "Apache-2.0"):
        assert text in card.text
    drop(asking_window, carry(draw_strangers(asking_window.preferences.projects_folder / "new")[0]))
    wait_for(lambda: answers_of(asking_window))
    assert not card.isVisible()
    click(asking_window, "about_model_button")
    assert card.isVisible()


def test_text_from_the_file_is_shown_as_text(window):
    name = "<b>bold</b> & " + "ß" * 200
    metrics = {"val": {"accuracy": 0.5, "interval": [0.1, 0.9], "n": 4, "split": "val"}, "test": None}
    facts = {"backbone": "<img src=x>", "classes": [name, "b"], "metrics": metrics, "train_from": "<hr>"}
    facts |= {
        "trained_on": {name: 3},
        "provenance": {"licence": "<i>x</i>", "source": "y"},
        "program": "<s>1</s>",
        "strategy": "<s>",
    }
    facts |= {"unknown": {"set_on": "<u>4</u>"}, "preprocessing": {"size": 32}, "created": "not a day"}
    card = ModelCard(window)
    card.resize(300, 400)
    card.show_model(Path("/a/<b>.tlmodel"), facts)
    assert {label.textFormat() for label in card.findChildren(QLabel)} == {Qt.TextFormat.PlainText}
    assert card.widget().minimumSizeHint().width() <= 300


# Why


def test_a_chosen_answer_is_explained_for_the_class_one_points_at(asking_window, tmp_path):
    drop(asking_window, carry(draw_strangers(tmp_path / "new")[0]))
    found: list[Explained] = []
    asking_window.predict_panel.explainer.explained.connect(found.append)
    wait_for(lambda: found)
    evidence = asking_window.predict_panel._evidence
    assert found[0].label == "circle"
    assert evidence._picture.has_heat
    assert "open the project the model was trained in" in evidence._why_bare.text()
    assert evidence._nearest.accessibleName().startswith("Nearest training pictures: circle at ")
    evidence.bars.setFocus()
    QTest.keyClick(evidence.bars, Qt.Key.Key_Down)
    wait_for(lambda: len(found) == 2)
    assert found[1].label == evidence.bars.label != "circle"


def test_the_heat_map_covers_the_picture_as_strongly_as_one_likes(asking_window, tmp_path):
    drop(asking_window, carry(draw_strangers(tmp_path / "new")[0]))
    evidence = asking_window.predict_panel._evidence
    wait_for(lambda: evidence._picture.has_heat)
    settle(asking_window)

    def drawn():
        return evidence._picture.grab().toImage()

    strong = drawn()
    evidence.opacity.setFocus()
    for _ in range(3):
        QTest.keyClick(evidence.opacity, Qt.Key.Key_PageDown)
    faint = drawn()
    QTest.keyClick(evidence.heat_box, Qt.Key.Key_Space)
    bare = drawn()
    evidence._tabs.setCurrentIndex(1)
    seen = drawn()
    assert len({image.bits().tobytes() for image in (strong, faint, bare, seen)}) == 4


def test_an_answer_is_explained_while_a_folder_is_still_being_classified(asking_window, tmp_path):
    pictures = draw_shapes(tmp_path / "many", 60, names=("circle", "star"))
    busy: list[bool] = []

    def note(_found: Explained) -> None:
        busy.append(asking_window.predict_panel.is_busy())

    asking_window.predict_panel.explainer.explained.connect(note)
    drop(asking_window, carry(pictures))
    wait_for(lambda: busy)
    assert busy == [True]
    QTest.keyClick(asking_window, Qt.Key.Key_Escape)
    settle(asking_window)


# Doing something


def test_chosen_answers_are_copied_as_text(list_of_some):
    select(list_of_some, 0, 2)
    view = list_of_some.predict_panel.answers.list
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = ["/nowhere/d.png: bee · 90.0 %", "/nowhere/c.png: Not like anything you taught me"]
    assert QGuiApplication.clipboard().text().splitlines() == lines


def drag_to_class(window, label: str) -> None:
    """Drop the selected answers on a class, as the mouse does."""
    answers = window.predict_panel.answers
    model, column = answers.predictions, answers.column
    carried = model.mimeData(answers.list.selectionModel().selectedRows())
    assert carried.hasFormat(OWN_ANSWERS)
    at = column.visualRect(column.model().index(column._counts.row_of(Group(Kind.LABEL, label)))).center()
    press = carried, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for event in (
        QDragEnterEvent(at, Qt.DropAction.CopyAction, *press),
        QDragMoveEvent(at, Qt.DropAction.CopyAction, *press),
        QDropEvent(QPointF(at), Qt.DropAction.CopyAction, *press),
    ):
        QApplication.sendEvent(column.viewport(), event)
        assert event.isAccepted()


def test_a_wrong_answer_dragged_on_its_class_joins_the_project_until_undone(full_window, tmp_path):
    panel, dataset = full_window.predict_panel, full_window.dataset_panel
    strangers = draw_strangers(tmp_path / "new")[:2]
    full_window.show_step(Step.PREDICT)
    panel.answers.show_model(("circle", "star"), None)
    for path in strangers:
        panel._take(Predicted(str(path), True, "circle", 0.9, (("circle", 0.9), ("star", 0.1))))
    wait_for(lambda: len(answers_of(full_window)) == 2)
    select(full_window, 0, 1)
    before = len(dataset._pictures)
    drag_to_class(full_window, "star")
    wait_for(lambda: len(dataset._pictures) == before + 2)
    joined = {picture.path: picture.label for picture in full_window.project.catalogue.pictures()}
    assert [joined[str(path)] for path in strangers] == ["star", "star"]
    assert "Added 2 pictures as class star." in full_window.message_bar.text
    at = panel._predictions.index(0)
    assert "you said: star" in panel._predictions.data(at, Qt.ItemDataRole.AccessibleTextRole)
    click(full_window, "undo_button")
    wait_for(lambda: len(dataset._pictures) == before)
    assert "you said" not in panel._predictions.data(at, Qt.ItemDataRole.AccessibleTextRole)
    settle(full_window)


def test_without_a_project_a_correction_says_what_to_do(list_of_some):
    select(list_of_some, 0)
    drag_to_class(list_of_some, "wasp")
    assert "no project that the picture could join" in list_of_some.message_bar.text
    assert list_of_some.findChild(QPushButton, "open_project_button").isVisible()


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_keyboard_corrects_too_and_can_name_a_new_class(list_of_some):
    corrected = []
    panel = list_of_some.predict_panel
    panel.corrected.connect(lambda paths, label: corrected.append((paths, label)))
    select(list_of_some, 1)
    place = QPoint(5, 5)
    QApplication.sendEvent(panel.answers.list, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, place, place))
    classes = panel.answers.findChild(QMenu, "class_menu")
    assert [action.text() for action in classes.actions() if action.text()] == ["bee", "wasp", "Another class…"]
    classes.actions()[0].trigger()
    classes.actions()[-1].trigger()
    classes.parent().close()
    dialog = panel.answers.findChild(QInputDialog)
    QTest.keyClicks(dialog.focusWidget(), "hornet")
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert corrected == [(["/nowhere/a.png"], "bee"), (["/nowhere/a.png"], "hornet")]


def test_copies_are_sorted_into_folders_and_taken_back(window, chooser, tmp_path):
    panel = window.predict_panel
    window.show_step(Step.PREDICT)
    panel.answers.show_model(CLASSES, None)
    paths = draw_strangers(tmp_path / "new")[:4]
    given = [path.read_bytes() for path in paths]
    for path, one in zip(paths, SOME, strict=False):
        panel._take(answer(path.name, one.label, one.probability, one.distance, str(path.parent)))
    wait_for(lambda: len(answers_of(window)) == 4)
    click(window, "sort_button")
    dialog = window.findChild(SortingDialog)
    assert not dialog.copy_button.isEnabled()
    chooser.answers = [tmp_path / "sorted"]
    QTest.mouseClick(dialog.findChild(QPushButton, "sorting_folder_button"), Qt.MouseButton.LeftButton)
    wait_for(dialog.copy_button.isEnabled)
    plan = {dialog._table.item(row, 0).text(): dialog._table.item(row, 1).text() for row in range(3)}
    assert plan == {"_unsure: to be looked through by hand": "2", "bee": "1", "wasp": "1"}
    assert not (tmp_path / "sorted").exists()
    QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: "Copied 4 pictures" in window.message_bar.text)
    assert (tmp_path / "sorted" / "bee" / paths[0].name).read_bytes() == given[0]
    assert window.undoing.undo.text() == "Undo sorting copies into folders"
    assert window.menus.undo_sorting.isEnabled()
    window.undoing.undo.trigger()
    wait_for(lambda: "Removed 4 copied pictures again." in window.message_bar.text)
    assert not window.menus.undo_sorting.isEnabled() and not window.undoing.undo.isEnabled()
    assert not (tmp_path / "sorted").exists()
    assert [path.read_bytes() for path in paths] == given
    settle(window)

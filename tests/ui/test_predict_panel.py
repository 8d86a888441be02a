"""Pictures in, answers out: labels, strangers, broken files, tables, models without a project."""

import csv
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QTableView

from tests.ui.world import answers_of, carry, draw_shapes, draw_strangers, drop, hover, settle, wait_for
from tlstudio.core.events import Predicted
from tlstudio.tasks import predicting
from tlstudio.ui.predict.models import PredictionList, percent, verdict
from tlstudio.ui.rail import Step


def test_a_model_opens_without_a_project_and_says_how_good_it_is(asking_window):
    assert asking_window.project is None
    assert asking_window.step == Step.PREDICT
    card = asking_window.predict_panel._card.full_text
    assert card.startswith("EfficientNet-Lite0 · 5 classes · ")
    assert "correct on 10 test pictures (95 % interval" in card
    assert asking_window.rail.summary(Step.PREDICT) == "ready: drop pictures"


def test_a_model_and_a_picture_as_arguments_give_an_answer(window, shapes_model, tmp_path):
    window.incoming.open_paths((shapes_model, draw_strangers(tmp_path / "new")[0]))
    wait_for(lambda: answers_of(window))
    assert answers_of(window)[0].label == "circle"
    assert window.step == Step.PREDICT
    assert window.rail.summary(Step.TRAINING) == "needs pictures"
    settle(window)


def test_without_a_project_there_are_two_places_to_drop_on_the_pictures(asking_window, tmp_path):
    asking_window.show_step(Step.PICTURES)
    place = QPoint(asking_window.width() - 100, 400)
    drop(asking_window, carry(draw_strangers(tmp_path / "new")[0]), place)
    wait_for(lambda: answers_of(asking_window))
    assert asking_window.step == Step.PREDICT
    settle(asking_window)


def test_dropped_pictures_are_answered_in_order(asking_window, tmp_path):
    paths = draw_strangers(tmp_path / "new")
    assert drop(asking_window, carry(*paths))
    wait_for(lambda: len(answers_of(asking_window)) == len(paths))
    answers = answers_of(asking_window)
    assert [Path(answer.path) for answer in answers] == paths
    assert answers[0].label == "circle"
    assert not answers[-1].ok
    assert "is damaged" in answers[-1].error
    view = asking_window.findChild(QTableView, "prediction_list")
    assert view.model().rowCount() == 12
    assert asking_window.rail.summary(Step.PREDICT) == "12 answers"
    # The first is chosen by itself; the arrow key shows the evidence of the next.
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_End)
    assert "No answer" in asking_window.predict_panel._evidence.text


def test_a_stranger_is_not_given_a_label(asking_window, tmp_path):
    noise = draw_strangers(tmp_path / "new")[-2]
    drop(asking_window, carry(noise))
    wait_for(lambda: answers_of(asking_window))
    (answer,) = answers_of(asking_window)
    assert answer.unknown
    assert verdict(answer) == "Not like anything you taught me"
    settle(asking_window)
    evidence = asking_window.predict_panel._evidence
    assert "Not like anything you taught me" in evidence.text
    # No share beside it: how sure the model is of a class that it is not would only mislead.
    nearest = [evidence.bars.model().index(row).data() for row in range(evidence.bars.model().rowCount())]
    assert nearest == [label for label, _ in answer.top[:3]]
    assert "%" not in evidence.text


def test_the_model_is_loaded_once(asking_window, tmp_path, monkeypatch):
    loads = []
    monkeypatch.setattr(predicting, "_open_model", lambda *arguments: loads.append(arguments))
    for number in range(3):
        drop(asking_window, carry(draw_strangers(tmp_path / str(number))[0]))
        wait_for(lambda wanted=number + 1: len(answers_of(asking_window)) == wanted)
    assert loads == []


def test_answers_are_saved_as_a_table(asking_window, chooser, tmp_path):
    paths = draw_strangers(tmp_path / "new")
    button = asking_window.findChild(QPushButton, "export_csv_button")
    assert not button.isEnabled()
    assert "no answers" in button.toolTip()
    drop(asking_window, carry(*paths))
    wait_for(lambda: len(answers_of(asking_window)) == len(paths))
    settle(asking_window)
    chooser.answers = [tmp_path / "answers.csv"]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_for(lambda: "Saved 12 answers" in asking_window.message_bar.text)
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert rows[0]["label"] == "circle"
    assert 0.5 < float(rows[0]["probability"]) <= 1
    assert rows[-1]["error"]


def test_pasted_files_and_pixels_are_classified(asking_window, tmp_path):
    circle = draw_strangers(tmp_path / "new")[0]
    QGuiApplication.clipboard().setMimeData(carry(circle))
    QTest.keyClick(asking_window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: len(answers_of(asking_window)) == 1)
    QGuiApplication.clipboard().setImage(QImage(str(circle)))
    QTest.keyClick(asking_window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: len(answers_of(asking_window)) == 2)
    QGuiApplication.clipboard().setText(f"{circle}\nfile://{circle}\n")
    QTest.keyClick(asking_window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_for(lambda: len(answers_of(asking_window)) == 4)
    assert {answer.label for answer in answers_of(asking_window)} == {"circle"}
    assert Path(answers_of(asking_window)[1].path).name.startswith("pasted picture")


def test_what_a_browser_drags_is_classified_and_its_address_left_alone(asking_window, tmp_path):
    given = QMimeData()
    given.setData("text/uri-list", b"http://127.0.0.1:9/circle.png\r\n")
    given.setData("application/octet-stream", draw_strangers(tmp_path / "new")[0].read_bytes())
    drop(asking_window, given)
    wait_for(lambda: answers_of(asking_window))
    assert answers_of(asking_window)[0].label == "circle"


def test_a_folder_is_classified_and_can_be_stopped(asking_window, tmp_path):
    drop(asking_window, carry(draw_shapes(tmp_path / "many", 100, names=("circle", "star"))))
    wait_for(lambda: asking_window.menus.stop.isEnabled())
    QTest.keyClick(asking_window, Qt.Key.Key_Escape)
    settle(asking_window)
    assert len(answers_of(asking_window)) < 200
    assert asking_window.status.text == "Ready"


def test_classifying_shows_how_far_it_is_and_saves_only_when_done(asking_window, tmp_path):
    pictures = draw_shapes(tmp_path / "many", 60, names=("circle", "star"))
    drop(asking_window, carry(pictures))
    wait_for(lambda: answers_of(asking_window))
    assert "Classifying pictures … " in asking_window.status.text
    assert asking_window.status.text.endswith(" of 120")
    assert asking_window.status._cancel.isVisible()
    button = asking_window.findChild(QPushButton, "export_csv_button")
    assert not button.isEnabled()
    assert "still to come" in button.toolTip()
    settle(asking_window)
    assert button.isEnabled()
    assert len(answers_of(asking_window)) == 120


def test_clear_stops_what_runs(asking_window, tmp_path):
    pictures = draw_shapes(tmp_path / "many", 100, names=("circle", "star"))
    drop(asking_window, carry(pictures))
    wait_for(lambda: answers_of(asking_window))
    assert asking_window.predict_panel.is_busy()
    QTest.mouseClick(asking_window.findChild(QPushButton, "clear_button"), Qt.MouseButton.LeftButton)
    assert answers_of(asking_window) == ()
    one = draw_strangers(tmp_path / "new")[0]
    drop(asking_window, carry(one))
    wait_for(lambda: answers_of(asking_window))
    settle(asking_window)
    assert [Path(answer.path) for answer in answers_of(asking_window)] == [one]


def test_dropping_on_training_asks_which_of_two_things_is_meant(asking_window, tmp_path):
    asking_window.show_step(Step.TRAINING)
    more = draw_shapes(tmp_path / "more", 2, seed=5)
    left = QPoint(asking_window.rail.width() + 100, 400)
    assert hover(asking_window, carry(more), left)
    assert asking_window.dragging.overlay.texts == ("Add to the pictures", "Classify")
    drop(asking_window, carry(more), left)
    wait_for(lambda: len(asking_window.dataset_panel._pictures) == 10)
    assert asking_window.step == Step.PICTURES
    assert asking_window.predict_panel.has_model()


def test_without_a_model_one_sentence_says_what_is_missing(window, tmp_path):
    window.show_step(Step.PREDICT)
    drop(window, carry(draw_strangers(tmp_path / "new")[0]))
    wait_for(lambda: window.message_bar.text)
    assert "no model to ask yet" in window.message_bar.text
    assert "Train one first" in window.message_bar.text


def test_a_broken_model_is_refused_and_the_old_one_stays(asking_window, tmp_path):
    broken = tmp_path / "broken.tlmodel"
    broken.write_bytes(b"no model")
    before = asking_window.predict_panel._model
    assert hover(asking_window, carry(broken), asking_window.rect().center())
    assert asking_window.dragging.overlay.texts == ("Open this model",)
    drop(asking_window, carry(broken))
    wait_for(lambda: "broken.tlmodel: is not a TL Studio model" in asking_window.message_bar.text)
    settle(asking_window)
    assert asking_window.predict_panel._model is before
    drop(asking_window, carry(draw_strangers(tmp_path / "new")[0]))
    wait_for(lambda: answers_of(asking_window))


def test_ten_thousand_answers_are_listed_without_strain(window, qtbot):
    panel = window.predict_panel
    window.show_step(Step.PREDICT)
    top = (("circle", 0.9), ("star", 0.1))
    for number in range(10_000):
        panel._take(Predicted(f"/nowhere/{number}.png", True, "circle", 0.9, top))
    wait_for(lambda: panel._predictions.rowCount() == 10_000, 10)
    settle(window)
    view = window.findChild(QTableView, "prediction_list")
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    settle(window)
    assert panel.answers.list.thumbnails.decoded < 100


def test_prediction_list_keeps_qts_contract(qtmodeltester):
    model = PredictionList()
    qtmodeltester.check(model)
    model.append([Predicted("/a.png", True, "circle", 0.5, (("circle", 0.5),)), Predicted("/b.png", False, error="x")])
    qtmodeltester.check(model)
    model.clear()
    qtmodeltester.check(model)


def test_a_probability_is_never_rounded_up_to_certainty():
    assert percent(0.9999) == "99.9 %"
    assert percent(1) == "100.0 %"


def test_a_folder_without_pictures_is_not_met_with_silence(asking_window, tmp_path):
    folder = tmp_path / "nothing in it"
    folder.mkdir()
    assert drop(asking_window.predict_panel, carry(folder))
    wait_for(lambda: asking_window.message_bar.text)
    assert f"There are no pictures in {folder}" in asking_window.message_bar.text


def test_pictures_that_came_before_the_model_was_loaded_are_not_met_with_silence(window, shapes_model, tmp_path):
    drop_area = window.predict_panel._drop
    window.predict_panel.open_model(shapes_model)
    assert drop_area._invitation.text() == "Drop pictures or a folder here"
    window.predict_panel.classify(draw_strangers(tmp_path / "new")[:1])
    assert drop_area._invitation.text() == "One moment: your pictures are next"
    wait_for(lambda: answers_of(window))
    assert drop_area._invitation.text() == "Drop more pictures here"


def test_a_picture_that_is_gone_by_now_says_so_and_is_explained_once_it_is_back(asking_window, tmp_path):
    first, second = draw_strangers(tmp_path / "new")[:2]
    panel = asking_window.predict_panel
    assert drop(panel, carry(first, second))
    wait_for(lambda: len(answers_of(asking_window)) == 2)
    settle(asking_window)
    second.rename(tmp_path / "elsewhere.png")
    panel.answers.list.setCurrentIndex(panel._predictions.index(1))
    wait_for(lambda: "Check that it is still there" in panel._evidence.text)
    assert not panel._evidence.heat_box.isEnabled()
    (tmp_path / "elsewhere.png").rename(second)
    for row in (0, 1):
        panel.answers.list.setCurrentIndex(panel._predictions.index(row))
        settle(asking_window)
    assert "Check that it is still there" not in panel._evidence.text
    assert panel._evidence.heat_box.isEnabled()

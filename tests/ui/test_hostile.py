"""Hostile files in the window: a message names each, and the window goes on."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from tests import hostile
from tests.ui.world import answers_of, carry, drop, settle, wait_for
from tlstudio.core.events import Predicted
from tlstudio.ui.rail import Step

DROPPED = (
    *("pickle as torch saves it", "header of empty tables", "overlap", "not a number", "cut short", "empty", "json"),
    *(
        "metrics accuracy",
        "metrics interval",
        "provenance lines",
        "classes control",
        "100,000 classes",
        "created early",
    ),
    *("pipe", "device without end", "link to itself", "link to nothing", "terabyte, sparse", "folder", "schema text"),
)
BY_OTHER_WAYS = ("pickle", "digest of another", "trained_on list", "link to a pipe")


def named(files: list[Path], names: tuple[str, ...]) -> list[Path]:
    found = {path.stem: path for path in files if path.suffix == ".tlmodel"}
    return [found[name] for name in names]


def test_a_message_names_each_and_the_window_goes_on(window, chooser, hostile_files, tmp_path):
    for path in named(hostile_files, DROPPED):
        drop(window, carry(path))
        wait_for(lambda path=path: path.name in window.message_bar.text)
        assert not window.predict_panel.has_model()
    for path in named(hostile_files, BY_OTHER_WAYS[:2]):
        chooser.answers = [path]
        window.incoming.choose_model()
        wait_for(lambda path=path: path.name in window.message_bar.text)
    for path in named(hostile_files, BY_OTHER_WAYS[2:]):
        window.incoming.open_paths((path,))
        wait_for(lambda path=path: path.name in window.message_bar.text)
    good = hostile.write_good(tmp_path / "good.tlmodel")
    drop(window, carry(good))
    wait_for(lambda: window.predict_panel._model)
    settle(window)
    assert window.step == Step.PREDICT


def test_names_in_a_model_are_shown_as_they_are(window, tmp_path):
    broken = tmp_path / "<b>broken.tlmodel"
    broken.write_bytes(b"no model")
    drop(window, carry(broken))
    wait_for(lambda: broken.name in window.message_bar.text)
    assert "&lt;b&gt;broken" in window.message_bar._what.toolTip()
    names = ["<h1>ant</h1>", "=1+1", "../cow"]
    model = hostile.write_good(tmp_path / "<b>odd.tlmodel", classes=names, trained_on={})
    drop(window, carry(model))
    wait_for(lambda: window.predict_panel._model)
    settle(window)
    shown = [label for label in window.findChildren(QLabel) if "<h1>ant" in label.text() or "<b>odd" in label.text()]
    assert shown
    assert {label.textFormat() for label in shown} == {Qt.TextFormat.PlainText}
    panel = window.predict_panel
    panel._take(Predicted("/a/<b>odd.png", True, names[0], 0.9, ((names[0], 0.9), (names[1], 0.1))))
    wait_for(lambda: answers_of(window))
    answers, column, bars = panel.answers.predictions, panel.answers.column.model(), panel._evidence.bars.model()
    for at in (answers.index(0), column.index(3), bars.index(0)):
        tip = at.data(Qt.ItemDataRole.ToolTipRole)
        assert tip.startswith("<qt>")
        assert "&lt;h1&gt;ant&lt;/h1&gt;" in tip
    settle(window)

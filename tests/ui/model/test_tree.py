"""The tree of layers as a tool: search, copy, menu, keyboard, and what a run did."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.model.rows import CLASSES, PICTURES, RESNET_STAGES, choose, find, shown
from tests.ui.world import settle
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.recipe import make_recipe
from tlstudio.ui.model.layer_model import Column, LayerModel
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.rail import Step


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_tree_opens_in_a_moment(qtbot, outlines, backbone):
    panel = ModelPanel()
    qtbot.addWidget(panel)
    panel.outlines.take(outlines[backbone])
    panel.show_pictures(CLASSES, PICTURES)
    panel.show()
    at = panel.backbone_box.findData(backbone)
    panel.backbone_box.setCurrentIndex(at - 1 if at else 1)  # its neighbour, so that one key leads there
    started = time.thread_time()  # of the window's own thread, so that a busy computer does not count
    choose(panel.backbone_box, backbone)
    panel.tree.repaint()
    assert time.thread_time() - started < 0.2
    panel.shut_down()


@pytest.mark.parametrize("backbone", ["resnet18", "vit_b_16"])
def test_the_models_keep_qts_rules(qtmodeltester, outlines, backbone):
    model = LayerModel()
    model.show_outline(outlines[backbone].stages, make_recipe(backbone, "fine-tune-last").phases[-1])
    model.show_outline(outlines[backbone].stages, make_recipe(backbone, "fine-tune-all").phases[-1])
    qtmodeltester.check(model)


def visible(tree) -> list[str]:
    """Names of the rows that are to be seen, without the indentation."""
    return [row[0].strip() for row in tree.rows_as_text()[1:]]


def test_search_opens_what_matches_and_enter_goes_on(qtbot, resnet):
    search, tree = resnet.pane.search, resnet.tree
    resnet.begin_search()
    QTest.keyClicks(search, "3x3 256->256")
    assert resnet.pane.found.text() == "3 found"
    assert visible(tree) == ["layer3", "layer3.0", "layer3.0.conv2", "layer3.1", "layer3.1.conv1", "layer3.1.conv2"]
    stops = []
    for _ in range(4):
        stops.append(tree.layers().name(tree.currentIndex()))
        QTest.keyClick(search, Qt.Key.Key_Return)
    assert stops == ["layer3.0.conv2", "layer3.1.conv1", "layer3.1.conv2", "layer3.0.conv2"]
    QTest.keyClick(search, Qt.Key.Key_Escape)
    assert (search.text(), resnet.pane.found.text()) == ("", "")
    assert set(RESNET_STAGES) <= set(visible(tree))
    assert "layer3.0.conv2" not in visible(tree)  # what it opened is closed again
    assert tree.layers().name(tree.currentIndex()) == "layer3.1.conv1" and "layer3.1.conv1" in visible(tree)
    QTest.keyClicks(search, "stem conv")  # the stage, and what is in it
    assert resnet.pane.found.text() == "1 found"
    search.clear()
    QTest.keyClicks(search, "no such layer")
    assert visible(tree) == []


def test_only_what_learns_is_shown_when_that_is_wanted(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    QTest.mouseClick(resnet.pane.only_learning, Qt.MouseButton.LeftButton)
    assert visible(resnet.tree) == ["layer4", "head"]
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Left)  # it follows the recipe
    assert visible(resnet.tree) == ["layer3", "layer4", "head"]
    QTest.mouseClick(resnet.pane.only_learning, Qt.MouseButton.LeftButton)
    assert visible(resnet.tree)[0] == "stem"


def test_what_is_to_be_seen_can_be_copied(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    tree = resnet.tree
    tree.expand(find(tree.layers(), "stem"))
    tree.setFocus()
    QTest.keyClick(tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("  ")[0] == "Stage or layer"
    assert lines[2].startswith("  conv1") and lines[2].endswith("Conv2d 7×7, 3→64, stride 2")
    assert {line[lines[0].index("Output") - 1] for line in lines} == {" "}  # columns stand below each other
    (as_table,) = [action for action in tree.menu_at(tree.currentIndex()).actions() if "table" in action.text()]
    as_table.trigger()
    table = [line.split("\t") for line in QApplication.clipboard().text().splitlines()]
    assert {len(row) for row in table} == {7}
    assert table[1][:5] == ["stem", "64 × 56 × 56", "9,536", "frozen", "–"]


def test_the_menu_of_a_row_freezes_and_lets_learn(qtbot, resnet):
    tree = resnet.tree

    def do(name: str, what: str) -> None:
        (action,) = [a for a in tree.menu_at(find(tree.layers(), name)).actions() if a.text().startswith(what)]
        assert action.isEnabled()
        action.trigger()

    do("layer2.0", "Let it learn")
    assert resnet.recipe().phases[-1].train_from == "layer2"
    do("layer4.1.conv1", "Freeze up to “layer4”")
    assert resnet.recipe().phases[-1].train_from == "head"
    do("layer2.0", "Freeze up to “layer2”")
    assert resnet.recipe().phases[-1].train_from == "layer3"
    do("layer4.1", "Freeze it")
    assert resnet.recipe().phases[-1].frozen == ("layer4.1",)
    with qtbot.waitSignal(resnet.seeing_wanted) as wanted:
        do("layer4.1.conv1", "What “layer4” sees")
    assert wanted.args == ["layer4"]
    actions = {a.text(): a.isEnabled() for a in tree.menu_at(find(tree.layers(), "head")).actions()}
    assert not actions["Freeze up to “head”"]


def test_after_a_run_the_tree_says_what_moved_and_whether_the_seal_holds(qtbot, resnet):
    tree = resnet.tree
    assert tree.isColumnHidden(Column.MOVED)
    movement = {"layer4.1.conv1": 0.02, "layer4.1.conv2": 0.04, "layer4.1.bn1": 0.0004, "fc": 3.5}
    stages = {
        "layer3": {"intact": True, "drift": 0.0, "layers": {"layer3.0.bn1": 0.0}},
        "layer4": {"intact": False, "drift": 0.25, "layers": {"layer4.1.bn1": 0.25}},
    }
    seal = {"intact": False, "stages": stages, "since": {"phase": 2, "epoch": 1}}
    report = {"movement": movement, "seal": seal}
    recipe = resnet.recipe()
    resnet.show_run_report(recipe, report)
    assert not tree.isColumnHidden(Column.MOVED)
    assert shown(resnet, "layer4.1.conv2", Column.MOVED) == "4.0 %"
    assert shown(resnet, "layer4.1.bn1", Column.MOVED) == "0.04 %"
    assert shown(resnet, "layer4.1", Column.MOVED) == shown(resnet, "layer4", Column.MOVED) == "3.0 %"
    assert shown(resnet, "head", Column.MOVED) == "350.0 %"
    assert shown(resnet, "layer3", Column.BATCHNORM) == "frozen · ✓"
    assert shown(resnet, "layer4.1.bn1", Column.BATCHNORM) == "frozen · ✗ 0.25 σ"
    why = find(tree.layers(), "layer4", Column.BATCHNORM).data(Qt.ItemDataRole.ToolTipRole)
    assert "0.25 standard deviations" in why and "phase 2, epoch 1" in why
    with qtbot.waitSignal(resnet.why_wanted):
        QTest.mouseClick(resnet.pane.why_button, Qt.MouseButton.LeftButton)
    choose(resnet.backbone_box, "resnet50")  # of whose layers it says nothing
    assert tree.isColumnHidden(Column.MOVED) and resnet.pane.why_button.isHidden()
    choose(resnet.backbone_box, "resnet18")
    assert not tree.isColumnHidden(Column.MOVED)
    resnet.show_run_report(None, None)
    assert tree.isColumnHidden(Column.MOVED)


def test_all_can_be_done_with_the_keyboard(resnet):
    resnet.begin_search()
    QTest.keyClicks(resnet.pane.search, "layer4.1 basicblock")
    QTest.keyClick(resnet.pane.search, Qt.Key.Key_Down)
    tree = resnet.tree
    assert tree.hasFocus() and tree.layers().name(tree.currentIndex()) == "layer4.1"
    QTest.keyClick(tree, Qt.Key.Key_Space)
    assert resnet.recipe().phases[-1].train_from == "layer4"
    assert resnet.recipe().phases[-1].frozen == ("layer4.0",)
    QTest.keyClick(tree, Qt.Key.Key_Right)  # into it: the search has opened it
    assert tree.layers().name(tree.currentIndex()) == "layer4.1.conv1"
    QTest.keyClick(tree, Qt.Key.Key_Space)
    assert resnet.recipe().phases[-1].frozen == ("layer4.0", "layer4.1.conv1")


def test_ctrl_f_searches_among_the_layers_in_the_network_step(full_window):
    full_window.show_step(Step.NETWORK)
    full_window.menus.find_wanted.emit()
    assert full_window.model_panel.pane.search.hasFocus()
    assert full_window.step == Step.NETWORK
    settle(full_window)

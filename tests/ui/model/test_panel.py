"""The network panel: presets, slider and fields show and edit one recipe."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QStyleOptionComboBox

from tests.ui.model.rows import CLASSES, RESNET_STAGES, choose, find, shown
from tests.ui.uichecks import complaints
from tests.ui.world import settle
from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.estimate import Measured
from tlstudio.core.events import WeightsFound
from tlstudio.core.project import Project
from tlstudio.core.recipe import STRATEGIES, Changes, Recipe, make_recipe
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import ElidedBox
from tlstudio.ui.model.layer_model import Column
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.model.rate_box import RateBox
from tlstudio.ui.rail import Step


def test_the_layers_are_looked_up_in_the_background(qtbot):
    panel = ModelPanel()
    qtbot.addWidget(panel)
    panel.show()
    assert panel.summary.text() == "Looking at the layers…"
    assert shown(panel, "stem", Column.LEARNED) == "edges, corners, colour gradients · highly universal"
    assert shown(panel, "stem", Column.PARAMETERS) == "–"
    qtbot.waitUntil(lambda: shown(panel, "stem", Column.PARAMETERS) == "928", timeout=60_000)
    assert panel.summary.text().startswith("2,562 of 3,373,570 learn")
    panel.shut_down()


def test_the_tree_shows_resnet18s_figures(resnet):
    for stage, parameters in RESNET_STAGES.items():
        assert shown(resnet, stage, Column.PARAMETERS) == figures.count(parameters)
    assert shown(resnet, "layer2", Column.SHAPE) == "128 × 28 × 28"
    assert shown(resnet, "layer4.0", Column.PARAMETERS) == "3,673,088"
    assert resnet.summary.text().startswith("2,565 of 11,179,077 learn (0.02 %) · about ")


def test_the_slider_counts_what_learns_at_each_stage(resnet):
    stages = list(RESNET_STAGES)
    resnet.freeze.slider.setFocus()
    for position in reversed(range(len(stages))):
        assert resnet.freeze.slider.value() == position
        learns = sum(RESNET_STAGES[name] for name in stages[position:])
        assert resnet.summary.text().startswith(f"{figures.count(learns)} of 11,179,077 learn")
        assert resnet.recipe().phases[-1].train_from == stages[position]
        for name in stages:
            expected = "learns" if stages.index(name) >= position else "frozen"
            assert shown(resnet, name, Column.LEARNS) == expected
        QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Left)
    assert resnet.strategy_box.currentData() == "fine-tune-all"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_tree_and_slider_follow_the_strategy(resnet, strategy):
    choose(resnet.strategy_box, strategy)
    recipe = make_recipe("resnet18", strategy)
    assert resnet.recipe() == recipe
    cut = recipe.phases[-1].train_from
    names = list(RESNET_STAGES)
    assert names[resnet.freeze.slider.value()] == cut
    assert [shown(resnet, name, Column.LEARNS) for name in names] == [
        "learns" if names.index(name) >= names.index(cut) else "frozen" for name in names
    ]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rates_and_counts_are_those_of_the_optimiser(panel, sketches, backbone, strategy):
    import torch

    from tlstudio.engine.training import _parameter_groups

    choose(panel.backbone_box, backbone)
    choose(panel.strategy_box, strategy)
    recipe, network = panel.recipe(), sketches[backbone]
    network.prepare(recipe.phases[-1])
    optimizer = torch.optim.AdamW(_parameter_groups(network, recipe.phases[-1], recipe.weight_decay))
    rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    found = {}
    for stage in BACKBONES[backbone].stages:
        rates = {rate_of[id(p)] for p in network.stages[stage.name].parameters() if id(p) in rate_of}
        assert shown(panel, stage.name, Column.RATE) == (figures.rate(*rates) if rates else "–")
        found |= {stage.rate: rates} if rates else {}
    learn = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    total = sum(p.numel() for p in network.model.parameters())
    assert panel.summary.text().startswith(f"{figures.count(learn)} of {figures.count(total)} learn")
    if strategy == "fine-tune-layered":
        assert found == {"early": {1e-5}, "late": {1e-4}, "head": {1e-3}}


def test_ticking_something_earlier_moves_the_cut_and_lists_what_stays(resnet):
    tree = resnet.tree
    tree.setFocus()
    tree.setCurrentIndex(find(tree.layers(), "layer2"))
    QTest.keyClick(tree, Qt.Key.Key_Space)
    last = resnet.recipe().phases[-1]
    assert (last.train_from, last.frozen) == ("layer2", ("layer3", "layer4"))
    assert resnet.strategy_box.currentData() == "fine-tune-last"
    assert resnet.freeze.slider.value() == 2
    assert shown(resnet, "layer3", Column.LEARNS) == "frozen"
    assert resnet.summary.text().startswith(f"{figures.count(525_568 + 2_565)} of")


def test_unticking_a_layer_with_the_mouse_freezes_it_inside_the_tail(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    tree = resnet.tree
    tree.expandAll()
    box = find(tree.layers(), "layer4.0.conv1", Column.LEARNS)
    tree.scrollTo(box)
    place = tree.visualRect(box)
    QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place.left() + 13, place.center().y()))
    assert resnet.recipe().phases[-1].frozen == ("layer4.0.conv1",)
    assert shown(resnet, "layer4", Column.LEARNS) == "in part"
    assert shown(resnet, "layer4.0.conv1", Column.RATE) == "–"
    state = find(tree.layers(), "layer4.0", Column.LEARNS).data(Qt.ItemDataRole.CheckStateRole)
    assert Qt.CheckState(state) == Qt.CheckState.PartiallyChecked
    tree.setCurrentIndex(find(tree.layers(), "layer4"))
    QTest.keyClick(tree, Qt.Key.Key_Space)
    assert resnet.recipe().phases[-1].frozen == ()


def test_the_last_thing_that_learns_cannot_be_unticked(resnet):
    box = find(resnet.tree.layers(), "head", Column.LEARNS)
    assert not box.flags() & Qt.ItemFlag.ItemIsUserCheckable
    assert "Something has to learn" in box.data(Qt.ItemDataRole.ToolTipRole)


def test_random_weights_are_not_frozen(resnet):
    choose(resnet.strategy_box, "from-scratch")
    assert not resnet.freeze.slider.isEnabled()
    assert "Random weights" in resnet.freeze.slider.toolTip()
    box = find(resnet.tree.layers(), "layer1", Column.LEARNS)
    assert not box.flags() & Qt.ItemFlag.ItemIsUserCheckable
    assert shown(resnet, "layer1", Column.BATCHNORM) == "adaptive"


def test_frozen_batchnorm_is_shown_and_counted(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    choose(resnet.form.batchnorm, "frozen")
    assert resnet.recipe().phases[-1].bn == "frozen"
    assert shown(resnet, "layer4.0.bn1", Column.LEARNS) == "frozen"
    assert shown(resnet, "layer4", Column.LEARNS) == "learns"
    assert shown(resnet, "layer4", Column.BATCHNORM) == "frozen"
    batchnorms = 5 * 512 * 2
    assert resnet.summary.text().startswith(figures.count(8_393_728 + 2_565 - batchnorms))


def test_every_edit_can_be_undone_and_done_again(resnet, qtbot):
    start, steps = resnet.recipe(), resnet.undo_stack.count()
    choose(resnet.strategy_box, "fine-tune-layered")
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Right)
    resnet.tree.setCurrentIndex(find(resnet.tree.layers(), "layer3"))
    QTest.keyClick(resnet.tree, Qt.Key.Key_Space)
    resnet.form.epochs.setFocus()
    QTest.keyClick(resnet.form.epochs, Qt.Key.Key_Up)
    choose(resnet.domain_box, "different")
    end = resnet.recipe()
    assert end.phases[-1].frozen == ("layer3",)
    seen = []
    resnet.recipe_changed.connect(seen.append)
    while resnet.undo_stack.index() > steps:
        resnet.undo_stack.undo()
    assert resnet.recipe() == start
    while resnet.undo_stack.canRedo():
        resnet.undo_stack.redo()
    assert resnet.recipe() == end
    assert seen[-1] == end


def test_one_drag_of_the_slider_is_one_step_to_undo(resnet):
    slider, steps = resnet.freeze.slider, resnet.undo_stack.count()
    start = resnet.recipe()
    y = slider.height() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 8, y))
    for x in range(slider.width() - 8, 8, -slider.width() // 12):
        QTest.mouseMove(slider, QPoint(x, y))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(8, y))
    assert resnet.recipe().phases[-1].train_from in ("stem", "layer1")
    assert resnet.undo_stack.count() == steps + 1
    resnet.undo_stack.undo()
    assert resnet.recipe() == start


def test_back_to_preset_is_offered_once_something_was_changed(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    assert resnet.reset_button.isHidden()
    resnet.form.warm_up.setFocus()
    QTest.keyClick(resnet.form.warm_up, Qt.Key.Key_Up)
    assert not resnet.reset_button.isHidden()
    QTest.mouseClick(resnet.reset_button, Qt.MouseButton.LeftButton)
    assert resnet.recipe() == make_recipe("resnet18", "fine-tune-last")


@pytest.mark.parametrize("missing", [False, True])
def test_back_to_preset_moves_no_row(qtbot, resnet, missing):
    qtbot.waitUntil(lambda: not resnet.choices.is_looking_for_weights(), timeout=20_000)
    if not missing:
        resnet.choices.without_weights.clear()
    choose(resnet.strategy_box, "fine-tune-last")
    QApplication.processEvents()
    before = resnet.freeze.y(), resnet.tree.y(), resnet.form.y()
    resnet.form.warm_up.setFocus()
    QTest.keyClick(resnet.form.warm_up, Qt.Key.Key_Up)
    QApplication.processEvents()
    assert not resnet.reset_button.isHidden()
    assert (resnet.freeze.y(), resnet.tree.y(), resnet.form.y()) == before


def test_a_cut_of_ones_own_is_called_so_and_changes_nothing_else(resnet):
    choose(resnet.strategy_box, "fine-tune-all")
    before = resnet.recipe().phases[-1]
    lines = resnet.strategy_box.count()
    resnet.freeze.slider.setFocus()
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Right)
    assert resnet.recipe().phases[-1] == replace(before, train_from="layer1")
    assert resnet.form.augment.currentData() == "light"
    assert resnet.strategy_box.currentText() == "Own cut: from layer1"
    assert resnet.strategy_box.count() == lines + 1
    assert "(99.9 %)" in resnet.summary.text()
    resnet.strategy_box.setFocus()
    QTest.keyClick(resnet.strategy_box, Qt.Key.Key_Up)  # to the preset it came from
    assert resnet.recipe() == make_recipe("resnet18", "fine-tune-all")
    assert resnet.strategy_box.currentText() == "Fine-tune everything"
    assert resnet.strategy_box.count() == lines
    resnet.undo_stack.undo()
    assert resnet.strategy_box.currentText() == "Own cut: from layer1"


def test_only_all_is_a_hundred_percent():
    assert figures.share(999_999, 1_000_000) == "99.9 %"
    assert figures.share(10, 10) == "100 %"
    assert figures.share(2_565, 11_179_077) == "0.02 %"


def test_the_next_step_is_offered_once_there_are_pictures(qtbot, resnet):
    with qtbot.waitSignal(resnet.training_wanted):
        QTest.mouseClick(resnet.next_button, Qt.MouseButton.LeftButton)
    resnet.show_pictures(1, 20)
    assert not resnet.next_button.isEnabled()
    assert "two classes" in resnet.next_button.toolTip()


def trained(folder: Path, *recipes: Recipe) -> Project:
    """A project with a run of each recipe."""
    project = Project.open(folder)
    for recipe in recipes:
        run = project.new_run(recipe.strategy)
        run.recipe_file.write_text(json.dumps(recipe.to_json()))
    return project


def test_another_project_begins_anew(panel, tmp_path):
    choose(panel.strategy_box, "fine-tune-layered")
    choose(panel.backbone_box, "resnet18")
    seen = []
    panel.recipe_changed.connect(seen.append)
    panel.show_project(None)
    assert panel.recipe() == make_recipe("efficientnet_lite0", "feature-extraction")
    assert seen == [panel.recipe()]
    assert panel.undo_stack.count() == 0
    panel.show_pictures(CLASSES, 25_000)
    assert panel.strategy_box.currentData() == "fine-tune-last"  # the advice is followed again


def test_a_project_goes_on_with_its_newest_run(qtbot, panel, tmp_path):
    changes = Changes(train_from="blocks0", epochs=3, backbone_lr=2e-4)
    recipe = make_recipe("efficientnet_lite0", "fine-tune-all", changes)
    older = make_recipe("resnet18", "feature-extraction")
    with trained(tmp_path / "project", older, recipe) as project:
        broken = project.new_run("fine-tune-last")
        broken.recipe_file.write_text("{")
        panel.show_project(project)
        qtbot.waitUntil(lambda: panel.recipe() == recipe, timeout=20_000)
        assert panel.strategy_box.currentText() == "Own cut: from blocks0"
        assert panel.undo_stack.count() == 0
        panel.show_pictures(CLASSES, 100_000)
        assert panel.recipe() == recipe  # no advice takes it away
        choose(panel.strategy_box, "fine-tune-last")
        while panel.undo_stack.canUndo():
            panel.undo_stack.undo()
        assert panel.recipe() == recipe
        qtbot.waitUntil(lambda: not panel._recall.is_busy(), timeout=20_000)


def test_what_a_person_edits_meanwhile_is_kept(qtbot, panel, tmp_path):
    with trained(tmp_path / "project", make_recipe("resnet18", "fine-tune-all")) as project:
        panel.show_project(project)
        choose(panel.strategy_box, "fine-tune-layered")  # before anything has been read
        qtbot.waitUntil(lambda: not panel._recall.is_busy(), timeout=20_000)
        assert panel.recipe() == make_recipe("efficientnet_lite0", "fine-tune-layered")


def test_what_is_read_of_a_project_that_was_left_is_forgotten(qtbot, panel, tmp_path):
    with trained(tmp_path / "project", make_recipe("resnet18", "fine-tune-all")) as project:
        panel.show_project(project)
        panel.show_project(None)
        qtbot.waitUntil(lambda: not panel._recall.is_busy(), timeout=20_000)
        assert panel.recipe() == make_recipe("efficientnet_lite0", "feature-extraction")


def test_in_the_window_settings_stay_with_their_project(full_window):
    model = full_window.model_panel
    full_window.show_step(Step.NETWORK)
    choose(model.strategy_box, "fine-tune-layered")
    QTest.keyClick(full_window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert full_window.project is None
    assert model.strategy_box.currentData() == "feature-extraction"
    assert not model.undo_stack.canUndo()
    settle(full_window)


def test_next_leads_to_training_and_starts_nothing(full_window):
    model, training = full_window.model_panel, full_window.training_panel
    full_window.show_step(Step.NETWORK)
    QTest.mouseClick(model.next_button, Qt.MouseButton.LeftButton)
    assert full_window.step == Step.TRAINING and training.isVisible()
    assert training.train_button.hasFocus() and not training.is_busy()
    full_window.resize(1920, 1080)  # beside Train there is no need for it
    QApplication.processEvents()
    assert model.isVisible() and model.next_button.isHidden()
    settle(full_window)


def test_a_click_on_a_stages_name_freezes_up_to_it(resnet):
    scale = resnet.freeze._scale
    QTest.mouseClick(scale, Qt.MouseButton.LeftButton, pos=QPoint(scale.width() // 2 + 40, 5))
    assert resnet.recipe().phases[-1].train_from in ("layer3", "layer2", "layer4")
    assert resnet.freeze.slider.value() == list(RESNET_STAGES).index(resnet.recipe().phases[-1].train_from)


@pytest.mark.parametrize(
    ("pictures", "domain", "advised"),
    [
        (665, "similar", "feature-extraction"),
        (25_000, "similar", "fine-tune-last"),
        (100_000, "similar", "fine-tune-all"),
        (665, "different", "fine-tune-layered"),
        (2_000_000, "different", "from-scratch"),
    ],
)
def test_the_advised_strategy_is_marked_and_chosen(qtbot, pictures, domain, advised):
    panel = ModelPanel()
    qtbot.addWidget(panel)
    choose(panel.domain_box, domain)
    panel.undo_stack.clear()
    panel.show_pictures(CLASSES, pictures)
    assert panel.strategy_box.currentData() == advised
    assert panel.strategy_box.currentText().startswith("★")
    assert panel.advice.text().startswith("Advised for ")
    assert panel.recipe().domain == domain


def test_what_a_person_chose_is_not_taken_away_by_more_pictures(panel):
    choose(panel.strategy_box, "fine-tune-layered")
    panel.show_pictures(CLASSES, 100_000)
    assert panel.strategy_box.currentData() == "fine-tune-layered"
    marked = [panel.strategy_box.itemText(i) for i in range(panel.strategy_box.count())]
    assert [text.startswith("★") for text in marked].count(True) == 1


def test_a_closed_box_says_where_its_entry_was_cut(qtbot):
    box = ElidedBox()
    qtbot.addWidget(box)
    box.addItem("★ Feature extraction (advised)")
    option = QStyleOptionComboBox()
    for width, cut in ((100, True), (600, False)):
        box.resize(width, 30)
        box.initStyleOption(option)
        assert option.currentText.endswith("…") == cut
    assert box.currentText() == "★ Feature extraction (advised)"


def test_fields_without_use_are_off_and_say_why(resnet):
    assert not resnet.form.late_rate.isEnabled()
    assert "Only the head learns" in resnet.form.late_rate.toolTip()
    choose(resnet.strategy_box, "fine-tune-last")
    assert resnet.form.late_rate.isEnabled()
    assert "No early stage learns" in resnet.form.early_rate.toolTip()
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Home)
    assert resnet.form.early_rate.isEnabled()


def test_rates_are_typed_as_people_write_them(resnet):
    choose(resnet.strategy_box, "fine-tune-last")
    box = resnet.form.late_rate
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "2.5e-5")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert resnet.recipe().phases[-1].backbone_lr == 2.5e-5
    assert shown(resnet, "layer4", Column.RATE) == "2.5e-5"
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert resnet.recipe().phases[-1].backbone_lr == pytest.approx(5e-5)


def test_a_german_writes_a_comma(qtbot):
    QLocale.setDefault(QLocale("de_DE"))
    box = RateBox()
    qtbot.addWidget(box)
    box.selectAll()
    QTest.keyClicks(box, "0,00025")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == 0.00025
    assert box.text() == "2,5e-4"


def test_the_estimate_learns_from_a_run(resnet):
    before = resnet.summary.text()
    assert " · about " in before
    resnet.take_measurement(Measured(resnet.recipe(), 3.0))
    assert " · about " in resnet.summary.text()
    assert resnet.summary.text() != before


def test_a_backbone_without_weights_says_so_before_train_is_pressed(qtbot, panel, monkeypatch):
    def without_resnets() -> Iterator[WeightsFound]:
        for spec in BACKBONES.values():
            place = None if spec.name == "resnet18" else "/somewhere"
            yield WeightsFound(spec.name, spec.weights.filename, place, 1, "", "")

    qtbot.waitUntil(lambda: not panel.choices.is_looking_for_weights(), timeout=20_000)
    monkeypatch.setattr(tasks, "weights_list", without_resnets)
    panel.hide()
    panel.show()
    position = panel.backbone_box.findData("resnet18")
    qtbot.waitUntil(lambda: panel.backbone_box.itemText(position) == "⚠ ResNet-18 · 47 MB (no weights)", timeout=20_000)
    choose(panel.backbone_box, "resnet18")
    assert "pretrained weights of ResNet-18 are not on this computer" in panel.missing.text
    choose(panel.strategy_box, "from-scratch")  # which needs none
    assert panel.missing.text == ""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1130, 700), (840, 980)])
def test_nothing_to_complain_about(panel, dark, size):
    app = QApplication.instance()
    before = app.palette(), app.styleSheet()
    app.setStyle("Fusion")
    app.setPalette(theme.palette(dark))
    app.setStyleSheet(theme.style_sheet(dark))
    try:
        panel.resize(*size)
        for strategy in STRATEGIES:
            choose(panel.strategy_box, strategy)
            QTest.keyClick(panel.form.epochs, Qt.Key.Key_Up)
            QApplication.processEvents()
            assert complaints(panel) == {}
    finally:
        app.setPalette(before[0])
        app.setStyleSheet(before[1])


def test_gradual_unfreezing_and_decay_are_set_in_the_form(resnet):
    form = resnet.form
    assert not form.gradual.isEnabled() and "one phase only" in form.gradual.toolTip()
    choose(resnet.strategy_box, "fine-tune-last")
    assert not form.gradual.isEnabled() and "only one stage" in form.gradual.toolTip()
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_Home)
    form.gradual.setFocus()
    QTest.keyClick(form.gradual, Qt.Key.Key_Space)
    assert [p.train_from for p in resnet.recipe().phases] == ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
    assert resnet.strip.text().count("→") == 2 and "2–5  unfreeze: layer4 … layer1" in resnet.strip.text()
    assert complaints(resnet).get("clipped") is None
    QTest.keyClick(resnet.freeze.slider, Qt.Key.Key_End)  # where there is nothing left to unfreeze
    assert not form.gradual.isChecked()
    resnet.undo_stack.undo()
    assert form.gradual.isChecked()
    for typed, value in (("0.05", 0.05), ("0", 0.0)):
        form.decay.setFocus()
        form.decay.selectAll()
        QTest.keyClicks(form.decay, typed)
        QTest.keyClick(form.decay, Qt.Key.Key_Return)
        assert resnet.recipe().weight_decay == value
    QTest.keyClick(form.decay, Qt.Key.Key_Up)
    assert resnet.recipe().weight_decay == 1e-5
    QTest.keyClick(form.decay, Qt.Key.Key_Down)
    assert resnet.recipe().weight_decay == 0

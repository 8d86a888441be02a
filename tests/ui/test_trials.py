"""What is tried on a person's own pictures from the network panel: advice, backbones, rates, augmentation."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from tests.ui.uichecks import complaints
from tests.ui.world import wait_for
from tlstudio import tasks
from tlstudio.core.advice import Advised, BackboneProbed, Probed, RateFound, Tried
from tlstudio.core.backbones import Backbone
from tlstudio.core.edits import Edits
from tlstudio.core.project import Project
from tlstudio.ui import theme
from tlstudio.ui.model.advisor_dialog import AdvisorDialog
from tlstudio.ui.model.measurements import Measurement, Remembered, recall
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.model.rate_dialog import RateDialog
from tlstudio.ui.model.variations_dialog import VariationsDialog


@pytest.fixture
def project(tmp_path: Path, pictures: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures, tasks.split_rule(0.15, 0.0, 0)))
        yield opened


@pytest.fixture
def themed() -> Iterator[None]:
    """The program's own looks, by which sizes are judged."""
    app = QApplication.instance()
    before = app.palette(), app.styleSheet()
    app.setStyle("Fusion")
    app.setPalette(theme.palette(dark=False))
    app.setStyleSheet(theme.style_sheet(dark=False))
    yield
    app.setPalette(before[0])
    app.setStyleSheet(before[1])


@pytest.fixture
def panel(themed, qtbot, tiny_backbone: Backbone, project: Project) -> Iterator[ModelPanel]:
    made = ModelPanel()
    qtbot.addWidget(made)
    made.show_project(project)
    made.resize(1130, 700)
    made.show()
    made._choose_backbone("tiny")
    made.show_pictures(3, 18)
    yield made
    for dialog in dialogs(made):
        dialog.reject()
    wait_for(lambda: not any(row.is_busy() for dialog in dialogs(made) for row in dialog.rows()))
    made.shut_down()
    QApplication.processEvents()  # what its jobs still had to say, before `tiny` is forgotten


def dialogs(panel: ModelPanel) -> list:
    return [d for kind in (AdvisorDialog, RateDialog, VariationsDialog) for d in panel.findChildren(kind)]


def press(button) -> None:
    assert button.isEnabled(), button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_pictures_nothing_is_offered_to_try(qtbot):
    panel = ModelPanel()
    qtbot.addWidget(panel)
    for button in (panel.advice_line.measure_button, panel.form.find_button, panel.form.show_button):
        assert not button.isEnabled()
        assert "two classes" in button.toolTip()


def test_advice_is_measured_used_taken_back_and_remembered(panel, project):
    press(panel.advice_line.measure_button)
    (dialog,) = panel.findChildren(AdvisorDialog)
    page = dialog.strategy
    press(page.trial.button)
    assert page.trial.button.text() == "Stop"
    wait_for(lambda: not page.trial.is_busy())
    QApplication.processEvents()
    assert page.verdict.text().startswith("Measured: "), page.trial.line.full_text
    assert "neck" in page.chart.accessibleDescription()
    assert page.reasons.text()
    before, advised = panel.recipe(), page._advised.strategy
    assert complaints(dialog) == {}
    assert panel.strategy_box.itemText(panel.strategy_box.findData(advised)).startswith("★")
    assert panel.advice.text().startswith("Measured: ")
    press(page.use_button)
    assert panel.recipe().strategy == advised
    if panel.undo_stack.count() and panel.recipe() != before:
        panel.undo_stack.undo()
        assert panel.recipe() == before
    (kept,) = recall(project)
    assert [found.backbone for found in kept.measurements] == ["tiny"]
    assert kept.measurements[0].advised.strategy == advised
    # Another picture in another class is another question.
    edits = Edits(project.catalogue)
    edits.relabel([project.catalogue.readable()[0].id], "green")
    assert list(recall(project)) == [Remembered(project.folder)]
    edits.undo()
    assert len(next(iter(recall(project))).measurements) == 1


def test_a_measurement_is_stopped_by_its_button_and_by_leaving(panel):
    press(panel.advice_line.measure_button)
    (dialog,) = panel.findChildren(AdvisorDialog)
    press(dialog.strategy.trial.button)
    press(dialog.strategy.trial.button)
    wait_for(lambda: not dialog.strategy.trial.is_busy())
    assert dialog.strategy.trial.line.full_text == "Stopped."
    assert not dialog.strategy.use_button.isEnabled()
    press(dialog.strategy.trial.button)
    press(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close))
    wait_for(lambda: dialog.isHidden())
    assert panel.isEnabled()


def test_nothing_that_was_begun_for_another_project_goes_on(panel):
    press(panel.advice_line.measure_button)
    (dialog,) = panel.findChildren(AdvisorDialog)
    press(dialog.strategy.trial.button)
    panel.show_project(None)
    wait_for(dialog.isHidden)
    assert panel._measured is None and not panel.undo_stack.count()


def measured(strategy: str) -> Measurement:
    probed = tuple(
        Probed(stage, accuracy, (accuracy - 0.03, accuracy + 0.02), 700, 0.3)
        for stage, accuracy in (("stem", 0.4), ("layer2", 0.6), ("layer4", 0.88), ("pool", 0.91))
    )
    tried = (
        Tried("head", 0.9, (0.86, 0.93), 200, 0.4, 0.0, (0.0, 0.0), 2),
        Tried("layer4", 0.95, (0.91, 0.97), 200, 0.2, 0.05, (0.01, 0.09), 30),
    )
    expected = {strategy: {"accuracy": 0.95, "gain": 0.05, "interval": [0.01, 0.09]}}
    advised = Advised(strategy, ("The trial was better.",), "table", {"expected": expected, "seconds": 40})
    return Measurement("resnet18", "similar", probed, tried, advised)


def test_backbones_are_listed_best_first_and_chosen_with_undo(panel, project):
    panel._choose_backbone("resnet18")
    probed = (
        BackboneProbed("resnet18", True, 11_000_000, 47_000_000, 700, 0.9, (0.88, 0.92), 0.02),
        BackboneProbed("resnet50", False, 25_000_000, 100_000_000),
        BackboneProbed("tiny", True, 100_000, 400_000, 700, 0.95, (0.93, 0.97), None),
    )
    panel._take_recalled(Remembered(project.folder, (measured("fine-tune-last"),), probed))
    assert panel.advice.text() == "Measured: fine-tune the last stages. The trial was better."
    press(panel.advice_line.measure_button)
    (dialog,) = panel.findChildren(AdvisorDialog)
    assert "gain over the head alone: 5.0 points (1.0 to 9.0)" in dialog.strategy.reasons.text()
    QTest.keyClick(dialog.pages.tabBar(), Qt.Key.Key_Right)
    QApplication.processEvents()
    table = dialog.backbones.table
    names = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert names == ["Tiny", "ResNet-18 (chosen now)", "ResNet-50"]
    assert [table.item(row, 1).text() for row in range(3)] == ["95.0 % (93–97)", "90.0 % (88–92)", "no weights here"]
    assert complaints(dialog) == {}
    assert not dialog.backbones.choose_button.isEnabled()
    table.setFocus()
    table.selectRow(0)
    press(dialog.backbones.choose_button)
    assert panel.recipe().backbone == "tiny"
    panel.undo_stack.undo()
    assert panel.recipe().backbone == "resnet18"


def test_found_rates_are_put_into_the_recipe_as_one_step(panel):
    panel._choose_strategy("fine-tune-last")
    press(panel.form.find_button)
    (dialog,) = panel.findChildren(RateDialog)
    wait_for(lambda: not dialog.trial.is_busy())
    QApplication.processEvents()
    assert isinstance(dialog._found, RateFound), dialog.trial.line.full_text
    assert dialog.verdict.text().startswith("Suggested: ")
    assert complaints(dialog) == {}
    before, steps = panel.recipe(), panel.undo_stack.count()
    press(dialog.use_button)
    last = panel.recipe().phases[-1]
    rates = {"head": last.head_lr, "late": last.backbone_lr}
    assert rates == {group: pytest.approx(rate, rel=0.5) for group, rate in dialog._found.rates.items()}
    assert panel.undo_stack.count() == steps + 1
    panel.undo_stack.undo()
    assert panel.recipe() == before


def test_the_augmentation_is_shown_on_ones_own_pictures(panel):
    panel._choose_strategy("fine-tune-layered")
    press(panel.form.show_button)
    (dialog,) = panel.findChildren(VariationsDialog)

    def looks() -> list:
        wait_for(lambda: not dialog.trial.is_busy())
        QApplication.processEvents()
        return [tile._whole.toImage() for tile in dialog.tiles]

    assert dialog.kind.currentData() == "strong"
    first = looks()
    assert {(image.width(), image.height()) for image in first} == {(32, 32)}
    assert any(image != first[0] for image in first[1:])
    assert complaints(dialog) == {}
    path = dialog.path.full_text
    press(dialog.trial.button)
    assert looks() != first and dialog.path.full_text != path
    dialog.kind.setCurrentIndex(0)
    looks()
    dialog._number = 0
    dialog.kind.setCurrentIndex(1)
    assert looks() == first  # the same picture, the same variations

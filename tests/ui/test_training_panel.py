"""The training panel: train to the end, stop half-way, look at what there was."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.uichecks import complaints
from tests.ui.world import settle, wait_for
from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.errors import MissingWeights
from tlstudio.core.pace import Pace
from tlstudio.core.project import Project, runs_in
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui import figures, theme
from tlstudio.ui.rail import Step
from tlstudio.ui.training.confusion import ConfusionTable, ConfusionView
from tlstudio.ui.training.curves import CurvePlot, Curves
from tlstudio.ui.training.history import RunColumn, RunLine, RunTable
from tlstudio.ui.training.panel import TrainingPanel
from tlstudio.ui.training.progress_line import ProgressLine
from tlstudio.ui.training.run_list import WarningNote

LONG = 120_000
COLOURS = {"blue": (40, 60, 200), "red": (200, 50, 40)}
QUICK = make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=3))
TWO_PHASES = make_recipe("efficientnet_lite0", "fine-tune-last", Changes(warmup_epochs=2, epochs=2))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for label, colour in COLOURS.items():
        (root / label).mkdir()
        for number in range(14):
            shade = tuple(min(255, value + 4 * number) for value in colour)
            Image.new("RGB", (40 + number, 36), shade).save(root / label / f"{number}.png")
    return root


@pytest.fixture
def project(tmp_path, pictures) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as made:
        list(tasks.scan(made, pictures))
        yield made


@pytest.fixture
def panel(qtbot, project) -> Iterator[TrainingPanel]:
    made = TrainingPanel()
    qtbot.addWidget(made)
    made.resize(1130, 700)
    made.show()
    made.show_project(project)
    made.show_pictures(2, 20)
    made.set_recipe(QUICK)
    made.set_ready(True, "")
    yield made
    made.shut_down()


def train(qtbot, panel: TrainingPanel, recipe: Recipe = QUICK) -> str:
    """Press Train and wait for the end; returns the model's path."""
    panel.set_recipe(recipe)
    with qtbot.waitSignal(panel.trained, timeout=LONG) as trained:
        QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel.runs.is_reading(), timeout=LONG)
    return trained.args[0]


def test_a_run_judged_by_folds_has_no_validation_curve_and_opens_again(qtbot, panel, project):
    train(qtbot, panel, make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=3, folds=2)))
    (run,) = runs_in(project.folder)
    end = run.state().finished
    assert end.folds == 2
    epochs = run.state().phases[0].epochs
    for plot in (panel.loss_plot, panel.accuracy_plot):
        shown = plot.shown_curves()
        assert len(shown.train) == epochs and all(math.isfinite(value) for value in shown.train)
        assert all(math.isnan(value) for value in shown.val)
    panel.show_project(project)
    qtbot.waitUntil(lambda: panel.run_list.model().rowCount() == 1, timeout=LONG)
    assert cell(panel, 0, RunColumn.ACCURACY).endswith("test")


def cell(panel: TrainingPanel, row: int, column: RunColumn) -> str:
    return panel.run_list.model().index(row, column).data()


def test_without_pictures_it_says_what_is_needed(qtbot):
    panel = TrainingPanel()
    qtbot.addWidget(panel)
    panel.set_recipe(QUICK)
    panel.set_ready(False, "Train needs pictures in at least two classes. You have one.")
    assert not panel.train_button.isEnabled()
    assert panel.train_button.toolTip() == "Train needs pictures in at least two classes. You have one."
    assert panel._empty_title.text() == panel.train_button.toolTip()
    panel.train()
    assert not panel.is_busy()


def test_train_to_the_end(qtbot, panel, project):
    seen: dict[str, list] = {"summary": [], "busy": [], "progress": [], "measured": []}
    panel.summary_changed.connect(seen["summary"].append)
    panel.busy_changed.connect(seen["busy"].append)
    panel.progressed.connect(seen["progress"].append)
    panel.measured.connect(seen["measured"].append)
    model = train(qtbot, panel, TWO_PHASES)
    (run,) = runs_in(project.folder)
    end = run.state().finished
    assert Path(model).is_file() and model == end.model
    assert seen["busy"] == [True, False]
    assert any("phase 2 of 2 · epoch" in line for line in seen["summary"])
    assert all(isinstance(event, events.Progress) for event in seen["progress"])
    assert seen["measured"][0].recipe == TWO_PHASES
    # The figures on the screen are those in the events.
    low, high = (100 * bound for bound in end.test_interval)
    accuracy = f"{100 * end.test_accuracy:.1f} % ({low:.0f}–{high:.0f})"
    assert cell(panel, 0, RunColumn.ACCURACY) == f"{accuracy} test"
    assert seen["summary"][-1] == accuracy
    assert f"test {accuracy} · validation " in panel.result_line.text()
    done = run.state().epochs
    shown = panel.loss_plot.shown_curves()
    assert shown.train == tuple(e.train_loss for e in done)
    assert shown.val == tuple(e.val_loss for e in done)
    assert shown.phases == ((1, "1 warm-up"), (3, "2 fine-tune"))
    assert panel.accuracy_plot.shown_curves().val == tuple(100 * e.val_accuracy for e in done)
    counts = json.loads(run.report_file.read_text())["test"]["confusion"]["counts"]
    table = panel.results_view.confusion_view.table()
    said = [[table.index(r, c).data() for c in range(2)] for r in range(2)]
    assert said == [[str(n) if n else "·" for n in row] for row in counts]
    assert panel.next_button.isEnabled()
    with qtbot.waitSignal(panel.predict_requested) as asked:
        QTest.keyClick(panel.next_button, Qt.Key.Key_Space)
    assert asked.args == [model]


def test_stop_half_way_keeps_the_best(qtbot, panel, project):
    panel.set_recipe(make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=10_000)))
    epochs = []

    def is_learning(summary: str) -> bool:
        epochs.append(summary)
        return "epoch" in summary and not summary.endswith("epoch 1 of 10000")

    with qtbot.waitSignal(panel.summary_changed, check_params_cb=is_learning, timeout=LONG):
        QTest.keyClick(panel.train_button, Qt.Key.Key_Space)
    assert panel.is_busy() and not panel.train_button.isEnabled()
    assert "stop it first" in panel.train_button.toolTip()
    with qtbot.waitSignal(panel.trained, timeout=LONG) as trained:
        QTest.mouseClick(panel.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not panel.runs.is_reading(), timeout=LONG)
    assert Path(trained.args[0]).is_file()
    (run,) = runs_in(project.folder)
    assert run.state().finished.stopped
    assert cell(panel, 0, RunColumn.TIME).endswith("stopped")
    assert "best weights so far are kept" in panel._progress.text()
    assert panel.train_button.isEnabled() and not panel.stop_button.isEnabled()


def test_stop_before_anything_was_learned_is_no_error(qtbot, panel):
    failures = []
    panel.failed.connect(failures.append)
    panel.train()
    with qtbot.waitSignal(panel.busy_changed, timeout=LONG):
        panel.stop()
    qtbot.waitUntil(lambda: not panel.runs.is_reading(), timeout=LONG)
    assert failures == []
    assert panel._progress.text() == "Stopped before anything was learned."


def test_closing_while_it_trains_keeps_the_best(qtbot, panel, project):
    panel.set_recipe(make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=10_000)))
    with qtbot.waitSignal(panel.summary_changed, check_params_cb=lambda s: "epoch 2" in s, timeout=LONG):
        panel.train()
    panel.shut_down()
    (run,) = runs_in(project.folder)
    assert run.model_file.is_file()
    assert run.state().finished.stopped


def test_a_missing_weights_file_is_said_with_its_remedy(qtbot, panel, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/nonexistent")
    panel.set_recipe(make_recipe("resnet18", "feature-extraction"))
    with qtbot.waitSignal(panel.failed, timeout=LONG) as failed, qtbot.waitSignal(panel.busy_changed, timeout=LONG):
        panel.train()
    qtbot.waitUntil(lambda: not panel.is_busy(), timeout=LONG)
    assert isinstance(failed.args[0], MissingWeights)
    assert panel.train_button.isEnabled()


def test_a_risky_recipe_is_asked_about_until_it_is_answered_with_yes(qtbot, panel):
    note = panel.guard_note
    panel.set_recipe(make_recipe("efficientnet_lite0", "fine-tune-all"))
    QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)
    assert not panel.is_busy()
    assert note.isVisible() and "10 pictures a class" in note.text()
    QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)  # no answer, so it goes on asking
    assert note.isVisible() and not panel.is_busy()
    QTest.mouseClick(note.no_button, Qt.MouseButton.LeftButton)
    assert not note.isVisible() and not panel.is_busy()
    QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)  # "not now" is no yes
    assert note.isVisible() and not panel.is_busy()
    QTest.mouseClick(note.yes_button, Qt.MouseButton.LeftButton)
    assert panel.is_busy() and not note.isVisible()
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_busy(), timeout=LONG)
    QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)  # said once, it holds
    assert panel.is_busy() and not note.isVisible()
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_busy(), timeout=LONG)


def test_another_project_takes_the_question_away(panel):
    panel.set_recipe(make_recipe("efficientnet_lite0", "fine-tune-all"))
    panel.train()
    assert panel.guard_note.isVisible()
    panel.show_project(None)
    assert not panel.guard_note.isVisible()


def test_after_training_the_next_step_has_the_focus(qtbot, panel):
    panel.activateWindow()
    panel.train_button.setFocus()
    model = train(qtbot, panel)
    assert panel.focusWidget() is panel.next_button and panel.next_button.isEnabled()
    with qtbot.waitSignal(panel.predict_requested) as asked:
        QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Space)
    assert asked.args == [model]


def test_on_its_page_there_is_one_bar_and_one_way_to_stop(full_window):
    window, training = full_window, full_window.training_panel
    window.show_step(Step.TRAINING)
    QTest.mouseClick(training.train_button, Qt.MouseButton.LeftButton)
    wait_for(lambda: window.status.text != "Ready")
    assert window.status._cancel.isHidden() and window.status._bar.isHidden()
    window.show_step(Step.PICTURES)
    training.progressed.emit(events.Progress("reading pictures", 1, 2))
    assert window.status._cancel.isVisible() and window.status._bar.isVisible()
    QTest.mouseClick(window.status._cancel, Qt.MouseButton.LeftButton)
    wait_for(lambda: not training.is_busy())
    settle(window)


def test_what_a_run_warned_about_is_shown_with_it(qtbot, panel, project):
    train(qtbot, panel)
    assert panel.warning_note.isHidden()
    risky = make_recipe("efficientnet_lite0", "fine-tune-last", Changes(warmup_epochs=0, epochs=1))
    panel.set_recipe(risky)
    panel.train()
    with qtbot.waitSignal(panel.trained, timeout=LONG):
        QTest.keyClick(panel.guard_note.yes_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not panel.runs.is_reading(), timeout=LONG)
    warnings = runs_in(project.folder)[-1].state().warnings
    assert warnings and panel.warning_note.isVisible()
    assert panel.warning_note.text() == "\n".join(dict.fromkeys(warnings))
    panel.run_list.setFocus()
    QTest.keyClick(panel.run_list, Qt.Key.Key_Down)
    assert panel.warning_note.isHidden()


def test_many_warnings_leave_room_for_the_runs(qtbot):
    note = WarningNote()
    qtbot.addWidget(note)
    note.show_warnings(["a", "b", "a", "c", "d", "e"])
    assert note.text() == "a\nb\nc (and 2 more)"
    assert note._text.toolTip() == "a\nb\nc\nd\ne"
    note.show_warnings([])
    assert note.isHidden()


def test_train_anyway_obeys(qtbot, panel):
    panel.set_recipe(make_recipe("efficientnet_lite0", "fine-tune-last", Changes(warmup_epochs=0, backbone_lr=0.05)))
    panel.train()
    assert panel.guard_note.text().count("\n") == 1  # an erasing rate, and no warm-up
    QTest.keyClick(panel.guard_note.yes_button, Qt.Key.Key_Space)
    assert panel.is_busy()
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_busy(), timeout=LONG)


def test_an_old_run_shows_its_curves(qtbot, panel):
    train(qtbot, panel)
    first = panel.loss_plot.shown_curves()
    train(qtbot, panel, TWO_PHASES)
    assert len(panel.loss_plot.shown_curves().epochs) == 4
    panel.run_list.setFocus()
    QTest.keyClick(panel.run_list, Qt.Key.Key_Down)
    assert panel.loss_plot.shown_curves() == first
    assert len(first.epochs) == 3
    stars = [cell(panel, row, RunColumn.NUMBER).startswith("★") for row in range(2)]
    assert stars.count(True) == 1


def test_another_window_lists_the_same_runs(qtbot, panel, project):
    train(qtbot, panel)
    again = TrainingPanel()
    qtbot.addWidget(again)
    with qtbot.waitSignal(again.run_list.model().modelReset, timeout=LONG):
        again.show_project(project)
        qtbot.waitUntil(lambda: again.run_list.model().rowCount() == 1, timeout=LONG)
    assert cell(again, 0, RunColumn.ACCURACY) == cell(panel, 0, RunColumn.ACCURACY)
    assert again.next_button.isEnabled()
    again.show_project(None)
    assert again.run_list.model().rowCount() == 0 and not again.next_button.isEnabled()
    again.shut_down()


def test_a_damaged_run_is_one_line_and_hides_no_other(qtbot, panel, project):
    train(qtbot, panel)
    broken = project.new_run("fine-tune-all")
    broken.report_file.write_text("{")
    broken.events_file.write_text('{"event": "run_started", "run": 1}\nnot json\n')
    panel.show_project(project)
    qtbot.waitUntil(lambda: panel.run_list.model().rowCount() == 2, timeout=LONG)
    assert cell(panel, 0, RunColumn.ACCURACY) == "did not finish"
    assert "%" in cell(panel, 1, RunColumn.ACCURACY)


def test_devices_are_named(qtbot, panel):
    qtbot.waitUntil(lambda: panel.device_box.count() > 1, timeout=LONG)
    names = [panel.device_box.itemData(i) for i in range(panel.device_box.count())]
    assert names[:2] == ["auto", "cpu"]
    assert panel.device_box.currentData() == "auto"


def test_plots_load_when_first_shown_and_live_long(qtbot):
    plot = CurvePlot("Loss", "loss")
    qtbot.addWidget(plot)
    epochs = tuple(range(1, 31))
    plot.show_curves(Curves(epochs, tuple(1 / e for e in epochs), tuple(2 / e for e in epochs), ((1, "a"), (4, "b"))))
    assert not plot.is_loaded()
    with qtbot.waitSignal(plot.loaded, timeout=LONG):
        plot.show()
    # Broken bindings lose a reference at every call: hundreds of redraws show it, a few do not.
    for count in range(2, 400):
        some = tuple(range(1, count % 60 + 2))
        plot.show_curves(Curves(some, tuple(1 / e for e in some), tuple(2 / e for e in some), ((1, "a"), (2, "b"))))
        QApplication.processEvents()
    assert plot.accessibleDescription().startswith("After epoch 40: training 0.025")


def test_a_loss_that_was_no_number_leaves_a_gap(qtbot):
    from tlstudio.ui.training.curves import curves_of

    done = events.EpochDone(1, 1, 2, None, 0.5, None, 0.5, 1.0, False)  # as a stored NaN comes back
    plot = CurvePlot("Loss", "loss")
    qtbot.addWidget(plot)
    with qtbot.waitSignal(plot.loaded, timeout=LONG):
        plot.show()
    plot.show_curves(curves_of(RunState(epochs=(done, done)), "loss"))
    QApplication.processEvents()


def test_of_a_million_cells_only_those_in_view_are_asked_for(qtbot, monkeypatch):
    asked = set()
    answer = ConfusionTable.data

    def counted(table, index, role=Qt.ItemDataRole.DisplayRole):
        asked.add((index.row(), index.column()))
        return answer(table, index, role)

    monkeypatch.setattr(ConfusionTable, "data", counted)
    view = ConfusionView()
    qtbot.addWidget(view)
    view.resize(500, 300)
    view.show()
    names = [f"class {number}" for number in range(1000)]
    view.show_counts(names, [[int(row == column) for column in range(1000)] for row in range(1000)])
    view.grab()
    assert 0 < len(asked) < 2000


@pytest.mark.parametrize(("epochs", "second", "to_the_left"), [(11, 11, True), (30, 11, False), (30, 3, False)])
def test_the_name_of_a_phase_is_never_cut_off_or_covered(qtbot, epochs, second, to_the_left):
    plot = CurvePlot("Loss", "loss")
    qtbot.addWidget(plot)
    plot.resize(400, 220)
    with qtbot.waitSignal(plot.loaded, timeout=LONG):
        plot.show()
    values = tuple(1 / (e + 1) for e in range(epochs))
    plot.show_curves(Curves(tuple(range(1, epochs + 1)), values, values, ((1, "1 warm-up"), (second, "2 fine-tune"))))
    QApplication.processEvents()
    before, name = (mark.label for mark in plot._marks)
    assert not before.mapRectToScene(before.boundingRect()).intersects(name.mapRectToScene(name.boundingRect()))
    assert (name.anchor.x() == 1) == to_the_left
    box = plot._plot.getPlotItem().getViewBox()
    inside = box.mapRectToScene(box.rect()).adjusted(-2, -2, 2, 2)
    assert inside.contains(name.mapRectToScene(name.boundingRect()))


def test_an_uneven_interval_is_shown_as_it_is():
    assert figures.accuracy(0.917, (0.646, 0.984)) == "91.7 % (65–98)"
    assert figures.accuracy(0.932, (0.926, 0.938)) == "93.2 % (92.6–93.8)"


def test_in_the_rail_the_progress_is_short(qtbot):
    line = ProgressLine()
    qtbot.addWidget(line)
    phase = events.PhaseStarted(2, 2, "fine-tune", "blocks6", 5, 1, 2, ())
    reading = Pace(phase=phase, task="reading pictures", done=48, total=96)
    assert line.show_pace(reading, False) == "phase 2 of 2 · 50 %"
    assert line.text() == "phase 2 of 2 · reading pictures, 48 of 96"
    assert line.show_pace(Pace(task="reading pictures", done=48, total=96), False) == "reading pictures · 50 %"
    assert line.show_pace(reading, True) == "stopping…"


def test_it_says_what_train_would_do(panel):
    assert panel._progress.text() == "Next run: EfficientNet-Lite0 · Feature extraction · head only"
    panel.set_recipe(TWO_PHASES)
    assert panel._progress.text() == "Next run: EfficientNet-Lite0 · Fine-tune the last stages · from blocks6"
    panel.set_recipe(make_recipe("efficientnet_lite0", "fine-tune-all", Changes(train_from="blocks0")))
    assert panel._progress.text() == "Next run: EfficientNet-Lite0 · Own cut: from blocks0"


def finished(number: int, val: float, folds: int = 0) -> RunLine:
    end = events.Finished("m", "p", "r", val, (val - 0.1, val + 0.1), None, None, ("a", "b"), 90.0, False, folds)
    return RunLine(RunFolder(Path(f"{number:03d}-fine-tune-last")), RunState(finished=end), when=1e9)


def test_the_run_table_keeps_qts_rules_and_marks_the_latest_best(qtmodeltester):
    table = RunTable()
    table.show_runs([finished(3, 0.9), finished(2, 0.9), finished(1, 0.8)])
    qtmodeltester.check(table)
    numbers = [table.index(row, RunColumn.NUMBER).data() for row in range(3)]
    assert numbers == ["★ 3", "2", "1"]
    assert table.index(2, RunColumn.ACCURACY).data() == "80.0 % (70–90) val."
    assert table.index(0, RunColumn.TIME).data() == "2 min"
    table.begin_run(RunLine(RunFolder(Path("004-from-scratch")), RunState(), running=True))
    table.update_running(RunState())
    assert table.index(0, RunColumn.ACCURACY).data() == "running…"


def test_figures_by_folds_are_not_called_validation():
    table = RunTable()
    table.show_runs([finished(1, 0.8, folds=5)])
    shown = table.index(0, RunColumn.ACCURACY)
    assert shown.data() == "80.0 % (70–90) out of fold"
    explanation = shown.data(Qt.ItemDataRole.ToolTipRole)
    assert "judged by 5 folds 80.0 % (70–90)" in explanation
    assert "validation" not in explanation


def test_the_confusion_table_keeps_qts_rules(qtmodeltester):
    table = ConfusionTable()
    table.set_colours(theme.colours(theme.palette(False)))
    table.show_counts(["a", "b"], [[3, 1], [0, 4]])
    qtmodeltester.check(table)
    assert table.index(0, 1).data(Qt.ItemDataRole.ToolTipRole) == "1 of 4 pictures of a were taken for b (25.0 %)"


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_to_complain_about(qtbot, panel, dark):
    app = QApplication.instance()
    before = app.palette(), app.styleSheet()
    app.setStyle("Fusion")
    app.setPalette(theme.palette(dark))
    app.setStyleSheet(theme.style_sheet(dark))
    try:
        panel.set_ready(False, "Train needs pictures in at least two classes.")
        QApplication.processEvents()
        assert complaints(panel) == {}
        panel.set_ready(True, "")
        train(qtbot, panel, TWO_PHASES)
        qtbot.waitUntil(panel.loss_plot.is_loaded, timeout=LONG)
        panel.set_recipe(make_recipe("efficientnet_lite0", "fine-tune-all"))
        panel.train()
        panel.warning_note.show_warnings([guard.text for guard in panel.guard_note.guards] * 2 + ["Something else."])
        for size in ((1130, 700), (840, 980)):
            panel.resize(*size)
            QApplication.processEvents()
            assert complaints(panel) == {}
        # No pixel of the other scheme's surface may be left, the plots included.
        picture = panel.accuracy_plot.grab().toImage()
        corner = picture.pixelColor(QPoint(picture.width() // 2, picture.height() // 2))
        assert (corner.lightness() < 128) == dark
    finally:
        app.setPalette(before[0])
        app.setStyleSheet(before[1])

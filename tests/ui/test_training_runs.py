"""Runs beside each other: paused and gone on with, repeated, noted on, held against one another."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from tests.ui.uichecks import complaints
from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.comparison import Replayed
from tlstudio.core.notes import is_left, read_note
from tlstudio.core.pace import Pace
from tlstudio.core.project import Project, runs_in
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.ui import theme
from tlstudio.ui.training.curves import MOST_LAID
from tlstudio.ui.training.history import RunColumn
from tlstudio.ui.training.panel import TrainingPanel
from tlstudio.ui.training.phase_strip import place_of
from tlstudio.ui.training.runs_page import RunsPage
from tlstudio.ui.training.side_by_side import Column
from tlstudio.ui.training.stage_bars import StageBars, moves_of, place

LONG = 120_000
COLOURS = {"blue": (40, 60, 200), "red": (200, 50, 40)}


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_backbone) -> Iterator[Project]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for label, colour in COLOURS.items():
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(8):
            shade = tuple(min(255, value + 6 * number) for value in colour)
            Image.new("RGB", (40 + number, 36), shade).save(tmp_path / "pictures" / label / f"{number}.png")
    with Project.open(tmp_path / "project") as made:
        list(tasks.scan(made, tmp_path / "pictures"))
        yield made


@pytest.fixture
def panel(qtbot, project) -> Iterator[TrainingPanel]:
    made = show(qtbot, project)
    yield made
    made.shut_down()


def show(qtbot, project: Project) -> TrainingPanel:
    made = TrainingPanel()
    qtbot.addWidget(made)
    made.resize(1130, 700)
    made.show()
    made.show_project(project)
    made.show_pictures(2, 10)
    made.set_recipe(quick())
    made.set_ready(True, "")
    qtbot.waitUntil(lambda: not made.runs.is_reading(), timeout=LONG)
    return made


def quick(**changes) -> Recipe:
    return make_recipe("tiny", "feature-extraction", Changes(**{"epochs": 2, **changes}))


def cell(panel: TrainingPanel, row: int, column: RunColumn) -> str:
    return panel.run_list.model().index(row, column).data()


def click(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def ended(qtbot, panel: TrainingPanel, runs: int) -> list[RunFolder]:
    """Wait until so many runs are through, and give them, the oldest first."""

    def through() -> bool:
        return not panel.is_busy() and not panel.runs.is_reading() and panel.run_list.model().rowCount() == runs

    qtbot.waitUntil(through, timeout=LONG)
    return runs_in(panel._project.folder)


def words_in(part) -> str:
    return " ".join(label.text() for label in part.findChildren(QLabel) if label.isVisible())


def epochs_of(panel: TrainingPanel) -> int:
    return len(panel.control.state.epochs)


# Pause and go on


def test_a_paused_run_goes_on_where_it_stands_also_in_another_window(qtbot, panel, project):
    two = make_recipe("tiny", "fine-tune-last", Changes(warmup_epochs=1, epochs=5_000))
    panel.set_recipe(replace(two, patience=10_000))
    click(panel.train_button)
    assert panel.pause_button.isEnabled() and panel.pause_button.text() == "Pause"
    qtbot.waitUntil(lambda: epochs_of(panel) > 2, timeout=LONG)
    QTest.keyClick(panel.pause_button, Qt.Key.Key_Space)
    assert not panel.pause_button.isEnabled()
    (run,) = ended(qtbot, panel, 1)
    stopped = run.state().paused
    text = (
        f"Paused in phase 2, epoch {stopped.epoch} of 5000. It goes on exactly where it stands, also after a restart."
    )
    assert panel._progress.text() == text
    assert cell(panel, 0, RunColumn.ACCURACY) == "paused"
    assert panel.pause_button.text() == "Go on" and panel.pause_button.isEnabled()
    assert panel.offer_note.isHidden()  # said above
    assert panel.focusWidget() is panel.pause_button

    panel.ask_or_train()  # step 1's Train
    assert not panel.is_busy() and panel.offer_note.isVisible()
    assert panel.offer_note.no_button.text() == "Start a new run"
    assert panel.focusWidget() is panel.offer_note.yes_button

    again = show(qtbot, project)
    assert again.offer_note.isVisible() and again.offer_note.no_button.text() == "Leave it"
    assert again.offer_note.text() == f"Run 1 stands at epoch {stopped.epoch} of 5000 (fine-tune)."
    click(again.offer_note.no_button)
    assert again.offer_note.isHidden() and again.pause_button.text() == "Go on"
    qtbot.waitUntil(lambda: is_left(run, run.standing()), timeout=LONG)
    again.show_project(project)
    qtbot.waitUntil(lambda: again.run_list.chosen_rows() == [0], timeout=LONG)
    assert again.offer_note.isHidden()  # it is remembered
    done = len(run.state().epochs)
    click(again.pause_button)
    assert again.is_busy() and cell(again, 0, RunColumn.ACCURACY) == "running…"
    assert "This run goes on. When it has ended, it is judged" in words_in(again.results_view)
    qtbot.waitUntil(lambda: epochs_of(again) > done + 1, timeout=LONG)
    assert again.control.pace.epoch >= stopped.epoch
    click(again.stop_button)
    assert [r.folder for r in ended(qtbot, again, 1)] == [run.folder]
    numbers = [(e.phase, e.epoch) for e in run.state().epochs]
    assert numbers == sorted(set(numbers)) and run.state().finished
    again.shut_down()


def test_why_a_run_could_not_go_on_is_said_with_the_remedy(qtbot, panel, project):
    panel.set_recipe(replace(make_recipe("tiny", "fine-tune-last", Changes(epochs=5_000)), patience=10_000))
    click(panel.train_button)
    qtbot.waitUntil(lambda: epochs_of(panel) > 0, timeout=LONG)
    click(panel.pause_button)
    (run,) = ended(qtbot, panel, 1)
    stopped = run.state().paused
    run.record(replace(stopped, reason="the disk is full", remedy="Free 12 MB."))
    panel.show_project(project)
    qtbot.waitUntil(panel.offer_note.isVisible, timeout=LONG)
    assert panel.offer_note.text().splitlines()[1] == "the disk is full. Free 12 MB."
    panel.train_or_go_on()  # the key for Train takes up what stands still
    assert panel.is_busy() and panel.control.run == run
    click(panel.pause_button)
    ended(qtbot, panel, 1)
    panel.set_recipe(quick())
    panel.ask_or_train()
    click(panel.offer_note.no_button)
    assert panel.is_busy() and panel.offer_note.isHidden()
    assert ended(qtbot, panel, 2)[-1].is_finished and run.is_unfinished


# Again, in one way or another


def test_a_run_is_repeated_reseeded_and_trained_on_from(qtbot, panel, project):
    assert not panel.runs.box.repeat.isEnabled()
    panel.set_recipe(quick(seed=4))
    click(panel.train_button)
    (first,) = ended(qtbot, panel, 1)
    recipe = first.state().recipe
    panel.set_recipe(quick(epochs=7))  # what step 2 says now is not asked
    box = panel.runs.box
    for number, tool in enumerate((box.repeat, box.reseed, box.go_on_from), 2):
        panel.run_list.choose([number - 2])
        click(box.buttons[tool])
        assert panel.is_busy() and not tool.isEnabled()
        again = ended(qtbot, panel, number)[-1].state().recipe
        if tool is box.repeat:
            assert again == recipe
        elif tool is box.reseed:
            assert again == replace(recipe, seed=5)
        else:
            assert replace(again, start=None) == recipe
            assert Path(again.start.path) == first.model_file
    panel.run_list.choose([3])
    with qtbot.waitSignal(panel.recipe_wanted) as wanted:
        click(box.buttons[box.copy_recipe])
    assert wanted.args == [recipe]


def test_an_exact_repeat_is_a_run_and_says_whether_it_is_the_same(qtbot, panel, project):
    click(panel.train_button)
    (first,) = ended(qtbot, panel, 1)
    said = []
    panel.control.reported.connect(said.append)
    panel.results_view.replay_wanted.emit(first)
    assert panel.is_busy() and not panel.pause_button.isEnabled()
    _, again = ended(qtbot, panel, 2)
    assert isinstance(said[-1], Replayed)
    assert said[-1].identical and said[-1].run == str(again.folder)


def test_strategies_are_compared_one_after_the_other_and_shown_side_by_side(qtbot, panel, monkeypatch):
    # Two epochs each: how good they get is not the question here.
    monkeypatch.setattr(
        "tlstudio.core.recipe.WARM_UP", replace(make_recipe("tiny", "fine-tune-last").phases[0], epochs=2)
    )
    click(panel.compare_button)
    qtbot.waitUntil(lambda: panel.control.waiting == 0, timeout=LONG)
    runs = ended(qtbot, panel, 2)
    assert [run.state().recipe.strategy for run in runs] == ["feature-extraction", "fine-tune-last"]
    assert panel.run_list.chosen_rows() == [0, 1]
    table = panel.runs.side_by_side
    assert table.isVisible() and table.model().rowCount() == 2
    shown = [[table.model().index(row, column).data() for column in Column] for row in range(2)]
    assert [row[Column.STRATEGY] for row in shown] == ["Feature extraction", "Fine-tune the last stages"]
    assert [row[Column.EPOCHS] for row in shown] == [str(len(run.state().epochs)) for run in runs]
    assert int(shown[0][Column.LEARNS]) < int(shown[1][Column.LEARNS].replace(",", ""))
    assert "%" in shown[0][Column.VAL] and "%" in shown[1][Column.TEST] and shown[1][Column.CALIBRATION].endswith("%")
    assert [run.name for run in panel.loss_plot.shown_laid()] == ["Run 1", "Run 2"]


# What there is, without training


def made_up(project: Path, number: int, val: float, epochs: int = 4, **changes) -> RunFolder:
    """A finished run as its folder says it."""
    run = RunFolder(project / "runs" / f"{number:03d}-feature-extraction")
    run.folder.mkdir(parents=True)
    recipe = make_recipe("efficientnet_lite0", "fine-tune-last", Changes(**changes))
    run.record(events.RunStarted(str(run.folder), recipe.to_json(), "cpu", 2, {"train": 100}, {}))
    run.record(events.PhaseStarted(1, 2, "warm-up", "head", epochs, 10, 20, ()))
    for epoch in range(1, epochs + 1):
        run.record(events.EpochDone(1, epoch, epochs, 1 / epoch, 0.5, 1.1 / epoch, val, 2.0, True))
    stages = (
        {"name": "blocks6", "gradient": 1e-3, "change": 5e-3},
        {"name": "neck", "gradient": 1e-2, "change": 0.2},
        {"name": "head", "gradient": 0.1, "change": 0.8},
    )
    run.record(events.StagesMoved(2, 1, stages))
    run.record(events.HeadSolved(1, 0.1, 0.21, val, 0.5, True))
    end = events.Finished("m", "p", str(run.folder), val, (val - 0.1, val + 0.1), None, None, ("a", "b"), 9.0, False)
    run.record(end)
    return run


@pytest.fixture
def page(qtbot, tmp_path) -> Iterator[RunsPage]:
    """Seven runs, without a panel around them."""
    for number in range(1, 8):
        made_up(tmp_path / "runs of one", number, 0.7 + number / 100, seed=number)
    made = RunsPage(None)
    for part in (made, made.warning_note):
        qtbot.addWidget(part)
    made.resize(1130, 600)
    made.show()
    made.show_project(tmp_path / "runs of one")
    qtbot.waitUntil(lambda: made.table.rowCount() == 7 and not made.is_reading(), timeout=LONG)
    yield made
    made.shut_down()


def press_row(page: RunsPage, row: int, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    rectangle = page.box.list.visualRect(page.table.index(row, RunColumn.STRATEGY))
    QTest.mouseClick(page.box.list.viewport(), Qt.MouseButton.LeftButton, modifier, rectangle.center())


def test_several_chosen_runs_lie_over_each_other(page):
    press_row(page, 0)
    assert page.loss_plot.shown_laid() == () and page.side_by_side.isHidden()
    assert len(page.loss_plot.shown_curves().val) == 4
    press_row(page, 2, Qt.KeyboardModifier.ControlModifier)
    assert page.box.list.chosen_rows() == [0, 2] and page.box.list.chosen_row() == 2
    assert [run.name for run in page.accuracy_plot.shown_laid()] == ["Run 5", "Run 7"]
    assert page.accuracy_plot.shown_laid()[0].values == pytest.approx((75.0,) * 4)
    assert page.side_by_side.isVisible()
    assert not page.box.repeat.isEnabled() and page.box.repeat.toolTip() == "Choose a single run."
    page.box.list.setFocus()
    QTest.keyClick(page.box.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert [run.name for run in page.loss_plot.shown_laid()] == [f"Run {number}" for number in range(3, 8)]
    assert len(page.loss_plot.shown_laid()) == MOST_LAID
    assert "Run 7: 0.275" in page.loss_plot.accessibleDescription()
    beside = page.side_by_side
    assert not any(beside.isColumnHidden(column) for column in Column)
    page.resize(560, 600)  # what there is no room for is on the tool tip
    assert beside.isColumnHidden(Column.SPEED) and not beside.isColumnHidden(Column.VAL)
    tip = beside.model().index(0, Column.STRATEGY).data(Qt.ItemDataRole.ToolTipRole)
    assert "blocks6" in tip and "Pictures/s: 50" in tip
    press_row(page, 1)
    assert page.loss_plot.shown_laid() == () and page.side_by_side.isHidden()


def test_a_note_is_written_in_place_and_kept(qtbot, page, tmp_path):
    press_row(page, 1)
    QTest.keyClick(page.box.list, Qt.Key.Key_F2)
    page.box._edit_note()
    editor = QApplication.focusWidget()
    QTest.keyClicks(editor, "with <b>light</b> from the left")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    run = page.table.line(1).run
    qtbot.waitUntil(lambda: read_note(run) == "with <b>light</b> from the left", timeout=LONG)
    page.read_anew()
    qtbot.waitUntil(lambda: not page.is_reading(), timeout=LONG)
    note = page.table.index(1, RunColumn.NOTE)
    assert note.data() == "with <b>light</b> from the left"
    assert "&lt;b&gt;" in note.data(Qt.ItemDataRole.ToolTipRole)
    page.box.allow_writing("Open in another TL Studio.")
    assert not page.table.flags(note) & Qt.ItemFlag.ItemIsEditable
    assert not page.box.note.isEnabled() and page.box.trash.toolTip() == "Open in another TL Studio."


def test_a_run_goes_to_the_trash_only_when_that_is_agreed_to(qtbot, page, tmp_path, monkeypatch):
    (tmp_path / "share").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    press_row(page, 6)
    run = page.table.line(6).run
    page.box.trash.trigger()
    click(page.box.question.no_button)
    assert run.folder.is_dir()
    page.box.trash.trigger()
    assert "run 1" in page.box.question.text()
    click(page.box.question.yes_button)
    qtbot.waitUntil(lambda: page.table.rowCount() == 6, timeout=LONG)
    assert not run.folder.exists()


def test_the_list_keeps_what_is_chosen_when_it_is_read_anew(qtbot, page, tmp_path):
    page.box.list.choose([2, 4])
    made_up(tmp_path / "runs of one", 8, 0.9)
    page.read_anew()
    qtbot.waitUntil(lambda: page.table.rowCount() == 8, timeout=LONG)
    assert page.box.list.chosen_rows() == [3, 5]


# While it runs


def test_bars_tell_how_far_each_stage_has_come(qtbot, tmp_path):
    run = made_up(tmp_path, 1, 0.8)
    rows = moves_of(run.state())
    assert [row.name for row in rows] == ["stem … blocks5", "blocks6", "neck", "head"]
    assert [row.erases for row in rows] == [False, False, True, False]  # a new head has nothing to lose
    bars = StageBars()
    qtbot.addWidget(bars)
    bars.resize(300, 200)
    bars.show_moves(rows)
    bars.show()
    said = bars.accessibleDescription().splitlines()
    assert said[0] == "stem … blocks5: frozen, its weights have not moved"
    assert "moved by 0.50 % of their norm; gradient 0.10 %" in said[1] and "0.1 % to 1 % is usual" in said[1]
    assert "erasing what it knew" in said[2] and "random values" in said[3]
    assert bars._verdict.property("role") == "warning" and bars._verdict.text().endswith(": neck")
    picture = bars.grab().toImage()
    warning = theme.colours(bars.palette()).warning.rgb()
    shown = {picture.pixelColor(QPoint(x, y)).rgb() for x in range(0, 300, 3) for y in range(picture.height())}
    assert warning in shown
    bars.show_moves(())
    assert bars._area.isHidden() and bars.accessibleDescription() == ""


@pytest.mark.parametrize(
    ("value", "at"), [(0.0, 0.0), (float("nan"), 0.0), (1e-6, 0.0), (1e-3, 0.5), (1.0, 1.0), (7, 1.0)]
)
def test_the_scale_of_the_bars_is_logarithmic(value, at):
    assert place(value) == pytest.approx(at)


def test_the_strip_shows_the_phase_and_the_rates_in_force():
    recipe = make_recipe("efficientnet_lite0", "fine-tune-last")
    assert place_of(recipe, Pace(), False).at == -1
    groups = ({"name": "late", "lr": 1e-4, "parameters": 5}, {"name": "head", "lr": 1e-3, "parameters": 5})
    phase = events.PhaseStarted(2, 2, "fine-tune", "blocks6", 4, 1, 2, groups)
    done = events.EpochDone(2, 1, 4, 1.0, 0.5, 1.0, 0.5, 1.0, True)
    # Half-way through a phase a cosine that rose at its beginning is a little over a half.
    half = Pace(phase, "phase 2 of 2", 0, 100, True, (done, done))
    shown = place_of(recipe, half, False)
    assert (shown.names, shown.at) == (("warm-up", "fine-tune"), 1)
    assert [(name, round(rate, 6)) for name, rate in shown.rates] == [("late", 5.4e-05), ("head", 0.000541)]
    assert place_of(recipe, half, True).at == 2


def test_a_solved_head_that_was_better_is_said(qtbot, panel, project):
    made_up(project.folder, 1, 0.8)
    panel.show_project(project)
    qtbot.waitUntil(lambda: "solved" in panel.result_line.text(), timeout=LONG)
    assert "the solved head was better (validation loss 0.210 against 0.275)" in panel.result_line.text()


def test_a_project_that_is_open_elsewhere_is_only_looked_at(qtbot, panel, project):
    made_up(project.folder, 1, 0.8)
    panel.show_project(Project.look(project.folder))
    qtbot.waitUntil(lambda: panel.run_list.model().rowCount() == 1, timeout=LONG)
    for button in (panel.train_button, panel.compare_button):
        assert not button.isEnabled() and "cannot be written" in button.toolTip()
    assert not panel.runs.box.repeat.isEnabled() and not panel.runs.box.trash.isEnabled()
    assert "cannot be written" in panel.runs.box.note.toolTip()
    panel.train()
    panel.resume_run(runs_in(project.folder)[0])
    assert not panel.is_busy()


@pytest.mark.parametrize("dark", [False, True])
def test_several_runs_leave_nothing_to_complain_about(page, dark):
    app = QApplication.instance()
    before = app.palette(), app.styleSheet()
    app.setStyle("Fusion")
    app.setPalette(theme.palette(dark))
    app.setStyleSheet(theme.style_sheet(dark))
    try:
        page.box.list.choose([0, 1, 2])
        page.box.trash.trigger()
        for size in ((1098, 560), (820, 800)):
            page.resize(*size)
            QApplication.processEvents()
            assert complaints(page) == {}
    finally:
        app.setPalette(before[0])
        app.setStyleSheet(before[1])

"""The evaluation of a run on screen: cells, classes, mistakes, reliability, comparison, report."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QTabBar, QWidget

from tests.ui.uichecks import complaints
from tests.ui.world import AnsweringChooser, wait_for
from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.comparison import Replayed
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.core.run import RunFolder, RunState
from tlstudio.engine.evaluation import wilson
from tlstudio.ui import theme
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.rail import Step
from tlstudio.ui.training.class_figures import Column
from tlstudio.ui.training.close_look import CloseLook
from tlstudio.ui.training.history import RunLine, RunTable, read_runs
from tlstudio.ui.training.judged_pictures import Judged
from tlstudio.ui.training.mistakes import MistakesPage
from tlstudio.ui.training.results import ResultsView

LONG = 60_000
LEFT = Qt.MouseButton.LeftButton
RECIPE = make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=1))
LABELS = ("daisy", "rose", "tulip")
# Of each true class, how many were taken for which; tulip is the worst.
COUNTS = ((6, 0, 0), (1, 4, 1), (0, 3, 3))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judged")
    for number in range(18):
        Image.new("RGB", (40, 30), (12 * number, 90, 200 - 10 * number)).save(root / f"{number}.png")
    return root


def make_report(pictures: Path, labels: tuple[str, ...] = LABELS, counts: Any = COUNTS) -> dict[str, Any]:
    """A report as a run writes it. The surest mistake is the first rose; the first picture's file is gone."""
    rows, dice, number = [], random.Random(0), 0
    for truth, answers in zip(labels, counts, strict=True):
        for label, count in zip(labels, answers, strict=True):
            for _ in range(count):
                sure = 0.97 if (truth, label) == ("rose", "daisy") else dice.uniform(0.5, 0.9)
                path = pictures / ("gone.png" if number == 0 else f"{number}.png")
                top = [[label, sure], [truth if truth != label else "none", 1 - sure]]
                rows.append({"path": str(path), "split": "test", "truth": truth, "label": label, "probability": sure})
                rows[-1]["top"] = top
                number += 1
    judged = {
        "split": "test",
        "accuracy": sum(counts[i][i] for i in range(len(labels))) / number,
        "n": number,
        "per_class": {name: figures_of(counts, at) for at, name in enumerate(labels)},
        "confusion": {"labels": list(labels), "counts": [list(row) for row in counts]},
        "calibration_error": 0.021,
        "calibration_error_raw": 0.06,
        "calibration_floor": 0.017,
        "reliability": {"raw": bins(0.1), "scaled": bins(0.0)},
    }
    val = {**copy.deepcopy(judged), "split": "val"}
    return {
        "test": judged,
        "val": val,
        "temperature": 1.31,
        "calibration_error_out_of_fold": 0.03,
        "predictions": [*rows, *({**row, "split": "val"} for row in rows)],
    }


def figures_of(counts: Any, at: int) -> dict[str, Any]:
    hits, truths, answers = counts[at][at], sum(counts[at]), sum(row[at] for row in counts)
    precision, recall = hits / (answers or 1), hits / (truths or 1)
    f1 = 2 * precision * recall / ((precision + recall) or 1)
    intervals = {"precision_interval": wilson(hits, answers), "recall_interval": wilson(hits, truths)}
    return {"precision": precision, "recall": recall, "f1": f1, "support": truths, **intervals}


def bins(surer: float) -> list[dict[str, Any]]:
    found = []
    for low, n, right in ((0.0, 0, 0), (0.5, 20, 12), (0.8, 100, 87)):
        share = right / n if n else None
        stated = low + 0.1 + surer if n else None
        interval = wilson(right, n) if n else None
        found.append({"low": low, "high": low + 0.2, "n": n, "confidence": stated, "accuracy": share})
        found[-1]["interval"] = interval
    return found


def line_of(report: dict[str, Any], number: int = 3, recipe: Any = RECIPE) -> RunLine:
    end = events.Finished("m", "p", "r", 0.7, (0.5, 0.9), 0.7, (0.5, 0.9), LABELS, 9.0, False, 0)
    return RunLine(RunFolder(Path(f"project/runs/{number:03d}-fine")), RunState(recipe=recipe, finished=end), report)


@pytest.fixture
def chooser() -> AnsweringChooser:
    return AnsweringChooser()


@pytest.fixture
def view(qtbot, look, chooser) -> Iterator[ResultsView]:
    made = ResultsView(RunTable(), chooser)
    qtbot.addWidget(made)
    made.resize(900, 560)
    made.show()
    yield made
    made.shut_down()


@pytest.fixture
def judged(view, pictures) -> ResultsView:
    """The view with a run in it."""
    view.show_run(line_of(make_report(pictures)))
    return view


def open_tab(view: ResultsView, name: str) -> None:
    """Choose a tab by mouse, as a person does."""
    bar = view.findChild(QTabBar)
    number = next(i for i in range(bar.count()) if bar.tabText(i) == name)
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(number).center())


def click(table: QAbstractItemView, row: int, column: int = 0) -> None:
    at = table.model().index(row, column)
    QTest.mouseClick(table.viewport(), LEFT, pos=table.visualRect(at).center())


def press(button: QWidget) -> None:
    QApplication.processEvents()  # it may have come just now, and have no place yet
    QTest.mouseClick(button, LEFT)


def names(pictures: Any) -> list[str]:
    return [Path(picture.path).name for picture in pictures.grid.list.pictures()]


def test_before_there_is_a_run_it_says_what_will_stand_here(view):
    assert "Once a run has ended" in view._nothing.text()
    view.show_run(RunLine(RunFolder(Path("p/runs/001-fine")), RunState(), running=True))
    assert view._nothing.text().startswith("This run goes on.")
    view.show_run(RunLine(RunFolder(Path("p/runs/001-fine")), RunState()))
    assert view._nothing.text().startswith("This run has not come to its end")
    assert not view.report_button.isEnabled() and not view.replay_button.isEnabled()


def test_a_cell_leads_to_its_pictures(judged):
    table, page = judged.confusion.view, judged.confusion
    assert table.model().index(1, 3).data() == "6"
    assert table.model().index(3, 3).data() == "18"
    click(table, 2, 1)
    assert page.pictures.title() == "3 of 6 pictures of tulip were taken for rose (50.0 %)"
    assert len(names(page.pictures)) == 3
    QTest.keyClick(table, Qt.Key.Key_Up)  # the pictures follow
    assert page.pictures.title() == "4 of 6 pictures of rose were recognised (66.7 %)"
    QTest.keyClick(table, Qt.Key.Key_Escape)
    assert page.pictures.isHidden()
    table.setCurrentIndex(table.model().index(3, 0))
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert page.pictures.title() == "6 of 7 answers “daisy” were right (85.7 %)"
    assert len(names(page.pictures)) == 7
    with_gone = []
    judged.pictures_wanted.connect(with_gone.append)
    page.pictures.grid.setCurrentIndex(page.pictures.grid.list.index(0))
    press(page.pictures.show_button)
    assert [Path(path).name for path in with_gone[0]] == ["6.png"]  # the chosen one, the surest of all


def test_where_room_is_short_the_pictures_take_the_tables_place(judged):
    judged.resize(400, 260)
    QApplication.processEvents()
    page = judged.confusion
    click(page.view, 1, 1)
    assert page.view.isHidden() and page.pictures.isVisible()
    QTest.keyClick(page.pictures.grid, Qt.Key.Key_Escape)
    assert page.view.isVisible() and page.pictures.isHidden()


def test_the_worst_class_stands_first_and_s_sorts(judged):
    open_tab(judged, "Classes")
    table = judged.classes

    def column(which: Column) -> list[str]:
        return [table.model().index(row, which).data() for row in range(3)]

    assert column(Column.CLASS) == ["tulip", "rose", "daisy"]
    assert column(Column.RECALL)[0] == "50.0 % (19–81)"
    table.setCurrentIndex(table.model().index(0, Column.CLASS))
    QTest.keyClick(table, Qt.Key.Key_S)
    assert column(Column.CLASS) == ["daisy", "rose", "tulip"]
    header = table.horizontalHeader()
    place = QPoint(header.sectionPosition(Column.F1) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), LEFT, pos=place)
    QTest.mouseClick(header.viewport(), LEFT, pos=place)
    assert column(Column.CLASS) == ["daisy", "rose", "tulip"]


def test_the_surest_mistake_comes_first_and_can_be_looked_at(qtbot, judged):
    open_tab(judged, "Mistakes")
    grid, page = judged.mistakes.pictures.grid, judged.mistakes.pictures
    assert "often a wrong label" in judged.mistakes.text()
    assert page.title() == "5 of 18 pictures, the surest first"
    assert grid.list.index(0).data() == "rose, taken for daisy, 97 %, 6.png"
    grid.setCurrentIndex(grid.list.index(0))
    QTest.keyClick(grid, Qt.Key.Key_Return)
    look = judged.findChild(CloseLook)
    assert look.said() == "rose, taken for daisy, 97 %"
    QTest.keyClick(look, Qt.Key.Key_Right)
    assert look.said() == grid.list.index(1).data().rpartition(", ")[0]
    QTest.keyClick(look, Qt.Key.Key_Left)
    wanted = []
    judged.pictures_wanted.connect(wanted.append)
    look.findChild(type(page.show_button), "look_show_button").click()
    assert [Path(path).name for path in wanted[0]] == ["6.png"]


def test_a_picture_that_is_gone_says_so(judged):
    click(judged.confusion.view, 0, 0)
    found = judged.confusion.pictures.grid
    row = names(judged.confusion.pictures).index("gone.png")
    wait_for(lambda: found.list.is_gone(found.list.pictures()[row].path))
    assert "not there any more" in found.list.index(row).data(Qt.ItemDataRole.ToolTipRole)
    found.grab()


def test_it_says_how_far_to_trust_its_shares(judged):
    open_tab(judged, "Reliability")
    page = judged.reliability
    assert "When it says 90 %, it is right 87 % of the time (79–92). This rests on 100 pictures." in page.text()
    assert "off by 2.1 points" in page.text() and "temperature 1.31 it would be 6.0" in page.text()
    assert "chance alone would show 1.7" in page.text() and "out of fold, it is 3.0" in page.text()
    assert "Only 120 pictures" in page.text()
    QTest.keyClick(page.diagram, Qt.Key.Key_Left)
    assert page.text().startswith("When it says 60 %, it is right 60 % of the time")
    place = page.diagram._place(0.9, 0.5)
    QTest.mouseClick(page.diagram, LEFT, pos=QPointF(place).toPoint())
    assert page.text().startswith("When it says 90 %")


def test_a_report_of_an_earlier_version_shows_what_it_has(judged, pictures):
    old = make_report(pictures)
    for split in ("test", "val"):
        for name in ("reliability", "calibration_error_raw", "calibration_floor"):
            del old[split][name]
        for found in old[split]["per_class"].values():
            del found["recall_interval"], found["precision_interval"]
    del old["calibration_error_out_of_fold"]
    for row in old["predictions"]:
        del row["top"]
    open_tab(judged, "Reliability")
    judged.show_run(line_of(old, number=2))
    assert judged.findChild(QTabBar).currentIndex() == 3  # the chosen page stays in front
    assert judged.reliability.text().startswith("This run was judged by an older version")
    open_tab(judged, "Classes")
    assert judged.classes.model().index(0, Column.RECALL).data() == "50.0 %"
    judged.grab()
    open_tab(judged, "Mistakes")
    assert judged.mistakes.pictures.grid.list.rowCount() == 5
    del old["predictions"]
    judged.show_run(line_of(old, number=1))
    assert "does not name its pictures" in judged.mistakes.text()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("test", "confusion", "counts"), [[1, 2], [3]]),
        (("test", "confusion", "counts"), None),
        (("test", "n"), "many"),
        (("test", "per_class"), {"rose": {}}),
        (("test", "calibration_error"), "small"),
        (("test",), "good"),
        (("predictions",), 5),
    ],
)
def test_a_report_that_is_damaged_is_none(tmp_path, pictures, place, value):
    """Counts of uneven rows once ended the program inside Qt."""
    report = make_report(pictures)
    found = report
    for name in place[:-1]:
        found = found[name]
    found[place[-1]] = value
    run = RunFolder(tmp_path / "runs" / "001-feature-extraction")
    run.folder.mkdir(parents=True)
    run.report_file.write_text(json.dumps(report))
    (read,) = read_runs(tmp_path, lambda: False)
    assert [line.report for line in read.lines] == [{}]
    run.report_file.write_text(json.dumps(make_report(pictures)))
    (read,) = read_runs(tmp_path, lambda: False)
    assert read.lines[0].report


def test_of_thousands_of_pictures_it_says_how_many_are_not_shown(qtbot):
    row = {"path": "/a.png", "split": "test", "truth": "rose", "label": "tulip", "probability": 0.5}
    page = MistakesPage()
    qtbot.addWidget(page)
    page.show_judged(Judged({"predictions": [row] * 1500}, "test"), None)
    assert page.pictures.title() == "The surest 1,000 of 1,500 · 1,500 of 1,500 pictures, the surest first"
    assert page.pictures.grid.list.rowCount() == 1000


def test_validation_pictures_can_be_looked_at_too(judged):
    assert judged._title.full_text == "Run 3 · 18 test pictures"
    QTest.keyClick(judged.split_box, Qt.Key.Key_Down)
    assert judged._title.full_text == "Run 3 · 18 validation pictures"


def test_a_repetition_is_reported_as_it_is(judged):
    wanted = []
    judged.replay_wanted.connect(wanted.append)
    press(judged.replay_button)
    assert wanted[0].number == 3
    judged.show_replayed(Replayed("r", "f", True, ()))
    assert "Repeated exactly" in judged.note.text()
    differences = tuple(f"difference {number}" for number in range(9))
    judged.show_replayed(Replayed("r", "f", False, differences))
    assert "difference 0" in judged.note.text() and "and 6 more" in judged.note.text()
    assert "difference 8" in judged.note._text.toolTip()


@pytest.mark.parametrize(("dark", "size"), [(False, (400, 300)), (True, (900, 560))])
def test_nothing_to_complain_about(judged, dark, size):
    app = QApplication.instance()
    before = app.palette(), app.styleSheet()
    app.setPalette(theme.palette(dark))
    app.setStyleSheet(theme.style_sheet(dark))
    try:
        judged.resize(*size)
        for number in range(5):
            judged.findChild(QTabBar).setCurrentIndex(number)
            QApplication.processEvents()
            assert not complaints(judged), number
    finally:
        app.setPalette(before[0])
        app.setStyleSheet(before[1])


def test_two_real_runs_are_compared_and_a_report_is_saved(qtbot, tiny_backbone, tmp_path, chooser, shapes, monkeypatch):
    folder = tmp_path / "project"
    with Project.open(folder) as project:
        list(tasks.scan(project, shapes))
        for epochs in (1, 2):
            list(tasks.train(project, make_recipe("tiny", "feature-extraction", Changes(epochs=epochs))))
    (read,) = read_runs(folder, bool)
    runs = RunTable()
    runs.show_runs(read.lines)
    view = ResultsView(runs, chooser)
    qtbot.addWidget(view)
    view.resize(900, 560)
    view.show()
    view.show_run(read.lines[0])
    counts = read.lines[0].report["test"]["confusion"]["counts"]
    assert view.confusion.view.model().index(0, 0).data() in (str(counts[0][0]), "·")
    open_tab(view, "Reliability")
    assert "When it says" in view.reliability.text()
    open_tab(view, "Compare")
    wait_for(lambda: "On " in view.comparison.text())
    # Never better without having earned it: these two have learned next to nothing.
    assert "test pictures run 2 got" in view.comparison.text()
    view.show_comparison(read.lines[1], read.lines[0])
    wait_for(lambda: "test pictures run 1 got" in view.comparison.text())
    press(view.comparison.only_other)
    assert view.comparison.pictures.title() == "Only run 2 is right"
    chooser.answers = [tmp_path / "report.html"]
    press(view.report_button)
    wait_for(lambda: "is saved" in view.note.text())
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    press(view.note.open_button)
    assert Path(opened[0].toLocalFile()) == tmp_path / "report.html"
    assert "<html" in (tmp_path / "report.html").read_text("utf-8")[:200].lower()
    view.shut_down()


def test_pictures_of_the_evaluation_are_shown_where_labels_are_put_right(full_window: MainWindow, shapes: Path):
    panel = full_window.training_panel
    full_window.show_step(Step.TRAINING)
    report = make_report(shapes)
    circles = sorted(str(path) for path in shapes.rglob("*.png"))[:2]
    for row, path in zip((r for r in report["predictions"] if r["truth"] != r["label"]), circles, strict=False):
        row["path"] = path
    panel._pages.setCurrentIndex(1)
    panel.results_view.show_run(line_of(report))
    open_tab(panel.results_view, "Mistakes")
    said = []
    full_window.dataset_panel.said.connect(lambda *what: said.append(what))
    press(panel.results_view.mistakes.pictures.show_button)
    assert full_window.step == Step.PICTURES
    dataset = full_window.dataset_panel
    wait_for(lambda: said)
    wait_for(lambda: dataset._shown.rowCount() == 2)
    shown = [dataset._shown.picture(row).path for row in range(dataset._shown.rowCount())]
    assert sorted(shown) == circles
    assert said[-1][1] == "Not in the project any more: 3 pictures."

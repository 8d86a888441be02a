"""The runs of a project, read on a thread, and the table that lists them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QDate,
    QDateTime,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont

from tlstudio.core.events import Event, RunStarted
from tlstudio.core.notes import is_left, one_line, read_note
from tlstudio.core.project import runs_in
from tlstudio.core.run import RunFolder, RunState, Standing
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.job import Stop
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.training.class_figures import class_figures

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_FIGURES = (
    "accuracy",
    "calibration_error",
    "calibration_error_raw",
    "calibration_floor",
    "calibration_error_out_of_fold",
    "temperature",
)


@dataclass(frozen=True)
class RunLine(Event):
    """One run as the list shows it.

    when: seconds since 1970. model: the file to classify with, empty where there is none. running: it goes on here.
    standing: where its checkpoint is, if there is a whole one. pictures: it learns from in an epoch; 0: nobody knows.
    note: a person's own. left: they want it left as it stands.
    """

    run: RunFolder
    state: RunState
    report: dict[str, Any] = field(default_factory=dict)
    when: float = 0.0
    model: str = ""
    running: bool = False
    standing: Standing | None = None
    pictures: int = 0
    note: str = ""
    left: bool = False
    kind: ClassVar[str] = "run_line"

    @property
    def strategy(self) -> str:
        return self.run.folder.name.partition("-")[2]

    @property
    def unfinished(self) -> bool:
        """Whether one can go on with it."""
        return self.standing is not None and self.state.finished is None and not self.running


@dataclass(frozen=True)
class RunsRead(Event):
    """All runs of a project, newest first."""

    lines: tuple[RunLine, ...]
    kind: ClassVar[str] = "runs_read"


def read_runs(project: Path, _stop: Stop) -> Iterator[Event]:
    """Read what each run's folder says about it."""
    yield RunsRead(tuple(_read(run) for run in reversed(runs_in(project))))


def _read(run: RunFolder) -> RunLine:
    try:
        when, state, pictures = run.folder.stat().st_mtime, RunState(), 0
        for event in run.history():
            state = state.after(event)
            if isinstance(event, RunStarted):
                pictures = event.pictures.get("train", 0)
        # A project may have moved since; what lies in the run's own folder moved with it.
        places = (run.model_file, Path(state.finished.model)) if state.finished else ()
        model = next((str(place) for place in places if place.is_file()), "")
        standing, note = run.standing(), read_note(run)
        left = standing is not None and is_left(run, standing)
        return RunLine(
            run, state, _report_of(run), when, model, standing=standing, pictures=pictures, note=note, left=left
        )
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError):
        # A damaged folder is one line without figures; the others are still worth showing.
        return RunLine(run, RunState(), note=read_note(run))


def _report_of(run: RunFolder) -> dict[str, Any]:
    """What a run's report says; nothing where it is not such as this program writes, and no page could show it."""
    try:
        report = run.report()
        rows, figures_of_it = report.get("predictions", []), (report.get(name) for name in _FIGURES)
        whole = isinstance(rows, list) and all(_is_figure(value) for value in figures_of_it)
        judged = [report[split] for split in ("test", "val") if report.get(split)]
        return report if whole and all(_is_sound(each) for each in judged) else {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _is_sound(judged: dict[str, Any]) -> bool:
    """Whether the evaluation on a split has what is shown of it."""
    labels, counts = judged["confusion"]["labels"], judged["confusion"]["counts"]
    class_figures(judged["per_class"])
    return (
        isinstance(judged["n"], int)
        and isinstance(judged.get("split", ""), str)
        and isinstance(labels, list)
        and {str} >= set(map(type, labels))
        and len(counts) == len(labels)
        and all(len(row) == len(labels) and {int} >= set(map(type, row)) for row in counts)
        and all(_is_figure(judged.get(name)) for name in _FIGURES)
    )


def _is_figure(value: object) -> bool:
    return value is None or isinstance(value, int | float)


class RunColumn(IntEnum):
    NUMBER = 0
    STRATEGY = 1
    ACCURACY = 2
    WHEN = 3
    TIME = 4
    NOTE = 5


class RunTable(QAbstractTableModel):
    """Translates runs into rows, newest first; the best by validation accuracy bears a star.

    Signals:
        noted: the RunFolder of a run whose note was written, and the note.
    """

    noted = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[RunLine] = []
        self._best: int | None = None
        self._why_no_notes = ""
        self._colours: theme.Colours | None = None

    def show_runs(self, lines: Sequence[RunLine]) -> None:
        """Show what was read; of the run that goes on, what is on the list is newer."""
        row = self.running_row()
        known = {line.run.folder: line for line in lines}
        if row >= 0:
            known[self._lines[row].run.folder] = self._lines[row]
        self.beginResetModel()
        self._lines = sorted(known.values(), key=_number, reverse=True)
        self._best = _best(self._lines)
        self.endResetModel()

    def begin_run(self, line: RunLine) -> None:
        """Put a run that has just begun on top."""
        self.beginInsertRows(_NOWHERE, 0, 0)
        self._lines.insert(0, line)
        self.endInsertRows()

    def go_on(self, run: RunFolder) -> None:
        """Show that a run on the list goes on again."""
        row = self.row_of(run)
        if row >= 0:
            self._lines[row] = replace(self._lines[row], running=True)
            self._announce(row, row)

    def end_running(self) -> None:
        """Show that no run goes on any more."""
        row = self.running_row()
        if row >= 0:
            self._lines[row] = replace(self._lines[row], running=False)
            self._best = _best(self._lines)
            self._announce(row, row)

    def leave(self, row: int) -> None:
        """Show that a run is to be left as it stands."""
        self._lines[row] = replace(self._lines[row], left=True)
        self._announce(row, row)

    def forget(self) -> None:
        """Show no run at all."""
        self._lines = []
        self.show_runs([])

    def running_row(self) -> int:
        """The row of the run that goes on; -1: none does."""
        return next((row for row, line in enumerate(self._lines) if line.running), -1)

    def row_of(self, run: RunFolder) -> int:
        """The row of a run; -1: it is not on the list."""
        return next((row for row, line in enumerate(self._lines) if line.run.folder == run.folder), -1)

    def update_running(self, state: RunState) -> None:
        """Show how the run that goes on gets on."""
        row = self.running_row()
        if row >= 0:
            self._lines[row] = replace(self._lines[row], state=state)
            self._announce(row, row)

    def allow_notes(self, why_not: str) -> None:
        """Let notes be written, or say why they can only be read."""
        self._why_no_notes = why_not

    def set_colours(self, colours: theme.Colours) -> None:
        self._colours = colours
        if self._lines:
            self._announce(0, len(self._lines) - 1)

    def line(self, row: int) -> RunLine:
        return self._lines[row]

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and index.column() == RunColumn.NOTE and not self._why_no_notes:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(self, index: _Index, value: Any, role: int = _Role.EditRole) -> bool:
        if role != _Role.EditRole or not self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        line, note = self._lines[index.row()], one_line(str(value))
        if note != line.note:
            self._lines[index.row()] = replace(line, note=note)
            self._announce(index.row(), index.row())
            self.noted.emit(line.run, note)
        return True

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(self._lines)

    def columnCount(self, above: _Index = _NOWHERE) -> int:
        return 0 if above.isValid() else len(RunColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        titles = (self.tr("Run"), self.tr("Recipe"), self.tr("Accuracy"), self.tr("When"), self.tr("Time"))
        if role == _Role.DisplayRole:
            return (*titles, self.tr("Note"))[section]
        if role == _Role.ToolTipRole and section == RunColumn.ACCURACY:
            return self.tr("With its 95 % interval in brackets. On test pictures where there are some.")
        if role == _Role.ToolTipRole and section == RunColumn.NOTE:
            return self.tr("Yours: double-click or press F2 to write one")
        return _alignment(RunColumn(section)) if role == _Role.TextAlignmentRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line, column = self._lines[index.row()], RunColumn(index.column())
        is_best = line.run.number == self._best
        match role:
            case _Role.DisplayRole:
                return self._text(line, column, is_best)
            case _Role.EditRole if column == RunColumn.NOTE:
                return line.note
            case _Role.ToolTipRole if column == RunColumn.NOTE:
                return self._explanation_of_note(line)
            case _Role.ToolTipRole:
                return self._explanation(line, is_best)
            case _Role.TextAlignmentRole:
                return _alignment(column)
            case _Role.FontRole if is_best and column in (RunColumn.NUMBER, RunColumn.ACCURACY):
                bold = QFont()
                bold.setWeight(QFont.Weight.DemiBold)
                return bold
            case _Role.ForegroundRole if self._colours and column in (RunColumn.WHEN, RunColumn.TIME):
                return self._colours.muted
            case _Role.AccessibleTextRole:
                return f"{self.headerData(column, Qt.Orientation.Horizontal)}: {self._text(line, column, is_best)}"
        return None

    def _text(self, line: RunLine, column: RunColumn, is_best: bool) -> str:
        match column:
            case RunColumn.NUMBER:
                return f"★ {line.run.number}" if is_best else str(line.run.number)
            case RunColumn.STRATEGY:
                recipe = line.state.recipe
                return strategies.in_words(recipe) if recipe else strategies.title(line.strategy)
            case RunColumn.ACCURACY:
                return self._accuracy(line)
            case RunColumn.WHEN:
                return self._when(line)
            case RunColumn.TIME:
                return self._time(line)
            case _:
                return line.note

    def _accuracy(self, line: RunLine) -> str:
        end = line.state.finished
        if end is None:
            if line.running:
                return self.tr("running…")
            if line.unfinished:
                return self.tr("paused") if line.state.paused else self.tr("interrupted")
            return self.tr("did not finish")
        if end.test_accuracy is not None and end.test_interval is not None:
            return self.tr("{0} test").format(figures.accuracy(end.test_accuracy, end.test_interval))
        held_out = self.tr("{0} out of fold") if end.folds else self.tr("{0} val.")
        return held_out.format(figures.accuracy(end.val_accuracy, end.val_interval))

    def _when(self, line: RunLine) -> str:
        if not line.when:
            return ""
        moment = QDateTime.fromSecsSinceEpoch(int(line.when))
        if moment.date() == QDate.currentDate():
            return QLocale().toString(moment.time(), QLocale.FormatType.ShortFormat)
        return QLocale().toString(moment.date(), QLocale.FormatType.ShortFormat)

    def _time(self, line: RunLine) -> str:
        end = line.state.finished
        if end is None:
            return ""
        took = figures.duration(end.seconds)
        return self.tr("{0}, stopped").format(took) if end.stopped else took

    def _explanation(self, line: RunLine, is_best: bool) -> str:
        end = line.state.finished
        if end is None:
            return self._explanation_of_rest(line)
        held_out = self.tr("judged by {1} folds {0}") if end.folds else self.tr("validation {0}")
        parts = [held_out.format(figures.accuracy(end.val_accuracy, end.val_interval), end.folds)]
        if end.test_accuracy is not None and end.test_interval is not None:
            parts.append(self.tr("test {0}").format(figures.accuracy(end.test_accuracy, end.test_interval)))
        if line.state.recipe:
            parts.append(strategies.in_words(line.state.recipe))
        if line.when:
            moment = QDateTime.fromSecsSinceEpoch(int(line.when))
            parts.append(QLocale().toString(moment, QLocale.FormatType.ShortFormat))
        parts.append(figures.duration(end.seconds))
        if end.stopped:
            parts.append(self.tr("stopped; its best weights are kept"))
        if is_best:
            by_folds, by_pictures = self.tr("★ the best, by its folds"), self.tr("★ the best on validation pictures")
            parts.append(by_folds if end.folds else by_pictures)
        return " · ".join(parts)

    def _explanation_of_rest(self, line: RunLine) -> str:
        if line.running:
            return self.tr("This run goes on.")
        said = self.tr("This run did not come to its end.")
        if line.unfinished:
            said = self.tr("This run stands still; Go on takes it up exactly where it stands.")
        paused = line.state.paused
        return " ".join(part for part in (said, paused.reason, paused.remedy) if part) if paused else said

    def _explanation_of_note(self, line: RunLine) -> str:
        how = self._why_no_notes or self.tr("Double-click or press F2 to write a note.")
        return plain_tip(f"{line.note}\n{how}" if line.note else how)

    def _announce(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(RunColumn) - 1))


def _number(line: RunLine) -> int:
    return line.run.number


def _best(lines: Sequence[RunLine]) -> int | None:
    """The number of the run with the highest validation accuracy, of equals the latest. Test chooses nothing."""
    ended = [(line.state.finished.val_accuracy, line.run.number) for line in lines if line.state.finished]
    return max(ended)[1] if ended else None


def _alignment(column: RunColumn) -> Qt.AlignmentFlag:
    right = column in (RunColumn.NUMBER, RunColumn.TIME)
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter

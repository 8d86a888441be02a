"""Judge runs that are done: compare two, write a report that a person can pass on, repeat one and say what differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tlstudio.core import comparison, events
from tlstudio.core.comparison import Replayed, ReportWritten
from tlstudio.core.errors import DeviceError, ProjectError
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder
from tlstudio.tasks.training import train

_OF_EACH = {"path", "split", "truth", "label", "probability"}  # what a report tells of a picture


def compare(first: RunFolder, second: RunFolder) -> Iterator[Event]:
    """Which of two runs is better, as far as the pictures both were judged by can tell: one `Compared`.

    Raises:
        ProjectError: one of them is not done, or they were judged by none of the same pictures.
    """
    reports = _report(first), _report(second)
    yield comparison.compared(str(first.folder), str(second.folder), reports)


def write_report(run: RunFolder, target: Path) -> Iterator[Event]:
    """Write all there is to say about a run into one HTML file that needs nothing else; ends with `ReportWritten`.

    Raises:
        ProjectError: the run is not done, or the file cannot be written.
    """
    report = _report(run)
    from tlstudio.engine import html_report

    task = "making the report"
    shown = comparison.mistakes(report)[: html_report.MISTAKES]
    pictures = dict[str, str]()
    for number, mistake in enumerate(shown):
        yield events.Progress(task, number, len(shown))
        pictures[mistake.path] = html_report.picture(Path(mistake.path))
    try:
        page = html_report.page(run, report, pictures).encode(errors="backslashreplace")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = "its report.json, recipe.json or events.jsonl is damaged"
        raise ProjectError(what, path=run.folder, remedy="Repeat the run.") from error
    write_atomically(target, page)
    yield ReportWritten(str(target), len(page))


def replay(project: Project, run: RunFolder, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Repeat a run with its recipe, threads and device, as a new run; then say whether it is the same: `Replayed`.

    The project's pictures are taken as they are now. When it is stopped, `Finished` is the last event.

    Raises:
        ProjectError: the run is not done.
        TLStudioError: as `train`.
    """
    _report(run)
    started = next((e for e in run.history() if isinstance(e, events.RunStarted)), None)
    if started is None:
        raise ProjectError("does not say how it began", path=run.events_file, remedy="Train with the same settings.")
    recipe = Recipe.from_json(started.recipe)
    for event in train(project, recipe, None, _device(started.device), started.threads, stop):
        yield event
        if isinstance(event, events.Finished) and not event.stopped:
            again = RunFolder(Path(event.run))
            yield Replayed(str(again.folder), str(run.folder), *comparison.differences(run, again))


def _device(name: str) -> str:
    """The device a run was on, or the best there is where that one is not here; the differences tell."""
    from tlstudio.engine import device

    try:
        device.choose(name)
    except DeviceError:
        return "auto"
    return name


def _report(run: RunFolder) -> dict[str, Any]:
    """The report of a run that is done.

    Raises:
        ProjectError: there is no such run, or no report, or a damaged one.
    """
    if not run.recipe_file.is_file():
        remedy = "Give the folder of a run: PROJECT/runs/NUMBER-STRATEGY."
        raise ProjectError("is not the folder of a run", path=run.folder, remedy=remedy)
    try:
        report = run.report()
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProjectError("is damaged", path=run.report_file, remedy="Repeat the run.") from error
    if not report:
        raise ProjectError("has not come to its end, so nothing was judged", path=run.folder, remedy="Finish it first.")
    rows = report.get("predictions", []) if isinstance(report, dict) else None
    told = isinstance(rows, list) and all(isinstance(row, dict) and row.keys() >= _OF_EACH for row in rows)
    if not told or not isinstance(report.get("val"), dict):
        raise ProjectError("is damaged", path=run.report_file, remedy="Repeat the run.")
    return report

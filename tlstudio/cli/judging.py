"""`tlstudio compare`, `report` and `replay`: what can be said of runs that are done."""

from __future__ import annotations

from pathlib import Path

import click

from tlstudio import tasks
from tlstudio.cli.options import DONE, INTERRUPTED, PATH, complain, json_option
from tlstudio.core.errors import ProjectError, TrainingFailed
from tlstudio.core.project import Project, is_project
from tlstudio.core.run import RunFolder
from tlstudio.interruption import Interruption
from tlstudio.printing import show


@click.command(short_help="Which of two runs is better, if either.")
@click.argument("first", type=PATH, metavar="RUN")
@click.argument("second", type=PATH, metavar="RUN")
@json_option
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Say which of two RUNs is better, as far as the pictures both were tested with can tell.

    RUN is the folder of a run, PROJECT/runs/NUMBER-STRATEGY.
    """
    show(tasks.compare(RunFolder(first.absolute()), RunFolder(second.absolute())), as_json)


@click.command(short_help="Write what a run came to as one HTML file.")
@click.argument("run", type=PATH)
@click.argument("out", type=PATH, metavar="OUT.html")
@json_option
def report(run: Path, out: Path, as_json: bool) -> None:
    """Write what RUN came to into OUT.html: figures with their intervals, curves, mistakes, recipe, how to repeat it.

    The file needs nothing else: no network, no script, no other file.
    """
    if out.suffix.lower() not in (".html", ".htm") or not out.absolute().parent.is_dir():
        raise click.UsageError("OUT is the name of a file that ends in .html, in a folder that exists.")
    show(tasks.write_report(RunFolder(run.absolute()), out), as_json)


@click.command(short_help="Repeat a run and say what differs.")
@click.argument("run", type=PATH)
@json_option
def replay(run: Path, as_json: bool) -> int:
    """Repeat RUN with its recipe, threads and device in a new run of its project, and name whatever differs.

    On a processor the same pictures, versions and threads give the same weights to the last bit.
    """
    folder = run.absolute()
    project = folder.parent.parent
    if not is_project(project):
        remedy = "Give the folder of a run: PROJECT/runs/NUMBER-STRATEGY."
        raise ProjectError("is not the folder of a run in a project", path=folder, remedy=remedy)
    interrupted = Interruption()
    with Project.open(project, "tlstudio replay") as opened, interrupted:
        try:
            show(tasks.replay(opened, RunFolder(folder), interrupted), as_json)
        except TrainingFailed as error:
            if interrupted():
                return complain(str(error), INTERRUPTED)
            raise
    return INTERRUPTED if interrupted() else DONE

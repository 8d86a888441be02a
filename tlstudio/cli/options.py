"""What the commands have in common: kinds of arguments, shared flags, exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Event
from tlstudio.core.recipe import ModelFile

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class PathType(click.ParamType[Path]):
    """A path that is not empty; whether it exists is the task's to say."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            self.fail("is empty; give a file or a folder.", param, ctx)
        return Path(value)


class BackboneType(click.ParamType["str | Path"]):
    """The name of a backbone, or a model file of one's own."""

    name = "NAME|FILE.tlmodel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        if str(value).lower().endswith(".tlmodel"):
            return Path(value)
        if value not in BACKBONES:
            self.fail(f"there is no {value!r}. Choose a .tlmodel file or one of: {', '.join(BACKBONES)}.", param, ctx)
        return str(value)


PATH = PathType()
BACKBONE = BackboneType()
SEED = click.IntRange(0, 2**31 - 1)
Command = Callable[..., Any]


def complain(text: str, status: int) -> int:
    print(f"tlstudio: {' '.join(text.split())}", file=sys.stderr)
    return status


def json_option(command: Command) -> Command:
    help_ = "Write one JSON object a line to stdout, and nothing else."
    return click.option("--json", "as_json", is_flag=True, help=help_)(command)


def domain_option(command: Command) -> Command:
    help_ = "How close the pictures are to everyday photographs."
    domains = click.Choice(["similar", "different"])
    return click.option("--domain", type=domains, default="similar", show_default=True, help=help_)(command)


def machine_options(command: Command) -> Command:
    for option in (
        click.option("--threads", type=click.IntRange(0), default=0, help="Processor threads; 0 takes all cores."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
    ):
        command = option(command)
    return json_option(command)


def origin_of(given: str | Path) -> tuple[str, ModelFile | None]:
    """The backbone that is meant, and the model file whose weights it takes."""
    if isinstance(given, str):
        return given, None
    start = tasks.model_to_start_from(given)
    return start.backbone, start


def said_of(start: ModelFile | None) -> Iterator[Event]:
    if start:
        classes = ", ".join(start.classes[:10]) + (" …" if len(start.classes) > 10 else "")
        yield events.Said(f"The backbone is that of {start.path}, {start.backbone}, which learned: {classes}.")

"""`tlstudio advise`: which strategy, or which backbone, measured on one's own pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tlstudio import tasks
from tlstudio.cli.options import PATH, domain_option, machine_options
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE
from tlstudio.core.errors import BadRecipe
from tlstudio.core.events import Event
from tlstudio.core.project import Project, is_project
from tlstudio.printing import show


@click.command(short_help="Measure which strategy suits your pictures.")
@click.argument("images", type=PATH, nargs=-1, required=True)
@click.option(
    "--backbone",
    default=DEFAULT_BACKBONE,
    show_default=True,
    help="The pretrained network to ask; `all` compares them.",
)
@domain_option
@machine_options
def advise(images: tuple[Path, ...], backbone: str, domain: Any, device: str, threads: int, as_json: bool) -> None:
    """Measure on IMAGES, as `train` takes them, which strategy suits them. Test pictures are left alone.

    Every stage of the frozen network is asked how well it tells the classes apart, and short trials show what is gained
    once the last stages, or all from the middle on, may learn. It says what the table of sizes and domains would have
    said, too; a class with fewer than 8 pictures, or more than 200 classes, leave it at that.

    `--backbone all` asks every backbone whose weights are here how far a head on it gets instead: accuracy, time a
    picture, size.
    """
    if backbone != "all" and backbone not in BACKBONES:
        raise BadRecipe(f"there is no backbone {backbone!r}", remedy=f"Choose all or one of: {', '.join(BACKBONES)}.")

    def work(project: Project) -> Iterator[Event]:
        if not is_project(images[0]):
            first, *more = images
            yield from tasks.scan(project, first, threads=threads, to_train=True, more=more)
        if backbone == "all":
            yield from tasks.compare_backbones(project, threads=threads, device=device)
        else:
            yield from tasks.advise(project, backbone, domain, threads, device=device)

    with _opened(images) as project:
        show(work(project), as_json)


@contextmanager
def _opened(images: tuple[Path, ...]) -> Iterator[Project]:
    """The project that is meant, or one for the moment."""
    if is_project(images[0]):
        if len(images) > 1:
            raise click.UsageError("One of IMAGES is a project, which has its own pictures; give it alone.")
        with Project.look(images[0]) as project:  # nothing in it is changed, so another program may have it open
            yield project
        return
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder) / "project") as project:
        yield project

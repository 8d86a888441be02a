"""The command line: arguments in, events out (`printing`). It never asks anything."""

from __future__ import annotations

import io
import itertools
import logging
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import platformdirs

from tlstudio import __version__, tasks
from tlstudio.cli.advising import advise
from tlstudio.cli.judging import compare, replay, report
from tlstudio.cli.options import (
    BACKBONE,
    DONE,
    FAILED,
    INTERRUPTED,
    PATH,
    WRONG_USAGE,
    complain,
    json_option,
    machine_options,
    origin_of,
    said_of,
)
from tlstudio.cli.training import train
from tlstudio.core import events
from tlstudio.core.backbones import BACKBONES, DEFAULT_BACKBONE
from tlstudio.core.errors import BadRecipe, TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import STRATEGIES, Changes, make_recipe
from tlstudio.core.tables import saved
from tlstudio.printing import show


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. The one place where every error becomes a line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be valid text
    try:
        return cli.main(arguments, prog_name="tlstudio", standalone_mode=False) or DONE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BadRecipe as error:
        return complain(str(error), WRONG_USAGE)
    except TLStudioError as error:
        return complain(str(error), FAILED)
    except (KeyboardInterrupt, click.Abort):
        return complain("Interrupted. What was saved before stays as it is.", INTERRUPTED)
    except BrokenPipeError:
        return FAILED  # who read our output has gone
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(f"{where}{error.strerror or error}.", FAILED)
    except Exception as error:  # noqa: BLE001  # a fault of ours: one line for the user, the rest to the log
        return complain(f"Something went wrong inside TL Studio ({error}). {_log(error)}", FAILED)


def _log(error: Exception) -> str:
    """Write down what a user need not see; says where."""
    log = platformdirs.user_log_path("tlstudio", appauthor=False) / "errors.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write("".join(traceback.format_exception(error)) + "\n")
    except OSError:
        return f"({log} cannot be written.)"
    return f"Details are in {log}."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tlstudio")
def cli() -> None:
    """Adapt a pretrained image network to your own classes, offline.

    Without a command, `tlstudio [PATH]...` opens the window on a project, a folder of pictures, a model or pictures; a
    window that is open already takes them. `tlstudio --new-window [PATH]...` opens another one.
    """
    logging.getLogger("timm").setLevel(logging.ERROR)
    tasks.find_networks()


for command in (train, advise, compare, report, replay):
    cli.add_command(command)


@cli.command(short_help="Measure a model on labelled pictures.")
@click.argument("model", type=PATH)
@click.argument("images", type=PATH, nargs=-1, required=True)
@click.option("--split", type=click.Choice(["all", "train", "val", "test"]), help="Which part of the pictures.")
@machine_options
def evaluate(
    model: Path, images: tuple[Path, ...], split: str | None, device: str, threads: int, as_json: bool
) -> None:
    """Measure a MODEL on labelled IMAGES: accuracy with its interval, figures per class, confusion, calibration."""
    first, *more = images
    show(tasks.evaluate(model, first, split, device, threads, more), as_json)


@cli.command()
@click.argument("model", type=PATH)
@click.argument("paths", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many labels to rank.")
@click.option("--refuse", type=click.FloatRange(0, 0.5), metavar="SHARE", help="Of known pictures, to call unknown.")
@click.option("--csv", "csv_file", type=PATH, help="Write the answers to this table too.")
@click.option("--sort-into", type=PATH, metavar="DIR", help="Copy each picture into DIR/LABEL; see `unsort`.")
@click.option("--sort-below", type=click.FloatRange(0, 1), help="Copies of less probable ones go into DIR/_unsure.")
@click.option("--dry-run", is_flag=True, help="With --sort-into: say what would be copied, and copy nothing.")
@machine_options
def predict(
    model: Path,
    paths: tuple[str, ...],
    top: int,
    refuse: float | None,
    csv_file: Path | None,
    sort_into: Path | None,
    sort_below: float | None,
    dry_run: bool,
    device: str,
    threads: int,
    as_json: bool,
) -> int:
    """Classify pictures with a MODEL. A folder among PATHS stands for every file in it.

    --sort-into copies what was classified into a folder for each label, and into _unsure what is not like anything the
    model was taught. No picture is moved, no file replaced; `tlstudio unsort DIR` removes the copies again.
    """
    if csv_file and (csv_file.suffix.lower() != ".csv" or not csv_file.absolute().parent.is_dir()):
        raise click.UsageError("--csv takes the name of a file that ends in .csv, in a folder that exists.")
    if sort_into is None and (dry_run or sort_below is not None):
        raise click.UsageError("--dry-run and --sort-below go with --sort-into.")
    if sort_into and not (sort_into.is_dir() or (sort_into.absolute().parent.is_dir() and not sort_into.exists())):
        raise click.UsageError("--sort-into takes a folder, or the name of a new one in a folder that exists.")
    counts, answers = Counter[bool](), list[events.Predicted]()

    def noted(task: Iterator[Event]) -> Iterator[Event]:
        for event in task:
            if isinstance(event, events.Predicted):
                counts[event.ok] += 1
                if sort_into:
                    answers.append(replace(event, top=()))
            yield event

    task = noted(tasks.predict(model, paths, top, device, threads, refuse))
    show(saved(csv_file, task) if csv_file else task, as_json)
    if not counts:
        return complain(f"There is nothing to classify in {', '.join(paths[:3])}.", FAILED)
    if not counts[True]:
        what = f"None of {counts[False]} files could be classified; each has its reason above."
        return complain(what, FAILED)
    if sort_into:
        sort = tasks.plan_sorting if dry_run else tasks.sort_copies
        show(sort(answers, sort_into, sort_below or 0.0), as_json)
    return DONE


@cli.command(short_help="Take sorted copies away again.")
@click.argument("folder", metavar="DIR", type=PATH)
@json_option
def unsort(folder: Path, as_json: bool) -> None:
    """Remove the copies that the last `predict --sort-into DIR` made, and the folders it made if nothing else is there.

    A copy that was changed since then is kept, and so is one whose original is gone. Works as well when the sorting was
    stopped half-way.
    """
    show(tasks.undo_sorting(folder), as_json)


@cli.command(short_help="Hand a model over to other programs.")
@click.argument("model", type=PATH)
@click.argument("out", type=PATH)
@click.option(
    "--format", "format_", type=click.Choice(["onnx"]), default="onnx", show_default=True, help="Of the file."
)
@json_option
def export(model: Path, out: Path, format_: str, as_json: bool) -> None:
    """Write a MODEL for other programs into the folder OUT: model.onnx, labels, golden pictures, a checker.

    The export is asked about the same pictures as the model, and refused if it answers differently. OUT is a new or an
    empty folder, or an earlier export, which is replaced.
    """
    show(tasks.export(model, out, format_), as_json)


@cli.command(short_help="Say what a path holds.")
@click.argument("path", type=PATH, nargs=-1, required=True)
@click.option("--doubts", is_flag=True, help="Of pictures: judge also the labels, and what gives the classes away.")
@json_option
def inspect(path: tuple[Path, ...], doubts: bool, as_json: bool) -> None:
    """Say what PATH holds: pictures and what is wrong with them, a project, a run, or a model.

    Several PATHs are looked at as one set of pictures.
    """
    first, *more = path
    show(tasks.inspect(first, more, doubts=DEFAULT_BACKBONE if doubts else ""), as_json)


@cli.command(short_help="Show what is frozen and what learns.")
@click.argument("origin", metavar="BACKBONE", type=BACKBONE)
@click.option("--classes", type=click.IntRange(2, 10_000), help="2 by default, or those of the model.")
@click.option("--strategy", type=click.Choice(list(STRATEGIES)), help="Show its last phase.")
@click.option("--train-from", metavar="STAGE", help="First stage that learns.")
@click.option("--freeze", metavar="NAME", multiple=True, help="Keep this stage or layer frozen; may be repeated.")
@click.option("--gradual", is_flag=True, help="List the phases in which one more stage learns at a time.")
@json_option
def outline(
    origin: str | Path,
    classes: int | None,
    strategy: str | None,
    train_from: str | None,
    freeze: tuple[str, ...],
    gradual: bool,
    as_json: bool,
) -> None:
    """Show a BACKBONE's stages: what is frozen, what learns, at which rate, and what it has learned before.

    A model of your own may stand for its backbone.
    """
    if strategy and train_from:
        raise click.UsageError("Give --strategy or --train-from, not both.")
    tunes = train_from or freeze or gradual
    chosen = strategy or ("fine-tune-last" if tunes else "feature-extraction")
    name, start = origin_of(origin)
    recipe = make_recipe(name, chosen, Changes(train_from=train_from, freeze=freeze, gradual=gradual, start=start))
    outputs = classes or (len(start.classes) if start else 2)
    show(itertools.chain(said_of(start), tasks.outline(name, outputs, *recipe.phases)), as_json)


@cli.group()
def weights() -> None:
    """Pretrained weights: what is here, and bringing in what is not."""


@weights.command("list")
@json_option
def weights_list(as_json: bool) -> None:
    """Where each backbone's weights are on this machine, and whether they are what their names say."""
    show(tasks.weights_list(check=True), as_json)


@weights.command("import", short_help="Bring in a file of weights, or a pack.")
@click.argument("file", type=PATH)
@click.option("--timm", "timm_name", metavar="NAME", default="", help="Take FILE as the weights of this timm network.")
@json_option
def weights_import(file: Path, timm_name: str, as_json: bool) -> None:
    """Copy a FILE of weights, or those in a pack, into the program's folder, if their SHA-256 is a known one.

    With --timm FILE is a safetensors file with the weights of any network of timm's, which is then the backbone
    timm/NAME. NAME may have a tag (resnet26.bt_in1k), which says how its pictures are prepared.
    """
    show(tasks.weights_import(file, timm_name), as_json)


@weights.command("fetch")
@click.argument("name", metavar="NAME", type=click.Choice(list(BACKBONES)))
@json_option
def weights_fetch(name: str, as_json: bool) -> None:
    """Download the weights of backbone NAME, as `weights list` writes it.

    Only this and `weights pack --fetch` use the network.
    """
    show(tasks.weights_fetch(name), as_json)


@weights.command("pack", short_help="Gather weights for another computer.")
@click.argument("out", type=PATH, metavar="OUT.zip")
@click.argument("names", nargs=-1, type=BACKBONE, metavar="[NAME]...")
@click.option("--fetch", is_flag=True, help="Download what is not on this machine; says first what and how large.")
@json_option
def weights_pack(out: Path, names: tuple[str | Path, ...], fetch: bool, as_json: bool) -> None:
    """Write the weights of backbones NAME into one zip file, to import on a machine without internet.

    Without NAME: of all backbones whose weights can be had.
    """
    if out.suffix.lower() != ".zip" or not out.absolute().parent.is_dir():
        raise click.UsageError("OUT is the name of a file that ends in .zip, in a folder that exists.")
    if any(isinstance(name, Path) for name in names):
        raise click.UsageError("A pack holds the weights of backbones, by their names; a model is carried as it is.")
    show(tasks.weights_pack(out, [str(name) for name in names], fetch), as_json)


@cli.command(short_help="The whole job on a sample.")
@click.option("--project", type=PATH, help="Keep pictures and runs in this folder; a temporary one otherwise.")
@machine_options
def demo(project: Path | None, device: str, threads: int, as_json: bool) -> None:
    """The whole job on the sample: solar cells, functional or defective; drawn shapes where those are not installed."""
    with Project.open(project, "tlstudio demo") if project else Project.temporary() as opened:
        try:
            show(tasks.demo(opened, device, threads), as_json)
        except (TLStudioError, OSError, KeyboardInterrupt):
            if project is None:  # nobody was told where it lies
                shutil.rmtree(opened.folder, ignore_errors=True)
            raise

"""`tlstudio train`: pictures and flags in, a model out."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tlstudio import tasks
from tlstudio.cli.options import (
    BACKBONE,
    DONE,
    INTERRUPTED,
    PATH,
    SEED,
    complain,
    domain_option,
    machine_options,
    origin_of,
    said_of,
)
from tlstudio.cli.resuming import run_to_resume
from tlstudio.core import events
from tlstudio.core.advice import Advised, from_table
from tlstudio.core.backbones import DEFAULT_BACKBONE, backbone
from tlstudio.core.catalogue import class_names
from tlstudio.core.errors import BadRecipe, TLStudioError, TrainingFailed
from tlstudio.core.events import Event
from tlstudio.core.preprocessing import FITS
from tlstudio.core.project import Project, is_project
from tlstudio.core.recipe import STRATEGIES, Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder, unfinished
from tlstudio.interruption import Interruption
from tlstudio.printing import show


@click.command()
@click.argument("images", type=PATH, nargs=-1, required=True)
@click.option("--project", type=PATH, help="Keep pictures and runs in this folder; a temporary one otherwise.")
@click.option("--model", type=PATH, help="Where the .tlmodel goes; into the run's folder otherwise.")
@click.option(
    *["--backbone", "origin"],
    type=BACKBONE,
    default=DEFAULT_BACKBONE,
    show_default=True,
    help="The pretrained network to start from, or a model of your own.",
)
@click.option(
    "--strategy",
    type=click.Choice(["auto", *STRATEGIES]),
    default="auto",
    show_default=True,
    help="What learns; auto is what `tlstudio advise` answers.",
)
@domain_option
@click.option("--train-from", metavar="STAGE", help="First stage that learns in the last phase.")
@click.option("--freeze", metavar="NAME", multiple=True, help="Keep this stage or layer frozen; may be repeated.")
@click.option("--warmup-epochs", type=int, help="Epochs of the head alone before fine-tuning; 0 skips it.")
@click.option("--epochs", type=int, help="Epochs of the last phase.")
@click.option("--head-lr", type=float, help="Learning rate of the head.")
@click.option("--backbone-lr", type=float, help="Learning rate of the late stages (of all, where they are alike).")
@click.option("--early-lr", type=float, help="Learning rate of the early stages.")
@click.option("--batch-size", type=int, help="Pictures a step; 32 by default.")
@click.option("--weight-decay", type=float, help="On weights, not on norms and biases; 0.01 by default.")
@click.option("--gradual", is_flag=True, help="Let one more stage learn at a time, for an epoch each, the last first.")
@click.option("--augment", type=click.Choice(["none", "light", "strong"]), help="Random variations while fine-tuning.")
@click.option(
    "--fit", type=click.Choice(FITS), help="How a picture becomes square; by default as in the weights' training."
)
@click.option("--bn", type=click.Choice(["pinned", "frozen", "adaptive"]), help="What BatchNorm may change.")
@click.option("--val", type=PATH, metavar="IMAGES", help="Pictures to validate on.")
@click.option(
    "--val-fraction",
    type=click.FloatRange(0.01, 0.8),
    default=0.15,
    show_default=True,
    help="Share of each class to validate on, where the folders give none.",
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 0.8),
    default=0.15,
    show_default=True,
    help="Share of each class to test on once, at the end.",
)
@click.option("--split-seed", type=SEED, default=0, show_default=True, help="Which pictures go where.")
@click.option(
    "--folds",
    type=click.IntRange(2, 1000),
    help="Judge by so many folds, then learn from all pictures but the test ones.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="The new head, the order, the variations.")
@click.option("--resume", "goes_on", is_flag=True, help="Go on with the project's unfinished run, if there is one.")
@machine_options
@click.pass_context
def train(
    context: click.Context,
    /,
    images: tuple[Path, ...],
    project: Path | None,
    model: Path | None,
    origin: str | Path,
    strategy: str,
    domain: Any,
    val: Path | None,
    val_fraction: float,
    test_fraction: float,
    split_seed: int,
    folds: int | None,
    device: str,
    threads: int,
    as_json: bool,
    goes_on: bool,
    freeze: tuple[str, ...],
    **changes: Any,
) -> int:
    """Train a classifier on IMAGES.

    IMAGES is a folder of class folders, one with train, val or test above them, a CSV of path,label[,split], or a
    project. Classes of the same name in several IMAGES are joined.

    With --strategy auto the pictures are measured first, as `tlstudio advise` does: half a minute to two for a few
    hundred of them, less where a head is enough. Name a strategy to save that.

    Ctrl-C ends the training and keeps the best weights so far. A second Ctrl-C, a kill or a power cut ends it at once,
    and --resume goes on from where it stood less than half a minute before; SIGTERM stands still at the next batch.
    """
    given = _given(context)
    _check_given(given, images, val_fraction + test_fraction)
    name, start = origin_of(origin)
    wanted = Changes(freeze=freeze, start=start, folds=folds or 0, **changes)
    # Contradictions and numbers out of range show before any picture is read.
    likely = "fine-tune-last" if _is_about_fine_tuning(wanted) else "feature-extraction"
    _recipe(name, likely if strategy == "auto" else strategy, wanted, domain)
    first, *more = images
    if is_project(first):
        project = first
    if goes_on and project is None:
        raise click.UsageError("--resume goes on with a run of a project; say which with --project.")
    interrupted = Interruption()
    with (
        Project.open(project, "tlstudio train") if project else Project.temporary() as opened,
        _discarded_if_useless(opened, project),
    ):

        def work() -> Iterator[Event]:
            yield from said_of(start)
            if project is None and model is None:
                yield events.Said(f"The model will lie in {opened.folder}; --model or --project keeps it elsewhere.")
            if not is_project(first):
                rule = tasks.split_rule(val_fraction, test_fraction, split_seed)
                yield from tasks.scan(opened, first, rule, val, threads, to_train=True, more=more)
            chosen = strategy
            if strategy == "auto":
                chosen = yield from _advised(opened, name, wanted, domain, (device, threads))
            recipe = _recipe(name, chosen, wanted, domain)
            with interrupted:
                yield from tasks.train(opened, recipe, model, device, threads, interrupted, interrupted.asks_to_pause)

        def rest(run: RunFolder) -> Iterator[Event]:
            with interrupted:
                yield from tasks.resume(opened, run, interrupted, interrupted.asks_to_pause, threads or None)

        run = run_to_resume(opened, given, images) if goes_on else None
        return _shown(rest(run) if run else work(), opened, interrupted, as_json)


def _shown(task: Iterator[Event], opened: Project, interrupted: Interruption, as_json: bool) -> int:
    """Show a training; returns the exit status."""
    try:
        show(task, as_json)
    except TrainingFailed as error:
        if interrupted():
            return complain(str(error), INTERRUPTED)
        raise
    except KeyboardInterrupt:
        if unfinished(opened.folder):
            return complain(f"Interrupted. Go on with: tlstudio train {opened.folder} --resume", INTERRUPTED)
        raise
    return INTERRUPTED if interrupted() or interrupted.asks_to_pause() else DONE


def _given(context: click.Context) -> dict[str, Any]:
    """The flags that were given, by name."""
    found = context.params.items()
    return {n: v for n, v in found if context.get_parameter_source(n) is not ParameterSource.DEFAULT}


def _check_given(given: Mapping[str, Any], images: Sequence[Path], held_out: float) -> None:
    """Refuse flags that contradict each other or the kind of IMAGES. held_out: share not to train on."""
    if "folds" in given and ("val" in given or "val_fraction" in given):
        raise click.UsageError("With --folds there is no part to validate on; leave --val and --val-fraction out.")
    if not held_out < 0.95:  # so that "nan" is refused too
        raise click.UsageError("--val-fraction and --test-fraction leave nothing to train on.")
    if given.get("model") is not None and given["model"].suffix != ".tlmodel":
        raise click.UsageError("--model takes the name of a file that ends in .tlmodel.")
    if not any(is_project(path) for path in images):
        return
    if len(images) > 1:
        raise click.UsageError("One of IMAGES is a project, which has its own pictures; give it alone.")
    for name in ("project", "val", "val_fraction", "test_fraction", "split_seed"):
        if name in given:
            flag = "--" + name.replace("_", "-")
            raise click.UsageError(f"IMAGES is a project, whose pictures and splits are set; leave {flag} out.")


def _recipe(name: str, strategy: str, wanted: Changes, domain: Any) -> Recipe:
    recipe = make_recipe(name, strategy, wanted, domain)
    cut = recipe.phases[-1].train_from
    stages = backbone(name).stages
    learning = stages[[stage.name for stage in stages].index(cut) :]
    if wanted.early_lr is not None and all(stage.rate != "early" for stage in learning):
        raise BadRecipe(f"--early-lr does nothing: no early stage learns from {cut} on", remedy="Leave it out.")
    return recipe


@contextmanager
def _discarded_if_useless(opened: Project, asked_for: Path | None) -> Iterator[None]:
    """Remove a temporary project that came to nothing; nobody would look for it."""
    try:
        yield
    except (TLStudioError, KeyboardInterrupt):
        if asked_for is None and not opened.runs():
            shutil.rmtree(opened.folder, ignore_errors=True)
        raise


def _advised(
    project: Project, name: str, wanted: Changes, domain: Any, machine: tuple[str, int]
) -> Generator[Event, None, str]:
    """The advised strategy, or what the given flags only make sense for; where they settle it nothing is measured."""
    device, threads = machine
    pictures = project.catalogue.readable("train")
    advice = from_table(len(pictures), len(class_names(pictures)), domain)
    if wanted.train_from == "head" or _is_about_fine_tuning(wanted) or wanted.start:
        yield advice
    else:
        for event in tasks.advise(project, name, domain, threads, device=device):
            advice = event if isinstance(event, Advised) else advice
            yield event
    if wanted.train_from == "head" and advice.strategy != "feature-extraction":
        yield events.Said("Only the head is to learn, so the strategy is feature-extraction.")
        return "feature-extraction"
    if advice.strategy == "feature-extraction" and _is_about_fine_tuning(wanted):
        yield events.Said("Your flags are about fine-tuning, so the strategy is fine-tune-last.")
        return "fine-tune-last"
    return advice.strategy


def _is_about_fine_tuning(wanted: Changes) -> bool:
    rates = (wanted.warmup_epochs, wanted.backbone_lr, wanted.early_lr)
    given = any(rate is not None for rate in rates) or bool(wanted.freeze) or wanted.bn == "adaptive" or wanted.gradual
    return given or wanted.train_from not in (None, "head")

"""`--resume`: find the run to go on with, and refuse flags that mean another one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from tlstudio.core import events
from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder, unfinished
from tlstudio.core.sources import sources_of


def run_to_resume(opened: Project, given: Mapping[str, Any], images: Iterable[Path]) -> RunFolder | None:
    """The project's unfinished run; None where there is none. given: the flags a person gave, by name.

    Raises:
        UsageError: a flag contradicts how that run was begun.
    """
    run = unfinished(opened.folder)
    if run is None:
        return None
    state, standing = run.state(), run.standing()
    if state.recipe is None or standing is None:
        return run  # damaged; whoever goes on with it says so
    places = {each.path for each in sources_of(opened)}
    for path in (*images, *([given["val"]] if given.get("val") else [])):
        if path.absolute() != opened.folder and str(path.absolute()) not in places:
            raise click.UsageError(f"{_named(run)} was not begun with {path}. {_WAYS_OUT}")
    began = next((e for e in run.history() if isinstance(e, events.RunStarted)), None)
    here = {
        **_settings(state.recipe),
        **_split(opened),
        "model": standing.model or str(run.model_file),
        "device": began.device if began else "",
    }
    for name, value in given.items():
        if name in here and not _agrees(name, value, here[name]):
            flag = "--" + {"origin": "backbone"}.get(name, name).replace("_", "-")
            has = "not that" if isinstance(here[name], tuple) else here[name]
            raise click.UsageError(f"{flag} contradicts {_named(run)}, which has {has}. {_WAYS_OUT}")
    return run


_WAYS_OUT = "Leave that out to go on with it, or leave --resume out to train anew."


def _named(run: RunFolder) -> str:
    return f"the unfinished run {run.folder.name}"


def _settings(recipe: Recipe) -> dict[str, Any]:
    """What a run has where a flag could say otherwise, by the flag's name."""
    last = recipe.phases[-1]
    return {
        "origin": recipe.start.path if recipe.start else recipe.backbone,
        "warmup_epochs": recipe.phases[0].epochs if len(recipe.phases) > 1 else 0,
        "freeze": last.frozen,
        **{name: getattr(recipe, name) for name in ("strategy", "domain", "batch_size", "fit", "folds", "seed")},
        **{name: getattr(last, name) for name in ("train_from", "epochs", "head_lr", "backbone_lr", "early_lr")},
        **{name: getattr(last, name) for name in ("augment", "bn")},
    }


def _split(opened: Project) -> dict[str, Any]:
    rule = json.loads(opened.catalogue.fact("split_rule") or "{}")
    return {("split_seed" if name == "seed" else name): value for name, value in rule.items()}


def _agrees(name: str, value: Any, has: Any) -> bool:
    if value == "auto":  # strategy and device: whatever was chosen
        return True
    if isinstance(value, Path):
        return bool(str(value.absolute()) == has)
    if name == "folds":
        return bool(value >= has > 0)  # there may be fewer than asked for
    if isinstance(value, Collection) and not isinstance(value, str):
        return set(value) <= set(has)
    return bool(value == has)

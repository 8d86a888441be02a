"""A run from its first event to its last, kept in its folder as it goes: to the end, or until it pauses."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tlstudio.core import events, groups
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import ProjectError, TLStudioError, TrainingFailed, TrainingPaused
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.run import RunFolder
from tlstudio.tasks.concluding import Order, conclude

if TYPE_CHECKING:
    from tlstudio.engine.training import Fit


def carry_out(order: Order, job: Fit, opening: Sequence[Event]) -> Iterator[Event]:
    """Train, judge and write the model; every event is recorded before it is said. opening: what is said first.

    Raises:
        TrainingPaused: it cannot go on as things are; `RunPaused` was said before.
        TLStudioError: it cannot go on at all.
    """
    from tlstudio.engine.features import Stopped
    from tlstudio.engine.memory import TOO_LITTLE_MEMORY, OutOfMemory, is_about_memory, out_of_memory
    from tlstudio.engine.missing import PicturesGone
    from tlstudio.engine.training import Paused

    run, skipped = job.run, set[str]()
    try:
        for event in itertools.chain(opening, _train(order, job)):
            if isinstance(event, events.PictureSkipped):
                if event.path in skipped:
                    continue  # each phase meets it again; once is enough to say it
                skipped.add(event.path)
            run.record(event)
            if isinstance(event, events.Finished):
                run.sync_history()
                run.drop_checkpoints()
            yield event
    except (Paused, Stopped):
        yield _stands_still(run)
    except (ProjectError, PicturesGone, OutOfMemory) as error:
        yield from _cannot_go_on(run, error)
    except TrainingFailed:
        run.drop_checkpoints()  # going on would only lead there again
        raise
    except TOO_LITTLE_MEMORY as error:
        if not is_about_memory(error):
            raise
        yield from _cannot_go_on(run, out_of_memory(job.device))


def _cannot_go_on(run: RunFolder, error: TLStudioError) -> Iterator[Event]:
    """Say that the run pauses, and why."""
    if not run.standing():
        raise error  # there is nothing to go on with
    remedy = error.remedy
    if isinstance(error, ProjectError):
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)
        room = f"Free some space in {run.folder}, at least {_megabytes(run)} MB" if full else "See to it that it can be"
        remedy = f"{room}, then continue the run: what it has learned is kept."
    stands = TrainingPaused(error.what, path=error.path, remedy=remedy)
    yield _stands_still(run, str(TrainingPaused(error.what, path=error.path)), remedy)
    raise stands from error


def _megabytes(run: RunFolder) -> int:
    """What the run writes next takes about this much."""
    sizes = [path.stat().st_size for path in (run.last_file, run.previous_file, run.best_file) if path.exists()]
    return max(1, round(2 * max(sizes) / 1e6))


def _stands_still(run: RunFolder, reason: str = "", remedy: str = "") -> events.RunPaused:
    standing = run.standing()
    place = (standing.phase, standing.epoch) if standing else (1, 1)
    paused = events.RunPaused(str(run.folder), *place, reason, remedy)
    with suppress(ProjectError):  # on a full disk the last event may be missing
        run.record(paused)
    return paused


def _train(order: Order, job: Fit) -> Iterator[Event]:
    from tlstudio.engine import crossvalidation
    from tlstudio.engine.training import begin, fit

    folds = None
    if job.recipe.folds:
        if not job.checkpoint:
            begin(job)
        yield events.Said(f"All {len(job.train)} pictures but the test ones are dealt into {job.recipe.folds} folds.")
        folds = yield from crossvalidation.out_of_fold(job, _split_seed(order.project))
        yield events.Said(f"Now learning from all {len(job.train)} pictures, just as the folds did.")
    yield from fit(job)
    report = yield from job.watched(conclude(order, job, folds))
    accuracies = [report[name] for name in ("val", "test")]
    yield events.Finished(
        model=str(order.model_file),
        project=str(order.project.folder),
        run=str(job.run.folder),
        val_accuracy=accuracies[0]["accuracy"],
        val_interval=tuple(accuracies[0]["interval"]),
        test_accuracy=accuracies[1]["accuracy"] if accuracies[1] else None,
        test_interval=tuple(accuracies[1]["interval"]) if accuracies[1] else None,
        classes=job.classes,
        seconds=time.monotonic() - order.started,
        stopped=job.stopped,
        folds=order.recipe.folds,
    )


def _split_seed(project: Project) -> int:
    return int(json.loads(project.catalogue.fact("split_rule") or "{}").get("seed", 0))


def in_use(project: Project) -> list[Picture]:
    """The pictures a run is about, in an order that stays when the project moves with its own copies of them."""
    return sorted((p for p in groups.of(project.catalogue) if p.used), key=lambda p: _name_in(project, p))


def _name_in(project: Project, picture: Picture) -> str:
    """A picture's path, from the project's folder on where it lies there."""
    folder = str(project.folder) + os.sep
    return picture.path.removeprefix(folder)


def may_go(pictures: Sequence[Picture]) -> int:
    """How many of a run's pictures may vanish or change while it goes on: 1 %, but one in any case."""
    return max(1, len(pictures) // 100)


def terms_of(pictures: Iterable[Picture], order: Order, run: RunFolder) -> dict[str, Any]:
    """What must not change while a run stands, as digests; and where its model goes, unless into its folder."""
    here = sorted(pictures, key=lambda p: _name_in(order.project, p))
    return {
        "recipe": _digest(order.recipe.to_json()),
        "files": _digest([(_name_in(order.project, p), p.digest) for p in here]),
        "labels": _digest([p.label for p in here]),
        "splits": _digest([(p.split, p.group) for p in here]),
        "weights": order.origin["sha256"],
        "model": "" if order.model_file == run.model_file else str(order.model_file.absolute()),
    }


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()

"""The run that goes on: begun, paused, gone on with, stopped; and what waits for its turn after it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.errors import TLStudioError, TrainingFailed
from tlstudio.core.pace import Pace
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui.job import Job, Stop

Work = Callable[[Stop, Stop], Iterator[events.Event]]


@dataclass(frozen=True)
class Order:
    """One thing to run. work: called on the thread with the questions "should I stop?" and "should I pause?".

    run, state: of the run it goes on with; without them it begins a new one. can_pause: it can be paused.
    """

    work: Work
    run: RunFolder | None = None
    state: RunState = field(default_factory=RunState)
    can_pause: bool = True


class RunControl(QObject):
    """Runs orders one after another, each in a Job, and knows how far the one that goes on is.

    Signals:
        begun: an order's turn has come; `run` is the one it goes on with, if any.
        reported: an event of the run, already part of `state` and `pace`.
        failed: the TLStudioError that ended a run; not where a person stopped it before there was anything to keep.
        ended: the run has ended, whichever way; the next one that waits, if any, begins after this.

    Attributes:
        state, pace: of the run that goes on, or that ended last. run: its folder, once it has one.
        remembered: (backbone, cut) of features it read from the cache without computing any.
        stop_asked, pause_asked: whether a person asked it to. can_pause: whether it can be paused.
    """

    begun = Signal()
    reported = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._owner = owner
        self._job: Job | None = None
        self._waiting: deque[Order] = deque()
        self._pause = threading.Event()
        self.forget()

    def forget(self) -> None:
        """Know nothing of the last run any more."""
        self.state, self.pace = RunState(), Pace()
        self.run: RunFolder | None = None
        self.remembered: set[tuple[str, str]] = set()
        self.stop_asked = False
        self.can_pause = True
        self._pause.clear()

    @property
    def pause_asked(self) -> bool:
        return self._pause.is_set()

    @property
    def waiting(self) -> int:
        """How many more wait for their turn."""
        return len(self._waiting)

    def is_busy(self) -> bool:
        return self._job is not None

    def start(self, orders: Sequence[Order]) -> None:
        """Run these one after another; the caller has seen to it that nothing runs."""
        self._waiting.extend(orders)
        self._start_next()

    def stop(self) -> None:
        """Ask the run to end, keeping its best; what waits does not begin."""
        self._waiting.clear()
        if self._job and not self.stop_asked:
            self.stop_asked = True
            self._job.stop()

    def pause(self) -> None:
        """Ask the run to put itself on disk and stand still; what waits does not begin."""
        self._waiting.clear()
        if self._job:
            self._pause.set()

    def shut_down(self) -> None:
        """Stop, and return when nothing runs any more."""
        self.stop()
        if self._job:
            self._job.wait()

    def _start_next(self) -> None:
        self.forget()
        order = self._waiting.popleft()
        self.run, self.state, self.can_pause = order.run, order.state, order.can_pause
        # It ends by itself when asked to, keeping the best weights; closing it would lose them.
        work = partial(_with_pause, order.work, self._pause.is_set)
        self._job = Job(work, self._owner, closes_on_stop=False)
        self._job.reported.connect(self._take_event)
        self._job.failed.connect(self._take_failure)
        self._job.finished.connect(self._end)
        self._job.start()
        self.begun.emit()

    @Slot(object)
    def _take_event(self, event: events.Event) -> None:
        self.state = self.state.after(event)
        self.pace = self.pace.after(event, time.monotonic())
        match event:
            case events.RunStarted():
                self.run = RunFolder(Path(event.run))
            case events.PhaseStarted():
                # Of a run that goes on, a part of the phase was done before.
                done = tuple(epoch for epoch in self.state.epochs if epoch.phase == event.phase)
                self.pace = replace(self.pace, epochs=done)
            case events.FeaturesReady() if not event.computed and self.state.recipe:
                self.remembered.add((self.state.recipe.backbone, event.train_from))
        self.reported.emit(event)

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._waiting.clear()
        # Stopped before there was anything to keep: what the person asked for, not a fault.
        if not (self.stop_asked and isinstance(error, TrainingFailed) and not self.state.epochs):
            self.failed.emit(error)

    @Slot()
    def _end(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()
        self.ended.emit()
        if self._waiting and self._job is None:
            self._start_next()


def _with_pause(work: Work, pause: Stop, stop: Stop) -> Iterator[events.Event]:
    yield from tasks.load_engine()
    yield from work(stop, pause)


def new_run(project: Project, recipe: Recipe, device: str) -> Order:
    """To train by a recipe."""
    return Order(partial(_train, project, recipe, device))


def from_model(project: Project, recipe: Recipe, model: Path, device: str) -> Order:
    """To train by a recipe, starting from what a model of one's own has learned."""
    return Order(partial(_train_from, project, recipe, model, device))


def going_on(project: Project, run: RunFolder, state: RunState) -> Order:
    """To go on with an unfinished run, exactly where it stands."""
    return Order(partial(_resume, project, run), run, state)


def exact_repeat(project: Project, run: RunFolder) -> Order:
    """To repeat a finished run as it was, and see whether it comes to the same."""
    return Order(partial(_replay, project, run), can_pause=False)


def strategies_to_compare(recipe: Recipe) -> tuple[Recipe, ...]:
    """The head alone, and the last stages with it; all else as in a recipe, such as its network, seed and folds.

    Raises:
        BadRecipe: its network is not known here.
    """
    kept = Changes(
        batch_size=recipe.batch_size, seed=recipe.seed, start=recipe.start, folds=recipe.folds, fit=recipe.fit
    )
    names = ("feature-extraction", "fine-tune-last")
    return tuple(make_recipe(recipe.backbone, name, kept, recipe.domain) for name in names)


def _train(project: Project, recipe: Recipe, device: str, stop: Stop, pause: Stop) -> Iterator[events.Event]:
    something_to_keep = False
    started = tasks.train(project, recipe, device=device, stop=stop, pause=pause)
    with closing(cast("Generator[events.Event, None, None]", started)) as run:
        for event in run:
            yield event
            something_to_keep |= isinstance(event, events.CheckpointSaved)
            if stop() and not something_to_keep:
                return  # reading thousands of pictures to its end would keep nothing


def _train_from(
    project: Project, recipe: Recipe, model: Path, device: str, stop: Stop, pause: Stop
) -> Iterator[events.Event]:
    start = tasks.model_to_start_from(model)
    yield from _train(project, replace(recipe, start=start), device, stop, pause)


def _resume(project: Project, run: RunFolder, stop: Stop, pause: Stop) -> Iterator[events.Event]:
    yield from tasks.resume(project, run, stop=stop, pause=pause)


def _replay(project: Project, run: RunFolder, stop: Stop, _pause: Stop) -> Iterator[events.Event]:
    yield from tasks.replay(project, run, stop)

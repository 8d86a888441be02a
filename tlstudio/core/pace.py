"""How a run gets on: folded from its events and the times they came, so that a panel and a test read the same."""

from collections import deque
from dataclasses import dataclass, field, replace

from tlstudio.core.events import EpochDone, Event, PhaseStarted, Progress

_REMEMBERED_SECONDS = 8.0


@dataclass(frozen=True)
class Pace:
    """Where a run is and how fast it goes. `after` makes the next one.

    task: what goes on, as the event says it. done, total: of that task, in pictures. per_second: pictures, over the
    last seconds; 0 while unknown. learning: whether the task is an epoch, not a preparation.
    """

    phase: PhaseStarted | None = None
    task: str = ""
    done: int = 0
    total: int = 0
    learning: bool = False
    epochs: tuple[EpochDone, ...] = ()
    per_second: float = 0.0
    _seen: tuple[tuple[float, int], ...] = field(default=(), repr=False)

    def after(self, event: Event, now: float) -> "Pace":
        """The pace once an event has come. now: seconds on a clock that only goes forward."""
        match event:
            case PhaseStarted():
                return Pace(phase=event)
            case EpochDone():
                rate = self.total / event.seconds if event.seconds > 0 else 0.0
                return replace(self, epochs=(*self.epochs, event), done=0, per_second=rate, _seen=())
            case Progress():
                return self._after_progress(event, now)
        return self

    @property
    def epoch(self) -> int:
        """The epoch that goes on, from 1; 0 before the first."""
        if self.phase is None or not self.learning:
            return 0
        return min(len(self.epochs) + 1, self.phase.epochs)

    @property
    def fraction(self) -> float:
        """How much of the current stretch is done, 0..1: of the phase's epochs, or of what goes before or after."""
        part = self.done / self.total if self.total else 0.0
        if self.learning and self.phase:
            return min(1.0, (len(self.epochs) + part) / self.phase.epochs)
        return part

    @property
    def seconds_left(self) -> float | None:
        """Until the current stretch ends, at most (a phase may end early); None while unknown."""
        part = self.done / self.total if self.total else 0.0
        if self.learning and self.phase and self.epochs:
            mean = sum(epoch.seconds for epoch in self.epochs) / len(self.epochs)
            return max(0.0, mean * (self.phase.epochs - len(self.epochs) - part))
        if self.per_second <= 0:
            return None
        rounds = self.phase.epochs if self.learning and self.phase else 1
        return (rounds * self.total - self.done) / self.per_second

    def _after_progress(self, event: Progress, now: float) -> "Pace":
        same = event.task == self.task and event.done >= self.done
        seen = deque(self._seen if same else ())
        seen.append((now, event.done))
        while now - seen[0][0] > _REMEMBERED_SECONDS and len(seen) > 2:
            seen.popleft()
        (then, before), (last, done) = seen[0], seen[-1]
        # In an epoch's first moments the last epoch is the better guide.
        rate = (done - before) / (last - then) if last - then > 0.5 else self.per_second if same or self.epochs else 0.0
        learning = self.phase is not None and event.task.startswith("phase ")
        return replace(
            self,
            task=event.task,
            done=event.done,
            total=event.total,
            learning=learning,
            per_second=rate,
            _seen=tuple(seen),
        )

"""How a run gets on: folded from its events and the times they came, so that a panel and a test read the same."""

from collections import deque
from dataclasses import dataclass, field, replace

from tlstudio.core.events import EpochDone, Event, PhaseStarted, Progress

_REMEMBERED_SECONDS = 8.0
# A wait is taken for a computer that slept if it is as long as this, and as many times as long as all waits before it.
_SLEPT_SECONDS, _SLEPT_TIMES = 60.0, 20.0


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
    _longest: float = field(default=0.0, repr=False)
    _slept: float = field(default=0.0, repr=False)

    def after(self, event: Event, now: float) -> "Pace":
        """The pace once an event has come. now: seconds on a clock that only goes forward."""
        match event:
            case PhaseStarted():
                return Pace(phase=event)
            case EpochDone():
                # Some systems' clocks go on while the computer sleeps.
                awake = replace(event, seconds=max(0.0, event.seconds - self._slept))
                rate = self.total / awake.seconds if awake.seconds > 0 else self.per_second
                return replace(self, epochs=(*self.epochs, awake), done=0, per_second=rate, _seen=(), _slept=0.0)
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
        return max(0.0, (rounds * self.total - self.done) / self.per_second)

    def _after_progress(self, event: Progress, now: float) -> "Pace":
        same = event.task == self.task and event.done >= self.done
        waited = now - self._seen[-1][0] if same and self._seen else 0.0
        slept = self._longest > 0 and waited > max(_SLEPT_SECONDS, _SLEPT_TIMES * self._longest)
        seen = deque(self._seen if same and not slept else ())
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
            _longest=self._longest if slept else max(self._longest, waited),
            _slept=self._slept + waited if slept else self._slept,
        )

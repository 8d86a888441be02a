"""Sort copies of answered pictures into a folder a class, and take that back."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tlstudio.core.events import Event, Predicted
from tlstudio.core.sorting import newest_record


def plan_sorting(answers: Iterable[Predicted], into: Path, below: float = 0.0) -> Iterator[Event]:
    """Say what `sort_copies` would do, and write nothing; ends with `SortingPlanned`.

    Raises:
        TLStudioError: `into` is not a folder and cannot become one.
    """
    from tlstudio.engine import sorting

    planned = yield from sorting.plan(answers, into, below)
    yield planned.said()


def sort_copies(answers: Iterable[Predicted], into: Path, below: float = 0.0) -> Iterator[Event]:
    """Copy each picture into `into`/CLASS; ends with `Sorted`.

    Pictures not like anything the model was taught, and those it gives a probability (0..1) less than `below`, go
    into `into`/_unsure instead, those that could not be read nowhere. Nothing that is there is replaced: a name that is
    taken gets a number. Stopped at any moment, `undo_sorting` takes back what was done.

    Raises:
        TLStudioError: `into` cannot be written, or has too little room: then nothing is copied.
    """
    from tlstudio.engine import sorting

    planned = yield from sorting.plan(answers, into, below)
    yield from sorting.copy(planned)


def undo_sorting(record: Path) -> Iterator[Event]:
    """Remove the copies of a sorting that are still what was copied, unless the original is gone.

    Ends with `SortingUndone`.

    record: as `SortingStarted` and `Sorted` name it; or the folder sorted into, for the last sorting there.

    Raises:
        TLStudioError: there is no such record, or something cannot be removed.
    """
    from tlstudio.engine import sorting

    yield from sorting.undo(newest_record(record) if record.is_dir() else record)

"""A run is a folder, and its history is its events: live or replayed, they fold into the same state."""

import gzip
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tlstudio.core import events
from tlstudio.core.errors import ProjectError
from tlstudio.core.files import cannot_write
from tlstudio.core.recipe import Recipe

CHECKPOINT_FACTS = "tlstudio"  # the name under which a checkpoint's header carries what it says of itself
_LONGEST_HEADER = 16 << 20
_MOST_MARKS = 1_000_000  # signs that part the values of a JSON text: each value costs up to a hundred bytes


@dataclass(frozen=True)
class RunState:
    """What the events so far say about a run. `after` makes the next state; nothing else does.

    paused: why it stands still, until it goes on. moved: how far the stages had come, epoch by epoch.
    """

    recipe: Recipe | None = None
    phases: tuple[events.PhaseStarted, ...] = ()
    epochs: tuple[events.EpochDone, ...] = ()
    moved: tuple[events.StagesMoved, ...] = ()
    solved: tuple[events.HeadSolved, ...] = ()
    warnings: tuple[str, ...] = ()
    paused: events.RunPaused | None = None
    finished: events.Finished | None = None

    def after(self, event: events.Event) -> "RunState":
        match event:
            case events.RunStarted():
                return replace(self, recipe=Recipe.from_json(event.recipe))
            case events.PhaseStarted():
                return replace(self, phases=(*self.phases, event))
            case events.EpochDone():
                return replace(self, epochs=(*self.epochs, event))
            case events.StagesMoved():
                return replace(self, moved=(*self.moved, event))
            case events.HeadSolved():
                return replace(self, solved=(*self.solved, event))
            case events.RunPaused():
                return replace(self, paused=event)
            case events.RunResumed():
                return self._until(event)
            case events.Warned():
                return replace(self, warnings=(*self.warnings, event.text))
            case events.Finished():
                return replace(self, finished=event)
        return self

    def _until(self, event: events.RunResumed) -> "RunState":
        """The state at the checkpoint from which the run goes on: what came after it is done again.

        The phase it goes on in is announced again.
        """
        here = (event.phase, event.epoch)
        return replace(
            self,
            phases=tuple(e for e in self.phases if e.phase < event.phase),
            epochs=tuple(e for e in self.epochs if (e.phase, e.epoch) < here),
            moved=tuple(e for e in self.moved if (e.phase, e.epoch) < here),
            solved=tuple(e for e in self.solved if e.phase < event.phase),
            paused=None,
        )


@dataclass(frozen=True)
class Standing:
    """Where a run stands by its checkpoint. phase: from 1; one more than there are once all have been learned.

    batch: how many of that epoch (from 1) are learned. saved: when, ISO 8601; it serves to show. model: where the
    model goes; empty: into the run's folder.
    """

    phase: int
    phases: int
    epoch: int
    batch: int
    saved: str
    model: str


@dataclass(frozen=True)
class RunFolder:
    """The files of one run: recipe, events, checkpoints, best weights, report, model."""

    folder: Path

    @property
    def recipe_file(self) -> Path:
        return self.folder / "recipe.json"

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def last_file(self) -> Path:
        return self.folder / "last.safetensors"

    @property
    def previous_file(self) -> Path:
        return self.folder / "previous.safetensors"

    @property
    def best_file(self) -> Path:
        return self.folder / "best.safetensors"

    @property
    def folds_folder(self) -> Path:
        """A run folder for each fold, until the run has come to its end."""
        return self.folder / "folds"

    @property
    def report_file(self) -> Path:
        return self.folder / "report.json"

    @property
    def pictures_file(self) -> Path:
        """Every picture the run had: see `pictures`."""
        return self.folder / "pictures.json.gz"

    @property
    def model_file(self) -> Path:
        return self.folder / "model.tlmodel"

    @property
    def number(self) -> int:
        return int(self.folder.name.split("-")[0])

    def record(self, event: events.Event) -> None:
        """Append an event to the history. Progress is not kept: it says nothing afterwards.

        Raises:
            ProjectError: the disk is full, or the run's folder is gone.
        """
        if not isinstance(event, events.Progress):
            try:
                with self.events_file.open("ab+") as file:
                    if file.tell():
                        file.seek(-1, os.SEEK_END)
                        if file.read(1) != b"\n":  # a full disk or a power cut took the rest of that line
                            file.write(b"\n")
                    file.write(json.dumps(event.to_json()).encode() + b"\n")
            except OSError as error:
                raise cannot_write(self.events_file, error) from error

    def sync_history(self) -> None:
        """See to it that what was recorded so far outlasts a power cut.

        Raises:
            ProjectError: the disk is full.
        """
        if not self.events_file.exists():
            return
        try:
            with self.events_file.open("rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.events_file, error) from error

    def standing(self) -> Standing | None:
        """Where the run stands by the newest checkpoint that is whole; None where there is none.

        Its header is read and its size compared; whether every value is as written shows when the run goes on.
        """
        for path in (self.last_file, self.previous_file):
            if found := _standing_in(path):
                return found
        return None

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end, or was stopped and kept its best."""
        if not self.events_file.exists():
            return False
        # A full disk or a power cut may have left half of that line.
        with self.events_file.open("rb") as file:
            return any(line.startswith(b'{"event": "finished"') and line.rstrip().endswith(b"}") for line in file)

    @property
    def is_unfinished(self) -> bool:
        """Whether there is something to go on with: a whole checkpoint of a run that did not come to its end."""
        return self.standing() is not None and not self.is_finished

    def drop_checkpoints(self) -> None:
        """Delete what a run would be gone on with: it came to its end, or nobody should."""
        for path in (self.last_file, self.previous_file):
            with suppress(OSError):
                path.unlink()
        shutil.rmtree(self.folds_folder, ignore_errors=True)

    def clear_leftovers(self) -> None:
        """Delete what a killed process was writing; nobody else may be at work in the folder."""
        for path in self.folder.rglob(".*.part"):
            with suppress(OSError):
                path.unlink()

    def history(self) -> Iterator[events.Event]:
        """The events on disk. A last line cut short by a kill is left out."""
        if not self.events_file.exists():
            return
        for line in self.events_file.read_text("utf-8", errors="replace").splitlines():
            try:
                yield events.from_json(json.loads(line))
            except (ValueError, AttributeError, RecursionError):
                continue

    def state(self) -> RunState:
        state = RunState()
        for event in self.history():
            state = state.after(event)
        return state

    def report(self) -> dict[str, Any]:
        """What `report.json` holds; empty when the run did not come to its end."""
        return json.loads(self.report_file.read_text("utf-8")) if self.report_file.exists() else {}

    def pictures(self) -> dict[str, dict[str, str]]:
        """Path → label, split and digest of every picture the run had; empty where that was not kept.

        Raises:
            ProjectError: the file is damaged.
        """
        if not self.pictures_file.exists():
            return {}
        try:
            rows = json.loads(gzip.decompress(self.pictures_file.read_bytes()))
            return {path: {"label": label, "split": split, "digest": digest} for path, label, split, digest in rows}
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ProjectError("is damaged", path=self.pictures_file, remedy="Repeat the run.") from error


def unfinished(project: Path) -> RunFolder | None:
    """The newest run of the project in a folder, if it can go on; no lock is needed to look."""
    runs = runs_in(project)
    return runs[-1] if runs and runs[-1].is_unfinished else None


def runs_in(project: Path) -> list[RunFolder]:
    """The runs of the project in a folder, oldest first; no lock is needed to look."""
    folders = [f for f in (project / "runs").glob("*-*") if f.is_dir() and f.name.split("-")[0].isdigit()]
    return sorted((RunFolder(f) for f in folders), key=lambda run: run.number)


def _standing_in(checkpoint: Path) -> Standing | None:
    try:
        with checkpoint.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEADER:
                return None
            text = file.read(length)
            if sum(map(text.count, (b",", b":", b"[", b"{"))) > _MOST_MARKS:
                return None
            header = json.loads(text)
            size = os.fstat(file.fileno()).st_size
        facts = json.loads(header.pop("__metadata__")[CHECKPOINT_FACTS])
        if size != 8 + length + max(described["data_offsets"][1] for described in header.values()):
            return None
        place, saved, model = facts["place"], facts["saved"], facts["terms"].get("model", "")
        counts = place["phase"], facts["phases"], place["epoch"], place["batch"]
        if not all(type(count) is int and count >= 0 for count in counts) or not isinstance(model, str):
            return None
        datetime.fromisoformat(saved)
        return Standing(*counts, saved, model)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None

"""A run is a folder, and its history is its events: live or replayed, they fold into the same state."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlstudio.core import events
from tlstudio.core.errors import ProjectError
from tlstudio.core.recipe import Recipe


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
        """The state at the checkpoint from which the run goes on: what came after it is done again."""
        here = (event.phase, event.epoch)
        return replace(
            self,
            phases=tuple(e for e in self.phases if e.phase <= event.phase),
            epochs=tuple(e for e in self.epochs if (e.phase, e.epoch) < here),
            moved=tuple(e for e in self.moved if (e.phase, e.epoch) < here),
            solved=tuple(e for e in self.solved if e.phase < event.phase),
            paused=None,
        )


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
                with self.events_file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(event.to_json()) + "\n")
            except OSError as error:
                remedy = f"Free some space in {self.folder}."
                text = f"cannot be written ({error.strerror})"
                raise ProjectError(text, path=self.events_file, remedy=remedy) from error

    def history(self) -> Iterator[events.Event]:
        """The events on disk. A last line cut short by a kill is left out."""
        if not self.events_file.exists():
            return
        for line in self.events_file.read_text("utf-8").splitlines():
            try:
                yield events.from_json(json.loads(line))
            except ValueError:
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

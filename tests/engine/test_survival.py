"""A run that is interrupted anywhere comes to the very weights of one that was not."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder, RunState, unfinished
from tlstudio.engine import training


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


@pytest.fixture(autouse=True)
def checkpoint_at_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "EPOCH_SECONDS", 0.0)


def recipe(strategy: str, **changes: Any) -> Recipe:
    return make_recipe("tiny", strategy, Changes(**{"epochs": 2, "warmup_epochs": 2, "batch_size": 4, **changes}))


def newest(project: Project) -> RunFolder:
    return project.runs()[-1]


def weights(run: RunFolder) -> str:
    return hashlib.sha256(run.best_file.read_bytes()).hexdigest()


def interrupted(task: Iterator[Event], number: int) -> list[Event]:
    """The events of a task that is closed after so many, as a kill would end it; all of them if there are fewer."""
    said = []
    for event in task:
        said.append(event)
        if len(said) == number:
            break
    task.close()  # type: ignore[attr-defined]
    return said


def story(run: RunFolder) -> RunState:
    """What a run's history tells, without how long it took."""
    state = run.state()
    return replace(state, epochs=tuple(replace(e, seconds=0.0) for e in state.epochs), finished=None)


@pytest.mark.parametrize(
    ("strategy", "changes"),
    [
        ("fine-tune-all", {"augment": "light", "bn": "adaptive"}),
        ("fine-tune-last", {"augment": "strong", "freeze": ("neck",)}),
    ],
)
def test_interrupted_anywhere_it_comes_to_the_same_weights(
    project: Project, tiny_backbone: Backbone, strategy: str, changes: dict[str, Any]
) -> None:
    wanted = recipe(strategy, **changes)
    said = list(tasks.train(project, wanted, device="cpu"))
    whole = newest(project)
    for number in (len(said) // 4, len(said) // 2):
        interrupted(tasks.train(project, wanted, device="cpu"), number)
        run = newest(project)
        assert unfinished(project.folder) == run
        for _ in range(20):
            if not run.is_unfinished:
                break
            interrupted(tasks.resume(project, run), 29)
        assert weights(run) == weights(whole)
        assert story(run) == story(whole)
    assert unfinished(project.folder) is None

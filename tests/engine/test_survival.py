"""A run that is interrupted anywhere comes to the very weights of one that was not; what cannot go on pauses."""

import errno
import hashlib
import os
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import ProjectError, RefusedModel, TrainingFailed, TrainingPaused
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, Recipe, make_recipe
from tlstudio.core.run import RunFolder, RunState, unfinished
from tlstudio.engine import features, network, run_checkpoints, store, training

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def project(pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


@pytest.fixture
def at_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after each batch, as of a network whose batches take half a minute."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "EPOCH_SECONDS", 0.0)


def recipe(strategy: str = "fine-tune-last", **changes: Any) -> Recipe:
    warm_up = {} if strategy == "feature-extraction" else {"warmup_epochs": 1}
    return make_recipe("tiny", strategy, Changes(**{"epochs": 2, "batch_size": 8, **warm_up, **changes}))


def train(project: Project, wanted: Recipe, **how: Any) -> Iterator[Event]:
    return tasks.train(project, wanted, device="cpu", threads=1, **how)


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


def go_on_to_the_end(project: Project, run: RunFolder, each: int) -> int:
    """Interrupt a run again and again until it ends; how often."""
    for times in range(40):
        if not run.is_unfinished:
            return times
        assert unfinished(project.folder) == run
        assert interrupted(tasks.resume(project, run), each)[0].kind == "run_resumed"
    raise AssertionError("the run does not get on")


def story(run: RunFolder) -> RunState:
    """What a run's history tells, but how long it took."""
    state = run.state()
    return replace(state, epochs=tuple(replace(e, seconds=0.0) for e in state.epochs), finished=None)


@pytest.mark.usefixtures("at_every_batch")
@pytest.mark.parametrize(
    "wanted",
    [
        {"strategy": "fine-tune-all", "augment": "light", "bn": "adaptive"},
        {"strategy": "fine-tune-last", "augment": "strong", "freeze": ("neck",)},
    ],
)
def test_interrupted_again_and_again_it_comes_to_the_same_weights(project: Project, wanted: dict[str, Any]) -> None:
    list(train(project, recipe(**wanted)))
    whole = newest(project)
    list(interrupted(train(project, recipe(**wanted)), 12))
    assert go_on_to_the_end(project, newest(project), 14) > 1
    assert weights(newest(project)) == weights(whole)
    assert story(newest(project)) == story(whole)
    assert newest(project).report()["weights_sha256"] == whole.report()["weights_sha256"]
    assert unfinished(project.folder) is None
    with pytest.raises(ProjectError, match=r"came to its end already\. Train again"):
        list(tasks.resume(project, whole))


@pytest.mark.usefixtures("at_every_batch")
def test_folds_go_on_too(project: Project) -> None:
    wanted = recipe("feature-extraction", folds=2)
    list(train(project, wanted))
    whole = newest(project)
    interrupted(train(project, wanted), 10)
    assert go_on_to_the_end(project, newest(project), 16) > 1
    assert weights(newest(project)) == weights(whole)
    timeless = [[{**fold, "seconds": 0} for fold in run.report()["folds"]] for run in (whole, newest(project))]
    assert timeless[0] == timeless[1]
    assert newest(project).report()["val"] == whole.report()["val"]
    assert not newest(project).folds_folder.exists()


def test_a_pause_is_a_checkpoint_and_an_end(project: Project) -> None:
    list(train(project, recipe()))
    said: list[Event] = []
    for event in train(project, recipe(), pause=lambda: any(e.kind == "epoch_done" for e in said)):
        said.append(event)
    run, last = newest(project), said[-1]
    assert isinstance(last, events.RunPaused)
    assert (last.phase, last.epoch, last.reason, last.remedy) == (2, 1, "", "")
    assert run.state().paused == last
    assert run.state().finished is None
    resumed, warned = interrupted(tasks.resume(project, run, threads=2), 2)
    assert isinstance(resumed, events.RunResumed)
    assert isinstance(warned, events.Warned)
    assert "began on 1 threads and goes on with 2: its last digits may differ" in warned.text
    assert list(tasks.resume(project, run))[-1].kind == "finished"
    assert run.state().paused is None
    assert weights(run) == weights(project.runs()[0])  # two runs of one recipe: the same bytes
    assert not run.last_file.exists()  # it came to its end, and needs no more of the disk than that
    assert not run.previous_file.exists()


def test_judging_goes_on_where_it_stood(project: Project, monkeypatch: pytest.MonkeyPatch, fresh_cache: Path) -> None:
    monkeypatch.setattr(features, "FLUSH_SECONDS", 0.0)  # as of pictures that take long
    said: list[Event] = []
    judging = "checking on test pictures"
    for event in train(project, recipe(), pause=lambda: any(judging in getattr(e, "task", "") for e in said)):
        said.append(event)
    assert said[-1].kind == "run_paused"
    run = newest(project)
    with run.events_file.open("a") as file:
        file.write('{"event": "finished", "model": ')  # as a full disk leaves it: that is no end
    assert run.is_unfinished
    rest = list(tasks.resume(project, run))
    val = [event for event in rest if isinstance(event, events.FeaturesReady)][1]
    assert (val.computed, val.remembered > 0) == (0, True)
    assert rest[-1].kind == "finished"
    assert run.is_finished


def test_a_checkpoint_that_does_not_fit_is_refused_by_name(project: Project, tmp_path: Path) -> None:
    interrupted(train(project, recipe()), 16)
    run = newest(project)
    sound = run_checkpoints.read(run)
    for bad in (
        replace(sound, facts={**sound.facts, "cut": "stem"}),
        replace(sound, terms={**sound.terms, "model": str(tmp_path / "thesis.docx")}),
        replace(sound, tensors={name: value[:1] for name, value in sound.tensors.items() if value.ndim}),
    ):
        run_checkpoints.write(run, bad)
        with pytest.raises(RefusedModel, match=f"{run.folder}: has a checkpoint that does not fit it. Train again"):
            list(tasks.resume(project, run))
    run_checkpoints.write(run, sound)
    run.best_file.unlink()
    with pytest.raises(RefusedModel, match=r"best\.safetensors: is gone\. Put it back, or train again"):
        list(tasks.resume(project, run))


def test_a_damaged_checkpoint_falls_back_to_the_one_before(project: Project) -> None:
    list(train(project, recipe()))
    whole = newest(project)
    interrupted(train(project, recipe()), 16)
    run = newest(project)
    assert run.previous_file.exists()
    data = bytearray(run.last_file.read_bytes())
    data[-1] ^= 1  # of the right size, with a sound header
    run.last_file.write_bytes(data)
    list(tasks.resume(project, run))
    assert weights(run) == weights(whole)

    interrupted(train(project, recipe()), 16)
    run = newest(project)
    run.last_file.write_bytes(data[:-1])
    assert run.is_unfinished  # the one before it is whole
    run.previous_file.write_bytes(data)
    with pytest.raises(RefusedModel, match=r"last\.safetensors: is a damaged checkpoint.*Start a new run"):
        list(tasks.resume(project, run))
    run.previous_file.unlink()
    assert not run.is_unfinished
    with pytest.raises(ProjectError, match="has no checkpoint to go on from"):
        list(tasks.resume(project, run))


def test_what_changed_since_is_named(project: Project, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(train(project, recipe()), 16)
    run = newest(project)
    written = run.recipe_file.read_text()
    run.recipe_file.write_text(written.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(TrainingFailed, match=r"the settings in recipe\.json have changed since this run began"):
        list(tasks.resume(project, run))
    run.recipe_file.write_text(written)
    shutil.move(pictures / "red" / "1.png", pictures / "blue" / "again.png")
    list(rescan(project))
    with pytest.raises(TrainingFailed, match=r"the pictures and the labels of the pictures.* Train again, or undo"):
        list(tasks.resume(project, run))
    assert run.is_unfinished  # nothing is lost by asking


def test_a_disk_that_is_full_is_noticed_before(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**5, 10**5))
    with pytest.raises(ProjectError, match=r"takes up to [\d.]+ MB, and 0\.1 MB are free\. Free at least") as caught:
        list(train(project, recipe()))
    assert caught.value.path == project.folder
    assert not project.runs()


def test_a_disk_that_fills_up_pauses_the_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    list(train(project, recipe()))
    said: list[Event] = []
    with monkeypatch.context() as full:
        with pytest.raises(TrainingPaused, match=r"No space left.*MB are free in.*at least \d+ MB, then continue"):
            for event in train(project, recipe()):
                said.append(event)
                if event.kind == "epoch_done":
                    full.setattr(os, "fsync", no_space)
        assert isinstance(said[-1], events.RunPaused)
        assert "No space left on device" in said[-1].reason
        assert newest(project).is_unfinished
    list(tasks.resume(project, newest(project)))
    assert weights(newest(project)) == weights(project.runs()[0])


def no_space(_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("replaced", [False, True])
def test_pictures_that_go_during_a_run_pause_it_until_they_are_back(
    project: Project, pictures: Path, monkeypatch: pytest.MonkeyPatch, fresh_cache: Path, replaced: bool
) -> None:
    monkeypatch.setattr(store, "room", lambda: 0)  # so that files are read in every epoch
    wanted = recipe("fine-tune-all", warmup_epochs=0)
    list(train(project, wanted))
    whole, said = newest(project), list[Event]()
    away = pictures.with_name("away")
    with pytest.raises(TrainingPaused, match=f"have vanished or changed.*Put them back into {pictures}.* continue"):
        for event in train(project, wanted):
            said.append(event)
            if event.kind == "epoch_done":
                pictures.rename(away)
                if replaced:
                    shutil.copytree(away, pictures)
                    for path in pictures.rglob("*.png"):
                        path.write_bytes((away / "red" / "3.png").read_bytes())
    assert isinstance(said[-1], events.RunPaused)
    assert any(isinstance(event, events.PictureSkipped) for event in said)
    shutil.rmtree(pictures, ignore_errors=True)
    away.rename(pictures)
    list(tasks.resume(project, newest(project)))
    assert weights(newest(project)) == weights(whole)


def test_gradients_that_overflow_stop_it_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    entropy = training.functional.cross_entropy

    def overflowing(*given: Any, **named: Any) -> torch.Tensor:
        loss: torch.Tensor = entropy(*given, **named)
        if loss.requires_grad:
            loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    with monkeypatch.context() as broken:
        broken.setattr(training.functional, "cross_entropy", overflowing)
        with pytest.raises(TrainingFailed) as caught:
            list(train(project, recipe("feature-extraction", head_lr=0.05)))
    assert str(caught.value) == (
        "a gradient became infinite in epoch 1 of phase 1, before the first epoch had ended, so there are no weights "
        "to keep. Lower the learning rate of the head from 0.05 to 0.001 and train again."
    )
    assert unfinished(project.folder) is None  # going on would only lead there again


def too_little(allowed: int) -> Callable[..., Any]:
    """What a step does where the processor has memory for so many pictures at once."""
    entropy = training.functional.cross_entropy

    def asked(logits: torch.Tensor, *given: Any, **named: Any) -> Any:
        if logits.requires_grad and len(logits) > allowed:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")
        return entropy(logits, *given, **named)

    return asked


def test_too_little_memory_is_shared_out_or_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.functional, "cross_entropy", too_little(2))
    said = list(train(project, recipe("feature-extraction")))
    assert "each batch is now learned in 4 parts" in next(e.text for e in said if "parts" in getattr(e, "text", ""))
    assert newest(project).report()["pieces"] == 4
    monkeypatch.setattr(training.functional, "cross_entropy", too_little(0))
    with pytest.raises(TrainingPaused, match=r"too little memory.* a smaller batch, a smaller network or"):
        list(train(project, recipe("feature-extraction")))


def test_what_a_picture_is_remembered_by_does_not_depend_on_the_others(project: Project, fresh_cache: Path) -> None:
    pictures = project.catalogue.readable()[:13]
    built = network.build("tiny", 3, pretrained=True)

    def rows(chosen: int) -> Any:
        task = features.extract(built, "blocks2", pictures[:chosen], 1)
        while True:
            try:
                next(task)
            except StopIteration as done:
                return done.value.rows

    rows(1)
    rows(4)  # as if the rest had been interrupted
    apart = [row.copy() for row in rows(13)]
    features.clear()
    assert all((one == other).all() for one, other in zip(apart, rows(13), strict=True))

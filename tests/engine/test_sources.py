"""Whatever the inputs of a phase come from, it learns the same: cached, decoded, in parts or from the files."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import look_through
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.caching import CachePlan
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import EpochDone, Event, FeaturesReady, Finished, PhaseStarted, Warned
from tlstudio.core.project import Project
from tlstudio.core.recipe import Augmentation, Changes, Phase, Recipe, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import network as networks
from tlstudio.engine import settings
from tlstudio.engine.training import Fit, fit

FILES = {"none": CachePlan("files", "uint8", 1), "light": CachePlan("files", "uint8", 2)}


@pytest.fixture
def insects(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Every tenth picture of the tutorial's set: training and validation."""
    train, val = (look_through(data / "hymenoptera" / split)[::10] for split in ("train", "val"))
    return train, val


Train = Callable[..., list[Event]]


@pytest.fixture
def train(insects: tuple[list[Picture], list[Picture]], tmp_path: Path, fresh_cache: Path) -> Train:
    """One phase with a plan of the test's own; `touch` may change the network before."""

    def run(plan: CachePlan, phase: Phase, backbone: str = "tiny", touch: Any = None, batch: int = 32) -> list[Event]:
        recipe = Recipe(backbone, "test", (phase,), batch_size=batch)
        network = networks.build(backbone, 2, pretrained=True)
        network.model.to(memory_format=torch.channels_last)
        if touch:
            touch(network)
        classes = class_names(insects[0])
        job = Fit(network, recipe, classes, *insects, RunFolder(tmp_path), 2, lambda: False, plans=[plan])
        return list(fit(job))

    return run


def losses(said: list[Event]) -> list[float]:
    return [loss for e in said if isinstance(e, EpochDone) for loss in (e.train_loss, e.val_loss)]


def tail(augment: Augmentation = "none", train_from: str = "blocks4", epochs: int = 2) -> Phase:
    return Phase("fine-tune", train_from, epochs, augment=augment)


@pytest.mark.parametrize("augment", ["none", "light"])
def test_cached_training_is_uncached_training(train: Train, tiny_backbone: Backbone, augment: Augmentation) -> None:
    views = FILES[augment].views
    uncached = train(FILES[augment], tail(augment))
    cached = train(CachePlan("features", "float32", views), tail(augment))
    assert [e.computed > 0 for e in cached if isinstance(e, FeaturesReady)] == [True] * (views + 1)
    assert len(losses(cached)) == 4
    assert losses(cached) == pytest.approx(losses(uncached), abs=1e-4)
    half = train(CachePlan("features", "float16", views), tail(augment))
    assert losses(half) == pytest.approx(losses(uncached), abs=1e-2)


@pytest.mark.slow
def test_cached_training_is_uncached_training_on_a_real_network(train: Train) -> None:
    phase = tail(train_from="blocks6", epochs=2)
    uncached = train(FILES["none"], phase, "efficientnet_lite0")
    cached = train(CachePlan("features", "float32", 1), phase, "efficientnet_lite0")
    assert losses(cached) == pytest.approx(losses(uncached), abs=1e-4)


@pytest.mark.parametrize("cut", ["stem", "blocks2"])
def test_decoded_pictures_train_as_their_files_do(train: Train, tiny_backbone: Backbone, cut: str) -> None:
    phase = tail(train_from=cut)
    assert losses(train(CachePlan("pictures", "uint8", 1), phase)) == losses(train(FILES["none"], phase))


def test_views_repeat_only_when_there_are_no_more(train: Train, tiny_backbone: Backbone) -> None:
    phase = replace(tail("strong", "stem", 3), head_lr=1e-9, backbone_lr=1e-9, early_lr=1e-9)
    for plan, same in ((CachePlan("pictures", "uint8", 0), False), (CachePlan("pictures", "uint8", 1), True)):
        first, second, third = losses(train(plan, phase))[::2]
        assert (first == pytest.approx(second, abs=1e-6)) == same
        assert (second == pytest.approx(third, abs=1e-6)) == same


def at_most(largest: int) -> Callable[[networks.Network], None]:
    def refuse(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > largest:
            raise torch.OutOfMemoryError

    def touch(network: networks.Network) -> None:
        network.stages["blocks4"].register_forward_pre_hook(refuse)

    return touch


def test_too_little_memory_cuts_the_batch_and_learns_the_same(
    train: Train, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlstudio.engine.training.CHECK_BATCH", 8)
    plan = CachePlan("features", "float32", 1)
    whole, parts = train(plan, tail()), train(plan, tail(), touch=at_most(8))
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-4)
    assert [e.text for e in parts if isinstance(e, Warned)] == [
        "The device had too little memory: each batch is now learned in 4 parts."
    ]
    with pytest.raises(TrainingFailed, match="too little memory for even one picture"):
        train(plan, tail(), touch=at_most(0))


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Generator[Project, None, None]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


def test_a_run_says_where_its_inputs_came_from(project: Project, tiny_backbone: Backbone) -> None:
    for changes, tier, number_format, views in (
        (Changes(epochs=2, augment="light"), "features", "float16", 2),
        (Changes(epochs=2, train_from="stem", augment="light"), "pictures", "uint8", 0),
    ):
        recipe = make_recipe("tiny", "fine-tune-last", replace(changes, warmup_epochs=1))
        said = list(tasks.train(project, recipe, device="cpu"))
        pooled = {"tier": "features", "number_format": "float32", "views": 1}
        last = {"tier": tier, "number_format": number_format, "views": views}
        assert [e.cache for e in said if isinstance(e, PhaseStarted)] == [pooled, last]
        run = project.runs()[-1]
        assert [p.cache for p in run.state().phases] == [pooled, last]
        assert run.report()["phases"] == [{"name": "warm-up", **pooled}, {"name": "fine-tune", **last}]


def test_without_room_on_disk_everything_comes_from_the_files(
    project: Project, tiny_backbone: Backbone, fresh_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings.set_cache_limit(0)
    said = list(tasks.train(project, make_recipe("tiny", "fine-tune-last", Changes(epochs=2, warmup_epochs=1))))
    assert [e.cache["tier"] for e in said if isinstance(e, PhaseStarted)] == ["features", "files"]
    assert isinstance(said[-1], Finished)
    assert not list(fresh_cache.rglob("*.rows"))


def test_a_copy_of_a_run_makes_plans_of_its_own(
    insects: tuple[list[Picture], list[Picture]], tiny_backbone: Backbone, tmp_path: Path, fresh_cache: Path
) -> None:
    recipe = Recipe("tiny", "test", (tail(epochs=1),))
    network = networks.build("tiny", 2, pretrained=True)
    job = Fit(network, recipe, class_names(insects[0]), *insects, RunFolder(tmp_path), 2, lambda: False)
    fold = replace(job, train=job.train[::2])
    list(fit(fold))
    assert [plan.tier for plan in fold.plans] == ["features"]
    assert job.plans == []

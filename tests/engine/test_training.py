"""The loop's promises, on real mechanics with a tiny network: what is frozen stays, what is best is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import TrainingFailed, TrainingPaused
from tlstudio.core.events import EpochDone, Event, Finished, PhaseStarted, PictureSkipped, Warned
from tlstudio.core.project import Project
from tlstudio.core.recipe import STRATEGIES, Changes, make_recipe
from tlstudio.engine import checkpoints, training
from tlstudio.engine import network as networks


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


def train(project: Project, strategy: str, **changes: Any) -> list[Event]:
    recipe = make_recipe("tiny", strategy, Changes(**{"epochs": 2, **changes}))
    return list(tasks.train(project, recipe, device="cpu"))


def trained(said: list[Event]) -> checkpoints.Model:
    finished = said[-1]
    assert isinstance(finished, Finished)
    return checkpoints.load_model(Path(finished.model))


def moved(model: checkpoints.Model) -> dict[str, bool]:
    """Which of the shipped values are no longer what they were."""
    shipped = networks.upstream_state(model.network.backbone)
    state = model.network.model.state_dict()
    return {n: not torch.equal(v, shipped[n]) for n, v in state.items() if not n.startswith("classifier")}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_runs_to_its_end(project: Project, tiny_backbone: Backbone, strategy: str) -> None:
    said = train(project, strategy)
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.classes == ("blue", "green", "red")
    assert Path(finished.model).is_file()
    recipe = make_recipe("tiny", strategy)
    phases = [e for e in said if isinstance(e, PhaseStarted)]
    assert [p.train_from for p in phases] == [p.train_from for p in recipe.phases]
    for started, phase in zip(phases, recipe.phases, strict=True):
        assert {g["name"]: g["lr"] for g in started.groups} == {g["name"]: phase.lr(g["name"]) for g in started.groups}
        assert sum(g["parameters"] for g in started.groups) == started.trainable_parameters


def test_colours_are_learned(project: Project, tiny_backbone: Backbone) -> None:
    finished = train(project, "fine-tune-all", epochs=20, augment="none", head_lr=1e-2, backbone_lr=1e-3)[-1]
    assert isinstance(finished, Finished)
    assert finished.val_accuracy == 1.0


def test_running_statistics_stay_bit_identical_through_both_phases(project: Project, tiny_backbone: Backbone) -> None:
    changed = moved(trained(train(project, "fine-tune-all")))
    statistics = [n for n in changed if "running" in n or "num_batches" in n]
    assert len(statistics) > 30
    assert not any(changed[n] for n in statistics)
    assert all(changed[n] for n in changed if n not in statistics)


def test_one_train_call_that_slips_through_would_be_seen(
    project: Project, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = networks.Network.train_mode

    def slip(self: networks.Network, phase: Any) -> None:
        honest(self, phase)
        if phase.train_from == "stem":
            self.model.train()

    monkeypatch.setattr(networks.Network, "train_mode", slip)
    changed = moved(trained(train(project, "fine-tune-all")))
    assert any(changed[n] for n in changed if "running" in n)


def test_before_the_cut_nothing_moves(project: Project, tiny_backbone: Backbone) -> None:
    changed = moved(trained(train(project, "fine-tune-last")))
    before = ("conv_stem", "bn1.", "blocks.0.", "blocks.1.", "blocks.2.", "blocks.3.")
    assert not any(changed[n] for n in changed if n.startswith(before))
    assert any(changed[n] for n in changed if n.startswith(("blocks.4.", "conv_head")))


def test_a_layer_frozen_inside_the_tail_stays_bit_identical(project: Project, tiny_backbone: Backbone) -> None:
    changed = moved(trained(train(project, "fine-tune-all", freeze=("blocks.2", "neck"))))
    held = ("blocks.2.", "conv_head", "bn2.")
    assert not any(changed[n] for n in changed if n.startswith(held))
    assert any(changed[n] for n in changed if n.startswith("blocks.1."))


def test_adaptive_batchnorm_follows_the_pictures(project: Project, tiny_backbone: Backbone) -> None:
    changed = moved(trained(train(project, "fine-tune-all", bn="adaptive")))
    assert all(changed[n] for n in changed if "running" in n)


@pytest.mark.parametrize("strategy", ["feature-extraction", "fine-tune-all"])
def test_the_same_recipe_gives_the_same_weights(project: Project, tiny_backbone: Backbone, strategy: str) -> None:
    first, again = (checkpoints.weights_digest(trained(train(project, strategy))) for _ in range(2))
    assert first == again
    if strategy == "fine-tune-all":  # a head that is solved for has no seed
        assert checkpoints.weights_digest(trained(train(project, strategy, seed=1))) != first


def test_the_best_epoch_is_kept(project: Project, tiny_backbone: Backbone) -> None:
    # A rate that makes the loss jump: the last epoch is hardly the best one.
    said = train(project, "fine-tune-all", epochs=6, backbone_lr=0.05, augment="none")
    losses = [e.val_loss for e in said if isinstance(e, EpochDone)]
    best = [e for e in said if isinstance(e, EpochDone) and e.best][-1]
    assert best.val_loss == min(losses) < losses[-1]
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.val_accuracy == pytest.approx(best.val_accuracy)


def test_training_ends_early_when_validation_no_longer_improves(project: Project, tiny_backbone: Backbone) -> None:
    said = train(project, "fine-tune-all", epochs=200, backbone_lr=1e-1, head_lr=1e-1, augment="none", warmup_epochs=1)
    epochs = [e for e in said if isinstance(e, EpochDone) and e.phase == 2]
    assert len(epochs) < 200
    assert not any(e.best for e in epochs[-5:])


def test_stopping_keeps_the_best_so_far(project: Project, tiny_backbone: Backbone) -> None:
    seen = 0

    def stop() -> bool:
        return seen >= 3

    said = []
    recipe = make_recipe("tiny", "fine-tune-all", Changes(epochs=50))
    for event in tasks.train(project, recipe, stop=stop):
        said.append(event)
        seen += isinstance(event, EpochDone)
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped
    assert len([e for e in said if isinstance(e, EpochDone)]) == 3
    assert checkpoints.load_model(Path(finished.model)).classes == ("blue", "green", "red")


def test_stopping_before_anything_was_learned_says_so(project: Project, tiny_backbone: Backbone) -> None:
    with pytest.raises(TrainingFailed, match="before the first epoch"):
        list(tasks.train(project, make_recipe("tiny", "fine-tune-all"), stop=lambda: True))


def test_a_loss_that_is_no_number_keeps_the_best_and_names_the_rate(project: Project, tiny_backbone: Backbone) -> None:
    said = train(project, "fine-tune-all", epochs=50, head_lr=10.0, backbone_lr=10.0, augment="none", warmup_epochs=1)
    (warning,) = [e.text for e in said if isinstance(e, Warned) and " became " in e.text]
    assert "Lower the learning rate of the early stages from 10 to 0.0001 and train again." in warning
    finished = said[-1]
    assert isinstance(finished, Finished)
    assert finished.stopped
    assert trained(said).classes == ("blue", "green", "red")


def test_with_nothing_to_keep_a_loss_that_is_no_number_fails(
    project: Project, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.functional, "cross_entropy", lambda *_, **__: torch.tensor(float("nan")))
    with pytest.raises(TrainingFailed, match="loss became nan in epoch 1 of phase 1, before the first epoch"):
        train(project, "feature-extraction")


def test_a_stop_is_heard_while_features_are_extracted(
    project: Project, tiny_backbone: Backbone, fresh_cache: Path
) -> None:
    said: list[Event] = []
    with pytest.raises(TrainingFailed, match="before the first epoch"):
        for event in tasks.train(project, make_recipe("tiny", "feature-extraction"), stop=lambda: len(said) > 2):
            said.append(event)
    assert not any(isinstance(e, events.FeaturesReady) for e in said)


@pytest.mark.parametrize("strategy", ["feature-extraction", "fine-tune-all"])
def test_pictures_that_are_all_gone_are_said_to_be(
    project: Project, tiny_backbone: Backbone, pictures: Path, fresh_cache: Path, strategy: str
) -> None:
    pictures.rename(pictures.with_name("elsewhere"))
    with pytest.raises(TrainingPaused, match=f"21 of 21 pictures to learn from.*Put them back into {pictures} and"):
        train(project, strategy)


def test_a_picture_that_was_exchanged_is_not_taken_for_the_one_remembered(
    project: Project, tiny_backbone: Backbone, fresh_cache: Path
) -> None:
    picture = project.catalogue.readable("train")[0]
    Image.new("RGB", (33, 33), (1, 2, 3)).save(picture.path)
    said = train(project, "feature-extraction")
    assert [(e.path, e.reason) for e in said if isinstance(e, PictureSkipped)] == [
        (picture.path, "changed since it was looked at")
    ]


def test_a_picture_that_vanishes_is_named_once_and_the_rest_goes_on(
    project: Project, tiny_backbone: Backbone, pictures: Path, fresh_cache: Path
) -> None:
    gone = next(p for p in project.catalogue.readable("train") if p.label == "red")
    Path(gone.path).unlink()
    said = train(project, "fine-tune-all")
    assert [e.path for e in said if isinstance(e, PictureSkipped)] == [gone.path]
    assert isinstance(said[-1], Finished)


def test_rare_classes_count_for_more_only_when_sizes_differ_threefold() -> None:
    even = torch.tensor([0] * 30 + [1] * 10)
    assert training.class_weights(even, 2).tolist() == [1.0, 1.0]
    uneven = torch.tensor([0] * 40 + [1] * 10)
    weights = training.class_weights(uneven, 2)
    assert weights[1] / weights[0] == pytest.approx(4)
    assert (weights[uneven]).mean() == pytest.approx(1)
    extreme = training.class_weights(torch.tensor([0] * 10_000 + [1]), 2)
    assert extreme[1] / extreme[0] == pytest.approx(10)


def test_a_second_run_starts_from_remembered_features(
    project: Project, tiny_backbone: Backbone, fresh_cache: Path
) -> None:
    def computed(said: list[Event]) -> int:
        return sum(e.computed for e in said if isinstance(e, events.FeaturesReady))

    assert computed(train(project, "feature-extraction")) == 24
    assert computed(train(project, "feature-extraction")) == 0
    picture = project.catalogue.readable()[0]
    Image.new("RGB", (33, 33), (1, 2, 3)).save(picture.path)
    list(tasks.scan(project, Path(project.catalogue.fact("source"))))
    assert computed(train(project, "feature-extraction")) == 1
    for file in fresh_cache.rglob("features/*.*"):
        file.write_bytes(b"damaged beyond recognition" * 40)
    assert computed(train(project, "feature-extraction")) == 24


def test_a_run_folder_tells_the_whole_story(project: Project, tiny_backbone: Backbone) -> None:
    said = train(project, "fine-tune-last")
    (run,) = project.runs()
    state = run.state()
    assert state.recipe == make_recipe("tiny", "fine-tune-last", Changes(epochs=2))
    assert state.finished == said[-1]
    assert list(state.epochs) == [e for e in said if isinstance(e, EpochDone)]
    report = run.report()
    assert report["val"]["accuracy"] == state.finished.val_accuracy
    assert {p["split"] for p in report["predictions"]} == {"val", "test"}

"""What is said of how far a network has come, and of the seal on BatchNorm's statistics."""

import json
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.drift import DriftMeasured
from tlstudio.core.errors import BadRecipe
from tlstudio.core.events import EpochDone, StagesMoved
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import network as networks
from tlstudio.engine.motion import Motion
from tlstudio.engine.network import Network
from tlstudio.engine.seal import Seal
from tlstudio.engine.training import Fit, fit


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(tmp_path / "project") as opened:
        list(tasks.scan(opened, pictures))
        yield opened


@pytest.fixture
def network(tiny_backbone: Backbone) -> Network:
    return networks.build("tiny", 3, pretrained=True)


def trained(network: Network, project: Project, folder: Path, **changes: object) -> tuple[Fit, list[StagesMoved]]:
    recipe = make_recipe("tiny", "fine-tune-last", Changes(epochs=2, warmup_epochs=1, **changes))  # type: ignore[arg-type]
    folder.mkdir()
    by_split = {split: project.catalogue.readable(split) for split in ("train", "val")}
    classes = ("blue", "green", "red")
    job = Fit(network, recipe, classes, by_split["train"], by_split["val"], RunFolder(folder), 1, lambda: False)
    said = list(fit(job))
    moved = [event for event in said if isinstance(event, StagesMoved)]
    assert len(moved) == sum(isinstance(event, EpochDone) for event in said)
    return job, moved


def test_each_epoch_says_how_far_the_learning_stages_have_come(
    network: Network, project: Project, tmp_path: Path
) -> None:
    began = {name: value.clone() for name, value in network.model.state_dict().items()}
    job, moved = trained(network, project, tmp_path / "run")
    learning = ["blocks4", "neck", "head"]
    assert [[stage["name"] for stage in event.stages] for event in moved] == [["head"], learning, learning]
    assert all(stage["gradient"] > 0 and stage["change"] > 0 for event in moved for stage in event.stages)
    head = [event.stages[-1]["change"] for event in moved]
    assert head == sorted(head)  # it goes on from where the warm-up left it, measured from where the run began
    movement = job.motion.movement()
    now = network.model.state_dict()
    ends = (".weight", ".bias")
    layers = {
        name.removesuffix(end) for name in job.network.tail_state("blocks4") for end in ends if name.endswith(end)
    }
    assert set(movement) == layers
    was, is_ = (torch.cat([s[f"classifier.{n}"].flatten() for n in ("weight", "bias")]) for s in (began, now))
    assert movement["classifier"] == pytest.approx(float((is_ - was).norm() / was.norm()), rel=1e-5)


def test_the_gradient_is_that_of_the_steps(network: Network) -> None:
    phase = make_recipe("tiny", "feature-extraction").phases[0]
    network.prepare(phase)
    motion = Motion(network, "head")
    motion.begin_phase()
    network.classifier(torch.ones(2, 256)).sum().backward()
    motion.after_step()
    (said,) = motion.report(1, 1).stages
    gradient = torch.cat([p.grad.flatten() for p in network.classifier.parameters()])  # type: ignore[union-attr]
    weights = torch.cat([p.detach().flatten() for p in network.classifier.parameters()])
    assert said == {"name": "head", "gradient": pytest.approx(float(gradient.norm() / weights.norm())), "change": 0.0}


def test_what_a_checkpoint_keeps_of_it_is_taken_up_again(network: Network) -> None:
    phase = make_recipe("tiny", "fine-tune-last", Changes(bn="adaptive")).phases[1]
    network.prepare(phase)
    before, after = Motion(network, "blocks4"), Motion(network, "blocks4")
    for motion in (before, after):
        motion.begin_phase()
    network.train_mode(phase)
    network.model(torch.rand(4, 3, 32, 32)).sum().backward()
    before.after_step()
    before.seal.note(2, 1)
    after.go_on(json.loads(json.dumps(before.state())))
    assert after.report(2, 2) == before.report(2, 2)
    assert after.seal.since == before.seal.since == (2, 1)


def test_pinned_statistics_keep_the_seal_while_gamma_and_beta_learn(
    network: Network, project: Project, tmp_path: Path
) -> None:
    job, _ = trained(network, project, tmp_path / "run")
    said = job.motion.seal.to_json()
    assert said["intact"] is True and said["since"] is None
    assert {name for name, stage in said["stages"].items() if not stage["intact"] or stage["drift"]} == set()
    assert "neck" in said["stages"] and "pool" not in said["stages"]
    assert job.motion.movement()["bn2"]  # gamma and beta have learned


def test_adaptive_statistics_break_the_seal_and_it_says_where_since_when_and_by_how_much(
    network: Network, project: Project, tmp_path: Path
) -> None:
    job, _ = trained(network, project, tmp_path / "run", bn="adaptive")
    said = job.motion.seal.to_json()
    assert said["intact"] is False
    assert said["since"] == {"phase": 2, "epoch": 1}  # in the warm-up all of BatchNorm was frozen
    broken = {name for name, stage in said["stages"].items() if not stage["intact"]}
    assert broken == {"blocks4", "neck"}
    assert {name for name, stage in said["stages"].items() if stage["drift"]} == broken


def test_the_seal_breaks_when_one_running_value_changes_and_only_then(network: Network) -> None:
    seal = Seal(network)
    whole = seal.to_json()["sha256"]
    state = network.model.state_dict()
    statistics = network.running_statistics()
    for name, value in state.items():
        kept = value.clone()
        if name in statistics:
            value.view(-1)[0] = torch.nextafter(value.view(-1)[0], torch.tensor(9.0))
        else:
            value += 1  # weights, gamma, beta, and how many batches were seen
        assert seal.intact == (name not in statistics), name
        value.copy_(kept)
    assert seal.to_json()["sha256"] == whole
    name = next(name for name in statistics if name.endswith("bn2.running_var"))
    kept = state[name].clone()
    state[name][1] += 0.5 * (kept[1] + 1e-5)
    said = seal.to_json()
    broken = [stage for stage in said["stages"].values() if not stage["intact"]]
    assert [stage["drift"] for stage in broken] == [pytest.approx(0.5, rel=1e-3)]
    assert [layer for stage in broken for layer, d in stage["layers"].items() if d] == [name.rpartition(".")[0]]
    state[name][1] = float("nan")
    assert [stage["drift"] for stage in seal.to_json()["stages"].values() if not stage["intact"]] == [None]


def test_a_seal_that_was_broken_only_after_the_best_epoch_is_whole(network: Network) -> None:
    seal, state = Seal(network), network.running_statistics()
    kept = {name: value.clone() for name, value in state.items()}
    next(iter(state.values())).add_(1)
    seal.note(1, 3)
    for name, value in state.items():
        value.copy_(kept[name])
    assert seal.to_json()["since"] is None and seal.to_json()["intact"]


def test_movement_of_what_began_at_zero_is_no_number(network: Network) -> None:
    with torch.no_grad():
        network.classifier.weight.zero_()
    motion = Motion(network, "head")
    assert motion.movement() == {"classifier": 0.0}
    with torch.no_grad():
        network.classifier.weight.add_(1)
    assert motion.movement() == {"classifier": None}


def test_folds_say_nothing_of_movement_and_the_run_for_the_model_does(
    project: Project, tiny_backbone: Backbone
) -> None:
    recipe = replace(make_recipe("tiny", "feature-extraction", Changes(epochs=1)), folds=2)
    said = list(tasks.train(project, recipe, device="cpu"))
    assert sum(isinstance(event, StagesMoved) for event in said) == 1
    (run,) = project.runs()
    assert [event.stages[0]["name"] for event in run.state().moved] == ["head"]


def test_a_comparison_that_is_stopped_leaves_nothing_behind(
    project: Project, tiny_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    running = tasks.show_drift(project.folder, make_recipe("tiny", "fine-tune-last"))
    measured = next(event for event in running if isinstance(event, DriftMeasured))
    assert (measured.bn, measured.epoch, measured.intact) == ("pinned", 1, True)
    assert list(place.iterdir())
    assert isinstance(running, Generator)
    running.close()
    assert not list(place.iterdir()) and not project.runs()


def test_random_weights_have_no_statistics_to_pin(project: Project, tiny_backbone: Backbone) -> None:
    with pytest.raises(BadRecipe, match="no statistics worth keeping"):
        list(tasks.show_drift(project.folder, make_recipe("tiny", "from-scratch")))

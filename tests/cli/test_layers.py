"""What learns and what stays: `--bn` and `--freeze` promise it bit by bit."""

from pathlib import Path

import pytest
import torch

from tests.conftest import Result, Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.engine import checkpoints
from tlstudio.engine import network as networks

WRONG_USAGE = 2


def changes(done: Result) -> dict[str, dict[str, bool]]:
    """Which values of a trained model are not the shipped ones any more, by kind: statistics, affine, other."""
    assert done.status == 0, done.err
    network = checkpoints.load_model(Path(done.events[-1]["model"])).network
    shipped = networks.upstream_state(network.backbone)
    norms = {name for name, module in network.model.named_modules() if isinstance(module, networks.BatchNorm)}
    found: dict[str, dict[str, bool]] = {"statistics": {}, "affine": {}, "other": {}}
    for name, value in network.model.state_dict().items():
        module, _, leaf = name.rpartition(".")
        of_norm = "affine" if leaf in ("weight", "bias") else "statistics"
        kind = of_norm if module in norms else "other"
        if shipped[name].shape == value.shape and not name.startswith("classifier"):
            found[kind][name] = not torch.equal(value, shipped[name])
    return found


# Whether running statistics, and whether gamma and beta, move where layers learn.
PROMISES = {"pinned": (False, True), "frozen": (False, False), "adaptive": (True, True)}


@pytest.mark.parametrize("mode", PROMISES)
def test_batchnorm_does_what_its_mode_says(here: Tlstudio, pictures: Path, tiny_backbone: Backbone, mode: str) -> None:
    flags = ["--strategy", "fine-tune-all", "--warmup-epochs", 2, "--epochs", 2, "--augment", "none", "--threads", 1]
    moved = changes(
        here("train", pictures, "--backbone", "tiny", *flags, "--bn", mode, "--backbone-lr", 0.01, "--json")
    )
    statistics, affine = PROMISES[mode]
    assert len(moved["statistics"]) > 30
    assert set(moved["statistics"].values()) == {statistics}
    assert set(moved["affine"].values()) == {affine}
    assert all(moved["other"].values())


@pytest.mark.parametrize("mode", PROMISES)
def test_and_on_a_real_network(here: Tlstudio, pictures: Path, mode: str) -> None:
    flags = ["--strategy", "fine-tune-last", "--warmup-epochs", 1, "--epochs", 1, "--batch-size", 8, "--threads", 1]
    moved = changes(here("train", pictures, *flags, "--train-from", "neck", "--bn", mode, "--json"))
    statistics, affine = PROMISES[mode]
    neck = {
        name: bn for kind in ("statistics", "affine") for name, bn in moved[kind].items() if name.startswith("bn2.")
    }
    assert neck == {
        "bn2.running_mean": statistics,
        "bn2.running_var": statistics,
        "bn2.num_batches_tracked": statistics,
        "bn2.weight": affine,
        "bn2.bias": affine,
    }
    everything = {name: value for kind in moved.values() for name, value in kind.items()}
    assert everything["conv_head.weight"]
    assert not any(value for name, value in everything.items() if not name.startswith(("bn2.", "conv_head")))


def test_a_frozen_layer_keeps_its_statistics_even_where_others_adapt(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone
) -> None:
    flags = ["--strategy", "fine-tune-all", "--warmup-epochs", 1, "--epochs", 2, "--threads", 1, "--json"]
    frozen = ["--freeze", "blocks.2", "--freeze", "neck", "--freeze", "blocks.1.0.bn1"]
    moved = changes(here("train", pictures, "--backbone", "tiny", "--bn", "adaptive", *flags, *frozen))
    held = ("blocks.2.", "conv_head", "bn2.", "blocks.1.0.bn1.")
    everything = {name: value for kind in moved.values() for name, value in kind.items()}
    assert {value for name, value in everything.items() if name.startswith(held)} == {False}
    assert all(value for name, value in everything.items() if not name.startswith(held))


CONTRADICTIONS = {
    "--freeze stem": ["fine-tune-last", "--freeze", "stem", "--freeze stem does nothing: nothing in it learns from"],
    "a layer before the cut": ["fine-tune-last", "--freeze", "blocks.0.0", "nothing in it learns from blocks4 on"],
    "no such layer": ["fine-tune-all", "--freeze", "blocks.99", "has no layer 'blocks.99'"],
    "frozen in extraction": ["feature-extraction", "--freeze", "blocks4", "--freeze contradicts the strategy"],
    "adaptive in extraction": ["feature-extraction", "--bn", "adaptive", "Its BatchNorm layers are all frozen."],
    "frozen from random": ["from-scratch", "--bn", "frozen", "no running statistics worth keeping"],
    "an early rate, nothing early": ["fine-tune-last", "--early-lr", "1e-5", "no early stage learns from blocks4 on"],
    "fine-tuning the head only": ["fine-tune-all", "--train-from", "head", "Only the head would learn"],
    "fine-tuning the pool": ["fine-tune-last", "--train-from", "pool", "Only the head would learn"],
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_what_contradicts_itself_is_wrong_usage(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone, case: str
) -> None:
    strategy, *flags, sentence = CONTRADICTIONS[case]
    done = here("train", pictures, "--backbone", "tiny", "--strategy", strategy, *flags, "--threads", 1)
    assert sentence in done.err
    assert done.status == WRONG_USAGE


def test_freezing_everything_is_wrong_usage(here: Tlstudio, pictures: Path, tiny_backbone: Backbone) -> None:
    names = [name for name in tiny_backbone.stage_names if name != "pool"]
    flags = [flag for name in names for flag in ("--freeze", name)]
    done = here("train", pictures, "--backbone", "tiny", "--strategy", "fine-tune-all", *flags)
    assert (done.status, "everything is frozen, so nothing could learn" in done.err) == (WRONG_USAGE, True)


def test_only_the_head_means_feature_extraction_whatever_the_domain(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone
) -> None:
    flags = ["--domain", "different", "--train-from", "head", "--epochs", 1, "--threads", 1, "--json"]
    done = here("train", pictures, "--backbone", "tiny", *flags)
    assert done.status == 0, done.err
    assert [p["train_from"] for p in done.of("phase_started")] == ["head"]


def test_gradual_unfreezing_moves_one_more_stage_at_a_time(
    here: Tlstudio, pictures: Path, tiny_backbone: Backbone
) -> None:
    flags = ["--strategy", "fine-tune-all", "--train-from", "blocks2", "--freeze", "blocks.4.0.bn1", "--gradual"]
    numbers = ["--warmup-epochs", 1, "--epochs", 1, "--augment", "none", "--weight-decay", 0, "--threads", 1]
    done = here("train", pictures, "--backbone", "tiny", *flags, *numbers, "--json")
    started = done.of("phase_started")
    assert [phase["train_from"] for phase in started] == ["head", "blocks4", "blocks3", "blocks2"]
    learn = [phase["trainable_parameters"] for phase in started]
    assert learn == sorted(set(learn))
    moved = changes(done)["other"]
    assert moved["blocks.3.0.conv_pw.weight"] and not moved["blocks.1.0.conv_exp.weight"]

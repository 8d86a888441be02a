from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import STRATEGIES, Changes, Phase, make_recipe
from tlstudio.engine import network as networks
from tlstudio.engine.survey import find
from tlstudio.engine.tensors import normalise, read

FIGURES = {"stem": 9_536, "layer1": 147_968, "layer2": 525_568, "layer3": 2_099_712, "layer4": 8_393_728}


@pytest.mark.parametrize("name", BACKBONES)
def test_prefix_then_tail_is_the_stock_network_exactly(name: str) -> None:
    network = networks.assemble(backbone(name), 5)
    network.eval_mode()
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network.model(pixels)
        for cut in network.stages:
            prefix, tail = network.split(cut)
            assert (tail(prefix(pixels)) - expected).abs().max().item() == 0.0


@pytest.mark.parametrize("name", BACKBONES)
def test_every_parameter_is_in_exactly_one_stage(name: str) -> None:
    network = networks.assemble(backbone(name), 5)
    in_stages = [id(p) for stage in network.stages.values() for p in stage.parameters()]
    assert sorted(in_stages) == sorted(id(p) for p in network.model.parameters())


def test_resnet18_has_the_designs_figures() -> None:
    network = networks.build("resnet18", 5, pretrained=False)
    stages = network.outline(make_recipe("resnet18", "feature-extraction").phases[-1])
    assert network.parameter_counts() == (2_565, 11_179_077)
    assert {s.name: s.parameters for s in stages if s.name in FIGURES} == FIGURES
    assert sum(s.batchnorms for s in stages) == 20
    assert sum(v.numel() for v in network.running_statistics().values()) == 9_600


@pytest.mark.parametrize("cut", ["stem", "layer1", "layer2", "layer3", "layer4", "head"])
def test_what_learns_follows_the_cut(cut: str) -> None:
    network = networks.assemble(backbone("resnet18"), 5)
    network.prepare(Phase("any", cut, 1))
    names = list(FIGURES)
    expected = 2_565 + sum(FIGURES[n] for n in names if cut in names and names.index(n) >= names.index(cut))
    assert network.parameter_counts()[0] == expected


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_modes_keep_the_prefix_and_batchnorm_still(strategy: str) -> None:
    network = networks.assemble(backbone("resnet18"), 5)
    for phase in make_recipe("resnet18", strategy).phases:
        network.prepare(phase)
        network.train_mode(phase)
        prefix, tail = network.split(phase.train_from)
        assert not any(m.training for m in prefix.modules() if m is not prefix)
        norms = [m for m in tail.modules() if isinstance(m, networks.BatchNorm)]
        assert all(norm.training == (phase.bn == "adaptive") for norm in norms)
        assert all(norm.weight.requires_grad for norm in norms)


def test_frozen_batchnorm_holds_gamma_and_beta_too() -> None:
    network = networks.assemble(backbone("resnet18"), 5)
    network.prepare(Phase("any", "layer4", 1, bn="frozen"))
    _, tail = network.split("layer4")
    learning = {n for n, p in network.model.named_parameters() if p.requires_grad}
    assert learning == {n for n in learning if "bn" not in n and "downsample.1" not in n}
    assert sum(isinstance(m, networks.BatchNorm) for m in tail.modules()) == 5


def test_a_layer_inside_the_tail_can_be_frozen() -> None:
    network = networks.assemble(backbone("resnet18"), 5)
    network.prepare(Phase("any", "layer3", 1, frozen=("layer4.0", "layer3")))
    learning = {n.split(".")[0] + "." + n.split(".")[1] for n, p in network.model.named_parameters() if p.requires_grad}
    assert learning == {"layer4.1", "fc.weight", "fc.bias"}
    with pytest.raises(BadRecipe, match="no layer 'layer9'"):
        network.prepare(Phase("any", "layer3", 1, frozen=("layer9",)))
    with pytest.raises(BadRecipe, match="everything is frozen"):
        network.prepare(Phase("any", "head", 1, frozen=("head",)))


def test_groups_take_the_rates_of_their_stages() -> None:
    network = networks.assemble(backbone("resnet18"), 5)
    phase = make_recipe("resnet18", "fine-tune-layered").phases[-1]
    network.prepare(phase)
    sizes = {name: sum(p.numel() for p in group) for name, group in network.groups().items()}
    assert sizes == {"early": 683_072, "late": 10_493_440, "head": 2_565}
    assert [phase.lr(name) for name in sizes] == [1e-5, 1e-4, 1e-3]


def test_a_custom_rate_reaches_early_and_late_stages() -> None:
    phase = make_recipe("resnet18", "fine-tune-layered", Changes(backbone_lr=1e-3)).phases[-1]
    assert (phase.early_lr, phase.backbone_lr) == (pytest.approx(1e-4), 1e-3)


def lite0_with_its_own_head() -> networks.Network:
    network = networks.assemble(backbone("efficientnet_lite0"), 1000)
    network.model.load_state_dict(networks.upstream_state(network.backbone), strict=True)
    network.eval_mode()
    return network


def test_the_wheels_weights_give_the_logits_they_always_gave() -> None:
    """Measured once with the mapping that ranked 97 % of ants and bees right; another mapping gives others."""
    pixels = torch.linspace(-1, 1, 3 * 224 * 224).view(1, 3, 224, 224)
    with torch.inference_mode():
        logits = lite0_with_its_own_head().model(pixels)[0]
    expected = torch.tensor([0.2660, 0.5906, 1.7197, 1.3839, 1.8400])
    assert torch.allclose(logits[:5], expected, atol=1e-3)


def test_the_wheels_head_tells_ants_from_bees(data: Path) -> None:
    network = lite0_with_its_own_head()
    pictures = [p for p in find(data / "hymenoptera").pictures if p.split == "val"]
    ant, bee, right = 310, 309, 0
    preprocessing = network.backbone.preprocessing
    with torch.inference_mode():
        for start in range(0, len(pictures), 32):
            batch = pictures[start : start + 32]
            pixels = torch.stack([read(p.path, preprocessing) for p in batch])  # type: ignore[misc]
            logits = network.model(normalise(pixels, preprocessing))
            says_ant = (logits[:, ant] > logits[:, bee]).tolist()
            right += sum((p.label == "ants") == said for p, said in zip(batch, says_ant, strict=True))
    assert right / len(pictures) >= 0.85


def test_a_stages_weights_go_out_and_come_back(tiny_backbone: Backbone) -> None:
    network = networks.build("tiny", 3, pretrained=True)
    before = {n: v.clone() for n, v in network.tail_state("blocks4").items()}
    with torch.no_grad():
        for value in network.tail_state("blocks4").values():
            value.zero_()
    network.load_tail("blocks4", before)
    assert all(torch.equal(v, before[n]) for n, v in network.tail_state("blocks4").items())
    assert not any(n.startswith("blocks.3") for n in before)
    with pytest.raises(ValueError, match="another cut"):
        network.load_tail("head", before)


def test_preprocessing_goes_to_json_and_back(tiny_backbone: Backbone) -> None:
    preprocessing = tiny_backbone.preprocessing
    assert type(preprocessing).from_json(preprocessing.to_json()) == preprocessing
    with pytest.raises(ValueError, match="range"):
        type(preprocessing).from_json(replace(preprocessing, std=(0.5, 0.5, 0.0)).to_json())

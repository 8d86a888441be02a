import pytest
import torch
from torch import nn

from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.engine import network as networks
from tlstudio.engine.folding import folded
from tlstudio.engine.network import BatchNorm


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, BatchNorm) for part in module.modules())


def disagreement(one: nn.Module, other: nn.Module, side: int) -> float:
    """The largest difference of two answers to noise, as a share of the largest answer."""
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = one(pixels), other(pixels)
    return float((found - expected).abs().max() / expected.abs().max())


def shift_statistics(module: nn.Module) -> None:
    """Statistics and scales unlike the initial ones, so that folding has something to get wrong."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.7, 1.4)
            nn.init.uniform_(part.weight, 0.7, 1.3)
            nn.init.uniform_(part.bias, -0.2, 0.2)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_answers_the_same_when_folded(name: str) -> None:
    network = networks.assemble(backbone(name), 5)
    network.eval_mode()
    prefix, _ = network.split("head")
    shift_statistics(prefix)
    before = {key: value.clone() for key, value in network.model.state_dict().items()}
    fast = folded(prefix, 64 if norms(prefix) else 224)
    assert norms(fast) == 0
    assert disagreement(prefix, fast, network.preprocessing.size) < 1e-4
    assert all(torch.equal(value, before[key]) for key, value in network.model.state_dict().items())
    assert not any(p.requires_grad for p in fast.parameters())


def test_a_prefix_that_learns_is_left_as_it_was(tiny_backbone: Backbone) -> None:
    network = networks.build("tiny", 3, pretrained=True)
    prefix, _ = network.split("blocks3")
    prefix.train()
    fast = folded(prefix, 32)
    assert all(part.training for part in prefix.modules())
    assert not any(part.training for part in fast.modules())
    assert all(p.requires_grad for p in prefix.parameters())
    prefix.eval()
    assert norms(prefix) > norms(fast) == 0
    assert disagreement(prefix, fast, 32) < 1e-5


class Forked(nn.Module):
    """The convolution's output goes round its norm, too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.conv(pixels)
        return found + self.norm(found)


class Repeated(nn.Module):
    """One norm for two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.norm = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.norm(self.two(self.norm(self.one(pixels)).relu_()))  # type: ignore[no-any-return]


class Halved(nn.BatchNorm2d):
    """A norm of somebody's own, which does more than its name says."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels) / 2  # type: ignore[no-any-return]


def normless() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))


@pytest.mark.parametrize(
    "stage",
    [
        Forked(),
        Repeated(),
        nn.Sequential(nn.Conv2d(3, 4, 3), Halved(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
        normless(),
    ],
)
def test_what_cannot_be_folded_safely_stays_as_it_is(stage: nn.Module) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3))
    prefix = nn.Sequential(plain, stage)
    torch.manual_seed(0)
    for part in prefix.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None:
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 2)
    prefix.eval()
    fast = folded(prefix, 32)
    assert norms(fast) == norms(prefix) - 1  # the plain pair before it is folded all the same
    assert disagreement(prefix, fast, 40) < 1e-5

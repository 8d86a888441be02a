"""Every strategy on every backbone: random weights, small pictures, one step a phase."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.conftest import look_through
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.catalogue import Picture
from tlstudio.core.events import EpochDone, PhaseStarted
from tlstudio.core.recipe import STRATEGIES, Recipe, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.engine import network as networks
from tlstudio.engine.training import Fit, fit

pytestmark = pytest.mark.slow  # about 45 s of processor time in all, 20 of it the vision transformer's

SIDE = 32  # pixels; the networks halve them five times
CLASSES = ("blue", "green", "red")


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest) -> networks.Network:
    """One network a backbone, for pictures of `SIDE`; what a strategy learned does no harm to the next."""
    spec = BACKBONES[request.param]
    small = replace(spec, preprocessing=replace(spec.preprocessing, size=SIDE, resize=SIDE))
    made = networks.assemble(small, len(CLASSES))
    made.eval_mode()
    for value in made.model.parameters():
        if not value.any():  # or what begins with zeros anew, as a class token does, would not be seen to change
            torch.nn.init.normal_(value)
    return made


@pytest.fixture
def few(pictures: Path) -> list[Picture]:
    """Two pictures a class."""
    return look_through(pictures)[::4]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    """A run's folder that goes away at once: the largest network's checkpoint has 350 MB."""
    made = RunFolder(tmp_path / "run")
    made.folder.mkdir()
    yield made
    shutil.rmtree(made.folder)


def sums(network: networks.Network) -> dict[str, float]:
    """One exact number for each parameter, to see which have moved without keeping copies."""
    return {name: value.sum(dtype=torch.float64).item() for name, value in network.model.named_parameters()}


def one_epoch_each(recipe: Recipe) -> Recipe:
    return replace(recipe, phases=tuple(replace(phase, epochs=1) for phase in recipe.phases))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("network", BACKBONES, indirect=True, scope="module")
def test_every_strategy_runs_and_learns_just_what_it_says(
    network: networks.Network, strategy: str, few: list[Picture], run: RunFolder
) -> None:
    recipe = one_epoch_each(make_recipe(network.backbone.name, strategy))
    shipped = {name: value.clone() for name, value in network.running_statistics().items()}
    before = sums(network)
    job = Fit(network, recipe, CLASSES, few, few[:2], run, 1, lambda: False)
    events = list(fit(job))

    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert len(epochs) == len(recipe.phases)
    groups = [event.groups for event in events if isinstance(event, PhaseStarted)]
    assert [group["lr"] for group in groups[-1]] == [recipe.phases[-1].lr(group["name"]) for group in groups[-1]]
    moved = {name for name, value in sums(network).items() if value != before[name]}
    learning = {name: value for name, value in network.model.named_parameters() if value.requires_grad}
    assert moved <= learning.keys()
    if epochs[-1].best:  # else the network is what the warm-up left
        assert {name for name, value in learning.items() if value.ndim > 1} <= moved
    still = all(torch.equal(value, shipped[name]) for name, value in network.running_statistics().items())
    assert still == (recipe.pretrained or not shipped)

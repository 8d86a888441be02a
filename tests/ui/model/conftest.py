"""The network panel with every backbone's layers, looked up once."""

from collections.abc import Iterator

import pytest

from tests.ui.model.rows import CLASSES, PICTURES, choose
from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Outlined
from tlstudio.core.recipe import make_recipe
from tlstudio.ui.model.panel import ModelPanel


@pytest.fixture(scope="package")
def outlines() -> dict[str, Outlined]:
    """What the task says about each backbone; built once, as the panel does too."""
    found = {}
    for name in BACKBONES:
        (found[name],) = tasks.outline(name, CLASSES, make_recipe(name, "feature-extraction").phases[-1])
    return found


@pytest.fixture(scope="package")
def sketches():
    """Each network without values, as an optimiser takes it all the same."""
    from tlstudio.engine import network as networks

    return {name: networks.sketch(spec, CLASSES) for name, spec in BACKBONES.items()}


@pytest.fixture
def panel(qtbot, outlines) -> Iterator[ModelPanel]:
    made = ModelPanel()
    qtbot.addWidget(made)
    for event in outlines.values():
        made.outlines.take(event)
    made.show_pictures(CLASSES, PICTURES)
    made.resize(1130, 700)
    made.show()
    yield made
    made.shut_down()


@pytest.fixture
def resnet(panel) -> ModelPanel:
    choose(panel.backbone_box, "resnet18")
    return panel

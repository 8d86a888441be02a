"""`inspect --doubts`: what gives the classes away, and what cannot be judged."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Tlstudio
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.doubts import ShortcutsFound
from tlstudio.core.project import Project


@pytest.fixture
def framed(tmp_path: Path) -> Path:
    """Two classes of noise; one has a dark border."""
    draw = np.random.default_rng(0)
    for label in ("plain", "framed"):
        folder = tmp_path / "set" / label
        folder.mkdir(parents=True)
        for number in range(14):
            pixels = draw.integers(0, 255, (40, 40, 3)).astype(np.uint8)
            if label == "framed":
                pixels[:3] = pixels[-3:] = pixels[:, :3] = pixels[:, -3:] = 10
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "set"


def test_a_border_that_tells_the_classes_apart_raises_the_alarm(framed: Path, here: Tlstudio) -> None:
    result = here("inspect", framed, "--doubts", "--json")
    assert result.status == 0, result.err
    cues = {cue["name"]: cue for cue in result.of("shortcuts")[0]["cues"]}
    assert cues["border"]["alarm"]
    assert cues["border"]["accuracy"] > 0.9
    assert "source" not in cues  # all from one place
    assert "size" not in cues  # all alike
    assert result.of("doubts")[0]["n"] == 28
    assert 0 <= result.of("learning_curve")[0]["twice"] <= 1
    text = here("inspect", framed, "--doubts").out
    assert "Careful: The colours along the border alone" in text


def test_a_project_knows_that_its_classes_come_from_two_places(
    framed: Path, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.add(project, [framed / "plain"], "plain"))
        list(tasks.add(project, sorted((framed / "framed").iterdir()), "framed"))
    said = list(tasks.inspect(tmp_path / "project", doubts=tiny_backbone.name))
    (found,) = [event for event in said if isinstance(event, ShortcutsFound)]
    (source,) = [cue for cue in found.cues if cue.name == "source"]
    assert source.alarm


def test_one_class_cannot_be_doubted(framed: Path, here: Tlstudio) -> None:
    result = here("inspect", framed / "plain", "--doubts")
    assert result.status == 1
    assert "fewer than two classes" in result.err

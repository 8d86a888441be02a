"""What stages respond to: on a picture with one thing in it, they have to find that thing."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Event
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import make_recipe
from tlstudio.core.responses import FiltersSeen, Offered, PatchesFound, PictureSeen, StageSeen
from tlstudio.core.stages import stages_of
from tlstudio.engine import network as networks
from tlstudio.engine import shapes
from tlstudio.engine.network import Network
from tlstudio.engine.responses import ALL_TOGETHER, Look, filters
from tlstudio.engine.tensors import Pixels

SIDE = 224


@pytest.fixture(scope="module")
def lite0() -> Network:
    return networks.build("efficientnet_lite0", 2, pretrained=True)


@pytest.fixture(scope="module")
def star() -> Pixels:
    """A small star on plain grey, in the lower left quarter."""
    square = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    drawn = shapes.draw(shapes.SHAPES["star"], random.Random(3)).resize((64, 64))
    square.paste(drawn, (24, 136))
    return np.array(square)


def test_the_strongest_channels_of_every_stage_look_at_the_one_thing_there_is(lite0: Network, star: Pixels) -> None:
    look = Look(lite0, star)
    fields = []
    for stage in look.stages[:-1]:
        channels = look.strongest(stage, 6)
        assert len(set(channels)) == 6
        strengths = []
        for response in look.respond(stage, channels):
            left, top, right, bottom = response.part
            assert 0 <= left < right <= SIDE and 0 <= top < bottom <= SIDE
            assert right - left == bottom - top == look.field(stage)
            heat = np.frombuffer(response.heat, np.uint8).reshape(SIDE, SIDE)
            assert heat.max() == 255 and heat.min() == 0
            # What excites it and the star share some ground.
            strengths.append(left < 24 + 64 and right > 24 and top < 136 + 64 and bottom > 136)
        assert sum(strengths) >= 4, stage
        fields.append(look.field(stage))
    assert fields[:6] == sorted(fields[:6]) and min(fields[6:]) > 4 * fields[0]  # later stages see more of the picture
    assert look.maps("pool") is None and look.respond("pool", (0,)) == ()


def test_first_layer_filters_are_colour_tiles(lite0: Network) -> None:
    side, tiles = filters(lite0)
    assert side == 3 and len(tiles) == 32 and {len(tile) for tile in tiles} == {27}
    assert all(max(abs(value - 127.5) for value in tile) > 126 for tile in tiles)  # each uses all of its contrast


def test_a_transformer_shows_its_patches_all_channels_together(tiny_backbone: Backbone) -> None:
    depth = len(timm.create_model("test_vit", pretrained=False).blocks)
    preprocessing = Preprocessing(64, 64, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    described = {"family": "vit_timm", "architecture": "test_vit", "preprocessing": preprocessing}
    spec = replace(tiny_backbone, **described, stages=stages_of("vit_timm", depth))  # type: ignore[arg-type]
    look = Look(networks.assemble(spec, 2), np.zeros((64, 64, 3), np.uint8))
    for stage in ("embed", f"layers{depth - 1}"):
        assert look.is_tokens(stage)
        assert look.strongest(stage, 6) == (ALL_TOGETHER,)
        (response,) = look.respond(stage, (ALL_TOGETHER,))
        assert len(response.heat) == 64 * 64
        assert look.field(stage) == 3 * 16  # a patch and those around it
    assert look.maps("norm") is None


@pytest.fixture
def seeing(tiny_backbone: Backbone) -> tasks.Seeing:
    return tasks.Seeing(make_recipe("tiny", "feature-extraction"))


def last(said: list[Event]) -> Event:
    return said[-1]


def test_a_picture_is_looked_at_once_and_then_every_stage_answers(seeing: tasks.Seeing, pictures: Path) -> None:
    path = pictures / "red" / "3.png"
    seen = last(list(seeing.look(path)))
    assert isinstance(seen, PictureSeen)
    assert (seen.path, seen.side, len(seen.pixels)) == (str(path), 32, 32 * 32 * 3)
    (said,) = seeing.stage("blocks1")
    assert isinstance(said, StageSeen)
    assert (said.weights, said.maps, len(said.responses)) == ("shipped", "channels", 6)
    assert said == next(seeing.stage("blocks1"))
    (none,) = seeing.stage("pool")
    assert isinstance(none, StageSeen) and none.maps == "none" and not none.responses
    (first,) = seeing.filters()
    assert isinstance(first, FiltersSeen) and first.tiles


def test_the_best_parts_come_from_different_pictures_strongest_first(seeing: tasks.Seeing, pictures: Path) -> None:
    list(seeing.look(pictures / "red" / "3.png"))
    paths = [str(path) for path in sorted(pictures.rglob("*.png"))]  # one of them is broken
    found = last(list(seeing.patches("blocks1", (0, 3), paths)))
    assert isinstance(found, PatchesFound)
    assert found.patches.keys() == {0, 3}
    for patches in found.patches.values():
        assert len({patch.path for patch in patches}) == 4
        strengths = [patch.strength for patch in patches]
        assert strengths == sorted(strengths, reverse=True)
        assert all(len(patch.pixels) == 3 * patch.side**2 for patch in patches)


def test_what_cannot_be_read_says_so_and_the_next_picture_can(seeing: tasks.Seeing, pictures: Path) -> None:
    refused = last(list(seeing.look(pictures / "red" / "broken.png")))
    assert isinstance(refused, PictureSeen) and refused.error and not refused.pixels
    seen = last(list(seeing.look(pictures / "red" / "3.png")))
    assert isinstance(seen, PictureSeen) and not seen.error


def test_a_folder_that_is_no_project_offers_nothing(tmp_path: Path) -> None:
    assert list(tasks.offer(tmp_path)) == [Offered(str(tmp_path))]

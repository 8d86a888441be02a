"""What is remembered is right, and whatever it depends on is in its key."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import look_through
from tlstudio.core.backbones import Backbone
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TrainingFailed
from tlstudio.core.events import Event, FeaturesReady, PictureSkipped, Progress, Warned
from tlstudio.engine import features, settings
from tlstudio.engine import network as networks
from tlstudio.engine.features import Features, Stopped, View
from tlstudio.engine.network import Network

pytestmark = pytest.mark.usefixtures("fresh_cache")
CUT = "blocks4"


@pytest.fixture
def network(tiny_backbone: Backbone) -> Network:
    return networks.build("tiny", 3, pretrained=True)


@pytest.fixture
def found(pictures: Path) -> list[Picture]:
    return look_through(pictures)


def result(task: Generator[Event, None, Any]) -> tuple[list[Event], Any]:
    said = []
    while True:
        try:
            said.append(next(task))
        except StopIteration as end:
            return said, end.value


def extract(network: Network, pictures: list[Picture], cut: str = CUT, **how: Any) -> tuple[int, Features]:
    """How many pictures went through the stages now, and what they said."""
    said, answers = result(features.extract(network, cut, pictures, 2, **how))
    (ready,) = [e for e in said if isinstance(e, FeaturesReady)]
    assert ready.computed + ready.remembered == len(pictures)
    return ready.computed, answers


def test_what_is_remembered_is_what_was_computed(network: Network, found: list[Picture]) -> None:
    computed, first = extract(network, found)
    again, second = extract(network, found[::-1])
    assert (computed, again) == (24, 0)
    assert torch.equal(first.values, second.values.flip(0))
    assert second.kept == tuple(found[::-1])


@pytest.mark.parametrize("cut", ["blocks0", "blocks4", "pool", "head"])
def test_every_cut_agrees_with_the_network_itself(
    network: Network, found: list[Picture], cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "FOLD_FROM", 5)
    _, answers = extract(network, found[:5], cut)
    assert answers.rows[0].dtype == (np.float32 if cut == "head" else np.float16)
    _, tail = network.split(cut)
    pixels = features.as_pixels(features.squares(found[:5], features.PLAIN, network.preprocessing))
    with torch.inference_mode():
        exact = network.model(features.normalise(pixels, network.preprocessing))
        assert tail(answers.values).numpy() == pytest.approx(exact.numpy(), abs=1e-5 if cut == "head" else 1e-2)


def test_one_picture_alone_and_among_others_says_the_same(
    network: Network, found: list[Picture], fresh_cache: Path
) -> None:
    _, together = extract(network, found, "head", remember=False)
    alone = torch.cat([extract(network, [p], "head", remember=False)[1].values for p in found[:3]])
    assert alone.numpy() == pytest.approx(together.values[:3].numpy(), abs=1e-5)


def other_preprocessing(network: Network) -> dict[str, Any]:
    network.preprocessing = replace(network.preprocessing, mean=(0.4, 0.5, 0.5))
    return {}


def other_weight(network: Network) -> dict[str, Any]:
    with torch.no_grad():
        next(network.stages["blocks3"].parameters()).view(-1)[0] += 1e-3
    return {}


def other_statistics(network: Network) -> dict[str, Any]:
    next(v for n, v in network.stages["stem"].named_buffers() if n.endswith("running_mean"))[0] += 1e-3
    return {}


def other_architecture(network: Network) -> dict[str, Any]:
    network.backbone = replace(network.backbone, architecture="tf_test_efficientnet")
    return {}


@pytest.mark.parametrize(
    "change",
    [
        other_preprocessing,
        other_architecture,
        other_weight,
        other_statistics,
        lambda _: {"cut": "blocks3"},
        lambda _: {"number_format": "float32"},
        lambda _: {"view": View("light", 0, 0)},
    ],
)
def test_whatever_the_answers_depend_on_misses_the_cache(network: Network, found: list[Picture], change: Any) -> None:
    extract(network, found[:4])
    how = change(network)
    assert extract(network, found[:4], **how)[0] == 4
    assert extract(network, found[:4], **how)[0] == 0


def test_views_miss_each_other_and_a_changed_picture_misses_all(network: Network, found: list[Picture]) -> None:
    views = [View("light", 0, 0), View("light", 0, 1), View("light", 1, 0), View("strong", 0, 0)]
    values = [extract(network, found[:2], view=view) for view in views]
    assert [computed for computed, _ in values] == [2, 2, 2, 2]
    assert extract(network, found[:2], view=views[1])[0] == 0
    changed = replace(found[0], digest="0" * 32)
    said, answers = result(features.extract(network, CUT, [changed, found[1]], 2))
    assert [(e.path, e.reason) for e in said if isinstance(e, PictureSkipped)] == [
        (changed.path, "changed since it was looked at")
    ]
    assert answers.kept == (found[1],)


def test_what_trains_outside_the_frozen_stages_does_not_miss_the_cache(network: Network, found: list[Picture]) -> None:
    extract(network, found[:4])
    with torch.no_grad():
        for parameter in network.split(CUT)[1].parameters():
            parameter.add_(1)
    assert extract(network, found[:4])[0] == 0


def test_a_view_depends_on_the_picture_not_on_its_place(network: Network, found: list[Picture]) -> None:
    view = View("strong", 3, 1)
    one, other = (extract(network, some, view=view, remember=False)[1] for some in (found[:9], found[8:4:-1]))
    assert np.array_equal(one.rows[8], other.rows[0])
    assert np.array_equal(one.rows[5], other.rows[3])


def test_what_was_computed_before_a_stop_is_kept(network: Network, found: list[Picture]) -> None:
    said: list[Event] = []
    with pytest.raises(Stopped):
        for event in features.extract(network, CUT, found, 1, stop=lambda: len(said) > 1):
            said.append(event)
    (*_, last) = [e.done for e in said if isinstance(e, Progress)]
    assert 0 < last < 24
    assert extract(network, found)[0] == 24 - last


def test_without_room_on_disk_the_work_goes_on_in_memory(
    network: Network, found: list[Picture], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings.set_cache_limit(0)
    assert [extract(network, found)[0] for _ in range(2)] == [24, 24]
    assert features.usage().bytes == 0


@pytest.mark.parametrize("size", [(1000, 700), (700, 1000), (2000, 100), (60, 40)])
@pytest.mark.parametrize("augmented", [False, True])
def test_decoded_pictures_are_kept_as_they_are_used(
    network: Network, tmp_path: Path, size: tuple[int, int], augmented: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (9, 13, 3), np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(tmp_path / "one.png")
    (tmp_path / "class").mkdir()
    (tmp_path / "one.png").rename(tmp_path / "class" / "one.png")
    found = look_through(tmp_path)
    kept = [result(features.keep_pictures(network.preprocessing, found, augmented, 1))[1].rows[0] for _ in range(2)]
    assert np.array_equal(*kept)
    if not augmented:
        assert np.array_equal(kept[0], features.squares(found, features.PLAIN, network.preprocessing)[0])
        return
    shorter = min(size)
    assert min(kept[0].shape[:2]) == min(36, shorter)
    view = View("light", 0, 0)
    fresh = features.squares(found, view, network.preprocessing)[0]
    small = features.varied(Image.fromarray(kept[0]), found[0], view, network.preprocessing)
    # Scaled twice instead of once; of the longest picture only the middle was kept.
    assert size == (2000, 100) or np.abs(small.astype(int) - np.asarray(fresh).astype(int)).mean() < 8


def test_too_little_memory_halves_the_batch_and_says_so(
    network: Network, found: list[Picture], fresh_cache: Path
) -> None:
    largest = 2

    def full(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > largest:
            raise torch.OutOfMemoryError

    _, exact = extract(network, found, remember=False)
    network.stages["blocks1"].register_forward_pre_hook(full)
    said, answers = result(features.extract(network, CUT, found, 2, remember=False))
    assert [e.text for e in said if isinstance(e, Warned)] == [
        "The device had too little memory: pictures went through it in 4 parts a batch."
    ]
    assert answers.values.numpy() == pytest.approx(exact.values.numpy(), abs=1e-3)
    largest = 0
    with pytest.raises(TrainingFailed, match="too little memory for even one picture"):
        extract(network, found, remember=False)

"""The rules for what is remembered: pure arithmetic on what is there."""

import pytest

from tlstudio.core.caching import CachePlan, Extent, kept_size, plan
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Augmentation, Phase

MAPS, POOLED, NOTHING = (192, 7, 7), (1280,), ()
PLENTY = 1 << 40


def planned(row: tuple[int, ...], room: int, augment: Augmentation = "none", epochs: int = 10) -> CachePlan:
    extent = Extent(train=1_000, held_out=200, train_bytes=200_000_000, side=224)
    return plan(Phase("any", "any", epochs, augment=augment), row, extent, room)


def test_what_the_frozen_stages_say_is_kept_wherever_they_are_cut() -> None:
    assert planned(MAPS, PLENTY) == CachePlan("features", "float16", 1)
    assert planned(POOLED, PLENTY) == CachePlan("features", "float32", 1)


def test_pooled_features_need_no_disk() -> None:
    assert planned(POOLED, 0) == CachePlan("features", "float32", 1)
    assert planned(MAPS, 0).tier == "files"


def test_without_frozen_stages_the_decoded_pictures_are_kept() -> None:
    assert planned(NOTHING, PLENTY) == CachePlan("pictures", "uint8", 1)
    assert planned(NOTHING, PLENTY, "light") == CachePlan("pictures", "uint8", 0)
    assert planned(NOTHING, 0) == CachePlan("files", "uint8", 1)
    assert planned(NOTHING, 0, "strong") == CachePlan("files", "uint8", 0)


@pytest.mark.parametrize(("epochs", "views"), [(1, 1), (3, 3), (4, 4), (60, 4)])
def test_augmented_views_are_as_many_as_epochs_up_to_four(epochs: int, views: int) -> None:
    assert planned(MAPS, PLENTY, "light", epochs) == CachePlan("features", "float16", views)


def test_views_give_way_before_the_tier_does() -> None:
    one = 192 * 7 * 7 * 2
    assert planned(MAPS, (4 * 1_000 + 200) * one, "light").views == 4
    assert planned(MAPS, (4 * 1_000 + 200) * one - 1, "light").views == 3
    assert planned(MAPS, (2 * 1_000 + 200) * one, "light").views == 2
    # One view for ten epochs would be no augmentation at all.
    assert planned(MAPS, (2 * 1_000 + 200) * one - 1, "light").tier == "files"


def test_epochs_take_the_views_in_turn() -> None:
    assert [CachePlan("features", "float16", 3).view(epoch) for epoch in range(1, 8)] == [0, 1, 2, 0, 1, 2, 0]
    assert [CachePlan("pictures", "uint8", 0).view(epoch) for epoch in range(1, 5)] == [0, 1, 2, 3]


def test_a_plan_comes_back_from_its_record() -> None:
    plans = CachePlan("features", "float16", 4)
    assert CachePlan.from_json(plans.to_json()) == plans


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((1024, 768), (341, 256)),
        ((768, 1024), (256, 341)),
        ((320, 240), (320, 240)),
        ((4000, 400), (768, 256)),
        ((1, 900), (1, 3)),
        ((256, 256), (256, 256)),
    ],
)
def test_pictures_are_kept_small_but_never_enlarged(size: tuple[int, int], kept: tuple[int, int]) -> None:
    half = (0.5, 0.5, 0.5)
    assert kept_size(*size, Preprocessing(224, 256, "bicubic", half, half)) == kept

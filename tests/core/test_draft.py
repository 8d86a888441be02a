"""A draft: presets, cuts and numbers make recipes, whatever order they come in."""

from dataclasses import replace

import pytest

from tlstudio.core.backbones import BACKBONES
from tlstudio.core.draft import Draft
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import STRATEGIES, make_recipe


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_preset_is_the_strategy_as_it_comes(backbone, strategy):
    draft = Draft(backbone).with_strategy(strategy)
    assert draft.recipe == make_recipe(backbone, strategy)
    assert draft.is_preset


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "from-scratch"])
def test_a_cut_can_be_put_at_every_stage_from_every_strategy(backbone, strategy):
    for stage in BACKBONES[backbone].stage_names:
        draft = Draft(backbone).with_strategy(strategy).with_cut(stage)
        wanted = "head" if stage == "pool" else stage
        assert draft.shown_phase.train_from == wanted
        assert (draft.strategy == "feature-extraction") == (wanted == "head")


def test_the_preset_goes_along_with_the_cut():
    draft = Draft("resnet18").with_cut("layer4")
    assert (draft.strategy, draft.is_preset) == ("fine-tune-last", True)
    draft = draft.with_cut("stem")
    assert draft.strategy == "fine-tune-all"
    draft = draft.with_cut("layer2")
    assert (draft.strategy, draft.is_preset) == ("fine-tune-all", False)
    layered = draft.with_strategy("fine-tune-layered").with_cut("layer2")
    assert layered.strategy == "fine-tune-layered"


def test_a_stage_frozen_after_the_first_is_not_everything():
    draft = Draft("resnet18").with_cut("stem", ("layer1",))
    assert draft.strategy == "fine-tune-last"
    assert (draft.shown_phase.train_from, draft.shown_phase.frozen) == ("stem", ("layer1",))


def test_going_back_to_the_head_keeps_what_it_has_a_use_for():
    draft = Draft().with_strategy("fine-tune-last")
    draft = draft.with_changes(batch_size=16, head_lr=2e-3, backbone_lr=1e-5, bn="adaptive", epochs=7, warmup_epochs=1)
    head = draft.with_cut("head").recipe
    assert (head.batch_size, head.phases[0].head_lr) == (16, 2e-3)
    assert head.phases == make_recipe(draft.backbone, "feature-extraction", draft.with_cut("head").changes).phases
    assert head.phases[0].epochs == make_recipe(draft.backbone, "feature-extraction").phases[0].epochs


def test_another_backbone_keeps_numbers_but_not_stage_names():
    draft = Draft("resnet18").with_cut("layer3", ("layer4.0",)).with_changes(epochs=9)
    other = draft.with_backbone("efficientnet_lite0")
    assert other.recipe.phases[-1].train_from == BACKBONES["efficientnet_lite0"].last_stage
    assert (other.recipe.phases[-1].epochs, other.recipe.phases[-1].frozen) == (9, ())


def test_random_weights_are_not_frozen():
    with pytest.raises(BadRecipe):
        Draft().with_strategy("from-scratch").with_cut("blocks3")


def test_moving_the_cut_never_changes_the_augmentation():
    everything = Draft("resnet18").with_strategy("fine-tune-all")
    assert everything.shown_phase.augment == "light"
    for stage in ("layer1", "layer3", "layer4", "stem"):
        assert everything.with_cut(stage).shown_phase.augment == "light"
    last = Draft("resnet18").with_strategy("fine-tune-last")
    assert last.with_cut("stem").shown_phase.augment == "none"


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("domain", ["similar", "different"])
def test_a_recipe_comes_back_as_the_draft_it_was(backbone, strategy, domain):
    preset = Draft(backbone, strategy, domain)
    assert Draft.of(preset.recipe) == preset
    changed = preset.with_changes(epochs=7, batch_size=8, head_lr=2e-3, augment="light", seed=3)
    assert Draft.of(changed.recipe).recipe == changed.recipe
    if strategy.startswith("fine-tune"):
        first, second, *_ = BACKBONES[backbone].stage_names
        for draft in (
            changed.with_cut(second),
            changed.with_cut(first, (second,)),
            changed.with_changes(warmup_epochs=0, bn="adaptive"),
            changed.with_changes(backbone_lr=5e-5, weight_decay=0.05),
            changed.with_changes(early_lr=3e-6),
            changed.with_changes(backbone_lr=5e-5, early_lr=3e-6),
        ):
            assert Draft.of(draft.recipe).recipe == draft.recipe


def test_gradual_unfreezing_is_taken_up_and_dropped_where_it_would_do_nothing():
    draft = Draft("resnet18").with_strategy("fine-tune-all").with_changes(gradual=True, warmup_epochs=0)
    assert (draft.can_be_gradual, draft.is_preset) == (True, False)
    assert Draft.of(draft.recipe) == draft
    assert draft.with_cut("layer2").recipe.phases[0].train_from == "layer4"
    for other in (draft.with_cut("layer4"), draft.with_cut("head"), draft.with_strategy("from-scratch")):
        assert not other.can_be_gradual
        assert {phase.name for phase in other.recipe.phases}.isdisjoint({"unfreeze"})


def test_a_recipe_of_an_unknown_backbone_is_refused():
    with pytest.raises(BadRecipe):
        Draft.of(replace(Draft().recipe, backbone="of tomorrow"))

import dataclasses
import json

import pytest

from tlstudio.core.backbones import BACKBONES
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import STRATEGIES, Changes, Recipe, guards, make_recipe


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_goes_to_json_and_back(backbone: str, strategy: str) -> None:
    recipe = make_recipe(backbone, strategy)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    ("strategy", "cuts", "rates"),
    [
        ("feature-extraction", ["head"], (1e-3, 1e-4, 1e-4)),
        ("fine-tune-last", ["head", "layer4"], (1e-3, 1e-4, 1e-4)),
        ("fine-tune-all", ["head", "stem"], (1e-3, 1e-4, 1e-4)),
        ("fine-tune-layered", ["head", "stem"], (1e-3, 1e-4, 1e-5)),
        ("from-scratch", ["stem"], (1e-3, 1e-3, 1e-3)),
    ],
)
def test_strategies_are_the_designs(strategy: str, cuts: list[str], rates: tuple[float, float, float]) -> None:
    recipe = make_recipe("resnet18", strategy)
    last = recipe.phases[-1]
    assert [phase.train_from for phase in recipe.phases] == cuts
    assert (last.lr("head"), last.lr("late"), last.lr("early")) == rates


def test_fine_tuning_keeps_the_head_ten_times_faster_and_batchnorm_pinned() -> None:
    for strategy in ("fine-tune-last", "fine-tune-all"):
        last = make_recipe("efficientnet_lite0", strategy).phases[-1]
        assert last.head_lr == pytest.approx(10 * last.backbone_lr)
        assert last.bn == "pinned"


def test_changes_reach_the_phase_they_are_meant_for() -> None:
    changes = Changes(
        train_from="layer3", freeze=("layer4.0",), warmup_epochs=1, epochs=2, head_lr=0.01, backbone_lr=1e-3
    )
    warm_up, last = make_recipe("resnet18", "fine-tune-last", changes).phases
    assert (warm_up.train_from, warm_up.epochs, warm_up.head_lr, warm_up.frozen) == ("head", 1, 0.01, ())
    assert (last.train_from, last.epochs, last.head_lr, last.frozen) == ("layer3", 2, 0.01, ("layer4.0",))
    assert (last.backbone_lr, last.early_lr) == (1e-3, 1e-3)


@pytest.mark.parametrize(
    ("strategy", "changes"),
    [
        ("feature-extraction", Changes(train_from="layer4")),
        ("feature-extraction", Changes(backbone_lr=1e-4)),
        ("feature-extraction", Changes(warmup_epochs=2)),
        ("from-scratch", Changes(bn="pinned")),
        ("from-scratch", Changes(train_from="layer4")),
        ("fine-tune-last", Changes(train_from="blocks3")),
        ("fine-tune-last", Changes(head_lr=-1.0)),
        ("fine-tune-last", Changes(epochs=0)),
        ("fine-tune-last", Changes(batch_size=0)),
        ("fine-tune-last", Changes(weight_decay=-0.1)),
        ("fine-tune-last", Changes(gradual=True)),
        ("feature-extraction", Changes(gradual=True)),
        ("from-scratch", Changes(gradual=True)),
        ("guesswork", Changes()),
    ],
)
def test_contradictions_are_refused(strategy: str, changes: Changes) -> None:
    with pytest.raises(BadRecipe):
        make_recipe("resnet18", strategy, changes)


@pytest.mark.parametrize(
    ("strategy", "changes", "per_class", "expected"),
    [
        ("feature-extraction", Changes(), 5, []),
        ("fine-tune-all", Changes(), 5, ["few-pictures"]),
        ("fine-tune-all", Changes(), 500, []),
        ("fine-tune-all", Changes(train_from="layer1"), 5, ["few-pictures"]),
        ("fine-tune-last", Changes(), 5, []),
        ("fine-tune-last", Changes(backbone_lr=1e-2), 500, ["erasing-rate"]),
        ("fine-tune-all", Changes(backbone_lr=1e-2, gradual=True), 500, ["erasing-rate"]),
        ("fine-tune-all", Changes(warmup_epochs=0, gradual=True), 500, ["no-warm-up"]),
        ("fine-tune-last", Changes(bn="adaptive"), 99, ["adaptive-batchnorm"]),
        ("fine-tune-last", Changes(bn="adaptive"), 100, []),
        ("fine-tune-last", Changes(warmup_epochs=0), 500, ["no-warm-up"]),
        ("from-scratch", Changes(), 500, ["from-scratch"]),
        ("from-scratch", Changes(), 20_000, []),
    ],
)
def test_guards(strategy: str, changes: Changes, per_class: int, expected: list[str]) -> None:
    assert [g.name for g in guards(make_recipe("resnet18", strategy, changes), per_class)] == expected


def test_a_very_different_domain_may_tune_everything_on_few_pictures() -> None:
    recipe = dataclasses.replace(make_recipe("resnet18", "fine-tune-all"), domain="different")
    assert guards(recipe, 20) == []


def test_gradual_unfreezing_lets_one_more_stage_learn_at_a_time() -> None:
    changes = Changes(gradual=True, epochs=4, freeze=("layer3", "layer1.0"), bn="frozen", weight_decay=0.0)
    recipe = make_recipe("resnet18", "fine-tune-all", changes)
    assert [(p.name, p.train_from, p.epochs) for p in recipe.phases] == [
        ("warm-up", "head", 10),
        ("unfreeze", "layer4", 1),
        ("unfreeze", "layer2", 1),  # layer3 stays frozen: nothing new would learn there
        ("unfreeze", "layer1", 1),
        ("fine-tune", "stem", 4),
    ]
    assert {(p.frozen, p.bn, p.backbone_lr, p.augment) for p in recipe.phases[1:]} == {
        (("layer3", "layer1.0"), "frozen", 1e-4, "light")
    }
    assert recipe.weight_decay == 0


@pytest.mark.parametrize("backbone", BACKBONES)
def test_gradual_unfreezing_passes_every_stage_once(backbone: str) -> None:
    names = BACKBONES[backbone].stage_names
    warm_up, *phases = make_recipe(backbone, "fine-tune-layered", Changes(gradual=True)).phases
    at = [names.index(phase.train_from) for phase in phases]
    assert at == list(range(names.index(BACKBONES[backbone].last_stage), -1, -1))
    assert warm_up.train_from == "head"

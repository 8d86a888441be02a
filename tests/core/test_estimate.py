"""Estimates are rough, but never absurd: more work is longer, what is remembered is quick, runs correct them."""

import pytest

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.estimate import Machine, Measured, multiply_adds, run_seconds
from tlstudio.core.recipe import Changes, make_recipe


@pytest.fixture(scope="module")
def stages():
    found = {}
    for name in BACKBONES:
        (event,) = tasks.outline(name, 5, make_recipe(name, "feature-extraction").phases[-1])
        found[name] = event.stages
    return found


MACHINE = Machine(cores=2)


def reckon(stages, strategy, machine=MACHINE, pictures=665, backbone="resnet18", **changes):
    recipe = make_recipe(backbone, strategy, Changes(**changes))
    return run_seconds(recipe, stages[backbone], pictures, machine)


def test_resnet18_costs_about_what_its_authors_say(stages):
    total = sum(multiply_adds(stage) for stage in stages["resnet18"])
    assert total == pytest.approx(1.8e9, rel=0.1)


@pytest.mark.parametrize(
    ("name", "published"),
    [("resnet50", 4.1e9), ("convnext_tiny", 4.5e9), ("vit_b_16", 17.6e9), ("mobilenet_v3_small", 0.06e9)],
)
def test_larger_networks_cost_about_what_is_published(stages, name, published):
    assert sum(multiply_adds(stage) for stage in stages[name]) == pytest.approx(published, rel=0.5)


def test_deeper_tuning_takes_longer(stages):
    times = [reckon(stages, name) for name in ("feature-extraction", "fine-tune-last", "fine-tune-all", "from-scratch")]
    assert times == sorted(times)
    assert 5 < times[0] < 120
    assert times[2] > 2 * times[1]


def test_time_grows_with_pictures_and_epochs(stages):
    assert reckon(stages, "fine-tune-all", pictures=2000) > 2 * reckon(stages, "fine-tune-all", pictures=665)
    assert reckon(stages, "fine-tune-all", epochs=20) > 2 * reckon(stages, "fine-tune-all", epochs=5)


def test_what_is_remembered_is_not_computed_again(stages):
    known = Machine(cores=2, remembered=frozenset({("resnet18", "head")}))
    assert reckon(stages, "feature-extraction", known) < reckon(stages, "feature-extraction") / 3
    other = Machine(cores=2, remembered=frozenset({("efficientnet_lite0", "head")}))
    assert reckon(stages, "feature-extraction", other) == reckon(stages, "feature-extraction")


def test_what_is_kept_by_rule_is_not_paid_for_in_every_epoch(stages):
    def each_epoch(pictures, **changes):
        few, many = (reckon(stages, "fine-tune-last", pictures=pictures, epochs=n, **changes) for n in (5, 15))
        return (many - few) / 10 / pictures

    plain = each_epoch(665)
    assert each_epoch(665, augment="light") == pytest.approx(plain)
    # So many maps of features have no room any more: every epoch begins with the files.
    assert each_epoch(60_000) > 1.5 * plain
    assert each_epoch(665, train_from="stem") < each_epoch(60_000, train_from="stem")


def test_a_run_corrects_the_next_estimate(stages):
    recipe = make_recipe("resnet18", "fine-tune-all")
    reckoned = run_seconds(recipe, stages["resnet18"], 665, MACHINE)
    slower = MACHINE.after_run(Measured(recipe, 2 * reckoned), stages["resnet18"], 665)
    assert slower.correction == pytest.approx(2)
    assert run_seconds(recipe, stages["resnet18"], 2000, slower) > 1.5 * run_seconds(
        recipe, stages["resnet18"], 2000, MACHINE
    )


def test_a_run_on_remembered_features_does_not_make_the_machine_look_fast(stages):
    recipe = make_recipe("resnet18", "feature-extraction")
    known = frozenset({("resnet18", "head")})
    quick = run_seconds(recipe, stages["resnet18"], 665, Machine(cores=2, remembered=known))
    after = MACHINE.after_run(Measured(recipe, quick, known), stages["resnet18"], 665)
    assert after.correction == pytest.approx(1)
    assert ("resnet18", "head") in after.remembered


def test_one_odd_run_does_not_make_absurd_estimates(stages):
    recipe = make_recipe("resnet18", "feature-extraction")
    assert MACHINE.after_run(Measured(recipe, 1e6), stages["resnet18"], 665).correction == 10

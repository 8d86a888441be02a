"""What learns is counted on the outline alone, just as the network itself counts it."""

import random
from dataclasses import replace

import pytest

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.draft import Draft
from tlstudio.core.errors import BadRecipe
from tlstudio.core.outline import StageOutline, counted, in_phase, toggled
from tlstudio.core.recipe import STRATEGIES, make_recipe
from tlstudio.engine.network import sketch


@pytest.fixture(scope="module")
def stages():
    found = {}
    for name in BACKBONES:
        (event,) = tasks.outline(name, 5, make_recipe(name, "feature-extraction").phases[-1])
        found[name] = event.stages
    return found


@pytest.fixture(scope="module")
def networks():
    return {name: sketch(BACKBONES[name], 5) for name in BACKBONES}


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("bn", ["pinned", "frozen"])
def test_counts_are_those_of_the_network(stages, networks, backbone, strategy, bn):
    phase = replace(make_recipe(backbone, strategy).phases[-1], bn=bn)
    network = networks[backbone]
    assert in_phase(stages[backbone], phase) == network.outline(phase)
    assert counted(in_phase(stages[backbone], phase)) == network.parameter_counts()


@pytest.mark.parametrize(
    ("backbone", "frozen"),
    [
        ("resnet18", ("layer4.0.conv1",)),
        ("resnet18", ("layer4.1", "head")),
        ("efficientnet_lite0", ("neck", "blocks.6.0.bn1")),
    ],
)
def test_frozen_modules_are_counted_too(stages, backbone, frozen):
    phase = replace(make_recipe(backbone, "fine-tune-last").phases[-1], frozen=frozen)
    (event,) = tasks.outline(backbone, 5, phase)
    assert in_phase(stages[backbone], phase) == event.stages


def after(stages, phase, name, learns):
    cut, frozen = toggled(stages, phase, name, learns)
    return replace(phase, train_from=cut, frozen=frozen)


def test_ticking_earlier_lists_the_untouched_rest(stages):
    last = make_recipe("resnet18", "fine-tune-last").phases[-1]
    assert toggled(stages["resnet18"], last, "stem", True) == ("stem", ("layer1", "layer2", "layer3"))
    cut, frozen = toggled(stages["resnet18"], last, "layer3.1.conv2", True)
    assert cut == "layer3"
    assert frozen == ("layer3.0", "layer3.1.conv1", "layer3.1.bn1", "layer3.1.bn2")


def test_unticking_the_first_stage_moves_the_cut_on(stages):
    last = make_recipe("resnet18", "fine-tune-last").phases[-1]
    assert toggled(stages["resnet18"], last, "layer4", False) == ("head", ())
    assert toggled(stages["resnet18"], last, "layer4.1", False) == ("layer4", ("layer4.1",))


def test_the_last_thing_that_learns_stays(stages):
    head = make_recipe("resnet18", "feature-extraction").phases[-1]
    assert toggled(stages["resnet18"], head, "head", False) is None
    assert toggled(stages["resnet18"], head, "fc", False) is None


@pytest.mark.parametrize("backbone", BACKBONES)
def test_there_and_back_is_where_one_was(stages, backbone):
    phase = make_recipe(backbone, "fine-tune-all").phases[-1]
    for stage in BACKBONES[backbone].stage_names:
        if stage == "pool":
            continue
        without = after(stages[backbone], phase, stage, False)
        assert not next(s for s in in_phase(stages[backbone], without) if s.name == stage).trainable
        assert after(stages[backbone], without, stage, True) == phase


def parts(found):
    """Everything that can be ticked: stages and modules, as they are in a phase."""
    for part in found:
        yield part
        yield from parts(part.layers if isinstance(part, StageOutline) else part.children)


def edited(draft, stages, dice):
    """The draft after something a person may do, and the part that was to learn or stand still, if it was that."""
    phase = draft.shown_phase
    match dice.randrange(6):
        case 0:
            return draft.with_strategy(dice.choice(list(STRATEGIES))), None
        case 1:
            return draft.with_cut(dice.choice([stage.name for stage in stages])), None
        case 2:
            return draft.with_changes(gradual=draft.can_be_gradual and dice.random() < 0.5), None
        case 3:
            number = {"epochs": dice.randint(1, 9), "weight_decay": dice.choice([None, 0.0, 0.1])}
            return draft.with_changes(**number), None
    part = dice.choice([part for part in parts(stages) if part.parameters])
    learns = dice.random() < 0.5
    found = toggled(stages, phase, part.name, learns)
    return (draft.with_cut(*found), (part.name, learns)) if found else (draft, None)


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_lite0", "convnext_tiny", "vit_b_16"])
def test_tree_and_presets_agree_whatever_a_person_does(stages, backbone):
    dice, draft = random.Random(backbone), Draft(backbone)
    for _ in range(60):
        try:
            draft, asked = edited(draft, stages[backbone], dice)
        except BadRecipe:  # random weights are not frozen
            continue
        phase = draft.shown_phase
        shown = in_phase(stages[backbone], phase)
        if asked and draft.strategy != "feature-extraction":
            (part,) = [part for part in parts(shown) if part.name == asked[0]][:1]
            assert part.trainable == (part.parameters if asked[1] else 0)
        assert Draft.of(draft.recipe).recipe == draft.recipe
        if draft.strategy == "from-scratch":
            assert counted(shown)[0] == counted(shown)[1]
            continue
        # What the tree shows, read back leaf by leaf, is the same again as cut and frozen modules.
        leaf = next(part for part in parts(shown) if part.trainable and not isinstance(part, StageOutline))
        while any(child.trainable for child in leaf.children):
            leaf = next(child for child in leaf.children if child.trainable)
        cut, frozen = toggled(stages[backbone], phase, leaf.name, True)
        assert in_phase(stages[backbone], replace(phase, train_from=cut, frozen=frozen)) == shown

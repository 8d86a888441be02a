"""Starting from a model of one's own: its backbone and its preprocessing, under a new head."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.conftest import Tlstudio
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import RefusedModel
from tlstudio.core.recipe import Recipe
from tlstudio.engine import checkpoints
from tlstudio.engine import network as networks

QUICK = ["--epochs", 1, "--threads", 1, "--json"]


@pytest.fixture
def own(here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> Path:
    """A fine-tuned model of three colours whose pictures go through another preprocessing than the shipped one."""
    flags = ["--backbone", "tiny", "--strategy", "fine-tune-all", "--bn", "adaptive", "--warmup-epochs", 1, *QUICK]
    done = here("train", pictures, "--model", "colours.tlmodel", *flags)
    assert done.status == 0, done.err
    file = tmp_path / "colours.tlmodel"
    model = checkpoints.load_model(file)
    preprocessing = replace(tiny_backbone.preprocessing, mean=(0.4, 0.4, 0.4)).to_json()
    checkpoints.save_model(file, replace(model, facts={**model.facts, "preprocessing": preprocessing}))
    return file


@pytest.fixture
def two(pictures: Path, tmp_path: Path) -> Path:
    """Two classes that the model has not heard of."""
    for old, new in (("red", "warm"), ("blue", "cold")):
        shutil.copytree(pictures / old, tmp_path / "two" / new)
    return tmp_path / "two"


def test_its_backbone_and_preprocessing_stay_and_the_head_is_new(here: Tlstudio, own: Path, two: Path) -> None:
    flags = ["--strategy", "feature-extraction", "--model", "new.tlmodel", *QUICK]
    done = here("train", two, "--backbone", own, "--project", "mine", *flags)
    assert done.status == 0, done.err
    before, after = checkpoints.load_model(own), checkpoints.load_model(Path("new.tlmodel"))
    assert after.classes == ("cold", "warm")
    assert after.network.preprocessing == before.network.preprocessing != before.network.backbone.preprocessing
    shipped = networks.upstream_state(before.network.backbone)
    state = {n: v for n, v in after.network.model.state_dict().items() if not n.startswith("classifier")}
    assert all(torch.equal(value, before.network.model.state_dict()[name]) for name, value in state.items())
    assert not any(torch.equal(value, shipped[name]) for name, value in state.items() if name.startswith("blocks"))

    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    provenance = after.facts["provenance"]
    assert (provenance["weights"], provenance["sha256"]) == ("colours.tlmodel", digest)
    assert provenance["source"] == "a TL Studio model of 3 classes: blue, green, red"
    assert provenance["before"] == before.facts["provenance"]
    run = Path(done.events[-1]["run"])
    recipe = Recipe.from_json(json.loads((run / "recipe.json").read_text()))
    assert recipe.start is not None
    assert (recipe.backbone, recipe.start.path, recipe.start.sha256) == ("tiny", str(own), digest)
    assert any(str(own) in said["text"] for said in done.of("said"))


def test_strategies_apply_as_usual(here: Tlstudio, own: Path, two: Path) -> None:
    flags = ["--strategy", "fine-tune-last", "--warmup-epochs", 1, "--folds", 2, "--model", "new.tlmodel", *QUICK]
    done = here("train", two, "--backbone", own, *flags)
    assert done.status == 0, done.err
    before = checkpoints.load_model(own).network.model.state_dict()
    after = checkpoints.load_model(Path("new.tlmodel")).network.model.state_dict()
    assert all(torch.equal(after[n], before[n]) for n in after if n.startswith(("conv_stem", "blocks.0", "blocks.3")))


def test_the_outline_is_that_of_its_backbone_and_says_whose(here: Tlstudio, own: Path) -> None:
    said, outline = here("outline", own, "--json").events
    assert str(own) in said["text"] and "blue, green, red" in said["text"]
    assert outline["backbone"] == "tiny"
    assert outline["stages"][-1]["parameters"] == 3 * 257
    assert here("outline", own, "--classes", 5, "--json").events[-1]["stages"][-1]["parameters"] == 5 * 257


def test_a_bad_file_is_refused_in_words(here: Tlstudio, own: Path, two: Path) -> None:
    own.write_bytes(own.read_bytes()[:-1000])
    for file, sentence in ((own, "colours.tlmodel: is not a TL Studio model"), ("gone.tlmodel", "No such file")):
        done = here("train", two, "--backbone", file)
        assert (done.status, sentence in done.err, done.out) == (1, True, "")


def test_random_weights_and_a_model_contradict_each_other(here: Tlstudio, own: Path, two: Path) -> None:
    done = here("train", two, "--backbone", own, "--strategy", "from-scratch")
    assert done.status == 2
    assert "contradicts the strategy from-scratch" in done.err


def test_a_file_that_has_changed_since_is_not_taken_for_it(own: Path) -> None:
    file = checkpoints.model_file(own)
    model = checkpoints.load_model(own)
    checkpoints.save_model(own, replace(model, facts={**model.facts, "created": "2026-01-02"}))
    with pytest.raises(RefusedModel, match="is another model now than when the run was planned"):
        checkpoints.start_from(file, 2, seed=0)

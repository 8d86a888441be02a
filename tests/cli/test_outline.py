from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from tests.conftest import Tlstudio

FIGURES = {
    "stem": 9_536,
    "layer1": 147_968,
    "layer2": 525_568,
    "layer3": 2_099_712,
    "layer4": 8_393_728,
    "pool": 0,
    "head": 2_565,
}


def test_resnet18_with_five_classes(tlstudio: Tlstudio) -> None:
    done = tlstudio("outline", "resnet18", "--classes", 5, "--strategy", "feature-extraction", "--json")
    (outline,) = done.events
    assert (outline["trainable_parameters"], outline["total_parameters"]) == (2_565, 11_179_077)
    assert {s["name"]: s["parameters"] for s in outline["stages"]} == FIGURES
    assert [s["name"] for s in outline["stages"] if s["trainable"]] == ["head"]
    assert outline["stages"][4]["output_shape"] == [512, 7, 7]
    assert {s["name"]: s["lr_group"] for s in outline["stages"]}["layer2"] == "early"
    assert sum(s["batchnorms"] for s in outline["stages"]) == 20
    assert sum(s["running_values"] for s in outline["stages"]) == 9_600
    assert outline["layers"][0] == {
        "name": "conv1",
        "kind": "Conv2d",
        "detail": "7×7, 3→64, stride 2",
        "parameters": 9_408,
        "trainable": 0,
        "children": [],
    }


def test_the_cut_and_frozen_layers(tlstudio: Tlstudio) -> None:
    done = tlstudio("outline", "resnet18", "--classes", 5, "--train-from", "layer3", "--freeze", "layer4.0", "--json")
    (outline,) = done.events
    trainable = {s["name"]: s["trainable"] for s in outline["stages"] if s["trainable"]}
    assert trainable == {"layer3": 2_099_712, "layer4": 4_720_640, "head": 2_565}


def test_people_see_a_table(tlstudio: Tlstudio) -> None:
    done = tlstudio("outline", "resnet18", "--classes", 5, "--strategy", "feature-extraction")
    assert "2,565 of 11,179,077 parameters learn (0.0229%)" in done.out
    assert "20 BatchNorm layers with 9,600 running values" in done.out
    assert "edges, corners, colour gradients; highly universal" in done.out


def test_the_steps_of_gradual_unfreezing(tlstudio: Tlstudio) -> None:
    flags = ["--strategy", "fine-tune-all", "--freeze", "layer3", "--gradual", "--json"]
    (outline,) = tlstudio("outline", "resnet18", *flags).events
    steps = [(phase["train_from"], phase["epochs"]) for phase in outline["phases"]]
    assert steps == [("head", 10), ("layer4", 1), ("layer2", 1), ("layer1", 1), ("stem", 5)]
    refused = tlstudio("outline", "resnet18", "--strategy", "fine-tune-last", "--gradual")
    assert refused.status == 2
    assert "only one stage to unfreeze" in refused.err


def test_a_network_brought_by_hand_is_a_backbone_like_any_other(
    tlstudio: Tlstudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    state = timm.create_model("test_vit", pretrained=False).state_dict()
    save_file(state, tmp_path / "from-a-stick.safetensors")
    (found,) = tlstudio("weights", "import", "from-a-stick.safetensors", "--timm", "test_vit", "--json").events
    assert (found["backbone"], found["licence"]) == ("timm/test_vit", "apache-2.0")
    (outline,) = tlstudio("outline", "timm/test_vit", "--strategy", "fine-tune-last", "--json").events
    assert [s["name"] for s in outline["stages"] if s["trainable"]] == ["layers5", "norm", "head"]
    unknown = tlstudio("outline", "timm/test_resnet")
    assert unknown.status == 2
    assert "timm/test_vit" in unknown.err

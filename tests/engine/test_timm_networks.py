"""Networks of timm's from a safetensors file given by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tlstudio import tasks
from tlstudio.core import backbones
from tlstudio.core.backbones import backbone
from tlstudio.core.errors import RefusedModel, RefusedWeights
from tlstudio.core.events import Finished, Predicted, WeightsFound
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.engine import checkpoints
from tlstudio.engine import network as networks


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table and a folder of weights of the test's own."""
    monkeypatch.setattr(backbones, "BACKBONES", dict(backbones.BACKBONES))
    monkeypatch.setattr("tlstudio.tasks.weights.BACKBONES", backbones.BACKBONES)
    monkeypatch.setattr("tlstudio.engine.checkpoints.BACKBONES", backbones.BACKBONES)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def saved(name: str, folder: Path, **changed: torch.Tensor) -> Path:
    """A file of seeded weights, as somebody might bring it."""
    torch.manual_seed(0)
    file = folder / f"{name}.safetensors"
    state = timm.create_model(name, pretrained=False).state_dict()
    save_file({**{key: value.contiguous() for key, value in state.items()}, **changed}, file)
    return file


def brought(name: str, folder: Path) -> str:
    (found,) = tasks.weights_import(saved(name, folder), name)
    assert isinstance(found, WeightsFound)
    return found.backbone


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("test_resnet", "stem", "layer4"),
        ("test_efficientnet", "stem", "blocks4"),
        ("mobilenetv3_small_050", "stem", "blocks5"),
        ("test_convnext", "stem", "stage4"),
        ("regnetx_002", "stem", "block4"),
        ("test_vit", "embed", "layers5"),
        ("test_byobnet", "body", "body"),
        ("test_mambaout", "body", "body"),
    ],
)
def test_a_network_gets_its_stages_and_its_weights(tmp_path: Path, name: str, first: str, last: str) -> None:
    spec = backbone(brought(name, tmp_path))
    assert (spec.name, spec.stage_names[0], spec.last_stage) == (f"timm/{name}", first, last)
    network = networks.build(spec.name, 3, pretrained=True)
    expected = load_file(tmp_path / f"{name}.safetensors")
    head = {id(p) for p in network.classifier.parameters()}
    for key, value in network.model.named_parameters():
        assert id(value) in head or torch.equal(value, expected[key])
    side = spec.preprocessing.size
    pixels = torch.randn(1, 3, side, side)
    with torch.inference_mode():
        for cut in network.stages:
            prefix, tail = network.split(cut)
            assert torch.equal(tail(prefix(pixels)), network.model(pixels))


def test_its_preprocessing_and_licence_are_timms(tmp_path: Path) -> None:
    spec = backbone(brought("test_vit", tmp_path))
    config = timm.get_pretrained_cfg("test_vit")
    ours = spec.preprocessing
    assert (ours.size, ours.interpolation, ours.mean, ours.std) == (
        config.input_size[1],
        config.interpolation,
        config.mean,
        config.std,
    )
    assert ours.resize == int(config.input_size[1] / config.crop_pct)
    assert spec.weights.licence == config.license


def test_it_is_known_again_after_a_restart(tmp_path: Path) -> None:
    name = brought("test_resnet", tmp_path)
    before = backbones.BACKBONES.pop(name)
    tasks.find_networks()
    assert backbone(name) == before
    assert [e.path for e in tasks.weights_list() if isinstance(e, WeightsFound) and e.backbone == name] != [None]


def test_what_does_not_fit_is_refused_in_words(tmp_path: Path) -> None:
    file = saved("test_resnet", tmp_path)
    with pytest.raises(RefusedWeights, match=r"timm knows no network 'resnet5'.*resnet"):
        list(tasks.weights_import(file, "resnet5"))
    with pytest.raises(RefusedWeights, match="timm lists no weights"):
        list(tasks.weights_import(file, "resnet18.of_nobody"))
    with pytest.raises(RefusedWeights, match="do not fit"):
        list(tasks.weights_import(file, "test_efficientnet"))
    short = saved("test_resnet", tmp_path, **{"conv1.0.weight": torch.zeros(1)})
    with pytest.raises(RefusedWeights, match="do not fit"):
        list(tasks.weights_import(short, "test_resnet"))
    odd = saved("test_resnet", tmp_path, **{"fc.bias": torch.full((1000,), torch.nan)})
    with pytest.raises(RefusedWeights, match="not numbers"):
        list(tasks.weights_import(odd, "test_resnet"))
    (tmp_path / "pickle.pth").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(RefusedWeights, match="no safetensors file"):
        list(tasks.weights_import(tmp_path / "pickle.pth", "test_resnet"))
    two_heads = saved("deit_tiny_distilled_patch16_224", tmp_path)
    with pytest.raises(RefusedWeights, match="no single linear layer"):
        list(tasks.weights_import(two_heads, "deit_tiny_distilled_patch16_224"))
    assert not list((tmp_path / "data").rglob("*.json"))


@pytest.mark.parametrize("name", ["hf-hub:somebody/something", "../test_resnet", "local-dir:/tmp", ""])
def test_no_name_reaches_beyond_timms_list(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedWeights):
        list(tasks.weights_import(saved("test_resnet", tmp_path), name))


def trained(pictures: Path, name: str, folder: Path) -> Path:
    with Project.open(folder / "project") as project:
        list(tasks.scan(project, pictures, tasks.split_rule(0.2, 0.2, 0), to_train=True))
        recipe = make_recipe(name, "fine-tune-last", Changes(epochs=1, warmup_epochs=1))
        *_, finished = tasks.train(project, recipe, folder / "out.tlmodel", "cpu", 1)
    assert isinstance(finished, Finished)
    return folder / "out.tlmodel"


def change(model: Path, **changed: Any) -> None:
    """Rewrite a model's facts with a digest that fits, as only a forger would."""
    tensors = load_file(model)
    header = json.loads(model.read_bytes()[8 : 8 + int.from_bytes(model.read_bytes()[:8], "little")])
    facts = {**json.loads(header["__metadata__"]["tlstudio"]), **changed}
    facts.pop("digest")
    facts["digest"] = checkpoints._digest(facts, tensors)
    save_file(tensors, model, metadata={"tlstudio": checkpoints._canonical(facts).decode()})


def test_a_model_of_it_works_on_a_machine_that_never_saw_the_weights(tmp_path: Path, pictures: Path) -> None:
    name = brought("test_vit", tmp_path)
    model = trained(pictures, name, tmp_path)
    record = checkpoints.load_model(model).facts["network"]
    shutil.rmtree(tmp_path / "data")
    del backbones.BACKBONES[name]
    said = [e for e in tasks.predict(model, [pictures / "red" / "1.png"], device="cpu") if isinstance(e, Predicted)]
    assert said[0].ok
    assert {label for label, _ in said[0].top} == {"red", "green", "blue"}

    with pytest.raises(RefusedModel, match=r"weights of timm/test_vit, which are not .* --timm test_vit\."):
        tasks.model_to_start_from(model)

    change(model, backbone="timm/test_vit_of_mine")
    with pytest.raises(RefusedModel, match="unknown to the timm installed here, 'test_vit_of_mine'"):
        checkpoints.load_model(model)
    change(model, backbone="timm/test_vit.of_mine")
    with pytest.raises(RefusedModel, match="in a way timm cannot build it"):
        checkpoints.load_model(model)
    change(model, backbone="timm/hf-hub:somebody/test_vit")
    with pytest.raises(RefusedModel, match="not a TL Studio model, or is damaged"):
        checkpoints.load_model(model)
    change(model, backbone="timm/test_resnet")
    with pytest.raises(RefusedModel):
        checkpoints.load_model(model)
    change(model, backbone=name, network={**record, "family": "timm", "blocks": 0})
    with pytest.raises(RefusedModel, match="names a stage its backbone does not have"):
        checkpoints.load_model(model)
    change(model, network={**record, "blocks": 10**6})
    with pytest.raises(RefusedModel, match="damaged"):
        checkpoints.load_model(model)

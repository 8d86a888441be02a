"""Loading a model is closed-world: what is not exactly as written is refused by name."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import hostile, mutations
from tlstudio.core import model_facts
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import RefusedModel
from tlstudio.engine import checkpoints, tensor_files
from tlstudio.engine import network as networks

Edit = Callable[[dict[str, Any], dict[str, torch.Tensor]], None]


@pytest.fixture
def model_file(tiny_backbone: Backbone, tmp_path: Path) -> Path:
    network = networks.build("tiny", 3, pretrained=True)
    facts = {
        "schema": model_facts.SCHEMA_VERSION,
        "program": "test",
        "created": "2026-01-01",
        "backbone": "tiny",
        "strategy": "feature-extraction",
        "train_from": "head",
        "classes": ["a", "b", "c"],
        "preprocessing": tiny_backbone.preprocessing.to_json(),
        "temperature": 1.5,
        "unknown": {"threshold": 0.4, "set_on": "3 pictures", "refused_at_most": 0.05, "distances": [0.1] * 101},
        "sample": {"labels": [0, 1, 1, 0, 1], "digests": ["ab" * 16] * 5},
        "trained_on": {"a": 2, "b": 2, "c": 1},
        "metrics": {},
        "recipe_digest": "",
        "provenance": {},
    }
    path = tmp_path / "good.tlmodel"
    checkpoints.save_model(path, checkpoints.Model(network, facts, torch.rand(5, 256)))
    return path


def test_a_model_comes_back_as_it_was(model_file: Path) -> None:
    model = checkpoints.load_model(model_file)
    pixels = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model.network.model(pixels), checkpoints.load_model(model_file).network.model(pixels))
    assert model.classes == ("a", "b", "c")
    assert model.facts["temperature"] == 1.5
    assert not model.network.model.training
    assert checkpoints.weights_digest(model) == checkpoints.weights_digest(checkpoints.load_model(model_file))


def test_a_model_brings_its_own_preprocessing(model_file: Path) -> None:
    rewrite(model_file, change_mean, redigest=True)
    assert checkpoints.load_model(model_file).network.preprocessing.mean == (0.4, 0.4, 0.4)


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[2J", "x" * 256])
def test_a_model_that_no_reader_would_take_is_never_written(model_file: Path, tmp_path: Path, name: str) -> None:
    model = checkpoints.load_model(model_file)
    model.facts["classes"][0] = name
    with pytest.raises(RefusedModel, match="no sound list of classes"):
        checkpoints.save_model(tmp_path / "new.tlmodel", model)
    assert not (tmp_path / "new.tlmodel").exists()


def rewrite(path: Path, edit: Edit, redigest: bool) -> None:
    """Change a model as somebody with our own source could; `redigest` makes its digest match again."""
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    facts = json.loads(header["__metadata__"]["tlstudio"])
    tensors = load_file(path)
    edit(facts, tensors)
    if redigest:
        facts.pop("digest")
        facts["digest"] = checkpoints._digest(facts, tensors)
    save_file(tensors, path, metadata={"tlstudio": json.dumps(facts, allow_nan=True)})


def swap_classes(facts: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
    facts["classes"].reverse()


def change_mean(facts: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
    facts["preprocessing"]["mean"] = [0.4, 0.4, 0.4]


def change_weight(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["network.classifier.bias"][0] += 1e-6


@pytest.mark.parametrize("edit", [swap_classes, change_mean, change_weight])
def test_no_change_passes_the_digest(model_file: Path, edit: Edit) -> None:
    rewrite(model_file, edit, redigest=False)
    with pytest.raises(RefusedModel, match="changed after it was written"):
        checkpoints.load_model(model_file)


def fact(name: str, value: Any) -> Edit:
    def edit(facts: dict[str, Any], _: dict[str, torch.Tensor]) -> None:
        facts[name] = value

    return edit


def tensor(name: str, value: torch.Tensor | None) -> Edit:
    def edit(_: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (fact("schema", 99), "is of version 99"),
        (fact("backbone", "alexnet"), "does not know, 'alexnet'"),
        (fact("train_from", "layer4"), "does not have"),
        (fact("classes", ["a", "a", "c"]), "no sound list of classes"),
        (fact("classes", ["a", "b"]), "what it was trained on"),
        (fact("classes", ["a", "b", "c", "d"]), "does not hold the network"),
        (fact("classes", "abc"), "no sound list of classes"),
        (fact("temperature", 0), "out of range"),
        (fact("temperature", True), "not a number"),
        (fact("temperature", float("nan")), "not a number"),
        (fact("unknown", {}), "when a picture is unknown"),
        (fact("preprocessing", {"size": 10**9}), "how its pictures are prepared"),
        (fact("surprise", 1), "missing or too many"),
        (fact("provenance", []), "does not say where its weights come from"),
        (fact("metrics", {"val": 3}), "no sound figures"),
        (tensor("network.conv_stem.weight", None), "does not hold the network"),
        (tensor("network.extra", torch.zeros(1)), "does not hold the network"),
        (tensor("network.classifier.bias", torch.zeros(3, dtype=torch.float64)), "does not hold the network"),
        (tensor("network.classifier.bias", torch.full((3,), float("nan"))), "not numbers"),
        (tensor("features", torch.zeros(2_001, 256, dtype=torch.float16)), "no sound sample"),
        (tensor("features", torch.zeros(5, 7, dtype=torch.float16)), "no sound sample"),
    ],
)
def test_whatever_is_not_expected_is_refused_by_name(model_file: Path, edit: Edit, reason: str) -> None:
    try:
        rewrite(model_file, edit, redigest=True)
    except ValueError:  # NaN has no canonical form; then the old digest has to do
        rewrite(model_file, edit, redigest=False)
    with pytest.raises(RefusedModel, match=reason) as refused:
        checkpoints.load_model(model_file)
    assert str(model_file) in str(refused.value)


def test_every_hostile_file_is_refused_by_name(hostile_files: list[Path]) -> None:
    for path in hostile_files:
        with pytest.raises(RefusedModel) as refused:
            checkpoints.load_model(path)
        assert str(refused.value).startswith(f"{path}: ")
        assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("overlap", "it has tensors that overlap"),
        ("gap", "leave a gap"),
        ("goes on", "goes on after its last tensor"),
        ("cut short", "shorter than its header says"),
        ("name twice", "says something twice"),
        ("sparse tensor", "does not describe tensors"),
        ("meta tensor", "does not have the bytes its shape needs"),
        ("not a number", "holds values that are not numbers"),
        ("infinite sample", "holds values that are not numbers"),
        ("tensor missing", "no sound sample of training features"),
        ("tensor of another name", "does not hold the network it names"),
        ("another shape", "does not hold the network it names"),
        ("digest missing", "was changed after it was written"),
        ("header of empty lists", "says more about itself than any model does"),
        ("facts with hidden commas", "says more about itself than any model does"),
        ("header nested without end", "nested without end"),
        ("pipe", "is not a file but a pipe, socket or device"),
        ("device without end", "is not a file but a pipe, socket or device"),
        ("folder", "it is a folder"),
        ("metrics accuracy", "no sound figures for val"),
        ("provenance chain", "too many models before it"),
        ("created early", "does not say when it was made"),
        ("preprocessing large", "not what its backbone is made for"),
        ("100,000 classes", "no sound list of classes"),
        ("network features", "otherwise than it is"),
    ],
)
def test_the_reason_is_the_one(hostile_files: list[Path], name: str, reason: str) -> None:
    path = next(path for path in hostile_files if path.name == f"{name}.tlmodel")
    with pytest.raises(RefusedModel, match=reason):
        checkpoints.load_model(path)


def test_names_that_look_dangerous_are_only_names(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "../../../etc/passwd", "C:\\con", "שלום", "%n"]
    counts = dict.fromkeys(names, 1)
    path = hostile.write_good(tmp_path / "odd.tlmodel", classes=names, trained_on=counts)
    assert checkpoints.load_model(path).classes == tuple(names)


def test_a_model_that_shrinks_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hostile.write_good(tmp_path / "shrinks.tlmodel")
    sketch = networks.sketch

    def shrink(*arguments: Any) -> Any:
        os.truncate(path, path.stat().st_size // 2)
        return sketch(*arguments)

    monkeypatch.setattr(networks, "sketch", shrink)  # between the header and the values
    with pytest.raises(RefusedModel, match="shorter than its header says"):
        checkpoints.load_model(path)


def test_a_large_model_is_read_through_before_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hostile.write_good(tmp_path / "good.tlmodel")
    small = checkpoints.weights_digest(checkpoints.load_model(path))
    monkeypatch.setattr(tensor_files, "AT_ONCE", 1000)
    assert checkpoints.weights_digest(checkpoints.load_model(path)) == small


def test_where_weights_come_from_is_remembered_for_some_generations() -> None:
    origin: dict[str, Any] = hostile.good_facts()["provenance"]
    for _ in range(50):
        origin = model_facts.recent({**origin, "before": origin})
    model_facts.check({**hostile.good_facts(), "provenance": origin}, hostile.backbone())


def test_the_same_name_twice_is_refused(model_file: Path) -> None:
    raw = model_file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + length].rstrip()
    doubled = header[:-1] + b',"features":{"dtype":"F16","shape":[1,256],"data_offsets":[0,512]}}'
    model_file.write_bytes(len(doubled).to_bytes(8, "little") + doubled + raw[8 + length :])
    with pytest.raises(RefusedModel, match="twice"):
        checkpoints.load_model(model_file)


def test_no_random_change_crashes_or_passes_unseen(tmp_path: Path) -> None:
    counts, faults = mutations.run(120, 7, tmp_path)
    assert faults == []
    assert {"flip refused", "cut refused", "facts refused", "facts loaded"} <= set(counts)

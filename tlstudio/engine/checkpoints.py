"""The only writer and reader of weights of ours: a run's checkpoints and the `.tlmodel` file.

Both are safetensors: numbers and JSON, nothing that could run. Loading a model is closed-world: what is not exactly as
this version expects it is refused by name.
"""

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from tlstudio.core.backbones import BACKBONES, TIMM, Backbone, timm_backbone
from tlstudio.core.catalogue import MAX_CLASSES, is_label
from tlstudio.core.errors import RefusedModel
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.project import write_atomically
from tlstudio.core.recipe import ModelFile
from tlstudio.engine import digests
from tlstudio.engine import network as networks
from tlstudio.engine.network import Network

SCHEMA_VERSION = 2
MAX_HEADER = 16 << 20
SAMPLE_SIZE = 2_000
SHARES = 101  # how often, for each whole percent of known pictures
_FIELDS = {
    "schema",
    "program",
    "created",
    "backbone",
    "train_from",
    "classes",
    "preprocessing",
    "temperature",
    "unknown",
    "sample",
    "trained_on",
    "metrics",
    "recipe_digest",
    "provenance",
}
DIGEST = re.compile(r"[0-9a-f]{32,128}")
# What describes a network of timm's, which another machine's table does not have.
_OF_TIMM = {"network"}


def save_state(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Write weights by name so that a kill leaves the old file or the new one, whole."""
    write_atomically(path, save({name: value.detach().cpu().contiguous() for name, value in state.items()}))


def load_state(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


@dataclass(frozen=True)
class Model:
    """A trained classifier: the network with everything needed to use it and to judge it.

    facts: the file's metadata (see `_FIELDS`). sample: pooled features of training pictures, (n ≤ 2000, D) float16,
    each of length 1, for the distance to what the model knows.
    """

    network: Network
    facts: dict[str, Any]
    sample: torch.Tensor

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.facts["classes"])


def save_model(path: Path, model: Model) -> None:
    """Write a `.tlmodel`, whole or not at all; never one that `load_model` would refuse.

    Raises:
        ProjectError: it cannot be written there.
        RefusedModel: it holds values that are not numbers, or facts that a reader would not accept.
    """
    _check_facts(model.facts)
    state = model.network.model.state_dict()
    tensors = {f"network.{name}": value.detach().cpu().contiguous() for name, value in state.items()}
    tensors["features"] = model.sample.to(torch.float16).cpu().contiguous()
    _check_finite(tensors)
    facts = {**model.facts, "digest": _digest(model.facts, tensors)}
    write_atomically(path, save(tensors, metadata={"tlstudio": _canonical(facts).decode()}))


def load_model(path: Path) -> Model:
    """Read a `.tlmodel` written by this version, unchanged since.

    Raises:
        RefusedModel: anything is not as expected; the message names the file and what is wrong.
    """
    try:
        header = _read_header(path)
        facts = _parse(header.pop("__metadata__", {}).get("tlstudio", ""))
        written = facts.pop("digest", None)
        _check_facts(facts)
        network = _expected_network(facts)
        _check_layout(header, network, len(facts["sample"]["labels"]))
        tensors = load_file(path)
        _check_finite(tensors)
        if written != _digest(facts, tensors):
            raise RefusedModel("was changed after it was written: its digest does not match")
    except OSError as error:
        raise RefusedModel(f"cannot be read ({error.strerror or error})", path=path) from error
    except RefusedModel as error:
        remedy = error.remedy or "Get the file again from where it was trained."
        raise RefusedModel(error.what, path=path, remedy=remedy) from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RefusedModel("is not a TL Studio model, or is damaged", path=path) from error
    sample = tensors.pop("features")
    network = _filled(network, {name.removeprefix("network."): value for name, value in tensors.items()})
    network.preprocessing = Preprocessing.from_json(facts["preprocessing"])
    network.eval_mode()
    return Model(network, facts, sample)


def model_file(path: Path) -> ModelFile:
    """A model to start from, by what it is now.

    Raises:
        RefusedModel: see `load_model`; or it is of a network that was brought in elsewhere, and never here.
    """
    model = load_model(path)
    name = model.network.backbone.name
    if name not in BACKBONES:
        remedy = f"Bring them in first: tlstudio weights import FILE.safetensors --timm {name.removeprefix(TIMM)}."
        raise RefusedModel(f"began with the weights of {name}, which are not on this machine", path=path, remedy=remedy)
    return ModelFile(str(path.absolute()), digests.of(path), name, model.classes)


def start_from(file: ModelFile, classes: int, seed: int) -> Model:
    """That model with a new head of `classes` outputs; backbone and preprocessing are its own, `facts` tell of before.

    seed: of the new head's values.

    Raises:
        RefusedModel: see `load_model`; or the file is no longer the one it was.
    """
    path = Path(file.path)
    before = load_model(path)
    if digests.of(path) != file.sha256:
        remedy = "Put the former file back, or start a new run from this one."
        raise RefusedModel("is another model now than when the run was planned", path=path, remedy=remedy)
    network = networks.build(file.backbone, classes, pretrained=False, seed=seed)
    # What precedes the last layer in the head (ConvNeXt's norm) has learned too and is kept.
    new = [module for module in network.stages["head"].modules() if isinstance(module, torch.nn.Linear)][-1]
    names = {id(value): name for name, value in network.model.state_dict(keep_vars=True).items()}
    head = {names[id(value)]: value for value in new.parameters()}
    network.model.load_state_dict({**before.network.model.state_dict(), **head})
    network.preprocessing = before.network.preprocessing
    return Model(network, before.facts, before.sample)


def _read_header(path: Path) -> dict[str, Any]:
    """The safetensors header, read before any library sees the file: length first, no name twice."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER, os.fstat(file.fileno()).st_size - 8):
            raise RefusedModel("is not a TL Studio model: its header is missing or too long")
        header = json.loads(file.read(length), object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise RefusedModel("is not a TL Studio model: its header is no table")
    return header


def _parse(text: str) -> dict[str, Any]:
    facts = json.loads(text or "null", object_pairs_hook=_unique)
    if not isinstance(facts, dict):
        raise RefusedModel("is not a TL Studio model: it says nothing about itself")
    return facts


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise RefusedModel("says something twice, in two ways perhaps")
    return dict(pairs)


def _check_facts(facts: dict[str, Any]) -> None:
    """Refuse metadata that this version did not write."""
    if facts.get("schema") != SCHEMA_VERSION:
        raise RefusedModel(
            f"is of version {facts.get('schema')!r}, this program reads {SCHEMA_VERSION}",
            remedy="Open it with the TL Studio that wrote it.",
        )
    expected = _FIELDS | _OF_TIMM if str(facts.get("backbone")).startswith(TIMM) else _FIELDS
    if set(facts) != expected:
        odd = ", ".join(sorted(set(facts) ^ expected)[:5])
        raise RefusedModel(f"has fields missing or too many ({odd})")
    backbone = _backbone(facts)
    if facts["train_from"] not in backbone.stage_names:
        raise RefusedModel("names a stage its backbone does not have")
    classes = facts["classes"]
    named = isinstance(classes, list) and all(isinstance(c, str) and is_label(c) for c in classes)
    if not named or not 2 <= len(classes) <= MAX_CLASSES or len(set(classes)) != len(classes):
        raise RefusedModel("has no sound list of classes")
    if not isinstance(facts["provenance"], dict):
        raise RefusedModel("does not say where its weights come from")
    metrics = facts["metrics"]
    if not isinstance(metrics, dict) or not all(isinstance(m, (dict, type(None))) for m in metrics.values()):
        raise RefusedModel("has no sound figures")
    unknown = facts["unknown"]
    temperature, threshold, known = facts["temperature"], unknown["threshold"], unknown["distances"]
    if not isinstance(known, list) or not all(_is_number(n) for n in (temperature, threshold, *known)):
        raise RefusedModel("has a temperature or threshold that is not a number")
    if not 0 < temperature <= 100 or not all(0 <= n <= 2.1 for n in (threshold, *known)):
        raise RefusedModel("has a temperature or threshold out of range")
    if len(known) != SHARES or known != sorted(known):
        raise RefusedModel("does not say how far known pictures are from each other")
    _check_sample(facts["sample"], len(classes))
    if not isinstance(facts["trained_on"], dict):
        raise RefusedModel("does not say what it was trained on")
    preprocessing = Preprocessing.from_json(facts["preprocessing"])
    if preprocessing.resize > 4 * backbone.preprocessing.resize:
        raise RefusedModel(f"wants pictures of {preprocessing.size} pixels, far more than its backbone is made for")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_sample(sample: dict[str, Any], classes: int) -> None:
    """Refuse what is not one class and one file's digest for each picture whose features are in the file."""
    labels, digests = sample["labels"], sample["digests"]
    listed = isinstance(labels, list) and isinstance(digests, list) and 1 <= len(labels) == len(digests) <= SAMPLE_SIZE
    if not listed or not all(type(label) is int and 0 <= label < classes for label in labels):
        raise RefusedModel("does not say of which classes its sample of pictures is")
    if not all(isinstance(digest, str) and DIGEST.fullmatch(digest) for digest in digests):
        raise RefusedModel("does not say which pictures its sample is of")


def _check_finite(tensors: dict[str, torch.Tensor]) -> None:
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise RefusedModel("holds values that are not numbers")


def _backbone(facts: dict[str, Any]) -> Backbone:
    """The backbone a model names: of the table, or one of timm's that it describes, by its name alone."""
    name = facts["backbone"]
    if not str(name).startswith(TIMM):
        if name not in BACKBONES:
            raise RefusedModel(f"uses a backbone this version does not know, {str(name)[:40]!r}")
        return BACKBONES[name]
    spec = timm_backbone(name, facts["network"])
    architecture = spec.architecture.partition(".")[0]
    # A name in timm's list stands for code that is installed here; nothing else is ever built from a file.
    if architecture not in timm.list_models():
        remedy = "Install the timm it was trained with, or a later one."
        raise RefusedModel(f"uses a network unknown to the timm installed here, {architecture!r}", remedy=remedy)
    return spec


def _expected_network(facts: dict[str, Any]) -> Network:
    """The network a model names, without values."""
    spec = _backbone(facts)
    try:
        return networks.sketch(spec, len(facts["classes"]))
    # What timm's constructors raise for a name with an unknown tag, or for pictures of a size they were not made for.
    except (RuntimeError, AssertionError, LookupError) as error:
        raise RefusedModel(f"describes {spec.name[:80]} in a way timm cannot build it") from error


def _filled(network: Network, state: dict[str, torch.Tensor]) -> Network:
    """The network of a sketch with the values a model file holds."""
    if network.backbone.name.startswith(TIMM):
        # Some compute tables of their own when they are built, which no file holds.
        with torch.random.fork_rng(devices=()):
            network = networks.assemble(network.backbone, network.classifier.out_features)
    else:
        network.model.to_empty(device="cpu")
    network.model.load_state_dict(state)
    return network


def _check_layout(header: dict[str, Any], network: Network, rows: int) -> None:
    """Exactly the tensors the network has, of the same shapes and types, and a sample of `rows` pictures' features."""
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    expected = {f"network.{n}": (kinds[v.dtype], list(v.shape)) for n, v in network.model.state_dict().items()}
    sample = header.get("features", {})
    if sample.get("dtype") != "F16" or sample.get("shape") != [rows, network.backbone.features]:
        raise RefusedModel("has no sound sample of training features")
    found = {name: (e.get("dtype"), e.get("shape")) for name, e in header.items() if name != "features"}
    if found != expected:
        odd = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise RefusedModel(f"does not hold the network it names ({odd[0][:80]})")


def _canonical(facts: dict[str, Any]) -> bytes:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode()


def _digest(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the metadata and the tensors together: no changed mean or class order passes."""
    found = hashlib.sha256(_canonical(facts))
    _hash_tensors(found, tensors)
    return found.hexdigest()


def weights_digest(model: Model) -> str:
    """SHA-256 over the weights alone, names, shapes and values."""
    found = hashlib.sha256()
    _hash_tensors(found, model.network.model.state_dict())
    return found.hexdigest()


def _hash_tensors(found: "hashlib._Hash", tensors: dict[str, torch.Tensor]) -> None:
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        found.update(value.numpy().tobytes())

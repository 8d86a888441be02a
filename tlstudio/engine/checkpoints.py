"""The only writer and reader of weights of ours: a run's checkpoints and the `.tlmodel` file.

Both are safetensors: numbers and JSON, nothing that could run. Loading a model is closed-world: what is not exactly as
this version expects it is refused by name.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save

from tlstudio.core import model_facts
from tlstudio.core.backbones import BACKBONES, TIMM, Backbone, timm_backbone
from tlstudio.core.errors import RefusedModel
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.project import write_atomically
from tlstudio.core.recipe import ModelFile
from tlstudio.engine import digests, tensor_files
from tlstudio.engine import network as networks
from tlstudio.engine.network import Network
from tlstudio.engine.tensor_files import Entry, TensorFile, Unsound

_FACTS = "tlstudio"  # the name under which a safetensors file carries them


def save_state(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Write weights by name, with their SHA-256, so that a kill leaves the old file or the new one, whole."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    write_atomically(path, save(tensors, metadata={_FACTS: _digest({}, tensors)}))


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """The weights that `save_state` wrote.

    Raises:
        RefusedModel: it cannot be read, or is damaged.
    """
    with _refusing(path, "Repeat the run."), tensor_files.opened(path) as file:
        tensors = file.read_if(file.metadata.get(_FACTS, ""), _canonical({}))
        if tensors is None:
            raise RefusedModel("was changed after it was written: its digest does not match")
        return tensors


@dataclass(frozen=True)
class Model:
    """A trained classifier: the network with everything needed to use it and to judge it.

    facts: the file's metadata (see `core/model_facts.py`). sample: pooled features of training pictures,
    (n ≤ 2000, D) float16, each of length 1, for the distance to what the model knows.
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
    data = save(tensors, metadata={_FACTS: _canonical(facts).decode()})
    if int.from_bytes(data[:8], "little") > tensor_files.MAX_HEADER:
        raise RefusedModel("would say more about itself than is read again", remedy="Give the classes shorter names.")
    write_atomically(path, data)


def load_model(path: Path) -> Model:
    """Read a `.tlmodel` written by this version, unchanged since.

    Raises:
        RefusedModel: anything is not as expected; the message names the file and what is wrong.
    """
    with _refusing(path, "Get the file again from where it was trained."), tensor_files.opened(path) as file:
        return _model_in(file)


@contextmanager
def _refusing(path: Path, remedy: str) -> Iterator[None]:
    """Whatever is wrong with a file becomes a `RefusedModel` that names it."""
    try:
        yield
    except OSError as error:
        gone = "" if path.parent.is_dir() else "Its folder is gone: put it back, or choose another file."
        raise RefusedModel(f"cannot be read ({error.strerror or error})", path=path, remedy=gone) from error
    except RefusedModel as error:
        raise RefusedModel(error.what, path=path, remedy=error.remedy or remedy) from error
    except Unsound as error:
        raise RefusedModel(f"is not a TL Studio model, or is damaged: it {error}", path=path, remedy=remedy) from error
    except ValueError as error:  # not UTF-8, not JSON
        raise RefusedModel("is not a TL Studio model, or is damaged", path=path, remedy=remedy) from error


def _model_in(file: TensorFile) -> Model:
    """The model of an open file.

    Raises:
        RefusedModel, Unsound: it is not as expected.
    """
    if set(file.metadata) != {_FACTS}:
        raise RefusedModel("is not a TL Studio model: it says nothing about itself")
    facts = tensor_files.parse(file.metadata[_FACTS])
    digest = facts.pop("digest", None)
    spec = _check_facts(facts)
    network = _expected_network(spec, len(facts["classes"]))
    _check_layout(file.entries, network, len(facts["sample"]["labels"]))
    tensors = file.read_if(digest, _canonical(facts))
    if tensors is None:
        raise RefusedModel("was changed after it was written: its digest does not match")
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


def _check_facts(facts: dict[str, Any]) -> Backbone:
    """Refuse metadata that this version did not write; returns the backbone it names."""
    model_facts.check_form(facts)
    spec = _backbone(facts)
    model_facts.check(facts, spec)
    return spec


def _check_finite(tensors: dict[str, torch.Tensor]) -> None:
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise RefusedModel("holds values that are not numbers")


def _backbone(facts: dict[str, Any]) -> Backbone:
    """The backbone a model names: of the table, or one of timm's that it describes, by its name alone."""
    name = facts["backbone"]
    if not name.startswith(TIMM):
        if name not in BACKBONES:
            raise RefusedModel(f"uses a backbone this version does not know, {name[:40]!r}")
        return BACKBONES[name]
    try:
        spec = timm_backbone(name, facts["network"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedModel("is not a TL Studio model, or is damaged: its network of timm's is not described") from error
    architecture = spec.architecture.partition(".")[0]
    # A name in timm's list stands for code that is installed here; nothing else is ever built from a file.
    if architecture not in timm.list_models():
        remedy = "Install the timm it was trained with, or a later one."
        raise RefusedModel(f"uses a network unknown to the timm installed here, {architecture!r}", remedy=remedy)
    return spec


def _expected_network(spec: Backbone, classes: int) -> Network:
    """The network a model names, without values."""
    try:
        network = networks.sketch(spec, classes)
        # What a file says of a network of timm's has to be so: the pictures it takes, the vectors it makes of them.
        fits = not spec.name.startswith(TIMM) or list(network.shapes().values())[-2:] == [(spec.features,), (classes,)]
    # What timm's constructors raise for a name with an unknown tag, or for pictures of a size they were not made for.
    except (RuntimeError, AssertionError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise RefusedModel(f"describes {spec.name[:80]} in a way timm cannot build it") from error
    if not fits:
        raise RefusedModel(f"describes {spec.name[:80]} otherwise than it is")
    return network


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


def _check_layout(entries: dict[str, Entry], network: Network, rows: int) -> None:
    """Exactly the tensors the network has, of the same shapes and types, and a sample of `rows` pictures' features."""
    expected = {f"network.{n}": (v.dtype, tuple(v.shape)) for n, v in network.model.state_dict().items()}
    found = {name: (entry.kind, entry.shape) for name, entry in entries.items()}
    if found.pop("features", None) != (torch.float16, (rows, network.backbone.features)):
        raise RefusedModel("has no sound sample of training features")
    if found != expected:
        odd = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise RefusedModel(f"does not hold the network it names ({model_facts.plain(odd[0], 80)})")


def _canonical(facts: dict[str, Any]) -> bytes:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode()


def _digest(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the metadata and the tensors together: no changed mean or class order passes."""
    found = hashlib.sha256(_canonical(facts))
    tensor_files.hash_tensors(found, tensors)
    return found.hexdigest()


def weights_digest(model: Model) -> str:
    """SHA-256 over the weights alone, names, shapes and values."""
    found = hashlib.sha256()
    tensor_files.hash_tensors(found, model.network.model.state_dict())
    return found.hexdigest()

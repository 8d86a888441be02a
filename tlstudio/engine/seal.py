"""The seal: whether BatchNorm's running statistics are still the very ones a network began with; if not, how far off.

They are no parameters, so freezing them (`requires_grad`) does not hold them: whatever runs in `train()` moves them.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tlstudio.core.errors import MissingWeights, RefusedWeights
from tlstudio.engine.checkpoints import Model
from tlstudio.engine.network import BatchNorm, Network, assemble, load_backbone, upstream_state
from tlstudio.engine.tensor_files import hash_tensors


@dataclass(frozen=True)
class _Statistics:
    """What one layer's statistics were: (channels,) each."""

    mean: torch.Tensor
    variance: torch.Tensor


class Seal:
    """Remembers the running statistics a network has now, and compares later ones with them.

    Equal is what has the same SHA-256 over names, types, shapes and bytes. Gamma and beta may learn; the count of
    batches that BatchNorm keeps beside its statistics (`num_batches_tracked`) is none of them: no answer depends on it.
    """

    def __init__(self, network: Network) -> None:
        self._layers = {name: _layers(network, stage) for name, stage in network.stages.items()}
        self._began = {
            name: _Statistics(layer.running_mean.clone(), layer.running_var.clone())
            for layers in self._layers.values()
            for name, layer in layers.items()
        }
        self._digests = self._digests_now()
        self.since: tuple[int, int] | None = None

    def note(self, phase: int, epoch: int) -> None:
        """Look at the end of an epoch: the first one that finds the seal broken is remembered in `since`."""
        if self.since is None and not self.intact:
            self.since = (phase, epoch)

    @property
    def intact(self) -> bool:
        return self._digests_now() == self._digests

    def drift(self) -> dict[str, float]:
        """How far each BatchNorm layer has drifted, by its stock name: 0 where it stands as it began.

        The largest over its channels of |mean - mean₀| / σ₀ and |variance - variance₀| / σ₀², where σ₀² is the variance
        it began with and BatchNorm's own epsilon: a mean is far off when it is so by a standard deviation.
        """
        return {name: self._drift(name, layer) for layers in self._layers.values() for name, layer in layers.items()}

    def to_json(self) -> dict[str, Any]:
        """{intact, sha256, stages: {name: {intact, drift, layers: {name: drift}}}, since: {phase, epoch} or null}.

        Only stages with BatchNorm are listed, and none where the network has none. A stage's drift is the largest of
        its layers'; null where statistics are no numbers any more. since: at whose end it was first found broken, where
        it is broken now.
        """
        now, drift = self._digests_now(), {n: d if math.isfinite(d) else None for n, d in self.drift().items()}
        stages = {}
        for name, layers in self._layers.items():
            if layers:
                own = {layer: drift[layer] for layer in layers}
                known = [d for d in own.values() if d is not None]
                largest = max(known) if len(known) == len(own) else None
                stages[name] = {"intact": now[name] == self._digests[name], "drift": largest, "layers": own}
        intact = now == self._digests
        since = None if intact or self.since is None else dict(zip(("phase", "epoch"), self.since, strict=True))
        whole = hashlib.sha256("".join(now[name] for name in sorted(now)).encode()).hexdigest()
        return {"intact": intact, "sha256": whole, "stages": stages, "since": since}

    def _digests_now(self) -> dict[str, str]:
        """SHA-256 of the statistics, by stage."""
        return {name: _digest(layers) for name, layers in self._layers.items()}

    def _drift(self, name: str, layer: nn.Module) -> float:
        began, variance = self._began[name], self._began[name].variance + layer.eps
        mean = (layer.running_mean - began.mean).abs() / variance.sqrt()
        spread = (layer.running_var - began.variance).abs() / variance
        return float(torch.maximum(mean, spread).max())


def against_shipped(model: Model) -> dict[str, Any]:
    """The seal of a trained model against the weights its network is shipped with.

    As `Seal.to_json`, without `since`, which a model file does not know; or {intact: None, reason} where they cannot be
    compared.
    """
    origin, spec = model.facts["provenance"], model.network.backbone
    while "before" in origin:
        origin = origin["before"]
    if origin.get("weights") == "random":
        return {"intact": None, "reason": "its network began with random weights"}
    try:
        shipped = upstream_state(spec)
    except (MissingWeights, RefusedWeights):
        return {"intact": None, "reason": f"the shipped weights of {spec.name} are not on this machine"}
    network = assemble(spec, model.network.classifier.out_features)
    load_backbone(network, shipped)
    seal = Seal(network)
    network.model.load_state_dict(model.network.model.state_dict())
    return {name: value for name, value in seal.to_json().items() if name != "since"}


def _layers(network: Network, stage: nn.Module) -> dict[str, Any]:
    """The BatchNorm layers of a stage that keep statistics, by their stock names."""
    names = {module: name for name, module in network.model.named_modules()}
    found = (m for m in stage.modules() if isinstance(m, BatchNorm) and m.running_mean is not None)
    return {names[layer]: layer for layer in found}


def _digest(layers: dict[str, Any]) -> str:
    seen = hashlib.sha256()
    values = {f"{name}.running_mean": layer.running_mean for name, layer in layers.items()}
    values |= {f"{name}.running_var": layer.running_var for name, layer in layers.items()}
    hash_tensors(seen, values)
    return seen.hexdigest()

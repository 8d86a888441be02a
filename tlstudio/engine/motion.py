"""How far a network has come from the weights it began with, stage by stage and layer by layer."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from tlstudio.core.events import StagesMoved
from tlstudio.engine.network import Network
from tlstudio.engine.seal import Seal

# Of so many steps one is looked at: a step of the head alone on remembered features takes a third of a millisecond.
EVERY = 8


class Motion:
    """Watches a network learn.

    It remembers the weights from the earliest cut on as they are when it is made: make it before a checkpoint is
    loaded. What has to survive a pause besides is `state`.

    seal: of BatchNorm's statistics in the whole network.
    """

    def __init__(self, network: Network, cut: str) -> None:
        """cut: the earliest stage that will learn."""
        self.seal = Seal(network)
        self._network = network
        names = list(network.stages)
        self._stages = {name: list(network.stages[name].parameters()) for name in names[names.index(cut) :]}
        self._began = {p: p.detach().clone() for parameters in self._stages.values() for p in parameters}
        self._learning: dict[str, list[nn.Parameter]] = {}
        self._steps, self._sums = 0, dict[str, float]()

    def begin_phase(self) -> None:
        """Say that another choice of weights learns from now on (`requires_grad`)."""
        self._learning = {}
        for name, parameters in self._stages.items():
            if learning := [p for p in parameters if p.requires_grad]:
                self._learning[name] = learning
        self._begin_epoch()

    def after_step(self) -> None:
        """Take note of the gradients, after the optimiser's step and before they are forgotten."""
        self._steps += 1
        if self._steps % EVERY != 1:
            return
        for name, parameters in self._learning.items():
            gradient, weights = norm([p.grad for p in parameters if p.grad is not None]), norm(parameters)
            # In float16 a gradient may overflow now and then; nothing is learned from that one.
            self._sums[name] += (gradient / weights) ** 2 if weights and math.isfinite(gradient) else 0.0

    def report(self, phase: int, epoch: int) -> StagesMoved:
        """What the event of an epoch's end says; the next epoch's figures begin anew."""
        looked = math.ceil(self._steps / EVERY)
        stages = tuple(
            {"name": name, "gradient": math.sqrt(self._sums[name] / max(1, looked)), "change": self._change(parameters)}
            for name, parameters in self._stages.items()
            if name in self._learning
        )
        self.seal.note(phase, epoch)
        self._begin_epoch()
        return StagesMoved(phase, epoch, stages)

    def movement(self) -> dict[str, float | None]:
        """‖w - w₀‖ / ‖w₀‖ of each layer that has weights of its own, by its stock name; of lone parameters by theirs.

        From the earliest cut on. None where the weights began at zero and no longer are.
        """
        found: dict[str, float | None] = {}
        for name, module in self._network.model.named_modules():
            own = {n: p for n, p in module.named_parameters(recurse=False) if p in self._began}
            if own and not any(True for child in module.children() for _ in child.parameters()):
                found[name] = self._change(list(own.values()))
            else:
                for parameter, value in own.items():
                    found[f"{name}.{parameter}".lstrip(".")] = self._change([value])
        return found

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it, as JSON values."""
        return {"steps": self._steps, "sums": self._sums, "since": self.seal.since}

    def go_on(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave; after `begin_phase`."""
        self._steps, self._sums = state["steps"], dict(state["sums"])
        self.seal.since = tuple(state["since"]) if state["since"] else None

    def _begin_epoch(self) -> None:
        self._steps, self._sums = 0, dict.fromkeys(self._learning, 0.0)

    def _change(self, parameters: Sequence[nn.Parameter]) -> float | None:
        began = [self._began[p] for p in parameters]
        moved, length = norm(torch._foreach_sub([p.detach() for p in parameters], began)), norm(began)
        if length:
            return moved / length
        return None if moved else 0.0


def norm(tensors: Iterable[torch.Tensor]) -> float:
    """The Euclidean length of all their values together; 0 of none."""
    found = [t.detach() for t in tensors]
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(found)))) if found else 0.0

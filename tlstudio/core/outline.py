"""The network as people see it: stages, blocks and layers with what is frozen and what learns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tlstudio.core.backbones import Backbone
from tlstudio.core.recipe import Phase


@dataclass(frozen=True)
class Layer:
    """A module of the network. name: as the stock network has it. kind: its class.

    parameters, trainable: counts over the module and everything in it. detail: its sizes, such as "3×3, 64→128"; empty
    where its kind says it all.
    """

    name: str
    kind: str
    parameters: int
    trainable: int
    children: tuple["Layer", ...] = ()
    detail: str = ""

    @property
    def title(self) -> str:
        """Kind and sizes: "Conv2d 3×3, 64→128"."""
        return f"{self.kind} {self.detail}".rstrip()

    @property
    def is_batchnorm(self) -> bool:
        return self.kind.startswith("BatchNorm")

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "detail": self.detail,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "children": [child.to_json() for child in self.children],
        }


@dataclass(frozen=True)
class StageOutline:
    """One stage. trainable: how many of its parameters learn. lr_group: `early`, `late` or `head`.

    output_shape: what one picture becomes after the stage, without the batch: (channels, height, width), (features,) or
    (classes,). batchnorms: how many BatchNorm layers it has. running_values: how many running means and variances they
    hold, which are no parameters. layers: the modules it consists of.
    """

    name: str
    parameters: int
    trainable: int
    lr_group: str
    lr: float | None
    output_shape: tuple[int, ...]
    learns: str
    transferability: str
    batchnorms: int
    layers: tuple[Layer, ...]
    running_values: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "lr_group": self.lr_group,
            "lr": self.lr,
            "output_shape": list(self.output_shape),
            "learns": self.learns,
            "transferability": self.transferability,
            "batchnorms": self.batchnorms,
            "running_values": self.running_values,
        }


Outline = Sequence[StageOutline]


def uncounted(network: Backbone) -> tuple[StageOutline, ...]:
    """A backbone's stages as far as they are known before anybody has built it: names, and what they have learned."""
    return tuple(
        StageOutline(s.name, 0, 0, s.rate, None, (), s.learns, s.transferability, 0, ()) for s in network.stages
    )


def in_phase(stages: Outline, phase: Phase) -> tuple[StageOutline, ...]:
    """The same network as another phase has it: what learns is counted anew, without the network itself."""
    names = [stage.name for stage in stages]
    cut = names.index(phase.train_from)
    found = []
    for position, stage in enumerate(stages):
        frozen = position < cut or stage.name in phase.frozen
        layers = tuple(_layer_in_phase(layer, phase, frozen) for layer in stage.layers)
        trainable = sum(layer.trainable for layer in layers)
        lr = phase.lr(stage.lr_group) if trainable else None
        found.append(replace(stage, layers=layers, trainable=trainable, lr=lr))
    return tuple(found)


def _layer_in_phase(layer: Layer, phase: Phase, frozen: bool) -> Layer:
    frozen = frozen or layer.name in phase.frozen or (phase.bn == "frozen" and layer.is_batchnorm)
    children = tuple(_layer_in_phase(child, phase, frozen) for child in layer.children)
    own = layer.parameters - sum(child.parameters for child in layer.children)
    trainable = sum(child.trainable for child in children) + (0 if frozen else own)
    return replace(layer, trainable=trainable, children=children)


def counted(stages: Outline) -> tuple[int, int]:
    """Parameters that learn, and all."""
    return sum(stage.trainable for stage in stages), sum(stage.parameters for stage in stages)


def toggled(stages: Outline, phase: Phase, name: str, learns: bool) -> tuple[str, tuple[str, ...]] | None:
    """Cut and frozen modules after one stage or module was made to learn or to stand still.

    stages: the network, in whatever phase. name: a stage's or a module's. Letting something earlier learn moves the cut
    there and lists what stays as it was. None when nothing would be left to learn.
    """
    learning = _learning(stages, phase)
    touched = {leaf.name for leaf in _leaves(_named(stages, name))}
    wanted = learning | touched if learns else learning - touched
    for position, stage in enumerate(stages):
        if any(leaf.name in wanted for leaf in _leaves([stage])):
            after = stages[position:]
            frozen = [found for other in after for found in _smallest_cover(other, other.layers, wanted)]
            return stage.name, tuple(frozen)
    return None


def indispensable(stages: Outline, phase: Phase) -> frozenset[str]:
    """The stages and modules without which nothing would learn: for each of them, `toggled` to stand still is None."""
    learning, found = _learning(stages, phase), []
    below: Sequence[StageOutline | Layer] = stages
    while part := next((part for part in below if learning <= {leaf.name for leaf in _leaves([part])}), None):
        found.append(part.name)
        below = part.layers if isinstance(part, StageOutline) else part.children
    return frozenset(found)


def _learning(stages: Outline, phase: Phase) -> set[str]:
    """The modules at the bottom that learn."""
    modules_only = replace(phase, bn="pinned")  # held BatchNorm is a mode of its own, not a choice of modules
    return {leaf.name for leaf in _leaves(in_phase(stages, modules_only)) if leaf.trainable}


def _leaves(parts: Sequence[StageOutline | Layer]) -> Iterator[Layer]:
    """The modules at the bottom that have parameters."""
    for part in parts:
        below = part.layers if isinstance(part, StageOutline) else part.children
        if any(child.parameters for child in below):
            yield from _leaves(below)
        elif part.parameters and isinstance(part, Layer):
            yield part


def _named(parts: Sequence[StageOutline | Layer], name: str) -> list[StageOutline | Layer]:
    found: list[StageOutline | Layer] = [part for part in parts if part.name == name][:1]
    for part in () if found else parts:
        found = _named(part.layers if isinstance(part, StageOutline) else part.children, name)
        if found:
            break
    return found


def _smallest_cover(part: StageOutline | Layer, below: Sequence[Layer], learning: set[str]) -> Iterator[str]:
    """The fewest names that freeze everything in a part that is not learning."""
    leaves = [leaf.name for leaf in _leaves([part])]
    if not leaves or all(leaf in learning for leaf in leaves):
        return
    if not any(leaf in learning for leaf in leaves):
        yield part.name
        return
    for child in below:
        yield from _smallest_cover(child, child.children, learning)

"""The network as people see it: stages, blocks and layers with what is frozen and what learns."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """A module of the network. name: as the stock network has it. kind: its class.

    parameters, trainable: counts over the module and everything in it.
    """

    name: str
    kind: str
    parameters: int
    trainable: int
    children: tuple["Layer", ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "children": [child.to_json() for child in self.children],
        }


@dataclass(frozen=True)
class StageOutline:
    """One stage. trainable: how many of its parameters learn. lr_group: `early`, `late` or `head`.

    output_shape: what one picture becomes after the stage, without the batch: (channels, height, width), (features,) or
    (classes,). batchnorms: how many BatchNorm layers it has. layers: the modules it consists of.
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
        }

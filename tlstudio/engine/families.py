"""Where the stages of each family of networks are: from a stock model to the row of modules that computes the same.

The modules are the model's own, so their parameters keep the stock names. What a stock model does between its modules
(flattening, adding positions, taking one token) is done here by small modules of our own without parameters.
"""

from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn

from tlstudio.core.backbones import Backbone


def stock_model(spec: Backbone, classes: int) -> nn.Module:
    """The network as torchvision or timm builds it, with random values and a head of `classes` outputs."""
    size = spec.preprocessing.size
    if spec.family == "vit_timm":
        return timm.create_model(spec.architecture, pretrained=False, num_classes=classes, img_size=size)
    if spec.family.endswith("timm"):
        return timm.create_model(spec.architecture, pretrained=False, num_classes=classes)
    # A vision transformer has a position for each patch of one size of pictures.
    own = {"image_size": size} if spec.family == "vit" else {}
    return torchvision.models.get_model(spec.architecture, weights=None, num_classes=classes, **own)


def stages_in(spec: Backbone, model: nn.Module) -> dict[str, nn.Module]:
    """The stages of a stock model by name, in the order pictures pass.

    Raises:
        ValueError, AttributeError: the model is not of the family its backbone says.
    """
    return dict(zip(spec.stage_names, _FINDERS[spec.family](model), strict=True))


def classifier_in(head: nn.Module) -> nn.Linear:
    """The linear layer that is new for new classes: the last one in the head.

    Raises:
        ValueError: there is none.
    """
    found = [module for module in head.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise ValueError("its head ends in no linear layer")
    return found[-1]


def _resnet(model: Any) -> list[nn.Module]:
    stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
    pool = nn.Sequential(model.avgpool, nn.Flatten(1))
    return [stem, model.layer1, model.layer2, model.layer3, model.layer4, pool, model.fc]


def _efficientnet(model: Any) -> list[nn.Module]:
    return [*model.features, nn.Sequential(model.avgpool, nn.Flatten(1)), model.classifier]


def _mobilenet_v3(model: Any) -> list[nn.Module]:
    *before, last = model.features
    linear, activation, dropout, new = model.classifier
    # The first linear layer is shipped with the rest and reads averages: so the averaging belongs to the neck too.
    neck = nn.Sequential(last, model.avgpool, nn.Flatten(1), linear, activation)
    return [*before, neck, nn.Flatten(1), nn.Sequential(dropout, new)]


def _convnext(model: Any) -> list[nn.Module]:
    stem, *rest = model.features
    # A downsampling stands before each stage but the first.
    stages = [rest[0], *(nn.Sequential(*pair) for pair in zip(rest[1::2], rest[2::2], strict=True))]
    norm, flatten, new = model.classifier
    pool = nn.Sequential(model.avgpool, nn.Flatten(1))
    return [stem, *stages, pool, nn.Sequential(_As1x1Map(), norm, flatten, new)]


def _regnet(model: Any) -> list[nn.Module]:
    return [model.stem, *model.trunk_output, nn.Sequential(model.avgpool, nn.Flatten(1)), model.fc]


def _vit(model: Any) -> list[nn.Module]:
    norm = nn.Sequential(model.encoder.ln, _FirstToken())
    return [_Embedding(model), *model.encoder.layers, norm, model.heads]


def _resnet_timm(model: Any) -> list[nn.Module]:
    stem = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool)
    return [stem, model.layer1, model.layer2, model.layer3, model.layer4, model.global_pool, model.fc]


def _efficientnet_timm(model: Any) -> list[nn.Module]:
    stem = nn.Sequential(model.conv_stem, model.bn1)
    neck = nn.Sequential(model.conv_head, model.bn2)
    return [stem, *model.blocks, neck, model.global_pool, model.classifier]


def _mobilenet_v3_timm(model: Any) -> list[nn.Module]:
    stem = nn.Sequential(model.conv_stem, model.bn1)
    neck = nn.Sequential(model.global_pool, model.conv_head, model.norm_head, model.act2)
    return [stem, *model.blocks, neck, model.flatten, model.classifier]


def _convnext_timm(model: Any) -> list[nn.Module]:
    head = model.head
    pool = nn.Sequential(model.norm_pre, head.global_pool, nn.Flatten(1))
    new = nn.Sequential(_As1x1Map(), head.norm, head.flatten, head.pre_logits, head.drop, head.fc)
    return [model.stem, *model.stages, pool, new]


def _regnet_timm(model: Any) -> list[nn.Module]:
    head = model.head
    pool = nn.Sequential(model.final_conv, head.global_pool)
    new = nn.Sequential(head.drop, head.fc, head.flatten)
    return [model.stem, model.s1, model.s2, model.s3, model.s4, pool, new]


def _vit_timm(model: Any) -> list[nn.Module]:
    embed = _StockSteps(
        model, ("patch_embed", "_pos_embed", "patch_drop", "norm_pre"), [_Own(model), model.patch_embed, model.norm_pre]
    )
    after = [part for part in (model.norm, model.attn_pool, model.fc_norm) if part is not None]
    norm = _StockSteps(model, ("norm", "pool", "fc_norm"), after)
    return [embed, *model.blocks, norm, nn.Sequential(model.head_drop, model.head)]


def _any_timm(model: Any) -> list[nn.Module]:
    new = model.get_classifier()
    if not isinstance(new, nn.Linear):
        raise ValueError("its head ends in no single linear layer")
    body = _StockSteps(model, ("forward_features",), list(_all_but(model, new)))
    return [body, _PreLogits(model), new]


_FINDERS: dict[str, Callable[[Any], list[nn.Module]]] = {
    "resnet": _resnet,
    "efficientnet": _efficientnet,
    "mobilenet_v3": _mobilenet_v3,
    "convnext": _convnext,
    "regnet": _regnet,
    "vit": _vit,
    "resnet_timm": _resnet_timm,
    "efficientnet_timm": _efficientnet_timm,
    "mobilenet_v3_timm": _mobilenet_v3_timm,
    "convnext_timm": _convnext_timm,
    "regnet_timm": _regnet_timm,
    "vit_timm": _vit_timm,
    "timm": _any_timm,
}


class _Own(nn.Module):
    """The parameters that a module holds itself, without its children's: a class token, positions."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # The very same tables: a parameter that is replaced there (moved to another device) is replaced here.
        self._parameters = module._parameters
        self._buffers = module._buffers


class _As1x1Map(nn.Module):
    """Pooled features as a map of one place, as a stock head's norm expects them. (N, D) → (N, D, 1, 1)."""

    def forward(self, pooled: Tensor) -> Tensor:
        return pooled[:, :, None, None]


class _FirstToken(nn.Module):
    """What the class token has become. (N, tokens, D) → (N, D)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


class _Embedding(nn.Module):
    """Patches, class token and positions of torchvision's ViT. (N, 3, S, S) → (N, 1 + patches, D)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.patches = model.conv_proj
        self.token = _Own(model)
        self.positions = _Own(model.encoder)
        self.dropout = model.encoder.dropout

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patches(pixels).flatten(2).transpose(1, 2)
        # Not len(patches), which an export would take for a constant.
        token = self.token.class_token.expand(patches.shape[0], -1, -1)
        with_positions: Tensor = torch.cat([token, patches], dim=1) + self.positions.pos_embedding
        return self.dropout(with_positions)


class _StockSteps(nn.Module):
    """Some steps of a stock model, by the names of its methods or modules, one after the other.

    parts: the modules whose parameters they use.
    """

    def __init__(self, model: nn.Module, steps: tuple[str, ...], parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.steps = steps
        self.__dict__["_model"] = model  # past the registry: only the parts are this stage's own

    def forward(self, value: Tensor) -> Tensor:
        for step in self.steps:
            value = getattr(self._model, step)(value)
        return value


class _PreLogits(nn.Module):
    """What a timm network does between its features and its last layer. (N, …) → (N, D)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.__dict__["_model"] = model

    def forward(self, features: Tensor) -> Tensor:
        return self._model.forward_head(features, pre_logits=True)


def _all_but(model: nn.Module, left_out: nn.Module) -> Iterator[nn.Module]:
    """Modules that together hold every parameter of a model but those of one module in it."""
    yield _Own(model)
    for child in model.children():
        if child is not left_out and any(module is left_out for module in child.modules()):
            yield from _all_but(child, left_out)
        elif child is not left_out:
            yield child

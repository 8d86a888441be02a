"""Networks of timm's whose weights a person brings as a safetensors file: checked, kept, and found again.

Nothing is downloaded and nothing of the file is run: its tensors have to be those of timm's own network of that name.
"""

from __future__ import annotations

import difflib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.core.backbones import TIMM, Backbone, timm_backbone, timm_record
from tlstudio.core.errors import RefusedWeights
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.project import replacing, write_atomically
from tlstudio.core.recipe import Phase
from tlstudio.core.stages import Family
from tlstudio.engine import digests, weights

if TYPE_CHECKING:
    import torch
    from torch import nn

_CLASSES = 5  # of the network the stages are tried on
_MOST_CLASSES = 25_000  # of the head that weights come with; ImageNet's largest has 21,843


def kept() -> list[Backbone]:
    """The networks that were brought in before. Needs no torch; a record that is damaged or alone is passed over."""
    found = []
    for file in sorted(weights.folder().glob("timm-*.json")):
        if not file.with_suffix(".safetensors").is_file():
            continue
        with suppress(OSError, ValueError, TypeError, KeyError):
            found.append(timm_backbone(TIMM + file.stem.removeprefix("timm-"), json.loads(file.read_bytes())))
    return found


def adopt(path: Path, name: str) -> tuple[Backbone, Path]:
    """Keep a safetensors file as the weights of timm's network `name`, with a record of what it is beside it.

    name: an architecture of timm's, with a tag (`resnet26.bt_in1k`) where it is known which weights these are: the
    preprocessing and the licence are the tag's.

    Raises:
        RefusedWeights: timm knows no such network, the file does not fit it, or it cannot be seen as stages.
    """
    import timm

    config = _config(name)
    model = timm.create_model(name, pretrained=False, num_classes=_CLASSES)
    own = sum(value.numel() for value in model.state_dict().values())
    state = _read(path, 8 * (own + _MOST_CLASSES * model.num_features))
    learning = dict(model.named_parameters())
    target = weights.folder() / f"timm-{name}.safetensors"
    record = {
        "features": model.num_features,
        "parameters": sum(value.numel() for key, value in state.items() if key in learning),
        "preprocessing": _preprocessing(config, name).to_json(),
        "weights": {
            "filename": target.name,
            "sha256": digests.of(path),
            "size": path.stat().st_size,
            "licence": config.license or "not stated by timm",
            "source": f"timm {name}, brought by hand as {path.name}",
        },
    }
    spec = _with_stages(name, record, model, state, path)
    try:
        weights.folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedWeights(f"cannot be made ({error.strerror})", path=weights.folder()) from error
    with replacing(target) as temporary:
        shutil.copyfile(path, temporary)
    write_atomically(target.with_suffix(".json"), json.dumps(timm_record(spec), indent=1).encode())
    return spec, target


def _config(name: str) -> Any:
    import timm

    architecture = name.partition(".")[0]
    if architecture not in timm.list_models():
        close = difflib.get_close_matches(architecture, timm.list_models(), 3)
        remedy = f"Perhaps one of: {', '.join(close)}." if close else "Its names are those of timm.list_models()."
        raise RefusedWeights(f"timm knows no network {name!r}", remedy=remedy)
    try:
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        tags = ", ".join(n.partition(".")[2] for n in timm.list_pretrained(architecture + ".*")) or "none"
        raise RefusedWeights(f"timm lists no weights {name!r}", remedy=f"Its tags: {tags}.") from error
    return config


def _read(path: Path, most: int) -> dict[str, torch.Tensor]:
    """The tensors of a file, if they have no more than `most` bytes."""
    from tlstudio.engine import tensor_files

    try:
        with tensor_files.opened(path) as file:
            if file.size > most:
                raise tensor_files.Unsound("holds more than the network it is said to be of")
            return file.read()
    except OSError as error:
        raise RefusedWeights(f"cannot be read ({error.strerror or error})", path=path) from error
    except ValueError as error:
        remedy = "Only safetensors files are taken by hand; other formats could run code."
        why = f": it {error}" if isinstance(error, tensor_files.Unsound) else ""
        raise RefusedWeights(f"is no safetensors file, or is damaged{why}", path=path, remedy=remedy) from error


def _preprocessing(config: Any, name: str) -> Preprocessing:
    """What timm's own evaluation does to a picture, from its entry for the weights."""
    channels, height, width = config.input_size
    fit = {"center": "crop", "squash": "squash", "border": "pad"}.get(config.crop_mode)
    if channels != 3 or height != width or fit is None or config.interpolation not in ("bilinear", "bicubic"):
        what = f"{channels} × {height} × {width}, {config.interpolation}, {config.crop_mode}"
        raise RefusedWeights(f"{name} prepares its pictures in a way TL Studio does not know ({what})")
    resize = math.floor(height / config.crop_pct) if fit == "crop" else height
    return Preprocessing(height, resize, config.interpolation, config.mean, config.std, fit)  # type: ignore[arg-type]


def _with_stages(
    name: str, record: dict[str, Any], model: nn.Module, state: dict[str, torch.Tensor], path: Path
) -> Backbone:
    """The backbone in the finest stages that compute exactly what the stock network does."""
    from tlstudio.engine import network as networks

    why = ""
    for family, blocks in _families(model):
        spec = timm_backbone(TIMM + name, {**record, "family": family, "blocks": blocks})
        try:
            network = networks.assemble(spec, _CLASSES)
            networks.load_backbone(network, state)
            found = replace(spec, features=_checked(network))
            networks.sketch(found, _CLASSES).outline(Phase("any", found.stage_names[0], 1))
            return found
        except RefusedWeights as error:
            raise RefusedWeights(error.what, path=path, remedy="Give the name these weights were made for.") from error
        except (ValueError, AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
    remedy = "Take another network of timm's: most end in one linear layer."
    raise RefusedWeights(f"{name} cannot be cut into body, pool and head: {why}", path=path, remedy=remedy)


def _families(model: nn.Module) -> Iterator[tuple[Family, int]]:
    """Families a model may belong to, with how many stages of blocks it has there, the finest stages first."""
    kind = type(model).__name__
    count = len(getattr(model, "blocks", ()))
    by_class: dict[str, tuple[Family, int]] = {
        "ResNet": ("resnet_timm", 4),
        "EfficientNet": ("efficientnet_timm", count),
        "MobileNetV3": ("mobilenet_v3_timm", count),
        "ConvNeXt": ("convnext_timm", 4),
        "RegNet": ("regnet_timm", 4),
        "VisionTransformer": ("vit_timm", count),
    }
    if kind in by_class:
        yield by_class[kind]
    yield "timm", 0


def _checked(network: Any) -> int:
    """The length of the pooled vector of a network whose stages are right.

    Raises:
        ValueError: they compute something else, or leave a parameter out.
    """
    import torch

    network.eval_mode()
    held = [id(p) for stage in network.stages.values() for p in stage.parameters()]
    if sorted(held) != sorted(id(p) for p in network.model.parameters()):
        raise ValueError("its stages do not hold every parameter once")
    size = network.preprocessing.size
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, head = network.split("head")
        pooled = before(pixels)
        if pooled.ndim != 2 or not torch.equal(head(pooled), network.model(pixels)):
            raise ValueError("its stages compute something else than the network does")
    return int(pooled.shape[1])

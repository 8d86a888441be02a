"""Why a model answers as it does: where in a picture the evidence lies, and which training pictures are like it."""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tlstudio.core.errors import UnreadablePicture
from tlstudio.core.events import Explained, Neighbour
from tlstudio.engine.decode import decode
from tlstudio.engine.predictor import Predictor
from tlstudio.engine.tensors import enough, fit, normalise, seen_box, to_tensor

NEIGHBOURS = 6
MOST_EXTRA_TOKENS = 5  # a class token, a distillation token or up to four registers before the patches


def explain(predictor: Predictor, path: Path, label: str = "") -> Explained:
    """What speaks for a class in a picture. label: one of the model's classes; empty for the most probable one.

    Raises:
        ValueError: the model has no such class.
    """
    model = predictor.model
    if label and label not in model.classes:
        raise ValueError(f"the model has no class {label!r}")
    preprocessing = model.network.preprocessing
    try:
        decoded = decode(path, **enough(preprocessing))
    except UnreadablePicture as error:
        return Explained(str(path), error=f"{error.what}. {error.remedy}".rstrip())
    square = fit(decoded.image, preprocessing)
    pixels = normalise(to_tensor(square)[None].to(predictor.device), preprocessing)
    outputs = stage_outputs(predictor.prefix, pixels)
    index = model.classes.index(label) if label else _best(predictor.head, outputs[-1])
    heat = heat_map(predictor.prefix, predictor.head, outputs, index)
    side = preprocessing.size
    (width, height), (wide, high) = decoded.full_size, decoded.image.size
    left, top, right, bottom = seen_box(wide, high, preprocessing)
    across, down = width / wide, height / high
    return Explained(
        str(path),
        model.classes[index],
        (side, side),
        square.tobytes(),
        b"" if heat is None else _as_bytes(heat, side),
        decoded.full_size,
        (left * across, top * down, right * across, bottom * down),
        _nearest(predictor, outputs[-1]),
    )


@torch.no_grad()
def stage_outputs(prefix: nn.Sequential, pixels: torch.Tensor) -> list[torch.Tensor]:
    """What each stage says about one picture; pixels: (1, 3, size, size), normalised."""
    found, value = [], pixels
    for stage in prefix:
        value = stage(value.clone())  # a copy: a stage may work in place
        found.append(value)
    return found


def heat_map(prefix: nn.Sequential, head: nn.Module, outputs: list[torch.Tensor], index: int) -> torch.Tensor | None:
    """Where the evidence for one class lies, (h, w), 0 where none does: Grad-CAM (Selvaraju et al. 2017, 1610.02391).

    The channels of the last map of features are added up, each weighed by how much the class's logit grows with it on
    average; what speaks against the class is cut off. A vision transformer's map is that of the patches entering its
    last block: what leaves it there is mostly not looked at any more. None for networks without either.

    outputs: what the stages of `prefix` said about one picture. index: of the class.
    """
    at = _last_map(outputs)
    if at is None:
        return None
    value = outputs[at].detach().requires_grad_()
    with torch.enable_grad():
        # A copy: what follows may work in place.
        logit = head(prefix[at + 1 :](value.clone())).flatten()[index]
        (slope,) = torch.autograd.grad(logit, value)
    values, slopes = as_map(value.detach()), as_map(slope)
    if not slopes.any():
        return None
    weights = slopes.mean(dim=(1, 2), keepdim=True)
    return (weights * values).sum(dim=0).clamp(min=0)


@torch.no_grad()
def _best(head: nn.Module, pooled: torch.Tensor) -> int:
    return int(head(pooled).argmax())


def _last_map(outputs: list[torch.Tensor]) -> int | None:
    """Which stage to look at: the last one that says something about more than one place."""
    maps = [i for i, value in enumerate(outputs) if is_map(value)]
    if not maps:
        return None
    last = maps[-1]
    # Of the tokens that leave the last block only the class token is used, where there is one.
    return last - 1 if outputs[last].dim() == 3 and last - 1 in maps else last


def is_map(value: torch.Tensor) -> bool:
    if value.dim() == 4:
        return min(value.shape[1:3]) > 1 or min(value.shape[2:]) > 1
    return value.dim() == 3 and value.shape[1] - math.isqrt(value.shape[1]) ** 2 <= MOST_EXTRA_TOKENS


def as_map(value: torch.Tensor) -> torch.Tensor:
    """The (channels, h, w) of one picture from (1, channels, h, w), (1, h, w, channels) or (1, tokens, channels)."""
    if value.dim() == 3:
        side = math.isqrt(value.shape[1])
        return value[0, -side * side :].T.reshape(-1, side, side)
    # The square picture gives a square map: the side that is unlike the other two counts the channels.
    return value[0].permute(2, 0, 1) if value.shape[1] == value.shape[2] != value.shape[3] else value[0]


def _as_bytes(heat: torch.Tensor, side: int) -> bytes:
    """The map at the size of the square the network saw, its largest value 255."""
    scaled = heat / heat.max().clamp(min=torch.finfo(heat.dtype).tiny)
    large = functional.interpolate(scaled[None, None], size=(side, side), mode="bilinear", align_corners=False)
    return (large[0, 0] * 255).round().to(torch.uint8).cpu().numpy().tobytes()


def _nearest(predictor: Predictor, pooled: torch.Tensor) -> tuple[Neighbour, ...]:
    """The rows of the model's sample nearest to a picture's features, (1, D), by cosine distance."""
    here = functional.normalize(pooled.float(), dim=1)
    far = (1 - here @ functional.normalize(predictor.sample.float(), dim=1).T)[0].clamp(min=0)
    found = far.topk(min(NEIGHBOURS, len(far)), largest=False)
    sample, classes = predictor.model.facts["sample"], predictor.model.classes
    rows = zip(found.values.tolist(), found.indices.tolist(), strict=True)
    return tuple(Neighbour(classes[sample["labels"][i]], distance, sample["digests"][i]) for distance, i in rows)

"""A frozen prefix in its fastest form: BatchNorm folded into the convolutions before it, channels-last memory.

In `eval()` BatchNorm multiplies and adds by constants, which the convolution before it can do at no cost (Jacob et al.
2018, arXiv 1712.05877, section 3.2). The answers stay the same but for rounding.
"""

import copy
from collections.abc import Callable

import torch
from timm.layers import BatchNormAct2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Relative to the largest answer of a stage; rounding alone stays below a hundredth of it.
TOLERANCE = 1e-4
_Call = tuple[str, torch.Tensor, torch.Tensor]  # the layer's name, what it was given, what it said


@torch.no_grad()
def folded(prefix: nn.Sequential, side: int = 224) -> nn.Sequential:
    """A copy of some stages that answers the same, faster: in `eval()`, channels-last, BatchNorm folded, no gradients.

    A stage in which folding would change the answer to random input beyond `TOLERANCE` is copied as it is, and so is
    every norm that does not follow a plain convolution. The prefix itself is not touched.

    side: of the square the stages are tried on, in pixels; any that they accept will do.
    """
    made = copy.deepcopy(prefix).eval().requires_grad_(False)
    if not any(_foldable(module) for module in made.modules()):
        return made.to(memory_format=torch.channels_last)
    device = next(prefix.parameters()).device
    # Tried on the CPU: a GPU may round more coarsely (TF32) than the tolerance allows.
    made.to(device="cpu", memory_format=torch.channels_last)
    value = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    for name, stage in made.named_children():
        pairs, answer = _follow(stage, value.clone())
        attempt = _fold(copy.deepcopy(stage), pairs)
        # Not "greater than": a difference that is no number must fail too.
        if pairs and (attempt(value.clone()) - answer).abs().max() <= TOLERANCE * answer.abs().max():
            setattr(made, name, attempt)
        value = answer
    return made.to(device=device, memory_format=torch.channels_last)


def _foldable(norm: nn.Module) -> bool:
    return type(norm) in (nn.BatchNorm2d, BatchNormAct2d) and norm.running_mean is not None


def _follow(stage: nn.Module, value: torch.Tensor) -> tuple[list[tuple[str, str]], torch.Tensor]:
    """The names of each convolution and the norm it goes to, as seen while the stage answers; and that answer.

    Only layers that run once count. Whether the convolution goes elsewhere too shows when the folded stage is tried.
    """
    calls: list[_Call] = []
    hooks = [
        module.register_forward_hook(_recorder(name, calls))
        for name, module in stage.named_modules()
        if isinstance(module, nn.Conv2d) or _foldable(module)
    ]
    answer: torch.Tensor = stage(value)
    for hook in hooks:
        hook.remove()
    names = [name for name, _, _ in calls]
    pairs = [
        (first, second)
        for first, _, output in calls
        for second, taken, _ in calls
        if taken is output
        and isinstance(stage.get_submodule(first), nn.Conv2d)
        and _foldable(stage.get_submodule(second))
        and names.count(first) == names.count(second) == 1
    ]
    return pairs, answer


def _recorder(name: str, calls: list[_Call]) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
    def record(_: nn.Module, taken: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        calls.append((name, taken[0], output))

    return record


def _fold(stage: nn.Module, pairs: list[tuple[str, str]]) -> nn.Module:
    for first, second in pairs:
        norm = stage.get_submodule(second)
        _put(stage, first, fuse_conv_bn_eval(stage.get_submodule(first), norm))
        _put(stage, second, norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
    return stage


def _put(stage: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(stage.get_submodule(parent), own, module)

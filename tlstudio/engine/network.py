"""A network as an ordered row of stages: build it, cut it, say what learns in it, hold its BatchNorm still."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tlstudio.core.backbones import Backbone, backbone
from tlstudio.core.errors import BadRecipe, RefusedWeights
from tlstudio.core.outline import Layer, StageOutline
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Phase
from tlstudio.engine import families, weights

BatchNorm = nn.modules.batchnorm._BatchNorm


@dataclass
class Network:
    """A stock model and its stages, which share the model's modules: prefix and tail run the very same layers.

    model: as torchvision or timm builds it, so its parameter names are the stock ones. stages: name → module, in the
    order pictures pass; together they compute what the model computes. preprocessing: what its pictures go through; a
    model file brings its own.
    """

    backbone: Backbone
    model: nn.Module
    stages: dict[str, nn.Module]
    preprocessing: Preprocessing

    @property
    def classifier(self) -> nn.Linear:
        """The last layer: the one part that is new for new classes."""
        return families.classifier_in(self.stages["head"])

    def split(self, cut: str) -> tuple[nn.Sequential, nn.Sequential]:
        """The stages before the cut and those from it on."""
        names = list(self.stages)
        self.backbone.stage(cut)
        at = names.index(cut)
        modules = list(self.stages.values())
        return nn.Sequential(*modules[:at]), nn.Sequential(*modules[at:])

    def earliest(self, phases: Sequence[Phase]) -> str:
        """The earliest stage that learns in any of these phases."""
        cuts = {phase.train_from for phase in phases}
        return next(name for name in self.stages if name in cuts)

    def prepare(self, phase: Phase) -> None:
        """Set what learns in a phase (`requires_grad`); modes are set by `train_mode` and `eval_mode`.

        Raises:
            BadRecipe: a frozen module's name is unknown, or nothing is left to learn.
        """
        self.model.requires_grad_(False)
        _, tail = self.split(phase.train_from)
        tail.requires_grad_(True)
        for part in self._frozen_parts(phase):
            part.requires_grad_(False)
        if phase.bn == "frozen":
            for norm in _batchnorms(tail):
                norm.requires_grad_(False)
        if not any(p.requires_grad for p in self.model.parameters()):
            raise BadRecipe("everything is frozen, so nothing could learn", remedy="Leave at least the head learning.")

    def train_mode(self, phase: Phase) -> None:
        """What learns goes to `train()`; the frozen prefix stays in `eval()`, and so does pinned BatchNorm.

        Running means and variances are no parameters: only `eval()` holds them (`requires_grad` does not).
        """
        prefix, tail = self.split(phase.train_from)
        prefix.eval()
        tail.train()
        for part in self._frozen_parts(phase):
            if isinstance(part, nn.Module):
                part.eval()
        if phase.bn != "adaptive":
            for norm in _batchnorms(tail):
                norm.eval()

    def tail_state(self, cut: str) -> dict[str, torch.Tensor]:
        """The weights and running statistics from a cut on, under their stock names."""
        tail = {id(value) for value in self.split(cut)[1].state_dict(keep_vars=True).values()}
        return {n: v for n, v in self.model.state_dict(keep_vars=True).items() if id(v) in tail}

    def load_tail(self, cut: str, state: dict[str, torch.Tensor]) -> None:
        """Put back what `tail_state` gave for the same cut.

        Raises:
            ValueError: these are the weights of something else.
        """
        own = self.tail_state(cut)
        if {n: (v.dtype, v.shape) for n, v in own.items()} != {n: (v.dtype, v.shape) for n, v in state.items()}:
            raise ValueError("these weights belong to another cut")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])

    def eval_mode(self) -> None:
        self.model.eval()

    def _frozen_parts(self, phase: Phase) -> Iterator[nn.Module | nn.Parameter]:
        """What stands still after the cut: stages, modules, or parameters that lie in no module below."""
        parts: dict[str, nn.Module | nn.Parameter] = dict(self.model.named_parameters())
        parts |= dict(self.model.named_modules())
        parts |= self.stages
        for name in phase.frozen:
            if not name or name not in parts:
                known = ", ".join(self.stages)
                raise BadRecipe(
                    f"{self.backbone.name} has no layer {name!r}", remedy=f"Name a stage ({known}) or a layer in one."
                )
            yield parts[name]

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that learn, by learning-rate group: `early`, `late`, `head`; empty groups are left out."""
        found: dict[str, list[nn.Parameter]] = {}
        for stage in self.backbone.stages:
            learning = [p for p in self.stages[stage.name].parameters() if p.requires_grad]
            if learning:
                found.setdefault(stage.rate, []).extend(learning)
        return found

    def parameter_counts(self) -> tuple[int, int]:
        """Parameters that learn, and all."""
        sizes = [(p.numel(), p.requires_grad) for p in self.model.parameters()]
        return sum(n for n, learns in sizes if learns), sum(n for n, _ in sizes)

    def running_statistics(self) -> dict[str, torch.Tensor]:
        """BatchNorm's running means and variances, by name."""
        ends = ("running_mean", "running_var")
        return {name: value for name, value in self.model.state_dict().items() if name.endswith(ends)}

    def outline(self, phase: Phase) -> tuple[StageOutline, ...]:
        """The stages with their counts, shapes and rates as they are in this phase."""
        self.prepare(phase)
        names: dict[nn.Module | nn.Parameter, str] = {m: name for name, m in self.model.named_modules()}
        names |= {parameter: name for name, parameter in self.model.named_parameters()}
        shapes = self.shapes()
        return tuple(self._stage_outline(stage.name, phase, names, shapes) for stage in self.backbone.stages)

    def _stage_outline(
        self,
        name: str,
        phase: Phase,
        names: dict[nn.Module | nn.Parameter, str],
        shapes: dict[str, tuple[int, ...]],
    ) -> StageOutline:
        stage, module = self.backbone.stage(name), self.stages[name]
        layers = tuple(_layer(part, names) for part in _stock_parts(module, names))
        parameters, trainable = _counts(module)
        norms = list(_batchnorms(module))
        return StageOutline(
            name=name,
            parameters=parameters,
            trainable=trainable,
            lr_group=stage.rate,
            lr=phase.lr(stage.rate) if trainable else None,
            output_shape=shapes[name],
            learns=stage.learns,
            transferability=stage.transferability,
            batchnorms=len(norms),
            layers=layers,
            running_values=sum(value.numel() for norm in norms for value in (norm.running_mean, norm.running_var)),
        )

    @torch.inference_mode()
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """What each stage makes of one picture, without the batch: (channels, height, width), or fewer."""
        self.eval_mode()
        size = self.preprocessing.size
        device = next(self.model.parameters()).device
        value, shapes = torch.zeros(1, 3, size, size, device=device), {}
        for name, stage in self.stages.items():
            value = stage(value)
            shapes[name] = tuple(value.shape[1:])
        return shapes


def _batchnorms(module: nn.Module) -> Iterator[nn.Module]:
    return (m for m in module.modules() if isinstance(m, BatchNorm))


def _counts(module: nn.Module) -> tuple[int, int]:
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


def _stock_parts(module: nn.Module, names: dict[nn.Module | nn.Parameter, str]) -> Iterator[nn.Module | nn.Parameter]:
    """What a stage consists of: a stage of several parts (a stem) is a module of ours, which the stock model lacks."""
    if module in names:
        yield module
        return
    yield from module.parameters(recurse=False)
    for child in module.children():
        yield from _stock_parts(child, names)


def _layer(part: nn.Module | nn.Parameter, names: dict[nn.Module | nn.Parameter, str]) -> Layer:
    if isinstance(part, nn.Parameter):
        learns = part.numel() if part.requires_grad else 0
        return Layer(names[part], "Parameter", part.numel(), learns, detail="×".join(map(str, part.shape)))
    below: list[nn.Module | nn.Parameter] = list(part.children())
    if any(True for child in part.children() for _ in child.parameters()):
        # What such a module holds itself is a layer of its own (positions, scales): it can be frozen by itself.
        below = [*part.parameters(recurse=False), *below]
    children = tuple(_layer(child, names) for child in below)
    return Layer(names[part], type(part).__name__, *_counts(part), children=children, detail=_detail(part))


def _detail(module: nn.Module) -> str:
    """A layer's sizes as people write them: "3×3, 64→128, stride 2"."""
    match module:
        case nn.Conv2d():
            said = ["×".join(map(str, module.kernel_size)), f"{module.in_channels}→{module.out_channels}"]
            if max(module.stride) > 1:
                said.append(f"stride {max(module.stride)}")
            if module.groups > 1:
                said.append("depthwise" if module.groups == module.in_channels else f"{module.groups} groups")
            return ", ".join(said)
        case nn.Linear():
            return f"{module.in_features}→{module.out_features}"
        case BatchNorm():
            return str(module.num_features)
        case nn.LayerNorm():
            return "×".join(map(str, module.normalized_shape))
        case nn.MultiheadAttention():
            return f"{module.embed_dim}, {module.num_heads} heads"
        case nn.MaxPool2d(kernel_size=int(side)):
            return f"{side}×{side}, stride {module.stride}"
    return ""


def build(name: str, classes: int, pretrained: bool, seed: int = 0) -> Network:
    """A backbone with a new head of `classes` outputs, in `eval()` mode on the CPU.

    pretrained: load the shipped weights into everything but the head; otherwise all values are random. seed: of the
    random values.

    Raises:
        MissingWeights, RefusedWeights: the weights are not here, or are not what they should be.
    """
    spec = backbone(name)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = assemble(spec, classes)
        # timm draws the head from a range that grows as classes get fewer: two classes would start at a loss of 3.
        nn.init.normal_(network.classifier.weight, std=0.01)
        nn.init.zeros_(network.classifier.bias)
    if pretrained:
        load_backbone(network, upstream_state(spec))
    network.eval_mode()
    return network


def assemble(spec: Backbone, classes: int) -> Network:
    """The architecture with random values, cut into its stages."""
    model = families.stock_model(spec, classes)
    return Network(spec, model, families.stages_in(spec, model), spec.preprocessing)


def sketch(spec: Backbone, classes: int) -> Network:
    """The architecture without values or memory for them: for its names, shapes and counts."""
    with _WithoutValues():
        return assemble(spec, classes)


class _WithoutValues(TorchFunctionMode):
    """Tensors made to be filled later (parameters, above all) go to the meta device, where filling them is free.

    Unlike `torch.device("meta")` it leaves alone what a constructor calculates with, such as RegNet's widths.
    """

    FILLED_LATER = (torch.empty, torch.zeros, torch.ones)

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), named: dict[str, Any] | None = None
    ) -> Any:
        named = named or {}
        if function in self.FILLED_LATER and named.get("device") is None:
            named = {**named, "device": "meta"}
        return function(*arguments, **named)


def upstream_state(spec: Backbone) -> dict[str, torch.Tensor]:
    """The shipped weights under the stock model's names, the original head among them.

    Raises:
        MissingWeights, RefusedWeights: see `weights.locate`.
    """
    state = weights.load(spec)
    if spec.weights.naming == "lukemelas":
        depths = [len(stage) for stage in _stock_blocks(spec)]
        state = {weights.stock_name(name, depths): value for name, value in state.items()}
    return state


def _stock_blocks(spec: Backbone) -> Sequence[nn.Sequential]:
    with torch.device("meta"):
        return list(timm.create_model(spec.architecture, pretrained=False).blocks)


def load_backbone(network: Network, state: dict[str, torch.Tensor]) -> None:
    """Load everything but the head, every name and shape accounted for.

    Raises:
        RefusedWeights: they are another network's.
    """
    own = network.model.state_dict()
    names = {module: name for name, module in network.model.named_modules()}
    head = names[network.classifier] + "."
    shapes = {name: tuple(value.shape) for name, value in state.items() if not name.startswith(head)}
    expected = {name: tuple(value.shape) for name, value in own.items() if not name.startswith(head)}
    if shapes != expected:
        odd = sorted(name for name in shapes.keys() | expected.keys() if shapes.get(name) != expected.get(name))
        name = odd[0]
        what = f"{name[:80]}: {shapes.get(name, 'missing')}, not {expected.get(name, 'expected')}"
        raise RefusedWeights(f"the weights do not fit {network.backbone.name} ({what}; {len(odd)} in all)")
    with torch.no_grad():
        for name in expected:
            own[name].copy_(state[name])

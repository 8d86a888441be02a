"""A network as an ordered row of stages: build it, cut it, say what learns in it, hold its BatchNorm still."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import timm
import torch
import torchvision
from torch import nn

from tlstudio.core.backbones import Backbone, backbone
from tlstudio.core.errors import BadRecipe, RefusedWeights
from tlstudio.core.outline import Layer, StageOutline
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.recipe import Phase
from tlstudio.engine import weights

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

    def split(self, cut: str) -> tuple[nn.Sequential, nn.Sequential]:
        """The stages before the cut and those from it on."""
        names = list(self.stages)
        self.backbone.stage(cut)
        at = names.index(cut)
        modules = list(self.stages.values())
        return nn.Sequential(*modules[:at]), nn.Sequential(*modules[at:])

    def prepare(self, phase: Phase) -> None:
        """Set what learns in a phase (`requires_grad`); modes are set by `train_mode` and `eval_mode`.

        Raises:
            BadRecipe: a frozen module's name is unknown, or nothing is left to learn.
        """
        self.model.requires_grad_(False)
        _, tail = self.split(phase.train_from)
        tail.requires_grad_(True)
        for module in self._frozen_modules(phase):
            module.requires_grad_(False)
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
        for module in self._frozen_modules(phase):
            module.eval()
        if phase.bn != "adaptive":
            for norm in _batchnorms(tail):
                norm.eval()

    def tail_state(self, cut: str) -> dict[str, torch.Tensor]:
        """The weights and running statistics from a cut on, under their stock names."""
        tail = {id(value) for value in self.split(cut)[1].state_dict(keep_vars=True).values()}
        return {n: v for n, v in self.model.state_dict(keep_vars=True).items() if id(v) in tail}

    def load_tail(self, cut: str, state: dict[str, torch.Tensor]) -> None:
        """Put back what `tail_state` gave for the same cut."""
        own = self.tail_state(cut)
        if own.keys() != state.keys():
            raise ValueError("these weights belong to another cut")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])

    def eval_mode(self) -> None:
        self.model.eval()

    def _frozen_modules(self, phase: Phase) -> Iterator[nn.Module]:
        modules = dict(self.model.named_modules())
        for name in phase.frozen:
            if name in self.stages:
                yield self.stages[name]
            elif name in modules and name:
                yield modules[name]
            else:
                known = ", ".join(self.stages)
                raise BadRecipe(
                    f"{self.backbone.name} has no layer {name!r}", remedy=f"Name a stage ({known}) or a layer in one."
                )

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
        names = {module: name for name, module in self.model.named_modules()}
        shapes = self._shapes()
        return tuple(self._stage_outline(stage.name, phase, names, shapes) for stage in self.backbone.stages)

    def _stage_outline(
        self, name: str, phase: Phase, names: dict[nn.Module, str], shapes: dict[str, tuple[int, ...]]
    ) -> StageOutline:
        stage, module = self.backbone.stage(name), self.stages[name]
        # A stage of several top modules (a stem) is a Sequential of ours, which the stock model does not name.
        parts = [module] if module in names else list(module.children())
        layers = tuple(_layer(part, names[part]) for part in parts if part in names)
        parameters, trainable = _counts(module)
        return StageOutline(
            name=name,
            parameters=parameters,
            trainable=trainable,
            lr_group=stage.rate,
            lr=phase.lr(stage.rate) if trainable else None,
            output_shape=shapes[name],
            learns=stage.learns,
            transferability=stage.transferability,
            batchnorms=sum(1 for _ in _batchnorms(module)),
            layers=layers,
        )

    @torch.inference_mode()
    def _shapes(self) -> dict[str, tuple[int, ...]]:
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


def _layer(module: nn.Module, name: str) -> Layer:
    children = tuple(_layer(child, f"{name}.{key}") for key, child in module.named_children())
    return Layer(name, type(module).__name__, *_counts(module), children=children)


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
        head = network.stages["head"]
        nn.init.normal_(head.weight, std=0.01)
        nn.init.zeros_(head.bias)
    if pretrained:
        _load_backbone(network, upstream_state(spec))
    network.eval_mode()
    return network


def assemble(spec: Backbone, classes: int) -> Network:
    """The architecture with random values, cut into its stages."""
    if spec.family == "resnet":
        model = torchvision.models.get_model(spec.architecture, num_classes=classes)
        stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
        pool = nn.Sequential(model.avgpool, nn.Flatten(1))
        modules = [stem, model.layer1, model.layer2, model.layer3, model.layer4, pool, model.fc]
    else:
        model = timm.create_model(spec.architecture, pretrained=False, num_classes=classes)
        stem = nn.Sequential(model.conv_stem, model.bn1)
        neck = nn.Sequential(model.conv_head, model.bn2)
        modules = [stem, *model.blocks, neck, model.global_pool, model.classifier]
    return Network(spec, model, dict(zip(spec.stage_names, modules, strict=True)), spec.preprocessing)


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


def _load_backbone(network: Network, state: dict[str, torch.Tensor]) -> None:
    """Load everything but the head, every name accounted for."""
    own = network.model.state_dict()
    names = {module: name for name, module in network.model.named_modules()}
    head = names[network.stages["head"]] + "."
    wanted = {name: value for name, value in state.items() if not name.startswith(head)}
    kept = {name: value for name, value in own.items() if name.startswith(head)}
    try:
        network.model.load_state_dict({**wanted, **kept}, strict=True)
    except RuntimeError as error:
        raise RefusedWeights(f"the weights do not fit {network.backbone.name}: {error}") from error

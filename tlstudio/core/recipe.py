"""A strategy is data: a tuple of phases, each with the stage from which the network learns."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tlstudio.core.backbones import Backbone, backbone
from tlstudio.core.errors import BadRecipe
from tlstudio.core.preprocessing import FITS, Fit
from tlstudio.core.stages import shipped_in_head

Augmentation = Literal["none", "light", "strong"]
BatchNormMode = Literal["pinned", "frozen", "adaptive"]
Domain = Literal["similar", "different"]


@dataclass(frozen=True)
class Phase:
    """One stretch of training with the same layers learning.

    train_from: the cut; every stage before it is frozen, every stage from it on learns, except the modules named in
        `frozen` (names as the stock network has them, e.g. `layer4.0`).
    head_lr, backbone_lr, early_lr: peak learning rates of the head, the late stages and the early stages.
    bn: `pinned` holds BatchNorm's running statistics while gamma and beta learn; `frozen` holds those too;
        `adaptive` lets the statistics follow the new pictures.
    """

    name: str
    train_from: str
    epochs: int
    head_lr: float = 1e-3
    backbone_lr: float = 1e-4
    early_lr: float = 1e-4
    augment: Augmentation = "none"
    bn: BatchNormMode = "pinned"
    frozen: tuple[str, ...] = ()

    def lr(self, rate: str) -> float:
        """The peak learning rate of the group `early`, `late` or `head`."""
        return {"early": self.early_lr, "late": self.backbone_lr, "head": self.head_lr}[rate]


@dataclass(frozen=True)
class ModelFile:
    """A `.tlmodel` of one's own to start from instead of the shipped weights.

    path: absolute. sha256: of the whole file, hex. backbone, classes: what it is of, and what it was trained on.
    """

    path: str
    sha256: str
    backbone: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does, apart from the pictures.

    weight_decay: on weights; norms and biases take none. patience: epochs without a lower validation loss before a
    phase ends early. seed: of the new head, the order of the pictures and their augmentation; never of the split.
    start: the model whose backbone it starts from; None takes the shipped weights (random ones where not `pretrained`).
    folds: 2 or more: figures come out of so many folds, and the model then learns from all pictures but the test ones.
    fit: how a picture becomes the square the network sees; None: as the weights it starts from were trained.
    """

    backbone: str
    strategy: str
    phases: tuple[Phase, ...]
    pretrained: bool = True
    batch_size: int = 32
    weight_decay: float = 1e-2
    patience: int = 5
    seed: int = 0
    domain: Domain = "similar"
    start: ModelFile | None = None
    folds: int = 0
    fit: Fit | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recipe":
        phases = tuple(Phase(**{**p, "frozen": tuple(p["frozen"])}) for p in data["phases"])
        start = data.get("start")
        start = ModelFile(**{**start, "classes": tuple(start["classes"])}) if start else None
        return cls(**{**data, "phases": phases, "start": start})


# On remembered features an epoch of the head costs next to nothing, and fine-tuning from a head that has settled ends
# better (LP-FT): over 12 splits of five flowers validation loss 0.251 after ten epochs, 0.262 after three.
WARM_UP = Phase("warm-up", "head", epochs=10)

STRATEGIES: dict[str, str] = {
    "feature-extraction": "Only the new head learns; the backbone stays as it was.",
    "fine-tune-last": "The head warms up, then the last stages learn with it, at a tenth of its rate.",
    "fine-tune-all": "The head warms up, then every stage learns with it, at a tenth of its rate.",
    "fine-tune-layered": "The head warms up, then every stage learns, early ones slowest. For very different pictures.",
    "from-scratch": "No pretrained weights: every stage learns from random values. Needs very many pictures.",
}


# Gradual unfreezing gives each stage on the way one epoch (Howard & Ruder 2018, arXiv 1801.06146).
UNFREEZE_EPOCHS = 1


def _phases(strategy: str, network: Backbone) -> tuple[Phase, ...]:
    first = network.stages[0].name
    match strategy:
        case "feature-extraction":
            return (Phase("head", "head", epochs=20),)
        case "fine-tune-last":
            return (WARM_UP, Phase("fine-tune", network.last_stage, epochs=5))
        case "fine-tune-all":
            return (WARM_UP, Phase("fine-tune", first, epochs=5, augment="light"))
        case "fine-tune-layered":
            return (WARM_UP, Phase("fine-tune", first, epochs=10, early_lr=1e-5, augment="strong"))
        case "from-scratch":
            return (Phase("everything", first, 60, 1e-3, 1e-3, 1e-3, augment="strong", bn="adaptive"),)
    raise BadRecipe(f"there is no strategy {strategy!r}", remedy=f"Choose one of: {', '.join(STRATEGIES)}.")


@dataclass(frozen=True)
class Changes:
    """What a person changed from a strategy's defaults; None leaves the default. start, folds, fit: as in `Recipe`.

    gradual: between warm-up and last phase, let one more stage learn at a time, the last one first.
    """

    train_from: str | None = None
    freeze: tuple[str, ...] = ()
    warmup_epochs: int | None = None
    epochs: int | None = None
    head_lr: float | None = None
    backbone_lr: float | None = None
    early_lr: float | None = None
    batch_size: int | None = None
    weight_decay: float | None = None
    augment: Augmentation | None = None
    bn: BatchNormMode | None = None
    gradual: bool = False
    seed: int = 0
    start: ModelFile | None = None
    folds: int = 0
    fit: Fit | None = None


NO_CHANGES = Changes()


def make_recipe(backbone_name: str, strategy: str, changes: Changes = NO_CHANGES, domain: Domain = "similar") -> Recipe:
    """A strategy's phases on a backbone, with the changes a person asked for.

    `epochs`, `train_from`, `freeze`, `augment` and the backbone's rates are those of the last phase; `warmup_epochs`
    those of the warm-up (0 drops it); `head_lr` and `bn` hold for all phases. `gradual` unfreezing puts phases between
    them that have all from the last one but the cut, which comes one stage earlier each time, and the epochs: one.

    Raises:
        BadRecipe: an unknown name, a number out of range, or a change that contradicts the strategy.
    """
    network = backbone(backbone_name)
    phases = list(_phases(strategy, network))
    _refuse_contradictions(strategy, changes)
    if changes.warmup_epochs is not None:
        if changes.warmup_epochs == 0:
            del phases[0]
        else:
            phases[0] = replace(phases[0], epochs=changes.warmup_epochs)
    phases = [replace(p, **_given(head_lr=changes.head_lr, bn=changes.bn)) for p in phases]
    phases[-1] = replace(
        phases[-1],
        **_given(
            epochs=changes.epochs,
            train_from=changes.train_from,
            backbone_lr=changes.backbone_lr,
            # One backbone rate given means that rate for the whole backbone, unless the early one is given too.
            early_lr=changes.early_lr if changes.early_lr is not None else _early(strategy, changes),
            augment=changes.augment,
        ),
        frozen=changes.freeze,
    )
    if changes.gradual:
        phases[-1:] = _gradually(phases[-1], network)
    for number, phase in enumerate(phases):
        network.stage(phase.train_from)
        if phase.train_from in ("pool", "head"):
            shipped = shipped_in_head(network.family)
            phases[number] = replace(phase, frozen=(*shipped, *(n for n in phase.frozen if n not in shipped)))
    recipe = Recipe(
        backbone=backbone_name,
        strategy=strategy,
        phases=tuple(phases),
        pretrained=strategy != "from-scratch",
        seed=changes.seed,
        domain=domain,
        start=changes.start,
        folds=changes.folds,
        fit=changes.fit,
        **_given(batch_size=changes.batch_size, weight_decay=changes.weight_decay),
    )
    _refuse_numbers(recipe)
    return recipe


def can_unfreeze_gradually(network: Backbone, train_from: str) -> bool:
    """Whether a phase from this stage on has more than the last stage to unfreeze."""
    names = network.stage_names
    return train_from in names and names.index(train_from) < names.index(network.last_stage)


def _gradually(last: Phase, network: Backbone) -> list[Phase]:
    """The phases that lead to the last one, and that one.

    Raises:
        BadRecipe: there is only one stage to unfreeze.
    """
    network.stage(last.train_from)
    if not can_unfreeze_gradually(network, last.train_from):
        what = f"--gradual does nothing: from {last.train_from} on there is only one stage to unfreeze"
        raise BadRecipe(what, remedy="Leave it out, or begin to learn earlier with --train-from.")
    names = network.stage_names
    way = names[names.index(last.train_from) + 1 : names.index(network.last_stage) + 1]
    # A stage that stays frozen brings nothing new to learn, so it is no step of its own.
    cuts = [name for name in reversed(way) if name not in last.frozen]
    return [*(replace(last, name="unfreeze", train_from=cut, epochs=UNFREEZE_EPOCHS) for cut in cuts), last]


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _early(strategy: str, changes: Changes) -> float | None:
    if changes.backbone_lr is None or strategy != "fine-tune-layered":
        return changes.backbone_lr
    return changes.backbone_lr / 10


def _refuse_contradictions(strategy: str, changes: Changes) -> None:
    def refuse(flag: str, why: str) -> BadRecipe:
        return BadRecipe(f"{flag} contradicts the strategy {strategy}", remedy=why)

    if strategy == "feature-extraction":
        if changes.train_from not in (None, "head"):
            raise refuse("--train-from", "Only the head learns there; choose a fine-tune strategy.")
        if changes.backbone_lr is not None or changes.early_lr is not None:
            raise refuse("a backbone learning rate", "The backbone does not learn there; choose a fine-tune strategy.")
        if changes.bn == "adaptive":
            raise refuse("--bn adaptive", "Its BatchNorm layers are all frozen.")
        if changes.freeze:
            raise refuse("--freeze", "Everything before the head is frozen there already.")
    elif changes.train_from in ("pool", "head"):
        raise refuse(f"--train-from {changes.train_from}", "Only the head would learn; choose feature-extraction.")
    if strategy in ("feature-extraction", "from-scratch") and changes.warmup_epochs is not None:
        raise refuse("--warmup-epochs", "It has one phase only.")
    if strategy in ("feature-extraction", "from-scratch") and changes.gradual:
        raise refuse("--gradual", "It has one phase only.")
    if strategy == "from-scratch" and changes.start:
        raise refuse(f"--backbone {changes.start.path}", "It starts from random weights, not from a model's.")
    if strategy == "from-scratch" and changes.bn not in (None, "adaptive"):
        raise refuse(f"--bn {changes.bn}", "Random weights have no running statistics worth keeping.")
    if strategy == "from-scratch" and (changes.train_from is not None or changes.freeze):
        raise refuse("freezing layers", "Random weights are not worth keeping; every stage learns there.")


def _refuse_numbers(recipe: Recipe) -> None:
    for phase in recipe.phases:
        for rate in (phase.head_lr, phase.backbone_lr, phase.early_lr):
            if not 0 < rate <= 10:
                raise BadRecipe(f"a learning rate of {rate:g} is out of range", remedy="Give one above 0, at most 10.")
        if not 1 <= phase.epochs <= 10_000:
            raise BadRecipe(f"{phase.epochs} epochs is out of range", remedy="Give 1 to 10000.")
    if not 1 <= recipe.batch_size <= 4096:
        raise BadRecipe(f"a batch of {recipe.batch_size} is out of range", remedy="Give 1 to 4096.")
    if not 0 <= recipe.weight_decay <= 1:
        raise BadRecipe(f"a weight decay of {recipe.weight_decay:g} is out of range", remedy="Give 0 to 1.")
    if recipe.fit is not None and recipe.fit not in FITS:
        raise BadRecipe(
            f"pictures cannot be made square by {recipe.fit!r}", remedy=f"Choose one of: {', '.join(FITS)}."
        )


FEW_PICTURES = 100  # a class


@dataclass(frozen=True)
class Guard:
    """Something a recipe does that is usually a mistake, with the sentence that says why."""

    name: Literal["erasing-rate", "no-warm-up", "few-pictures", "adaptive-batchnorm", "from-scratch"]
    text: str


def guards(recipe: Recipe, pictures_per_class: float) -> list[Guard]:
    """What is risky in a recipe for this many training pictures per class. Nothing here forbids anything."""
    found: list[Guard] = []
    last = recipe.phases[-1]
    tunes_backbone = last.train_from != "head"
    fastest = max(last.backbone_lr, last.early_lr)
    if recipe.pretrained and tunes_backbone and fastest >= 1e-2:
        found.append(
            Guard(
                "erasing-rate",
                f"A backbone learning rate of {fastest:g} erases what the network knows within the first epoch. "
                "Use 1e-4 or less.",
            )
        )
    if recipe.pretrained and tunes_backbone and recipe.phases[0].train_from != "head":
        found.append(
            Guard(
                "no-warm-up",
                "Without a warm-up the head's random values send large gradients into the pretrained layers.",
            )
        )
    nearly_everything = backbone(recipe.backbone).stage(last.train_from).rate == "early"
    if recipe.pretrained and nearly_everything and recipe.domain == "similar" and pictures_per_class < FEW_PICTURES:
        found.append(
            Guard(
                "few-pictures",
                f"Fine-tuning so many stages on {pictures_per_class:.0f} pictures a class of a domain like ImageNet's "
                "tends to overfit. Try feature-extraction or fine-tune-last.",
            )
        )
    if recipe.pretrained and tunes_backbone and last.bn == "adaptive" and pictures_per_class < FEW_PICTURES:
        found.append(
            Guard(
                "adaptive-batchnorm",
                f"With {pictures_per_class:.0f} pictures a class, adaptive BatchNorm replaces the pretrained running "
                "statistics by noisier ones of your own. Pinned keeps them.",
            )
        )
    if not recipe.pretrained and pictures_per_class < 10_000:
        found.append(
            Guard(
                "from-scratch",
                f"From random weights {pictures_per_class:.0f} pictures a class are far too few to learn good "
                "features. Any pretrained strategy will do better.",
            )
        )
    return found

"""About how long a run will take: arithmetic on the outline, rough on purpose, mended by what a run really took."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

from tlstudio.core.backbones import backbone
from tlstudio.core.caching import CachePlan, Extent, plan
from tlstudio.core.outline import StageOutline
from tlstudio.core.recipe import Phase, Recipe

# What one processor core does in a second with plain convolutions.
MULTIPLY_ADDS_PER_CORE = 20e9
# What families reach of that; depthwise convolutions wait for memory most of the time. Measured against ResNet-18 with
# pictures of each network's own size (8 at once, one thread, channels last).
EFFICIENCY = {"resnet": 1.0, "efficientnet": 0.35, "mobilenet_v3": 0.55, "convnext": 0.75, "regnet": 0.5, "vit": 0.85}
UNKNOWN_EFFICIENCY = 0.6
# A network seen as one body says only where it ends: about this often it uses each parameter (4.1e9 multiply-adds and
# 25.6e6 parameters in ResNet-50, 4.5e9 and 28.3e6 in Swin-T).
BODY_PLACES = 160
DECODE_SECONDS = 0.004  # of one core, for a photograph of a few hundred pixels
VARY_SECONDS = 0.002  # of one core, to make an augmented view of a picture that is decoded already
SMALL_PICTURE = 256 * 341 * 3  # bytes of a decoded picture as it is kept
START_SECONDS = 2.0  # building the network, reading its weights
STEP_SECONDS = 0.004  # the optimiser and everything else that a batch costs at least
BACKWARD = 2.0  # gradients cost twice what the answers cost
HELD_OUT_SHARE = 0.15 / 0.70  # validation (or test) pictures for each training picture, as the default split has it
CACHE_ROOM = 4 << 30  # bytes; what the cache may take unless somebody sets another limit


@dataclass(frozen=True)
class Machine:
    """What is known about the speed of this computer.

    correction: how many times longer than reckoned the last run took. remembered: (backbone, cut) pairs whose features
    are known to be on disk.
    """

    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    correction: float = 1.0
    remembered: frozenset[tuple[str, str]] = frozenset()

    def after_run(self, run: "Measured", stages: Sequence[StageOutline], pictures: int) -> "Machine":
        """The machine as a finished run showed it to be."""
        recipe = run.recipe
        before = replace(self, correction=1.0, remembered=run.remembered)
        reckoned = run_seconds(recipe, stages, pictures, before)
        # One odd run (a busy computer, early stopping) must not throw the next estimate out by more than this.
        correction = min(max(run.seconds / reckoned, 0.1), 10.0)
        known = {(recipe.backbone, phase.train_from) for phase in recipe.phases if _plain(phase)}
        return replace(self, correction=correction, remembered=self.remembered | run.remembered | known)


@dataclass(frozen=True)
class Measured:
    """What a finished run took. remembered: (backbone, cut) pairs whose features it found on disk."""

    recipe: Recipe
    seconds: float
    remembered: frozenset[tuple[str, str]] = frozenset()


def run_seconds(recipe: Recipe, stages: Sequence[StageOutline], pictures: int, machine: Machine) -> float:
    """How long a recipe takes for this many training pictures, in seconds.

    stages: the backbone's outline, in whatever phase.
    """
    clock = _Clock(recipe, stages, pictures, machine)
    phases = sum(clock.phase(phase) for phase in recipe.phases)
    return machine.correction * (START_SECONDS + phases + clock.conclusion())


def multiply_adds(stage: StageOutline) -> float:
    """What a stage costs for one picture: each parameter is used once for every place (or token) in its output.

    Exact for plain convolutions at one resolution, a few times too low where a stage begins at a larger one.
    """
    shape = stage.output_shape
    places = shape[0] if len(shape) == 2 else prod(shape[1:])
    return float(stage.parameters * (BODY_PLACES if stage.name == "body" else places))


def _plain(phase: Phase) -> bool:
    return phase.augment == "none"


class _Clock:
    """Adds up the parts of one run."""

    def __init__(self, recipe: Recipe, stages: Sequence[StageOutline], pictures: int, machine: Machine) -> None:
        self.recipe, self.machine, self.stages = recipe, machine, list(stages)
        self.train, self.held_out = pictures, pictures * HELD_OUT_SHARE
        family = backbone(recipe.backbone).family.removesuffix("_timm")
        rate = MULTIPLY_ADDS_PER_CORE * machine.cores * EFFICIENCY.get(family, UNKNOWN_EFFICIENCY)
        self.costs = [multiply_adds(stage) / rate for stage in self.stages]
        self.decode, self.vary = DECODE_SECONDS / machine.cores, VARY_SECONDS / machine.cores
        self.extracted = {cut for name, cut in machine.remembered if name == recipe.backbone}

    def phase(self, phase: Phase) -> float:
        before, tail = self._split(phase.train_from)
        learning = self.train * tail * (1 + BACKWARD) + self.held_out * tail
        learning += self.train / self.recipe.batch_size * STEP_SECONDS
        return phase.epochs * learning + self._inputs(phase, before, self._plan(phase))

    def _inputs(self, phase: Phase, before: float, kept: CachePlan) -> float:
        """What the tail's inputs cost through a whole phase."""
        everything = self.train + self.held_out
        if kept.tier == "files":
            return phase.epochs * everything * (before + self.decode)
        if kept.tier == "pictures":
            vary = self.train * self.vary if phase.augment != "none" else 0.0
            return everything * self.decode + phase.epochs * (everything * before + vary)
        fresh = 0.0 if phase.train_from in self.extracted else before + self.decode
        if phase.augment == "none":
            self.extracted.add(phase.train_from)
            return everything * fresh
        return kept.views * self.train * (before + self.decode) + self.held_out * fresh

    def _plan(self, phase: Phase) -> CachePlan:
        at = self._at(phase.train_from)
        row = tuple(self.stages[at - 1].output_shape) if at else ()
        side = backbone(self.recipe.backbone).preprocessing.size
        extent = Extent(self.train, round(self.held_out), self.train * SMALL_PICTURE, side)
        return plan(phase, row, extent, CACHE_ROOM)

    def conclusion(self) -> float:
        """Every picture is answered once more at the end, the test pictures for the first time."""
        widest = min(self.recipe.phases, key=lambda phase: self._at(phase.train_from)).train_from
        before, tail = self._split(widest)
        everything = self.train + 2 * self.held_out
        # The figures are taken in float32, so what is remembered in float16 serves the training pictures only.
        read_before = self.train if before and widest in self.extracted else 0.0
        if widest == "head":
            read_before += self.held_out
        return everything * tail + (everything - read_before) * (before + self.decode)

    def _split(self, cut: str) -> tuple[float, float]:
        at = self._at(cut)
        return sum(self.costs[:at]), sum(self.costs[at:])

    def _at(self, cut: str) -> int:
        return [stage.name for stage in self.stages].index(cut)

"""When the numbers of a training run away: notice it within a step, and say which rate to lower to what."""

from collections.abc import Iterable

from tlstudio.core.recipe import Phase, Recipe, make_recipe

_CALLED = {"head": "the head", "late": "the late stages", "early": "the early stages"}
_STEPS_DOWN = 10.0  # where a rate is no higher than the strategy has it


class NotANumber(Exception):
    """A loss, a gradient or a weight became NaN or infinite."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def lost(found: str, recipe: Recipe, number: int, epoch: int, groups: Iterable[str]) -> NotANumber:
    """What to say of an epoch of a phase, both from 1. found: such as "the loss became nan". groups: those that learn,
    by their learning rates."""
    phase = recipe.phases[number - 1]
    name, rate = too_high(recipe, phase, tuple(groups))
    remedy = f"Lower the learning rate of {_CALLED[name]} from {phase.lr(name):g} to {rate:g} and train again."
    return NotANumber(f"{found} in epoch {epoch} of phase {number}", remedy)


def too_high(recipe: Recipe, phase: Phase, groups: tuple[str, ...]) -> tuple[str, float]:
    """The learning-rate group to blame, and a rate that is more likely to do.

    The one whose rate lies the furthest above what the strategy has for it, and the strategy's rate; a tenth of its
    rate where none lies above.
    """
    usual = {name: _usual(recipe, phase, name) for name in groups}
    name = max(groups, key=lambda group: phase.lr(group) / usual[group])
    rate = phase.lr(name)
    return name, usual[name] if rate > usual[name] else rate / _STEPS_DOWN


def _usual(recipe: Recipe, phase: Phase, group: str) -> float:
    phases = {p.name: p for p in make_recipe(recipe.backbone, recipe.strategy).phases}
    return phases.get(phase.name, phase).lr(group)

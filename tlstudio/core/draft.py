"""A recipe while a person edits it: presets, tree, slider and fields all make the next draft from the last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tlstudio.core.backbones import DEFAULT_BACKBONE, backbone
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import (
    NO_CHANGES,
    Changes,
    Domain,
    Phase,
    Recipe,
    can_unfreeze_gradually,
    make_recipe,
)

_TUNES_HEAD_ONLY = "feature-extraction"
_OF_THE_LAST_PHASE = ("train_from", "epochs", "head_lr", "backbone_lr", "augment", "bn")


@dataclass(frozen=True)
class Draft:
    """What a person chose so far. `recipe` is what it comes to; every edit returns another draft."""

    backbone: str = DEFAULT_BACKBONE
    strategy: str = _TUNES_HEAD_ONLY
    domain: Domain = "similar"
    changes: Changes = NO_CHANGES

    @property
    def recipe(self) -> Recipe:
        """The recipe.

        Raises:
            BadRecipe: a number is out of range.
        """
        return make_recipe(self.backbone, self.strategy, self.changes, self.domain)

    @property
    def shown_phase(self) -> Phase:
        """The phase that tree, slider and counts show: the last one."""
        return self.recipe.phases[-1]

    @property
    def is_preset(self) -> bool:
        """Whether the phases are just those of the strategy, nothing changed."""
        return self.recipe == self.with_strategy(self.strategy).recipe

    @classmethod
    def of(cls, recipe: Recipe) -> "Draft":
        """The draft that comes to a recipe, such as that of an earlier run.

        Raises:
            BadRecipe: its backbone or strategy is not known here.
        """
        preset = make_recipe(recipe.backbone, recipe.strategy)
        last, usual = recipe.phases[-1], preset.phases[-1]

        def own(field: str) -> dict[str, Any]:
            value = getattr(last, field)
            return {} if value == getattr(usual, field) else {field: value}

        changed = {key: value for field in _OF_THE_LAST_PHASE for key, value in own(field).items()}
        for field in ("batch_size", "weight_decay"):
            if getattr(recipe, field) != getattr(preset, field):
                changed[field] = getattr(recipe, field)
        if len(preset.phases) > 1:
            warm_up = recipe.phases[0].epochs if recipe.phases[0].name == preset.phases[0].name else 0
            changed["warmup_epochs"] = None if warm_up == preset.phases[0].epochs else warm_up
        freeze = () if last.frozen == usual.frozen else last.frozen
        changed |= {
            "freeze": freeze,
            "gradual": any(phase.name == "unfreeze" for phase in recipe.phases),
            "seed": recipe.seed,
            "start": recipe.start,
            "folds": recipe.folds,
            "fit": recipe.fit,
        }
        changes = Changes(**changed)
        draft = cls(recipe.backbone, recipe.strategy, recipe.domain, changes)
        if draft.shown_phase.early_lr != last.early_lr:  # it follows the late stages' rate unless it is given
            draft = draft.with_changes(early_lr=last.early_lr)
        return draft

    def with_strategy(self, strategy: str) -> "Draft":
        """Another preset, as it comes; what says nothing about the strategy stays, such as batch size and seed."""
        now = self.changes
        start = None if strategy == "from-scratch" else now.start
        kept = Changes(
            batch_size=now.batch_size,
            weight_decay=now.weight_decay,
            seed=now.seed,
            start=start,
            folds=now.folds,
            fit=now.fit,
        )
        return replace(self, strategy=strategy, changes=kept)

    def with_backbone(self, name: str) -> "Draft":
        """Another backbone. Its stages have other names, so a cut of one's own gives way to the preset's."""
        changes = replace(self.changes, train_from=None, freeze=(), start=None)
        return replace(self, backbone=name, changes=changes)._with_gradual_where_it_can()

    def with_domain(self, domain: Domain) -> "Draft":
        return replace(self, domain=domain)

    def with_changes(self, **changed: object) -> "Draft":
        """Other numbers. Arguments are fields of `Changes`."""
        return replace(self, changes=replace(self.changes, **changed))  # type: ignore[arg-type]

    def with_cut(self, train_from: str, frozen: Sequence[str] = ()) -> "Draft":
        """Freeze all before a stage, and single modules after it.

        The preset goes along where another one says the same: a cut at the head is feature extraction, one at the very
        first stage is fine-tuning everything, one at the last is fine-tuning the last. Numbers a person gave stay as
        far as the new strategy has a use for them, and between two kinds of fine-tuning the augmentation stays too.

        Raises:
            BadRecipe: random weights are being trained, where every stage has to learn.
        """
        if self.strategy == "from-scratch":
            raise BadRecipe("random weights are not worth keeping", remedy="Choose a strategy with pretrained weights.")
        network = backbone(self.backbone)
        changes = replace(self.changes, train_from=train_from, freeze=tuple(frozen))
        if train_from in ("pool", "head"):
            adaptive = changes.bn == "adaptive"
            unused = {"train_from": None, "freeze": (), "warmup_epochs": None, "backbone_lr": None, "early_lr": None}
            bn = None if adaptive else changes.bn
            changes = replace(changes, **unused, gradual=False, bn=bn)  # type: ignore[arg-type]
            return self._moved_to(_TUNES_HEAD_ONLY, changes)
        strategy = self.strategy
        if strategy != "fine-tune-layered":
            if train_from == network.stages[0].name and not frozen:
                strategy = "fine-tune-all"
            elif train_from == network.last_stage or strategy == _TUNES_HEAD_ONLY:
                strategy = "fine-tune-last"
        moved = self._moved_to(strategy, changes)._with_gradual_where_it_can()
        if moved._usual_cut == train_from:
            moved = moved.with_changes(train_from=None)
        return moved

    @property
    def _usual_cut(self) -> str:
        return make_recipe(self.backbone, self.strategy).phases[-1].train_from

    @property
    def can_be_gradual(self) -> bool:
        """Whether there is more than one stage to unfreeze, so that it can be done one after the other."""
        cut = self.changes.train_from or self._usual_cut
        tunes = self.strategy not in (_TUNES_HEAD_ONLY, "from-scratch")
        return tunes and can_unfreeze_gradually(backbone(self.backbone), cut)

    def _with_gradual_where_it_can(self) -> "Draft":
        return self if self.can_be_gradual or not self.changes.gradual else self.with_changes(gradual=False)

    def _moved_to(self, strategy: str, changes: Changes) -> "Draft":
        if strategy != self.strategy:
            if _TUNES_HEAD_ONLY in (strategy, self.strategy):
                # Twenty epochs of a head say nothing about how long a backbone should be tuned.
                changes = replace(changes, epochs=None)
            else:
                # What a person sees in the form does not change because a slider was moved.
                changes = replace(changes, augment=self.shown_phase.augment)
        return replace(self, strategy=strategy, changes=changes)

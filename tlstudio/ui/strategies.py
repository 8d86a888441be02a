"""What strategies and their phases are called in the window."""

from PySide6.QtCore import QCoreApplication

from tlstudio.core.backbones import Backbone, backbone
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import Phase, Recipe, make_recipe

_NAMED = 2


def _tr(text: str) -> str:
    return QCoreApplication.translate("strategies", text)


def title(strategy: str) -> str:
    """A strategy's name for people; one that is not known stays as it is."""
    titles = {
        "feature-extraction": _tr("Feature extraction"),
        "fine-tune-last": _tr("Fine-tune the last stages"),
        "fine-tune-all": _tr("Fine-tune everything"),
        "fine-tune-layered": _tr("Fine-tune in layers"),
        "from-scratch": _tr("Train from scratch"),
    }
    return titles.get(strategy, strategy)


def title_of(recipe: Recipe) -> str:
    """What a recipe does: its strategy's name; with a cut of one's own, that: "Own cut: from blocks0"."""
    try:
        (*_, usual) = make_recipe(recipe.backbone, recipe.strategy).phases
        last = recipe.phases[-1]
        if (last.train_from, last.frozen) == (usual.train_from, usual.frozen):
            return title(recipe.strategy)
        return _tr("Own cut: {0}").format(what_learns(last, backbone(recipe.backbone)))
    except BadRecipe:  # of another version of this program
        return title(recipe.strategy)


def in_words(recipe: Recipe) -> str:
    """A recipe in a few words, what tells runs apart first: "Fine-tune the last stages · from blocks6 · Lite0"."""
    try:
        network = backbone(recipe.backbone)
        title_, where = title_of(recipe), what_learns(recipe.phases[-1], network)
        parts = [title_] if where in title_ else [title_, where]
        parts.append(network.title.removeprefix("EfficientNet-"))
    except BadRecipe:  # of another version of this program
        parts = [title(recipe.strategy), recipe.backbone]
    if recipe.start:
        parts.append(_tr("from a model of your own"))
    if recipe.seed:
        parts.append(_tr("seed {0}").format(recipe.seed))
    return " · ".join(parts)


def what_learns(phase: Phase, network: Backbone) -> str:
    """Where a phase trains: "head only", "every stage", "from layer3 except layer4.0"."""
    if phase.train_from == "head":
        return _tr("head only")
    if phase.train_from == network.stages[0].name:
        where = _tr("every stage")
    else:
        where = _tr("from {0}").format(phase.train_from)
    if not phase.frozen:
        return where
    names = ", ".join(phase.frozen)
    if len(phase.frozen) > _NAMED:
        names = _tr("{0} parts").format(len(phase.frozen))
    return _tr("{0} except {1}").format(where, names)

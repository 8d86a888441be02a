"""What strategies and their phases are called in the window."""

from PySide6.QtCore import QCoreApplication

from tlstudio.core.backbones import Backbone
from tlstudio.core.recipe import Phase

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


def what_learns(phase: Phase, backbone: Backbone) -> str:
    """Where a phase trains: "head only", "every stage", "from layer3 except layer4.0"."""
    if phase.train_from == "head":
        return _tr("head only")
    if phase.train_from == backbone.stages[0].name:
        where = _tr("every stage")
    else:
        where = _tr("from {0}").format(phase.train_from)
    if not phase.frozen:
        return where
    names = ", ".join(phase.frozen)
    if len(phase.frozen) > _NAMED:
        names = _tr("{0} parts").format(len(phase.frozen))
    return _tr("{0} except {1}").format(where, names)

"""Where a run that stands still stands, in words."""

from PySide6.QtCore import QCoreApplication

from tlstudio.core.events import RunPaused
from tlstudio.core.recipe import Recipe
from tlstudio.ui.training.history import RunLine


def _tr(text: str) -> str:
    return QCoreApplication.translate("standing", text)


def offer(line: RunLine) -> str:
    """What there is to go on with: "Run 4 stands at epoch 3 of 5 (fine-tune)", and what kept it from going on."""
    standing, recipe, paused = line.standing, line.state.recipe, line.state.paused
    if standing is None or recipe is None:
        return ""
    if standing.phase > len(recipe.phases):
        said = _tr("Run {0} has learned all it should; only its evaluation is missing.").format(line.run.number)
    else:
        phase = recipe.phases[standing.phase - 1]
        said = _tr("Run {0} stands at epoch {1} of {2} ({3}).")
        said = said.format(line.run.number, min(standing.epoch, phase.epochs), phase.epochs, phase.name)
    if paused is None or not paused.reason:
        return said
    return "\n".join(part for part in (said, f"{paused.reason.rstrip('.')}. {paused.remedy}".strip()) if part)


def paused(event: RunPaused, recipe: Recipe | None) -> str:
    """How a run was paused: "Paused in phase 2, epoch 3 of 5. It goes on exactly where it stands, …"."""
    phases = recipe.phases if recipe else ()
    if not 0 < event.phase <= len(phases):
        where = _tr("Paused before its evaluation.")
    elif len(phases) == 1:
        where = _tr("Paused in epoch {0} of {1}.").format(event.epoch, phases[0].epochs)
    else:
        where = _tr("Paused in phase {0}, epoch {1} of {2}.")
        where = where.format(event.phase, event.epoch, phases[event.phase - 1].epochs)
    return _tr("{0} It goes on exactly where it stands, also after a restart.").format(where)


def short(phase: int, epoch: int, recipe: Recipe | None) -> str:
    """The same for the rail. phase, epoch: where it stands, from 1."""
    phases = recipe.phases if recipe else ()
    if not 0 < phase <= len(phases):
        return _tr("paused")
    return _tr("paused · epoch {0} of {1}").format(min(epoch, phases[phase - 1].epochs), phases[phase - 1].epochs)

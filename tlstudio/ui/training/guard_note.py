"""A note above the curves that asks once about a risky recipe, says why, and obeys."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from tlstudio.core.recipe import Guard
from tlstudio.ui.training.offer_note import OfferNote


class GuardNote(OfferNote):
    """Shown while a question is open. Accepted: train all the same. Declined: rather not.

    Attributes:
        guards: what is asked about, or was asked about last.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("guard_note", self.tr("A question before training"), warns=True, parent=parent)
        self.guards: tuple[Guard, ...] = ()
        self.yes_button.setObjectName("train_anyway_button")
        self.no_button.setObjectName("not_now_button")

    def ask_about(self, guards: Sequence[Guard]) -> None:
        """Show why the recipe is risky and wait for an answer, without holding anything up."""
        self.guards = tuple(guards)
        why = "\n".join(guard.text for guard in guards)
        self.ask(why, self.tr("Train anyway"), self.tr("Start with the recipe as it is; this is not asked again"))
        self.name_no(self.tr("Not now"), self.tr("Change the recipe first, in step 2"))
        self.no_button.setFocus()

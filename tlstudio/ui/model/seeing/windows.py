"""Opens what the network panel asks for: what layers see, and why BatchNorm is pinned."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.model.seeing.dialog import SeeingDialog
from tlstudio.ui.model.seeing.drift import DriftDialog


class SeeingWindows(QObject):
    """Makes each dialog when it is first asked for, and keeps it."""

    def __init__(
        self, panel: ModelPanel, project: Callable[[], Path | None], chooser: FileChooser, owner: QWidget
    ) -> None:
        """project: the folder of the open one; asked whenever a dialog is opened."""
        super().__init__(owner)
        self._panel, self._project, self._chooser, self._owner = panel, project, chooser, owner
        self.seeing: SeeingDialog | None = None
        self.drift: DriftDialog | None = None
        panel.seeing_wanted.connect(self.see)
        panel.why_wanted.connect(self.show_why)

    @Slot(str)
    def see(self, stage: str) -> None:
        """Show what a stage sees; empty for the one shown last."""
        if self.seeing is None:
            self.seeing = SeeingDialog(self._project, self._panel.recipe, self._chooser, self._owner)
        self.seeing.see(stage)

    @Slot()
    def show_why(self) -> None:
        """Show what becomes of BatchNorm's statistics when they are let go."""
        if self.drift is None:
            self.drift = DriftDialog(self._project, self._panel.recipe, self._owner)
        self.drift.open_again()

    @Slot()
    def close(self) -> None:
        """Close what is open, and end what runs in it."""
        for dialog in (self.seeing, self.drift):
            if dialog is not None:
                dialog.close()

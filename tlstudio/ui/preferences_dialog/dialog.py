"""The dialog that holds the pages of Preferences, takes dropped weights, and ends what runs before it goes."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent, QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTabWidget, QVBoxLayout, QWidget

from tlstudio.ui import drops
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.dragging import DropOverlay, Target
from tlstudio.ui.drops import Deed
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.preferences_dialog.general import GeneralPage
from tlstudio.ui.preferences_dialog.networks import NetworksPage
from tlstudio.ui.preferences_dialog.storage import StoragePage
from tlstudio.ui.theme import SPACE, Theme

SIZE = (860, 600)


class PreferencesDialog(QDialog):
    """Three pages. A choice holds at once; there is nothing to save."""

    def __init__(self, preferences: Preferences, theme: Theme, chooser: FileChooser, owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("preferences_dialog")
        self.setWindowTitle(self.tr("Preferences"))
        self.setAcceptDrops(True)
        self._leaving: int | None = None
        self.general = GeneralPage(preferences, theme, chooser, self)
        self.networks = NetworksPage(chooser, self)
        self.storage = StoragePage(self)
        self._pages = QTabWidget()
        self._pages.setObjectName("preferences_pages")
        self._pages.setDocumentMode(True)
        self._pages.tabBar().setDrawBase(False)
        for part in (self._pages, self._pages.tabBar()):
            part.setAccessibleName(self.tr("Pages"))
        self._pages.addTab(self.general, self.tr("General"))
        self._pages.addTab(self.networks, self.tr("Pretrained networks"))
        self._pages.addTab(self.storage, self.tr("Storage"))
        for page in (self.networks, self.storage):
            page.busy_changed.connect(self._leave_when_idle)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setIcon(QIcon())  # the style's own does not follow our colours
        close.setToolTip(self.tr("Close this window; a download or a pack that is not finished is stopped"))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 2, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(self._pages, 1)
        layout.addWidget(buttons)
        self._overlay = DropOverlay(self)
        self.resize(*SIZE)

    def show_networks(self, name: str = "") -> None:
        """Turn to the networks, and to one of them."""
        self._pages.setCurrentWidget(self.networks)
        if name:
            self.networks.choose_network(name)

    def bring_in(self, paths: Iterable[Path]) -> None:
        """Import files of weights, where one can see what becomes of them."""
        self.show_networks()
        self.networks.bring_in(paths)

    def done(self, result: int) -> None:
        """Close when nothing runs any more; until then stay out of sight."""
        self._leaving = result
        for page in (self.networks, self.storage):
            page.stop()
        self.hide()
        self._leave_when_idle()

    @Slot()
    def _leave_when_idle(self) -> None:
        if self._leaving is not None and not self.networks.is_busy() and not self.storage.is_busy():
            super().done(self._leaving)

    # Drops

    def dragEnterEvent(self, entering: QDragEnterEvent) -> None:
        if drops.local_paths(entering.mimeData()):
            _accept(entering)
            target = Target(Deed.OPEN, self.rect(), self.tr("Import these weights"))
            self._overlay.show_targets((target,), target)
        else:
            entering.ignore()

    def dragMoveEvent(self, moving: QDragMoveEvent) -> None:
        _accept(moving)

    def dragLeaveEvent(self, leaving: QDragLeaveEvent) -> None:
        self._overlay.hide()
        super().dragLeaveEvent(leaving)

    def dropEvent(self, dropping: QDropEvent) -> None:
        self._overlay.hide()
        _accept(dropping)
        # A drop may arrive without the files that hung over the window.
        if paths := drops.local_paths(dropping.mimeData()):
            self.bring_in(paths)


def _accept(coming: QDropEvent) -> None:
    """Take what comes as a copy, whatever the other side proposes: it stays where it was."""
    coming.setDropAction(Qt.DropAction.CopyAction)
    coming.accept()

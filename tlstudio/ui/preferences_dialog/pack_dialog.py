"""Choose which networks go into a pack of weights, and see before what that would download."""

from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.backbones import TIMM, backbone
from tlstudio.core.events import WeightsFound
from tlstudio.ui import figures
from tlstudio.ui.labels import muted
from tlstudio.ui.theme import SPACE

_FOUND = Qt.ItemDataRole.UserRole


class PackDialog(QDialog):
    """A list with a tick for each network.

    Signals:
        chosen: the names of those ticked, and whether some have to be downloaded.
    """

    chosen = Signal(object, bool)

    def __init__(self, found: tuple[WeightsFound, ...], owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("pack_dialog")
        self.setWindowTitle(self.tr("Make a weights pack"))
        self.resize(620, 460)
        purpose = self.tr(
            "A pack is one zip file with the weights of the networks you choose, and their licences. Carry it to a "
            "computer without internet and drop it on TL Studio there."
        )
        self._list = QListWidget()
        self._list.setObjectName("pack_list")
        self._list.setAccessibleName(self.tr("Networks in the pack"))
        self._list.setToolTip(self.tr("Tick what goes into the pack; Space does it too"))
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        for one in found:
            self._list.addItem(self._item(one))
        self._list.itemChanged.connect(self._show_sum)
        self._sum = QLabel()
        self._sum.setObjectName("pack_sum")
        intro = muted(QLabel(purpose))
        for label in (intro, self._sum):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._sum)
        layout.addWidget(self._make_buttons())
        self._show_sum()

    def _make_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.make_button = QPushButton(self.tr("Make the pack…"))
        self.make_button.setObjectName("make_pack_button")
        self.make_button.setProperty("primary", True)
        buttons.addButton(self.make_button, QDialogButtonBox.ButtonRole.AcceptRole)
        cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setIcon(QIcon())  # the style's own does not follow our colours
        cancel.setToolTip(self.tr("Make no pack"))
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)
        return buttons

    def _item(self, found: WeightsFound) -> QListWidgetItem:
        is_here = found.state == "checked"
        if found.backbone.startswith(TIMM):
            is_here, how = False, self.tr("brought in by hand: carry its own file over")
        elif is_here:
            how = self.tr("on this computer")
        elif found.url:
            how = self.tr("would be downloaded from {0}").format(urlsplit(found.url).hostname)
        else:
            how = self.tr("cannot be had: not here, and no address is known")
        item = QListWidgetItem(
            self.tr("{0}, {1}: {2}").format(backbone(found.backbone).title, figures.size(found.size), how)
        )
        item.setData(_FOUND, found)
        item.setFlags(Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
        if is_here or found.url:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEnabled)
        item.setCheckState(Qt.CheckState.Checked if is_here else Qt.CheckState.Unchecked)
        return item

    def _ticked(self) -> list[WeightsFound]:
        items = [self._list.item(row) for row in range(self._list.count())]
        return [item.data(_FOUND) for item in items if item.checkState() == Qt.CheckState.Checked]

    @Slot()
    def _show_sum(self) -> None:
        ticked = self._ticked()
        absent = [found for found in ticked if found.state != "checked"]
        text = self.tr("%n network(s), {0}.", "", len(ticked)).format(figures.size(sum(f.size for f in ticked)))
        if absent:
            hosts = ", ".join(sorted({urlsplit(found.url).hostname or found.url for found in absent}))
            uses = self.tr("{0} of it will be downloaded from {1} when you press Make the pack.")
            text += " " + uses.format(figures.size(sum(f.size for f in absent)), hosts)
        else:
            text += " " + self.tr("Nothing is downloaded for it.")
        self._sum.setText(text)
        self.make_button.setEnabled(bool(ticked))
        why = self.tr("Choose where the zip file goes, and write it") if ticked else self.tr("Tick a network first")
        self.make_button.setToolTip(why)

    @Slot()
    def _choose(self) -> None:
        ticked = self._ticked()
        self.accept()
        self.chosen.emit(tuple(f.backbone for f in ticked), any(f.state != "checked" for f in ticked))

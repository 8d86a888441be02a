"""A close look at one picture: as filed, or as the network sees it."""

from pathlib import Path

from PySide6.QtCore import QLocale, Slot
from PySide6.QtWidgets import QLabel, QTabBar, QVBoxLayout, QWidget

from tlstudio.core.backbones import DEFAULT_BACKBONE, backbone
from tlstudio.core.catalogue import Picture
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.theme import SPACE


class Preview(QWidget):
    """The chosen picture beside the grid."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preview")
        self._picture: Picture | None = None
        self._backbone = DEFAULT_BACKBONE
        self._tabs = QTabBar()
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.addTab(self.tr("As filed"))
        self._tabs.addTab(self.tr("As the network sees it"))
        self._tabs.setAccessibleName(self.tr("Preview"))
        self._tabs.setToolTip(self.tr("The picture as it is on disk, or cut and scaled as the network is shown it"))
        self._tabs.currentChanged.connect(self._show)
        self._view = PictureView()
        self._view.say_nothing_is_there(self.tr("Choose a picture to look at."))
        self._name = ElidedLabel()
        self._facts = muted(QLabel())
        self._facts.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(self._tabs)
        layout.addWidget(self._view, 1)
        layout.addWidget(self._name)
        layout.addWidget(self._facts)
        self.setMinimumWidth(260)

    def show_picture(self, picture: Picture | None) -> None:
        self._picture = picture
        self._show()

    def show_backbone(self, name: str) -> None:
        """Show what this network is shown of a picture from now on."""
        self._backbone = name
        self._show()

    def forget(self) -> None:
        self._view.forget()

    def shut_down(self) -> None:
        self._view.shut_down()

    @Slot()
    def _show(self) -> None:
        picture = self._picture
        if picture is None:
            self._view.show_path("")
            self._name.show_text("")
            self._facts.setText("")
            return
        as_seen = self._tabs.currentIndex() == 1
        self._view.show_path(picture.path, self._backbone if as_seen else "")
        self._name.show_text(Path(picture.path).name)
        self._facts.setText(picture.refused or self._say_facts(picture, as_seen))

    def _say_facts(self, picture: Picture, as_seen: bool) -> str:
        split = {"train": self.tr("to train on"), "val": self.tr("to check with"), "test": self.tr("to test with")}
        parts = [picture.label, split.get(picture.split, "")]
        if as_seen:
            side = backbone(self._backbone).preprocessing.size
            parts.append(f"{side} × {side} px")
        else:
            size = QLocale().formattedDataSize(picture.size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
            parts += [f"{picture.width} × {picture.height} px", picture.format, size]
        return " · ".join(part for part in parts if part)

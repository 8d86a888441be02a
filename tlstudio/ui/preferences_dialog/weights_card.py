"""What is known of one network's weights: file, place, digest, source, licence."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from tlstudio.core.backbones import backbone
from tlstudio.core.events import WHOLE_DIGEST, WeightsFound
from tlstudio.ui import figures
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE


class WeightsCard(QFrame):
    """Facts in rows; long ones shorten themselves and are whole in their tool tip and on the clipboard."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("weights_card")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("The chosen network's weights"))
        self._facts = ""
        captions = (
            self.tr("File"),
            self.tr("Where"),
            self.tr("SHA-256"),
            self.tr("Source"),
            self.tr("Address"),
        )
        self._values = tuple(ElidedLabel("", Qt.TextElideMode.ElideMiddle) for _ in captions)
        self._values[2].setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        copy = IconButton("copy", self.tr("Copy these facts, to send to whoever fetches the file for you"))
        copy.setObjectName("copy_weights_button")
        copy.clicked.connect(self._copy)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, SPACE, SPACE, SPACE)
        grid.setHorizontalSpacing(SPACE * 2)
        grid.setVerticalSpacing(SPACE // 2)
        grid.setColumnStretch(1, 1)
        for row, (caption, value) in enumerate(zip(captions, self._values, strict=True)):
            grid.addWidget(muted(QLabel(caption)), row, 0)
            grid.addWidget(value, row, 1)
        grid.addWidget(copy, 0, 2, 2, 1, Qt.AlignmentFlag.AlignTop)

    @property
    def facts(self) -> str:
        """What it says now, a fact a line."""
        return self._facts

    def show_weights(self, found: WeightsFound, state: str) -> None:
        """state: in words, whether the file is here and to be trusted."""
        places = {
            "package": self.tr("installed package"),
            "own": self.tr("TL Studio's folder"),
            "hub": self.tr("torch's folder of downloads"),
            None: "",
        }
        where = f"{found.path} ({places[found.place]})" if found.path else state
        digest = found.sha256
        if len(digest) < WHOLE_DIGEST:
            digest = self.tr("{0}… (no more of it is published)").format(digest)
        if found.found_sha256:
            digest = self.tr("{0}, but the file here has {1}").format(digest, found.found_sha256)
        name = self.tr("{0}, {1}").format(found.filename, figures.size(found.size))
        texts = (name, where, digest, f"{found.source} · {found.licence}", found.url or self.tr("none is known"))
        for label, text in zip(self._values, texts, strict=True):
            label.show_text(text)
        title = backbone(found.backbone).title
        self._facts = "\n".join((title, name, where, f"SHA-256 {digest}", *texts[3:]))

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._facts)

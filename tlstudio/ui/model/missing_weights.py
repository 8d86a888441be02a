"""What to do where the chosen backbone's pretrained weights are not on this computer."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.core.backbones import backbone
from tlstudio.core.events import WHOLE_DIGEST, WeightsFound
from tlstudio.ui import figures, theme
from tlstudio.ui.icons import Sign
from tlstudio.ui.labels import ElidedLabel, heading, muted


class MissingWeights(QFrame):
    """Names the file and its SHA-256, and says how to get it here without internet.

    Signals:
        import_wanted: choose a file to import. networks_wanted: see all networks and their weights.
    """

    import_wanted = Signal()
    networks_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("missing_weights")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("Pretrained weights are missing"))
        self._what = heading("")
        self._what.setWordWrap(True)
        self._what.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._file = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._ways = muted(QLabel())
        self._ways.setWordWrap(True)
        self._ways.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # there is a command in it
        self.import_button = QPushButton(self.tr("Import file…"))
        self.import_button.setObjectName("import_missing_weights_button")
        self.import_button.setToolTip(self.tr("Choose the file, or a pack of weights, on this computer or a stick"))
        self.import_button.clicked.connect(self.import_wanted)
        self.networks_button = QPushButton(self.tr("All networks…"))
        self.networks_button.setObjectName("networks_button")
        self.networks_button.setToolTip(
            self.tr("Preferences: what is on this computer, downloading, and making a pack of weights")
        )
        self.networks_button.clicked.connect(self.networks_wanted)
        self._lay_out()
        self.hide()

    def _lay_out(self) -> None:
        text = QVBoxLayout()
        text.setSpacing(theme.SPACE // 2)
        for label in (self._what, self._file, self._ways):
            text.addWidget(label)
        buttons = QVBoxLayout()
        buttons.setSpacing(theme.SPACE // 2)
        buttons.addWidget(self.import_button)
        buttons.addWidget(self.networks_button)
        buttons.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, theme.SPACE, 12, theme.SPACE)
        row.setSpacing(theme.SPACE + 4)
        row.addWidget(Sign("warning", warns=True), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(text, 1)
        row.addLayout(buttons)

    @property
    def text(self) -> str:
        """What it says now; empty when it is hidden."""
        return "" if self.isHidden() else f"{self._what.text()} {self._file.full_text} {self._ways.text()}"

    def show_missing(self, found: WeightsFound | None) -> None:
        """Say what is missing, or nothing where nothing is."""
        self.setVisible(found is not None)
        if found is None:
            return
        title = backbone(found.backbone).title
        what = self.tr("The pretrained weights of {0} are not on this computer.")
        if found.state == "wrong":
            what = self.tr("The file here is not the pretrained weights of {0} that its name says.")
        self._what.setText(what.format(title))
        expected = self.tr("Needed: {0}, {1}, SHA-256 {2}")
        digest = found.sha256 if len(found.sha256) == WHOLE_DIGEST else f"{found.sha256}…"
        self._file.show_text(expected.format(found.filename, figures.size(found.size), digest))
        self._ways.setText(self._how(found))

    def _how(self, found: WeightsFound) -> str:
        drop = self.tr("Drop the file on this window.")
        if not found.url:
            return drop
        pack = self.tr("Or, on a computer with internet, type {0} and drop that pack here.")
        return f"{drop} {pack.format(f'tlstudio weights pack weights.zip {found.backbone} --fetch')}"

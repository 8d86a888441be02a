"""Where pictures are dropped, and the ways to choose them without a mouse."""

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tlstudio.ui.drop_hint import DropHint
from tlstudio.ui.labels import muted, title
from tlstudio.ui.theme import SPACE

# Beside answers it stays large enough to hit without aiming.
SMALL, LARGE = 104, 150


class DropArea(DropHint):
    """The dashed frame of the predict panel: large while there is nothing else to see.

    Signals:
        open_wanted: a model. pictures_wanted, folder_wanted: files to choose. paste_wanted: what is on the clipboard.
    """

    open_wanted = Signal()
    pictures_wanted = Signal()
    folder_wanted = Signal()
    paste_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("drop_area")
        self.setAccessibleName(self.tr("Drop pictures here, or press Enter to choose some"))
        self.setToolTip(self.tr("Drop pictures or a folder of them, or click to choose pictures"))
        self.clicked.connect(self.pictures_wanted)
        self._invitation = title("")
        self._hint = muted(QLabel(self.tr("Nothing is sent anywhere and no file is changed.")))
        for words in (self._invitation, self._hint):
            words.setWordWrap(True)
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(SPACE * 2, SPACE, SPACE * 2, SPACE)
        inside.setSpacing(SPACE)
        inside.addStretch(1)
        inside.addWidget(self._invitation)
        inside.addWidget(self._hint)
        inside.addLayout(self._make_buttons())
        inside.addStretch(1)

    def _make_buttons(self) -> QHBoxLayout:
        self._open = self._button("open_model_button", self.tr("Open a model…"), self.open_wanted)
        self._open.setProperty("primary", True)
        self._open.setToolTip(self.tr("Open a .tlmodel file; it needs no project"))
        pictures = self._button("choose_pictures_button", self.tr("Choose pictures…"), self.pictures_wanted)
        pictures.setToolTip(self.tr("Choose pictures to classify"))
        folder = self._button("choose_pictures_folder_button", self.tr("Choose folder…"), self.folder_wanted)
        folder.setToolTip(self.tr("Classify every picture below a folder"))
        paste = self._button("paste_button", self.tr("Paste"), self.paste_wanted)
        paste.setToolTip(self.tr("Classify what is on the clipboard (Ctrl+V)"))
        self._ways = (pictures, folder, paste)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addStretch(1)
        for button in (self._open, *self._ways):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _button(self, name: str, text: str, wanted: SignalInstance) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(wanted)
        return button

    def show_state(self, has_model: bool, has_answers: bool, is_awaited: bool) -> None:
        """Invite to what comes next, in as much room as there is. is_awaited: there are answers still to come."""
        invitation = self.tr("Train first, or drop a .tlmodel file here")
        if has_model:
            more, first = self.tr("Drop more pictures here"), self.tr("Drop pictures or a folder here")
            invitation = more if has_answers else self.tr("One moment: your pictures are next") if is_awaited else first
        self._invitation.setText(invitation)
        self._hint.setVisible(not has_answers)
        self._open.setVisible(not has_model)
        for way in self._ways:
            way.setVisible(has_model)
        self.setMinimumHeight(SMALL if has_answers else LARGE)
        self.setMaximumHeight(SMALL if has_answers else 10_000)

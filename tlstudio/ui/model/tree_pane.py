"""The tree of layers with what stands above it: search, show what learns, what layers see."""

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from tlstudio.ui import theme
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import muted
from tlstudio.ui.model.layer_tree import LayerTree

SEARCH_WIDTH = 260


class _SearchLine(QLineEdit):
    """Esc empties it before it does anything else in the window.

    Signals:
        next_wanted: go to the next match. left: Down was pressed, to go into the tree.
    """

    next_wanted = Signal()
    left = Signal()

    def event(self, what: QEvent) -> bool:
        overrides = isinstance(what, QKeyEvent) and what.type() == QEvent.Type.ShortcutOverride
        if overrides and what.key() == Qt.Key.Key_Escape and self.text():  # type: ignore[attr-defined]
            what.accept()
            return True
        return super().event(what)

    def keyPressEvent(self, press: QKeyEvent) -> None:
        if press.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif press.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.next_wanted.emit()
        elif press.key() == Qt.Key.Key_Down:
            self.left.emit()
        else:
            super().keyPressEvent(press)


class TreePane(QWidget):
    """The tree and its tools.

    Signals:
        seeing_wanted: see what a stage responds to; its name. why_wanted: see why BatchNorm drifts.
    """

    seeing_wanted = Signal(str)
    why_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tree = LayerTree()
        self.tree.setMinimumHeight(96)
        self.search = _SearchLine()
        self.search.setObjectName("tree_search")
        self.search.setPlaceholderText(self.tr("Find a layer"))
        self.search.setAccessibleName(self.tr("Find a layer"))
        self.search.setToolTip(
            self.tr("A name or a kind, such as “layer4”, “Conv2d 1x1”. Enter goes to the next one, Esc clears it.")
        )
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(SEARCH_WIDTH)
        self.found = muted(QLabel())
        self.found.setObjectName("tree_found")
        self.only_learning = QCheckBox(self.tr("Show only what learns"))
        self.only_learning.setObjectName("learning_only")
        self.only_learning.setToolTip(self.tr("Leave out what is frozen"))
        self.why_button = QPushButton(self.tr("Show me why"))
        self.why_button.setObjectName("why_button")
        self.why_button.setToolTip(
            self.tr("Train twice on a few of your pictures, once with BatchNorm pinned and once adaptive, and compare")
        )
        self.why_button.hide()
        self.seeing_button = QPushButton(self.tr("What layers see…"))
        self.seeing_button.setObjectName("seeing_button")
        self.seeing_button.setToolTip(self.tr("See on a picture what the chosen stage responds to"))
        self.copy_button = IconButton("copy", self.tr("Copy the tree as text (Ctrl+C in the tree)"))
        self.copy_button.setObjectName("copy_tree_button")
        self._lay_out()
        self.search.textChanged.connect(self._search)
        self.tree.layers().modelReset.connect(self._search_again)
        self.search.next_wanted.connect(self.tree.go_to_next_match)
        self.search.left.connect(self._enter_tree)
        self.only_learning.toggled.connect(self.tree.show_only_learning)
        self.why_button.clicked.connect(self.why_wanted)
        self.copy_button.clicked.connect(self.tree.copy)
        self.seeing_button.clicked.connect(self._see)
        self.tree.seeing_wanted.connect(self.seeing_wanted)

    def show_movement(self, movement: dict[str, float], seal: dict[str, object]) -> None:
        """Show what a run did to the layers; see `LayerTree.show_movement`."""
        self.tree.show_movement(movement, seal)
        self.why_button.setVisible(self.tree.layers().has_seal)

    @Slot()
    def begin_search(self) -> None:
        """Let the person type what to search for."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(theme.SPACE)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.found)
        tools.addWidget(self.only_learning)
        tools.addStretch(1)
        for button in (self.why_button, self.seeing_button, self.copy_button):
            tools.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE // 2)
        column.addLayout(tools)
        column.addWidget(self.tree, 1)

    @Slot(str)
    def _search(self, text: str) -> None:
        count = self.tree.search(text)
        self.found.setText(self.tr("%n found", "", count) if text.strip() else "")

    @Slot()
    def _search_again(self) -> None:
        """Another network has other matches."""
        if self.search.text():
            self._search(self.search.text())

    @Slot()
    def _enter_tree(self) -> None:
        self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _see(self) -> None:
        index = self.tree.currentIndex()
        model = self.tree.layers()
        self.seeing_wanted.emit(model.stage(index) if index.isValid() else model.name(model.index(0, 0)))

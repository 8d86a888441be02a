"""The line above the grid: which pictures, in which order, how large."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSlider, QWidget

from tlstudio.core.catalogue import Order
from tlstudio.ui.dataset.grid import LARGEST, SMALLEST
from tlstudio.ui.dataset.listing import Choice
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import ElidedBox, plain_tip
from tlstudio.ui.theme import SPACE


class Toolbar(QWidget):
    """Filter, order, size, preview, import.

    Signals:
        choice_changed: text, part or order. side_changed: pixels of a picture's square. preview_wanted: show or hide
        it. import_wanted: more pictures.
    """

    choice_changed = Signal()
    side_changed = Signal(int)
    preview_wanted = Signal(bool)
    import_wanted = Signal()

    def __init__(self, side: int, parent: QWidget | None = None) -> None:
        """side: how large the pictures are at first."""
        super().__init__(parent)
        self.text = QLineEdit()
        self.text.setObjectName("filter_text")
        self.text.setAcceptDrops(False)  # a file dropped here is meant for the panel
        self.text.setPlaceholderText(self.tr("Find by file name"))
        self.text.setAccessibleName(self.tr("Find by file name"))
        self.text.setToolTip(self.tr("Show only pictures with this in their file name (Ctrl+F)"))
        self.text.setClearButtonEnabled(True)
        self.text.setMaximumWidth(260)
        self.text.textChanged.connect(self.choice_changed)
        self._import = QPushButton(self.tr("Import…"))
        self._import.setObjectName("import_button")
        self._import.clicked.connect(self.import_wanted)
        self.look = IconButton("eye", self.tr("Show or hide the preview (Space in the grid)"))
        self.look.setCheckable(True)
        self.look.toggled.connect(self.preview_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.text, 2)
        row.addWidget(self._make_splits(), 1)
        row.addWidget(self._make_orders(), 1)
        row.addWidget(self._turn)
        row.addStretch(1)
        row.addWidget(self._make_size_slider(side))
        row.addWidget(self.look)
        row.addWidget(self._import)

    def allow_import(self, why_not: str) -> None:
        """Switch Import on, or say why it is off."""
        self._import.setEnabled(not why_not)
        tip = self.tr("Add a folder of pictures; nothing in it is changed (Ctrl+I)")
        self._import.setToolTip(plain_tip(why_not or tip))

    def _make_splits(self) -> ElidedBox:
        self._splits = ElidedBox()
        self._splits.setObjectName("split_box")
        self._splits.setAccessibleName(self.tr("Part of the pictures"))
        self._splits.setToolTip(self.tr("Show all pictures, or those to train on, to check with, or to test with"))
        self._splits.setMaximumWidth(170)
        parts = (
            ("", self.tr("All parts")),
            ("train", self.tr("To train on")),
            ("val", self.tr("To check with")),
            ("test", self.tr("To test with")),
        )
        for split, text in parts:
            self._splits.addItem(text, split)
        self._splits.currentIndexChanged.connect(self._tell)
        return self._splits

    def _make_orders(self) -> ElidedBox:
        self._orders = ElidedBox()
        self._orders.setObjectName("order_box")
        self._orders.setAccessibleName(self.tr("Order"))
        self._orders.setToolTip(self.tr("By what the pictures are sorted"))
        self._orders.setMaximumWidth(180)
        orders: tuple[tuple[Order, str], ...] = (
            ("path", self.tr("By folder")),
            ("name", self.tr("By name")),
            ("label", self.tr("By class")),
            ("size", self.tr("By file size")),
            ("date", self.tr("By date")),
            ("pixels", self.tr("By pixels")),
            ("shape", self.tr("By shape")),
            ("problem", self.tr("By problem")),
        )
        for order, text in orders:
            self._orders.addItem(text, order)
        self._orders.currentIndexChanged.connect(self._tell)
        self._turn = IconButton("turn", self.tr("Turn the order round"))
        self._turn.setObjectName("turn_order_button")
        self._turn.setCheckable(True)
        self._turn.toggled.connect(self._tell)
        return self._orders

    def _make_size_slider(self, side: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setObjectName("size_slider")
        slider.setRange(SMALLEST, LARGEST)
        slider.setPageStep(32)
        slider.setFixedWidth(110)
        slider.setAccessibleName(self.tr("Size of the pictures"))
        slider.setToolTip(self.tr("How large the pictures are shown"))
        slider.setValue(side)
        slider.valueChanged.connect(self.side_changed)
        return slider

    @Slot()
    def _tell(self) -> None:
        self.choice_changed.emit()

    @property
    def split(self) -> str:
        """The part to show; empty for all."""
        return str(self._splits.currentData())

    @property
    def order(self) -> Order:
        found: Order = self._orders.currentData()
        return found

    @property
    def descending(self) -> bool:
        return self._turn.isChecked()

    def why_empty(self, choice: Choice) -> str:
        """What to do where a choice leaves no picture."""
        if choice.text:
            return self.tr("No file name here contains “{text}”. Clear the search to see the pictures again.").format(
                text=choice.text
            )
        if choice.split:
            return self.tr("No picture is in this part. Choose “All parts” above to see the others.")
        if choice.label:
            return self.tr("“{label}” has no pictures yet. Drag pictures onto it, from here or from a folder.").format(
                label=choice.label
            )
        return self.tr("Nothing is left to see here. “Show all pictures” below leads back.")

    def show_all(self) -> None:
        """Leave text and part."""
        self.text.clear()
        self._splits.setCurrentIndex(0)

    def focus_text(self) -> None:
        self.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

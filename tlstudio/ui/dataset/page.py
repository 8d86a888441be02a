"""The pictures page laid out: classes, grid, preview, remarks. It knows where things stand, not what they mean."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QListView, QPushButton, QSplitter, QVBoxLayout, QWidget

from tlstudio.ui.dataset.class_view import ClassView
from tlstudio.ui.dataset.decision import DecisionBar
from tlstudio.ui.dataset.delegates import RemarkDelegate
from tlstudio.ui.dataset.difference_bar import DifferenceBar
from tlstudio.ui.dataset.grid import PictureGrid
from tlstudio.ui.dataset.models import ClassList, PictureList
from tlstudio.ui.dataset.preview import Preview
from tlstudio.ui.dataset.remarks import RemarkList
from tlstudio.ui.dataset.toolbar import Toolbar
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE

CLASSES_WIDTH = 232
PREVIEW_SHARE = 0.34
REMARK_LINES = 4


class Page(QWidget):
    """Everything on the page that pictures are on.

    Signals:
        remark_chosen: the row of a remark. choice_left: all pictures again, please. train_wanted: the next step.
        doubts_wanted: which labels look wrong.
    """

    remark_chosen = Signal(int)
    choice_left = Signal()
    train_wanted = Signal()
    doubts_wanted = Signal()

    def __init__(self, classes: ClassList, pictures: PictureList, remarks: RemarkList, side: int) -> None:
        """side: how large the pictures are at first."""
        super().__init__()
        self._remarks = remarks
        self.tools = Toolbar(side)
        self.class_view = ClassView(classes)
        self.grid = PictureGrid(pictures, classes)
        self.grid.show_side(side)
        self.preview = Preview()
        self.preview.hide()
        self.tools.side_changed.connect(self.grid.show_side)
        self.tools.preview_wanted.connect(self._show_preview)
        self.grid.look_wanted.connect(self.tools.look.toggle)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        for widget, stretch in ((self._make_classes(), 0), (self.grid, 2), (self.preview, 1)):
            self._split.addWidget(widget)
            self._split.setStretchFactor(self._split.count() - 1, stretch)
        self._split.setSizes([CLASSES_WIDTH, 700, 360])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE + 4)
        self.difference = DifferenceBar()
        layout.addWidget(self.difference)
        layout.addWidget(self.tools)
        self.decision = DecisionBar()
        layout.addWidget(self.decision)
        layout.addWidget(self._split, 1)
        layout.addWidget(self._make_remarks())
        layout.addLayout(self._make_foot())

    def _make_classes(self) -> QWidget:
        self._add = add = IconButton("add", self.tr("Add a class without pictures"))
        add.setObjectName("add_class_button")
        add.clicked.connect(self.class_view.add_wanted)
        head = QHBoxLayout()
        head.addWidget(muted(ElidedLabel(self.tr("Classes"), Qt.TextElideMode.ElideRight)), 1)
        head.addWidget(add)
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(head)
        column.addWidget(self.class_view, 1)
        return part

    def _make_remarks(self) -> QListView:
        self.remark_view = QListView()
        self.remark_view.setObjectName("problem_list")
        self.remark_view.setAccessibleName(self.tr("Remarks on the pictures"))
        self.remark_view.setToolTip(self.tr("What is wrong with the pictures; choose a line to see those it is about"))
        self.remark_view.setModel(self._remarks)
        self.remark_view.setItemDelegate(RemarkDelegate(self.remark_view))
        self.remark_view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.remark_view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.remark_view.setMouseTracking(True)
        self.remark_view.clicked.connect(self._tell_remark)
        self.remark_view.activated.connect(self._tell_remark)
        self._remarks.modelReset.connect(self._fit_remarks)
        self._fit_remarks()
        return self.remark_view

    def _make_foot(self) -> QHBoxLayout:
        self.count = muted(ElidedLabel("", Qt.TextElideMode.ElideRight))
        self.count.setObjectName("count_label")
        self.show_all = QPushButton(self.tr("Show all pictures"))
        self.show_all.setObjectName("show_all_button")
        self.show_all.setToolTip(self.tr("Leave this choice of pictures and see all of them again"))
        self.show_all.clicked.connect(self.choice_left)
        self.show_all.hide()
        self.doubt = QPushButton(self.tr("Doubtful labels…"))
        self.doubt.setObjectName("doubts_button")
        self.doubt.setToolTip(self.tr("Let a pretrained network say which labels look wrong, and what would help"))
        self.doubt.clicked.connect(self.doubts_wanted)
        self.next = QPushButton(self.tr("Train"))
        self.next.setObjectName("train_now_button")
        self.next.setProperty("primary", True)
        self.next.setMinimumWidth(140)
        self.next.clicked.connect(self.train_wanted)
        row = QHBoxLayout()
        row.setSpacing(SPACE + 4)
        row.addWidget(self.count, 1)
        row.addWidget(self.show_all)
        row.addWidget(self.doubt)
        row.addWidget(self.next)
        return row

    def allow_changes(self, why_not: str) -> None:
        """Switch on what changes the project. why_not: why it cannot be changed; empty where it can."""
        self._add.setEnabled(not why_not)
        self._add.setToolTip(why_not or self.tr("Add a class without pictures"))
        self.tools.allow_import(why_not)
        self.class_view.allow_changes(why_not)
        self.decision.why_not = why_not
        self.grid.setDragEnabled(not why_not)

    @Slot()
    def _tell_remark(self) -> None:
        self.remark_chosen.emit(self.remark_view.currentIndex().row())

    @Slot()
    def _fit_remarks(self) -> None:
        """As high as the remarks need, up to a few lines."""
        count = self._remarks.rowCount()
        self.remark_view.setVisible(count > 0)
        line = max(self.remark_view.sizeHintForRow(0), 24)
        self.remark_view.setFixedHeight(line * min(count, REMARK_LINES) + 8)

    @Slot(bool)
    def _show_preview(self, visible: bool) -> None:
        self.preview.setVisible(visible)
        if visible:
            left, middle, right = self._split.sizes()
            share = round((left + middle + right) * PREVIEW_SHARE)
            self._split.setSizes([left, middle + right - share, share])

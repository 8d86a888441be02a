"""Which backbone: the same head on each network whose weights are here, by accuracy, time and size."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.advice import BackboneProbed
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.ui import figures
from tlstudio.ui.labels import muted
from tlstudio.ui.model.measurements import compare
from tlstudio.ui.model.trials import TrialRow
from tlstudio.ui.theme import SPACE

_NAME = Qt.ItemDataRole.UserRole


class BackbonePage(QWidget):
    """Compares backbones and lets a person choose one.

    Signals:
        chosen: the backbone's name.
    """

    chosen = Signal(str)

    def __init__(self, project: Project, now: str) -> None:
        """now: the backbone that is chosen so far."""
        super().__init__()
        self._project, self._now = project, now
        self._probed: list[BackboneProbed] = []
        intro = muted(
            QLabel(
                self.tr(
                    "Each network stays frozen and gets a head for your classes, so this shows what each has to offer "
                    "before any fine-tuning. Each has to look at every picture once; what it says is kept."
                )
            )
        )
        intro.setWordWrap(True)
        self.trial = TrialRow(self.tr("Compare"))
        self.trial.button.setToolTip(self.tr("Try every network whose weights are here, or stop it"))
        self.trial.wanted.connect(self._begin)
        self.trial.reported.connect(self._take)
        self.trial.ended.connect(self._refresh)
        self.trial.say(self.tr("Test pictures are not looked at, and nothing is changed."))
        self.table = self._make_table()
        self.nothing = muted(QLabel())
        self.nothing.setObjectName("no_backbone_yet")
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        for page in (self.nothing, self.table):
            self._pages.addWidget(page)
        self.choose_button = QPushButton(self.tr("Choose this network"))
        self.choose_button.setObjectName("choose_backbone_button")
        self.choose_button.setProperty("primary", True)
        self.choose_button.setToolTip(self.tr("Start from the network of the selected row; Undo takes it back"))
        self.choose_button.setEnabled(False)
        self.choose_button.clicked.connect(self._choose)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addWidget(intro)
        column.addWidget(self.trial)
        column.addWidget(self._pages, 1)
        column.addWidget(self.choose_button, 0, Qt.AlignmentFlag.AlignRight)
        self._refresh()

    def show_probed(self, probed: Sequence[BackboneProbed]) -> None:
        """Show what was found before on the same pictures."""
        self._probed = list(probed)
        self._refresh()

    def _make_table(self) -> QTableWidget:
        titles = (
            (self.tr("Network"), ""),
            (
                self.tr("Accuracy"),
                self.tr("Cross-validated on your training and validation pictures, with 95 % interval"),
            ),
            (self.tr("Per picture"), self.tr("From the file to the features, on this computer")),
            (self.tr("Weights"), self.tr("Size of the file of weights")),
            (self.tr("Licence"), self.tr("Of the weights")),
        )
        table = QTableWidget(0, len(titles))
        table.setObjectName("backbone_table")
        table.setAccessibleName(self.tr("Networks compared"))
        table.setToolTip(self.tr("The best first. Networks whose weights are not here come last."))
        table.setHorizontalHeaderLabels([title for title, _ in titles])
        for column, (_, explanation) in enumerate(titles):
            table.model().setHeaderData(column, Qt.Orientation.Horizontal, explanation, Qt.ItemDataRole.ToolTipRole)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setStyleSheet("QTableView::item { padding: 0 5px; }")
        table.setTabKeyNavigation(False)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.itemSelectionChanged.connect(self._allow_choice)
        return table

    @Slot()
    def _begin(self) -> None:
        self._probed = []
        self.trial.run(partial(compare, self._project))
        self._refresh()

    @Slot(object)
    def _take(self, event: Event) -> None:
        if isinstance(event, BackboneProbed):
            self._probed.append(event)
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        selected = self._selected()
        rows = sorted(self._probed, key=_worth)
        self._pages.setCurrentIndex(1 if rows else 0)
        press = self.tr("Press Compare, and every network gets a line here: its accuracy, its time and its size.")
        soon = self.tr("The first network is at work; its line appears here when it has seen all pictures.")
        self.nothing.setText(soon if self.trial.is_busy() else press)
        self.table.setRowCount(len(rows))
        for row, probe in enumerate(rows):
            for column, text in enumerate(self._cells(probe)):
                item = QTableWidgetItem(text)
                item.setData(_NAME, probe.backbone)
                if not probe.at_hand:
                    item.setFlags(Qt.ItemFlag.NoItemFlags)
                self.table.setItem(row, column, item)
            if probe.backbone == selected:
                self.table.selectRow(row)
        self._allow_choice()

    def _cells(self, probe: BackboneProbed) -> tuple[str, ...]:
        spec = BACKBONES.get(probe.backbone)
        title = spec.title if spec else probe.backbone
        title = self.tr("{0} (chosen now)").format(title) if probe.backbone == self._now else title
        accuracy = self.tr("no weights here") if not probe.at_hand else "–"
        if probe.accuracy is not None and probe.interval is not None:
            accuracy = figures.accuracy(probe.accuracy, probe.interval)
        took = "–"
        if probe.at_hand:
            took = self.tr("remembered")
        if probe.seconds_per_picture is not None:
            took = self.tr("{0} ms").format(figures.number(1000 * probe.seconds_per_picture, 1))
        return title, accuracy, took, figures.size(probe.size), spec.weights.licence if spec else ""

    def _selected(self) -> str:
        items = self.table.selectedItems()
        return str(items[0].data(_NAME)) if items else ""

    @Slot()
    def _allow_choice(self) -> None:
        self.choose_button.setEnabled(self._selected() not in ("", self._now))

    @Slot()
    def _choose(self) -> None:
        self.chosen.emit(self._selected())


def _worth(probe: BackboneProbed) -> tuple[bool, float]:
    return not probe.at_hand, -(probe.accuracy or 0.0)

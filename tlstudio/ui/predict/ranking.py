"""The likeliest classes with their probabilities, best first; one of them is the one the heat map speaks of."""

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QListView, QSizePolicy, QWidget

from tlstudio.core.events import Predicted
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.predict.delegates import RankDelegate
from tlstudio.ui.predict.models import ANSWER, Index, Role, percent

BARS = 5
NEAREST = 3


class RankedClasses(QAbstractListModel):
    """(label, probability) a row; of a stranger only the names count."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._ranked: tuple[tuple[str, float], ...] = ()
        self.has_shares = True

    def show_answer(self, answer: Predicted | None) -> None:
        self.beginResetModel()
        self.has_shares = answer is None or not answer.unknown
        self._ranked = answer.top[: BARS if self.has_shares else NEAREST] if answer is not None and answer.ok else ()
        self.endResetModel()

    def label(self, row: int) -> str:
        return self._ranked[row][0] if 0 <= row < len(self._ranked) else ""

    def row_of(self, label: str) -> int:
        """Where a class stands; the first row if it is not ranked."""
        return next((row for row, (name, _) in enumerate(self._ranked) if name == label), 0)

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._ranked)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        label, share = self._ranked[at.row()]
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return f"{label} {percent(share)}" if self.has_shares else label
            case Role.ToolTipRole:
                text = self.tr("{label}\nChoose it to see in the heat map what speaks for it")
                return plain_tip(text.format(label=label))
            case _ if role == ANSWER:
                return self._ranked[at.row()]
        return None


class RankedBars(QListView):
    """As high as its rows. Click or the arrow keys choose a class.

    Signals:
        label_chosen: the class a person wants to see the evidence for.
    """

    label_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ranked_bars")
        self.setAccessibleName(self.tr("Classes and their probabilities"))
        self._ranked = RankedClasses(self)
        self._delegate = RankDelegate(self)
        self.setModel(self._ranked)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.selectionModel().currentChanged.connect(self._choose)

    def show_answer(self, answer: Predicted | None, chosen: str = "") -> None:
        """Rank an answer's classes. chosen: the one that is chosen; else the best."""
        self._ranked.show_answer(answer)
        self._delegate.has_shares = self._ranked.has_shares
        with QSignalBlocker(self.selectionModel()):
            self.setCurrentIndex(self._ranked.index(self._ranked.row_of(chosen)))
        self.setVisible(self._ranked.rowCount() > 0)
        self.updateGeometry()
        self.viewport().update()

    @property
    def label(self) -> str:
        """The chosen class; empty when there is none."""
        return self._ranked.label(self.currentIndex().row())

    def sizeHint(self) -> QSize:
        rows = self._ranked.rowCount()
        return QSize(240, rows * max(self.sizeHintForRow(0), 0) + 2 * self.frameWidth() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    @Slot(QModelIndex, QModelIndex)
    def _choose(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.label_chosen.emit(self.label)

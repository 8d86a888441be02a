"""The network as a tree: stages, blocks and layers, with what learns, how fast, and what it has learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView, QWidget

from tlstudio.core.outline import Layer, StageOutline, in_phase, toggled
from tlstudio.core.recipe import Phase
from tlstudio.ui import figures, theme

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_Role = Qt.ItemDataRole
_PADDING, _ROW_HEIGHT = 5, 26


class Column(IntEnum):
    NAME = 0
    SHAPE = 1
    PARAMETERS = 2
    LEARNS = 3
    RATE = 4
    BATCHNORM = 5
    LEARNED = 6


@dataclass(eq=False)
class _Row:
    """One line of the tree. part: replaced whenever another phase is shown; stage: the one it is or lies in."""

    part: StageOutline | Layer
    stage: StageOutline
    above: "_Row | None"
    position: int
    rows: list["_Row"] = field(default_factory=list)

    @property
    def is_stage(self) -> bool:
        return isinstance(self.part, StageOutline)

    @property
    def batchnorms(self) -> int:
        return self.part.batchnorms if isinstance(self.part, StageOutline) else _batchnorms(self.part)


def _batchnorms(layer: Layer) -> int:
    return int(layer.is_batchnorm) + sum(_batchnorms(child) for child in layer.children)


def _below(part: StageOutline | Layer) -> tuple[Layer, ...]:
    """What to show under a part: without placeholders, without a level that only repeats the one above."""
    if isinstance(part, Layer) and part.is_batchnorm:
        return ()
    layers = part.layers if isinstance(part, StageOutline) else part.children
    layers = tuple(layer for layer in layers if layer.kind != "Identity")
    if isinstance(part, StageOutline) and len(layers) == 1 and layers[0].children:
        return _below(layers[0])
    return layers


class LayerModel(QAbstractItemModel):
    """Translates an outline in a phase into rows.

    Signals:
        learning_asked: a person ticked or unticked a stage or module: its name, whether it is to learn.
    """

    learning_asked = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stages: tuple[StageOutline, ...] = ()
        self._phase: Phase | None = None
        self._chosen: dict[str, int] = {}
        self._rows: list[_Row] = []
        self._editable, self._why_not = True, ""
        self._colours: theme.Colours | None = None

    def show_outline(self, stages: Sequence[StageOutline], phase: Phase) -> None:
        """Show a network as it is in a phase. The same network keeps its rows, and the view what is open."""
        fitted = in_phase(stages, phase)
        same = [s.name for s in fitted] == [s.name for s in self._stages]
        same = same and all(_same_modules(a.layers, b.layers) for a, b in zip(fitted, self._stages, strict=True))
        self._stages, self._phase = fitted, phase
        # Held BatchNorm is a mode of its own: what is ticked are modules, whatever that mode takes from them.
        self._chosen = dict(_learning(in_phase(stages, replace(phase, bn="pinned"))))
        if same:
            self._renew(self._rows, fitted)
            self._announce(_NOWHERE)
            return
        self.beginResetModel()
        self._rows = [_Row(stage, stage, None, i) for i, stage in enumerate(fitted)]
        for row in self._rows:
            _grow(row)
        self.endResetModel()

    def set_editable(self, editable: bool, why_not: str = "") -> None:
        """Allow ticking, or say in the tool tips why not."""
        self._editable, self._why_not = editable, why_not
        self._announce(_NOWHERE)

    def set_colours(self, colours: theme.Colours) -> None:
        self._colours = colours
        self._announce(_NOWHERE)

    def name(self, index: _Index) -> str:
        """The name of the stage or module at an index, as recipes write it."""
        return _row(index).part.name

    # What Qt asks

    def rowCount(self, above: _Index = _NOWHERE) -> int:
        if not above.isValid():
            return len(self._rows)
        return len(_row(above).rows) if above.column() == 0 else 0

    def columnCount(self, above: _Index = _NOWHERE) -> int:  # noqa: ARG002  # Qt's signature
        return len(Column)

    def index(self, position: int, column: int, above: _Index = _NOWHERE) -> QModelIndex:
        rows = _row(above).rows if above.isValid() else self._rows
        if not (0 <= position < len(rows) and 0 <= column < len(Column)):
            return QModelIndex()
        return self.createIndex(position, column, rows[position])

    def parent(self, index: _Index = _NOWHERE) -> Any:
        above = _row(index).above if index.isValid() else None
        return QModelIndex() if above is None else self.createIndex(above.position, 0, above)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == _Role.DisplayRole:
            return self._titles()[section][0]
        if role == _Role.ToolTipRole:
            return self._titles()[section][1]
        if role == _Role.TextAlignmentRole:
            return _alignment(Column(section))
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = _row(index), Column(index.column())
        match role:
            case _Role.DisplayRole:
                return self._text(row, column)
            case _Role.CheckStateRole if column is Column.LEARNS and row.part.parameters:
                return self._check_state(row)
            case _Role.TextAlignmentRole:
                return _alignment(column)
            case _Role.ToolTipRole:
                return self._explanation(row, column)
            case _Role.FontRole if row.is_stage and column is Column.NAME:
                bold = QFont()
                bold.setWeight(QFont.Weight.DemiBold)
                return bold
            case _Role.ForegroundRole if self._colours and (not row.part.trainable or column is Column.LEARNED):
                return self._colours.muted
            case _Role.AccessibleTextRole:
                return f"{self._titles()[column][0]}: {self._text(row, column)}"
        return None

    def setData(self, index: _Index, value: Any, role: int = _Role.EditRole) -> bool:
        row = _row(index)
        if role != _Role.CheckStateRole or not self._can_tick(row):
            return False
        self.learning_asked.emit(row.part.name, Qt.CheckState(value) != Qt.CheckState.Unchecked)
        return True

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == Column.LEARNS and self._can_tick(_row(index)):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    # What it answers

    def _titles(self) -> list[tuple[str, str]]:
        return [
            (self.tr("Stage or layer"), self.tr("In the order in which a picture passes through them")),
            (self.tr("Output"), self.tr("What one picture becomes: channels × height × width")),
            (self.tr("Parameters"), self.tr("Numbers that could be learned here")),
            (self.tr("Learns"), self.tr("Tick what is to learn; the rest stays as the pretrained weights have it")),
            (self.tr("Rate"), self.tr("Peak learning rate of what learns")),
            (self.tr("BatchNorm"), self.tr("Pinned: running statistics stay, scale and shift learn. Frozen: all stays. "
                                           "Adaptive: the statistics follow your pictures")),
            (self.tr("What it has learned"), self.tr("What the stage responds to, and how well that serves others")),
        ]  # fmt: skip

    def _text(self, row: _Row, column: Column) -> str:
        part = row.part
        match column:
            case Column.NAME:
                return part.name
            case Column.SHAPE:
                return " × ".join(map(str, part.output_shape)) if isinstance(part, StageOutline) else ""
            case Column.PARAMETERS:
                return figures.count(part.parameters) if part.parameters else "–"
            case Column.LEARNS:
                return self._learns(row)
            case Column.RATE:
                return figures.rate(row.stage.lr) if part.trainable and row.stage.lr else "–"
            case Column.BATCHNORM:
                return self._batchnorm(row)
            case _:
                return f"{part.learns} · {part.transferability}" if isinstance(part, StageOutline) else part.kind

    def _learns(self, row: _Row) -> str:
        if not row.part.parameters:
            return ""
        match self._check_state(row):
            case Qt.CheckState.Checked:
                return self.tr("learns")
            case Qt.CheckState.PartiallyChecked:
                return self.tr("in part")
        return self.tr("frozen")

    def _batchnorm(self, row: _Row) -> str:
        if not row.batchnorms or self._phase is None:
            return self.tr("none") if row.is_stage and row.part.parameters else "–"
        # What stands still altogether holds its BatchNorm too, whatever the mode.
        mode = self._phase.bn if row.part.trainable else "frozen"
        return {"pinned": self.tr("pinned"), "frozen": self.tr("frozen"), "adaptive": self.tr("adaptive")}[mode]

    def _check_state(self, row: _Row) -> Qt.CheckState:
        chosen = row.part.trainable if self._is_held(row) else self._chosen.get(row.part.name, 0)
        if not chosen:
            return Qt.CheckState.Unchecked
        return Qt.CheckState.Checked if chosen == row.part.parameters else Qt.CheckState.PartiallyChecked

    def _is_held(self, row: _Row) -> bool:
        """Whether the BatchNorm mode decides about a layer, not the tick."""
        held = self._phase is not None and self._phase.bn == "frozen"
        return held and isinstance(row.part, Layer) and row.part.is_batchnorm

    def _can_tick(self, row: _Row) -> bool:
        settled = self._is_held(row) or self._is_last(row) or self._is_shipped_head(row)
        return self._editable and bool(row.part.parameters) and not settled

    def _is_shipped_head(self, row: _Row) -> bool:
        """Whether it lies in a head that learns alone, in which what comes with the weights always stands still."""
        phase = self._phase
        alone = phase is not None and phase.train_from == "head" and bool(phase.frozen)
        return alone and row.stage.lr_group == "head"

    def _is_last(self, row: _Row) -> bool:
        """Whether nothing would be left to learn without it."""
        if self._phase is None or self._check_state(row) != Qt.CheckState.Checked:
            return False
        return toggled(self._stages, self._phase, row.part.name, False) is None

    def _explanation(self, row: _Row, column: Column) -> str:
        part = row.part
        if column is Column.LEARNS and part.parameters:
            if not self._editable:
                return self._why_not
            if self._is_held(row):
                return self.tr("The BatchNorm mode “frozen” holds this layer.")
            if self._is_last(row):
                return self.tr("Something has to learn, so this stays ticked.")
            if self._is_shipped_head(row):
                return self.tr(
                    "The norm comes with the pretrained weights: while only the head learns, it stands still."
                )
            learn, total = figures.count(part.trainable), figures.count(part.parameters)
            return self.tr("{0} of {1} parameters learn. Space or a click changes it.").format(learn, total)
        if column is Column.LEARNED and isinstance(part, StageOutline):
            return self.tr("Learned on ImageNet: {0}. On other pictures: {1}.").format(
                part.learns, part.transferability
            )
        if column is Column.BATCHNORM and row.is_stage and part.parameters and not row.batchnorms:
            return self.tr("This stage has no BatchNorm, so the BatchNorm mode changes nothing in it.")
        return self._text(row, column)

    def _renew(self, rows: Sequence[_Row], parts: Sequence[StageOutline | Layer]) -> None:
        for row, part in zip(rows, parts, strict=True):
            row.part = part
            row.stage = part if isinstance(part, StageOutline) else row.above.stage if row.above else row.stage
            self._renew(row.rows, _below(part))

    def _announce(self, above: QModelIndex) -> None:
        """Say that every row has changed. Views skip those that are not open, so this costs little."""
        count = self.rowCount(above)
        if count:
            self.dataChanged.emit(self.index(0, 0, above), self.index(count - 1, len(Column) - 1, above))
        for position in range(count):
            self._announce(self.index(position, 0, above))


def _learning(parts: Sequence[StageOutline | Layer]) -> Iterator[tuple[str, int]]:
    for part in parts:
        yield part.name, part.trainable
        yield from _learning(part.layers if isinstance(part, StageOutline) else part.children)


def _row(index: _Index) -> _Row:
    found: _Row = index.internalPointer()
    return found


def _grow(row: _Row) -> None:
    row.rows = [_Row(part, row.stage, row, i) for i, part in enumerate(_below(row.part))]
    for below in row.rows:
        _grow(below)


def _same_modules(some: Sequence[Layer], others: Sequence[Layer]) -> bool:
    return len(some) == len(others) and all(
        a.name == b.name and a.kind == b.kind and _same_modules(a.children, b.children)
        for a, b in zip(some, others, strict=True)
    )


def _alignment(column: Column) -> Qt.AlignmentFlag:
    right = column in (Column.PARAMETERS, Column.RATE)
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


class LayerTree(QTreeView):
    """Shows a LayerModel; Space ticks the row one stands on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layer_tree")
        self.setAccessibleName(self.tr("Layers of the network"))
        self.setUniformRowHeights(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setIndentation(16)
        self.setStyleSheet(f"QTreeView::item {{ padding: 0 {_PADDING}px; min-height: {_ROW_HEIGHT}px; }}")
        self._model = LayerModel(self)
        self._model.set_colours(theme.colours(self.palette()))
        self.setModel(self._model)
        self._model.modelReset.connect(self._fit_columns)
        self.header().setStretchLastSection(True)
        self.header().setSectionsMovable(False)
        self.header().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.header().setMinimumSectionSize(56)

    def layers(self) -> LayerModel:
        return self._model

    def show_outline(self, stages: Sequence[StageOutline], phase: Phase) -> None:
        self._model.show_outline(stages, phase)

    @Slot()
    def _fit_columns(self) -> None:
        header = self.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        sample = self.fontMetrics().horizontalAdvance
        widest = {
            Column.SHAPE: "32 × 112 × 112",
            Column.PARAMETERS: "11,179,077",
            Column.LEARNS: "☐  in part",
            Column.RATE: "2.5e-4",
            Column.BATCHNORM: "BatchNorm",
        }
        for column, text in widest.items():
            wanted = (sample(text) + 2 * _PADDING + 12, header.sectionSizeHint(column), self.sizeHintForColumn(column))
            header.resizeSection(column, max(wanted))
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.ResizeToContents)

    def keyPressEvent(self, press: QKeyEvent) -> None:
        index = self.currentIndex()
        if press.key() == Qt.Key.Key_Space and index.isValid():
            box = index.siblingAtColumn(Column.LEARNS)
            if box.flags() & Qt.ItemFlag.ItemIsUserCheckable:
                ticked = Qt.CheckState(box.data(_Role.CheckStateRole)) == Qt.CheckState.Checked
                state = Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked
                self._model.setData(box, state, _Role.CheckStateRole)
            return
        super().keyPressEvent(press)

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._model.set_colours(theme.colours(self.palette()))
        super().changeEvent(change)

"""The network as rows: stages, blocks and layers, with what learns, how fast, what it has learned, and what moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont

from tlstudio.core.outline import Layer, StageOutline, in_phase, indispensable
from tlstudio.core.recipe import Phase
from tlstudio.ui import figures, theme

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_SMALL_MOVE = 0.01
_Role = Qt.ItemDataRole
BAR_ROLE = _Role.UserRole + 1  # of a cell that says how far something moved: 0 to 1 of the farthest


_ANSWERED = {
    _Role.DisplayRole,
    _Role.CheckStateRole,
    _Role.TextAlignmentRole,
    _Role.ToolTipRole,
    _Role.FontRole,
    _Role.ForegroundRole,
    _Role.AccessibleTextRole,
    BAR_ROLE,
}


class Column(IntEnum):
    NAME = 0
    SHAPE = 1
    PARAMETERS = 2
    LEARNS = 3
    RATE = 4
    BATCHNORM = 5
    MOVED = 6
    LEARNED = 7


_COLUMNS = tuple(Column)


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
        self._needed: frozenset[str] = frozenset()
        self._rows: list[_Row] = []
        self._editable, self._why_not = True, ""
        self._colours: theme.Colours | None = None
        self._movement: Mapping[str, float] = {}
        self._moved: dict[str, float] = {}
        self._seal: Mapping[str, Any] = {}

    def show_outline(self, stages: Sequence[StageOutline], phase: Phase) -> None:
        """Show a network as it is in a phase. The same network keeps its rows, and the view what is open."""
        fitted = in_phase(stages, phase)
        same = [s.name for s in fitted] == [s.name for s in self._stages]
        same = same and all(_same_modules(a.layers, b.layers) for a, b in zip(fitted, self._stages, strict=True))
        self._stages, self._phase = fitted, phase
        # Held BatchNorm is a mode of its own: what is ticked are modules, whatever that mode takes from them.
        self._chosen = dict(_learning(in_phase(stages, replace(phase, bn="pinned"))))
        self._needed = indispensable(stages, phase)
        if same:
            self._renew(self._rows, fitted)
            self._announce(_NOWHERE)
            return
        self.beginResetModel()
        self._rows = [_Row(stage, stage, None, i) for i, stage in enumerate(fitted)]
        for row in self._rows:
            _grow(row)
        self._moved = _means(fitted, self._movement)
        self.endResetModel()

    def show_run(self, movement: Mapping[str, float], seal: Mapping[str, Any]) -> None:
        """Show what a run did to this network.

        movement: how far each layer's weights moved, by its stock name, as a share of what they were. seal: whether
        BatchNorm's running statistics are still those it began with, as a run's report has it; empty: nobody looked.
        """
        self._movement, self._seal = movement, seal
        self._moved = _means(self._stages, movement)
        self._announce(_NOWHERE)

    def shows_run(self, movement: Mapping[str, float], seal: Mapping[str, Any]) -> bool:
        return (self._movement, self._seal) == (movement, seal)

    @property
    def has_movement(self) -> bool:
        return bool(self._moved)

    @property
    def has_seal(self) -> bool:
        return bool(self._seal.get("stages"))

    def set_editable(self, editable: bool, why_not: str = "") -> None:
        """Allow ticking, or say in the tool tips why not."""
        self._editable, self._why_not = editable, why_not
        self._announce(_NOWHERE)

    def set_colours(self, colours: theme.Colours) -> None:
        self._colours = colours
        self._announce(_NOWHERE)

    @property
    def is_editable(self) -> bool:
        return self._editable

    def name(self, index: _Index) -> str:
        """The name of the stage or module at an index, as recipes write it."""
        return _row(index).part.name

    def stage_after(self, index: _Index) -> str:
        """The first stage after a row's that has something to learn; empty where there is none."""
        names = [stage.name for stage in self._stages]
        after = self._stages[names.index(self.stage(index)) + 1 :]
        return next((stage.name for stage in after if stage.parameters), "")

    def says(self, index: _Index) -> str:
        """What a search looks through: stage, name, kind and sizes, as `typeable` has them."""
        part = _row(index).part
        kind = part.title if isinstance(part, Layer) else part.learns
        return typeable(f"{self.stage(index)} {part.name} {kind}")

    def learns(self, index: _Index) -> bool:
        """Whether anything in it learns."""
        return bool(_row(index).part.trainable)

    def stage(self, index: _Index) -> str:
        """The stage that a row is or lies in."""
        return _row(index).stage.name

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
        if role not in _ANSWERED or not index.isValid():  # painting asks for all roles there are, of every cell
            return None
        row, column = _row(index), _COLUMNS[index.column()]
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
            case _ if role == BAR_ROLE:
                return self._bar(row) if column is Column.MOVED else None
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
            (self.tr("Moved"), self.tr("How far the weights moved in the run shown in step 3, as a share of what they "
                                       "were; for a group of layers their mean, by parameters")),
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
                seal = self._seal_mark(row)
                return f"{self._batchnorm(row)} · {seal}" if seal else self._batchnorm(row)
            case Column.MOVED:
                moved = self._moved.get(part.name)
                return "" if moved is None else figures.percent(moved, 1 if moved >= _SMALL_MOVE else 2)
            case _:
                return f"{part.learns} · {part.transferability}" if isinstance(part, StageOutline) else part.title

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

    def _seal_of(self, row: _Row) -> Mapping[str, Any] | None:
        """What was measured of a stage or BatchNorm layer: {intact, drift}; None where nothing was."""
        stage = self._seal.get("stages", {}).get(row.stage.name)
        if stage is None or not row.batchnorms:
            return None
        if row.is_stage:
            return dict(stage)
        if row.part.name not in stage["layers"]:
            return None
        drift = stage["layers"][row.part.name]
        return {"intact": drift == 0, "drift": drift}

    def _seal_mark(self, row: _Row) -> str:
        seal = self._seal_of(row)
        if seal is None:
            return ""
        if seal["intact"]:
            return "✓"
        return "✗" if seal["drift"] is None else f"✗ {figures.number(seal['drift'], 2)} σ"

    def _seal_sentence(self, row: _Row) -> str:
        seal = self._seal_of(row)
        if seal is None:
            return ""
        if seal["intact"]:
            return self.tr("Measured after the run: the running statistics are the very ones it began with.")
        said = self.tr("Measured after the run: the running statistics are no numbers any more.")
        if seal["drift"] is not None:
            said = self.tr(
                "Measured after the run: the running statistics have drifted by up to {0} standard deviations."
            ).format(figures.number(seal["drift"], 2))
        if since := self._seal.get("since"):
            when = self.tr("The seal was broken in phase {0}, epoch {1}.").format(since["phase"], since["epoch"])
            return f"{said} {when}"
        return said

    def _bar(self, row: _Row) -> float | None:
        moved = self._moved.get(row.part.name)
        if moved is None:
            return None
        # The head began at random and went farther than all else: it would leave the others no length.
        shipped = [self._moved[s.name] for s in self._stages if s.lr_group != "head" and s.name in self._moved]
        return min(1.0, moved / max(shipped, default=0.0)) if any(shipped) else 1.0

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
        return row.part.name in self._needed and self._check_state(row) == Qt.CheckState.Checked

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
        if column is Column.BATCHNORM and (measured := self._seal_sentence(row)):
            return measured
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


def typeable(text: str) -> str:
    """A text as people can type it: small letters, x for ×, -> for →."""
    return text.lower().replace("×", "x").replace("→", "->")


def _means(parts: Sequence[StageOutline | Layer], movement: Mapping[str, float]) -> dict[str, float]:
    """How far each part moved: a layer as measured, a group the mean of what is in it, weighted by parameters."""
    found: dict[str, float] = {}
    for part in parts:
        below = part.layers if isinstance(part, StageOutline) else part.children
        found |= _means(below, movement)
        if part.name in movement:
            found[part.name] = movement[part.name]
            continue
        inside = [(found[child.name], child.parameters) for child in below if child.name in found]
        if weight := sum(parameters for _, parameters in inside):
            found[part.name] = sum(moved * parameters for moved, parameters in inside) / weight
    return found


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


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def _alignment(column: Column) -> Qt.AlignmentFlag:
    return _RIGHT if column in (Column.PARAMETERS, Column.RATE, Column.MOVED) else _LEFT

"""How far each stage has come: bars for its gradient and for the change of its weights, on a logarithmic scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from tlstudio.core.backbones import backbone
from tlstudio.core.errors import BadRecipe
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunState
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import heading, muted

# A stage whose weights have moved by more than a tenth of their norm is no longer the one that was pretrained.
ERASING = 0.1
_LOWEST, _HIGHEST = 1e-6, 1.0
_TALL, _LOW = 22, 14  # of a row, in pixels
_AXIS = 16  # of the scale below the rows
_LABELLED = (2, 4, 6)  # lines of the scale, each ten times the one before
_POWERS = 6
_MIDDLE = Qt.TextElideMode.ElideMiddle
_NO_PARAMETERS = "pool"


@dataclass(frozen=True)
class StageMove:
    """One row. gradient, change: as in events.StagesMoved; None where nothing learns. new: it began at random, so that
    there is nothing in it to erase."""

    name: str
    gradient: float | None = None
    change: float | None = None
    new: bool = False

    @property
    def erases(self) -> bool:
        """Whether it has moved so far that it forgets."""
        return not self.new and self.change is not None and self.change > ERASING


def moves_of(state: RunState) -> tuple[StageMove, ...]:
    """Every stage of a run's network with what was last said of it, in the order a picture passes them; none before
    anything was said. Frozen stages that stand together are one row, "stem … blocks5"."""
    if not state.moved or state.recipe is None:
        return ()
    said = {stage["name"]: stage for stage in state.moved[-1].stages}
    rows: list[StageMove] = []
    still: list[str] = []
    for name in (*_stages(state.recipe, tuple(said)), ""):
        if name and name not in said:
            still.append(name)
            continue
        if still:
            rows.append(StageMove(still[0] if len(still) == 1 else f"{still[0]} … {still[-1]}"))
            still = []
        if name:
            new = name == "head" or not state.recipe.pretrained
            rows.append(StageMove(name, said[name]["gradient"], said[name]["change"], new))
    return tuple(rows)


def _stages(recipe: Recipe, said: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(s.name for s in backbone(recipe.backbone).stages if s.name != _NO_PARAMETERS or s.name in said)
    except BadRecipe:  # of another version of this program
        return said


def place(value: float) -> float:
    """Where a value stands on the scale, 0 (a millionth or less) to 1 (as large as the weights or more)."""
    if not value > _LOWEST:  # NaN too
        return 0.0
    return min(1.0, math.log(value / _LOWEST) / math.log(_HIGHEST / _LOWEST))


class _Rows(QWidget):
    """The rows themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[StageMove, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_rows(self, rows: Sequence[StageMove]) -> None:
        self.rows = tuple(rows)
        self.setMinimumHeight(self.sizeHint().height())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, _LOW * len(self.rows) + _AXIS)

    def text(self, row: StageMove) -> str:
        """A row in words, with what is usual."""
        if row.change is None:
            return self.tr("{0}: frozen, its weights have not moved").format(row.name)
        said = self.tr("{0}: its weights have moved by {1} of their norm; gradient {2} of it a step").format(
            row.name, _share(row.change), _share(row.gradient or 0.0)
        )
        if row.new:
            return self.tr("{0}. It began with random values, so it moves far.").format(said)
        if row.erases:
            return self.tr("{0}. That is erasing what it knew: lower its learning rate.").format(said)
        return self.tr("{0}. In fine-tuning 0.1 % to 1 % is usual.").format(said)

    def event(self, happened: QEvent) -> bool:
        if happened.type() == QEvent.Type.ToolTip and isinstance(happened, QHelpEvent):
            row = self._at(happened.pos())
            QToolTip.showText(happened.globalPos(), self.text(row) if row else "", self)
            return True
        return super().event(happened)

    def _height(self) -> float:
        return max(_LOW, min(_TALL, (self.height() - _AXIS) / max(1, len(self.rows))))

    def _at(self, where: QPoint) -> StageMove | None:
        number = int(where.y() / self._height())
        return self.rows[number] if 0 <= number < len(self.rows) else None

    def paintEvent(self, _drawing: QPaintEvent) -> None:
        if not self.rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, metrics, height = theme.colours(self.palette()), self.fontMetrics(), self._height()
        font = self.font()
        if height < metrics.height():
            font.setPixelSize(int(height) - 2)
            painter.setFont(font)
            metrics = painter.fontMetrics()
        widest = max(metrics.horizontalAdvance(row.name) for row in self.rows if row.change is not None)
        name_width = min(widest, int(0.45 * self.width()))
        left = name_width + theme.SPACE
        width = self.width() - left - 2
        self._draw_scale(painter, QRectF(left, 0, width, height * len(self.rows)))
        for number, row in enumerate(self.rows):
            top = number * height
            at = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            if row.change is None:
                painter.setPen(colours.muted)
                still = metrics.elidedText(self.tr("{0}: frozen, 0").format(row.name), _MIDDLE, self.width())
                painter.fillRect(QRectF(0, top, metrics.horizontalAdvance(still) + 4, height), colours.surface)
                painter.drawText(QRectF(0, top, self.width(), height), at, still)
                continue
            painter.setPen(self.palette().windowText().color())
            painter.drawText(QRectF(0, top, name_width, height), at, metrics.elidedText(row.name, _MIDDLE, name_width))
            colour = colours.warning if row.erases else colours.curve1
            bar = max(3.0, height / 2 - 2.5)
            _bar(painter, QRectF(left, top + 1.5, width * place(row.change), bar), colour)
            _bar(painter, QRectF(left, top + height / 2 + 0.5, width * place(row.gradient or 0.0), bar), colours.curve2)

    def _draw_scale(self, painter: QPainter, area: QRectF) -> None:
        colours, metrics = theme.colours(self.palette()), painter.fontMetrics()
        free = float(self.width())  # of other labels, up to here
        for power in range(_POWERS, -1, -1):
            x = round(area.left() + area.width() * power / _POWERS)
            painter.setPen(colours.line)
            painter.drawLine(x, 0, x, round(area.bottom()))
            if power in _LABELLED:
                text = figures.percent(_LOWEST * 10**power, max(0, 4 - power))
                wide = metrics.horizontalAdvance(text)
                left = min(x - wide / 2, self.width() - wide)
                if left + wide <= free:
                    free = left - theme.SPACE
                    painter.setPen(colours.muted)
                    painter.drawText(QRectF(left, area.bottom(), wide + 2, _AXIS), Qt.AlignmentFlag.AlignLeft, text)


def _bar(painter: QPainter, where: QRectF, colour: QColor) -> None:
    if where.width() > 0:
        painter.fillRect(where, colour)


def _share(value: float) -> str:
    """A share of the norm: 0.34 %, and far smaller ones as a power of ten."""
    return figures.percent(value, 2) if value >= 1e-4 else f"{value:.0e}"


class StageBars(QFrame):
    """A card with a row for each stage of the chosen run's network."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setObjectName("stage_bars")
        self.setAccessibleName(self.tr("How far each stage has moved"))
        self.setMinimumSize(200, 140)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._title = heading(self.tr("Stages"))
        self._rows = _Rows()
        self._legend = QWidget()
        self._keys = tuple(QLabel() for _ in range(2))
        self._waiting = muted(QLabel(self.tr("While a run learns, this shows how far each stage moves.")))
        self._waiting.setWordWrap(True)
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._verdict = muted(QLabel())
        self._verdict.setWordWrap(True)
        self._lay_out()
        self._colour()
        self.show_moves(())

    def _lay_out(self) -> None:
        keys = QHBoxLayout(self._legend)
        keys.setContentsMargins(0, 0, 0, 0)
        keys.setSpacing(theme.SPACE + 4)
        for key in self._keys:
            keys.addWidget(key)
        keys.addStretch(1)
        self._legend.setToolTip(
            self.tr(
                "Change: how far the weights are from where they began, as a share of their norm.\n"
                "Gradient: how hard a step pulls at them, as a share of their norm.\n"
                "Each line across is ten times the one before; the last one is 100 %."
            )
        )
        area = QScrollArea()
        area.setWidget(self._rows)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for part in (area.viewport(), self._rows):
            part.setAutoFillBackground(False)  # the card's own ground shows
        self._area = area
        column = QVBoxLayout(self)
        column.setContentsMargins(12, theme.SPACE, 12, theme.SPACE)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._legend)
        column.addWidget(area, 1)
        column.addWidget(self._waiting, 1)
        column.addWidget(self._verdict)

    def show_moves(self, moves: Sequence[StageMove], run: int = 0) -> None:
        """Show these rows; none: what will stand here. run: whose they are, where several are chosen."""
        self._title.setText(self.tr("Stages of run {0}").format(run) if run else self.tr("Stages"))
        self._rows.show_rows(moves)
        for part in (self._area, self._legend, self._verdict):
            part.setVisible(bool(moves))
        self._waiting.setVisible(not moves)
        erased = [move.name for move in moves if move.erases]
        said = self.tr("Over 10 %, erasing what it knew: {0}").format(", ".join(erased)) if erased else ""
        role = "warning" if erased else "muted"
        if self._verdict.property("role") != role:
            self._verdict.setProperty("role", role)
            self._verdict.style().unpolish(self._verdict)
            self._verdict.style().polish(self._verdict)
        self._verdict.setText(said or self.tr("No stage has forgotten what it knew."))
        self.setAccessibleDescription("\n".join(self._rows.text(move) for move in moves))

    def shown_moves(self) -> tuple[StageMove, ...]:
        return self._rows.rows

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        colours = theme.colours(self.palette())
        names = (self.tr("change"), self.tr("gradient"))
        for key, name, colour in zip(self._keys, names, (colours.curve1, colours.curve2), strict=True):
            key.setText(f"■ {name}")
            key.setStyleSheet(f"color: {colour.name()}")

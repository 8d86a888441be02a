"""The phases of a recipe as a strip: what learns first, what then, for how long."""

from itertools import groupby

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from tlstudio.core.backbones import backbone
from tlstudio.core.recipe import Phase, Recipe
from tlstudio.ui import strategies, theme
from tlstudio.ui.labels import plain_tip

_LEAST = 60  # pixels of a card
_SLACK = 4  # pixels by which the two ways of measuring a text may differ


class _Card(QLabel):
    """One phase; it ends in … where the room ends, and its tool tip has all of it and why the phase is there."""

    def __init__(self, said: str, why: str) -> None:
        super().__init__(said)
        self.said, self._why = said, why
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("phase_card", True)
        self.setToolTip(plain_tip(f"{said}\n{why}"))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(
            self._frame() + self.fontMetrics().horizontalAdvance(self.said) + _SLACK, super().sizeHint().height()
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(min(_LEAST, self.sizeHint().width()), self.sizeHint().height())

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        room = self.width() - self._frame()
        self.setText(self.fontMetrics().elidedText(self.said, Qt.TextElideMode.ElideRight, room))

    def _frame(self) -> int:
        """Pixels that border and padding take."""
        return super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())


class PhaseStrip(QWidget):
    """One card a phase, arrows between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe: Recipe | None = None
        self._cards: list[_Card] = []
        self._labels: list[QLabel] = []  # the cards and the arrows between them
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.SPACE)
        self._row.addStretch(1)

    def show_recipe(self, recipe: Recipe) -> None:
        if self._recipe and (self._recipe.phases, self._recipe.backbone) == (recipe.phases, recipe.backbone):
            return
        self._recipe = recipe
        for label in self._labels:
            self._row.removeWidget(label)
            label.hide()
            label.deleteLater()
        self._labels, self._cards = [], []
        numbered = list(enumerate(recipe.phases, start=1))
        for name, group in groupby(numbered, key=_phase_name):
            if self._labels:
                self._labels.append(QLabel("→"))
            steps = list(group)
            card = self._card_of_steps(steps) if name == "unfreeze" else self._card(*steps[0], recipe)
            self._labels.append(card)
            self._cards.append(card)
        for position, label in enumerate(self._labels):
            self._row.insertWidget(position, label)
        self._colour()

    def text(self) -> str:
        """The strip as a sentence."""
        return "  →  ".join(card.said for card in self._cards)

    def _card(self, number: int, phase: Phase, recipe: Recipe) -> _Card:
        where = strategies.what_learns(phase, backbone(recipe.backbone))
        epochs = self.tr("1 epoch") if phase.epochs == 1 else self.tr("{0} epochs").format(phase.epochs)
        return _Card(f"{number}  {self._name(phase)}: {where}, {epochs}", self._explanation(phase))

    def _card_of_steps(self, steps: list[tuple[int, Phase]]) -> _Card:
        """One card for all phases that let one more stage learn."""
        (first, begins), (last, ends) = steps[0], steps[-1]
        if first == last:
            said = self.tr("{0}  unfreeze: from {1}, 1 epoch").format(first, begins.train_from)
        else:
            said = self.tr("{0}–{1}  unfreeze: {2} … {3}, 1 epoch each")
            said = said.format(first, last, begins.train_from, ends.train_from)
        why = self.tr("One more stage learns in each of these phases, the last stage first: {0}.")
        return _Card(said, why.format(", ".join(phase.train_from for _, phase in steps)))

    def _name(self, phase: Phase) -> str:
        names = {
            "warm-up": self.tr("warm-up"),
            "head": self.tr("train the head"),
            "fine-tune": self.tr("fine-tune"),
            "everything": self.tr("train from scratch"),
        }
        return names.get(phase.name, phase.name)

    def _explanation(self, phase: Phase) -> str:
        if phase.name == "warm-up":
            return self.tr(
                "The new head begins at random; it learns alone first, so that it cannot spoil the backbone."
            )
        if phase.train_from == "head":
            return self.tr("The backbone stays as it is; what it says about each picture is computed once and kept.")
        return self.tr("Goes on from the head the phase before it left.")

    def _colour(self) -> None:
        colours = theme.colours(self.palette())
        self.setStyleSheet(
            f"QLabel[phase_card='true'] {{ border: 1px solid {colours.line.name()}; border-radius: {theme.RADIUS}px;"
            f" background: {colours.surface.name()}; padding: 4px 10px; }}"
        )

    def changeEvent(self, change: QEvent) -> None:
        if change.type() == QEvent.Type.PaletteChange:
            self._colour()
        super().changeEvent(change)


def _phase_name(numbered: tuple[int, Phase]) -> str:
    return numbered[1].name

"""The line that says which strategy is advised and why, and leads to a measurement on one's own pictures."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from tlstudio.core.advice import Advised
from tlstudio.core.events import WeightsFound
from tlstudio.core.recipe import STRATEGIES, Recipe
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.labels import muted
from tlstudio.ui.model.missing_weights import MissingWeights


class AdviceLine(QWidget):
    """Advice, or what to do about missing weights; beside it the way to measure and the way back to the preset.

    Signals:
        measure_wanted: measure on the person's own pictures. reset_wanted: go back to the strategy as it comes.
    """

    measure_wanted = Signal()
    reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.advice = muted(QLabel())
        self.advice.setWordWrap(True)
        self.missing = MissingWeights()
        self.measure_button = QPushButton(self.tr("Measure on my pictures…"))
        self.measure_button.setObjectName("measure_button")
        self.measure_button.clicked.connect(self.measure_wanted)
        self.reset_button = QPushButton(self.tr("Back to preset"))
        self.reset_button.setObjectName("reset_button")
        self.reset_button.clicked.connect(self.reset_wanted)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the rows below stay where they are when it comes and goes
        self.reset_button.setSizePolicy(policy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self.advice, 1)
        row.addWidget(self.missing, 1)
        for button in (self.measure_button, self.reset_button):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)

    def show_recipe(self, recipe: Recipe, changed: bool, missing: WeightsFound | None) -> None:
        """Offer what a recipe needs. changed: it is not its strategy's preset."""
        self.reset_button.setVisible(changed)
        self.reset_button.setToolTip(
            self.tr("Undo your own changes to “{0}”").format(strategies.title(recipe.strategy))
        )
        self.missing.show_missing(missing)
        self.advice.setVisible(missing is None)

    def show_none(self, recipe: Recipe) -> None:
        """There are no pictures yet to advise for."""
        self.advice.setText(self.tr("Advice comes with your pictures. {0}").format(STRATEGIES[recipe.strategy]))
        self.allow(False)

    def show_table(self, advice: Advised, per_class: int) -> None:
        """What the table of sizes and domains says."""
        why = self.tr("Advised for {0} training pictures a class: {1}. {2}")
        title = strategies.title(advice.strategy).lower()
        self.advice.setText(why.format(figures.count(per_class), title, " ".join(advice.reasons)))

    def show_measured(self, advice: Advised) -> None:
        """What was measured on the person's own pictures."""
        said = self.tr("Measured: {0}. {1}")
        self.advice.setText(said.format(strategies.title(advice.strategy).lower(), " ".join(advice.reasons[:1])))

    def allow(self, allowed: bool) -> None:
        """Offer to measure, or say what is missing for it."""
        self.measure_button.setEnabled(allowed)
        why_not = self.tr("It needs pictures in at least two classes; add them in step 1.")
        explanation = self.tr("Find out what suits your own pictures, by short trials; nothing is changed by it.")
        self.measure_button.setToolTip(explanation if allowed else why_not)

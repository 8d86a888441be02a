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
    """Advice, or what to do about missing weights; beside it the way to measure.

    Signals:
        measure_wanted: measure on the person's own pictures.
    """

    measure_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.advice = muted(QLabel())
        self.advice.setWordWrap(True)
        self.missing = MissingWeights()
        self.measure_button = QPushButton(self.tr("Measure on my pictures…"))
        self.measure_button.setObjectName("measure_button")
        self.measure_button.clicked.connect(self.measure_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self.advice, 1)
        row.addWidget(self.missing, 1)
        row.addWidget(self.measure_button, 0, Qt.AlignmentFlag.AlignTop)

    def show_missing(self, missing: WeightsFound | None) -> None:
        """Say what to do where weights are missing; None: they are here, or not needed."""
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

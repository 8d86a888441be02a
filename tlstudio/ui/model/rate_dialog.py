"""Find learning rates: try them from very small to very large, and see from where on the loss rises."""

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.advice import RateFound, RateTried
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe
from tlstudio.ui import figures
from tlstudio.ui.job import Stop
from tlstudio.ui.labels import muted
from tlstudio.ui.model.charts import RateChart
from tlstudio.ui.model.trials import TrialDialog, TrialRow
from tlstudio.ui.theme import SPACE


class RateDialog(TrialDialog):
    """Runs the test at once, draws it, and offers what it found.

    Signals:
        rates_chosen: group of the network → rate, as `RateFound.rates` has them, rounded.
    """

    rates_chosen = Signal(object)

    def __init__(self, project: Project, recipe: Recipe, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rate_dialog")
        self.setWindowTitle(self.tr("Find learning rates"))
        self.resize(640, 440)
        self._project, self._recipe = project, recipe
        self._tried: list[RateTried] = []
        self._found: RateFound | None = None
        intro = muted(
            QLabel(
                self.tr(
                    "A copy of the network takes small steps on your pictures, each at a higher rate. Where the loss "
                    "falls, the network learns; where it rises, it forgets. Your recipe and project stay as they are."
                )
            )
        )
        intro.setWordWrap(True)
        self.chart = RateChart()
        self.chart.setToolTip(self.tr("How large the loss was (upwards) at each learning rate (to the right)"))
        self.trial = TrialRow(self.tr("Test again"))
        self.trial.button.setToolTip(self.tr("Run the test, or stop it"))
        self.trial.wanted.connect(self._begin)
        self.trial.reported.connect(self._take)
        self.trial.ended.connect(self._show_found)
        self.verdict = QLabel()
        self.verdict.setObjectName("rate_verdict")
        self.verdict.setWordWrap(True)
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.use_button = QPushButton(self.tr("Use it"))
        self.use_button.setObjectName("use_rate_button")
        self.use_button.setProperty("primary", True)
        self.use_button.setToolTip(self.tr("Put these rates into the recipe; Undo takes them back"))
        self.use_button.setEnabled(False)
        self.use_button.clicked.connect(self._use)
        buttons.addButton(self.use_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addWidget(self.chart, 1)
        layout.addWidget(self.verdict)
        layout.addWidget(self.trial)
        layout.addWidget(buttons)
        self._begin()

    @Slot()
    def _begin(self) -> None:
        self._tried, self._found = [], None
        self.use_button.setEnabled(False)
        self.verdict.clear()
        self.trial.run(partial(_find, self._project, self._recipe))

    @Slot(object)
    def _take(self, event: Event) -> None:
        if isinstance(event, RateTried):
            self._tried.append(event)
            self.chart.show_tried(self._tried)
        elif isinstance(event, RateFound):
            self._found = event

    @Slot()
    def _show_found(self) -> None:
        found = self._found
        if found is None:
            return
        rises = found.highest_sane < self._tried[-1].rate
        self.chart.show_tried(self._tried, (found.rate, found.highest_sane) if rises else (found.rate,))
        titles = {"head": self.tr("head"), "late": self.tr("late stages"), "early": self.tr("early stages")}
        rates = ", ".join(f"{titles[group]} {figures.rate(_rounded(rate))}" for group, rate in found.rates.items())
        said = self.tr("Suggested: {0} (solid line). The loss rose at no rate that was tried.")
        if rises:
            said = self.tr("Suggested: {0} (solid line). Beyond {1} (dashed line) the loss rises.")
        self.verdict.setText(said.format(rates, figures.rate(_rounded(found.highest_sane))))
        self.use_button.setText(self.tr("Use {0}").format(figures.rate(_rounded(found.rate))))
        self.use_button.setEnabled(True)

    @Slot()
    def _use(self) -> None:
        if self._found:
            self.rates_chosen.emit({group: _rounded(rate) for group, rate in self._found.rates.items()})
            self.accept()


def _rounded(rate: float) -> float:
    """One digit: the test says no more than about where a rate should lie."""
    return float(f"{rate:.0e}")


def _find(project: Project, recipe: Recipe, stop: Stop) -> Iterator[Event]:
    yield from tasks.load_engine()
    yield from tasks.find_rate(project, recipe, stop=stop)

"""The measured advice on screen: how far each stage carries, what short trials gave, and what follows from it."""

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialogButtonBox, QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from tlstudio.core.advice import Advised, Probed, Tried
from tlstudio.core.backbones import backbone
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Domain
from tlstudio.ui import figures, strategies
from tlstudio.ui.labels import heading, muted
from tlstudio.ui.model.backbone_table import BackbonePage
from tlstudio.ui.model.charts import DepthChart
from tlstudio.ui.model.measurements import Measurement, Remembered, measure
from tlstudio.ui.model.trials import TrialDialog, TrialRow
from tlstudio.ui.theme import SPACE


class AdvisorDialog(TrialDialog):
    """Two pages: which strategy, and which backbone.

    Signals:
        strategy_chosen: a person wants to use this strategy. backbone_chosen: and this backbone.
        measured: the Project and a Measurement that is new.
    """

    strategy_chosen = Signal(str)
    backbone_chosen = Signal(str)
    measured = Signal(object, object)

    def __init__(
        self,
        project: Project,
        chosen: str,
        domain: Domain,
        table: Advised,
        kept: Remembered,
        missing: bool,
        parent: QWidget | None,
    ) -> None:
        """chosen: the backbone to measure with. table: what the table says. kept: what was measured before.

        missing: the backbone's weights are not here: then it opens where one sees what others have to offer.
        """
        super().__init__(parent)
        self.setObjectName("advisor_dialog")
        self.setWindowTitle(self.tr("Measure on my pictures"))
        self.resize(820, 640)
        self.pages = QTabWidget()
        self.pages.setObjectName("advisor_pages")
        self.pages.setAccessibleName(self.tr("What to measure"))
        self.strategy = StrategyPage(project, chosen, domain, table)
        self.backbones = BackbonePage(project, chosen)
        self.pages.addTab(self.strategy, self.tr("Which strategy"))
        self.pages.addTab(self.backbones, self.tr("Which backbone"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)
        layout.addWidget(self.pages, 1)
        layout.addWidget(buttons)
        self.strategy.measured.connect(self.measured)
        self.strategy.chosen.connect(self._choose_strategy)
        self.backbones.chosen.connect(self._choose_backbone)
        for found in kept.measurements:
            if (found.backbone, found.domain) == (chosen, domain):
                self.strategy.show_measurement(found)
        self.backbones.show_probed(kept.backbones)
        if missing:
            self.strategy.refuse()
            self.pages.setCurrentWidget(self.backbones)

    @Slot(str)
    def _choose_strategy(self, name: str) -> None:
        self.strategy_chosen.emit(name)
        self.accept()

    @Slot(str)
    def _choose_backbone(self, name: str) -> None:
        self.backbone_chosen.emit(name)
        self.accept()


class StrategyPage(QWidget):
    """Measures with one backbone.

    Signals:
        measured: the Project and the Measurement. chosen: the strategy a person wants to use.
    """

    measured = Signal(object, object)
    chosen = Signal(str)

    def __init__(self, project: Project, name: str, domain: Domain, table: Advised) -> None:
        super().__init__()
        self._project, self._backbone, self._domain = project, name, domain
        self._probed: list[Probed] = []
        self._tried: list[Tried] = []
        self._advised: Advised | None = None
        title = strategies.title(table.strategy)
        said = self.tr("The table of sizes says: {0}. It knows neither your pictures nor how alike your classes are.")
        self.table_line = muted(QLabel(said.format(title)))
        self.table_line.setWordWrap(True)
        self.chart = DepthChart()
        self.key = muted(QLabel())
        self.key.setWordWrap(True)
        self.key.hide()
        self.verdict = heading("")
        self.verdict.setObjectName("advice_verdict")
        self.verdict.setWordWrap(True)
        self.reasons = QLabel()
        self.reasons.setObjectName("advice_reasons")
        self.reasons.setWordWrap(True)
        self.reasons.setTextFormat(Qt.TextFormat.PlainText)
        self.trial = TrialRow(self.tr("Measure"))
        self.trial.button.setToolTip(self.tr("Measure on your training and validation pictures, or stop it"))
        self.trial.wanted.connect(self._begin)
        self.trial.reported.connect(self._take)
        self.trial.say(self.tr("Takes a minute or two; test pictures are not looked at, and nothing is changed."))
        self.use_button = QPushButton(self.tr("Use it"))
        self.use_button.setObjectName("use_advice_button")
        self.use_button.setProperty("primary", True)
        self.use_button.setToolTip(self.tr("Choose this strategy; Undo takes it back"))
        self.use_button.setEnabled(False)
        self.use_button.clicked.connect(self._use)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        for part in (self.table_line, self.trial):
            column.addWidget(part)
        column.addWidget(self.chart, 1)
        for part in (self.key, self.verdict, self.reasons):
            column.addWidget(part)
        column.addWidget(self.use_button, 0, Qt.AlignmentFlag.AlignRight)

    def refuse(self) -> None:
        """There are no weights to measure with."""
        self.trial.button.setEnabled(False)
        text = self.tr("The weights of {0} are not on this computer. The other page compares those that are.")
        self.trial.say(text.format(backbone(self._backbone).title))

    def show_measurement(self, found: Measurement) -> None:
        """Show what was measured before on the same pictures."""
        self._probed, self._tried, self._advised = list(found.probed), list(found.tried), found.advised
        self.trial.say(self.tr("Measured before on the same pictures."))
        self._refresh()

    @Slot()
    def _begin(self) -> None:
        self._probed, self._tried, self._advised = [], [], None
        self._refresh()
        self.trial.run(partial(measure, self._project, self._backbone, self._domain))

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Probed():
                self._probed.append(event)
            case Tried():
                self._tried.append(event)
            case Measurement():
                self._advised = event.advised
                self.measured.emit(self._project, event)
        self._refresh()

    def _refresh(self) -> None:
        self.chart.show_measured(self._probed, self._tried)
        self.key.setText(
            self.tr(
                "● a head alone, on what {0} says at this stage   {1} a short trial on a part of the pictures: above "
                "a stage, all from it on has learned; above the head, only the head   ╌ always naming the largest class"
            ).format(backbone(self._backbone).title, "■ ◇" if len(self._tried) > 2 else "■")
        )
        self.key.setVisible(bool(self._probed or self._tried))
        advised = self._advised
        self.use_button.setEnabled(advised is not None)
        self.verdict.setText("")
        self.reasons.setText("")
        if advised is None:
            return
        said = self.tr("Measured: {0}") if advised.measured else self.tr("Nothing was measured; the table says: {0}")
        self.verdict.setText(said.format(strategies.title(advised.strategy)))
        lines = [*advised.reasons, *self._expected(advised)]
        self.reasons.setText("\n".join(f"• {line}" for line in lines))

    def _expected(self, advised: Advised) -> list[str]:
        """What the advised strategy is expected to give, and what measuring took."""
        lines = []
        expected = advised.measured.get("expected", {}).get(advised.strategy)
        if expected:
            lines.append(self.tr("Expected accuracy: {0}").format(figures.percent(expected["accuracy"])))
        if expected and expected["gain"]:
            points = [figures.number(100 * value, 1) for value in (expected["gain"], *expected["interval"])]
            lines.append(self.tr("Expected gain over the head alone: {0} points ({1} to {2})").format(*points))
        if seconds := advised.measured.get("seconds"):
            lines.append(self.tr("Measuring took {0}.").format(figures.rough_duration(seconds)))
        return lines

    @Slot()
    def _use(self) -> None:
        if self._advised:
            self.chosen.emit(self._advised.strategy)

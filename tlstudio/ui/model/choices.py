"""What a run starts from: backbone, strategy, and how far the pictures are from those it has learned from."""

from collections.abc import Iterator
from typing import get_args

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.core.events import Event, WeightsFound
from tlstudio.core.recipe import STRATEGIES, Domain, Recipe
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.labels import ElidedBox

_OWN_CUT = Qt.ItemDataRole.UserRole + 1  # marks the line of the strategy box that is no preset


class Choices(QWidget):
    """Three boxes, each with its caption above it.

    Signals:
        backbone_chosen, strategy_chosen, domain_chosen: the name of what a person chose.
        weights_looked_for: it is known anew which backbones have no weights here. failed: why it is not.

    Attributes:
        without_weights: backbone → what was found in place of its weights.
    """

    backbone_chosen = Signal(str)
    strategy_chosen = Signal(str)
    domain_chosen = Signal(str)
    weights_looked_for = Signal()
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.backbone_box, self.strategy_box, self.domain_box = ElidedBox(), ElidedBox(), ElidedBox()
        self.without_weights: dict[str, WeightsFound] = {}
        self._weights_job: Job | None = None
        self._list_backbones()
        for name in STRATEGIES:
            self.strategy_box.addItem(strategies.title(name), name)
        titles = {
            "similar": self.tr("like everyday photos"),
            "different": self.tr("very different (medical, satellite…)"),
        }
        for domain in get_args(Domain):
            self.domain_box.addItem(titles[domain], domain)
        self._lay_out()
        self.backbone_box.activated.connect(self._choose_backbone)
        self.strategy_box.activated.connect(self._choose_strategy)
        self.domain_box.activated.connect(self._choose_domain)

    def show_recipe(self, recipe: Recipe) -> None:
        """Choose a recipe's lines; a cut of one's own gets a line of its own below its strategy's."""
        for box, value in ((self.backbone_box, recipe.backbone), (self.domain_box, recipe.domain)):
            with QSignalBlocker(box):
                box.setCurrentIndex(box.findData(value))
        box, title = self.strategy_box, strategies.title_of(recipe)
        with QSignalBlocker(box):
            own = box.findData(True, _OWN_CUT)
            if own >= 0:
                box.removeItem(own)
            at = box.findData(recipe.strategy)
            if title != strategies.title(recipe.strategy):
                at += 1
                box.insertItem(at, title, recipe.strategy)
                box.setItemData(at, True, _OWN_CUT)
            box.setCurrentIndex(at)
        box.setToolTip(STRATEGIES[recipe.strategy])

    def mark(self, advised: str) -> None:
        """Put a star before the strategy that is advised; empty: before none."""
        for position in range(self.strategy_box.count()):
            name = self.strategy_box.itemData(position)
            self.strategy_box.setItemData(position, STRATEGIES[name], Qt.ItemDataRole.ToolTipRole)
            if not self.strategy_box.itemData(position, _OWN_CUT):
                marked = self.tr("★ {0} (advised)") if name == advised else "{0}"
                self.strategy_box.setItemText(position, marked.format(strategies.title(name)))

    @Slot()
    def look_for_weights(self) -> None:
        """Find out which backbones have their weights here; again at every look, for they may have come meanwhile."""
        if self._weights_job:
            return
        self._weights_job = Job(_weights, self)
        self._weights_job.reported.connect(self._take_weights)
        self._weights_job.failed.connect(self.failed)
        self._weights_job.finished.connect(self._end_weights_job)
        self._weights_job.start()

    def is_looking_for_weights(self) -> bool:
        return self._weights_job is not None

    def shut_down(self) -> None:
        """End the search for weights; returns when it has ended."""
        if self._weights_job:
            self._weights_job.stop()
            self._weights_job.wait()

    def _lay_out(self) -> None:
        parts = (
            (self.backbone_box, "backbone_box", self.tr("Backbone"), self.tr("The pretrained network to start from")),
            (self.strategy_box, "strategy_box", self.tr("Strategy"), ""),
            (self.domain_box, "domain_box", self.tr("My pictures are"),
             self.tr("How far your pictures are from those the backbone learned from; the advice depends on it")),
        )  # fmt: skip
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * theme.SPACE)
        grid.setVerticalSpacing(2)
        for place, (box, name, caption, explanation) in enumerate(parts):
            label = QLabel(caption)
            label.setProperty("role", "muted")
            label.setBuddy(box)
            box.setObjectName(name)
            box.setAccessibleName(caption)
            box.setToolTip(explanation)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            grid.addWidget(label, 0, place)
            grid.addWidget(box, 1, place)
            grid.setColumnStretch(place, (11, 9, 7)[place])

    def _list_backbones(self) -> None:
        """Add what is known now and not in the list yet: a network that was brought in comes last."""
        for spec in list(BACKBONES.values()):
            if self.backbone_box.findData(spec.name) < 0:
                self.backbone_box.addItem(self._entry(spec), spec.name)
                facts = self.tr("{0} parameters, pictures of {1} × {1} pixels, licence {2}").format(
                    figures.count(spec.parameters), spec.preprocessing.size, spec.weights.licence
                )
                self.backbone_box.setItemData(self.backbone_box.count() - 1, facts, Qt.ItemDataRole.ToolTipRole)

    def _entry(self, spec: Backbone) -> str:
        return self.tr("{0} · {1} MB").format(spec.title, figures.count(round(spec.weights.size / 1e6)))

    @Slot(int)
    def _choose_backbone(self, position: int) -> None:
        self.backbone_chosen.emit(self.backbone_box.itemData(position))

    @Slot(int)
    def _choose_strategy(self, position: int) -> None:
        if not self.strategy_box.itemData(position, _OWN_CUT):
            self.strategy_chosen.emit(self.strategy_box.itemData(position))

    @Slot(int)
    def _choose_domain(self, position: int) -> None:
        self.domain_chosen.emit(self.domain_box.itemData(position))

    @Slot(object)
    def _take_weights(self, event: Event) -> None:
        if isinstance(event, WeightsFound):
            self.without_weights.pop(event.backbone, None)
            if event.path is None or event.state == "wrong":
                self.without_weights[event.backbone] = event

    @Slot()
    def _end_weights_job(self) -> None:
        job, self._weights_job = self._weights_job, None
        if job:
            job.deleteLater()
        self._list_backbones()
        for position in range(self.backbone_box.count()):
            name = self.backbone_box.itemData(position)
            title = self._entry(backbone(name))
            missing = self.tr("⚠ {0} (no weights)").format(title)
            self.backbone_box.setItemText(position, missing if name in self.without_weights else title)
        self.weights_looked_for.emit()


def _weights(_stop: Stop) -> Iterator[Event]:
    return tasks.weights_list()

"""The numbers of a recipe: rates, epochs, batch, augmentation, BatchNorm. Each field says what it is for."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from tlstudio.core.backbones import backbone
from tlstudio.core.recipe import Phase, Recipe, can_unfreeze_gradually
from tlstudio.core.stages import has_batchnorm
from tlstudio.ui import theme
from tlstudio.ui.model.rate_box import RateBox

_COLUMNS = 5
_LEAST_DECAY, _MOST_DECAY = 1e-5, 1.0


class SettingsForm(QWidget):
    """Shows a recipe's numbers and says which one a person changed.

    Signals:
        changed: the name of a field of `Changes`, and its new value.
        rates_wanted: find learning rates by a test. variations_wanted: see what augmentation makes of a picture.
    """

    changed = Signal(str, object)
    rates_wanted = Signal()
    variations_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe: Recipe | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * theme.SPACE)
        self._grid.setVerticalSpacing(2)
        self._tips: dict[QWidget, str] = {}
        self.head_rate, self.late_rate, self.early_rate = RateBox(), RateBox(), RateBox()
        self.warm_up, self.epochs, self.batch = QSpinBox(), QSpinBox(), QSpinBox()
        self.augment, self.batchnorm = QComboBox(), QComboBox()
        self.decay = RateBox(_LEAST_DECAY, _MOST_DECAY, or_none=True)
        self.gradual = QCheckBox(self.tr("stage by stage"))
        self.find_button, self.show_button = QPushButton(self.tr("Find…")), QPushButton(self.tr("Show…"))
        self._add_rates()
        self._add_counts()
        self._add_choices()
        for column in range(_COLUMNS):
            self._grid.setColumnStretch(column, 1)
        for field in self._tips:  # boxes of two kinds in one row stand level
            field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._connect()

    def show_recipe(self, recipe: Recipe) -> None:
        """Show a recipe's numbers; fields it has no use for are switched off and say why."""
        self._recipe = recipe
        last = recipe.phases[-1]
        self._set(self.head_rate, last.head_lr)
        self._set(self.late_rate, last.backbone_lr)
        self._set(self.early_rate, last.early_lr)
        warms_up = recipe.phases[0].name == "warm-up"
        self._set(self.warm_up, recipe.phases[0].epochs if warms_up else 0)
        self._set(self.epochs, last.epochs)
        self._set(self.batch, recipe.batch_size)
        self._set(self.decay, recipe.weight_decay)
        self.gradual.setChecked(any(phase.name == "unfreeze" for phase in recipe.phases))
        for box, value in ((self.augment, last.augment), (self.batchnorm, last.bn)):
            with QSignalBlocker(box):
                box.setCurrentIndex(box.findData(value))
        self._allow_fields(recipe, last)

    def allow_trials(self, allowed: bool, has_weights: bool) -> None:
        """Offer what needs pictures, and the weights of the network, or say what is missing."""
        why_not = self.tr("It needs pictures in at least two classes; add them in step 1.")
        find = self.tr("Try rates from very small to very large on your pictures, and see which is too high.")
        show = self.tr("See what this augmentation makes of one of your pictures.")
        for button, explanation in ((self.find_button, find), (self.show_button, show)):
            button.setEnabled(allowed)
            button.setToolTip(explanation if allowed else why_not)
        if allowed and not has_weights:
            self.find_button.setEnabled(False)
            self.find_button.setToolTip(self.tr("It needs the pretrained weights, which are not on this computer."))

    def _add(
        self,
        place: int,
        caption: str,
        field: QWidget,
        name: str,
        explanation: str,
        beside: QPushButton | None = None,
    ) -> None:
        label = QLabel(caption)
        label.setProperty("role", "muted")
        label.setBuddy(field)
        field.setObjectName(name)
        field.setAccessibleName(caption)
        field.setToolTip(explanation)
        field.setMinimumWidth(96)
        if isinstance(field, QAbstractSpinBox):
            field.lineEdit().setTextMargins(6, 0, 0, 0)  # as far in as the text of the boxes beside it
        self._tips[field] = explanation
        row, column = divmod(place, _COLUMNS)
        self._grid.addWidget(label, 2 * row, column)
        cell = QHBoxLayout()
        cell.setSpacing(theme.SPACE // 2)
        cell.addWidget(field, 1)
        if beside:
            cell.addWidget(beside)
        self._grid.addLayout(cell, 2 * row + 1, column)
        if row:
            self._grid.setRowMinimumHeight(2 * row, label.sizeHint().height() + theme.SPACE)

    def _add_rates(self) -> None:
        explanation = self.tr("Peak learning rate of the new head, in every phase. Usual: 1e-3.")
        self.find_button.setObjectName("find_rate_button")
        self.find_button.setAccessibleName(self.tr("Find learning rates"))
        self._add(0, self.tr("Rate: head"), self.head_rate, "head_rate_box", explanation, self.find_button)
        explanation = self.tr("Peak learning rate of the late stages. Usual: a tenth of the head's, so 1e-4.")
        self._add(1, self.tr("Rate: late stages"), self.late_rate, "late_rate_box", explanation)
        explanation = self.tr("Peak learning rate of the early stages, which serve nearly all pictures: never faster.")
        self._add(2, self.tr("Rate: early stages"), self.early_rate, "early_rate_box", explanation)
        explanation = self.tr(
            "Pulls weights towards 0 a little at every step, which guards against learning by heart; norms and biases "
            "take none. Default: 1e-2."
        )
        self._add(3, self.tr("Weight decay"), self.decay, "weight_decay_box", explanation)

    def _add_counts(self) -> None:
        self.batch.setRange(1, 4096)
        explanation = self.tr("Pictures for each step. Fewer need less memory. Default: 32.")
        self._add(4, self.tr("Batch size"), self.batch, "batch_box", explanation)
        self.warm_up.setRange(0, 1000)
        self.warm_up.setSpecialValueText(self.tr("none"))
        explanation = self.tr("Epochs in which the head learns alone before the stages below it may move.")
        self._add(5, self.tr("Warm-up epochs"), self.warm_up, "warm_up_box", explanation)
        self.epochs.setRange(1, 10_000)
        explanation = self.tr("How often the last phase sees every picture, at most: it ends when nothing gets better.")
        self._add(6, self.tr("Epochs"), self.epochs, "epochs_box", explanation)
        explanation = self.tr(
            "Between the warm-up and the last phase one more stage begins to learn after each epoch, the last stage "
            "first. It takes longer, and forgets less of what the backbone knows."
        )
        self._add(7, self.tr("Unfreeze"), self.gradual, "gradual_box", explanation)
        for box in (self.warm_up, self.epochs, self.batch):
            box.setKeyboardTracking(False)

    def _add_choices(self) -> None:
        self.augment.addItem(self.tr("none"), "none")
        self.augment.addItem(self.tr("light"), "light")
        self.augment.addItem(self.tr("strong"), "strong")
        explanation = self.tr(
            "Vary the pictures anew in each epoch of the last phase: light mirrors and crops a little, strong changes "
            "colours too. None is fastest: frozen stages then run once."
        )
        self.show_button.setObjectName("show_augmentation_button")
        self.show_button.setAccessibleName(self.tr("Show the augmentation"))
        self._add(8, self.tr("Augmentation"), self.augment, "augment_box", explanation, self.show_button)
        self.batchnorm.addItem(self.tr("pinned"), "pinned")
        self.batchnorm.addItem(self.tr("frozen"), "frozen")
        self.batchnorm.addItem(self.tr("adaptive"), "adaptive")
        explanation = self.tr(
            "Pinned: the running statistics stay as shipped, scale and shift learn. Frozen: those stay too. "
            "Adaptive: the statistics follow your pictures; risky with few."
        )
        self._add(9, self.tr("BatchNorm"), self.batchnorm, "batchnorm_box", explanation)

    def _connect(self) -> None:
        self.head_rate.valueChanged.connect(self._change_head_rate)
        self.late_rate.valueChanged.connect(self._change_late_rate)
        self.early_rate.valueChanged.connect(self._change_early_rate)
        self.warm_up.valueChanged.connect(self._change_warm_up)
        self.epochs.valueChanged.connect(self._change_epochs)
        self.batch.valueChanged.connect(self._change_batch)
        self.decay.valueChanged.connect(self._change_decay)
        self.gradual.clicked.connect(self._change_gradual)
        self.find_button.clicked.connect(self.rates_wanted)
        self.show_button.clicked.connect(self.variations_wanted)
        self.augment.activated.connect(self._change_augment)
        self.batchnorm.activated.connect(self._change_batchnorm)

    def _set(self, box: QSpinBox | RateBox, value: float) -> None:
        with QSignalBlocker(box):
            box.setValue(value)  # type: ignore[arg-type]  # whole numbers go to the boxes of whole numbers

    def _allow_fields(self, recipe: Recipe, last: Phase) -> None:
        only_head = last.train_from == "head"
        learning = _learning_rates(recipe, last)
        head_only = self.tr("Only the head learns in this recipe. Move the slider to let stages learn.")
        early = head_only if only_head else self.tr("No early stage learns. Move the slider further left to let one.")
        self._allow(self.late_rate, "late" in learning, head_only)
        self._allow(self.early_rate, "early" in learning, early)
        has_two = recipe.strategy not in ("feature-extraction", "from-scratch")
        self._allow(self.warm_up, has_two, self.tr("This strategy has one phase only."))
        network = backbone(recipe.backbone)
        steps = has_two and can_unfreeze_gradually(network, last.train_from)
        one = self.tr("There is only one stage to unfreeze. Move the slider further left to let more learn.")
        self._allow(self.gradual, steps, one if has_two else self.tr("This strategy has one phase only."))
        why = self.tr("From random weights there are no statistics to keep: BatchNorm has to adapt.")
        if only_head:
            why = self.tr("All BatchNorm layers are frozen with the backbone.")
        if not has_batchnorm(network.family):
            why = self.tr("{0} has no BatchNorm layers.").format(network.title)
        self._allow(self.batchnorm, not only_head and recipe.pretrained and has_batchnorm(network.family), why)

    def _allow(self, field: QWidget, allowed: bool, why_not: str) -> None:
        field.setEnabled(allowed)
        field.setToolTip(self._tips[field] if allowed else why_not)

    @Slot(float)
    def _change_head_rate(self, value: float) -> None:
        self.changed.emit("head_lr", value)

    @Slot(float)
    def _change_late_rate(self, value: float) -> None:
        self.changed.emit("backbone_lr", value)

    @Slot(float)
    def _change_early_rate(self, value: float) -> None:
        self.changed.emit("early_lr", value)

    @Slot(int)
    def _change_warm_up(self, value: int) -> None:
        self.changed.emit("warmup_epochs", value)

    @Slot(int)
    def _change_epochs(self, value: int) -> None:
        self.changed.emit("epochs", value)

    @Slot(int)
    def _change_batch(self, value: int) -> None:
        self.changed.emit("batch_size", value)

    @Slot(float)
    def _change_decay(self, value: float) -> None:
        self.changed.emit("weight_decay", value)

    @Slot(bool)
    def _change_gradual(self, wanted: bool) -> None:
        self.changed.emit("gradual", wanted)

    @Slot(int)
    def _change_augment(self, position: int) -> None:
        self.changed.emit("augment", self.augment.itemData(position))

    @Slot(int)
    def _change_batchnorm(self, position: int) -> None:
        self.changed.emit("bn", self.batchnorm.itemData(position))


def _learning_rates(recipe: Recipe, phase: Phase) -> set[str]:
    """The groups of which a stage learns in a phase."""
    stages: Sequence[str] = backbone(recipe.backbone).stage_names
    after = stages[stages.index(phase.train_from) :]
    names = [name for name in after if name not in phase.frozen and name != "pool"]
    return {backbone(recipe.backbone).stage(name).rate for name in names}

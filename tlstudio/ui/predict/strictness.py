"""How strange a picture may be: what share of known pictures one is ready to see refused along with the strangers."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QWidget

from tlstudio.ui import figures
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE

SPIN_WIDTH, SLIDER_WIDTH = 88, 96
MOST = 50  # percent; refusing more than half of what is known helps nobody


class Strictness(QWidget):
    """A percentage with a slider beside it, and what it comes to.

    Signals:
        threshold_changed: the distance beyond which a picture counts as a stranger, or None before there is a model.
    """

    threshold_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unknown: dict[str, Any] = {}
        self._own = 0
        explanation = self.tr(
            "A picture farther from every class than most known ones is refused: it gets no class. A higher share "
            "refuses more strangers, and more known pictures with them."
        )
        self._before = QLabel(self.tr("Refuse strangers at the cost of"))
        self._spin = QSpinBox()
        self._spin.setObjectName("strictness_box")
        self._spin.setRange(0, MOST)
        self._spin.setSuffix(" %")
        self._spin.setMaximumWidth(SPIN_WIDTH)
        self._spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._spin.setAccessibleName(self.tr("Share of known pictures that may be refused"))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("strictness_slider")
        self._slider.setRange(0, MOST)
        self._slider.setPageStep(5)
        self._slider.setAccessibleName(self.tr("Share of known pictures that may be refused"))
        self._slider.setFixedWidth(SLIDER_WIDTH)
        self._cost = muted(ElidedLabel(self.tr("of known pictures"), Qt.TextElideMode.ElideRight))
        for widget in (self._before, self._spin, self._slider, self._cost):
            widget.setToolTip(explanation)
        self._spin.valueChanged.connect(self._choose)
        self._slider.valueChanged.connect(self._spin.setValue)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self._before)
        row.addWidget(self._spin)
        row.addWidget(self._cost, 1)
        row.addWidget(self._slider)

    def show_model(self, unknown: dict[str, Any] | None) -> None:
        """Begin with a model's own threshold. unknown: its fact of that name; None without a model."""
        self._unknown = unknown or {}
        self.setEnabled(bool(unknown))
        self._own = round(100 * float(self._unknown.get("refused_at_most", 0)))
        with QSignalBlocker(self._spin), QSignalBlocker(self._slider):
            self._spin.setValue(self._own)
            self._slider.setValue(self._own)

    @property
    def threshold(self) -> float | None:
        """The distance that goes with the chosen share; the model's own where that is what was chosen."""
        if not self._unknown:
            return None
        share = self._spin.value()
        own: float = self._unknown["threshold"]
        within: list[float] = self._unknown["distances"]  # that 0, 1, … 100 % of known pictures lie within
        return own if share == self._own else within[100 - share]

    def show_refused(self, refused: int, answers: int) -> None:
        """Say what the choice comes to among the answers there are."""
        text = self.tr("of known pictures")
        if answers:
            here = self.tr("{refused} of {answers} refused")
            here = here.format(refused=figures.count(refused), answers=figures.count(answers))
            text = f"{text} · {here}"
        self._cost.show_text(text)

    @Slot(int)
    def _choose(self, share: int) -> None:
        with QSignalBlocker(self._slider):
            self._slider.setValue(share)
        self.threshold_changed.emit(self.threshold)

"""The row of buttons above a run: train, pause or go on, stop, compare, and where to compute."""

from dataclasses import dataclass

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from tlstudio.ui import theme
from tlstudio.ui.labels import muted
from tlstudio.ui.training.device_box import DeviceBox

_WIDE = 760


@dataclass(frozen=True)
class Able:
    """What the buttons can do now.

    why_not: why nothing new can be trained; empty where it can. locked: why nothing can be done at all. busy: a run
    goes on. stopping, pausing: it was asked to. can_pause: that run can be paused. resumes: the number of the run to go
    on with; 0: none stands still. waiting: runs that begin after this one.
    """

    why_not: str = ""
    locked: str = ""
    busy: bool = False
    stopping: bool = False
    pausing: bool = False
    can_pause: bool = True
    resumes: int = 0
    waiting: int = 0


class Controls(QWidget):
    """The buttons; each says on its tool tip what it does, or why it cannot."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.train_button = QPushButton(self.tr("Train"))
        self.train_button.setObjectName("train_button")
        self.train_button.setMinimumWidth(120)
        self.pause_button = QPushButton(self.tr("Pause"))
        self.pause_button.setObjectName("pause_button")
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setObjectName("stop_button")
        self.stop_button.setAccessibleName(self.tr("Stop and keep the best so far"))
        self.compare_button = QPushButton(self.tr("Compare strategies"))
        self.compare_button.setObjectName("compare_button")
        self.device_box = DeviceBox()
        self._caption = muted(QLabel(self.tr("Train on")))
        self._caption.setBuddy(self.device_box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        for button in (self.train_button, self.pause_button, self.stop_button, self.compare_button):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._caption)
        row.addWidget(self.device_box)

    def show_able(self, able: Able) -> None:
        """Switch on what can be done now."""
        why_not = self.tr("A run goes on; stop it first.") if able.busy else able.locked or able.why_not
        for button, tip in (
            (self.train_button, self.tr("Train with the recipe of step 2 (Ctrl+R)")),
            (
                self.compare_button,
                self.tr(
                    "Train the head alone, then fine-tune the last stages, one after the other on the same pictures, "
                    "and show both side by side"
                ),
            ),
        ):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or tip)
        self._show_pause(able)
        self.stop_button.setEnabled(able.busy and not able.stopping)
        keep = self.tr("End the run now and keep the best weights so far (Esc)")
        if able.waiting:
            keep = self.tr("End the run now and keep its best; what waits after it does not begin (Esc)")
        stopping = self.tr("It is stopping.") if able.stopping else keep
        self.stop_button.setToolTip(stopping if able.busy else self.tr("No run goes on."))
        self.device_box.allow(not able.busy)

    def _show_pause(self, able: Able) -> None:
        button = self.pause_button
        goes_on = not able.busy and able.resumes > 0
        button.setText(self.tr("Go on") if goes_on else self.tr("Pause"))
        if able.busy:
            button.setEnabled(able.can_pause and not (able.stopping or able.pausing))
            tip = self.tr("Keep all of it on disk and stand still; it can go on later, also after a restart (Ctrl+P)")
            if not able.can_pause:
                tip = self.tr("An exact repeat runs in one go.")
            elif able.stopping or able.pausing:
                tip = self.tr("It is coming to a halt.")
        else:
            button.setEnabled(goes_on and not able.locked)
            tip = self.tr("Go on with run {0}, exactly where it stands (Ctrl+P)").format(able.resumes)
            tip = able.locked or tip if goes_on else self.tr("No run goes on, and none stands still.")
        button.setToolTip(tip)

    def highlight(self, chosen: QPushButton, others: tuple[QPushButton, ...]) -> None:
        """Show what comes next: one highlighted step at a time."""
        for button in (chosen, *others):
            primary = button is chosen
            if button.property("primary") != primary:
                button.setProperty("primary", primary)
                button.style().unpolish(button)
                button.style().polish(button)

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._caption.setVisible(self.width() >= _WIDE)

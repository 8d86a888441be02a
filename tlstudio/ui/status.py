"""The line at the foot of the window: what is going on, how far, Cancel; and the quiet facts on the right."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from tlstudio.core.events import Progress
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.theme import SPACE

BAR_WIDTH = 220
HEIGHT = 40


class Status(QStatusBar):
    """Progress with Cancel on the left while something runs; device and saved state on the right.

    Signals:
        cancel_wanted: Cancel was pressed.
    """

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setAccessibleName(self.tr("Status"))
        self._what = ElidedLabel(self.tr("Ready"), Qt.TextElideMode.ElideRight)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(BAR_WIDTH)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._cancel = QPushButton(self.tr("Cancel"))
        self._cancel.setToolTip(self.tr("Stop what is going on (Esc); what was there before stays"))
        self._cancel.clicked.connect(self.cancel_wanted)
        self._facts = muted(QLabel())
        line = QWidget()
        line.setMinimumHeight(HEIGHT)  # so that the page does not jump when Cancel comes and goes
        row = QHBoxLayout(line)
        row.setContentsMargins(SPACE * 2, 4, SPACE * 2, 4)
        row.setSpacing(SPACE + 4)
        row.addWidget(self._what, 1)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        row.addWidget(self._facts)
        self.addWidget(line, 1)
        self.show_rest()

    @property
    def text(self) -> str:
        return self._what.full_text

    def show_progress(self, progress: Progress, can_cancel: bool = True) -> None:
        """Show how far a task is; a total of 0 means that nobody knows how long it takes.

        can_cancel: False where the task's own page has a bar and a button; then only the words stand here.
        """
        phrase = progress.task[:1].upper() + progress.task[1:]
        if progress.total:
            shown, total = self.locale().toString(progress.done), self.locale().toString(progress.total)
            phrase = self.tr("{task} … {done} of {total}").format(task=phrase, done=shown, total=total)
            if progress.rate:
                rate = self.locale().toString(round(progress.rate))
                phrase = self.tr("{progress}, {rate} a second").format(progress=phrase, rate=rate)
        else:
            phrase = f"{phrase} …"
        self._what.show_text(phrase)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._bar.setVisible(can_cancel)
        self._cancel.setVisible(can_cancel)

    def show_rest(self, text: str = "") -> None:
        """Show that nothing is going on."""
        self._what.show_text(text or self.tr("Ready"))
        self._bar.hide()
        self._cancel.hide()

    def show_facts(self, text: str, explanation: str = "") -> None:
        self._facts.setText(text)
        self._facts.setToolTip(explanation)

    @property
    def facts(self) -> str:
        return self._facts.text()

    @Slot()
    def clear(self) -> None:
        self.show_rest()

"""How far a page's work is, with Cancel."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from tlstudio.core.events import Progress
from tlstudio.ui import figures
from tlstudio.ui.labels import ElidedLabel
from tlstudio.ui.theme import SPACE

BAR_WIDTH = 200


class WorkRow(QWidget):
    """A line that keeps its place while there is nothing to show.

    Signals:
        cancel_wanted: Cancel was pressed.
    """

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("work_row")
        self._what = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(BAR_WIDTH)
        self._bar.setAccessibleName(self.tr("Progress"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setObjectName("cancel_work_button")
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.setToolTip(self.tr("Stop; a download goes on from here when it is asked for again"))
        self.cancel_button.clicked.connect(self.cancel_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE + 4)
        row.addWidget(self._what, 1)
        row.addWidget(self._bar)
        row.addWidget(self.cancel_button)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.hide()

    @property
    def text(self) -> str:
        return "" if self.isHidden() else self._what.full_text

    def show_progress(self, progress: Progress) -> None:
        """done and total are bytes."""
        phrase = progress.task[:1].upper() + progress.task[1:]
        text = self.tr("{task} … {done} of {total}")
        done, total = figures.size(progress.done), figures.size(progress.total)
        self._what.show_text(text.format(task=phrase, done=done, total=total))
        # In kilobytes: a bar counts no further than 2 GiB.
        self._bar.setRange(0, max(progress.total // 1000, 1))
        self._bar.setValue(progress.done // 1000)
        self.show()

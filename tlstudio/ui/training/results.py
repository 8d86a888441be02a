"""The evaluation of the chosen run: what it mistook for what, how good it is in each class, how far to trust it."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from tlstudio.core import events
from tlstudio.ui import figures
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.training.confusion import ConfusionView
from tlstudio.ui.training.history import RunLine, RunTable


class ResultsView(QWidget):
    """Shows what is known of how good a run's network is.

    Signals:
        failed: the TLStudioError that ended something this view did.
        pictures_wanted: paths of pictures to show in step 1, where their labels can be put right.
        replay_wanted: the RunFolder of a run to repeat exactly; answer with `show_replayed`.
        room_wanted: True to give this view all the room of its panel, False to give it back.
    """

    failed = Signal(object)
    pictures_wanted = Signal(object)
    replay_wanted = Signal(object)
    room_wanted = Signal(bool)

    def __init__(self, runs: RunTable, chooser: FileChooser | None = None, parent: QWidget | None = None) -> None:
        """runs: what a run can be compared with. chooser: asks where reports go; the system's dialogs by default."""
        super().__init__(parent)
        self.setObjectName("results_view")
        self._runs = runs
        self._beside: RunLine | None = None  # the run it is compared with
        self._chooser = chooser or FileChooser(Preferences())
        self._title = ElidedLabel(mode=Qt.TextElideMode.ElideRight)
        self._title.setProperty("role", "heading")
        self._title.setMinimumHeight(self.fontMetrics().height())
        self._nothing = muted(QLabel(self.tr("Once a run has ended, this shows what it took for what.")))
        self._nothing.setWordWrap(True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.confusion_view = ConfusionView()
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        for part in (self._tabs, self._tabs.tabBar()):
            part.setAccessibleName(self.tr("Evaluation"))
        self._tabs.addTab(self.confusion_view, self.tr("Confusion"))
        self._pages = QStackedWidget()
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(self._tabs)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._pages, 1)
        self.show_run(None)

    def show_run(self, line: RunLine | None) -> None:
        """Show the evaluation of a run, or that there is none."""
        split = "test" if line and line.report.get("test") else "val"
        judged = line.report.get(split) if line else None
        self._pages.setCurrentIndex(1 if judged else 0)
        self._title.show_text(self.tr("Evaluation"))
        if line and judged:
            names = {"test": self.tr("test"), "val": self.tr("validation"), events.OUT_OF_FOLD: self.tr("out-of-fold")}
            held_out = names.get(judged.get("split"), names[split])
            text = self.tr("Run {0}, {1} {2} pictures: truth in rows, answers in columns")
            self._title.show_text(text.format(line.run.number, figures.count(judged["n"]), held_out))
            self.confusion_view.show_counts(judged["confusion"]["labels"], judged["confusion"]["counts"])

    def show_comparison(self, first: RunLine, second: RunLine) -> None:
        """Show a run, and beside it how it differs from another."""
        self.show_run(first)
        self._beside = second

    @Slot(object)
    def show_replayed(self, _replayed: events.Event) -> None:
        """Say how a repeated run differs from the first, if it does."""

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""

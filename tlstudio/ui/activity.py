"""What is going on in the panels: shown at the foot of the window, and stopped from there."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction

from tlstudio.core.events import Progress
from tlstudio.ui.dataset.panel import DatasetPanel
from tlstudio.ui.predict.panel import PredictPanel
from tlstudio.ui.status import Status
from tlstudio.ui.training.panel import TrainingPanel

Panel = DatasetPanel | TrainingPanel | PredictPanel


class Activity(QObject):
    """Shows how far whatever reported last has come; Stop is for that."""

    def __init__(
        self,
        dataset: DatasetPanel,
        training: TrainingPanel,
        predict: PredictPanel,
        status: Status,
        stop: QAction,
    ) -> None:
        """stop: the command that stops it; it is on while there is something to stop."""
        super().__init__(status)
        self._dataset, self._training, self._predict = dataset, training, predict
        self._status = status
        self._stop = stop
        self._working: Panel | None = None
        for panel in (dataset, training, predict):
            panel.busy_changed.connect(self._rest_unless)
        dataset.progressed.connect(self._show_dataset_progress)
        training.progressed.connect(self._show_training_progress)
        predict.progressed.connect(self._show_predict_progress)
        status.cancel_wanted.connect(self.stop)

    @Slot()
    def stop(self) -> None:
        """Stop what reported last; before anything has, whatever is busy."""
        busy = [panel for panel in (self._predict, self._dataset, self._training) if panel.is_busy()]
        last = next((panel for panel in busy if panel is self._working), busy[0] if busy else None)
        if last is not None:
            last.stop()

    @Slot(object)
    def _show_dataset_progress(self, progress: Progress) -> None:
        self._show_progress(self._dataset, progress)

    @Slot(object)
    def _show_training_progress(self, progress: Progress) -> None:
        self._show_progress(self._training, progress)

    @Slot(object)
    def _show_predict_progress(self, progress: Progress) -> None:
        self._show_progress(self._predict, progress)

    def _show_progress(self, panel: Panel, progress: Progress) -> None:
        self._working = panel
        self._stop.setEnabled(True)
        # The training page has a bar and a Stop of its own: there is one of each for one thing.
        self._status.show_progress(progress, not (panel is self._training and panel.isVisible()))

    @Slot(bool)
    def _rest_unless(self, busy: bool) -> None:
        self._stop.setEnabled(busy or self._training.is_busy())
        if not busy:
            self._working = None
            self._status.show_rest()

"""How the chosen run came out, in a line, and the step that follows: to classify new pictures with its model."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from tlstudio.core.events import HeadSolved
from tlstudio.core.run import RunState
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import ElidedLabel
from tlstudio.ui.training.curves import MOST_LAID
from tlstudio.ui.training.history import RunLine


class ResultLine(QWidget):
    """A line of words and the button to the next step.

    Signals:
        predict_requested: the path of the model to classify new pictures with.
    """

    predict_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ""
        self._label = ElidedLabel(mode=Qt.TextElideMode.ElideRight)
        self._label.setObjectName("training_result")
        self._label.setProperty("role", "muted")
        self.next_button = QPushButton(self.tr("Next: classify new pictures →"))
        self.next_button.setObjectName("next_button")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.SPACE)
        row.addWidget(self._label, 1)
        row.addWidget(self.next_button)
        self.next_button.clicked.connect(self._ask_for_prediction)

    def text(self) -> str:
        return self._label.full_text

    def take_model(self, path: str) -> None:
        """The model that the next step would use; empty: there is none."""
        self._model = path

    def allow(self, allowed: bool) -> bool:
        """Switch the next step on where there is a model and nothing keeps it from being used; says whether it is."""
        ready = bool(self._model) and allowed
        self.next_button.setEnabled(ready)
        why = self.tr("Once a run has ended, its model classifies new pictures.")
        self.next_button.setToolTip(self.tr("Drop pictures the model has never seen") if ready else why)
        return ready

    def show_line(self, line: RunLine | None, chosen: int) -> None:
        """Say how a run came out. chosen: how many are."""
        end = line.state.finished if line else None
        self._model = line.model if line else ""
        if line is None or end is None:
            self._label.show_text("")
            return
        said = [self.tr("Run {0}").format(line.run.number)]
        if chosen > MOST_LAID:
            said.insert(0, self.tr("curves of the newest {0} of {1} chosen runs").format(MOST_LAID, chosen))
        if end.test_accuracy is not None and end.test_interval is not None:
            said.append(self.tr("test {0}").format(figures.accuracy(end.test_accuracy, end.test_interval)))
        held_out = self.tr("judged by {1} folds {0}") if end.folds else self.tr("validation {0}")
        said.append(held_out.format(figures.accuracy(end.val_accuracy, end.val_interval), end.folds))
        said += [self._solved(line.state, event) for event in line.state.solved]
        self._label.show_text(" · ".join(said))

    def _solved(self, state: RunState, event: HeadSolved) -> str:
        """How the head that was solved for did against the one that was trained."""
        trained = [e.val_loss for e in state.epochs if e.phase == event.phase and e.val_loss is not None]
        said = self.tr("the solved head was better") if event.taken else self.tr("the solved head was not better")
        if not trained:
            return said
        against = self.tr("{0} (validation loss {1} against {2})")
        return against.format(said, figures.number(event.val_loss, 3), figures.number(min(trained), 3))

    @Slot()
    def _ask_for_prediction(self) -> None:
        if self._model:
            self.predict_requested.emit(self._model)

"""The training panel: start a run, watch it, stop it, look at those there were."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe


class TrainingPanel(QWidget):
    """Runs the recipe on the project's pictures in a Job and keeps the list of runs.

    Signals:
        summary_changed: one line for the rail, such as "93.2 % ± 1.8" or "phase 1 of 2 · epoch 2 of 3".
        progressed: events.Progress while a run goes on.
        busy_changed: a run began (True) or ended (False).
        trained: the path of the finished run's .tlmodel, also of one stopped half-way.
        measured: recipe and seconds of a run that came to its own end (connect to ModelPanel.take_measurement).
        failed: the TLStudioError that ended a run or kept it from starting.
        predict_requested: the path of the model to classify new pictures with; the user asked for the next step.
    """

    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    trained = Signal(str)
    measured = Signal(object, float)
    failed = Signal(object)
    predict_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training_panel")

    def show_project(self, project: Project | None) -> None:
        """Show the runs of a project; train in it from now on."""

    @Slot(object)
    def set_recipe(self, recipe: Recipe) -> None:
        """What the next run does (connect ModelPanel.recipe_changed to it)."""

    @Slot(int, int)
    def show_pictures(self, classes: int, training_pictures: int) -> None:
        """Say how many classes and training pictures there are; the guards ask by them."""

    def set_ready(self, ok: bool, why_not: str) -> None:
        """Allow training, or say why it cannot start yet ("Train needs pictures in at least two classes.")."""

    @Slot()
    def train(self) -> None:
        """Start a run, after asking about what is risky in the recipe."""

    @Slot()
    def stop(self) -> None:
        """Ask the run to end; it keeps the best weights so far."""

    def is_busy(self) -> bool:
        """Whether a run goes on."""
        return False

    def shut_down(self) -> None:
        """Ask the run to end, keeping its best, and wait until it and all reading has ended."""

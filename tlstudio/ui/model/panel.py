"""The network panel: choose a backbone and a strategy, see and set what learns in it."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QWidget

from tlstudio.core.backbones import DEFAULT_BACKBONE
from tlstudio.core.recipe import Recipe, make_recipe


class ModelPanel(QWidget):
    """Edits one thing, the recipe, by presets, tree, slider and fields.

    Signals:
        recipe_changed: the new Recipe, after every edit, undo and redo.
        summary_changed: one line for the rail, such as "EfficientNet-Lite0 · head".
        failed: the TLStudioError that kept the layers from being shown.

    Attributes:
        undo_stack: the recipe edits, for the frame's Edit menu.
    """

    recipe_changed = Signal(object)
    summary_changed = Signal(str)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_panel")
        self.undo_stack = QUndoStack(self)

    @Slot(int, int)
    def show_pictures(self, classes: int, training_pictures: int) -> None:
        """Say how many classes and training pictures there are (0, 0: none yet); the advice follows them."""

    def recipe(self) -> Recipe:
        """What Train would do now."""
        return make_recipe(DEFAULT_BACKBONE, "feature-extraction")

    @Slot(object, float)
    def take_measurement(self, recipe: Recipe, seconds: float) -> None:
        """Learn from a finished run how fast this machine is (connect TrainingPanel.measured to it)."""

    def shut_down(self) -> None:
        """End what works in the background; returns when it has ended."""

"""Undo and Redo in the Edit menu: of the pictures, the recipe or the answers, whichever step is on show."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence, QUndoStack

from tlstudio.ui.rail import Step


class History(QObject):
    """Something whose last change can be taken back.

    Signals:
        changed: the words are others now.
    """

    changed = Signal()

    def __init__(self, undo: Callable[[], None], redo: Callable[[], None] | None, owner: QObject) -> None:
        """undo, redo: what the two do; None where nothing can be done again."""
        super().__init__(owner)
        self.undo, self.redo = undo, redo
        self.undo_text = self.redo_text = ""

    @classmethod
    def of_stack(cls, stack: QUndoStack) -> "History":
        """That of a stack of commands."""
        made = cls(stack.undo, stack.redo, stack)
        stack.undoTextChanged.connect(made.take_undo_text)
        stack.redoTextChanged.connect(made.take_redo_text)
        return made

    @Slot(str)
    def take_undo_text(self, text: str) -> None:
        self.take(text, self.redo_text)

    @Slot(str)
    def take_redo_text(self, text: str) -> None:
        self.take(self.undo_text, text)

    @Slot(str, str)
    def take(self, undo_text: str, redo_text: str) -> None:
        """What can be taken back and done again now, in words; empty for nothing."""
        self.undo_text, self.redo_text = undo_text, redo_text
        self.changed.emit()


class UndoActions(QObject):
    """The two actions, named after what they would do."""

    def __init__(self, pictures: History, recipe: History, answers: History, owner: QObject) -> None:
        super().__init__(owner)
        self._of_step = {
            Step.PICTURES: pictures,
            Step.NETWORK: recipe,
            Step.TRAINING: recipe,
            Step.PREDICT: answers,
        }
        self._followed = pictures
        self.undo, self.redo = QAction(self), QAction(self)
        self.undo.setShortcut(QKeySequence("Ctrl+Z"))
        self.redo.setShortcut(QKeySequence("Ctrl+Y"))
        self.undo.triggered.connect(self._undo)
        self.redo.triggered.connect(self._redo)
        for history in (pictures, recipe, answers):
            history.changed.connect(self._show)
        self._show()

    def show_step(self, step: Step) -> None:
        """Follow what can be changed in a step."""
        self._followed = self._of_step[step]
        self._show()

    @Slot()
    def _undo(self) -> None:
        self._followed.undo()

    @Slot()
    def _redo(self) -> None:
        if self._followed.redo is not None:
            self._followed.redo()

    @Slot()
    def _show(self) -> None:
        entries = (
            (self.undo, self.tr("Undo"), self._followed.undo_text),
            (self.redo, self.tr("Redo"), self._followed.redo_text),
        )
        for action, verb, text in entries:
            action.setText(f"{verb} {text}".strip().replace("&", "&&"))
            action.setEnabled(bool(text))

"""The runs of a project with what can be done with the chosen one: repeat it, go on from it, note something on it."""

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QFile, QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event
from tlstudio.core.notes import leave, write_note
from tlstudio.core.run import RunFolder, Standing
from tlstudio.ui.icons import IconButton
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import heading
from tlstudio.ui.training.history import RunColumn, RunLine, RunTable
from tlstudio.ui.training.offer_note import OfferNote
from tlstudio.ui.training.run_list import RunList


class RunsBox(QWidget):
    """The list, its tools above it and on its context menu, and a question before a run is moved to the trash.

    Signals:
        repeat_wanted, reseed_wanted, continue_wanted: the RunLine to train again: as it was, with another seed, or on
            from its model.
        recipe_wanted: the Recipe to go on editing in step 2.
        trashed: a run's folder was moved to the trash; read the list anew.
        failed: the TLStudioError that kept a note from being written, or a folder from being moved.
    """

    repeat_wanted = Signal(object)
    reseed_wanted = Signal(object)
    continue_wanted = Signal(object)
    recipe_wanted = Signal(object)
    trashed = Signal()
    failed = Signal(object)

    def __init__(self, table: RunTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self.list = RunList(table)
        self.question = OfferNote("trash_note", self.tr("A question before a run is moved to the trash"), warns=True)
        self._doomed: RunLine | None = None
        self._may_train, self._why_not = False, ""
        self._locked = ""
        self._errands = JobQueue(self)
        self._make_actions()
        self._lay_out()
        self._errands.failed.connect(self.failed)
        self._errands.reported.connect(self._take_moved)
        table.noted.connect(self._keep_note)
        self.list.selectionModel().selectionChanged.connect(self.show_abilities)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.question.accepted.connect(self._move_to_trash)
        self.question.declined.connect(self.list.setFocus)
        self.show_abilities()

    def _make_actions(self) -> None:
        self.repeat = self._action("repeat", self.tr("Repeat"))
        self.repeat.triggered.connect(self._want_repeat)
        self.reseed = self._action("seed", self.tr("Repeat with another seed"))
        self.reseed.triggered.connect(self._want_reseed)
        self.go_on_from = self._action("onward", self.tr("Train on from its model"))
        self.go_on_from.triggered.connect(self._want_continue)
        self.copy_recipe = self._action("recipe", self.tr("Copy its recipe to step 2"))
        self.copy_recipe.triggered.connect(self._want_recipe)
        self.note = QAction(self.tr("Write a note"), self)
        self.note.setShortcut(QKeySequence("F2"))
        self.note.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.note.triggered.connect(self._edit_note)
        self.open_folder = self._action("folder", self.tr("Open its folder"))
        self.open_folder.triggered.connect(self._open_folder)
        self.trash = self._action("trash", self.tr("Move to the trash…"))
        self.trash.triggered.connect(self._ask_about_trash)
        self._of_training = (self.repeat, self.reseed, self.go_on_from)

    def _action(self, name: str, text: str) -> QAction:
        action = QAction(text, self)
        action.setData(name)
        return action

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(2)
        tools.addWidget(heading(self.tr("Runs")))
        tools.addStretch(1)
        self.buttons: dict[QAction, IconButton] = {}
        for action in (*self._of_training, self.copy_recipe, self.open_folder, self.trash):
            button = IconButton(action.data(), action.text())
            button.clicked.connect(action.trigger)
            self.buttons[action] = button
            tools.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(tools)
        column.addWidget(self.question)
        column.addWidget(self.list, 1)

    def allow_training(self, allowed: bool, why_not: str) -> None:
        """Let runs be repeated now, or say why not."""
        self._may_train, self._why_not = allowed, why_not
        self.show_abilities()

    def allow_writing(self, why_not: str) -> None:
        """Let notes be written and runs be moved to the trash, or say why they can only be looked at."""
        self._locked = why_not
        self.table.allow_notes(why_not)
        self.show_abilities()

    def shut_down(self) -> None:
        """Return when what was begun is written."""
        self._errands.shut_down()

    def chosen(self) -> RunLine | None:
        """The chosen run, of several the current one."""
        row = self.list.chosen_row()
        return self.table.line(row) if row >= 0 else None

    @Slot()
    def show_abilities(self) -> None:
        """Switch on what can be done with the chosen run; what cannot says why."""
        line, several = self.chosen(), len(self.list.chosen_rows()) > 1
        one = self.tr("Choose a run first.") if line is None else self.tr("Choose a single run.") if several else ""
        recipe = line.state.recipe if line else None
        no_recipe = "" if recipe else self.tr("Its recipe cannot be read.")
        no_model = "" if line and line.model else self.tr("It has left no model.")
        goes_on = self.tr("It goes on now.") if line and line.running else ""
        train = one or no_recipe or ("" if self._may_train else self._why_not)
        tips = {
            self.repeat: (train, self.tr("Train once more with this run's recipe")),
            self.reseed: (train, self.tr("The same recipe with another seed: how much of it is chance?")),
            self.go_on_from: (train or no_model, self.tr("Train with its recipe, beginning from what it has learned")),
            self.copy_recipe: (one or no_recipe, self.tr("Set step 2 as it was for this run")),
            self.note: (one or self._locked, self.tr("Write a note on this run (F2)")),
            self.open_folder: (one, self.tr("Show the run's files")),
            self.trash: (one or self._locked or goes_on, self.tr("Move the run with its model to the system's trash")),
        }
        for action, (why_not, tip) in tips.items():
            action.setEnabled(not why_not)
            action.setToolTip(why_not or tip)
            if action in self.buttons:
                self.buttons[action].setEnabled(not why_not)
                self.buttons[action].setToolTip(why_not or tip)

    @Slot(QPoint)
    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.addActions([*self._of_training, self.copy_recipe])
        menu.addSeparator()
        menu.addActions([self.note, self.open_folder, self.trash])
        menu.popup(self.list.viewport().mapToGlobal(where))

    @Slot()
    def _want_repeat(self) -> None:
        self.repeat_wanted.emit(self.chosen())

    @Slot()
    def _want_reseed(self) -> None:
        self.reseed_wanted.emit(self.chosen())

    @Slot()
    def _want_continue(self) -> None:
        self.continue_wanted.emit(self.chosen())

    @Slot()
    def _want_recipe(self) -> None:
        line = self.chosen()
        if line:
            self.recipe_wanted.emit(line.state.recipe)

    @Slot()
    def _open_folder(self) -> None:
        line = self.chosen()
        if line:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(line.run.folder)))

    # Notes

    @Slot()
    def _edit_note(self) -> None:
        self.list.edit(self.table.index(self.list.chosen_row(), RunColumn.NOTE))

    @Slot(object, str)
    def _keep_note(self, run: RunFolder, note: str) -> None:
        self._errands.add(partial(_write_note, run, note))

    def leave_newest(self) -> None:
        """Remember that the newest run, which stands still, shall be left so."""
        line = self.table.line(0)
        if line.standing is not None:
            self.table.leave(0)
            self._errands.add(partial(_leave, line.run, line.standing))

    # The trash

    @Slot()
    def _ask_about_trash(self) -> None:
        self._doomed = self.chosen()
        if self._doomed is None:
            return
        text = self.tr("Move run {0} to the trash? Its curves, its figures and its model go with it.")
        move = self.tr("Move it")
        self.question.ask(text.format(self._doomed.run.number), move, self.tr("It can be put back from the trash"))

    @Slot()
    def _move_to_trash(self) -> None:
        if self._doomed is not None:
            self._errands.add(partial(_move_to_trash, self._doomed.run))
            self._doomed = None

    @Slot(object)
    def _take_moved(self, _moved: Event) -> None:
        self.trashed.emit()


class _Moved(Event):
    kind = "moved_to_trash"


def _write_note(run: RunFolder, note: str) -> Iterator[Event]:
    write_note(run, note)
    yield from ()


def _leave(run: RunFolder, standing: Standing) -> Iterator[Event]:
    leave(run, standing)
    yield from ()


def _move_to_trash(run: RunFolder) -> Iterator[Event]:
    if not QFile.moveToTrash(str(run.folder)):
        remedy = "Delete the folder by hand if it is not wanted any more."
        raise ProjectError("cannot be moved to the trash", path=run.folder, remedy=remedy)
    yield _Moved()

"""The window: a rail of four steps, the chosen step beside it, and what connects the panels to each other."""

import os
from pathlib import Path

from PySide6.QtCore import QProcess, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core import events
from tlstudio.core.draft import Draft
from tlstudio.core.errors import BadRecipe, TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe
from tlstudio.ui.about import show_about
from tlstudio.ui.activity import Activity
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.dataset.panel import DatasetPanel
from tlstudio.ui.dragging import Dragging
from tlstudio.ui.drops import Deed
from tlstudio.ui.incoming import Incoming
from tlstudio.ui.instance import Request, command_for_new_window
from tlstudio.ui.job import Job, start_errand
from tlstudio.ui.menus import Menus
from tlstudio.ui.messages import LogLines, LogWindow, MessageBar
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.model.seeing.windows import SeeingWindows
from tlstudio.ui.predict.export_dialog import ExportDialog
from tlstudio.ui.predict.follow_up import FollowUp
from tlstudio.ui.predict.panel import PredictPanel
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.preferences_dialog.dialog import PreferencesDialog
from tlstudio.ui.preferences_dialog.networks import choose_weights
from tlstudio.ui.project_holder import ProjectHolder
from tlstudio.ui.projects import MissingProject, ProjectOpened
from tlstudio.ui.rail import Rail, RailButton, Step
from tlstudio.ui.read_only import ReadOnlyStrip, why_not_changeable
from tlstudio.ui.readiness import why_not_trainable
from tlstudio.ui.status import Status
from tlstudio.ui.theme import SPACE, Scheme, Theme
from tlstudio.ui.thumbnails import Thumbnails
from tlstudio.ui.training.panel import TrainingPanel
from tlstudio.ui.undoing import History, UndoActions

WIDE = 1700
SMALLEST = (1024, 640)
FIRST_SIZE = (1366, 740)
CLOSING_POLL = 50


class MainWindow(QMainWindow):
    """Makes the panels, hands each what it needs, and holds the one open project.

    Signals:
        closing: a person closed the window; what runs is being stopped.
        closed: the window is closed and nothing runs any more.
    """

    closing = Signal()
    closed = Signal()

    def __init__(self, preferences: Preferences, theme: Theme, chooser: FileChooser | None = None) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setMinimumSize(*SMALLEST)
        self.preferences = preferences
        self.theme = theme
        self._chooser = chooser or FileChooser(preferences)
        self.projects = ProjectHolder(preferences, self._may_leave, self)
        self.incoming = Incoming(self, self._chooser, self._deed_here)
        self._step = Step.PICTURES
        self._closing = False
        self._log_lines = LogLines()
        self._log_window: LogWindow | None = None
        self._make_panels()
        self._lay_out()
        pictures = History(self.dataset_panel.undo, self.dataset_panel.redo, self)
        self.dataset_panel.history_changed.connect(pictures.take)
        answers = History(self.predict_panel.undo_sorting, None, self)
        self.predict_panel.history_changed.connect(answers.take)
        self.undoing = UndoActions(pictures, History.of_stack(self.model_panel.undo_stack), answers, self)
        self.menus = Menus(self, self.undoing, theme.scheme)
        self.dragging = Dragging(self, self.rail, self._pages, self.predict_panel.has_model, self._has_project)
        dataset, _model, training, predict = self.panels
        self.follow_up = FollowUp(
            predict, dataset, self.projects, self.incoming, self.message_bar, self.menus.undo_sorting
        )
        self.activity = Activity(dataset, training, predict, self.status, self.menus.stop)
        self._connect_menus()
        self._connect_panels()
        self._connect_files()
        self.training_panel.set_recipe(self.model_panel.recipe())
        self._show_project(None)
        self.predict_panel.close_model()
        self.show_step(Step.PICTURES)
        self.resize(*FIRST_SIZE)
        self.restoreGeometry(preferences.geometry)

    def _make_panels(self) -> None:
        self.rail = Rail()
        self.message_bar = MessageBar()
        self.read_only_strip = ReadOnlyStrip()
        self.status = Status()
        self.dataset_panel = DatasetPanel(self._chooser, self.preferences)
        self.model_panel = ModelPanel()
        self.seeing = SeeingWindows(self.model_panel, self._folder, self._chooser, self)
        self.closing.connect(self.seeing.close)
        self.training_panel = TrainingPanel(self._chooser)
        self.predict_panel = PredictPanel(self._chooser)

    def _lay_out(self) -> None:
        self._work = QSplitter(Qt.Orientation.Horizontal)
        self._work.setChildrenCollapsible(False)
        self._work.setHandleWidth(SPACE)
        self._work.addWidget(self.model_panel)
        self._work.addWidget(self.training_panel)
        self._pages = QStackedWidget()
        for page in (self.dataset_panel, self._work, self.predict_panel):
            self._pages.addWidget(page)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.read_only_strip)
        right.addWidget(self.message_bar)
        right.addWidget(self._pages, 1)
        central = QWidget()
        row = QHBoxLayout(central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
        self.setCentralWidget(central)
        self.setStatusBar(self.status)

    def _connect_menus(self) -> None:
        menus = self.menus
        menus.new_wanted.connect(self.leave_project)
        menus.new_window_wanted.connect(self._open_new_window)
        menus.open_wanted.connect(self.incoming.choose_project)
        menus.open_model_wanted.connect(self.incoming.choose_model)
        menus.export_wanted.connect(self._export_model)
        menus.project_wanted.connect(self.projects.open)
        menus.recent_wanted.connect(self.projects.look_for_recent)
        menus.removal_wanted.connect(self.projects.forget)
        menus.import_wanted.connect(self._choose_pictures)
        menus.import_copy_wanted.connect(self.dataset_panel.choose_folder_to_copy)
        menus.sample_wanted.connect(self.projects.begin_sample)
        menus.preferences_wanted.connect(self._show_preferences)
        menus.quit_wanted.connect(self.close)
        menus.paste_wanted.connect(self._paste)
        menus.find_wanted.connect(self._find)
        menus.step_wanted.connect(self._choose_step)
        menus.scheme_wanted.connect(self._choose_scheme)
        menus.rescan_wanted.connect(self.dataset_panel.rescan)
        menus.train_wanted.connect(self._train_or_go_on)
        menus.pause_wanted.connect(self.training_panel.pause_or_go_on)
        menus.stop_wanted.connect(self.activity.stop)
        menus.log_wanted.connect(self._show_log)
        menus.about_wanted.connect(self._show_about)

    def _connect_panels(self) -> None:
        self.rail.step_chosen.connect(self._choose_step)
        dataset, model, training, predict = self.panels
        for panel in self.panels:
            panel.failed.connect(self.message_bar.show_error)
        dataset.summary_changed.connect(self.rail.button(Step.PICTURES).show_summary)
        model.summary_changed.connect(self.rail.button(Step.NETWORK).show_summary)
        training.summary_changed.connect(self.rail.button(Step.TRAINING).show_summary)
        predict.summary_changed.connect(self.rail.button(Step.PREDICT).show_summary)
        predict.summary_changed.connect(self._offer_export)
        dataset.said.connect(self._say_of_pictures)
        self.message_bar.undo_wanted.connect(dataset.take_back)
        dataset.pictures_changed.connect(self._take_pictures)
        dataset.busy_changed.connect(self._settle_project)
        dataset.project_wanted.connect(self.projects.begin)
        dataset.sample_wanted.connect(self.projects.begin_sample)
        dataset.project_folder_wanted.connect(self.projects.open)
        dataset.train_wanted.connect(self._ask_or_train)
        dataset.fit_chosen.connect(model.choose_fit)
        model.training_wanted.connect(self._go_on_to_training)
        model.import_wanted.connect(self._choose_weights)
        model.networks_wanted.connect(self._show_networks)
        model.recipe_changed.connect(training.set_recipe)
        model.recipe_changed.connect(dataset.show_recipe)
        training.pausable_changed.connect(self.menus.pause.setEnabled)
        training.recipe_wanted.connect(self._edit_recipe)
        training.run_chosen.connect(model.show_run_report)
        training.trained.connect(self._take_model)
        training.measured.connect(model.take_measurement)
        training.predict_requested.connect(self._go_on_to_predict)
        training.results_view.pictures_wanted.connect(self._show_in_pictures)
        predict.files_wanted.connect(self.incoming.classify)
        predict.paste_wanted.connect(self.incoming.paste)
        predict.model_wanted.connect(self.incoming.choose_model)
        predict.said.connect(self._say)

    def _connect_files(self) -> None:
        projects, incoming, dragging = self.projects, self.incoming, self.dragging
        projects.changed.connect(self._show_project)
        projects.left.connect(self.predict_panel.close_model)
        projects.opened.connect(self._take_opened)
        projects.recent_changed.connect(self._show_recent)
        projects.recent_gone.connect(self.menus.grey_out)
        projects.failed.connect(self._show_failure)
        projects.freed.connect(self.read_only_strip.show_free)
        self.read_only_strip.change_wanted.connect(projects.take_over)
        incoming.model_came.connect(self._open_model)
        incoming.project_came.connect(projects.open)
        incoming.weights_came.connect(self._import_weights)
        incoming.pictures_to_add.connect(self._add)
        incoming.pictures_to_classify.connect(self._classify)
        incoming.came.connect(self.message_bar.clear)
        incoming.refused.connect(self.message_bar.warn)
        incoming.failed.connect(self.message_bar.show_error)
        dragging.step_wanted.connect(self._choose_step)
        dragging.files_dropped.connect(incoming.take_dropped)
        dragging.pixels_dropped.connect(incoming.take_pixels)
        dragging.refused.connect(self.message_bar.warn)

    @property
    def panels(self) -> tuple[DatasetPanel, ModelPanel, TrainingPanel, PredictPanel]:
        return self.dataset_panel, self.model_panel, self.training_panel, self.predict_panel

    # Steps

    @property
    def step(self) -> Step:
        return self._step

    def show_step(self, step: Step) -> None:
        """Fill the window with a step."""
        self._step = step
        self.dragging.step = step
        self.undoing.show_step(step)
        self.rail.show_step(step)
        self._pages.setCurrentIndex({Step.PICTURES: 0, Step.PREDICT: 2}.get(step, 1))
        self._arrange()

    def _arrange(self) -> None:
        """Network and Training stand side by side where there is room; else the one that was chosen."""
        wide = self.width() >= WIDE
        self.model_panel.setVisible(wide or self._step != Step.TRAINING)
        self.training_panel.setVisible(wide or self._step == Step.TRAINING)
        self.model_panel.next_button.setVisible(not wide)  # beside it there is Train itself

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._arrange()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        """Enter presses the button that has the focus; Qt by itself does so in dialogs only."""
        focus = self.focusWidget()
        enter = pressed.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not pressed.isAutoRepeat()
        if enter and isinstance(focus, QPushButton | QToolButton | RailButton):
            focus.click()
        else:
            super().keyPressEvent(pressed)

    @Slot(int)
    def _choose_step(self, step: int) -> None:
        self.show_step(Step(step))

    # What is going on

    def load_engine(self) -> None:
        """Load torch now, while the person looks at the window; nothing waits for it that does not need it."""
        self.status.show_facts(self.tr("Loading the engine …"))
        start_errand(self, tasks.load_engine, self._show_engine, self.message_bar.show_error)

    @Slot(object)
    def _show_engine(self, what: Event) -> None:
        if isinstance(what, events.EngineReady):
            device = what.device.upper().partition(":")[0]
            text = self.tr("{device}, %n thread(s)", "", what.threads).format(device=device)
            self.status.show_facts(
                self.tr("{device} · saved").format(device=text),
                self.tr("What computes, and on how many threads. Everything is saved as it happens."),
            )

    # The project

    def _folder(self) -> Path | None:
        return self.project.folder if self.project else None

    @property
    def project(self) -> Project | None:
        return self.projects.project

    def _has_project(self) -> bool:
        return self.project is not None

    def _may_leave(self) -> bool:
        busy = self.training_panel.is_busy()
        if busy:
            self.message_bar.warn(
                self.tr("This project is being trained."),
                self.tr("Pause the training first (Ctrl+P), or stop it and keep its best (Esc)."),
            )
        return not busy

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        """Show why a project did not open; one that is gone leaves the list of recent ones."""
        if isinstance(error, MissingProject):
            self.projects.forget((Path(str(error.path)),))
        self.message_bar.show_error(error)

    @Slot()
    def _show_recent(self) -> None:
        self.menus.show_recent(self.preferences.recent)
        self.dataset_panel.show_recent(self.preferences.recent)

    @Slot(object)
    def _take_opened(self, opened: ProjectOpened) -> None:
        self.message_bar.clear()
        self.show_step(Step.PICTURES)
        if opened.model is not None:
            self.predict_panel.open_model(opened.model)
        if opened.sample:
            self.dataset_panel.draw_sample()
        elif opened.then:
            self.dataset_panel.add(opened.then)

    @Slot(bool)
    def _settle_project(self, busy: bool) -> None:
        if not busy:
            self.projects.settle(self.dataset_panel.is_empty())

    @Slot()
    def leave_project(self) -> None:
        """Show an empty window; the project is saved as it is."""
        if self.projects.leave():
            self.message_bar.clear()
            self.show_step(Step.PICTURES)

    @Slot(object)
    def _show_project(self, project: Project | None) -> None:
        self.setWindowTitle(f"TL Studio — {project.folder.name}" if project else "TL Studio")
        self._show_recent()
        self.read_only_strip.show_project(project)
        self.menus.allow_changes(project is not None, why_not_changeable(project))
        self.dataset_panel.show_project(project)
        self.model_panel.show_project(project)
        self.seeing.close()
        self.training_panel.show_project(project)
        self.predict_panel.show_project(project.folder if project else None)

    @Slot(object)
    def _take_pictures(self, found: events.Inspected | None) -> None:
        """Tell the other panels what there is to learn from."""
        classes = found.classes if found else {}
        training = sum(counts.get("train", 0) for counts in classes.values())
        self.model_panel.show_pictures(len(classes), training)
        self.training_panel.show_pictures(len(classes), training)
        why_not = why_not_changeable(self.project) or why_not_trainable(found)
        self.training_panel.set_ready(not why_not, why_not)
        self.dataset_panel.set_ready(why_not)
        self.menus.train.setEnabled(not why_not)
        self.menus.train.setToolTip(why_not)

    @Slot(str)
    def _say(self, text: str) -> None:
        self.message_bar.say(text)

    @Slot(str, str, bool)
    def _say_of_pictures(self, what: str, warnings: str, undo: bool) -> None:
        show = self.message_bar.warn if warnings else self.message_bar.say
        show(what or warnings, warnings if what else "", undo)

    @Slot()
    def train(self) -> None:
        """Go to the training step and start."""
        self.show_step(Step.TRAINING)
        self.training_panel.train()

    @Slot()
    def _ask_or_train(self) -> None:
        self.show_step(Step.TRAINING)
        self.training_panel.ask_or_train()

    @Slot()
    def _train_or_go_on(self) -> None:
        self.show_step(Step.TRAINING)
        self.training_panel.train_or_go_on()

    @Slot(object)
    def _edit_recipe(self, recipe: Recipe) -> None:
        """Take an earlier run's recipe up in step 2."""
        try:
            self.model_panel.show_draft(Draft.of(recipe))
        except BadRecipe as error:
            self.message_bar.show_error(error)
            return
        self.show_step(Step.NETWORK)

    @Slot(str)
    def _take_model(self, path: str) -> None:
        self.predict_panel.open_model(Path(path))

    @Slot()
    def _go_on_to_training(self) -> None:
        self.show_step(Step.TRAINING)
        self.training_panel.train_button.setFocus()

    @Slot(str)
    def _go_on_to_predict(self, path: str) -> None:
        self.predict_panel.open_model(Path(path))
        self.show_step(Step.PREDICT)

    # Files that come in

    def _deed_here(self, loose: bool) -> Deed:
        """What a drop on this page would do; where that is not one thing, files are to classify, folders to add."""
        if self._step == Step.PREDICT and self.predict_panel.has_model():
            return Deed.CLASSIFY
        if self._step == Step.PICTURES and self.project is not None:
            return Deed.ADD
        return Deed.CLASSIFY if loose else Deed.ADD

    @Slot()
    def _paste(self) -> None:
        """What is on the clipboard joins the class that is chosen among the pictures; elsewhere it is classified."""
        joins = self._step == Step.PICTURES and self.dataset_panel.has_class_chosen()
        self.incoming.paste(Deed.ADD if joins else Deed.CLASSIFY)

    @Slot(object)
    def _open_model(self, path: Path) -> None:
        self.show_step(Step.PREDICT)
        self.predict_panel.open_model(path)

    @Slot()
    def _offer_export(self) -> None:
        is_open = self.predict_panel.model_file() is not None
        self.menus.export.setEnabled(is_open)
        self.menus.export.setToolTip(
            self.tr("Write the open model for other programs") if is_open else self.tr("Train or open a model first")
        )

    @Slot()
    def _export_model(self) -> None:
        model = self.predict_panel.model_file()
        if model is not None:
            dialog = ExportDialog(model, self._chooser, self)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

    @Slot(object, bool)
    def _add(self, paths: tuple[Path, ...], loose: bool) -> None:
        self.show_step(Step.PICTURES)
        self.dataset_panel.add(paths, loose)

    @Slot(object)
    def _classify(self, paths: list[Path]) -> None:
        self.show_step(Step.PREDICT)
        self.predict_panel.classify(paths)

    @Slot(object)
    def _show_in_pictures(self, paths: list[str]) -> None:
        self.show_step(Step.PICTURES)
        self.dataset_panel.show_paths(paths)

    @Slot()
    def _choose_pictures(self) -> None:
        self.show_step(Step.PICTURES)
        self.dataset_panel.choose_folder()

    @Slot()
    def _find(self) -> None:
        if self._step == Step.NETWORK:
            self.model_panel.begin_search()
            return
        self.show_step(Step.PICTURES)
        self.dataset_panel.focus_filter()

    # The rest

    @Slot(object)
    def answer(self, request: Request) -> None:
        """Come to the front and open what another start of the program was given."""
        if request.token:
            os.environ["XDG_ACTIVATION_TOKEN"] = request.token  # where Qt looks for it on Wayland
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.incoming.open_paths(request.paths)

    @Slot()
    def _open_new_window(self) -> None:
        program, *arguments = command_for_new_window()
        QProcess.startDetached(program, arguments)

    @Slot(str)
    def _choose_scheme(self, scheme: Scheme) -> None:
        self.preferences.theme = scheme
        self.theme.choose(scheme)

    @Slot()
    def _show_preferences(self) -> None:
        self._open_preferences()

    @Slot()
    def _show_networks(self) -> None:
        self._open_preferences().show_networks(self.model_panel.recipe().backbone)

    @Slot()
    def _choose_weights(self) -> None:
        if paths := choose_weights(self._chooser, self):
            self._open_preferences().bring_in(paths)

    @Slot(object)
    def _import_weights(self, paths: tuple[Path, ...]) -> None:
        self._open_preferences().bring_in(paths)

    def _open_preferences(self) -> PreferencesDialog:
        """The dialog that is open, or a new one."""
        for dialog in self.findChildren(PreferencesDialog):
            if dialog.isVisible():
                return dialog
        dialog = PreferencesDialog(self.preferences, self.theme, self._chooser, self)
        dialog.finished.connect(self._follow_preferences)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    @Slot()
    def _follow_preferences(self) -> None:
        self.menus.schemes[self.theme.scheme].setChecked(True)
        self.model_panel.look_for_weights()

    @Slot()
    def _show_log(self) -> None:
        self._log_window = self._log_window or LogWindow(self._log_lines, self)
        self._log_window.show()
        self._log_window.activateWindow()

    @Slot()
    def _show_about(self) -> None:
        show_about(self)

    def closeEvent(self, closing: QCloseEvent) -> None:
        """Close at once when nothing runs; else ask it to stop or pause, stay answerable, and close when it has."""
        self.preferences.geometry = self.saveGeometry()
        is_first, self._closing = not self._closing, True
        if is_first:
            self.closing.emit()
        if self._running():
            closing.ignore()
            if is_first:
                self._stop_everything()
            return
        for panel in self.panels:
            panel.shut_down()
        self.projects.shut_down()
        self._log_lines.close()
        closing.accept()
        self.closed.emit()

    def _stop_everything(self) -> None:
        self.projects.stop()
        if self.training_panel.is_busy():
            what = self.tr("Stopping the training and keeping its best so far.")
            if self.training_panel.suspend():
                what = self.tr("Pausing the training; when the project is opened again, it can go on where it stands.")
            self.message_bar.say(what, self.tr("The window closes by itself when that is done."))
        else:
            self.hide()
        self.dataset_panel.stop()  # what waits in their queues must not start any more
        self.predict_panel.stop()
        for thumbnails in self.findChildren(Thumbnails):
            thumbnails.stop()
        for job in self._running():
            if job.parent() is not self.training_panel:
                job.stop()
        self._poll = QTimer(self)
        self._poll.setInterval(CLOSING_POLL)
        self._poll.timeout.connect(self._close_when_done)
        self._poll.start()

    def _running(self) -> list[Job]:
        return [job for job in self.findChildren(Job) if job.isRunning()]

    @Slot()
    def _close_when_done(self) -> None:
        if not self._running():
            self._poll.stop()
            self.close()

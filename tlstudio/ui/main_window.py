"""The window: a rail of four steps, the chosen step beside it, and what connects the panels to each other."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import __version__, tasks
from tlstudio.core import events
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe
from tlstudio.ui import drops, projects
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.dataset.panel import DatasetPanel
from tlstudio.ui.dragging import Dragging
from tlstudio.ui.drops import Deed, Kind
from tlstudio.ui.job import Job
from tlstudio.ui.menus import Menus
from tlstudio.ui.messages import LogLines, LogWindow, MessageBar
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.predict.panel import PredictPanel
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.preferences_dialog.dialog import PreferencesDialog
from tlstudio.ui.preferences_dialog.networks import choose_weights
from tlstudio.ui.rail import Rail, RailButton, Step
from tlstudio.ui.status import Status
from tlstudio.ui.theme import SPACE, Scheme, Theme
from tlstudio.ui.thumbnails import Thumbnails
from tlstudio.ui.training.panel import TrainingPanel

WIDE = 1700
SMALLEST = (1024, 640)
FIRST_SIZE = (1366, 740)
CLOSING_POLL = 50
_log = logging.getLogger("tlstudio")


class MainWindow(QMainWindow):
    """Makes the panels, hands each what it needs, and holds the one open project.

    Signals:
        closed: the window is closed and nothing runs any more.
    """

    closed = Signal()

    def __init__(self, preferences: Preferences, theme: Theme, chooser: FileChooser | None = None) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setMinimumSize(*SMALLEST)
        self.preferences = preferences
        self.theme = theme
        self.project: Project | None = None
        # The open project as long as it waits for the pictures it was begun for.
        self._begun: Project | None = None
        self._chooser = chooser or FileChooser(preferences)
        self._step = Step.PICTURES
        self._working: QWidget | None = None
        self._closing = False
        self._log_lines = LogLines()
        self._log_window: LogWindow | None = None
        self._make_panels()
        self._lay_out()
        self.menus = Menus(self, self.model_panel.undo_stack, theme.scheme)
        self._connect_menus()
        self._connect_panels()
        self.training_panel.set_recipe(self.model_panel.recipe())
        self.dragging = Dragging(self, self.rail, self._pages, self.predict_panel.has_model)
        self.dragging.step_wanted.connect(self._choose_step)
        self.dragging.files_dropped.connect(self._take_files)
        self.dragging.pixels_dropped.connect(self._take_pixels)
        self.dragging.refused.connect(self._refuse_drop)
        self.menus.show_recent(preferences.recent)
        self._show_project(None)
        self.predict_panel.close_model()
        self.show_step(Step.PICTURES)
        self.resize(*FIRST_SIZE)
        self.restoreGeometry(preferences.geometry)

    def _make_panels(self) -> None:
        self.rail = Rail()
        self.message_bar = MessageBar()
        self.status = Status()
        self.dataset_panel = DatasetPanel(self._chooser, self.preferences)
        self.model_panel = ModelPanel()
        self.training_panel = TrainingPanel()
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
        menus.open_wanted.connect(self._choose_project)
        menus.open_model_wanted.connect(self._choose_model)
        menus.project_wanted.connect(self.open_project)
        menus.import_wanted.connect(self._choose_pictures)
        menus.sample_wanted.connect(self._try_sample)
        menus.preferences_wanted.connect(self._show_preferences)
        menus.quit_wanted.connect(self.close)
        menus.paste_wanted.connect(self._paste)
        menus.find_wanted.connect(self._find)
        menus.step_wanted.connect(self._choose_step)
        menus.scheme_wanted.connect(self._choose_scheme)
        menus.rescan_wanted.connect(self.dataset_panel.rescan)
        menus.train_wanted.connect(self.train)
        menus.stop_wanted.connect(self._stop)
        menus.log_wanted.connect(self._show_log)
        menus.about_wanted.connect(self._show_about)

    def _connect_panels(self) -> None:
        self.rail.step_chosen.connect(self._choose_step)
        self.status.cancel_wanted.connect(self._stop)
        dataset, model, training, predict = self.panels
        for panel in self.panels:
            panel.failed.connect(self.message_bar.show_error)
        dataset.said.connect(self._say_of_pictures)
        self.message_bar.undo_wanted.connect(dataset.take_back)
        dataset.summary_changed.connect(self._show_dataset_summary)
        dataset.pictures_changed.connect(self._take_pictures)
        dataset.progressed.connect(self._show_dataset_progress)
        dataset.busy_changed.connect(self._rest_unless)
        dataset.busy_changed.connect(self._settle_beginning)
        dataset.project_wanted.connect(self._begin_project)
        dataset.sample_wanted.connect(self._try_sample)
        dataset.project_folder_wanted.connect(self.open_project)
        dataset.train_wanted.connect(self.train)
        model.summary_changed.connect(self._show_model_summary)
        model.training_wanted.connect(self._go_on_to_training)
        model.import_wanted.connect(self._choose_weights)
        model.networks_wanted.connect(self._show_networks)
        model.recipe_changed.connect(training.set_recipe)
        model.recipe_changed.connect(self._take_recipe)
        training.summary_changed.connect(self._show_training_summary)
        training.progressed.connect(self._show_training_progress)
        training.busy_changed.connect(self._rest_unless)
        training.trained.connect(self._take_model)
        training.measured.connect(model.take_measurement)
        training.predict_requested.connect(self._go_on_to_predict)
        predict.summary_changed.connect(self._show_predict_summary)
        predict.progressed.connect(self._show_predict_progress)
        predict.busy_changed.connect(self._rest_unless)
        predict.files_wanted.connect(self._classify)
        predict.paste_wanted.connect(self._paste)
        predict.model_wanted.connect(self._choose_model)
        predict.said.connect(self._say)

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

    @Slot(str)
    def _show_dataset_summary(self, text: str) -> None:
        self.rail.show_summary(Step.PICTURES, text)

    @Slot(str)
    def _show_model_summary(self, text: str) -> None:
        self.rail.show_summary(Step.NETWORK, text)

    @Slot(str)
    def _show_training_summary(self, text: str) -> None:
        self.rail.show_summary(Step.TRAINING, text)

    @Slot(str)
    def _show_predict_summary(self, text: str) -> None:
        self.rail.show_summary(Step.PREDICT, text)

    # What is going on

    def _start(self, work: Callable[[], Iterator[Event]], report: Callable[[Event], None]) -> None:
        """Run a short errand of the window's own."""
        job = Job(lambda _stop: work(), self)
        job.reported.connect(report)
        job.failed.connect(self._show_failure)
        job.finished.connect(job.deleteLater)
        job.start()

    def load_engine(self) -> None:
        """Load torch now, while the person looks at the window; nothing waits for it that does not need it."""
        self.status.show_facts(self.tr("Loading the engine …"))
        self._start(tasks.load_engine, self._show_engine)

    @Slot(object)
    def _show_engine(self, what: Event) -> None:
        if isinstance(what, events.EngineReady):
            device = what.device.upper().partition(":")[0]
            text = self.tr("{device}, %n thread(s)", "", what.threads).format(device=device)
            self.status.show_facts(
                self.tr("{device} · saved").format(device=text),
                self.tr("What computes, and on how many threads. Everything is saved as it happens."),
            )

    @Slot(object)
    def _show_dataset_progress(self, progress: events.Progress) -> None:
        self._show_progress(self.dataset_panel, progress)

    @Slot(object)
    def _show_training_progress(self, progress: events.Progress) -> None:
        self._show_progress(self.training_panel, progress)

    @Slot(object)
    def _show_predict_progress(self, progress: events.Progress) -> None:
        self._show_progress(self.predict_panel, progress)

    def _show_progress(self, panel: QWidget, progress: events.Progress) -> None:
        self._working = panel
        self.menus.stop.setEnabled(True)
        # The training page has a bar and a Stop of its own: there is one of each for one thing.
        self.status.show_progress(progress, not (panel is self.training_panel and panel.isVisible()))

    @Slot(bool)
    def _rest_unless(self, busy: bool) -> None:
        self.menus.stop.setEnabled(busy or self.training_panel.is_busy())
        if not busy:
            self._working = None
            self.status.show_rest()

    @Slot()
    def _stop(self) -> None:
        """Stop what reported last; before anything has, whatever is busy."""
        busy = [panel for panel in (self.predict_panel, self.dataset_panel, self.training_panel) if panel.is_busy()]
        last = next((panel for panel in busy if panel is self._working), busy[0] if busy else None)
        if last is not None:
            last.stop()

    # Projects

    @Slot(object)
    def open_project(self, folder: Path) -> None:
        """Open a project, or begin one in an empty folder."""
        if not self._may_leave():
            return
        self._start(lambda: projects.open_project(folder), self._take_project)

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        """Show why an errand failed; a project that is gone leaves the list of recent ones."""
        if isinstance(error, projects.MissingProject):
            self.preferences.forget_project(Path(str(error.path)))
            self._show_recent()
        self.message_bar.show_error(error)

    def _show_recent(self) -> None:
        self.menus.show_recent(self.preferences.recent)
        self.dataset_panel.show_recent(self.preferences.recent)

    @Slot(object)
    def _begin_project(self, paths: tuple[Path, ...]) -> None:
        """Begin a project for pictures that were given to an empty window."""
        home, name = self.preferences.projects_home, paths[0].stem if paths[0].suffix == ".csv" else paths[0].name
        self._start(lambda: projects.begin_project(home, name, paths), self._take_project)

    @Slot()
    def _try_sample(self) -> None:
        if self._may_leave():
            home, name = self.preferences.projects_home, self.tr("Sample shapes")
            self._start(lambda: projects.begin_project(home, name, sample=True), self._take_project)

    def _may_leave(self) -> bool:
        busy = self.training_panel.is_busy()
        if busy:
            self.message_bar.warn(
                self.tr("This project is being trained."), self.tr("Stop the training first (Esc); it keeps its best.")
            )
        return not busy

    @Slot(object)
    def _take_project(self, opened: Event) -> None:
        if not isinstance(opened, projects.ProjectOpened):
            return
        if self._closing:
            opened.project.close()
            return
        self.message_bar.hide()
        self._show_project(opened.project)
        self.show_step(Step.PICTURES)
        self.preferences.remember_project(opened.project.folder)
        self._show_recent()
        if opened.model is not None:
            self.predict_panel.open_model(opened.model)
        self._begun = opened.project if opened.begun else None
        if opened.sample:
            self.dataset_panel.draw_sample()
        elif opened.then:
            self.dataset_panel.add(opened.then)

    @Slot(bool)
    def _settle_beginning(self, busy: bool) -> None:
        """Keep a project that was begun for pictures if it got some; else it never was."""
        begun = self._begun
        if busy or begun is None:
            return
        self._begun = None
        if begun is self.project and self.dataset_panel.is_empty():
            self.project = None  # not left as others are: a model that is open stays open
            self._show_project(None)
            begun.close()
            self.preferences.forget_project(begun.folder)
            self._show_recent()
            self._start(lambda: projects.remove_empty(begun.folder), self._note)

    @Slot(object)
    def _note(self, _what: Event) -> None:
        """For errands with nothing to report."""

    @Slot()
    def leave_project(self) -> None:
        """Show an empty window; the project is saved as it is."""
        if self._may_leave():
            self.message_bar.hide()
            self._show_project(None)
            self.show_step(Step.PICTURES)

    def _show_project(self, project: Project | None) -> None:
        before, self.project = self.project, project
        self.setWindowTitle(f"TL Studio — {project.folder.name}" if project else "TL Studio")
        self.dataset_panel.show_recent(self.preferences.recent)
        self.dataset_panel.show_project(project)
        self.model_panel.show_project(project)
        self.training_panel.show_project(project)
        if before is not None:
            self.predict_panel.close_model()
            before.close()

    @Slot(object)
    def _take_pictures(self, found: events.Inspected | None) -> None:
        """Tell the other panels what there is to learn from."""
        classes = found.classes if found else {}
        training = sum(counts.get("train", 0) for counts in classes.values())
        self.model_panel.show_pictures(len(classes), training)
        self.training_panel.show_pictures(len(classes), training)
        why_not = self._why_not_trainable(found)
        self.training_panel.set_ready(not why_not, why_not)
        self.dataset_panel.set_ready(why_not)
        self.menus.train.setEnabled(not why_not)
        self.menus.train.setToolTip(why_not)

    def _why_not_trainable(self, found: events.Inspected | None) -> str:
        if found is None or not found.classes:
            return self.tr("Training needs pictures. Add a folder with one folder inside it per class.")
        if len(found.classes) < 2:
            return self.tr("Training needs pictures in at least two classes. You have one: add another.")
        for name, counts in found.classes.items():
            if not counts.get("train"):
                return self.tr("Class “{name}” has no picture to train on. Add some.").format(name=name)
        if not any(counts.get("val") for counts in found.classes.values()):
            return self.tr("There are no pictures to check with. Add more of each class.")
        return ""

    @Slot(object)
    def _take_recipe(self, recipe: Recipe) -> None:
        self.dataset_panel.show_backbone(recipe.backbone)

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

    @Slot()
    def _choose_project(self) -> None:
        folder = self._chooser.folder(self, self.tr("Open a project"))
        if folder is not None:
            self.open_project(folder)

    @Slot()
    def _choose_model(self) -> None:
        chosen = self._chooser.files(self, self.tr("Open a model"), self.tr("TL Studio models (*.tlmodel)"))
        if chosen:
            self._open_model(chosen[0])

    def _open_model(self, path: Path) -> None:
        self.show_step(Step.PREDICT)
        self.predict_panel.open_model(path)

    @Slot()
    def _choose_pictures(self) -> None:
        self.show_step(Step.PICTURES)
        self.dataset_panel.choose_folder()

    @Slot()
    def _find(self) -> None:
        self.show_step(Step.PICTURES)
        self.dataset_panel.focus_filter()

    def open_paths(self, paths: list[Path]) -> None:
        """What `tlstudio PATH…` gave: a project, a model, a folder of class folders, or pictures to classify."""
        if paths:
            given = tuple(path.absolute() for path in paths)
            self._start(lambda: drops.recognise(given), self._open_recognised)

    @Slot(object)
    def _open_recognised(self, what: Event) -> None:
        if isinstance(what, drops.Recognised):
            self._do(Deed.CLASSIFY if what.loose else Deed.ADD, what)

    @Slot(object)
    def _add_recognised(self, what: Event) -> None:
        if isinstance(what, drops.Recognised):
            self._do(Deed.ADD, what)

    @Slot(object)
    def _classify_recognised(self, what: Event) -> None:
        if isinstance(what, drops.Recognised):
            self._do(Deed.CLASSIFY, what)

    def _do(self, deed: Deed, what: drops.Recognised) -> None:
        if what.what == Kind.MODEL:
            self._open_model(what.paths[0])
        elif what.what == Kind.PROJECT:
            self.open_project(what.paths[0])
        elif what.what == Kind.WEIGHTS:
            self._open_preferences().bring_in(what.paths)
        elif deed == Deed.CLASSIFY:
            self.show_step(Step.PREDICT)
            self.predict_panel.classify(list(what.paths))
        else:
            self.show_step(Step.PICTURES)
            self.dataset_panel.add(what.paths, what.loose)

    @Slot(object)
    def _classify(self, paths: tuple[Path, ...]) -> None:
        self._start(lambda: drops.recognise(paths), self._classify_recognised)

    @Slot()
    def _paste(self) -> None:
        """Classify what is on the clipboard."""
        given = QGuiApplication.clipboard().mimeData()
        refusal = drops.why_not(given)
        if refusal:
            self.message_bar.warn(refusal)
        elif paths := drops.local_paths(given):
            self._classify(paths)
        else:
            self._take_pixels(drops.Pixels.of(given))

    @Slot(object, object)
    def _take_files(self, deed: Deed, paths: tuple[Path, ...]) -> None:
        self.message_bar.hide()
        report = self._classify_recognised if deed == Deed.CLASSIFY else self._add_recognised
        self._start(lambda: drops.recognise(paths), report)

    @Slot(object)
    def _take_pixels(self, pixels: drops.Pixels) -> None:
        self._start(pixels.keep, self._classify_recognised)

    @Slot(str, str)
    def _refuse_drop(self, what: str, remedy: str) -> None:
        self.message_bar.warn(what, remedy)

    # The rest

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
        text = self.tr(
            "TL Studio {version}\n\nAdapts a pretrained image network to your own classes, on this computer only.\n\n"
            "The window is made with Qt and PySide6, under the LGPL version 3; the networks run on PyTorch."
        )
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("About TL Studio"), text.format(version=__version__))
        box.setParent(self, Qt.WindowType.Dialog)
        box.setIconPixmap(self.windowIcon().pixmap(64, 64))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def closeEvent(self, closing: QCloseEvent) -> None:
        """Close at once when nothing runs; else ask it to stop, stay answerable, and close when it has."""
        self.preferences.geometry = self.saveGeometry()
        if self._running():
            closing.ignore()
            if not self._closing:
                self._closing = True
                self._stop_everything()
            return
        for panel in self.panels:
            panel.shut_down()
        if self.project is not None:
            self.project.close()
            self.project = None
        self._log_lines.close()
        closing.accept()
        self.closed.emit()

    def _stop_everything(self) -> None:
        if self.training_panel.is_busy():
            self.message_bar.say(
                self.tr("Stopping the training and keeping its best so far."),
                self.tr("The window closes by itself when that is done."),
            )
            self.training_panel.stop()
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

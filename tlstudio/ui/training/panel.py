"""The training panel: start a run, watch it, pause it, stop it, and hold those there were against each other."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from tlstudio.core import events
from tlstudio.core.backbones import backbone
from tlstudio.core.comparison import Replayed
from tlstudio.core.errors import BadRecipe, TLStudioError, TrainingPaused
from tlstudio.core.estimate import Measured
from tlstudio.core.project import Project
from tlstudio.core.recipe import Guard, Recipe, guards, make_recipe
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.labels import muted
from tlstudio.ui.read_only import why_not_changeable
from tlstudio.ui.training import run_control, standing
from tlstudio.ui.training.controls import Able, Controls
from tlstudio.ui.training.guard_note import GuardNote
from tlstudio.ui.training.history import RunLine
from tlstudio.ui.training.offer_note import OfferNote
from tlstudio.ui.training.phase_strip import PhaseStrip, place_of
from tlstudio.ui.training.progress_line import ProgressLine
from tlstudio.ui.training.result_line import ResultLine
from tlstudio.ui.training.run_control import Order, RunControl
from tlstudio.ui.training.runs_page import RunsPage

REDRAW_INTERVAL = 100  # ms


class TrainingPanel(QWidget):
    """Runs the recipe on the project's pictures and keeps the list of runs; `control` has the run that goes on.

    Signals:
        summary_changed: one line for the rail, such as "93.2 % (91–95)" or "phase 1 of 2 · epoch 2 of 3".
        progressed: events.Progress while a run goes on.
        busy_changed: a run began (True) or ended (False).
        began: the folder of the run that goes on, as soon as it has one.
        pausable_changed: whether there is something to pause, or to go on with.
        trained: the path of the finished run's .tlmodel, also of one stopped half-way.
        measured: estimate.Measured of a run that came to its own end (connect to ModelPanel.take_measurement).
        failed: the TLStudioError that ended a run or kept it from starting.
        predict_requested: the path of the model to classify new pictures with; the user asked for the next step.
        recipe_wanted: the Recipe of an earlier run, to go on editing in step 2.
        run_chosen: the Recipe and the report of the run that is selected in the list; None for none.
    """

    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    began = Signal(str)
    pausable_changed = Signal(bool)
    trained = Signal(str)
    measured = Signal(object)
    failed = Signal(object)
    predict_requested = Signal(str)
    recipe_wanted = Signal(object)
    run_chosen = Signal(object, object)

    def __init__(self, chooser: FileChooser | None = None, parent: QWidget | None = None) -> None:
        """chooser: asks where reports go; the system's dialogs by default."""
        super().__init__(parent)
        self.setObjectName("training_panel")
        self._chooser = chooser
        self._project: Project | None = None
        self._recipe: Recipe | None = None
        self._classes, self._pictures = 0, 0
        self._ready, self._why_not = False, self.tr("Train needs pictures in at least two classes.")
        self._settled: set[str] = set()  # the guards that were asked about and answered with "Train anyway"
        self._done: list[Path] = []  # the runs of a comparison, to be chosen once it is through
        self.control = RunControl(self)
        self._is_new = False  # whether the run that goes on began here and now
        self._asks = False  # whether what is offered is to go on with a run or to begin a new one
        self._goes_to_go_on = False  # where the focus goes once it is known that the run can go on
        self._redraw = QTimer(self, interval=REDRAW_INTERVAL, singleShot=True)
        self._build()
        self._connect()
        self._show_readiness()
        self._show_pace()

    # What the window asks

    def show_project(self, project: Project | None) -> None:
        """Show the runs of a project; train in it from now on."""
        self._project = project
        self._settled = set()
        self._asks = False
        self.guard_note.hide()
        self.offer_note.hide()
        self.control.forget()
        self.runs.show_project(project.folder if project else None)
        self._show_readiness()
        self._show_pace()

    @Slot(object)
    def set_recipe(self, recipe: Recipe) -> None:
        """What the next run does (connect ModelPanel.recipe_changed to it)."""
        self._recipe = recipe
        self.guard_note.hide()  # another recipe is another question
        self._show_readiness()
        self._show_plan()

    @Slot(int, int)
    def show_pictures(self, classes: int, training_pictures: int) -> None:
        """Say how many classes and training pictures there are; the guards ask by them."""
        self._classes, self._pictures = classes, training_pictures

    @Slot(bool, str)
    def set_ready(self, ok: bool, why_not: str) -> None:
        """Allow training, or say why it cannot start yet ("Train needs pictures in at least two classes.")."""
        self._ready, self._why_not = ok, why_not
        self._show_readiness()
        self._show_plan()

    @Slot()
    def train(self) -> None:
        """Start a run, after asking about what is risky in the recipe. While a question is open, nothing happens."""
        if not self._can_train() or self._recipe is None or not self.guard_note.isHidden():
            return
        open_questions = [g for g in self._risks(self._recipe) if g.text not in self._settled]
        if open_questions:
            self.guard_note.ask_about(open_questions)
        else:
            self._start()

    @Slot()
    def train_or_go_on(self) -> None:
        """Go on with the newest run where that stands still and was not left, else start a new one."""
        line = self._offered()
        if line is not None:
            self.resume_run(line.run)
        else:
            self.train()

    @Slot()
    def ask_or_train(self) -> None:
        """Start a run; where one stands still that was not left, ask first which of the two is wanted."""
        self._asks = self._offered() is not None
        if self._asks:
            self._offer_unfinished()
            self.offer_note.yes_button.setFocus()
        else:
            self.train()

    @Slot()
    def pause_or_go_on(self) -> None:
        """Pause the run that goes on, or go on with the one that stands still."""
        if self.pause_button.isEnabled():
            self.pause_button.click()

    @Slot(object)
    def resume_run(self, run: RunFolder) -> None:
        """Go on with an unfinished run, exactly where it stands."""
        if self._project is None or self.is_busy() or self._locked():
            return
        row = self.runs.table.row_of(run)
        state = self.runs.table.line(row).state if row >= 0 else RunState()
        self._begin([run_control.going_on(self._project, run, state)])

    @Slot()
    def stop(self) -> None:
        """Ask the run to end; it keeps the best weights so far."""
        if self.is_busy():
            self.control.stop()
            self._show_readiness()
            self._show_pace()

    def suspend(self) -> bool:
        """Ask the run to stand still, or to end where it cannot; says whether one can go on with it later."""
        can_pause = self.control.can_pause and not self.control.stop_asked
        if can_pause:
            self._pause()
        else:
            self.stop()
        return can_pause

    def is_busy(self) -> bool:
        """Whether a run goes on."""
        return self.control.is_busy()

    def shut_down(self) -> None:
        """Ask the run to end, keeping its best, and wait until it and all reading has ended."""
        self.control.shut_down()
        self.device_box.shut_down()
        self.runs.shut_down()

    # Layout

    def _build(self) -> None:
        self.controls = Controls()
        self.train_button, self.stop_button = self.controls.train_button, self.controls.stop_button
        self.pause_button, self.compare_button = self.controls.pause_button, self.controls.compare_button
        self.device_box = self.controls.device_box
        self.guard_note = GuardNote()
        self.offer_note = OfferNote("unfinished_note", self.tr("A run that can go on"), warns=False)
        self.phase_strip = PhaseStrip()
        self._progress = ProgressLine()
        self.progress_bar = self._progress.bar
        self._pages = QStackedWidget()
        self._pages.addWidget(self._build_empty())
        self.runs = RunsPage(self._chooser)
        self._pages.addWidget(self.runs)
        self.loss_plot, self.accuracy_plot = self.runs.loss_plot, self.runs.accuracy_plot
        self.run_list, self.results_view = self.runs.box.list, self.runs.results_view
        self.warning_note = self.runs.warning_note
        self.result_line = ResultLine()
        self.next_button = self.result_line.next_button
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE)
        column.setSpacing(theme.SPACE)
        for part in (self.controls, self.guard_note, self.offer_note, self.phase_strip, self._progress):
            column.addWidget(part)
        column.addWidget(self._pages, 1)
        column.addWidget(self.warning_note)
        column.addWidget(self.result_line)

    def _build_empty(self) -> QWidget:
        page = QWidget()
        self._empty_title = QLabel()
        self._empty_title.setProperty("role", "title")
        self._empty_hint = muted(QLabel())
        column = QVBoxLayout(page)
        column.addStretch(2)
        for label in (self._empty_title, self._empty_hint):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addStretch(3)
        return page

    def _connect(self) -> None:
        self._redraw.timeout.connect(self._show_live)
        self.train_button.clicked.connect(self.train)
        self.pause_button.clicked.connect(self._pause_or_resume)
        self.stop_button.clicked.connect(self.stop)
        self.compare_button.clicked.connect(self._compare_strategies)
        self.guard_note.accepted.connect(self._take_consent)
        self.guard_note.declined.connect(self.train_button.setFocus)
        self.offer_note.accepted.connect(self._take_offer)
        self.offer_note.declined.connect(self._leave_unfinished)
        self.result_line.predict_requested.connect(self.predict_requested)
        self.control.begun.connect(self._take_begun)
        self.control.reported.connect(self._take_event)
        self.control.failed.connect(self._take_failure)
        self.control.ended.connect(self._end_run)
        for part in (self.device_box, self.runs):
            part.failed.connect(self.failed)
        self.runs.chosen_changed.connect(self._follow_selection)
        self.runs.read.connect(self._take_runs)
        self.results_view.replay_wanted.connect(self._replay)
        box = self.runs.box
        box.repeat_wanted.connect(self._repeat)
        box.reseed_wanted.connect(self._repeat_with_another_seed)
        box.continue_wanted.connect(self._train_on_from)
        box.recipe_wanted.connect(self.recipe_wanted)

    # What may be done

    def _locked(self) -> str:
        """Why nothing may be changed in the project; empty where it may."""
        return why_not_changeable(self._project)

    def _can_train(self) -> bool:
        there = self._project is not None and self._recipe is not None
        return self._ready and there and not self.is_busy() and not self._locked()

    def _risks(self, recipe: Recipe) -> list[Guard]:
        if not self._classes:
            return []
        return guards(recipe, self._pictures / self._classes)

    def _resumable(self) -> RunLine | None:
        """The run that Go on goes on with: the chosen one, else the newest, if it stands still."""
        chosen = self.runs.box.chosen()
        newest = self.runs.table.line(0) if self.runs.table.rowCount() else None
        return next((line for line in (chosen, newest) if line and line.unfinished), None)

    def _offered(self) -> RunLine | None:
        """The newest run where it stands still and nobody said to leave it."""
        line = self.runs.table.line(0) if self.runs.table.rowCount() and not self.is_busy() else None
        return line if line and line.unfinished and not line.left else None

    # Starting

    @Slot()
    def _take_consent(self) -> None:
        self._settled |= {guard.text for guard in self.guard_note.guards}
        self._start()

    def _start(self) -> None:
        if self._can_train() and self._project is not None and self._recipe is not None:
            self._begin([run_control.new_run(self._project, self._recipe, self.device_box.device())])

    def _train_again(self, recipe: Recipe, model: Path | None = None) -> None:
        """Train by an earlier run's recipe, at once: what was risky in it was agreed to then."""
        if not self._can_train() or self._project is None:
            return
        device = self.device_box.device()
        if model is not None:
            self._begin([run_control.from_model(self._project, recipe, model, device)])
        else:
            self._begin([run_control.new_run(self._project, recipe, device)])

    @Slot(object)
    def _repeat(self, line: RunLine) -> None:
        if line.state.recipe:
            self._train_again(line.state.recipe)

    @Slot(object)
    def _repeat_with_another_seed(self, line: RunLine) -> None:
        recipe = line.state.recipe
        if recipe:
            like = (self.runs.table.line(row).state.recipe for row in range(self.runs.table.rowCount()))
            seeds = [r.seed for r in like if r and replace(r, seed=recipe.seed) == recipe]
            self._train_again(replace(recipe, seed=max(seeds) + 1))

    @Slot(object)
    def _train_on_from(self, line: RunLine) -> None:
        recipe = line.state.recipe
        if recipe and line.model:
            if not recipe.pretrained:  # what it has learned is worth keeping now
                recipe = replace(make_recipe(recipe.backbone, "fine-tune-all"), seed=recipe.seed, folds=recipe.folds)
            self._train_again(recipe, Path(line.model))

    @Slot(object)
    def _replay(self, run: RunFolder) -> None:
        if self._can_train() and self._project is not None:
            self._begin([run_control.exact_repeat(self._project, run)])

    @Slot()
    def _compare_strategies(self) -> None:
        if not self._can_train() or self._project is None or self._recipe is None:
            return
        try:
            recipes = run_control.strategies_to_compare(self._recipe)
        except BadRecipe as error:
            self.failed.emit(error)
            return
        device = self.device_box.device()
        self._begin([run_control.new_run(self._project, recipe, device) for recipe in recipes])

    def _begin(self, orders: Sequence[Order]) -> None:
        self.guard_note.hide()
        self.offer_note.hide()
        self._asks = False
        self._done = []
        self.control.start(orders)

    @Slot()
    def _pause_or_resume(self) -> None:
        if self.is_busy():
            self._pause()
        elif line := self._resumable():
            self.resume_run(line.run)

    def _pause(self) -> None:
        self.control.pause()
        self._show_readiness()
        self._show_pace()

    @Slot()
    def _take_offer(self) -> None:
        line = self._offered()
        if line:
            self.resume_run(line.run)

    @Slot()
    def _leave_unfinished(self) -> None:
        if self._asks:
            self._asks = False
            self.train()
            return
        if self._offered():
            self.runs.box.leave_newest()
        self._show_readiness()
        self.train_button.setFocus()

    # A run

    @Slot()
    def _take_begun(self) -> None:
        run = self.control.run
        self._is_new = run is None
        self._pages.setCurrentIndex(1)
        if run is not None:
            self.runs.go_on(run)
            self.began.emit(str(run.folder))
        self._show_readiness()
        self._show_pace()
        self.stop_button.setFocus()
        self.busy_changed.emit(True)

    @Slot(object)
    def _take_event(self, event: events.Event) -> None:
        match event:
            case events.Progress():
                self.progressed.emit(event)
            case events.RunStarted():
                self.runs.begin_run(event, self.control.state)
                self.began.emit(event.run)
            case Replayed():
                self.results_view.show_replayed(event)
        # Epochs on remembered features come by the dozen a second, faster than anybody looks or a plot draws.
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot()
    def _show_live(self) -> None:
        """Bring the screen up to what the run has said."""
        if self.is_busy():
            self._show_pace()
            if self.control.run is not None:
                self.runs.show_live(self.control.state)

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        # A run that was paused for a reason says so on this page, with Go on beside it.
        if not (isinstance(error, TrainingPaused) and self.isVisible()):
            self.failed.emit(error)

    @Slot()
    def _end_run(self) -> None:
        at = self.window().focusWidget()  # before Stop is switched off and the focus goes elsewhere
        is_here = at is None or self.isAncestorOf(at)
        state, run, end = self.control.state, self.control.run, self.control.state.finished
        self._redraw.stop()
        if run is not None and end is not None:
            self._done.append(run.folder)
        several = self._done if len(self._done) > 1 and not self.control.waiting else []
        self.runs.end_run(state, several)  # what was compared is shown side by side
        self._show_readiness()
        self._show_pace()
        self.busy_changed.emit(False)
        if end is None:
            self._goes_to_go_on = is_here and state.paused is not None
            return
        self.result_line.take_model(end.model)
        if self._is_new and not end.stopped and state.recipe:
            self.measured.emit(Measured(state.recipe, end.seconds, frozenset(self.control.remembered)))
        self._show_next_step()
        self.trained.emit(end.model)
        if is_here and not self.control.waiting:
            self.next_button.setFocus()

    # Showing

    def _show_readiness(self) -> None:
        busy, resumable, locked = self.is_busy(), self._resumable(), self._locked()
        why_not = "" if self._can_train() or busy else locked or self._why_not
        able = Able(
            why_not=why_not,
            locked=locked,
            busy=busy,
            stopping=self.control.stop_asked,
            pausing=self.control.pause_asked,
            can_pause=self.control.can_pause,
            resumes=resumable.run.number if resumable else 0,
            waiting=self.control.waiting,
        )
        self.controls.show_able(able)
        self.runs.box.allow_training(self._can_train(), self.tr("A run goes on; stop it first.") if busy else why_not)
        self.runs.box.allow_writing(locked)
        self._pages.setCurrentIndex(1 if busy or self.runs.table.rowCount() else 0)
        self._show_empty()
        self._show_next_step()
        self.pausable_changed.emit(self.pause_button.isEnabled())

    def _show_empty(self) -> None:
        if self._can_train():
            self._empty_title.setText(self.tr("Ready to train"))
            self._empty_hint.setText(self.tr("Press Train. Loss and accuracy appear here, epoch by epoch."))
        else:
            locked, first = self._locked(), self.tr("Step 1 takes a folder with one folder inside for each class.")
            self._empty_title.setText(locked or self._why_not)
            self._empty_hint.setText(self.tr("Its runs and their results appear here.") if locked else first)

    def _show_next_step(self) -> None:
        ready = self.result_line.allow(not self.is_busy())
        # Training first, then what it is for; and what stands still before anything new.
        steps = (self.train_button, self.pause_button, self.next_button)
        chosen = self.pause_button if self._offered() else self.next_button if ready else self.train_button
        self.controls.highlight(chosen, tuple(step for step in steps if step is not chosen))

    def _show_pace(self) -> None:
        control = self.control
        if self.is_busy():
            said = self._progress.show_pace(control.pace, control.stop_asked, control.pause_asked, control.waiting)
            self.phase_strip.show_place(place_of(control.state.recipe or self._recipe, control.pace, False))
            self.summary_changed.emit(said)
        else:
            self._show_plan()
            self.summary_changed.emit(self._rail_line())

    def _show_plan(self) -> None:
        if self.is_busy():
            return
        control, state = self.control, self.control.state
        if state.paused and not state.finished:
            self._progress.show_paused(standing.paused(state.paused, state.recipe))
            self.phase_strip.show_place(replace(place_of(state.recipe, control.pace, False), rates=()))
            return
        self._progress.show_end(state.finished, control.stop_asked, self._plan())
        ended = state.finished is not None
        self.phase_strip.show_place(place_of(state.recipe if ended else self._recipe, control.pace, ended))

    def _plan(self) -> str:
        """What Train would do, in a few words."""
        if self._recipe is None or not self._ready:
            return ""
        spec, last = backbone(self._recipe.backbone), self._recipe.phases[-1]
        title = strategies.title_of(self._recipe)
        where = strategies.what_learns(last, spec)
        parts = (spec.title, title) if where in title else (spec.title, title, where)
        return self.tr("Next run: {0}").format(" · ".join(parts))

    def _rail_line(self) -> str:
        state = self.control.state
        if state.paused and not state.finished:
            return standing.short(state.paused.phase, state.paused.epoch, state.recipe)
        ended = (self.runs.table.line(row).state.finished for row in range(self.runs.table.rowCount()))
        end = state.finished or next((e for e in ended if e), None)
        offered = self._offered()
        if offered and offered.standing:
            return standing.short(offered.standing.phase, offered.standing.epoch, offered.state.recipe)
        if end is None:
            return self.tr("not trained yet") if self._project is not None else self.tr("needs pictures")
        if end.test_accuracy is not None and end.test_interval is not None:
            return figures.accuracy(end.test_accuracy, end.test_interval)
        return figures.accuracy(end.val_accuracy, end.val_interval)

    @Slot()
    def _follow_selection(self) -> None:
        lines = self.runs.chosen_lines()
        self.result_line.show_line(self.runs.box.chosen(), len(lines))
        line = self.runs.box.chosen()
        self.run_chosen.emit(line.state.recipe if line else None, line.report if line else None)
        self._show_readiness()

    @Slot()
    def _take_runs(self) -> None:
        self._show_readiness()
        self._offer_unfinished()
        if self._goes_to_go_on and self.pause_button.isEnabled():
            self._goes_to_go_on = False
            self.pause_button.setFocus()
        if not self.is_busy():
            self.summary_changed.emit(self._rail_line())

    def _offer_unfinished(self) -> None:
        """Offer to go on with the newest run, unless a person has just paused it and sees that said above."""
        line, paused = self._offered(), self.control.state.paused
        is_said = paused is not None and not paused.reason and not self._asks
        if line is None or is_said or self._locked():
            self._asks = False
            self.offer_note.hide()
            return
        explanation = self.tr("It goes on exactly where it stands (Ctrl+R)")
        self.offer_note.ask(standing.offer(line), self.tr("Go on"), explanation)
        if self._asks:
            anew = self.tr("Start another run by the recipe of step 2; this one can still go on later")
            self.offer_note.name_no(self.tr("Start a new run"), anew)

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self.loss_plot.load()  # the other follows: what takes a moment should not come at the click on Train

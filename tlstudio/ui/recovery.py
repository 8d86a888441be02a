"""When something goes wrong inside: say so while the window lives, and pick up at the next start what a crash left."""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Signal, Slot

from tlstudio.core.draft import Draft
from tlstudio.core.errors import BadRecipe, TLStudioError
from tlstudio.core.events import Event, RunResumed
from tlstudio.core.project import Project
from tlstudio.core.run import RunFolder, RunState
from tlstudio.ui import crash
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.crash import Crashed, Doing, ReportSaved, Session
from tlstudio.ui.job import start_errand
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.messages import Offer
from tlstudio.ui.projects import ProjectOpened
from tlstudio.ui.rail import Step

_log = logging.getLogger("tlstudio")


class Faults(QObject):
    """Exceptions that nobody caught, from any thread.

    Signals:
        happened: one line, and the whole trace. A fault that repeats itself is told once.
    """

    happened = Signal(str, str)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._last = ""

    def watch(self) -> None:
        """Take the interpreter's place in telling of them."""
        sys.excepthook = self.take
        threading.excepthook = self._take_from_thread

    def take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Log an exception and tell the window of it. Has the shape of `sys.excepthook`."""
        text = "".join(traceback.format_exception(kind, error, trace))
        _log.error("an exception nobody caught\n%s", text)
        if text != self._last:
            self._last = text
            self.happened.emit("".join(traceback.format_exception_only(kind, error)).strip().splitlines()[-1], text)

    def _take_from_thread(self, told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None:
            self.take(told.exc_type, told.exc_value, told.exc_traceback)


class Recovery(QObject):
    """Keeps the mark of what goes on in a window, offers what a crash interrupted, and writes reports."""

    def __init__(self, window: MainWindow, session: Session | None, faults: Faults, chooser: FileChooser) -> None:
        """session: None where no mark can be left."""
        super().__init__(window)
        self._window = window
        self._session = session
        self._chooser = chooser
        self._doing = Doing()
        self._busy: set[str] = set()
        self._run = ""
        # What was interrupted, from the start that finds it until its project is open and ready again.
        self._crashed: Crashed | None = None
        self._awaited: Crashed | None = None
        self._continuing: RunState | None = None  # of the run that is to go on and has not said so yet
        self._trace = ""
        self._marks = JobQueue(self)
        faults.happened.connect(self._tell_fault)
        window.menus.report_wanted.connect(self.save_report)
        window.projects.changed.connect(self._note_project)
        window.projects.opened.connect(self._take_up)
        window.dataset_panel.busy_changed.connect(self._note_pictures)
        window.dataset_panel.pictures_changed.connect(self._offer_training)
        window.training_panel.busy_changed.connect(self._note_training)
        window.training_panel.began.connect(self._note_run)
        window.training_panel.control.reported.connect(self._note_going_on)
        window.training_panel.failed.connect(self._offer_repeating)
        window.predict_panel.busy_changed.connect(self._note_prediction)
        window.closed.connect(self._end)

    # The mark

    @Slot(object)
    def _note_project(self, _project: Project | None) -> None:
        self._note()

    @Slot(bool)
    def _note_pictures(self, busy: bool) -> None:
        self._note_work("pictures", busy)

    @Slot(bool)
    def _note_training(self, busy: bool) -> None:
        if not busy:  # one that goes on was named before it was busy
            self._run = ""
        self._note_work("training", busy)

    @Slot(str)
    def _note_run(self, run: str) -> None:
        self._run = run
        self._note()

    @Slot(object)
    def _note_going_on(self, event: Event) -> None:
        if isinstance(event, RunResumed):
            self._continuing = None

    @Slot(bool)
    def _note_prediction(self, busy: bool) -> None:
        self._note_work("prediction", busy)

    def _note_work(self, work: str, busy: bool) -> None:
        if busy:
            self._busy.add(work)
        else:
            self._busy.discard(work)
        self._note()

    def _note(self) -> None:
        project = self._window.project
        # What takes longest to do again comes first.
        work = next((work for work in ("training", "pictures", "prediction") if work in self._busy), "")
        doing = Doing(str(project.folder) if project else "", work, self._run)
        if doing != self._doing:
            self._doing = doing
            if self._session is not None:
                self._marks.add(partial(_write, self._session, doing))

    @Slot()
    def _end(self) -> None:
        self._marks.shut_down()
        if self._session is not None:
            self._session.end()

    # At the next start

    def look_back(self, folder: Path) -> None:
        """Look for windows that died, and offer what the last one was at."""
        start_errand(self, lambda: crash.find_crashed(folder), self._take_crashed, self._take_failure)

    @Slot(object)
    def _take_crashed(self, crashed: Event) -> None:
        if not isinstance(crashed, Crashed):
            return
        self._crashed = crashed
        what = self.tr("TL Studio did not close properly.")
        if crashed.doing.project:
            what = self.tr("TL Studio did not close properly. Your project is intact.")
        offers = [*self._opening_offer(), self._report_offer()]
        self._window.message_bar.offer("warning", what, self._describe(crashed), offers)

    def _opening_offer(self) -> list[Offer]:
        """To open what the crash closed, as long as nothing else is open."""
        project = self._crashed.doing.project if self._crashed else ""
        if not project or self._window.project is not None:
            return []
        tip = self.tr("Open {folder}").format(folder=project)
        if self._crashed and self._crashed.can_go_on:
            tip = self.tr("Open {folder} and go on with the training exactly where it stood").format(folder=project)
            return [Offer("continue_run_button", self.tr("Continue the run"), tip, self._open_again)]
        return [Offer("open_again_button", self.tr("Open it again"), tip, self._open_again)]

    def _describe(self, crashed: Crashed) -> str:
        """What was going on, in a sentence."""
        match crashed.doing.work:
            case "training":
                return self._describe_training(crashed.state)
            case "pictures":
                return self.tr("Pictures were being looked through.")
            case "prediction":
                return self.tr("Pictures were being classified.")
        return ""

    def _describe_training(self, state: RunState | None) -> str:
        if state is None or not state.phases:
            return self.tr("Training was interrupted before its first epoch.")
        phase = state.phases[-1]
        done = sum(epoch.phase == phase.phase for epoch in state.epochs)
        text = self.tr("Training was interrupted in epoch {epoch} of {epochs}.")
        if phase.phases > 1:
            text = self.tr("Training was interrupted in phase {phase} of {phases}, epoch {epoch} of {epochs}.")
        epoch = min(done + 1, phase.epochs)
        return text.format(phase=phase.phase, phases=phase.phases, epoch=epoch, epochs=phase.epochs)

    @Slot()
    def _open_again(self) -> None:
        if self._crashed is not None:
            self._awaited = self._crashed
            self._window.projects.open(Path(self._crashed.doing.project))

    @Slot(object)
    def _take_up(self, opened: ProjectOpened) -> None:
        """Go on where the interrupted work was, as far as that is known before the pictures are."""
        awaited = self._awaited
        if awaited is None:
            return
        if str(opened.project.folder) != awaited.doing.project:
            self._awaited = None  # another one was chosen meanwhile
        elif awaited.doing.work == "pictures":
            self._awaited = None
            remedy = self.tr("Add the folder again; what is there already is not added twice.")
            self._window.message_bar.say(self._describe(awaited), remedy)

    @Slot(object)
    def _offer_training(self, _found: Event | None) -> None:
        awaited, window = self._awaited, self._window
        if awaited is None or not window.menus.train.isEnabled():
            return
        self._awaited = None
        if awaited.state is None:
            return
        if awaited.can_go_on:
            window.show_step(Step.TRAINING)
            self._continuing = awaited.state
            window.training_panel.resume_run(RunFolder(Path(awaited.doing.run)))
        else:
            remedy = self.tr("Its recipe is set again, so Train repeats it from its beginning.")
            self._offer_to_repeat(awaited.state, "info", self._describe(awaited), remedy)

    @Slot(object)
    def _offer_repeating(self, error: TLStudioError) -> None:
        """A run that could not go on, because the pictures are others by now, can be repeated."""
        state, self._continuing = self._continuing, None
        if state is not None:
            self._offer_to_repeat(state, "error", f"{error.what.rstrip('.')}.", error.remedy)

    def _offer_to_repeat(self, state: RunState, kind: str, what: str, remedy: str) -> None:
        window = self._window
        if state.recipe is None:
            return
        try:
            window.model_panel.show_draft(Draft.of(state.recipe))
        except BadRecipe as error:
            window.message_bar.show_error(error)
            return
        window.show_step(Step.TRAINING)
        tip = self.tr("Train with the recipe of the interrupted run")
        offer = Offer("train_again_button", self.tr("Train again"), tip, window.train)
        window.message_bar.offer(kind, what, remedy, [offer])

    # Faults and reports

    def _report_offer(self) -> Offer:
        tip = self.tr("Write versions, log and trace into a text file. Nothing is sent; there are no pictures in it")
        return Offer("save_report_button", self.tr("Save report…"), tip, self.save_report, stays=True)

    @Slot(str, str)
    def _tell_fault(self, line: str, trace: str) -> None:
        self._trace = trace
        what = self.tr("Something went wrong inside TL Studio: {fault}").format(fault=line)
        remedy = self.tr("What you had is saved, and you can go on. If it comes back, a report helps to mend it.")
        self._window.message_bar.offer("error", what, remedy, [self._report_offer()], trace)

    @Slot()
    def save_report(self) -> None:
        """Ask where to, and write a report: of the last fault here, else of the crash before."""
        kinds = self.tr("Text (*.txt)")
        target = self._chooser.save(self._window, self.tr("Save a report"), "TL Studio report.txt", kinds)
        if target is None:
            return
        doing, trace = self._doing, self._trace
        if not trace and self._crashed is not None:
            doing, trace = self._crashed.doing, self._crashed.trace
        start_errand(self, lambda: crash.save_report(target, doing, trace), self._take_report, self._take_failure)

    @Slot(object)
    def _take_report(self, saved: Event) -> None:
        if isinstance(saved, ReportSaved):
            what = self.tr("The report is in {file}.").format(file=saved.path)
            remedy = self.tr("It has not been sent anywhere. Read it, and pass it on to whoever helps you.")
            self._window.message_bar.offer("info", what, remedy, self._opening_offer())

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._window.message_bar.show_error(error)


def _write(session: Session, doing: Doing) -> Iterator[Event]:
    session.write(doing)
    yield from ()

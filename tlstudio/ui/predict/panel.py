"""The predict panel: drop pictures, see what they are and why, do something with the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Explained, FileInspected, Predicted, Progress, Said
from tlstudio.core.sorting import Sorted, SortingUndone
from tlstudio.core.tables import save_answers
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel
from tlstudio.ui.predict.answers import AnswersView
from tlstudio.ui.predict.card import ModelCard, describe_accuracy
from tlstudio.ui.predict.drop_area import DropArea
from tlstudio.ui.predict.evidence import EvidenceView
from tlstudio.ui.predict.explaining import Explainer
from tlstudio.ui.predict.sorting_dialog import SortingDialog
from tlstudio.ui.theme import SPACE

# Answers come one by one, up to thousands a second; the list takes them in batches of this many milliseconds.
GATHER = 50
TOP = 10
ASKED_AGAIN_AT_MOST = 500


@dataclass(frozen=True)
class Asked(Event):
    """The answers that follow belong to this round of questions."""

    round: int


def ask(model: tasks.OpenModel, paths: list[Path], round_: int, none: str) -> Iterator[Event]:
    """Ask the model about pictures, and say for which round. none: what to say if there were no pictures."""
    yield Asked(round_)
    is_empty = True
    for event in model.predict(paths, TOP):
        is_empty = is_empty and not isinstance(event, Predicted)
        yield event
    if is_empty:
        yield Said(none)


def save_table(path: Path, answers: tuple[Predicted, ...], done: str) -> Iterator[Event]:
    """Write the answers as a table and say so."""
    save_answers(path, answers)
    yield Said(done)


class PredictPanel(QWidget):
    """Asks the open model about pictures and lists its answers.

    Signals:
        summary_changed: a line for the rail. progressed: events.Progress. busy_changed, failed: as of a JobQueue.
        files_wanted: paths a person chose here; the window sorts them out. paste_wanted: the button. said: a remark.
        model_wanted: ask for a .tlmodel file. corrected: paths of pictures and the class a person says they are of.
        sorted_: what was copied, in words, the folder, and whether `undo_sorting` can take it back.
        history_changed: what `undo_sorting` would take back, in words or empty, and an empty text: nothing is redone.
    """

    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(object)
    files_wanted = Signal(object)
    paste_wanted = Signal()
    model_wanted = Signal()
    said = Signal(str)
    corrected = Signal(object, str)
    sorted_ = Signal(str, str, bool)
    history_changed = Signal(str, str)

    def __init__(self, chooser: FileChooser, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("predict_panel")
        self._chooser = chooser
        self._project: Path | None = None
        self._model: tasks.OpenModel | None = None
        # What is being opened: it takes the model's place only if it turns out to be one.
        self._coming: tasks.OpenModel | None = None
        self._facts: dict[str, Any] = {}
        self._gathered: list[Predicted] = []
        self._asked: list[Path] = []
        # Clearing the list begins a round; answers to an earlier one may still be on their way.
        self._round = 0
        self._late = False
        self._awaits_answers = False
        self._corrected: list[str] = []  # whose pictures were given to a class last
        self._record = ""  # by which the last sorting is taken back
        self.sorted_.connect(self._tell_history)
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self._show_failure)
        self._jobs.busy_changed.connect(self._follow_busy)
        self._gather = QTimer(self)
        self._gather.setInterval(GATHER)
        self._gather.timeout.connect(self._list_gathered)
        self.explainer = Explainer(self)
        self._lay_out()
        self._connect_parts()
        self._show_state()

    # Building

    def _lay_out(self) -> None:
        self._drop = DropArea()
        self.answers = AnswersView()
        self._predictions = self.answers.predictions
        self._evidence = EvidenceView()
        self._facts_card = ModelCard()
        self._side = QStackedWidget()
        self._side.addWidget(self._facts_card)
        self._side.addWidget(self._evidence)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE + 4)
        column.addWidget(self._drop)
        column.addWidget(self.answers, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(SPACE + 4)
        split.addWidget(left)
        split.addWidget(self._side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([640, 440])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE + 4)
        layout.addLayout(self._make_head())
        layout.addWidget(split, 1)

    def _make_head(self) -> QHBoxLayout:
        self._card = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._card.setObjectName("model_card")
        self._about = QPushButton(self.tr("About the model"))
        self._about.setObjectName("about_model_button")
        self._about.setCheckable(True)
        self._about.setToolTip(self.tr("Show what the model can tell apart, how well, and where it comes from"))
        self._about.toggled.connect(self._show_side)
        self._clear = QPushButton(self.tr("Clear"))
        self._clear.setObjectName("clear_button")
        self._clear.setToolTip(self.tr("Stop classifying and take all answers off the list; no file is touched"))
        self._clear.clicked.connect(self.start_over)
        self._sort = QPushButton(self.tr("Sort copies…"))
        self._sort.setObjectName("sort_button")
        self._sort.clicked.connect(self.sort_copies)
        self._export = QPushButton(self.tr("Save table…"))
        self._export.setObjectName("export_csv_button")
        self._export.clicked.connect(self.export_csv)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._card, 1)
        for button in (self._about, self._clear, self._sort, self._export):
            row.addWidget(button)
        return row

    def _connect_parts(self) -> None:
        self._drop.open_wanted.connect(self.model_wanted)
        self._drop.pictures_wanted.connect(self.choose_pictures)
        self._drop.folder_wanted.connect(self.choose_folder)
        self._drop.paste_wanted.connect(self.paste_wanted)
        self.answers.looked_at.connect(self._look_at)
        self.answers.corrected.connect(self.corrected)
        self.answers.sort_wanted.connect(self.sort_copies)
        self.answers.failed.connect(self.failed)
        self._evidence.question.connect(self._explain)
        self._evidence.correction_wanted.connect(self._offer_classes)
        self.explainer.explained.connect(self._show_explained)
        self.explainer.failed.connect(self._evidence.show_failure)

    # What the window calls

    def show_project(self, folder: Path | None) -> None:
        """In which project the nearest training pictures may be found."""
        self._project = folder
        self._evidence.use_project(folder is not None)

    def open_model(self, path: Path) -> None:
        """Load a model and keep it; pictures that were asked about before are asked about again."""
        self._jobs.stop()
        self._coming = tasks.OpenModel(path)
        self._jobs.add(self._coming.open)
        if self._model is None:
            self._facts_card.show_loading(path)
        self._show_state()

    @Slot()
    def close_model(self) -> None:
        """Forget the model and its answers."""
        self._jobs.stop()
        self._model, self._coming, self._facts = None, None, {}
        self.explainer.use(None)
        self.clear()
        self.answers.show_model((), None)
        self._facts_card.show_nothing()
        self._show_state()

    def classify(self, paths: list[Path]) -> None:
        """Ask the model about pictures; a folder stands for every picture below it."""
        model = self._coming or self._model
        if model is None:
            text, remedy = self.tr("There is no model to ask yet"), self.tr("Train one first, or open a .tlmodel file.")
            self.failed.emit(TLStudioError(text, remedy=remedy))
            return
        self._asked = self._asked + paths
        self._awaits_answers = True
        none = self.tr("There are no pictures in {folder}.").format(folder=", ".join(map(str, paths)))
        self._jobs.add(partial(ask, model, paths, self._round, none))
        self._show_state()

    def has_model(self) -> bool:
        """Whether there is a model to ask, or one is being opened."""
        return self._model is not None or self._coming is not None

    def model_file(self) -> Path | None:
        """The model that is open."""
        return self._model.path if self._model is not None else None

    def is_busy(self) -> bool:
        return self._jobs.is_busy()

    @Slot()
    def stop(self) -> None:
        self._jobs.stop()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._gather.stop()
        self._jobs.shut_down()
        self.explainer.shut_down()
        self.answers.shut_down()
        self._evidence.shut_down()

    # What a person does

    @Slot()
    def choose_pictures(self) -> None:
        if not self.has_model():
            self.model_wanted.emit()
            return
        chosen = self._chooser.files(self, self.tr("Pictures to classify"))
        if chosen:
            self.files_wanted.emit(tuple(chosen))

    @Slot()
    def choose_folder(self) -> None:
        folder = self._chooser.folder(self, self.tr("Folder of pictures to classify"))
        if folder is not None:
            self.files_wanted.emit((folder,))

    @Slot()
    def start_over(self) -> None:
        """Stop answering and take all answers off the list."""
        if self._awaits_answers and self._coming is None:
            self._jobs.stop()
        self.clear()

    def clear(self) -> None:
        """Take all answers off the list, and leave those out that are still on their way."""
        self._round += 1
        self._late = self._awaits_answers
        self._gathered, self._asked = [], []
        self.answers.clear()
        self._evidence.show_answer(None)
        self._about.setChecked(True)
        self._show_state()

    @Slot()
    def export_csv(self) -> None:
        """Save the answers as a table."""
        filter_ = self.tr("Table for a spreadsheet program (*.csv);;JSON (*.json);;JSON, one answer a line (*.jsonl)")
        path = self._chooser.save(self, self.tr("Save the answers as a table"), "answers.csv", filter_)
        if path is not None:
            answers = self._predictions.answers
            done = self.tr("Saved %n answer(s) in {file}.", "", len(answers)).format(file=path)
            self._jobs.add(lambda: save_table(path, answers, done))

    @Slot()
    def sort_copies(self) -> None:
        """Ask where copies of the pictures go, and copy them."""
        dialog = SortingDialog(self._predictions.answers, self.answers.chosen(), self._chooser, self)
        dialog.begun.connect(self._remember_sorting)
        dialog.sorted_.connect(self._say_sorted)
        dialog.stopped.connect(self._say_stopped)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def undo_sorting(self) -> None:
        """Remove the copies that were made last, as far as they are still what was copied."""
        record, self._record = self._record, ""
        self.history_changed.emit("", "")
        if record:
            self._jobs.add(partial(tasks.undo_sorting, Path(record)))

    def mark_corrected(self, paths: list[str], label: str) -> None:
        """Show that pictures have joined the project in a class; `unmark_corrected` takes the last such mark away."""
        self._corrected = paths
        self.answers.correct(paths, label)

    @Slot()
    def keep_corrections(self) -> None:
        """Something else was done since: what is taken back from now on is that."""
        self._corrected = []

    @Slot()
    def unmark_corrected(self) -> None:
        """Take back that the pictures of the last correction have joined the project."""
        self.answers.correct(self._corrected, "")
        self._corrected = []

    @Slot()
    def _offer_classes(self) -> None:
        button = self._evidence.wrong_button
        self.answers.offer_classes(button.mapToGlobal(QPoint(0, button.height())))

    # What happens

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Asked():
                self._late = event.round != self._round
            case Predicted() if not self._late:
                self._gathered.append(event)
                if not self._gather.isActive():
                    self._list_gathered()  # the first at once, what comes in quick succession together
                    self._gather.start()
            case Progress():
                self.progressed.emit(event)
            case FileInspected():
                self._take_model(event.facts)
            case SortingUndone():
                self._say_undone(event)
            case Said():
                self.said.emit(event.text)

    def _take_model(self, facts: dict[str, Any]) -> None:
        """Put the model that was just opened into place, and ask it what the one before was asked."""
        again = self._asked if len(self._predictions.answers) <= ASKED_AGAIN_AT_MOST else []
        if self._coming is None:
            return
        self._model, self._coming, self._facts = self._coming, None, facts
        self.explainer.use(self._model)
        self.clear()
        self.answers.show_model(facts["classes"], facts["unknown"])
        self._facts_card.show_model(self._model.path, facts)
        if again:
            self.classify(again)
        self._show_state()

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self._coming = None
        if self._model is None:
            self._facts_card.show_nothing()
        self._show_state()
        self.failed.emit(error)

    @Slot(bool)
    def _follow_busy(self, busy: bool) -> None:
        if not busy:
            self._awaits_answers = False
            self._coming = None  # still there if loading it was stopped
            self._list_gathered()
        self.busy_changed.emit(busy)
        self._show_state()

    @Slot()
    def _list_gathered(self) -> None:
        if not self._gathered:
            self._gather.stop()
            return
        if not self._predictions.answers:
            self._about.setChecked(False)
        gathered, self._gathered = self._gathered, []
        self.answers.append(gathered)
        self._show_state()

    @Slot(object)
    def _look_at(self, answer: Predicted | None) -> None:
        if answer is None or not answer.ok:
            self.explainer.forget()
        self._evidence.show_answer(answer)

    @Slot(str, str)
    def _explain(self, path: str, label: str) -> None:
        self.explainer.ask(path, label, self._project)

    @Slot(object)
    def _show_explained(self, found: Explained) -> None:
        self._evidence.show_evidence(found)

    @Slot(str)
    def _remember_sorting(self, record: str) -> None:
        self._record = record

    @Slot(object)
    def _say_sorted(self, done: Sorted) -> None:
        text = self.tr("Copied %n picture(s) into {folder}.", "", done.copied).format(folder=done.into)
        if done.unsure:
            text += " " + self.tr("%n of them to be looked through by hand.", "", done.unsure)
        self.sorted_.emit(text, done.into, bool(done.record))

    @Slot(str, str, bool)
    def _tell_history(self, _text: str, _folder: str, can_undo: bool) -> None:
        self.history_changed.emit(self.tr("sorting copies into folders") if can_undo else "", "")

    @Slot()
    def _say_stopped(self) -> None:
        folder = str(Path(self._record).parent) if self._record else ""
        self.sorted_.emit(self.tr("Sorting was stopped; what was copied by then stays."), folder, bool(self._record))

    def _say_undone(self, undone: SortingUndone) -> None:
        text = self.tr("Removed %n copied picture(s) again.", "", undone.removed)
        if undone.kept:
            text += " " + self.tr("%n file(s) had to stay: changed since, or the only copy left.", "", len(undone.kept))
        self.said.emit(text)

    # What it looks like now

    @Slot()
    def _show_side(self) -> None:
        """The model's card while there is nothing else to see or somebody wants it; else the chosen answer."""
        is_card = self._about.isChecked() or not self._predictions.answers
        self._side.setCurrentWidget(self._facts_card if is_card else self._evidence)

    def _show_state(self) -> None:
        """Bring words and buttons in line with the model and the answers."""
        count = len(self._predictions.answers)
        self.answers.setVisible(count > 0)
        self._drop.show_state(self.has_model(), count > 0, self._awaits_answers)
        done = count > 0 and not self._awaits_answers
        self._export.setEnabled(done)
        self._export.setToolTip(self._explain_action(count, self.tr("Save all answers as a table (CSV) or as JSON")))
        self._sort.setEnabled(done)
        self._sort.setToolTip(
            self._explain_action(count, self.tr("Copy each picture into a folder named after its class"))
        )
        self._clear.setEnabled(count > 0 or self._awaits_answers)
        self._about.setEnabled(count > 0)
        self._show_side()
        self._card.show_text(self._describe_model())
        self.summary_changed.emit(self._summary(count))

    def _explain_action(self, count: int, action: str) -> str:
        """What a button does, or why it cannot do it now."""
        if self._awaits_answers:
            return self.tr("There are answers still to come. Wait for them, or press Cancel to keep those there are.")
        return action if count else self.tr("There are no answers yet. Drop some pictures.")

    def _summary(self, count: int) -> str:
        if self._coming is not None:
            return self.tr("loading the model …")
        if self._model is None:
            return self.tr("needs a trained model")
        return self.tr("%n answer(s)", "", count) if count else self.tr("ready: drop pictures")

    def _describe_model(self) -> str:
        """Which model, how good: "EfficientNet-Lite0 · 5 classes · 93.2 % (88.0 to 96.4) on 142 pictures"."""
        if self._coming is not None:
            return self.tr("Loading {model} …").format(model=self._coming.path.name)
        if self._model is None:
            return self.tr("No model yet")
        spec = BACKBONES.get(self._facts["backbone"])
        parts = [spec.title if spec else self._facts["backbone"]]
        parts.append(self.tr("%n class(es)", "", len(self._facts["classes"])))
        metrics = self._facts["metrics"]
        split = "test" if metrics.get("test") else "val"
        if measured := metrics.get(split):
            parts.append(describe_accuracy(measured, split))
        return " · ".join(parts)

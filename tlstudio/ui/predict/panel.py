"""The predict panel: drop pictures, read what they are, keep the table."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import OUT_OF_FOLD, Event, FileInspected, Predicted, Progress, Said
from tlstudio.core.tables import save_answers
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.drop_hint import DropHint
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel, muted, title
from tlstudio.ui.predict.evidence import EvidenceView
from tlstudio.ui.predict.models import THUMBNAIL, PredictionDelegate, PredictionList, percent
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

# Answers come one by one, up to thousands a second; the list takes them in batches of this many milliseconds.
GATHER = 50
TOP = 10
ASKED_AGAIN_AT_MOST = 500


@dataclass(frozen=True)
class Asked(Event):
    """The answers that follow belong to this round of questions."""

    round: int


def ask(model: tasks.OpenModel, paths: list[Path], round_: int) -> Iterator[Event]:
    """Ask the model about pictures, and say for which round."""
    yield Asked(round_)
    yield from model.predict(paths, TOP)


def save_table(path: Path, answers: tuple[Predicted, ...], done: str) -> Iterator[Event]:
    """Write the answers as CSV and say so."""
    save_answers(path, answers)
    yield Said(done)


class PredictPanel(QWidget):
    """Asks the open model about pictures and lists its answers.

    Signals:
        summary_changed: a line for the rail. progressed: events.Progress. busy_changed, failed: as of a JobQueue.
        files_wanted: paths a person chose here; the window sorts them out. paste_wanted: the button. said: a remark.
        model_wanted: ask for a .tlmodel file.
    """

    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(object)
    files_wanted = Signal(object)
    paste_wanted = Signal()
    model_wanted = Signal()
    said = Signal(str)

    def __init__(self, chooser: FileChooser, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("predict_panel")
        self._chooser = chooser
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
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self._show_failure)
        self._jobs.busy_changed.connect(self._follow_busy)
        self._gather = QTimer(self)
        self._gather.setInterval(GATHER)
        self._gather.timeout.connect(self._list_gathered)
        self._predictions = PredictionList(self)
        self._lay_out()
        self._show_state()

    # Building

    def _lay_out(self) -> None:
        self._drop = self._make_drop_area()
        self._list = self._make_list()
        self._evidence = EvidenceView()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE + 4)
        column.addWidget(self._drop, 2)
        column.addWidget(self._list, 5)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(SPACE + 4)
        split.addWidget(left)
        split.addWidget(self._evidence)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([660, 440])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE + 4)
        layout.addLayout(self._make_head())
        layout.addWidget(split, 1)

    def _make_head(self) -> QHBoxLayout:
        self._card = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._card.setObjectName("model_card")
        self._export = QPushButton(self.tr("Save table…"))
        self._export.setObjectName("export_csv_button")
        self._export.clicked.connect(self.export_csv)
        self._clear = QPushButton(self.tr("Clear"))
        self._clear.setObjectName("clear_button")
        self._clear.setToolTip(self.tr("Stop classifying and take all answers off the list; no file is touched"))
        self._clear.clicked.connect(self.start_over)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._card, 1)
        row.addWidget(self._clear)
        row.addWidget(self._export)
        return row

    def _make_drop_area(self) -> DropHint:
        area = DropHint()
        area.setObjectName("drop_area")
        area.setAccessibleName(self.tr("Drop pictures here, or press Enter to choose some"))
        area.setToolTip(self.tr("Drop pictures or a folder of them, or click to choose pictures"))
        area.clicked.connect(self.choose_pictures)
        area.setMinimumHeight(150)
        self._invitation = title("")
        self._hint = muted(QLabel())
        for words in (self._invitation, self._hint):
            words.setWordWrap(True)
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._open = QPushButton(self.tr("Open a model…"))
        self._open.setObjectName("open_model_button")
        self._open.setProperty("primary", True)
        self._open.setToolTip(self.tr("Open a .tlmodel file; it needs no project"))
        self._open.clicked.connect(self.model_wanted)
        self._ways: list[QPushButton] = []
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addStretch(1)
        buttons.addWidget(self._open)
        for name, text, explanation, chosen in (
            (
                "choose_pictures_button",
                self.tr("Choose pictures…"),
                self.tr("Choose pictures to classify"),
                self.choose_pictures,
            ),
            (
                "choose_pictures_folder_button",
                self.tr("Choose folder…"),
                self.tr("Classify every picture below a folder"),
                self.choose_folder,
            ),
            (
                "paste_button",
                self.tr("Paste"),
                self.tr("Classify what is on the clipboard (Ctrl+V)"),
                self.paste_wanted,
            ),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(explanation)
            button.clicked.connect(chosen)
            buttons.addWidget(button)
            self._ways.append(button)
        buttons.addStretch(1)
        inside = QVBoxLayout(area)
        inside.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        inside.setSpacing(SPACE)
        inside.addStretch(1)
        inside.addWidget(self._invitation)
        inside.addWidget(self._hint)
        inside.addLayout(buttons)
        inside.addStretch(1)
        return area

    def _make_list(self) -> QListView:
        view = QListView()
        view.setObjectName("prediction_list")
        view.setAccessibleName(self.tr("Answers"))
        view.setToolTip(self.tr("What the model says about each picture; choose one to see it closely"))
        self._pictures = Thumbnails(self)
        self._pictures.drawn.connect(self._show_drawn)
        view.setModel(self._predictions)
        view.setItemDelegate(PredictionDelegate(self._pictures, view))
        view.setUniformItemSizes(True)
        view.setLayoutMode(QListView.LayoutMode.Batched)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setMouseTracking(True)
        view.selectionModel().currentChanged.connect(self._look_at)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(GATHER)
        self._settle.timeout.connect(self._want_visible)
        view.verticalScrollBar().valueChanged.connect(self._settle_soon)
        view.verticalScrollBar().rangeChanged.connect(self._settle_soon)
        return view

    # What the window calls

    def open_model(self, path: Path) -> None:
        """Load a model and keep it; pictures that were asked about before are asked about again."""
        self._jobs.stop()
        self._coming = tasks.OpenModel(path)
        self._jobs.add(self._coming.open)
        self._show_state()

    @Slot()
    def close_model(self) -> None:
        """Forget the model and its answers."""
        self._jobs.stop()
        self._model, self._coming, self._facts = None, None, {}
        self.clear()
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
        round_ = self._round
        self._jobs.add(lambda: ask(model, paths, round_))
        self._show_state()

    def has_model(self) -> bool:
        """Whether there is a model to ask, or one is being opened."""
        return self._model is not None or self._coming is not None

    def is_busy(self) -> bool:
        return self._jobs.is_busy()

    @Slot()
    def stop(self) -> None:
        self._jobs.stop()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._gather.stop()
        self._jobs.shut_down()
        self._pictures.shut_down()
        self._evidence.shut_down()

    # What a person does

    @Slot()
    def choose_pictures(self) -> None:
        if self._model is None:
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
        self._predictions.clear()
        self._evidence.show_answer(None)
        self._show_state()

    @Slot()
    def export_csv(self) -> None:
        """Save the answers as a table."""
        filter_ = self.tr("Tables (*.csv)")
        path = self._chooser.save(self, self.tr("Save the answers as a table"), "answers.csv", filter_)
        if path is not None:
            answers = self._predictions.answers
            done = self.tr("Saved %n answer(s) in {file}.", "", len(answers)).format(file=path)
            self._jobs.add(lambda: save_table(path, answers, done))

    # What happens

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Asked():
                self._late = event.round != self._round
            case Predicted() if not self._late:
                self._gathered.append(event)
                if not self._gather.isActive():
                    self._gather.start()
            case Progress():
                self.progressed.emit(event)
            case FileInspected():
                self._take_model(event.facts)
            case Said():
                self.said.emit(event.text)

    def _take_model(self, facts: dict[str, Any]) -> None:
        """Put the model that was just opened into place, and ask it what the one before was asked."""
        again = self._asked if self._predictions.rowCount() <= ASKED_AGAIN_AT_MOST else []
        self._model, self._coming, self._facts = self._coming, None, facts
        self.clear()
        if again:
            self.classify(again)
        self._show_state()

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self._coming = None
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
        first = self._predictions.rowCount() == 0
        gathered, self._gathered = self._gathered, []
        self._predictions.append(gathered)
        if first:
            self._list.setCurrentIndex(self._predictions.index(0))
        self._settle.start()
        self._show_state()

    @Slot()
    def _settle_soon(self) -> None:
        # Not connected itself: it would take the scroll bar's value for milliseconds. And never put off: pictures are
        # to appear while somebody scrolls.
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _want_visible(self) -> None:
        if not self._list.isVisible():
            return
        height = max(1, self._list.sizeHintForRow(0))
        first = self._list.verticalScrollBar().value() // height
        page = self._list.viewport().height() // height + 2
        near = self._predictions.paths(first, first + 2 * page) + self._predictions.paths(first - page, first - 1)
        self._pictures.want(near, round(THUMBNAIL * self.devicePixelRatioF()))

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self._list.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _look_at(self, now: QModelIndex, _before: QModelIndex) -> None:
        self._evidence.show_answer(self._predictions.answer(now.row()))

    def _show_state(self) -> None:
        """Bring words and buttons in line with the model and the answers."""
        count = self._predictions.rowCount()
        self._list.setVisible(count > 0)
        self._evidence.setVisible(count > 0)
        self._export.setEnabled(count > 0 and not self._awaits_answers)
        self._export.setToolTip(self._explain_export(count))
        self._clear.setEnabled(count > 0 or self._awaits_answers)
        self._invitation.setText(
            self.tr("Drop pictures or a folder here")
            if self._model
            else self.tr("Train first, or drop a .tlmodel file here")
        )
        self._hint.setText(self.tr("Nothing is sent anywhere and no file is changed."))
        self._open.setVisible(self._model is None)
        for way in self._ways:
            way.setVisible(self._model is not None)
        self._card.show_text(self._describe_model())
        self.summary_changed.emit(self._summary(count))

    def _explain_export(self, count: int) -> str:
        if self._awaits_answers:
            return self.tr("There are answers still to come. Wait for them, or press Cancel to save those there are.")
        if count == 0:
            return self.tr("There are no answers to save yet. Drop some pictures.")
        return self.tr("Save all answers as a CSV table for a spreadsheet program")

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
            low, high = measured["interval"]
            names = {"test": self.tr("test"), "val": self.tr("validation"), OUT_OF_FOLD: self.tr("out-of-fold")}
            held_out = names.get(measured.get("split"), names[split])
            text = self.tr("{accuracy} correct on {n} {split} pictures (95 % interval {low} to {high})")
            parts.append(
                text.format(
                    accuracy=percent(measured["accuracy"]),
                    n=measured["n"],
                    split=held_out,
                    low=percent(low),
                    high=percent(high),
                )
            )
        return " · ".join(parts)

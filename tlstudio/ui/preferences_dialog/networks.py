"""Preferences, Pretrained networks: what is here of each, and bringing in or carrying away what is not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QModelIndex, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QPushButton, QTreeView, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.backbones import backbone
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Progress, Said, Warned, WeightsFound, WeightsPacked
from tlstudio.ui import figures, theme
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import muted
from tlstudio.ui.messages import MessageBar
from tlstudio.ui.preferences_dialog.networks_model import NetworksModel
from tlstudio.ui.preferences_dialog.pack_dialog import PackDialog
from tlstudio.ui.preferences_dialog.question import Question
from tlstudio.ui.preferences_dialog.weights_card import WeightsCard
from tlstudio.ui.preferences_dialog.work_row import WorkRow
from tlstudio.ui.theme import SPACE


@dataclass(frozen=True)
class Imported(Event):
    """What came of bringing weights in. notes: what was in a pack and is not taken."""

    brought: tuple[WeightsFound, ...]
    errors: tuple[TLStudioError, ...] = ()
    notes: tuple[str, ...] = ()


def _importing(paths: tuple[Path, ...]) -> Iterator[Event]:
    """Import one file after another; a refused one does not keep the others out. Ends with `Imported`."""
    brought, errors, notes = list[WeightsFound](), list[TLStudioError](), list[str]()
    for path in paths:
        try:
            for event in tasks.weights_import(path):
                if isinstance(event, WeightsFound):
                    brought.append(event)
                elif isinstance(event, Warned):
                    notes.append(event.text)
                else:
                    yield event
        except TLStudioError as error:
            errors.append(error)
    yield Imported(tuple(brought), tuple(errors), tuple(notes))


def _fetching(name: str) -> Iterator[Event]:
    for event in tasks.weights_fetch(name):
        yield Imported((event,)) if isinstance(event, WeightsFound) else event


def choose_weights(chooser: FileChooser, owner: QWidget) -> list[Path]:
    """Ask which files of weights, or packs of them, to import."""
    translate = QCoreApplication.translate
    kinds = translate("weights", "Weights (*.pth *.pt *.safetensors *.zip)"), translate("weights", "All files (*)")
    return chooser.files(owner, translate("weights", "Import weights"), ";;".join(kinds))


def _listing() -> Iterator[Event]:
    return tasks.weights_list(check=True)


class NetworksPage(QWidget):
    """A table of networks, what is known of the chosen one, and what can be done.

    Signals:
        busy_changed: work begins or has ended.
    """

    busy_changed = Signal(bool)

    def __init__(self, chooser: FileChooser, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("networks_page")
        self._chooser = chooser
        self._wanted = ""  # the backbone whose download is asked about
        self._wanted_row = ""  # the backbone to turn to when it is listed
        self._model = NetworksModel(theme.colours(self.palette()), self)
        self._queue = JobQueue(self)
        self._queue.reported.connect(self._take)
        self._queue.busy_changed.connect(self._show_busy)
        self._queue.busy_changed.connect(self.busy_changed)
        self._table = self._make_table()
        self._card = WeightsCard(self)
        self._question = Question("download_question", self)
        self._question.agreed.connect(self._download)
        self._messages = MessageBar(self)
        self._messages.setObjectName("networks_message")
        self._queue.failed.connect(self._messages.show_error)
        self._work = WorkRow(self)
        self._work.cancel_wanted.connect(self.stop)
        self._lay_out()
        self._queue.add(_listing)

    def _make_table(self) -> QTreeView:
        table = QTreeView()
        table.setObjectName("networks_table")
        table.setAccessibleName(self.tr("Pretrained networks"))
        table.setToolTip(self.tr("Choose a network to see its file, its SHA-256 and its licence"))
        table.setRootIsDecorated(False)
        table.setUniformRowHeights(True)
        table.setModel(self._model)
        header = table.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.selectionModel().currentChanged.connect(self._show_chosen)
        return table

    def _lay_out(self) -> None:
        intro = QLabel(
            self.tr(
                "TL Studio starts from networks that others have trained. It uses a file of weights only if its "
                "SHA-256 is the known one, and it never goes to the network by itself: only Download, and a pack of "
                "weights that are not here, do."
            )
        )
        intro.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE * 2, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(muted(intro))
        layout.addWidget(self._table, 1)
        layout.addWidget(self._card)
        layout.addWidget(self._question)
        layout.addWidget(self._messages)
        layout.addWidget(self._work)
        layout.addLayout(self._make_buttons())

    def _make_buttons(self) -> QHBoxLayout:
        self.import_button = QPushButton(self.tr("Import file…"))
        self.import_button.setObjectName("import_weights_button")
        self.import_button.setToolTip(
            self.tr("Take weights from a .pth, .pt or .safetensors file, or from a pack; dropping it here does so too")
        )
        self.import_button.clicked.connect(self.choose_files)
        self.download_button = QPushButton(self.tr("Download…"))
        self.download_button.setObjectName("download_weights_button")
        self.download_button.clicked.connect(self._ask_to_download)
        self.pack_button = QPushButton(self.tr("Make a weights pack…"))
        self.pack_button.setObjectName("pack_weights_button")
        self.pack_button.setToolTip(self.tr("Write weights into one file, to carry to a computer without internet"))
        self.pack_button.clicked.connect(self._ask_what_to_pack)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        for button in (self.import_button, self.download_button, self.pack_button):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.insertStretch(2, 1)
        self._show_download(None)
        return row

    # What the dialog asks

    @property
    def message(self) -> str:
        """What the page says now about what was done; empty when nothing."""
        return self._messages.text

    def is_busy(self) -> bool:
        return self._queue.is_busy()

    @Slot()
    def stop(self) -> None:
        """End what runs at its next step, and forget what waits."""
        self._queue.stop()

    def bring_in(self, paths: Iterable[Path]) -> None:
        """Import files of weights or packs, one after another."""
        self._messages.hide()
        self._queue.add(partial(_importing, tuple(paths)))

    @Slot()
    def choose_files(self) -> None:
        """Ask which files to import, and import them."""
        if chosen := choose_weights(self._chooser, self):
            self.bring_in(chosen)

    def choose_network(self, name: str) -> None:
        """Show what is known of a backbone, as soon as that is known."""
        self._wanted_row = name
        self._select(self._model.row_of(name))

    # Work

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Progress():
                self._work.show_progress(event)
            case WeightsFound():
                self._show_found(event)
            case Imported():
                self._show_imported(event)
            case WeightsPacked():
                text = self.tr("{0}: the weights of %n network(s), {1}.", "", len(event.backbones))
                name = Path(event.path).name
                remedy = self.tr("On the other computer, drop it on TL Studio, or type: tlstudio weights import {0}")
                self._messages.say(text.format(name, figures.size(event.size)), remedy.format(name))
                self._queue.add(_listing)  # what was fetched for it is here now
            case Warned():
                self._messages.warn(event.text)
            case Said():
                self._messages.say(event.text)

    def _show_imported(self, done: Imported) -> None:
        for found in done.brought:
            self._show_found(found)
        names = ", ".join(backbone(found.backbone).title for found in done.brought)
        here = self.tr("Here and checked now: {0}.").format(names) if names else ""
        refused = " ".join((*map(str, done.errors), *done.notes))
        if here and refused:
            self._messages.warn(here, refused)
        elif here:
            self._messages.say(here, self.tr("You can train with it."))
        elif len(done.errors) == 1:
            self._messages.show_error(done.errors[0])
        else:
            self._messages.warn(self.tr("Nothing of this could be used."), refused)
        if done.brought:
            self.choose_network(done.brought[-1].backbone)

    def _show_found(self, found: WeightsFound) -> None:
        self._model.take(found)
        row = self._model.row_of(found.backbone)
        if not self._table.currentIndex().isValid() or found.backbone == self._wanted_row:
            self._select(row)
        elif self._table.currentIndex().row() == row:
            self._show_row(row)

    @Slot(bool)
    def _show_busy(self, busy: bool) -> None:
        if not busy:
            self._work.hide()
        self.import_button.setEnabled(not busy)
        self.pack_button.setEnabled(not busy and bool(self._model.found))
        self._show_download(self._chosen())

    # The chosen network

    def _chosen(self) -> WeightsFound | None:
        row = self._table.currentIndex().row()
        return self._model.found[row] if row >= 0 else None

    def _select(self, row: int) -> None:
        if row >= 0:
            self._table.setCurrentIndex(self._model.index(row, 0))

    @Slot(QModelIndex)
    def _show_chosen(self, at: QModelIndex) -> None:
        self._question.hide()
        self._show_row(at.row())

    def _show_row(self, row: int) -> None:
        found = self._model.found[row]
        self._card.show_weights(found, self._model.state(found))
        self._show_download(found)

    def _show_download(self, found: WeightsFound | None) -> None:
        here = found is not None and found.state in ("checked", "unchecked")
        self.download_button.setEnabled(not here and not self.is_busy() and bool(found and found.url))
        if found is None:
            why = self.tr("Choose a network first")
        elif here:
            why = self.tr("It is on this computer already")
        elif not found.url:
            why = self.tr("No address is known for this file")
        elif self.is_busy():
            why = self.tr("Something else is being done; wait or cancel it")
        else:
            why = self.tr("Shows the address first; nothing is fetched before you agree")
        self.download_button.setToolTip(why)

    @Slot()
    def _ask_to_download(self) -> None:
        found = self._chosen()
        if found is None:
            return
        self._wanted = found.backbone
        self._messages.hide()
        text = self.tr("Download {0} ({1}) from {2}? This computer will connect to that address.")
        self._question.ask(
            text.format(found.filename, figures.size(found.size), found.url),
            self.tr("Download"),
            self.tr("Fetch the file, check its SHA-256, and keep it in TL Studio's folder"),
        )

    @Slot()
    def _download(self) -> None:
        self._queue.add(partial(_fetching, self._wanted))

    # Packs

    @Slot()
    def _ask_what_to_pack(self) -> None:
        dialog = PackDialog(self._model.found, self)
        dialog.chosen.connect(self._pack)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object, bool)
    def _pack(self, names: tuple[str, ...], fetch: bool) -> None:
        out = self._chooser.save(self, self.tr("Save the pack"), "weights.zip", self.tr("Packs of weights (*.zip)"))
        if out is not None:
            self._messages.hide()
            self._queue.add(partial(tasks.weights_pack, out, names, fetch))

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self._model.paint_with(theme.colours(self.palette()))

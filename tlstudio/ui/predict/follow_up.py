"""What comes after an answer: a wrong one joins the project, sorted copies can be looked at and taken back."""

from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QAction, QDesktopServices

from tlstudio.ui.dataset.panel import DatasetPanel
from tlstudio.ui.incoming import Incoming
from tlstudio.ui.messages import MessageBar, Offer
from tlstudio.ui.predict.panel import PredictPanel
from tlstudio.ui.project_holder import ProjectHolder


class FollowUp(QObject):
    """Connects the predict panel's answers with the project and with the message bar."""

    def __init__(
        self,
        predict: PredictPanel,
        dataset: DatasetPanel,
        projects: ProjectHolder,
        incoming: Incoming,
        messages: MessageBar,
        undo_sorting: QAction,
    ) -> None:
        """undo_sorting: the command that takes sorted copies back; it is on while there are some."""
        super().__init__(messages)
        self._predict, self._dataset, self._projects = predict, dataset, projects
        self._incoming, self._messages = incoming, messages
        self._undo = undo_sorting
        self._sorted_into = ""
        predict.corrected.connect(self._correct)
        predict.sorted_.connect(self._say_sorted)
        messages.undo_wanted.connect(predict.unmark_corrected)
        incoming.pictures_to_add.connect(predict.keep_corrections)
        undo_sorting.triggered.connect(predict.undo_sorting)
        predict.history_changed.connect(self._offer_undo)

    @Slot(object, str)
    def _correct(self, paths: list[str], label: str) -> None:
        """Take pictures that were answered wrongly into the project, in the class a person says they are of."""
        if self._projects.project is not None:
            self._dataset.add_as(tuple(map(Path, paths)), label)
            self._predict.mark_corrected(paths, label)
            return
        tip = self.tr("Open the project in which the model was trained, or another one")
        open_ = Offer("open_project_button", self.tr("Open project…"), tip, self._incoming.choose_project)
        what = self.tr("There is no project that the picture could join.")
        remedy = self.tr("Open the one the model was trained in; then say again what the picture shows.")
        self._messages.offer("warning", what, remedy, (open_,))

    @Slot(str, str, bool)
    def _say_sorted(self, text: str, folder: str, can_undo: bool) -> None:
        self._sorted_into = folder
        look = Offer("open_sorted_button", self.tr("Open folder"), folder, self._open_sorted, stays=True)
        tip = self.tr("Remove the copies again, as far as they are still what was copied")
        undo = Offer("undo_sorting_button", self.tr("Undo"), tip, self._predict.undo_sorting)
        self._messages.offer("info", text, "", (look, undo) if can_undo else ())

    @Slot()
    def _open_sorted(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._sorted_into))

    @Slot(str, str)
    def _offer_undo(self, what: str, _again: str) -> None:
        self._undo.setEnabled(bool(what))

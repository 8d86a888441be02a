"""Export a model: choose where, watch it being measured, read the certificate."""

import itertools
import math
import os
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Exported, Progress
from tlstudio.ui import figures
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job import Job
from tlstudio.ui.labels import ElidedLabel, heading, muted
from tlstudio.ui.theme import SPACE


def next_power(difference: float) -> str:
    """The power of ten that a difference stays below or is, as people read it: 0.000001 for 4e-7."""
    digits = min(9, math.floor(-math.log10(max(difference, 1e-9)) + 1e-9))
    return figures.number(10**-digits, digits)


def new_folder(model: Path, into: Path) -> Path:
    """A folder for a model's export that is not there yet. Every run's model has the same name: its run tells it apart.

    Several of one name are numbered, so that none silently takes the place of another model's.
    """
    of_run = model.parent.parent.name == "runs"
    name = f"{model.parents[2].name}-{model.parent.name}" if of_run else model.stem
    numbers = (f"-{number}" if number > 1 else "" for number in itertools.count(1))
    return next(folder for number in numbers if not os.path.lexists(folder := into / f"{name}-onnx{number}"))


class ExportDialog(QDialog):
    """Writes one model as ONNX into a folder of its own, beside what a person chose."""

    def __init__(self, model: Path, chooser: FileChooser, owner: QWidget) -> None:
        super().__init__(owner)
        self.setObjectName("export_dialog")
        self.setWindowTitle(self.tr("Export {model}").format(model=model.name))
        self.resize(620, 340)
        self._model, self._chooser = model, chooser
        self._out: Path | None = None
        self._job: Job | None = None
        self._is_done = self._leaves = False
        self._lay_out()
        self._show_state()

    def _lay_out(self) -> None:
        intro = muted(
            QLabel(
                self.tr(
                    "ONNX is the form in which other programs run a model. The folder gets the model with how its "
                    "pictures are prepared, the names of the classes, five pictures with the answers expected, and a "
                    "checker that needs no TL Studio. Model and export are asked about the same pictures; if they "
                    "answer differently, nothing is exported."
                )
            )
        )
        self._place = ElidedLabel(self.tr("No folder chosen yet"))
        self._place.setObjectName("export_place")
        self._choose = QPushButton(self.tr("Choose folder…"))
        self._choose.setObjectName("export_folder_button")
        self._choose.setToolTip(self.tr("Choose the folder in which the folder of the export is made"))
        self._choose.clicked.connect(self._choose_folder)
        into = QGridLayout()
        into.setHorizontalSpacing(SPACE * 2)
        into.setColumnStretch(1, 1)
        into.addWidget(QLabel(self.tr("Into")), 0, 0)
        into.addWidget(self._place, 0, 1)
        into.addWidget(self._choose, 0, 2)
        self._verdict = heading("")
        self._verdict.setObjectName("export_verdict")
        self._text = QLabel()
        self._text.setObjectName("export_text")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress"))
        policy = self._bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._bar.setSizePolicy(policy)
        self._bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addLayout(into)
        for words in (intro, self._text):
            words.setWordWrap(True)
        layout.addWidget(self._verdict)
        layout.addWidget(self._text)
        layout.addWidget(self._bar)
        layout.addStretch(1)
        layout.addWidget(self._make_buttons())

    def _make_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export_button = QPushButton(self.tr("Export"))
        self.export_button.setObjectName("export_button")
        self.export_button.setProperty("primary", True)
        self.open_button = QPushButton(self.tr("Open folder"))
        self.open_button.setObjectName("open_export_button")
        self.open_button.setToolTip(self.tr("Show the exported files in the file manager"))
        self.open_button.clicked.connect(self._open_folder)
        buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.export_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.leave_button = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self.leave_button.setIcon(QIcon())  # the style's own does not follow our colours
        buttons.accepted.connect(self._export)
        buttons.rejected.connect(self.reject)
        return buttons

    def _show_state(self) -> None:
        is_free = self._job is None and not self._is_done
        self._choose.setEnabled(is_free)
        self.export_button.setEnabled(is_free and self._out is not None)
        self.export_button.setVisible(not self._is_done)
        self.export_button.setToolTip(
            self.tr("Write the export and measure it") if self._out else self.tr("Choose a folder first")
        )
        self.open_button.setVisible(self._is_done)
        self._verdict.setVisible(bool(self._verdict.text()))
        self._bar.setVisible(self._job is not None)
        self.leave_button.setText(self.tr("Close") if self._is_done else self.tr("Cancel"))
        self.leave_button.setToolTip(
            self.tr("Close this window; the export stays") if self._is_done else self.tr("Leave nothing behind")
        )

    @Slot()
    def _choose_folder(self) -> None:
        folder = self._chooser.folder(self, self.tr("Folder to export into"))
        if folder is None:
            return
        self._out = new_folder(self._model, folder)
        self._place.show_text(str(self._out))
        self._verdict.setText("")
        self._text.setText("")
        self._show_state()
        self.export_button.setFocus()

    @Slot()
    def _export(self) -> None:
        if self._out is None or self._job is not None:
            return
        self._verdict.setText("")
        self._text.setText(self.tr("Loading the model …"))
        self._bar.setRange(0, 0)
        task = partial(tasks.export_apart, self._model, self._out)
        self._job = Job(lambda _stop: task(), self)
        self._job.reported.connect(self._take)
        self._job.failed.connect(self._show_failure)
        self._job.finished.connect(self._end)
        self._job.start()
        self._show_state()

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Progress() if event.total and not self._leaves:
                self._bar.setRange(0, event.total)
                self._bar.setValue(event.done)
                text = self.tr("Writing and measuring … step {done} of {total}")
                self._text.setText(text.format(done=event.done, total=event.total))
            case Exported():
                self._is_done = True
                self._show_certificate(event)

    def _show_certificate(self, done: Exported) -> None:
        self._verdict.setText(self.tr("The export answers as the model does"))
        told = self.tr(
            "Both were asked about the same {pictures} pictures, of all the kinds that are easy to read wrongly. Their "
            "probabilities differ by less than {difference}; {allowed} is allowed. certificate.txt, among the {size} "
            "written, says with which versions. To check it on another computer: python check.py"
        )
        self._text.setText(
            told.format(
                pictures=figures.count(done.pictures),
                difference=next_power(done.difference),
                allowed=next_power(done.allowed),
                size=figures.size(done.size),
            )
        )

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self._verdict.setText(self.tr("Nothing was exported"))
        self._text.setText(str(error))

    @Slot()
    def _end(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        if self._leaves:
            super().reject()
            return
        self._show_state()
        if self._is_done:
            self.open_button.setFocus()

    @Slot()
    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._out)))

    def reject(self) -> None:
        """Go; what runs is stopped first, and leaves nothing behind."""
        if self._job is None:
            super().reject()
            return
        self._leaves = True
        self._job.stop()
        self._text.setText(self.tr("Taking away what was begun …"))

"""Files that come in, by dialog, drop, paste, command line or desktop: recognised, and handed to who takes them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.ui import drops
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.drops import Deed, Kind
from tlstudio.ui.job import start_errand


class Incoming(QObject):
    """Tells pictures, models and projects apart and says what is to be done with them.

    Signals:
        weights_came: files of pretrained weights to import.
        model_came: the path of a .tlmodel to open. project_came: the folder of a project to open.
        pictures_to_add: paths, and whether they are loose files. pictures_to_classify: a list of paths.
        came: something was dropped, pasted or chosen. refused: why something cannot be used, and what to do instead.
        failed: the TLStudioError of what could not be looked at.
    """

    model_came = Signal(object)
    weights_came = Signal(object)
    project_came = Signal(object)
    pictures_to_add = Signal(object, bool)
    pictures_to_classify = Signal(object)
    came = Signal()
    refused = Signal(str, str)
    failed = Signal(object)

    def __init__(self, window: QWidget, chooser: FileChooser, deed_here: Callable[[bool], Deed]) -> None:
        """deed_here: what pictures that were put nowhere in particular are for; asked whether they are loose files."""
        super().__init__(window)
        self._window = window
        self._chooser = chooser
        self._deed_here = deed_here

    @Slot()
    def choose_project(self) -> None:
        folder = self._chooser.folder(self._window, self.tr("Open a project"))
        if folder is not None:
            self.project_came.emit(folder)

    @Slot()
    def choose_model(self) -> None:
        kinds = self.tr("TL Studio models (*.tlmodel)")
        chosen = self._chooser.files(self._window, self.tr("Open a model"), kinds)
        if chosen:
            self.model_came.emit(chosen[0])

    def open_paths(self, paths: tuple[Path, ...]) -> None:
        """What `tlstudio PATH…` or the desktop gave: a project, a model, pictures, or a folder of them."""
        if paths:
            given = tuple(path.absolute() for path in paths)
            start_errand(self, lambda: drops.recognise(given), self._open_recognised, self._take_failure)

    @Slot(object)
    def classify(self, paths: tuple[Path, ...]) -> None:
        """Classify files, unless they turn out to be a model or a project."""
        self.came.emit()
        self._recognise(Deed.CLASSIFY, paths)

    @Slot()
    def paste(self, deed: Deed = Deed.CLASSIFY) -> None:
        """Do that with what is on the clipboard."""
        given = QGuiApplication.clipboard().mimeData()
        refusal = drops.why_not(given)
        if paths := drops.local_paths(given) or drops.paths_in_text(given):
            self._recognise(deed, paths)
        elif refusal:
            self.refused.emit(refusal, "")
        else:
            self.take_pixels(deed, drops.Pixels.of(given))

    @Slot(object, object)
    def take_dropped(self, deed: Deed, paths: tuple[Path, ...]) -> None:
        """What was dropped where a drop does that deed."""
        self.came.emit()
        self._recognise(deed, paths)

    @Slot(object, object)
    def take_pixels(self, deed: Deed, pixels: drops.Pixels) -> None:
        """A picture that came without a file, where a drop does that deed."""
        self.came.emit()
        self._look_at(deed, pixels.keep)

    def _recognise(self, deed: Deed, paths: tuple[Path, ...]) -> None:
        self._look_at(deed, lambda: drops.recognise(paths))

    def _look_at(self, deed: Deed, look: Callable[[], Iterator[Event]]) -> None:
        report = self._classify_recognised if deed == Deed.CLASSIFY else self._add_recognised
        start_errand(self, look, report, self._take_failure)

    @Slot(object)
    def _open_recognised(self, what: Event) -> None:
        if isinstance(what, drops.Recognised):
            self._do(self._deed_here(what.loose), what)

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
            self.model_came.emit(what.paths[0])
            if what.paths[1:]:
                self.pictures_to_classify.emit(list(what.paths[1:]))
        elif what.what == Kind.PROJECT:
            self.project_came.emit(what.paths[0])
        elif what.what == Kind.WEIGHTS:
            self.weights_came.emit(what.paths)
        elif deed == Deed.CLASSIFY:
            self.pictures_to_classify.emit(list(what.paths))
        else:
            self.pictures_to_add.emit(what.paths, what.loose)

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self.failed.emit(error)

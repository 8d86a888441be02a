"""The menu bar: every command of the window, once, with its key."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from tlstudio.ui.labels import plain_tip
from tlstudio.ui.rail import Step
from tlstudio.ui.theme import SCHEMES, Scheme
from tlstudio.ui.undoing import UndoActions

Key = QKeySequence.StandardKey | str | None


class Menus(QObject):
    """Builds the menus and says what was chosen.

    Signals:
        step_wanted: one of the four steps. scheme_wanted: `system`, `light` or `dark`. project_wanted: a recent one.
        recent_wanted: the list of recent projects opens; say which are gone. removal_wanted: take those off it.
    """

    new_wanted = Signal()
    new_window_wanted = Signal()
    open_wanted = Signal()
    open_model_wanted = Signal()
    export_wanted = Signal()
    project_wanted = Signal(object)
    recent_wanted = Signal()
    removal_wanted = Signal(object)
    import_wanted = Signal()
    import_copy_wanted = Signal()
    sample_wanted = Signal()
    preferences_wanted = Signal()
    quit_wanted = Signal()
    paste_wanted = Signal()
    find_wanted = Signal()
    step_wanted = Signal(int)
    scheme_wanted = Signal(str)
    rescan_wanted = Signal()
    train_wanted = Signal()
    pause_wanted = Signal()
    stop_wanted = Signal()
    log_wanted = Signal()
    report_wanted = Signal()
    about_wanted = Signal()

    def __init__(self, window: QMainWindow, undoing: UndoActions, scheme: Scheme) -> None:
        super().__init__(window)
        self._window = window
        self._build_file()
        self._build_edit(undoing)
        self._build_view(scheme)
        self._build_run()
        self._build_help()

    def _menu(self, text: str) -> QMenu:
        menu = self._window.menuBar().addMenu(text)
        menu.setToolTipsVisible(True)
        return menu

    def _add(self, menu: QMenu, text: str, chosen: Any, key: Key = None) -> QAction:
        action = menu.addAction(text)
        if key is not None:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(chosen)
        return action

    def _build_file(self) -> None:
        menu = self._menu(self.tr("&File"))
        self._add(menu, self.tr("&New project"), self.new_wanted, QKeySequence.StandardKey.New)
        self._add(menu, self.tr("New &window"), self.new_window_wanted, "Ctrl+Shift+N")
        self._add(menu, self.tr("&Open project…"), self.open_wanted, QKeySequence.StandardKey.Open)
        self.recent = menu.addMenu(self.tr("Open &recent"))
        self.recent.aboutToShow.connect(self.recent_wanted)
        self._add(menu, self.tr("Open &model…"), self.open_model_wanted)
        self.export = self._add(menu, self.tr("&Export model…"), self.export_wanted)
        menu.addSeparator()
        self.import_ = self._add(menu, self.tr("&Import pictures…"), self.import_wanted, "Ctrl+I")
        self.import_copy = self._add(
            menu, self.tr("Import a &copy of pictures…"), self.import_copy_wanted, "Ctrl+Shift+I"
        )
        self._add(menu, self.tr("New project from the &sample"), self.sample_wanted)
        menu.addSeparator()
        self._add(menu, self.tr("&Preferences…"), self.preferences_wanted, "Ctrl+,")
        self._add(menu, self.tr("&Quit"), self.quit_wanted, "Ctrl+Q")

    def _build_edit(self, undoing: UndoActions) -> None:
        menu = self._menu(self.tr("&Edit"))
        menu.addActions([undoing.undo, undoing.redo])
        self.undo_sorting = menu.addAction(self.tr("Remove the &sorted copies"))
        self.undo_sorting.setEnabled(False)
        menu.addSeparator()
        self._add(menu, self.tr("&Paste pictures"), self.paste_wanted, QKeySequence.StandardKey.Paste)
        self._add(menu, self.tr("&Find"), self.find_wanted, QKeySequence.StandardKey.Find)

    def _build_view(self, scheme: Scheme) -> None:
        menu = self._menu(self.tr("&View"))
        texts = (self.tr("Pictures"), self.tr("Network"), self.tr("Training"), self.tr("Predict"))
        for step, text in zip(Step, texts, strict=True):
            action = self._add(menu, text, self._want_step, f"Ctrl+{step + 1}")
            action.setData(int(step))
        menu.addSeparator()
        themes = menu.addMenu(self.tr("Theme"))
        group = QActionGroup(self)
        self.schemes: dict[str, QAction] = {}
        for name, text in zip(SCHEMES, (self.tr("System"), self.tr("Light"), self.tr("Dark")), strict=True):
            action = self._add(themes, text, self._want_scheme)
            action.setData(name)
            action.setCheckable(True)
            action.setChecked(name == scheme)
            group.addAction(action)
            self.schemes[name] = action
        menu.addSeparator()
        self.full_screen = self._add(menu, self.tr("Full screen"), self._toggle_full_screen, "F11")

    def _build_run(self) -> None:
        menu = self._menu(self.tr("&Run"))
        self.rescan = self._add(menu, self.tr("&Look for changed pictures"), self.rescan_wanted, "F5")
        self.train = self._add(menu, self.tr("&Train"), self.train_wanted, "Ctrl+R")
        self.pause = self._add(menu, self.tr("&Pause or go on"), self.pause_wanted, "Ctrl+P")
        self.pause.setToolTip(self.tr("A paused run is kept whole on disk, also after a restart"))
        self.pause.setEnabled(False)
        self.stop = self._add(menu, self.tr("&Stop"), self.stop_wanted, "Esc")
        self.stop.setEnabled(False)

    def _build_help(self) -> None:
        menu = self._menu(self.tr("&Help"))
        self._add(menu, self.tr("Show &log"), self.log_wanted)
        self._add(menu, self.tr("Save &report…"), self.report_wanted)
        self._add(menu, self.tr("&About TL Studio"), self.about_wanted)

    def allow_changes(self, has_project: bool, why_not: str) -> None:
        """Switch on what changes the open project. why_not: why it cannot be changed; empty where it can."""
        self.import_copy.setEnabled(has_project and not why_not)
        self.import_copy.setToolTip(
            why_not or self.tr("The copies lie in the project, which can then go to another computer whole")
        )
        for action in (self.import_, self.rescan):
            action.setEnabled(not why_not)
            action.setToolTip(why_not)

    def show_recent(self, folders: tuple[Path, ...]) -> None:
        """List projects, the newest first."""
        self.recent.clear()
        for folder in folders:
            action = self.recent.addAction(folder.name.replace("&", "&&"))
            action.setToolTip(plain_tip(str(folder)))
            action.setData(str(folder))
            action.triggered.connect(self._want_project)
        self.recent.setToolTipsVisible(True)
        self.recent.setEnabled(bool(folders))

    @Slot(object)
    def grey_out(self, gone: tuple[Path, ...]) -> None:
        """Show which of the recent projects are not there now, and offer to take them off the list."""
        told = [action for action in self.recent.actions() if action.data() in {str(folder) for folder in gone}]
        for action in told:
            action.setEnabled(False)
            action.setToolTip(self.tr("{folder} is not there now").format(folder=action.data()))
        if told and not self.recent.actions()[-1].property("removes"):
            self.recent.addSeparator()
            remove = self._add(self.recent, self.tr("Remove those that are gone"), self._want_removal)
            remove.setProperty("removes", True)
            remove.setToolTip(self.tr("Take them off this list; if one comes back, File ▸ Open project… opens it"))

    @Slot()
    def _want_step(self) -> None:
        self.step_wanted.emit(self._chosen())

    @Slot()
    def _want_scheme(self) -> None:
        self.scheme_wanted.emit(self._chosen())

    @Slot()
    def _want_project(self) -> None:
        self.project_wanted.emit(Path(self._chosen()))

    @Slot()
    def _want_removal(self) -> None:
        entries = [action for action in self.recent.actions() if action.data() and not action.isEnabled()]
        self.removal_wanted.emit(tuple(Path(action.data()) for action in entries))

    def _chosen(self) -> Any:
        """What the action that was chosen carries."""
        action = self.sender()
        return action.data() if isinstance(action, QAction) else None

    @Slot()
    def _toggle_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

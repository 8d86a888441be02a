"""The one open project: opened, begun, left and given back, off the window's thread."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.ui import projects
from tlstudio.ui.job import start_errand
from tlstudio.ui.preferences import Preferences

WATCH = 2000  # ms between two looks whether a project that others have is free


class ProjectHolder(QObject):
    """Holds the project that is open, and keeps the list of recent ones.

    A project that is begun for pictures is kept if it gets some; else it never was.

    Signals:
        changed: the Project that is open from now on, or None.
        left: another project was open before; after `changed`.
        opened: the ProjectOpened that came; after `changed` and `left`.
        recent_changed: the list of recent projects is another one. recent_gone: those of them that are not there now.
        failed: the TLStudioError that kept a project from opening.
        freed: nobody else has the project any more that is only looked at.
    """

    changed = Signal(object)
    left = Signal()
    opened = Signal(object)
    recent_changed = Signal()
    recent_gone = Signal(object)
    failed = Signal(object)
    freed = Signal()

    def __init__(self, preferences: Preferences, may_leave: Callable[[], bool], owner: QObject) -> None:
        """may_leave: whether the open project can be left now; tells the person why when it cannot."""
        super().__init__(owner)
        self._preferences = preferences
        self._may_leave = may_leave
        self._closed = False
        # Begun for pictures that have not come yet: the open one, and those left before theirs came.
        self._begun: Project | None = None
        self._abandoned: list[Project] = []
        self.project: Project | None = None
        self._watching = QTimer(self, interval=WATCH, singleShot=True)
        self._watching.timeout.connect(self._watch)

    @Slot(object)
    def open(self, folder: Path) -> None:
        """Open a project, or begin one in an empty folder."""
        if self._may_leave():
            current = self.project
            start_errand(self, lambda: projects.open_project(folder, current), self._take, self._take_failure)

    @Slot(object)
    def begin(self, paths: tuple[Path, ...]) -> None:
        """Begin a project for pictures that were given to an empty window."""
        home, name = self._preferences.projects_home, paths[0].stem if paths[0].suffix == ".csv" else paths[0].name
        start_errand(self, lambda: projects.begin_project(home, name, paths), self._take, self._take_failure)

    @Slot()
    def begin_sample(self) -> None:
        """Begin a project for the sample."""
        if self._may_leave():
            home, name = self._preferences.projects_home, self.tr("Sample shapes")
            start_errand(self, lambda: projects.begin_project(home, name, sample=True), self._take, self._take_failure)

    @Slot()
    def take_over(self) -> None:
        """Become the one that changes the project that is only looked at, if nobody else does now."""
        project = self.project
        if project is not None and project.is_read_only:
            start_errand(self, lambda: projects.take_over(project), self._take_over, self._take_failure)

    @Slot()
    def _watch(self) -> None:
        project = self.project
        if project is not None and project.is_read_only:
            start_errand(self, lambda: projects.watch(project), self._tell_free, self._take_failure)

    @Slot(object)
    def _tell_free(self, watched: Event) -> None:
        # Told only, not taken: the other one may be a row of runs that wants it again at once.
        if isinstance(watched, projects.Watched) and watched.project is self.project and not self._closed:
            if watched.is_free:
                self.freed.emit()
            else:
                self._watching.start()

    @Slot(object)
    def _take_over(self, taken: Event) -> None:
        if not isinstance(taken, projects.TakenOver):
            return
        if self._closed or taken.before is not self.project:
            taken.project.close()
            return
        self.project = taken.project
        self._watch_if_needed()
        self.changed.emit(taken.project)

    def _watch_if_needed(self) -> None:
        if self.project is not None and self.project.is_read_only:
            self._watching.start()
        else:
            self._watching.stop()

    def leave(self) -> bool:
        """Have no project open; it is saved as it is. False when it cannot be left now."""
        if not self._may_leave():
            return False
        self._hold(None)
        return True

    @Slot()
    def look_for_recent(self) -> None:
        """Find out which of the recent projects are gone."""
        recent = self._preferences.recent
        start_errand(self, lambda: projects.find_gone(recent), self._tell_gone, self._take_failure)

    @Slot(object)
    def _tell_gone(self, found: Event) -> None:
        if isinstance(found, projects.ProjectsGone):
            self.recent_gone.emit(found.folders)

    @Slot(object)
    def forget(self, folders: tuple[Path, ...]) -> None:
        """Take projects off the list of recent ones."""
        for folder in folders:
            self._preferences.forget_project(folder)
        self.recent_changed.emit()

    def settle(self, is_empty: bool) -> None:
        """Nothing is being added any more: drop what was begun for pictures and got none.

        is_empty: the open project has no picture.
        """
        begun, self._begun = self._begun, None
        abandoned, self._abandoned = self._abandoned, []
        if begun is not None and begun is self.project and is_empty:
            self.project = None  # not left as others are: a model that is open stays open
            self.changed.emit(None)
            abandoned.append(begun)
        for project in abandoned:
            start_errand(self, partial(projects.remove_if_empty, project), self._forget_removed, self._take_failure)

    def stop(self) -> None:
        """Take no project any more: one that is just being opened is given back."""
        self._closed = True
        self._watching.stop()

    def shut_down(self) -> None:
        """Give everything back. Call it when no job works on a project."""
        self.stop()
        for project in (self.project, self._begun, *self._abandoned):
            if project is not None:
                project.close()
        self.project = None

    @Slot(object)
    def _take(self, opened: Event) -> None:
        if not isinstance(opened, projects.ProjectOpened):
            return
        if self._closed:
            opened.project.close()
            return
        if opened.project is not self.project:
            self._hold(opened.project)
            self._begun = opened.project if opened.begun else None
        self._preferences.remember_project(opened.project.folder)
        self.recent_changed.emit()
        self.opened.emit(opened)

    def _hold(self, project: Project | None) -> None:
        before, self.project = self.project, project
        if before is not None and before is self._begun:
            # Its pictures are still being looked through: whether some were kept shows when that has ended.
            self._abandoned.append(before)
        self._begun = None
        self._watch_if_needed()
        self.changed.emit(project)
        if before is not None:
            self.left.emit()
            if before not in self._abandoned:
                before.close()

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self.failed.emit(error)

    @Slot(object)
    def _forget_removed(self, what: Event) -> None:
        if isinstance(what, projects.ProjectRemoved):
            self.forget((what.folder,))

"""The pictures panel: bring pictures in, look at them by class, see what is wrong with them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QSlider,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Inspected, Progress, Warned
from tlstudio.core.project import Project
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.dataset.delegates import ClassDelegate, ProblemDelegate
from tlstudio.ui.dataset.empty import EmptyPage
from tlstudio.ui.dataset.grid import LARGEST, SMALLEST, PictureGrid
from tlstudio.ui.dataset.models import ClassList, PictureList, Problem, ProblemList
from tlstudio.ui.dataset.preview import Preview
from tlstudio.ui.icons import IconButton
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.projects import SAMPLE_FOLDER
from tlstudio.ui.theme import SPACE

SPLITS = ("", "train", "val", "test")
CLASSES_WIDTH = 216
PREVIEW_SHARE = 0.34
PROBLEM_LINES = 4


@dataclass(frozen=True)
class Addition:
    """What one drop put into a project: enough to take it out again."""

    paths: tuple[Path, ...]
    label: str


@dataclass(frozen=True)
class Listed(Event):
    """All pictures of a project, those refused too, and what is to be said about them.

    warnings: what the task warned of. addition: what it added.
    """

    project: Project
    pictures: tuple[Picture, ...]
    found: Inspected | None
    warnings: tuple[str, ...] = ()
    addition: Addition | None = None


def look(project: Project, task: Callable[[], Iterator[Event]], addition: Addition | None = None) -> Iterator[Event]:
    """Run a task that ends with `Inspected`, then list the project's pictures."""
    found, warnings = None, []
    for event in task():
        if isinstance(event, Inspected):
            found = event
        elif isinstance(event, Warned):
            warnings.append(event.text)
        else:
            yield event
    pictures = tuple(project.catalogue.pictures())
    yield Listed(project, pictures, found if pictures else None, tuple(warnings), addition)


def add_and_look(project: Project, paths: tuple[Path, ...], label: str) -> Iterator[Event]:
    """Add pictures to a project, list all of them, and remember which were new to it."""
    fresh = tuple(path for path in paths if not tasks.has_source(project, path, label))
    yield from look(project, lambda: tasks.add(project, paths, label), Addition(fresh, label))


def draw_and_add(project: Project) -> Iterator[Event]:
    """Draw the built-in sample into the project's folder and make it its pictures."""
    folder = project.folder / SAMPLE_FOLDER
    yield from tasks.draw_sample(folder)
    yield from tasks.add(project, [folder])


class DatasetPanel(QWidget):
    """The pictures of the open project.

    Signals:
        pictures_changed: the Inspected that describes them, or None. summary_changed: a line for the rail.
        progressed: events.Progress. busy_changed, failed: as of a JobQueue.
        project_wanted: paths that were given while there is no project. project_folder_wanted: a recent project.
        sample_wanted: begin a project with the sample. train_wanted: the next step. said: what was added, what was
            warned of, and whether `take_back` can undo it.
    """

    pictures_changed = Signal(object)
    summary_changed = Signal(str)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(object)
    project_wanted = Signal(object)
    project_folder_wanted = Signal(object)
    sample_wanted = Signal()
    train_wanted = Signal()
    said = Signal(str, str, bool)

    def __init__(self, chooser: FileChooser, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dataset_panel")
        self._chooser = chooser
        self._preferences = preferences
        self._project: Project | None = None
        self._pictures: tuple[Picture, ...] = ()
        self._problem: Problem | None = None
        self._addition: Addition | None = None
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self.failed)
        self._jobs.busy_changed.connect(self._follow_busy)
        self._classes = ClassList(self)
        self._shown = PictureList(self)
        self._problems = ProblemList(self)
        self._pages = QStackedWidget()
        self._empty = self._make_empty()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._make_full())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)

    # Building

    def _make_empty(self) -> EmptyPage:
        empty = EmptyPage()
        empty.choose_wanted.connect(self.choose_folder)
        empty.sample_wanted.connect(self.sample_wanted)
        empty.project_wanted.connect(self.project_folder_wanted)
        return empty

    def _make_full(self) -> QWidget:
        page = QWidget()
        tools = self._make_tools()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(SPACE)
        self._split.addWidget(self._make_class_list())
        self._split.addWidget(self._make_grid())
        self._preview = Preview()
        self._preview.hide()
        self._split.addWidget(self._preview)
        self._split.setStretchFactor(0, 0)
        self._split.setStretchFactor(1, 2)
        self._split.setStretchFactor(2, 1)
        self._split.setSizes([CLASSES_WIDTH, 700, 360])
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE + 4)
        layout.addLayout(tools)
        layout.addWidget(self._split, 1)
        layout.addWidget(self._make_problem_list())
        layout.addLayout(self._make_foot())
        return page

    def _make_tools(self) -> QHBoxLayout:
        self._filter = QLineEdit()
        self._filter.setObjectName("filter_text")
        self._filter.setAcceptDrops(False)  # a file dropped here is meant for the panel
        self._filter.setPlaceholderText(self.tr("Find by file name"))
        self._filter.setAccessibleName(self.tr("Find by file name"))
        self._filter.setToolTip(self.tr("Show only pictures with this in their file name (Ctrl+F)"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setMaximumWidth(260)
        self._filter.textChanged.connect(self._show_matching)
        self._splits = QComboBox()
        self._splits.setAccessibleName(self.tr("Part of the pictures"))
        self._splits.setToolTip(self.tr("Show all pictures, or those to train on, to check with, or to test with"))
        for text in (self.tr("All parts"), self.tr("To train on"), self.tr("To check with"), self.tr("To test with")):
            self._splits.addItem(text)
        self._splits.currentIndexChanged.connect(self._show_matching)
        self._import = QPushButton(self.tr("Import…"))
        self._import.setObjectName("import_button")
        self._import.setToolTip(self.tr("Add a folder of pictures; nothing in it is changed (Ctrl+I)"))
        self._import.clicked.connect(self.choose_folder)
        self._look = IconButton("eye", self.tr("Show or hide the preview (Space in the grid)"))
        self._look.setCheckable(True)
        self._look.toggled.connect(self._show_preview)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._filter, 1)
        row.addWidget(self._splits)
        row.addStretch(1)
        row.addWidget(self._make_size_slider())
        row.addWidget(self._look)
        row.addWidget(self._import)
        return row

    def _make_size_slider(self) -> QSlider:
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._size.setRange(SMALLEST, LARGEST)
        self._size.setPageStep(32)
        self._size.setFixedWidth(120)
        self._size.setAccessibleName(self.tr("Size of the pictures"))
        self._size.setToolTip(self.tr("How large the pictures are shown"))
        return self._size

    def _make_class_list(self) -> QListView:
        self._class_view = QListView()
        self._class_view.setObjectName("class_list")
        self._class_view.setAccessibleName(self.tr("Classes"))
        self._class_view.setToolTip(
            self.tr("The classes and how many pictures each has; choose one to see its pictures")
        )
        self._class_view.setModel(self._classes)
        self._class_view.setItemDelegate(ClassDelegate(self._class_view))
        self._class_view.setUniformItemSizes(True)
        self._class_view.setMouseTracking(True)
        self._class_view.setMinimumWidth(160)
        self._class_view.selectionModel().currentChanged.connect(self._choose_class)
        return self._class_view

    def _make_grid(self) -> PictureGrid:
        self._grid = PictureGrid(self._shown)
        self._grid.look_wanted.connect(self._look.toggle)
        self._grid.doubleClicked.connect(self._open_preview)
        self._grid.selectionModel().currentChanged.connect(self._look_at)
        self._size.setValue(self._preferences.thumbnail_side)
        self._grid.show_side(self._preferences.thumbnail_side)
        self._size.valueChanged.connect(self._resize_pictures)
        return self._grid

    def _make_problem_list(self) -> QListView:
        self._problem_view = QListView()
        self._problem_view.setObjectName("problem_list")
        self._problem_view.setAccessibleName(self.tr("Remarks on the pictures"))
        self._problem_view.setToolTip(
            self.tr("What is wrong with the pictures; choose a line to see those it is about")
        )
        self._problem_view.setModel(self._problems)
        self._problem_view.setItemDelegate(ProblemDelegate(self._problem_view))
        self._problem_view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._problem_view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._problem_view.setMouseTracking(True)
        self._problem_view.clicked.connect(self._show_problem)
        self._problem_view.activated.connect(self._show_problem)
        return self._problem_view

    def _make_foot(self) -> QHBoxLayout:
        self._count = muted(ElidedLabel("", Qt.TextElideMode.ElideRight))
        self._show_all = QPushButton(self.tr("Show all pictures"))
        self._show_all.setToolTip(self.tr("Leave this choice of pictures and see all of them again"))
        self._show_all.clicked.connect(self._leave_choice)
        self._show_all.hide()
        self._next = QPushButton(self.tr("Train"))
        self._next.setObjectName("train_now_button")
        self._next.setProperty("primary", True)
        self._next.setMinimumWidth(140)
        self._next.clicked.connect(self.train_wanted)
        row = QHBoxLayout()
        row.setSpacing(SPACE + 4)
        row.addWidget(self._count, 1)
        row.addWidget(self._show_all)
        row.addWidget(self._next)
        return row

    # What the window calls

    def show_project(self, project: Project | None) -> None:
        """Show a project's pictures, or the invitation to begin one."""
        self._jobs.stop()
        self._project, self._addition = project, None
        self._show_listed((), None)
        if project is not None:
            self._jobs.add(lambda: look(project, lambda: tasks.report(project)))

    def show_recent(self, folders: tuple[Path, ...]) -> None:
        self._empty.show_recent(folders)

    def show_backbone(self, name: str) -> None:
        """The network whose view the preview shows."""
        self._preview.show_backbone(name)

    def set_ready(self, why_not: str) -> None:
        """Allow the next step, or say why it cannot be taken yet."""
        self._next.setEnabled(not why_not)
        self._next.setToolTip(why_not or self.tr("Train the network on these pictures (Ctrl+R)"))

    def import_path(self, path: Path) -> None:
        """Add a folder of class folders or a list of pictures."""
        self.add((path,))

    def add(self, paths: tuple[Path, ...], loose: bool = False) -> None:
        """Add folders, lists, or files. loose: files alone, which no folder names; the chosen class takes them."""
        label = self._chosen_class() if loose else ""
        if loose and not label:
            text = self.tr("a single file does not say of which class it is")
            remedy = self.tr("Choose a class on the left first, or drop a folder of pictures.")
            if not self._pictures:
                remedy = self.tr("Drop the folder that holds your class folders: one folder of pictures per class.")
            self.failed.emit(TLStudioError(text, path=paths[0], remedy=remedy))
            return
        if self._project is None:
            self.project_wanted.emit(paths)
            return
        project = self._project
        self._jobs.add(lambda: add_and_look(project, paths, label))

    def add_as(self, paths: tuple[Path, ...], label: str) -> None:
        """Add files to the project, all of one class."""
        if self._project is not None:
            project = self._project
            self._jobs.add(lambda: add_and_look(project, paths, label))

    def draw_sample(self) -> None:
        """Draw the sample into the project and add it."""
        if self._project is not None:
            project = self._project
            self._jobs.add(lambda: look(project, lambda: draw_and_add(project)))

    @Slot()
    def take_back(self) -> None:
        """Take out what was added last."""
        project, addition, self._addition = self._project, self._addition, None
        if project is not None and addition is not None:
            task = partial(tasks.remove, project, addition.paths, addition.label)
            self._jobs.add(lambda: look(project, task))

    @Slot()
    def rescan(self) -> None:
        """Look again where the pictures came from."""
        if self._project is not None and self._pictures:
            project = self._project
            self._jobs.add(lambda: look(project, lambda: tasks.rescan(project)))

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder of pictures and add it."""
        folder = self._chooser.folder(self, self.tr("Choose a folder with one folder of pictures per class"))
        if folder is not None:
            self.add((folder,))

    def focus_filter(self) -> None:
        self._filter.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def is_empty(self) -> bool:
        """Whether no picture is listed."""
        return not self._pictures

    def is_busy(self) -> bool:
        return self._jobs.is_busy()

    @Slot()
    def stop(self) -> None:
        self._jobs.stop()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._jobs.shut_down()
        self._grid.shut_down()
        self._preview.shut_down()

    # What happens

    @Slot(object)
    def _take(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
            if not self._pictures:
                self._empty.show_progress(event)
        elif isinstance(event, Listed) and event.project is self._project:
            before = self._pictures
            self._show_listed(event.pictures, event.found)
            self._say(event, before)

    def _say(self, listed: Listed, before: tuple[Picture, ...]) -> None:
        """Say what a task added and warned of; more pictures than before can be taken out again."""
        known = {picture.path for picture in before}
        fresh = [picture for picture in listed.pictures if picture.path not in known]
        undo = bool(listed.addition and listed.addition.paths and before and fresh)
        self._addition = listed.addition if undo else self._addition
        words = self._describe_added(fresh) if undo else ""
        if words or listed.warnings:
            self.said.emit(words, "\n".join(listed.warnings), undo)

    def _describe_added(self, fresh: Sequence[Picture]) -> str:
        labels = {picture.label for picture in fresh}
        if len(labels) == 1:
            return self.tr("Added %n picture(s) as class {label}.", "", len(fresh)).format(label=labels.pop())
        return self.tr("Added %n picture(s) in {number} classes.", "", len(fresh)).format(number=len(labels))

    @Slot(bool)
    def _follow_busy(self, busy: bool) -> None:
        if not busy:
            self._empty.show_invitation()
        self.busy_changed.emit(busy)

    def _show_listed(self, pictures: tuple[Picture, ...], found: Inspected | None) -> None:
        chosen = self._chosen_class()
        self._pictures, self._problem = pictures, None
        self._grid.thumbnails.forget()
        self._preview.forget()
        self._classes.show_classes(found)
        self._problems.show_problems(found)
        count = self._problems.rowCount()
        self._problem_view.setVisible(count > 0)
        line = max(self._problem_view.sizeHintForRow(0), 24)
        self._problem_view.setFixedHeight(line * min(count, PROBLEM_LINES) + 8)
        self._pages.setCurrentIndex(1 if found else 0)
        self._class_view.setCurrentIndex(self._classes.index(self._classes.row_of(chosen)))
        self._show_matching()
        self.summary_changed.emit(self._summary(found))
        self.pictures_changed.emit(found)

    def _summary(self, found: Inspected | None) -> str:
        if found is None:
            return self.tr("drop a folder to begin")
        read = self.locale().toString(found.read)
        classes = self.tr("%n class(es)", "", len(found.classes))
        return f"{read} · {classes}"

    def _chosen_class(self) -> str:
        line = self._classes.line(self._class_view.currentIndex().row())
        return line.name if line else ""

    @Slot(QModelIndex, QModelIndex)
    def _choose_class(self, _now: QModelIndex, _before: QModelIndex) -> None:
        self._problem = None
        self._problem_view.clearSelection()
        self._show_matching()

    @Slot()
    def _show_matching(self) -> None:
        """Fill the grid with what the class, the part, the text or a problem leave."""
        pictures = self._matching()
        self._shown.show_pictures(pictures)
        self._show_all.setVisible(self._problem is not None)
        count = self.tr("%n picture(s)", "", len(pictures))
        self._count.show_text(f"{count}: {self._problem.text}" if self._problem else count)
        self._preview.show_picture(None)

    def _matching(self) -> Sequence[Picture]:
        if self._problem is not None:
            by_path = {picture.path: picture for picture in self._pictures}
            return [by_path[path] for path in self._problem.paths if path in by_path]
        label, split = self._chosen_class(), SPLITS[self._splits.currentIndex()]
        text = self._filter.text().casefold()
        return [
            picture
            for picture in self._pictures
            if not picture.refused
            and (not label or picture.label == label)
            and (not split or picture.split == split)
            and (not text or text in Path(picture.path).name.casefold())
        ]

    @Slot(QModelIndex)
    def _show_problem(self, at: QModelIndex) -> None:
        problem = self._problems.problem(at.row())
        if problem is not None and problem.paths:
            self._problem = problem
            self._show_matching()

    @Slot()
    def _leave_choice(self) -> None:
        self._problem = None
        self._problem_view.clearSelection()
        self._show_matching()
        self._grid.setFocus()

    @Slot(QModelIndex, QModelIndex)
    def _look_at(self, now: QModelIndex, _before: QModelIndex) -> None:
        self._preview.show_picture(self._shown.picture(now.row()))

    @Slot()
    def _open_preview(self) -> None:
        self._look.setChecked(True)

    @Slot(bool)
    def _show_preview(self, visible: bool) -> None:
        self._preview.setVisible(visible)
        if visible:
            left, middle, right = self._split.sizes()
            share = round((left + middle + right) * PREVIEW_SHARE)
            self._split.setSizes([left, middle + right - share, share])

    @Slot(int)
    def _resize_pictures(self, side: int) -> None:
        self._grid.show_side(side)
        self._preferences.thumbnail_side = side

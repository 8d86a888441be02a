"""The pictures panel: bring pictures in, look at them by class, see what is wrong with them, put it right."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QTimer, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.backbones import DEFAULT_BACKBONE
from tlstudio.core.edits import Edits, Step
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Difference, Event, Progress
from tlstudio.core.project import Project
from tlstudio.core.recipe import Recipe
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.dataset import listing
from tlstudio.ui.dataset.doubts.view import DoubtsView
from tlstudio.ui.dataset.editing import Editor
from tlstudio.ui.dataset.empty import EmptyPage
from tlstudio.ui.dataset.listing import Changed, Choice, Counted, Deed, Differs, Facts, Listed, Looked, Reported
from tlstudio.ui.dataset.models import ClassList, PictureList
from tlstudio.ui.dataset.page import Page
from tlstudio.ui.dataset.remarks import Remark, RemarkList
from tlstudio.ui.drops import Pixels
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.read_only import why_not_changeable

TYPING = 120  # ms without a key before a filter text is looked for
REPORT_AFTER = 400  # ms without an edit before the report is made anew


class DatasetPanel(QWidget):
    """The pictures of the open project.

    Signals:
        pictures_changed: the Inspected that describes them, or None. summary_changed: a line for the rail.
        progressed: events.Progress. busy_changed, failed: as of a JobQueue.
        project_wanted: paths that were given while there is no project. project_folder_wanted: a recent project.
        sample_wanted: begin a project with the sample. train_wanted: the next step. said: what was added, what was
            warned of, and whether `take_back` can undo it.
        joined, taken_back: the Addition that came into the project, or is taken out of it again.
        history_changed: what `undo` and `redo` would do, in words; empty for nothing.
        fit_chosen: how the next run makes pictures square.
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
    joined = Signal(object)
    taken_back = Signal(object)
    history_changed = Signal(str, str)
    fit_chosen = Signal(object)

    def __init__(self, chooser: FileChooser, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dataset_panel")
        self._chooser = chooser
        self._preferences = preferences
        self._project: Project | None = None
        self._pictures = range(0)  # one for each file of the project
        self._choice = Choice()
        self._remark: Remark | None = None
        self._only: tuple[int, ...] = ()  # the group that is being decided on
        self._note = ""
        self._reported = self._compared = True  # whether the report and the folders are being looked at, or were
        self._backbone = DEFAULT_BACKBONE
        self._addition: listing.Addition | None = None
        self._classes = ClassList(self)
        self._shown = PictureList(self)
        self._remarks = RemarkList(self)
        self._jobs = self._make_queue()
        self._jobs.busy_changed.connect(self._follow_busy)
        # Short questions and edits; they do not wait for what looks through pictures, nor the grid for an edit.
        self._asking = self._make_queue()
        self._fetching = self._make_queue()
        self._reporting = self._make_queue()
        self._comparing = self._make_queue()  # apart, because an edit ends a report that runs
        self._queues = (self._jobs, self._asking, self._fetching, self._reporting, self._comparing)
        self._pages = QStackedWidget()
        self._empty = self._make_empty()
        self._pages.addWidget(self._empty)
        self._page = self._make_page()
        self._pages.addWidget(self._page)
        self._doubts = self._make_doubts()
        self._pages.addWidget(self._doubts)
        self._typing = self._make_timer(TYPING, self._list_chosen)
        self._report_soon = self._make_timer(REPORT_AFTER, self._report)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)

    # Building

    def _make_queue(self) -> JobQueue:
        queue = JobQueue(self)
        queue.reported.connect(self._take)
        queue.failed.connect(self.failed)
        return queue

    def _make_timer(self, interval: int, due: object) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(due)
        return timer

    def _make_empty(self) -> EmptyPage:
        empty = EmptyPage()
        empty.choose_wanted.connect(self.choose_folder)
        empty.sample_wanted.connect(self.sample_wanted)
        empty.project_wanted.connect(self.project_folder_wanted)
        return empty

    def _make_page(self) -> Page:
        page = Page(self._classes, self._shown, self._remarks, self._preferences.thumbnail_side)
        self._grid, self._preview, self._class_view, self._tools = page.grid, page.preview, page.class_view, page.tools
        self._editor = Editor(self._classes, self._shown, self._class_view, self._grid, self)
        self._editor.deed_wanted.connect(self._do)
        self._editor.look_wanted.connect(self._tools.look.toggle)
        self._tools.choice_changed.connect(self._choose_soon)
        self._tools.side_changed.connect(self._remember_side)
        self._tools.import_wanted.connect(self.choose_folder)
        self._class_view.class_chosen.connect(self._choose_class)
        self._class_view.files_dropped.connect(self._add_to_class)
        self._class_view.pixels_dropped.connect(self._add_pixels_to_class)
        self._grid.selectionModel().currentChanged.connect(self._look_at)
        self._grid.selectionModel().selectionChanged.connect(self._tell_count)
        self._shown.facts_wanted.connect(self._fetch)
        self._shown.dataChanged.connect(self._look_again)
        self._preview.fit_chosen.connect(self.fit_chosen)
        page.remark_chosen.connect(self._choose_remark)
        page.difference.accepted.connect(self._accept)
        page.decision.group_chosen.connect(self._show_group)
        page.decision.deed_wanted.connect(self._do)
        page.choice_left.connect(self._leave_choice)
        page.train_wanted.connect(self.train_wanted)
        page.doubts_wanted.connect(self.open_doubts)
        return page

    def _make_doubts(self) -> DoubtsView:
        doubts = DoubtsView()
        doubts.edit_wanted.connect(self._edit)
        doubts.closed.connect(self.leave_doubts)
        doubts.look_wanted.connect(self._show_those)
        doubts.progressed.connect(self.progressed)
        doubts.busy_changed.connect(self._follow_doubts)
        doubts.failed.connect(self.failed)
        return doubts

    # What the window calls

    def show_project(self, project: Project | None) -> None:
        """Show a project's pictures, or the invitation to begin one."""
        for queue in self._queues:
            queue.stop()
        self._doubts.clear()
        self._project, self._addition = project, None
        self._choice, self._note = Choice(), ""
        self._drop_remark()
        self._page.difference.show_difference(None)
        self._tools.show_all()
        self._typing.stop()
        self._grid.thumbnails.forget()
        self._preview.forget()
        self._show_counts({}, 0, None, None)
        self._shown.show_pictures((), {})
        self._remarks.show_remarks(())
        self.pictures_changed.emit(None)
        self._editor.why_not = why_not_changeable(project)
        self._page.allow_changes(self._editor.why_not)
        if project is not None:
            self._asking.add(lambda: listing.count(project))
            self._show_anew(project)
            self._compared = project.is_read_only  # what has changed is for its writer to take over

    def _show_anew(self, project: Project) -> None:
        """List what is chosen, whatever pictures there are now, and look for what there is to know about them."""
        self._asking.add(partial(listing.choose, project, self._choice, keeps=True))
        self._reported = False

    def show_recent(self, folders: tuple[Path, ...]) -> None:
        self._empty.show_recent(folders)

    @Slot(object)
    def show_recipe(self, recipe: Recipe) -> None:
        """The recipe whose network's view the preview shows."""
        self._backbone = recipe.backbone
        self._preview.show_recipe(recipe)

    def set_ready(self, why_not: str) -> None:
        """Allow the next step, or say why it cannot be taken yet."""
        self._page.next.setEnabled(not why_not)
        self._page.next.setToolTip(why_not or self.tr("Train the network on these pictures (Ctrl+R)"))

    def import_path(self, path: Path) -> None:
        """Add a folder of class folders or a list of pictures."""
        self.add((path,))

    def add(self, paths: tuple[Path, ...], loose: bool = False) -> None:
        """Add folders, lists, or files. loose: files alone, which no folder names; the chosen class takes them."""
        label = self._class_view.chosen() if loose else ""
        if loose and not label:
            text = self.tr("a single file does not say of which class it is")
            remedy = self.tr("Choose a class on the left first, or drop a folder of pictures.")
            if self.is_empty():
                remedy = self.tr("Drop the folder that holds your class folders: one folder of pictures per class.")
            self.failed.emit(TLStudioError(text, path=paths[0], remedy=remedy))
            return
        if self._project is None:
            self.project_wanted.emit(paths)
            return
        self.add_as(paths, label)

    @Slot(str, object)
    def _add_to_class(self, label: str, paths: tuple[Path, ...]) -> None:
        self.add_as(paths, label)

    @Slot(str, object)
    def _add_pixels_to_class(self, label: str, pixels: Pixels) -> None:
        if project := self._changeable():
            self._jobs.add(lambda: listing.add_pixels(project, pixels, label))

    def has_class_chosen(self) -> bool:
        """Whether a class is chosen that single files would join."""
        return self._pages.currentWidget() is self._page and bool(self._class_view.chosen())

    def add_as(self, paths: tuple[Path, ...], label: str) -> None:
        """Add files to the project, all of one class; without one, folders or lists that tell the classes."""
        if project := self._changeable():
            self._jobs.add(lambda: listing.add(project, paths, label))

    def draw_sample(self) -> None:
        """Draw the sample into the project and add it."""
        if project := self._changeable():
            self._jobs.add(lambda: listing.draw_sample(project))

    @Slot()
    def take_back(self) -> None:
        """Take out what was added last."""
        project, addition, self._addition = self._changeable(), self._addition, None
        if project is not None and addition is not None:
            self.taken_back.emit(addition)
            task = partial(tasks.remove, project, addition.paths, addition.label)
            self._jobs.add(lambda: listing.look(project, task))

    @Slot()
    def rescan(self) -> None:
        """Look again where the pictures came from, and say what has changed there."""
        if (project := self._project) is not None and not self.is_empty():
            self._jobs.add(lambda: listing.differ(project, asked=True))

    @Slot(object)
    def _accept(self, difference: Difference) -> None:
        """Make the project say what the folders say now."""
        if project := self._changeable():
            self._jobs.add(lambda: listing.look(project, lambda: tasks.accept(project, difference)))

    @Slot()
    def choose_folder(self) -> None:
        """Ask for a folder of pictures and add it."""
        folder = self._chooser.folder(self, self.tr("Choose a folder with one folder of pictures per class"))
        if folder is not None:
            self.add((folder,))

    @Slot()
    def choose_folder_to_copy(self) -> None:
        """Ask for a folder of pictures and add copies of them, which lie in the project from then on."""
        folder = self._chooser.folder(self, self.tr("Choose a folder of pictures to copy into the project"))
        if folder is not None and (project := self._changeable()):
            self._jobs.add(lambda: listing.add(project, (folder,), "", copy=True))

    @Slot()
    def undo(self) -> None:
        """Take the last edit back."""
        self._change(partial(tasks.edit, change=Edits.undo), back=True)

    @Slot()
    def redo(self) -> None:
        """Make the edit again that was taken back last."""
        self._change(partial(tasks.edit, change=Edits.redo))

    @Slot()
    def open_doubts(self) -> None:
        """Let the network of the recipe doubt the labels."""
        if self._project is not None:
            self._pages.setCurrentWidget(self._doubts)
            self._doubts.open(self._project, self._backbone)
            self._doubts.setFocus()

    @Slot()
    def leave_doubts(self) -> None:
        """Back to the grid."""
        self._pages.setCurrentWidget(self._page)
        self._grid.setFocus()

    @Slot(object)
    def _show_those(self, ids: tuple[int, ...]) -> None:
        """Show pictures chosen on the map in the grid."""
        self._show_only(ids, self.tr("chosen on the map"))

    def _show_only(self, ids: tuple[int, ...], about: str) -> None:
        self._remark, self._only = Remark("", "info", about, ids), ()
        self._list_chosen()
        self.leave_doubts()

    @Slot(object)
    def show_paths(self, paths: Sequence[str]) -> None:
        """Show the pictures at these paths in the grid, in their order, as far as the project has them."""
        if self._project is not None:
            self._asking.add(partial(listing.find, self._project, paths))

    def _show_found(self, found: listing.Found) -> None:
        if found.ids:
            self._tools.show_all()
            self._show_only(found.ids, self.tr("chosen in the evaluation"))
        if found.missing:
            self.said.emit("", self._editor.describe_missing(found.missing), False)

    def focus_filter(self) -> None:
        self._tools.focus_text()

    def is_empty(self) -> bool:
        """Whether no picture is listed."""
        return not self._pictures

    def is_busy(self) -> bool:
        return self._jobs.is_busy() or self._doubts.is_busy()

    @Slot()
    def stop(self) -> None:
        self._jobs.stop()
        self._doubts.stop()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._typing.stop()
        self._report_soon.stop()
        for queue in self._queues:
            queue.shut_down()
        self._grid.shut_down()
        self._preview.shut_down()
        self._doubts.shut_down()

    # What comes back

    @Slot(object)
    def _take(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
            if self.is_empty():
                self._empty.show_progress(event)
        elif getattr(event, "project", None) is not self._project:
            return
        elif isinstance(event, Looked):
            self._take_looked(event)
        elif isinstance(event, Counted):
            self._show_counts(event.classes, event.size, event.undo, event.redo)
        elif isinstance(event, Listed):
            self._show_listed(event)
        elif isinstance(event, Differs):
            self._take_difference(event)
        elif isinstance(event, Facts):
            self._shown.take(event.pictures)
        elif isinstance(event, Changed):
            self._take_changed(event)
        elif isinstance(event, listing.Found):
            self._show_found(event)
        elif isinstance(event, listing.StaysOut):
            self.said.emit(*self._editor.describe_kept_out(event.classes), False)
        elif isinstance(event, Reported):
            self._remarks.show_remarks(event.remarks)
            self._page.remark_view.clearSelection()
            self.pictures_changed.emit(event.found)
            self._compare(event.project)

    def _take_looked(self, looked: Looked) -> None:
        """Pictures came or went: say so, and show what there is now."""
        self._grid.thumbnails.forget()
        self._preview.forget()
        undo = bool(looked.addition and looked.addition.paths and looked.added)
        if undo:
            self._addition = looked.addition
            self.joined.emit(looked.addition)
        words = self._editor.describe_added(looked.added) if undo else ""
        if words or looked.warnings:
            self.said.emit(words, "\n".join(looked.warnings), undo)
        if self._page.difference.text or self._comparing.is_busy():
            # Found before these pictures came or went.
            self._comparing.stop()
            self._page.difference.show_difference(None)
            self._compared = False
        self._show_anew(looked.project)
        self._doubts.pictures_changed()

    def _take_difference(self, differs: Differs) -> None:
        difference = differs.difference
        self._page.difference.show_difference(difference)
        if difference.missing:
            what = self.tr("{place} is not there now.").format(place=difference.missing[0])
            self.said.emit("", self.tr("{what} Its pictures are kept as they were known.").format(what=what), False)
        elif differs.asked and difference.is_empty:
            self.said.emit(self.tr("Nothing has changed in the folders."), "", False)

    def _take_changed(self, changed: Changed) -> None:
        edited = changed.edited
        if edited.step is not None:
            self._choice = self._choice.after(edited.step, changed.back)
        if self._choice != changed.choice:  # another one was made meanwhile: the list that comes is not of it
            self._asking.add(partial(listing.choose, changed.project, self._choice, keeps=True))
        self._show_counts(edited.classes, len(self._pictures), edited.undo, edited.redo)
        if edited.step is not None:
            said = self._editor.describe(edited.step, done=True)
            self._note = self.tr("Taken back: {deed}").format(deed=said) if changed.back else said
            self._tell_count()
            self._report_soon.start()
            self._doubts.pictures_changed()

    def _show_counts(
        self, classes: Mapping[str, Mapping[str, int]], size: int, undo: Step | None, redo: Step | None
    ) -> None:
        chosen = self._choice.label
        self._pictures = range(size)
        if not size or self._pages.currentWidget() is self._empty:
            self._pages.setCurrentWidget(self._page if size else self._empty)
        self._class_view.blockSignals(True)
        self._classes.show_classes(classes if size else {})
        self._class_view.choose(chosen)
        self._class_view.blockSignals(False)
        self.summary_changed.emit(self._summary(classes, size))
        steps = (None, None) if self._editor.why_not else (undo, redo)
        words = [self._editor.describe(step, done=False) if step else "" for step in steps]
        self.history_changed.emit(*words)

    def _summary(self, classes: Mapping[str, Mapping[str, int]], size: int) -> str:
        if not size:
            return self.tr("drop a folder to begin")
        read = self.locale().toString(sum(sum(parts.values()) for parts in classes.values()))
        return " · ".join((read, self.tr("%n class(es)", "", len(classes))))

    @Slot(bool)
    def _follow_busy(self, busy: bool) -> None:
        if not busy:
            self._empty.show_invitation()
        self.busy_changed.emit(busy or self._doubts.is_busy())

    @Slot(bool)
    def _follow_doubts(self, busy: bool) -> None:
        self.busy_changed.emit(busy or self._jobs.is_busy())

    # What the grid shows

    @Slot(str)
    def _choose_class(self, _name: str) -> None:
        self._drop_remark()
        self._list_chosen()

    @Slot()
    def _choose_soon(self) -> None:
        self._typing.start()

    @Slot()
    def _list_chosen(self) -> None:
        """List what the class, the part, the text, the order and a remark leave."""
        self._typing.stop()
        tools = self._tools
        only = self._only or (self._remark.ids if self._remark else None) or None
        label = self._class_view.chosen() if self._remark is None else ""
        choice = Choice(label, tools.split, tools.text.text().strip(), tools.order, tools.descending, only)
        if self._project is None or choice == self._choice:
            return
        self._choice, self._note = choice, ""
        self._asking.add(partial(listing.choose, self._project, choice))

    def _show_listed(self, listed: Listed) -> None:
        if listed.choice != self._choice:
            return  # a later one is on its way
        row, before = self._grid.currentIndex().row(), self._shown.id_at(self._grid.currentIndex().row())
        self._grid.say_why_empty(self._tools.why_empty(listed.choice))
        self._shown.show_pictures(listed.ids, listed.first)
        if not listed.keeps:
            self._grid.scrollToTop()
            self._preview.show_picture(None)
        elif before is not None and not self._grid.currentIndex().isValid():
            # What was looked at has gone from here: go on with what has taken its place.
            now = self._shown.row_of(before)
            at = self._shown.index(now if now >= 0 else min(row, len(listed.ids) - 1))
            self._grid.setCurrentIndex(at)
        self._page.show_all.setVisible(self._remark is not None)
        self._tell_count()
        if not self._reported:  # only now: it would keep the processor from what is seen first
            self._report()

    @Slot()
    def _tell_count(self) -> None:
        count = self.tr("%n picture(s)", "", self._shown.rowCount())
        chosen = self._grid.chosen_count()
        if chosen > 1:
            count = self.tr("{count}, {chosen} of them chosen").format(
                count=count, chosen=self.locale().toString(chosen)
            )
        about = self._note or (self._remark.text if self._remark else "")
        self._page.count.show_text(f"{count} · {about}" if about else count)

    @Slot(object)
    def _fetch(self, ids: list[int]) -> None:
        if project := self._project:
            self._fetching.add(lambda: listing.facts(project, ids))

    @Slot(int)
    def _choose_remark(self, row: int) -> None:
        remark = self._remarks.remark(row)
        if remark is not None and remark.leads:
            self._remark, self._only = remark, ()
            self._page.decision.show_remark(remark)
            self._list_chosen()

    @Slot(object)
    def _show_group(self, ids: tuple[int, ...]) -> None:
        """Show one group of those a remark is about; with no ids, all of them."""
        self._only = ids
        if ids:
            self._grid.show_beside(len(ids))
        else:
            self._grid.show_side(self._preferences.thumbnail_side)
        self._list_chosen()

    def _drop_remark(self) -> None:
        if self._only:
            self._grid.show_side(self._preferences.thumbnail_side)
        self._remark, self._only = None, ()
        self._page.decision.show_remark(None)
        self._page.remark_view.clearSelection()

    @Slot()
    def _leave_choice(self) -> None:
        self._drop_remark()
        self._list_chosen()
        self._grid.setFocus()

    @Slot(QModelIndex, QModelIndex)
    def _look_at(self, now: QModelIndex, _before: QModelIndex) -> None:
        self._preview.show_picture(self._shown.picture(now.row()))

    @Slot()
    def _look_again(self) -> None:
        self._preview.show_picture(self._shown.picture(self._grid.currentIndex().row()))

    @Slot(int)
    def _remember_side(self, side: int) -> None:
        self._preferences.thumbnail_side = side

    # Edits and the report

    @Slot(object)
    def _do(self, deed: Deed) -> None:
        self._change(deed)

    @Slot(object)
    def _edit(self, change: Callable[[Edits], Step | None]) -> None:
        self._change(partial(tasks.edit, change=change))

    def _change(self, deed: Deed, back: bool = False) -> None:
        """Make an edit, then show what there is. back: it takes one back."""
        project, choice = self._changeable(), self._choice
        if project is None:
            return
        first, last = self._grid.near_rows()
        near = list(self._shown.ids(first, last))
        self._asking.add(lambda: listing.edit(project, deed, choice, near, back))

    def _changeable(self) -> Project | None:
        """The open project, if it can be changed; where it can only be looked at, that is said."""
        if self._project is not None and self._project.refusal is not None:
            self.failed.emit(self._project.refusal)
            return None
        return self._project

    @Slot()
    def _report(self) -> None:
        """Look anew for what there is to know about the pictures."""
        if project := self._project:
            self._reporting.stop()
            self._reporting.add(lambda: listing.report(project, self._remarks.write))
            self._reported = True

    def _compare(self, project: Project) -> None:
        """Look for what has changed in the folders, unless that was done."""
        if not self._compared:
            self._compared = True
            self._comparing.add(lambda: listing.differ_if_any(project))

"""What a person does to classes and pictures, turned into edits of the catalogue, and edits turned into words."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QInputDialog, QMenu

from tlstudio import tasks
from tlstudio.core.edits import Edits, Split, Step
from tlstudio.ui.dataset import listing
from tlstudio.ui.dataset.class_view import ClassView
from tlstudio.ui.dataset.grid import PictureGrid
from tlstudio.ui.dataset.models import ClassList, PictureList
from tlstudio.ui.read_only import switch_off


class Editor(QObject):
    """Listens to the grid and the class list.

    Signals:
        deed_wanted: a Deed to do now. look_wanted: the chosen picture, closely.
    """

    deed_wanted = Signal(object)
    look_wanted = Signal()

    def __init__(
        self, classes: ClassList, pictures: PictureList, class_view: ClassView, grid: PictureGrid, owner: QObject
    ) -> None:
        super().__init__(owner)
        self._classes = classes
        self._pictures = pictures
        self._class_view = class_view
        self._grid = grid
        self.why_not = ""  # why nothing can be changed; empty where it can
        grid.digit_pressed.connect(self._relabel_by_digit)
        grid.exclude_wanted.connect(self._exclude_or_include)
        grid.rename_wanted.connect(self._start_renaming)
        grid.menu_wanted.connect(self._show_menu)
        class_view.rename_wanted.connect(self._rename)
        class_view.merge_wanted.connect(self._merge)
        class_view.remove_wanted.connect(self._remove)
        class_view.add_wanted.connect(self.ask_for_class)
        class_view.pictures_dropped.connect(self.relabel)

    def _want(self, change: Callable[[Edits], Step | None]) -> None:
        self.deed_wanted.emit(partial(tasks.edit, change=change))

    def describe(self, step: Step, done: bool) -> str:
        """An edit in words. done: as a sentence that says it has happened; else as a menu continues "Undo …"."""

        names = {"first": step.names[0] if step.names else "", "last": step.names[-1] if step.names else ""}
        match step.kind, done:
            case "rename", True:
                text = self.tr("Renamed “{first}” to “{last}”.")
            case "rename", False:
                text = self.tr("renaming “{first}” to “{last}”")
            case "merge", True:
                text = self.tr("Merged “{first}” into “{last}”: %n picture(s).", "", step.count)
            case "merge", False:
                text = self.tr("merging “{first}” into “{last}”")
            case "add", True:
                text = self.tr("Added the class “{first}”. Drag pictures onto it.")
            case "add", False:
                text = self.tr("adding the class “{first}”")
            case "remove", True:
                text = self.tr("Removed the class “{first}”; its %n picture(s) are left out.", "", step.count)
            case "remove", False:
                text = self.tr("removing the class “{first}”")
            case "relabel", True:
                text = self.tr("Filed %n picture(s) under “{first}”.", "", step.count)
            case "relabel", False:
                text = self.tr("filing %n picture(s) under “{first}”", "", step.count)
            case "exclude", True:
                text = self.tr("Left out %n picture(s); the files stay where they are.", "", step.count)
            case "exclude", False:
                text = self.tr("leaving out %n picture(s)", "", step.count)
            case "include", True:
                text = self.tr("Used again: %n picture(s).", "", step.count)
            case "include", False:
                text = self.tr("using %n picture(s) again", "", step.count)
            case "split", True:
                text = self.tr("Moved %n picture(s) to another part.", "", step.count)
            case "split", False:
                text = self.tr("moving %n picture(s) to another part", "", step.count)
            case _, True:
                text = self.tr("Noted your decision.")
            case _:
                text = self.tr("the decision on a group")
        return text.format(**names)

    def describe_missing(self, count: int) -> str:
        """That pictures somebody wants to see cannot be shown here."""
        return self.tr("Not in the project any more: %n picture(s).", "", count)

    def describe_kept_out(self, classes: Sequence[str]) -> tuple[str, str]:
        """Why pictures of removed classes are not used again, and what to do."""
        names = ", ".join(classes[:3]) + (" …" if classes[3:] else "")
        what = self.tr("Pictures of a class that was removed stay left out: {names}.").format(names=names)
        remedy = self.tr("Add a class of that name again, or file the pictures under another class.")
        return what, remedy

    def describe_added(self, added: Mapping[str, int]) -> str:
        """What came in, in words. added: class → pictures."""
        total = sum(added.values())
        if len(added) == 1:
            return self.tr("Added %n picture(s) as class {label}.", "", total).format(label=next(iter(added)))
        return self.tr("Added %n picture(s) in {number} classes.", "", total).format(number=len(added))

    # Classes

    @Slot(str, str)
    def _rename(self, old: str, new: str) -> None:
        self._want(partial(Edits.rename_class, old=old, new=new))

    @Slot(str, str)
    def _merge(self, gone: str, into: str) -> None:
        self._want(partial(Edits.merge_classes, names=[gone], into=into))

    @Slot(str)
    def _remove(self, name: str) -> None:
        self._want(partial(Edits.remove_class, name=name))

    @Slot()
    def ask_for_class(self) -> None:
        """Ask for the name of a new class and add it."""
        dialog = QInputDialog(self._class_view)
        dialog.setObjectName("new_class_dialog")
        dialog.setWindowTitle(self.tr("New class"))
        dialog.setLabelText(self.tr("What is the class called?"))
        dialog.setOkButtonText(self.tr("Add"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._add)
        dialog.open()

    @Slot(str)
    def _add(self, name: str) -> None:
        if name.strip():
            self._want(partial(Edits.add_class, name=name))

    @Slot()
    def _start_renaming(self) -> None:
        """Rename the chosen class, or that of the current picture."""
        picture = self._pictures.picture(self._grid.currentIndex().row())
        self._class_view.start_renaming(self._class_view.chosen() or (picture.label if picture else ""))

    # Pictures

    @Slot(str)
    def relabel(self, label: str) -> None:
        """File the selected pictures under a class."""
        if ids := self._grid.chosen_ids():
            self._want(partial(Edits.relabel, ids=ids, label=label))

    @Slot(int)
    def _relabel_by_digit(self, digit: int) -> None:
        names = self._classes.names()
        number = (digit - 1) % 10
        if number < len(names):
            self.relabel(names[number])

    @Slot()
    def _exclude_or_include(self) -> None:
        """Leave the selected pictures out; if the current one is left out already, use them again."""
        current = self._pictures.picture(self._grid.currentIndex().row())
        if current and current.excluded:
            self._include()
        else:
            self._exclude()

    # The menu of the grid

    @Slot(QPoint)
    def _show_menu(self, place: QPoint) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def make_menu(self) -> QMenu:
        """What can be done with the selected pictures."""
        menu = QMenu(self._grid)
        look = menu.addAction(self.tr("Look closely"))
        look.setShortcut(Qt.Key.Key_Space)
        look.triggered.connect(self.look_wanted)
        under = menu.addMenu(self.tr("File under"))
        for number, name in enumerate(self._classes.names()):
            action = under.addAction(name.replace("&", "&&"))
            action.setData(name)
            if number < 10:  # there are ten digit keys
                action.setShortcut(f"{(number + 1) % 10}")
            action.triggered.connect(self._relabel_as_chosen)
        part = menu.addMenu(self.tr("Move to part"))
        parts = (
            ("train", self.tr("To train on")),
            ("val", self.tr("To check with")),
            ("test", self.tr("To test with")),
            ("", self.tr("As it was drawn or filed")),
        )
        for split, text in parts:
            action = part.addAction(text)
            action.setData(split)
            action.triggered.connect(self._set_split_as_chosen)
        menu.addSeparator()
        leave = menu.addAction(self.tr("Leave out"))
        leave.setShortcut(Qt.Key.Key_Delete)
        leave.triggered.connect(self._exclude)
        menu.addAction(self.tr("Use again")).triggered.connect(self._include)
        switch_off(menu, menu.actions()[1:], self.why_not)
        return menu

    @Slot()
    def _relabel_as_chosen(self) -> None:
        self.relabel(self.sender().data())  # type: ignore[attr-defined]  # an action of the menu

    @Slot()
    def _set_split_as_chosen(self) -> None:
        split = self.sender().data()  # type: ignore[attr-defined]  # an action of the menu
        self.put_into(self._grid.chosen_ids(), split)

    def put_into(self, ids: Sequence[int], split: Split) -> None:
        """Move pictures to a part: `train`, `val`, `test`, or empty for the one they came with or were drawn for."""
        if ids:
            self._want(partial(Edits.set_split, ids=ids, split=split))

    @Slot()
    def _exclude(self) -> None:
        self.leave_out(self._grid.chosen_ids())

    def leave_out(self, ids: Sequence[int]) -> None:
        """Keep pictures out of use."""
        if ids:
            self._want(partial(Edits.exclude, ids=ids))

    @Slot()
    def _include(self) -> None:
        if ids := self._grid.chosen_ids():
            self.deed_wanted.emit(partial(listing.include, ids=ids))

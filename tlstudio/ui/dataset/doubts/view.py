"""Doubts about the pictures: decide on labels, choose on the map, read what would help. The figure moves along."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QTabWidget, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.catalogue import Picture
from tlstudio.core.doubts import CurveDrawn, DoubtsFound, PicturesMapped, ShortcutsFound
from tlstudio.core.edits import Edits
from tlstudio.core.events import Event, Progress
from tlstudio.core.project import Project
from tlstudio.core.sources import sources_of
from tlstudio.ui import figures
from tlstudio.ui.dataset.doubts.decisions import DecisionsPage
from tlstudio.ui.dataset.doubts.feature_map import FeatureMap
from tlstudio.ui.dataset.doubts.models import Doubt, doubts_of
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel, heading, muted, plain_tip
from tlstudio.ui.read_only import why_not_changeable
from tlstudio.ui.theme import SPACE


@dataclass(frozen=True)
class Judged(Event):
    """A judgement, whose it is and what it was of. pictures: in use, in the catalogue's order."""

    by: tasks.Doubts
    found: DoubtsFound
    pictures: tuple[Picture, ...]
    decisions: frozenset[tuple[str, str]]


def judge(doubts: tasks.Doubts, project: Project) -> Iterator[Event]:
    """Judge the project's pictures by the labels they have now."""
    pictures = tuple(project.catalogue.readable())
    decisions = frozenset(project.catalogue.decisions())
    for event in doubts.judge(pictures):
        yield Judged(doubts, event, pictures, decisions) if isinstance(event, DoubtsFound) else event


def shortcuts(doubts: tasks.Doubts, project: Project) -> Iterator[Event]:
    """Look for what gives the classes away."""
    yield from doubts.shortcuts([each.place(project) for each in sources_of(project)])


@dataclass
class _Shown:
    """What is on show, and what is being put right at this moment."""

    pictures: dict[int, Picture] = field(default_factory=dict)
    first: float | None = None
    decided: dict[int, Doubt] = field(default_factory=dict)
    mapped: tuple[int, ...] = ()


class DoubtsView(QWidget):
    """Asks a frozen backbone about the labels, again after each edit.

    Signals:
        edit_wanted: an edit of the catalogue to make now; tell `pictures_changed` when it is made. closed: back to the
        pictures. look_wanted: ids of pictures to be shown in the grid. progressed: events.Progress. busy_changed,
        failed: as of a JobQueue.
    """

    edit_wanted = Signal(object)
    closed = Signal()
    look_wanted = Signal(object)
    progressed = Signal(object)
    busy_changed = Signal(bool)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("doubts_view")
        self._project: Project | None = None
        self._doubts: tasks.Doubts | None = None
        self._shown = _Shown()
        self._locked = ""  # why nothing can be put right
        self._judging = False
        self._again = False
        self._asked: set[str] = set()
        self._jobs = JobQueue(self)
        self._jobs.reported.connect(self._take)
        self._jobs.failed.connect(self._show_failure)
        self._jobs.busy_changed.connect(self._follow_busy)
        self.decisions = DecisionsPage()
        self.decisions.edit_wanted.connect(self.edit_wanted)
        self.decisions.decided.connect(self._await)
        self._pages = QTabWidget()
        self._pages.setDocumentMode(True)
        self._pages.tabBar().setDrawBase(False)
        for part in (self._pages, self._pages.tabBar()):
            part.setAccessibleName(self.tr("What is doubted"))
        self._pages.addTab(self.decisions, self.tr("To decide"))
        self._pages.addTab(self._make_map_page(), self.tr("Map"))
        self._pages.addTab(self._make_help_page(), self.tr("What would help"))
        self._pages.currentChanged.connect(self._ask_for_page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)
        layout.addLayout(self._make_head())
        layout.addWidget(self._pages, 1)

    def _make_head(self) -> QHBoxLayout:
        back = QPushButton(self.tr("Back to the pictures"))
        back.setObjectName("leave_doubts_button")
        back.setToolTip(self.tr("Show all pictures again (Esc)"))
        back.clicked.connect(self.closed)
        self._figure = heading("")
        self._figure.setObjectName("doubts_accuracy")
        self._about = muted(ElidedLabel("", Qt.TextElideMode.ElideRight))
        row = QHBoxLayout()
        row.setSpacing(SPACE * 2)
        row.addWidget(back)
        row.addWidget(self._figure)
        row.addWidget(self._about, 1)
        return row

    def _make_map_page(self) -> QWidget:
        self.map = FeatureMap()
        self.map.chosen.connect(self._show_chosen)
        self._chosen: tuple[int, ...] = ()
        self._count = muted(QLabel())
        self._under = QPushButton(self.tr("File under"))
        self._under.setMenu(QMenu(self._under))
        self._leave = QPushButton(self.tr("Leave out"))
        self._leave.clicked.connect(self._leave_chosen_out)
        self._look = QPushButton(self.tr("Show them"))
        self._look.setToolTip(self.tr("Show the chosen pictures in the grid"))
        self._look.clicked.connect(self._look_at_chosen)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        for button in (self._look, self._under, self._leave):
            row.addWidget(button)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, SPACE, 0, 0)
        column.addWidget(self.map, 1)
        column.addLayout(row)
        self._show_chosen(())
        return page

    def _make_help_page(self) -> QWidget:
        self._curve = QLabel(self.tr("Estimating what more pictures would bring …"))
        self._cues = QLabel(self.tr("Looking for what gives the classes away …"))
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(SPACE, SPACE * 2, SPACE, SPACE)
        column.setSpacing(SPACE)
        for name, label in ((self.tr("Twice the pictures"), self._curve), (self.tr("Shortcuts"), self._cues)):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(heading(name))
            column.addWidget(label)
            column.addSpacing(SPACE * 2)
        column.addStretch(1)
        return page

    # From outside

    def open(self, project: Project, backbone: str) -> None:
        """Judge a project's pictures by this backbone."""
        if self._project is not project or self._doubts is None or self._doubts.backbone != backbone:
            self.clear()
            self._project, self._doubts = project, tasks.Doubts(backbone)
        self._shown.decided.clear()
        self._locked = why_not_changeable(project)
        self.decisions.allow_changes(self._locked)
        self._show_abilities()
        self.pictures_changed()

    def clear(self) -> None:
        """Forget the project."""
        self._jobs.stop()
        self._project, self._doubts, self._shown = None, None, _Shown()
        self._judging = self._again = False
        self._asked.clear()
        self.map.show_points(())
        self._show_chosen(())
        self.decisions.clear()
        self._figure.setText("")
        self._about.show_text("")

    @Slot()
    def pictures_changed(self) -> None:
        """Judge anew, once, whatever happened meanwhile."""
        if self._project is None or self._doubts is None:
            return
        if not self.isVisible():
            return  # judged when somebody looks again
        if self._judging:
            self._again = True
            return
        self._judging = True
        self._asked.discard("help")
        self._about.show_text(self.tr("judging …"))
        self._jobs.add(partial(judge, self._doubts, self._project))

    def is_busy(self) -> bool:
        return self._jobs.is_busy()

    @Slot()
    def stop(self) -> None:
        self._jobs.stop()

    def shut_down(self) -> None:
        """Stop everything, and return when nothing runs any more."""
        self._jobs.shut_down()
        self.decisions.shut_down()
        self.map.shut_down()

    # What happens

    @Slot(object)
    def _take(self, event: Event) -> None:
        match event:
            case Judged() if event.by is self._doubts:
                self._show_judgement(event)
            case PicturesMapped():
                self._show_map(event)
            case CurveDrawn():
                self._curve.setText(self._describe_curve(event))
            case ShortcutsFound():
                self._cues.setText(self._describe_cues(event))
            case Progress():
                self.progressed.emit(event)

    def _show_judgement(self, event: Judged) -> None:
        self._judging = False
        found, shown = event.found, self._shown
        shown.pictures = {p.id: p for p in event.pictures}
        if shown.first is None:
            shown.first = found.accuracy
        if self._again:  # an edit came in between: it knows better
            self._again = False
            self.pictures_changed()
        # What was decided stays off the list until the catalogue has it: a judgement may have begun before.
        left = {i: d for i, d in shown.decided.items() if not d.is_settled(shown.pictures.get(i), event.decisions)}
        shown.decided = left
        labels = {p.id: p.label for p in event.pictures}
        names = tuple(sorted(set(labels.values())))
        rows = [doubt for doubt in doubts_of(found, shown.pictures, event.decisions) if doubt.id not in left]
        self.decisions.show_doubts(rows, names)
        self._pages.setTabText(0, self.tr("To decide ({0})").format(figures.count(len(rows))))
        again = figures.accuracy(found.accuracy, found.interval)
        self._figure.setText(self.tr("{0} of the labels found again").format(again))
        self._about.show_text(self._describe_judge(found))
        self._fill_menu(names)
        if shown.mapped:
            self._colour_map()
        self._ask_for_page()

    def _describe_judge(self, found: DoubtsFound) -> str:
        backbone = BACKBONES.get(found.backbone)
        text = self.tr("{network} judged each of {n} pictures, having learned only from others").format(
            network=backbone.title if backbone else found.backbone, n=figures.count(found.n)
        )
        gained = 100 * (found.accuracy - (self._shown.first or 0))
        if abs(gained) >= 0.05:
            sign = "+" if gained > 0 else "−"
            points = self.tr("{0} points since you began").format(f"{sign}{figures.number(abs(gained), 1)}")
            text = f"{points} · {text}"
        return text

    @Slot(object)
    def _await(self, doubt: Doubt) -> None:
        """Leave a picture out of the list until the edit of it has been judged."""
        self._shown.decided[doubt.id] = doubt

    @Slot(object)
    def _show_failure(self, error: object) -> None:
        self._judging = self._again = False
        self._about.show_text("")
        self.failed.emit(error)

    @Slot(bool)
    def _follow_busy(self, busy: bool) -> None:
        if not busy:
            self._judging = False
        self.busy_changed.emit(busy)

    @Slot()
    def _ask_for_page(self) -> None:
        """Compute what the page in front shows, once a project."""
        if self._doubts is None or self._project is None or not self._shown.pictures:
            return
        page = self._pages.currentIndex()
        if page == 1 and "map" not in self._asked:
            self._asked.add("map")
            self.map.load()
            self._jobs.add(self._doubts.map)
        elif page == 2 and "help" not in self._asked:
            self._asked.add("help")
            self._jobs.add(self._doubts.curve)
            self._jobs.add(partial(shortcuts, self._doubts, self._project))

    # The map

    def _show_map(self, event: PicturesMapped) -> None:
        by_path = {p.path: p for p in self._shown.pictures.values()}
        there = [
            (by_path[path], point) for path, point in zip(event.paths, event.points, strict=True) if path in by_path
        ]
        self._shown.mapped = tuple(picture.id for picture, _ in there)
        self.map.show_points([point for _, point in there])
        self._colour_map()

    def _colour_map(self) -> None:
        """Give the dots the colours of their classes; one that was left out keeps its place."""
        pictures = self._shown.pictures
        names = sorted({picture.label for picture in pictures.values()})
        numbers = {name: number for number, name in enumerate(names)}
        self.map.show_classes([numbers[pictures[i].label] if i in pictures else 0 for i in self._shown.mapped], names)

    @Slot(object)
    def _show_chosen(self, numbers: tuple[int, ...]) -> None:
        self._chosen = tuple(self._shown.mapped[number] for number in numbers)
        if self._chosen:
            self._count.setText(self.tr("%n picture(s) chosen", "", len(self._chosen)))
        else:
            self._count.setText(
                self.tr("Pictures that look alike to the network lie together. Draw a line around some.")
            )
        self._show_abilities()

    def _show_abilities(self) -> None:
        """Switch on what can be done with the chosen pictures; what cannot says why."""
        self._look.setEnabled(bool(self._chosen))
        tips = {
            self._under: self.tr("File all chosen pictures under one class"),
            self._leave: self.tr("Train and test without the chosen pictures; the files stay where they are"),
        }
        for button, tip in tips.items():
            button.setEnabled(bool(self._chosen) and not self._locked)
            button.setToolTip(plain_tip(self._locked or tip))

    def _fill_menu(self, names: tuple[str, ...]) -> None:
        menu = self._under.menu()
        menu.clear()
        for name in names:
            action = menu.addAction(name.replace("&", "&&"))
            action.setData(name)
            action.triggered.connect(self._file_chosen)

    @Slot()
    def _file_chosen(self) -> None:
        label = self.sender().data()  # type: ignore[attr-defined]  # an action of the menu
        self.edit_wanted.emit(partial(Edits.relabel, ids=list(self._chosen), label=label))

    @Slot()
    def _leave_chosen_out(self) -> None:
        self.edit_wanted.emit(partial(Edits.exclude, ids=list(self._chosen)))

    @Slot()
    def _look_at_chosen(self) -> None:
        self.look_wanted.emit(self._chosen)

    # What would help

    def _describe_curve(self, event: CurveDrawn) -> str:
        steps = ", ".join(
            self.tr("{0} with {1}").format(figures.percent(share), figures.count(count))
            for count, share in zip(event.pictures, event.accuracy, strict=True)
        )
        text = self.tr("So far: {steps} pictures to learn from. With twice as many, about {twice} is to be expected.")
        return text.format(steps=steps, twice=figures.accuracy(event.twice, event.interval))

    def _describe_cues(self, event: ShortcutsFound) -> str:
        names = {
            "colour": self.tr("The mean colours alone"),
            "border": self.tr("The colours along the border alone"),
            "size": self.tr("The size in pixels alone"),
            "file": self.tr("Format and size of the file alone"),
            "source": self.tr("The folder it came from alone"),
        }
        found = []
        for cue in event.cues:
            shares = figures.percent(cue.accuracy), figures.percent(cue.chance)
            line = self.tr("{cue}: {0} right; guessing: {1}.").format(*shares, cue=names[cue.name])
            if cue.alarm:
                advice = self.tr("Careful: a network may learn that instead. Bring in pictures where it differs.")
                line = f"{line} {advice}"
            found.append(line)
        if not found:
            return self.tr("Nothing beside the point differs between the pictures.")
        asked = self.tr(
            "How often the class can be told without looking at what is in a picture; each class counts the same:"
        )
        if not any(cue.alarm for cue in event.cues):
            found.append(self.tr("None of this gives the classes away; the network has to look at what is in them."))
        return "\n".join([asked, *found])

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(pressed)

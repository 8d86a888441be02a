"""The list of doubtful pictures, one of them large, and what can be done with it by button or key."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QListView, QMenu, QPushButton, QSplitter, QVBoxLayout, QWidget

from tlstudio.core.edits import Edits, Step
from tlstudio.ui.dataset.doubts.models import THUMBNAIL, Doubt, DoubtDelegate, DoubtList
from tlstudio.ui.labels import ElidedLabel, muted, title
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

_SETTLE = 80  # milliseconds after scrolling until pictures are asked for


class DecisionsPage(QWidget):
    """One doubt after the other: keep the label, take the other class, or leave the picture out.

    Signals:
        edit_wanted: an edit to make now. decided: the Doubt it was about.
    """

    edit_wanted = Signal(object)
    decided = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._doubts = DoubtList(self)
        self._names: tuple[str, ...] = ()
        self._locked = ""
        self._pictures = Thumbnails(self)
        self._pictures.drawn.connect(self._show_drawn)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE)
        self._settle.timeout.connect(self._want_visible)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(SPACE)
        split.addWidget(self._make_list())
        split.addWidget(self._make_look())
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE, 0, 0)
        layout.addWidget(split)
        self.allow_changes("")

    def _make_list(self) -> QListView:
        self.list = QListView()
        self.list.setObjectName("doubt_list")
        self.list.setAccessibleName(self.tr("Doubtful pictures"))
        self.list.setToolTip(self.tr("The surest first. K keeps the label, R takes the other class, Delete leaves out"))
        self.list.setModel(self._doubts)
        self.list.setItemDelegate(DoubtDelegate(self._pictures, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.installEventFilter(self)
        self.list.selectionModel().currentChanged.connect(self._look_at)
        self.list.verticalScrollBar().valueChanged.connect(self._settle_soon)
        return self.list

    def _make_look(self) -> QWidget:
        self._picture = PictureView()
        self._question = title("")
        self._question.setWordWrap(True)
        self._name = muted(ElidedLabel())
        self.keep = QPushButton()
        self.keep.setObjectName("keep_button")
        self.keep.clicked.connect(self._keep)
        self.take = QPushButton()
        self.take.setObjectName("take_button")
        self.take.setProperty("primary", True)
        self.take.clicked.connect(self._take)
        self.other = QPushButton(self.tr("Another class"))
        self.other.setMenu(QMenu(self.other))
        self.leave = QPushButton(self.tr("Leave out"))
        self.leave.clicked.connect(self._leave_out)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        for button in (self.keep, self.take, self.other, self.leave):
            buttons.addWidget(button)
        buttons.addStretch(1)
        keys = self.tr("Keys: K keeps, R takes the other class, Delete leaves out, 1 to 9 file under a class")
        self._keys = muted(ElidedLabel(keys, Qt.TextElideMode.ElideRight))
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(SPACE, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self._picture, 1)
        column.addWidget(self._name)
        column.addWidget(self._question)
        column.addLayout(buttons)
        column.addWidget(self._keys)
        return part

    def allow_changes(self, why_not: str) -> None:
        """Let a person decide. why_not: why nothing can be changed; empty where it can."""
        self._locked = why_not
        for button in (self.keep, self.take, self.other, self.leave):
            button.setEnabled(not why_not)
        self.other.setToolTip(why_not or self.tr("File it under another class (the digits choose one, too)"))
        self.leave.setToolTip(
            why_not or self.tr("Train and test without this picture; the file stays where it is (Delete)")
        )
        self._look_at()

    def show_doubts(self, doubts: list[Doubt], names: tuple[str, ...]) -> None:
        """List these. names: of all classes, in order. What was looked at stays chosen where it can."""
        row, before = self.list.currentIndex().row(), self._current()
        self._names = names
        self._doubts.show_doubts(doubts)
        menu = self.other.menu()
        menu.clear()
        for name in names:
            action = menu.addAction(name.replace("&", "&&"))
            action.setData(name)
            action.triggered.connect(self._take_chosen)
        at = self._doubts.row_of(before.id) if before else -1
        self._go_to(at if at >= 0 else max(row, 0))
        self._settle_soon()

    def clear(self) -> None:
        self.show_doubts([], ())

    def shut_down(self) -> None:
        self._settle.stop()
        self._pictures.shut_down()
        self._picture.shut_down()

    def _current(self) -> Doubt | None:
        return self._doubts.doubt(self.list.currentIndex().row())

    def _go_to(self, row: int) -> None:
        row = min(row, self._doubts.rowCount() - 1)
        self.list.setCurrentIndex(self._doubts.index(row) if row >= 0 else QModelIndex())
        self._look_at()

    @Slot()
    def _look_at(self) -> None:
        doubt = self._current()
        self._picture.show_path(doubt.path if doubt else "")
        is_judged = bool(self._names)
        self._picture.say_nothing_is_there(self.tr("Nothing is left to decide here.") if is_judged else "")
        self._name.show_text(Path(doubt.path).name if doubt else "")
        self.take.setVisible(doubt is not None and bool(doubt.instead))
        for button in (self.keep, self.other, self.leave):
            button.setVisible(doubt is not None)
        self._question.setVisible(doubt is not None)
        self._keys.setVisible(doubt is not None and not self._locked)
        if doubt is None:
            return
        if doubt.instead:
            text = self.tr("Filed under “{label}”, looks like “{instead}”")
        else:
            text = self.tr("Filed under “{label}”, but no other picture is like it")
        self._question.setText(text.format(label=doubt.label, instead=doubt.instead))
        self.keep.setText(self.tr("Keep “{label}”").format(label=_short(doubt.label)))
        self.keep.setToolTip(self._locked or self.tr("It is right as it is; do not ask again (K)"))
        self.take.setText(self.tr("It is “{instead}”").format(instead=_short(doubt.instead)))
        self.take.setToolTip(self._locked or self.tr("File it under this class; the file stays where it is (R)"))

    # What a person decides

    def eventFilter(self, watched: QObject, happening: QEvent) -> bool:
        if happening.type() == QEvent.Type.KeyPress and isinstance(happening, QKeyEvent) and not self._locked:
            deeds = {Qt.Key.Key_K: self._keep, Qt.Key.Key_R: self._take, Qt.Key.Key_Delete: self._leave_out}
            deed = deeds.get(Qt.Key(happening.key()))
            digit = happening.key() - Qt.Key.Key_0
            plain = not happening.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if plain and deed is not None:
                deed()
                return True
            if plain and 0 <= digit <= 9:
                number = (digit - 1) % 10
                if number < len(self._names):
                    self._file_under(self._names[number])
                return True
        return super().eventFilter(watched, happening)

    @Slot()
    def _keep(self) -> None:
        if doubt := self._current():
            kind, name = doubt.decision
            self._decide(doubt, partial(Edits.decide, kind=kind, names=[name], verdict="confirmed"))

    @Slot()
    def _take(self) -> None:
        if (doubt := self._current()) and doubt.instead:
            self._file_under(doubt.instead)

    @Slot()
    def _take_chosen(self) -> None:
        self._file_under(self.sender().data())  # type: ignore[attr-defined]  # an action of the menu

    def _file_under(self, label: str) -> None:
        doubt = self._current()
        if doubt is None:
            return
        if label == doubt.label:
            self._keep()
        else:
            self._decide(doubt, partial(Edits.relabel, ids=[doubt.id], label=label))

    @Slot()
    def _leave_out(self) -> None:
        if doubt := self._current():
            self._decide(doubt, partial(Edits.exclude, ids=[doubt.id]))

    def _decide(self, doubt: Doubt, change: Callable[[Edits], Step | None]) -> None:
        """Make the edit and go on to the next one; what follows from it comes with the next judgement."""
        row = self.list.currentIndex().row()
        self._doubts.remove(row)
        self._go_to(row)
        self.decided.emit(doubt)
        self.edit_wanted.emit(change)

    # Small pictures

    @Slot()
    def _settle_soon(self) -> None:
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _want_visible(self) -> None:
        height = max(1, self.list.sizeHintForRow(0))
        first = self.list.verticalScrollBar().value() // height
        page = self.list.viewport().height() // height + 2
        self._pictures.want(self._doubts.paths(first, first + 2 * page), round(THUMBNAIL * self.devicePixelRatioF()))

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self.list.viewport().update()


def _short(name: str, most: int = 24) -> str:
    """A class name for a button, where & would mark a key."""
    return (name if len(name) <= most else name[: most - 1] + "…").replace("&", "&&")

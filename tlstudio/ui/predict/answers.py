"""The answers: by class, sorted, filtered, judged as strictly as one likes; wrong ones are put right from here."""

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QDrag, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QMenu,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.catalogue import is_label
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Predicted
from tlstudio.ui import figures, theme
from tlstudio.ui.labels import ElidedBox, ElidedLabel, muted
from tlstudio.ui.predict.classes import ClassColumn
from tlstudio.ui.predict.delegates import ROW_HEIGHT, THUMBNAIL, PredictionDelegate
from tlstudio.ui.predict.models import ALL, UNKNOWN, ClassCounts, Order, PredictionList, verdict
from tlstudio.ui.predict.strictness import Strictness
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

SETTLE = 50
MENU_CLASSES = 20  # more do not fit a menu: then the likeliest are offered
LIMITS = (None, 0.5, 0.7, 0.9, 0.99)


class AnswerList(QTableView):
    """One row an answer; only the pictures near the window are decoded.

    A table of one column: unlike a list it does not lay all its rows out again whenever some are added.

    Signals:
        menu_wanted: the context menu, at a place on the screen. copy_wanted: the key.
    """

    menu_wanted = Signal(QPoint)
    copy_wanted = Signal()

    def __init__(self, predictions: PredictionList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prediction_list")
        self.setAccessibleName(self.tr("Answers"))
        self.setToolTip(
            self.tr(
                "What the model says about each picture; choose one to see it closely, drag a wrong one on its class"
            )
        )
        self._predictions = predictions
        self.thumbnails = Thumbnails(self)
        self.thumbnails.drawn.connect(self._show_drawn)
        self.setModel(predictions)
        self.setItemDelegate(PredictionDelegate(self.thumbnails, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setMouseTracking(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.settle = QTimer(self)
        self.settle.setSingleShot(True)
        self.settle.setInterval(SETTLE)
        self.settle.timeout.connect(self._want_visible)
        self.verticalScrollBar().valueChanged.connect(self._settle_soon)
        self.verticalScrollBar().rangeChanged.connect(self._settle_soon)
        predictions.modelReset.connect(self._settle_soon)
        predictions.layoutChanged.connect(self._settle_soon)

    def chosen(self) -> tuple[Predicted, ...]:
        """The selected answers, in the order they stand in."""
        selection = self.selectionModel().selection()
        parts = [selection.at(number) for number in range(selection.count())]
        rows = sorted(row for part in parts for row in range(part.top(), part.bottom() + 1))
        return tuple(answer for row in rows if (answer := self._predictions.answer(row)) is not None)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: self._predictions.rowCount() - 1}
        if pressed.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        elif pressed.key() in ends and not pressed.modifiers():
            self.setCurrentIndex(self._predictions.index(ends[Qt.Key(pressed.key())]))
        else:
            super().keyPressEvent(pressed)

    def paintEvent(self, painting: QPaintEvent) -> None:
        super().paintEvent(painting)
        if self._predictions.answers and not self._predictions.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(theme.colours(self.palette()).muted)
            room = self.viewport().rect().adjusted(SPACE * 2, 0, -SPACE * 2, 0)
            words = self.tr("No answer is like that.\nChoose another class at the left, or “However sure” above.")
            painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), words)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        """Drag the chosen answers, as a picture so small that the class below it can be seen."""
        drag = QDrag(self)
        drag.setMimeData(self._predictions.mimeData(self.selectionModel().selectedRows()))
        answer = self._predictions.answer(self.currentIndex().row())
        drawn = self.thumbnails.get(answer.path) if answer is not None else None
        if drawn is not None and drawn.pixmap is not None:
            side = round(THUMBNAIL * self.devicePixelRatioF())
            small = drawn.pixmap.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
            small.setDevicePixelRatio(self.devicePixelRatioF())
            drag.setPixmap(small)
            drag.setHotSpot(QPoint(-SPACE, -SPACE))
        drag.exec(Qt.DropAction.CopyAction)

    def contextMenuEvent(self, wanted: QContextMenuEvent) -> None:
        by_key = wanted.reason() == QContextMenuEvent.Reason.Keyboard
        row = self.visualRect(self.currentIndex())
        place = self.viewport().mapToGlobal(QPoint(row.left() + SPACE * 2, row.center().y()))
        self.menu_wanted.emit(place if by_key else wanted.globalPos())

    @Slot()
    def _settle_soon(self) -> None:
        # Not connected itself: it would take the scroll bar's value for milliseconds. And never put off: pictures are
        # to appear while somebody scrolls.
        if not self.settle.isActive():
            self.settle.start()

    @Slot()
    def _want_visible(self) -> None:
        if not self.isVisible():
            return
        first = self.verticalScrollBar().value() // ROW_HEIGHT
        page = self.viewport().height() // ROW_HEIGHT + 2
        near = self._predictions.paths(first, first + 2 * page) + self._predictions.paths(first - page, first - 1)
        self.thumbnails.want(near, round(THUMBNAIL * self.devicePixelRatioF()))

    @Slot(str)
    def _show_drawn(self, _path: str) -> None:
        self.viewport().update()


class AnswersView(QWidget):
    """Classes with counts, the list, how it is sorted and what of it is shown, and the strictness below.

    Signals:
        looked_at: the answer to see closely, or None.
        corrected: paths of pictures, and the class a person says they are of.
        sort_wanted: sort copies of the chosen answers. failed: the TLStudioError of what cannot be done.
    """

    looked_at = Signal(object)
    corrected = Signal(object, str)
    sort_wanted = Signal()
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self.predictions = PredictionList(self)
        self._counts = ClassCounts(self.predictions, self)
        self.list = AnswerList(self.predictions)
        self.column = ClassColumn(self._counts)
        self.strictness = Strictness()
        self._lay_out()
        self.list.selectionModel().currentChanged.connect(self._look_at)
        self.list.menu_wanted.connect(self._open_menu)
        self.list.copy_wanted.connect(self.copy)
        self.column.chosen.connect(self._arrange)
        self.column.corrected.connect(self._correct)
        self.strictness.threshold_changed.connect(self._judge)
        self.predictions.counted.connect(self._show_counts)

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(SPACE)
        split.addWidget(self.column)
        split.addWidget(self.list)
        split.setStretchFactor(0, 0)
        split.setStretchFactor(1, 1)
        split.setSizes([176, 460])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addLayout(self._make_tools())
        layout.addWidget(split, 1)
        layout.addWidget(self.strictness)

    def _make_tools(self) -> QHBoxLayout:
        self._order = ElidedBox()
        self._order.setObjectName("answer_order")
        self._order.setAccessibleName(self.tr("Sorted by"))
        self._order.setToolTip(self.tr("By what the answers are sorted"))
        orders = (
            (self.tr("As they came"), Order.ARRIVAL),
            (self.tr("Least sure first"), Order.LEAST_SURE),
            (self.tr("Surest first"), Order.SUREST),
            (self.tr("By class"), Order.LABEL),
            (self.tr("By file name"), Order.NAME),
        )
        for text, order in orders:
            self._order.addItem(text, order)
        self._limit = ElidedBox()
        self._limit.setObjectName("answer_limit")
        self._limit.setAccessibleName(self.tr("Shown by probability"))
        self._limit.setToolTip(self.tr("Show only answers that are less probable than this"))
        self._limit.addItem(self.tr("However sure"), None)
        for limit in LIMITS[1:]:
            self._limit.addItem(self.tr("Below {share}").format(share=figures.percent(limit or 0, 0)), limit)
        self._how_many = muted(ElidedLabel("", Qt.TextElideMode.ElideRight))
        self._how_many.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        for box in (self._order, self._limit):
            box.setMinimumWidth(box.sizeHint().width() + SPACE * 2)
            box.currentIndexChanged.connect(self._arrange)
            row.addWidget(box)
        row.addWidget(self._how_many, 1)
        return row

    # What the panel calls

    def show_model(self, classes: Sequence[str], unknown: dict[str, Any] | None) -> None:
        """Have a row for each of a model's classes and its own strictness."""
        self._classes = tuple(classes)
        self._counts.show_classes(self._classes)
        self.column.show_group(ALL)
        self.strictness.show_model(unknown)
        self.predictions.judge(self.strictness.threshold)

    def append(self, answers: Iterable[Predicted]) -> None:
        """List more answers; the very first is looked at by itself."""
        first = not self.predictions.answers
        self.predictions.append(answers)
        if first:
            self.list.setCurrentIndex(self.predictions.index(0))

    def clear(self) -> None:
        """Take all answers off the list, and show whatever comes next."""
        self.predictions.clear()
        self.column.show_group(ALL)
        self._limit.setCurrentIndex(0)

    def chosen(self) -> tuple[Predicted, ...]:
        """The selected answers."""
        return self.list.chosen()

    def correct(self, paths: Sequence[str], label: str) -> None:
        """Mark pictures as given to a class by a person; empty takes the mark away."""
        self.predictions.correct(paths, label)

    def shut_down(self) -> None:
        self.list.thumbnails.shut_down()

    # What a person does

    @Slot()
    def copy(self) -> None:
        """Put the chosen answers on the clipboard, a line each."""
        lines = [f"{_one_line(answer.path)}: {_one_line(verdict(answer))}" for answer in self.chosen()]
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines))

    @Slot(QPoint)
    def _open_menu(self, place: QPoint) -> None:
        if self.chosen():
            outer = QMenu(self)
            outer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            classes = self._make_class_menu(outer)
            classes.setTitle(self.tr("This is a"))
            outer.addMenu(classes)
            outer.addSeparator()
            copy = outer.addAction(self.tr("Copy as text"))
            copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
            copy.triggered.connect(self.copy)
            outer.addAction(self.tr("Sort copies into folders…")).triggered.connect(self.sort_wanted)
            outer.popup(place)

    def offer_classes(self, place: QPoint) -> None:
        """Ask which class the chosen pictures are of, in a menu at a place on the screen."""
        menu = self._make_class_menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def _make_class_menu(self, owner: QWidget) -> QMenu:
        menu = QMenu(owner)
        menu.setObjectName("class_menu")
        names = self._classes
        if len(names) > MENU_CLASSES:
            answer = self.predictions.answer(self.list.currentIndex().row())
            names = tuple(label for label, _ in answer.top) if answer is not None else ()
        for name in names:
            action = menu.addAction(name.replace("&", "&&"))
            action.setData(name)
            action.triggered.connect(self._correct_by_menu)
        menu.addSeparator()
        menu.addAction(self.tr("Another class…")).triggered.connect(self._ask_class)
        return menu

    @Slot()
    def _correct_by_menu(self) -> None:
        action: Any = self.sender()
        self._correct(action.data())

    @Slot()
    def _ask_class(self) -> None:
        dialog = QInputDialog(self)
        dialog.setObjectName("class_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Which class?"))
        dialog.setLabelText(self.tr("What does the picture show? Choose a class, or type the name of a new one."))
        dialog.setComboBoxItems(list(self._classes))
        dialog.setComboBoxEditable(True)
        dialog.textValueSelected.connect(self._correct)
        dialog.open()

    @Slot(str)
    def _correct(self, label: str) -> None:
        paths = [answer.path for answer in self.chosen() if answer.ok]
        if not is_label(label):
            what = self.tr("this cannot be the name of a class")
            self.failed.emit(TLStudioError(what, remedy=self.tr("Give it a short name that can be read.")))
        elif paths:
            self.corrected.emit(paths, label)

    @Slot()
    def _arrange(self) -> None:
        """Show what the class, the limit and the order leave; who was looked at stays so, if it is still there."""
        current = self.predictions.answer(self.list.currentIndex().row())
        self.predictions.arrange(self.column.group, self._limit.currentData(), self._order.currentData())
        row = self.predictions.row_of(current.path) if current else -1
        self._look_again(max(row, 0))
        self._show_counts()

    @Slot(object)
    def _judge(self, threshold: float | None) -> None:
        current, place = self.list.currentIndex().row(), self.list.verticalScrollBar().value()
        answer = self.predictions.answer(current)
        self.predictions.judge(threshold)
        row = self.predictions.row_of(answer.path) if answer else -1
        self._look_again(row if row >= 0 else max(current, 0))
        self.list.verticalScrollBar().setValue(place)

    def _look_again(self, row: int) -> None:
        row = min(row, self.predictions.rowCount() - 1)
        at = self.predictions.index(row)
        if at != self.list.currentIndex():
            self.list.selectionModel().setCurrentIndex(at, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.looked_at.emit(self.predictions.answer(row))

    @Slot(QModelIndex, QModelIndex)
    def _look_at(self, now: QModelIndex, _before: QModelIndex) -> None:
        self.looked_at.emit(self.predictions.answer(now.row()))

    @Slot()
    def _show_counts(self) -> None:
        counts, shown = self.predictions.counts, self.predictions.rowCount()
        text = self.tr("{shown} of {all} answers").format(shown=figures.count(shown), all=figures.count(counts[ALL]))
        self._how_many.show_text(text if shown != counts[ALL] else self.tr("%n answer(s)", "", shown))
        self.strictness.show_refused(counts[UNKNOWN], counts[ALL])


def _one_line(text: str) -> str:
    """Text that stays in its line and its cell wherever it is pasted."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)

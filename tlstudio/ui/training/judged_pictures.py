"""Pictures that a run has judged: small ones in rows, each with what it is and what it was taken for."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui import figures, icons, theme
from tlstudio.ui.icons import IconButton
from tlstudio.ui.labels import ElidedLabel, muted, plain_tip
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import RADIUS, SPACE
from tlstudio.ui.thumbnails import Thumbnails

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
PICTURE = int(_Role.UserRole)  # the JudgedPicture itself, for the delegate
MOST = 1000  # pictures that anybody looks through
_SIDE, _SETTLE = 92, 40
_CENTRE = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
_State = QStyle.StateFlag


@dataclass(frozen=True)
class JudgedPicture:
    """A picture, what it is, what it was taken for, and how probable the network found that, 0..1.

    top: the first answers, each with its probability, as far as the report has them.
    """

    path: str
    truth: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...] = ()

    @property
    def is_right(self) -> bool:
        return self.truth == self.label


@dataclass(frozen=True)
class Picked:
    """Pictures to look at, the surest first, at most `MOST`. count: how many there are."""

    pictures: Sequence[JudgedPicture]
    count: int


class Judged:
    """What a report says of each picture of some splits; rows that are no longer whole are left out.

    Reports may have a hundred thousand rows: they become pictures only where these are shown, the surest first, and
    no more than `MOST`.
    """

    def __init__(self, report: Mapping[str, Any], *splits: str) -> None:
        rows = report.get("predictions") or ()
        self._rows = [row for row in rows if isinstance(row, dict) and row.get("split") in splits]

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, truth: str, label: str) -> Picked:
        """Those of a class that were taken for another; empty stands for any class."""
        return self._pictures(
            [row for row in self._rows if truth in ("", row.get("truth")) and label in ("", row.get("label"))]
        )

    def mistakes(self) -> Picked:
        """Those that were taken for something else."""
        return self._pictures([row for row in self._rows if row.get("truth") != row.get("label")])

    def among(self, paths: Collection[str]) -> Picked:
        """Those at these paths."""
        wanted = set(paths)
        return self._pictures([row for row in self._rows if str(row.get("path")) in wanted])

    @staticmethod
    def _pictures(rows: Sequence[Mapping[str, Any]]) -> Picked:
        found = []
        for row in heapq.nlargest(MOST, rows, key=_probability):
            try:
                top = tuple((str(label), float(share)) for label, share in row.get("top") or ())
                known = str(row["path"]), str(row["truth"]), str(row["label"])
                found.append(JudgedPicture(*known, float(row["probability"]), top))
            except (KeyError, TypeError, ValueError):
                continue
        return Picked(found, len(rows) if len(rows) > MOST else len(found))


def _probability(row: Mapping[str, Any]) -> float:
    stated = row.get("probability")
    return stated if isinstance(stated, float) else 0.0


def verdict(picture: JudgedPicture) -> str:
    """What a picture is, and what it was taken for: "rose, taken for tulip, 97 %"."""
    share = figures.percent(picture.probability, 0)
    if picture.is_right:
        return QCoreApplication.translate("judged", "{truth}, recognised, {share}").format(
            truth=picture.truth, share=share
        )
    return QCoreApplication.translate("judged", "{truth}, taken for {label}, {share}").format(
        truth=picture.truth, label=picture.label, share=share
    )


class JudgedList(QAbstractListModel):
    """One item a picture. What turns out not to be there any more says so."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._pictures: Sequence[JudgedPicture] = ()
        self._gone: set[str] = set()

    def show_pictures(self, pictures: Sequence[JudgedPicture]) -> None:
        self.beginResetModel()
        self._pictures, self._gone = pictures, set()
        self.endResetModel()

    def note_gone(self, path: str) -> None:
        """The file at this path could not be drawn."""
        self._gone.add(path)

    def is_gone(self, path: str) -> bool:
        return path in self._gone

    def picture(self, row: int) -> JudgedPicture | None:
        return self._pictures[row] if 0 <= row < len(self._pictures) else None

    def pictures(self, first: int = 0, last: int | None = None) -> Sequence[JudgedPicture]:
        """The pictures from first to last, as far as there are any; all by default."""
        return self._pictures[max(0, first) : None if last is None else max(0, last + 1)]

    def rowCount(self, under: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._pictures)

    def data(self, at: _Index, role: int = _Role.DisplayRole) -> Any:
        picture = self.picture(at.row()) if at.isValid() else None
        if picture is None:
            return None
        match role:
            case _Role.DisplayRole | _Role.AccessibleTextRole:
                return f"{verdict(picture)}, {Path(picture.path).name}"
            case _Role.ToolTipRole:
                lines = [verdict(picture), picture.path]
                if self.is_gone(picture.path):
                    lines.append(self.tr("This file is not there any more, or cannot be read."))
                return plain_tip("\n".join(lines))
            case _ if role == PICTURE:
                return picture
        return None


class _JudgedDelegate(QStyledItemDelegate):
    """A picture, below it what it is, and below that what it was taken for and how surely."""

    def __init__(self, thumbnails: Thumbnails, owner: QObject) -> None:
        super().__init__(owner)
        self._thumbnails = thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, _at: _Index) -> QSize:
        return QSize(_SIDE + 2 * SPACE, _SIDE + 2 * option.fontMetrics.height() + SPACE + 4)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: _Index) -> None:
        picture: JudgedPicture = at.data(PICTURE)
        colours, rect = theme.colours(option.palette), option.rect
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(rect).adjusted(1, 1, -1, -1)
        if option.state & (_State.State_Selected | _State.State_MouseOver):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.chosen if option.state & _State.State_Selected else colours.hover)
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        if option.state & _State.State_HasFocus:
            painter.setPen(colours.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        room = QRectF(rect.left() + (rect.width() - _SIDE) / 2, rect.top() + 4, _SIDE, _SIDE)
        self._paint_picture(painter, room, picture, option)
        height = option.fontMetrics.height()
        line = QRect(rect.left() + 4, round(room.bottom()) + 2, rect.width() - 8, height)
        elided = option.fontMetrics.elidedText
        painter.setPen(option.palette.text().color())
        painter.drawText(line, _CENTRE, elided(picture.truth, Qt.TextElideMode.ElideRight, line.width()))
        share = figures.percent(picture.probability, 0)
        room_for_name = line.width() - option.fontMetrics.horizontalAdvance(f"→  {share}")
        name = elided(picture.label, Qt.TextElideMode.ElideRight, room_for_name)
        painter.setPen(colours.ok if picture.is_right else colours.warning)
        mark = "✓" if picture.is_right else f"→ {name}"
        painter.drawText(line.translated(0, height), _CENTRE, f"{mark} {share}")
        painter.restore()

    def _paint_picture(
        self, painter: QPainter, room: QRectF, picture: JudgedPicture, option: QStyleOptionViewItem
    ) -> None:
        drawn = self._thumbnails.get(picture.path)
        if drawn is not None and drawn.pixmap is not None:
            paint_fitted(painter, drawn.pixmap, room, 4)
            return
        colours = theme.colours(option.palette)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.hover)
        painter.drawRoundedRect(room, 4, 4)
        if drawn is not None:
            mark = icons.pixmap("warning", colours.warning, 20, option.widget.devicePixelRatioF())
            painter.drawPixmap(room.center().toPoint().x() - 10, round(room.top()) + 12, mark)
            painter.setPen(colours.muted)
            words = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(room.adjusted(4, 28, -4, 0), words, self.tr("not there any more"))


class JudgedGrid(QListView):
    """The small pictures; only those near the window are decoded.

    Signals:
        look_wanted: the row of a picture to look at closely: Enter, Space or a double click.
    """

    look_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(self.tr("Enter or a double click looks at a picture closely"))
        self._seen_by: Preprocessing | None = None
        self._thumbnails = Thumbnails(self)
        self._thumbnails.drawn.connect(self._show_drawn)
        self.list = JudgedList(self)
        self.setModel(self.list)
        self.setItemDelegate(_JudgedDelegate(self._thumbnails, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self._settle = QTimer(self, interval=_SETTLE, singleShot=True)
        self._settle.timeout.connect(self._want_visible)
        self.verticalScrollBar().valueChanged.connect(self._settle_soon)
        self.list.modelReset.connect(self._settle_soon)
        self.doubleClicked.connect(self._look)

    def show_pictures(self, pictures: Sequence[JudgedPicture]) -> None:
        self.list.show_pictures(pictures)
        self.scrollToTop()

    def show_as_seen_by(self, network: Preprocessing | None) -> None:
        """Show pictures as this network is shown them; None shows them as filed."""
        self._seen_by = network
        self._settle_soon()
        self.viewport().update()

    def chosen(self) -> list[JudgedPicture]:
        """The selected pictures, in their order; all of them when none is."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.list.pictures()[row] for row in rows] or list(self.list.pictures())

    def is_settled(self) -> bool:
        """Whether nothing on show still has to be asked for."""
        return not self._settle.isActive()

    def shut_down(self) -> None:
        self._settle.stop()
        self._thumbnails.shut_down()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._settle_soon()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._settle_soon()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if pressed.key() in keys and self.currentIndex().isValid():
            self.look_wanted.emit(self.currentIndex().row())
        elif pressed.key() == Qt.Key.Key_Escape:
            pressed.ignore()  # for whoever has opened this list
        else:
            super().keyPressEvent(pressed)

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    @Slot(QModelIndex)
    def _look(self, at: QModelIndex) -> None:
        self.look_wanted.emit(at.row())

    @Slot()
    def _settle_soon(self) -> None:
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _want_visible(self) -> None:
        if not self.isVisible() or not self.list.rowCount():
            return
        cell = self.itemDelegate().sizeHint(self._option(), self.list.index(0))
        columns = max(1, self.viewport().width() // cell.width())
        first = self.verticalScrollBar().value() // cell.height() * columns
        page = (self.viewport().height() // cell.height() + 2) * columns
        near = self.list.pictures(first, first + 2 * page)
        self._thumbnails.want([p.path for p in near], round(_SIDE * self.devicePixelRatioF()), self._seen_by)

    def _option(self) -> QStyleOptionViewItem:
        option = QStyleOptionViewItem()
        self.initViewItemOption(option)
        return option

    @Slot(str)
    def _show_drawn(self, path: str) -> None:
        drawn = self._thumbnails.get(path)
        if drawn is not None and drawn.pixmap is None:
            self.list.note_gone(path)
        self.viewport().update()


class JudgedPictures(QWidget):
    """A grid of judged pictures under a line that says what they are, with what can be done about them.

    Signals:
        pictures_wanted: paths of pictures to show in step 1. closed: the cross, or Esc.
        look_wanted: the row of a picture to look at closely.
    """

    pictures_wanted = Signal(object)
    closed = Signal()
    look_wanted = Signal(int)

    def __init__(self, name: str, closable: bool = False, parent: QWidget | None = None) -> None:
        """name: what these pictures are to those who cannot see them. closable: has a cross, and Esc leaves it."""
        super().__init__(parent)
        self._closable = closable
        self._network: Preprocessing | None = None
        self.grid = JudgedGrid()
        self.grid.setAccessibleName(name)
        self.grid.look_wanted.connect(self.look_wanted)
        self._title = muted(ElidedLabel(mode=Qt.TextElideMode.ElideRight))
        self.as_seen = IconButton("eye", self.tr("Show the pictures as the network saw them"))
        self.as_seen.setCheckable(True)
        self.as_seen.toggled.connect(self._show_as_seen)
        self.show_button = QPushButton(self.tr("Show in Pictures"))
        self.show_button.setToolTip(
            self.tr("Show the chosen ones of these pictures, or all, in step 1, where labels can be put right")
        )
        self.show_button.clicked.connect(self._ask_for_pictures)
        cross = IconButton("close", self.tr("Close these pictures (Esc)"))
        cross.clicked.connect(self.closed)
        cross.setVisible(closable)
        row = QHBoxLayout()
        row.setSpacing(SPACE // 2)
        row.addWidget(self._title, 1)
        for button in (self.as_seen, self.show_button, cross):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(row)
        column.addWidget(self.grid, 1)

    def show_network(self, network: Preprocessing | None) -> None:
        """The preprocessing of the network that judged; None when nobody knows it any more."""
        self._network = network
        self.as_seen.setEnabled(network is not None)
        self.grid.show_as_seen_by(network if self.as_seen.isChecked() else None)

    def show_pictures(self, title: str, picked: Picked) -> None:
        """Show these; where there are more than anybody looks through, say how many are not shown."""
        if picked.count > len(picked.pictures):
            shown = figures.count(len(picked.pictures))
            title = self.tr("The surest {0} of {1} · {2}").format(shown, figures.count(picked.count), title)
        self._title.show_text(title)
        self.grid.show_pictures(picked.pictures)
        self.show_button.setEnabled(bool(picked.pictures))

    def title(self) -> str:
        return self._title.full_text

    def shut_down(self) -> None:
        self.grid.shut_down()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if self._closable and pressed.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(pressed)

    @Slot(bool)
    def _show_as_seen(self, wanted: bool) -> None:
        self.grid.show_as_seen_by(self._network if wanted else None)

    @Slot()
    def _ask_for_pictures(self) -> None:
        self.pictures_wanted.emit([picture.path for picture in self.grid.chosen()])

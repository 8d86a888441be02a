"""Doubts as Qt's views want them, and how a row of them looks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from tlstudio.core.catalogue import Picture
from tlstudio.core.doubts import DoubtsFound
from tlstudio.ui import figures, theme
from tlstudio.ui.dataset.delegates import LEFT, RIGHT, paint_ground
from tlstudio.ui.dataset.models import ITEM, Index, Role
from tlstudio.ui.labels import plain_tip
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

THUMBNAIL = 48


@dataclass(frozen=True)
class Doubt:
    """One picture to decide on. instead: the class it looks like, with its probability; empty for one like no other."""

    id: int
    digest: str
    path: str
    label: str
    instead: str = ""
    probable: float = 0.0

    @property
    def decision(self) -> tuple[str, str]:
        """Kind and name under which "it is right as it is" is remembered."""
        return ("label", f"{self.digest} {self.label}") if self.instead else ("outlier", self.digest)

    def is_settled(self, picture: Picture | None, decisions: Collection[tuple[str, str]]) -> bool:
        """Whether the catalogue has what was decided. picture: as it is there now; None when it is not in use."""
        return picture is None or picture.label != self.label or self.decision in decisions


def doubts_of(
    found: DoubtsFound, pictures: Mapping[int, Picture], decisions: Collection[tuple[str, str]]
) -> list[Doubt]:
    """What is still to be decided, the surest first, those like no other last. decisions: those that were made."""
    wrong = [Doubt(s.id, pictures[s.id].digest, s.path, s.label, s.instead, s.instead_probable) for s in found.suspects]
    named = {doubt.id for doubt in wrong}
    strange = [pictures[outlier["id"]] for outlier in found.outliers if outlier["id"] not in named]
    alone = [Doubt(p.id, p.digest, p.path, p.label) for p in strange]
    return [doubt for doubt in wrong + alone if doubt.decision not in decisions]


def question(doubt: Doubt) -> str:
    """What is doubted about a picture, in a few words."""
    if not doubt.instead:
        return QCoreApplication.translate("doubts", "{label}, like no other").format(label=doubt.label)
    return QCoreApplication.translate("doubts", "{label}: rather {instead}?").format(
        label=doubt.label, instead=doubt.instead
    )


class DoubtList(QAbstractListModel):
    """What is to be decided, in order."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._doubts: list[Doubt] = []

    def show_doubts(self, doubts: list[Doubt]) -> None:
        self.beginResetModel()
        self._doubts = doubts
        self.endResetModel()

    def doubt(self, row: int) -> Doubt | None:
        return self._doubts[row] if 0 <= row < len(self._doubts) else None

    def row_of(self, picture: int) -> int:
        """The row of the picture with this id; -1 where it is not in the list."""
        return next((row for row, doubt in enumerate(self._doubts) if doubt.id == picture), -1)

    def remove(self, row: int) -> None:
        """Take out one that has been decided on."""
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._doubts[row]
        self.endRemoveRows()

    def paths(self, first: int, last: int) -> list[str]:
        """The paths of the rows from first to last, as far as there are any."""
        return [doubt.path for doubt in self._doubts[max(0, first) : max(0, last + 1)]]

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._doubts)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        doubt = self._doubts[at.row()]
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return f"{Path(doubt.path).name}: {question(doubt)}"
            case Role.ToolTipRole:
                return plain_tip(f"{doubt.path}\n{question(doubt)}")
            case _ if role == ITEM:
                return doubt
        return None


class DoubtDelegate(QStyledItemDelegate):
    """Thumbnail, the question, the file's name; on the right how probable the other class is."""

    def __init__(self, pictures: Thumbnails, owner: QObject) -> None:
        super().__init__(owner)
        self._pictures = pictures

    def sizeHint(self, _option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(240, THUMBNAIL + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        doubt: Doubt = at.data(ITEM)
        rect, colours = option.rect, theme.colours(option.palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        paint_ground(painter, option, colours)
        room = QRectF(rect.left() + SPACE, rect.top() + 6, THUMBNAIL, THUMBNAIL)
        drawn = self._pictures.get(doubt.path)
        if drawn is not None and drawn.pixmap is not None:
            paint_fitted(painter, drawn.pixmap, room, 4)
        else:
            painter.fillRect(room, colours.hover)
        inside = QRect(rect).adjusted(SPACE * 2 + THUMBNAIL + 4, 8, -SPACE * 2, -8)
        bold = QFont(option.font)
        bold.setWeight(QFont.Weight.DemiBold)
        top = QRect(inside.left(), inside.top(), inside.width(), QFontMetrics(bold).height())
        share = figures.percent(doubt.probable, 0) if doubt.instead else ""
        space = top.width() - option.fontMetrics.horizontalAdvance(share) - SPACE
        painter.setFont(bold)
        painter.setPen(option.palette.text().color())
        words = QFontMetrics(bold).elidedText(question(doubt), Qt.TextElideMode.ElideMiddle, space)
        painter.drawText(top, LEFT, words)
        painter.setFont(option.font)
        painter.setPen(colours.muted)
        painter.drawText(top, RIGHT, share)
        height = option.fontMetrics.height()
        bottom = QRect(inside.left(), inside.bottom() - height + 1, inside.width(), height)
        name = option.fontMetrics.elidedText(Path(doubt.path).name, Qt.TextElideMode.ElideMiddle, bottom.width())
        painter.drawText(bottom, LEFT, name)
        painter.restore()

"""Answers as Qt's views want them, and how a row of them looks."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from tlstudio.core.events import Predicted
from tlstudio.ui import icons, theme
from tlstudio.ui.dataset.delegates import LEFT, RIGHT, paint_ground
from tlstudio.ui.dataset.models import ITEM, Index, Role
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

THUMBNAIL = 44
BAR = 72
LEAST_SHARE = 0.005


def percent(share: float) -> str:
    """A probability as people read it, in their own language: never 100 % where it is not."""
    shown = min(share, 0.999) if share < 1 else 1.0
    return f"{QLocale().toString(shown * 100, 'f', 1)} %"


def verdict(answer: Predicted) -> str:
    """One sentence for an answer, or for why there is none."""
    if not answer.ok:
        return QCoreApplication.translate("predict", "No answer: {why}").format(why=answer.error)
    if answer.unknown:
        return QCoreApplication.translate("predict", "Not like anything you taught me")
    return f"{answer.label} · {percent(answer.probability or 0)}"


class PredictionList(QAbstractListModel):
    """The answers in the order they came."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._answers: list[Predicted] = []

    def append(self, answers: Iterable[Predicted]) -> None:
        """Add a batch of answers: one insertion however many there are."""
        fresh = list(answers)
        if fresh:
            first = len(self._answers)
            self.beginInsertRows(QModelIndex(), first, first + len(fresh) - 1)
            self._answers += fresh
            self.endInsertRows()

    def clear(self) -> None:
        self.beginResetModel()
        self._answers = []
        self.endResetModel()

    @property
    def answers(self) -> tuple[Predicted, ...]:
        return tuple(self._answers)

    def answer(self, row: int) -> Predicted | None:
        return self._answers[row] if 0 <= row < len(self._answers) else None

    def paths(self, first: int, last: int) -> list[str]:
        """The paths of the rows from first to last, as far as there are any."""
        return [answer.path for answer in self._answers[max(0, first) : max(0, last + 1)]]

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._answers)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        answer = self._answers[at.row()]
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return f"{Path(answer.path).name}: {verdict(answer)}"
            case Role.ToolTipRole:
                return f"{answer.path}\n{verdict(answer)}"
            case _ if role == ITEM:
                return answer
        return None


class PredictionDelegate(QStyledItemDelegate):
    """Thumbnail, what it is, file name; on the right how sure, as number and bar."""

    def __init__(self, pictures: Thumbnails, owner: QObject) -> None:
        super().__init__(owner)
        self._pictures = pictures

    def sizeHint(self, _option: QStyleOptionViewItem, _at: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(240, THUMBNAIL + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        answer: Predicted = at.data(ITEM)
        palette, rect = option.palette, option.rect
        colours = theme.colours(palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        paint_ground(painter, option, colours)
        room = QRectF(rect.left() + SPACE, rect.top() + 6, THUMBNAIL, THUMBNAIL)
        drawn = self._pictures.get(answer.path)
        ratio = option.widget.devicePixelRatioF()
        if drawn is not None and drawn.pixmap is not None:
            paint_fitted(painter, drawn.pixmap, room, 4)
        elif not answer.ok:
            painter.drawPixmap(room.center() - QPointF(12, 12), icons.pixmap("error", colours.error, 24, ratio))
        else:
            painter.fillRect(room, colours.hover)
        inside = QRect(rect).adjusted(SPACE * 2 + THUMBNAIL + 4, 7, -SPACE * 2, -7)
        self._paint_words(painter, option, answer, inside, colours)
        painter.restore()

    def _paint_words(
        self, painter: QPainter, option: QStyleOptionViewItem, answer: Predicted, inside: QRect, colours: theme.Colours
    ) -> None:
        bold = QFont(option.font)
        bold.setWeight(QFont.Weight.DemiBold)
        metrics, small = QFontMetrics(bold), option.fontMetrics
        sure = answer.ok and not answer.unknown
        words = (answer.label or "") if sure else verdict(answer)
        plain = option.palette.text().color()
        top = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        room = top.width() - (BAR + SPACE * 2 if answer.ok and not answer.unknown else 0)
        painter.setFont(bold)
        painter.setPen(plain if sure else colours.warning if answer.ok else colours.error)
        painter.drawText(top, LEFT, metrics.elidedText(words, Qt.TextElideMode.ElideRight, room))
        bottom = QRect(inside.left(), inside.bottom() - small.height() + 1, inside.width(), small.height())
        painter.setFont(option.font)
        painter.setPen(colours.muted)
        name = Path(answer.path).name
        if answer.ok and answer.unknown:
            nearest = QCoreApplication.translate("predict", "nearest: {label}").format(label=answer.label)
            name = f"{name} · {nearest}"
        painter.drawText(bottom, LEFT, small.elidedText(name, Qt.TextElideMode.ElideMiddle, room))
        if answer.ok and not answer.unknown:  # how sure of what it is not says nothing
            share = answer.probability or 0
            painter.setPen(plain if sure else colours.muted)
            painter.drawText(top, RIGHT, percent(share))
            track = QRectF(inside.right() - BAR, bottom.center().y() - 2, BAR, 4)
            paint_bar(painter, track, share, colours, sure)


def paint_bar(painter: QPainter, track: QRectF, share: float, colours: theme.Colours, strong: bool) -> None:
    """A share of a track, filled from the left; muted where the answer does not hold."""
    radius = track.height() / 2
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.line)
    painter.drawRoundedRect(track, radius, radius)
    painter.setBrush(colours.accent if strong else colours.edge)
    filled = QRectF(track)
    filled.setWidth(max(track.height(), track.width() * share))
    if share < LEAST_SHARE:
        return  # a bar that short would only show its own roundness
    painter.drawRoundedRect(filled, radius, radius)

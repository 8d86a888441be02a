"""How an answer's row, a class's row and a ranked class look."""

from pathlib import Path

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from tlstudio.core.events import Predicted
from tlstudio.ui import figures, icons, theme
from tlstudio.ui.dataset.delegates import LEFT, RIGHT, paint_ground
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.predict.models import ANSWER, CORRECTION, ClassCounts, Group, Index, Kind, percent, remark, verdict
from tlstudio.ui.theme import RADIUS, SPACE
from tlstudio.ui.thumbnails import Thumbnails

THUMBNAIL = 44
ROW_HEIGHT = THUMBNAIL + 12
BAR = 72
LEAST_SHARE = 0.005
NAME_SHARE = 0.38


class PredictionDelegate(QStyledItemDelegate):
    """Thumbnail, what it is, file name; on the right how sure, as number and bar."""

    def __init__(self, pictures: Thumbnails, owner: QObject) -> None:
        super().__init__(owner)
        self._pictures = pictures

    def sizeHint(self, _option: QStyleOptionViewItem, _at: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(240, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        answer: Predicted = at.data(ANSWER)
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
        self._paint_words(painter, option, answer, at.data(CORRECTION), inside)
        painter.restore()

    def _paint_words(
        self, painter: QPainter, option: QStyleOptionViewItem, answer: Predicted, correction: str, inside: QRect
    ) -> None:
        colours = theme.colours(option.palette)
        bold = QFont(option.font)
        bold.setWeight(QFont.Weight.DemiBold)
        metrics, small = QFontMetrics(bold), option.fontMetrics
        has_class = answer.ok and not answer.unknown
        words = (answer.label or "") if has_class else verdict(answer) if answer.ok else self.tr("No answer")
        top = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        room = top.width() - (BAR + SPACE * 2 if has_class else 0)
        painter.setFont(bold)
        plain = option.palette.text().color()
        painter.setPen(plain if has_class else colours.warning if answer.ok else colours.error)
        painter.drawText(top, LEFT, metrics.elidedText(words, Qt.TextElideMode.ElideRight, room))
        bottom = QRect(inside.left(), inside.bottom() - small.height() + 1, inside.width(), small.height())
        painter.setFont(option.font)
        painter.setPen(colours.ok if correction else colours.muted)
        if answer.ok:
            told = small.elidedText(remark(answer, correction), Qt.TextElideMode.ElideMiddle, room)
        else:
            name = small.elidedText(Path(answer.path).name, Qt.TextElideMode.ElideMiddle, room * 2 // 5)
            told = small.elidedText(f"{name}: {answer.error}", Qt.TextElideMode.ElideRight, room)
        painter.drawText(bottom, LEFT, told)
        if has_class:  # how sure of what it is not says nothing
            share = answer.probability or 0.0
            painter.setPen(plain)
            painter.drawText(top, RIGHT, percent(share))
            track = QRectF(inside.right() - BAR, bottom.center().y() - 2, BAR, 4)
            paint_bar(painter, track, share, colours, True)


class CountDelegate(QStyledItemDelegate):
    """A group of answers: its name, how many, and below a class's name the bar of its share."""

    def __init__(self, counts: ClassCounts, owner: QObject) -> None:
        super().__init__(owner)
        self._counts = counts
        self.target: Group | None = None  # what something is being dragged onto

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(120, option.fontMetrics.height() + 20)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        group: Group = at.data(ANSWER)
        colours = theme.colours(option.palette)
        painter.save()
        paint_ground(painter, option, colours)
        if group == self.target:
            painter.setPen(QPen(colours.accent, 2, Qt.PenStyle.DashLine))
            painter.setBrush(colours.chosen)
            painter.drawRoundedRect(QRectF(option.rect).adjusted(2, 2, -2, -2), RADIUS, RADIUS)
        inside = QRect(option.rect).adjusted(SPACE + 2, 5, -SPACE - 2, -5)
        font, is_class = QFont(option.font), group.kind == Kind.LABEL
        font.setWeight(QFont.Weight.DemiBold if group.kind == Kind.ALL else QFont.Weight.Normal)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        number = self._counts.count(group)
        count = figures.count(number)
        row = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        if not is_class:
            row.moveTop(inside.center().y() - metrics.height() // 2)
        painter.setPen(option.palette.text().color() if number or is_class else colours.muted)
        room = row.width() - metrics.horizontalAdvance(count) - SPACE
        painter.drawText(row, LEFT, metrics.elidedText(at.data(), Qt.TextElideMode.ElideRight, room))
        painter.setPen(colours.muted)
        painter.drawText(row, RIGHT, count)
        if is_class:
            track = QRectF(inside.left(), row.bottom() + 5, inside.width(), 4)
            paint_bar(painter, track, self._counts.share(group), colours, True)
        painter.restore()


class RankDelegate(QStyledItemDelegate):
    """A class with its probability as bar and number; of a stranger's likeliest classes the name alone."""

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self.has_shares = True

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(200, max(24, option.fontMetrics.height() + SPACE))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        label, share = at.data(ANSWER)
        colours = theme.colours(option.palette)
        painter.save()
        paint_ground(painter, option, colours)
        font = QFont(option.font)
        first = at.row() == 0 and self.has_shares
        font.setWeight(QFont.Weight.DemiBold if first else QFont.Weight.Normal)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        painter.setPen(option.palette.text().color())
        line = QRect(option.rect).adjusted(SPACE, 0, -SPACE, 0)
        number_width = metrics.horizontalAdvance(percent(0.888)) + SPACE
        name_width = round(line.width() * NAME_SHARE) if self.has_shares else line.width()
        name = metrics.elidedText(label, Qt.TextElideMode.ElideRight, name_width - SPACE)
        painter.drawText(line, LEFT, name)
        if self.has_shares:
            painter.drawText(line, RIGHT, percent(share))
            room = line.width() - name_width - number_width
            bar = QRectF(line.left() + name_width, line.center().y() - 4, room, 9)
            paint_bar(painter, bar, share, colours, at.row() == 0)
        painter.restore()


def paint_bar(painter: QPainter, track: QRectF, share: float, colours: theme.Colours, strong: bool) -> None:
    """A share of a track, filled from the left; muted where it is not what counts."""
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

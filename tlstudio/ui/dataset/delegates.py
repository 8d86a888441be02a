"""How the dataset's rows look: a class with its bar, a picture with its name, a problem with its mark."""

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from tlstudio.ui import icons, theme
from tlstudio.ui.dataset.models import ITEM, ClassLine, Problem
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import RADIUS, SPACE
from tlstudio.ui.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
State = QStyle.StateFlag
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def paint_ground(painter: QPainter, option: QStyleOptionViewItem, colours: theme.Colours) -> None:
    """The rounded ground of a row that is chosen or under the mouse, and the ring of one with the focus."""
    box = QRectF(option.rect).adjusted(2, 1, -2, -1)
    state = option.state
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if state & (State.State_Selected | State.State_MouseOver):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.chosen if state & State.State_Selected else colours.hover)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
    if state & State.State_HasFocus and state & State.State_KeyboardFocusChange:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colours.accent, 2))
        painter.drawRoundedRect(box, RADIUS, RADIUS)


class ClassDelegate(QStyledItemDelegate):
    """Name and count, and below them a bar as long as the class is large."""

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(120, option.fontMetrics.height() + 24)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        line: ClassLine = at.data(ITEM)
        palette, rect = option.palette, option.rect
        colours = theme.colours(palette)
        painter.save()
        paint_ground(painter, option, colours)
        inside = QRect(rect).adjusted(SPACE + 4, 6, -SPACE - 4, -6)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold if not line.name else QFont.Weight.Normal)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        count = option.widget.locale().toString(line.count)
        row = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        if not line.name:
            row.moveTop(inside.center().y() - metrics.height() // 2)
        room = row.width() - metrics.horizontalAdvance(count) - SPACE
        painter.setPen(palette.text().color())
        name = metrics.elidedText(line.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(row, LEFT, name)
        painter.setPen(colours.muted)
        painter.drawText(row, RIGHT, count)
        if line.name:
            self._paint_bar(painter, QRectF(inside.left(), row.bottom() + 5, inside.width(), 4), line.share, colours)
        painter.restore()

    def _paint_bar(self, painter: QPainter, track: QRectF, share: float, colours: theme.Colours) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.line)
        painter.drawRoundedRect(track, 2, 2)
        painter.setBrush(colours.accent)
        painter.drawRoundedRect(
            QRectF(track.topLeft(), QPointF(track.left() + track.width() * share, track.bottom())), 2, 2
        )


class PictureDelegate(QStyledItemDelegate):
    """A picture in its cell, its name below, and a word where it is not for training."""

    def __init__(self, pictures: Thumbnails, owner: QObject) -> None:
        super().__init__(owner)
        self._pictures = pictures
        self.side = 128

    def cell(self, metrics: QFontMetrics) -> QSize:
        """The room one picture takes."""
        return QSize(self.side + 2 * SPACE, self.side + 2 * SPACE + metrics.height() + 2)

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return self.cell(option.fontMetrics)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        picture = at.data(ITEM)
        palette, rect, metrics = option.palette, option.rect, option.fontMetrics
        colours = theme.colours(palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        paint_ground(painter, option, colours)
        room = QRectF(rect.left() + SPACE, rect.top() + SPACE, self.side, self.side)
        drawn = self._pictures.get(picture.path)
        if drawn is not None and drawn.pixmap is not None:
            paint_fitted(painter, drawn.pixmap, room, 4)
        else:
            self._paint_missing(painter, room, colours, drawn is not None, option.widget.devicePixelRatioF())
        if picture.split in ("val", "test"):
            word = self.tr("validation") if picture.split == "val" else self.tr("test")
            self._paint_badge(painter, room, word, colours, metrics)
        painter.setPen(colours.error if picture.refused else colours.muted)
        caption = QRect(rect.left() + SPACE, int(room.bottom()) + 3, self.side, metrics.height())
        name = metrics.elidedText(at.data(), Qt.TextElideMode.ElideMiddle, caption.width())
        painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, name)
        painter.restore()

    def _paint_missing(
        self, painter: QPainter, room: QRectF, colours: theme.Colours, unreadable: bool, ratio: float
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.hover)
        painter.drawRoundedRect(room, 4, 4)
        if unreadable:
            mark = icons.pixmap("warning", colours.warning, 32, ratio)
            painter.drawPixmap(room.center() - QPointF(16, 16), mark)

    def _paint_badge(
        self, painter: QPainter, room: QRectF, word: str, colours: theme.Colours, metrics: QFontMetrics
    ) -> None:
        word = metrics.elidedText(word, Qt.TextElideMode.ElideRight, round(room.width()) - 14)
        width = metrics.horizontalAdvance(word) + 10
        box = QRectF(room.right() - width - 2, room.top() + 2, width, metrics.height() + 2)
        painter.setPen(QPen(colours.line, 1))
        painter.setBrush(colours.surface)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(colours.muted)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, word)


class ProblemDelegate(QStyledItemDelegate):
    """A mark, a sentence, and an arrow where it leads to pictures."""

    MARK = 16

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(200, max(24, option.fontMetrics.height() + 10))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        problem: Problem = at.data(ITEM)
        palette, rect, metrics = option.palette, option.rect, option.fontMetrics
        colours = theme.colours(palette)
        painter.save()
        paint_ground(painter, option, colours)
        colour = {"error": colours.error, "warning": colours.warning}.get(problem.kind, colours.accent)
        ratio = option.widget.devicePixelRatioF()
        top = rect.top() + (rect.height() - self.MARK) // 2
        painter.drawPixmap(rect.left() + SPACE, top, icons.pixmap(problem.kind, colour, self.MARK, ratio))
        inside = QRect(rect).adjusted(SPACE * 2 + self.MARK, 0, -SPACE * 2, 0)
        action = self.tr("Show") if problem.paths else ""
        room = inside.width() - metrics.horizontalAdvance(action) - SPACE * 2
        painter.setPen(palette.text().color())
        painter.drawText(inside, LEFT, metrics.elidedText(problem.text, Qt.TextElideMode.ElideRight, room))
        painter.setPen(colours.accent)
        painter.drawText(inside, RIGHT, action)
        painter.restore()

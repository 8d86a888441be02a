"""How the dataset's rows look: a class with its bar, a picture with its name, a problem with its mark."""

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from tlstudio.core.catalogue import Picture
from tlstudio.ui import icons, theme
from tlstudio.ui.dataset.models import ITEM, ClassLine, ClassList
from tlstudio.ui.dataset.remarks import Remark
from tlstudio.ui.picture_view import paint_fitted
from tlstudio.ui.theme import RADIUS, SPACE
from tlstudio.ui.thumbnails import Thumbnails

Index = QModelIndex | QPersistentModelIndex
State = QStyle.StateFlag
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
DIGITS = 10
LEAST_BAR = 24
DOT = 8


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
    """Colour, name and count; below them a bar as long as the class is large, and the counts of its parts."""

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(120, 2 * option.fontMetrics.height() + 14)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _at: Index) -> None:
        """The name is typed over the whole row, in a field as high as fields are."""
        box = QRect(option.rect).adjusted(SPACE, 0, -SPACE, 0)
        high = editor.sizeHint().height()
        editor.setGeometry(box.left(), box.center().y() - high // 2, box.width(), high)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        line: ClassLine = at.data(ITEM)
        colours = theme.colours(option.palette)
        painter.save()
        paint_ground(painter, option, colours)
        inside = QRect(option.rect).adjusted(SPACE + 2, 5, -SPACE - 2, -5)
        if line.name:
            side = option.fontMetrics.height()
            colour = theme.class_colour(line.number, option.palette)
            self._paint_swatch(painter, QRectF(inside.left(), inside.top(), side, side), line.number, colour, option)
            inside.setLeft(inside.left() + side + SPACE)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold if not line.name else QFont.Weight.Normal)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        count = option.widget.locale().toString(line.count)
        row = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        room = row.width() - metrics.horizontalAdvance(count) - SPACE
        painter.setPen(option.palette.text().color())
        painter.drawText(row, LEFT, metrics.elidedText(line.title, Qt.TextElideMode.ElideRight, room))
        painter.drawText(row, RIGHT, count)
        row.moveTop(row.bottom() + 3)
        self._paint_parts(painter, row, line, option)
        painter.restore()

    def _paint_swatch(
        self, painter: QPainter, box: QRectF, number: int, colour: QColor, option: QStyleOptionViewItem
    ) -> None:
        """The colour of a class, and in it the digit that files pictures under it."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(box, 3, 3)
        if number < DIGITS:
            painter.setPen(QColor("black" if theme.is_dark(option.palette) else "white"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str((number + 1) % DIGITS))

    def _paint_parts(self, painter: QPainter, row: QRect, line: ClassLine, option: QStyleOptionViewItem) -> None:
        """The counts of the parts on the right, and on the left a bar in which each part has its share."""
        colours = theme.colours(option.palette)
        font = QFont(option.font)
        font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        text = " · ".join(option.widget.locale().toString(count) for count in line.counts)
        if not line.name:
            text = self.tr("train · check · test")
        width = QFontMetrics(font).horizontalAdvance(text)
        painter.setPen(colours.muted)
        painter.drawText(row, RIGHT, text)
        room = min(row.width() - width - SPACE, row.width() // 2)
        if not line.name or room < LEAST_BAR:
            return
        track = QRectF(row.left(), row.center().y() - 2, room, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.line)
        painter.drawRoundedRect(track, 2, 2)
        colour, left, total = theme.class_colour(line.number, option.palette), track.left(), max(1, line.count)
        for count, opacity in zip(line.counts, (1.0, 0.6, 0.35), strict=True):
            colour.setAlphaF(opacity)
            long = track.width() * line.share * count / total
            painter.fillRect(QRectF(left, track.top(), long, track.height()), colour)
            left += long


class PictureDelegate(QStyledItemDelegate):
    """A picture in its cell, below it its name with the colour of its class, and a word where it is not to train on."""

    def __init__(self, pictures: Thumbnails, classes: ClassList, owner: QObject) -> None:
        super().__init__(owner)
        self._pictures = pictures
        self._classes = classes
        self.side = 128
        self.says_more = False  # class and size before the name, where copies are compared

    def cell(self, metrics: QFontMetrics) -> QSize:
        """The room one picture takes."""
        return QSize(self.side + 2 * SPACE, self.side + 2 * SPACE + metrics.height() + 2)

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return self.cell(option.fontMetrics)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        picture: Picture | None = at.data(ITEM)
        rect, colours = option.rect, theme.colours(option.palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        paint_ground(painter, option, colours)
        room = QRectF(rect.left() + (rect.width() - self.side) // 2, rect.top() + SPACE, self.side, self.side)
        drawn = self._pictures.get(picture.path) if picture else None
        if picture and picture.excluded:
            painter.setOpacity(0.35)
        if drawn is not None and drawn.pixmap is not None:
            paint_fitted(painter, drawn.pixmap, room, 4)
        else:
            self._paint_missing(painter, room, colours, drawn is not None, option.widget.devicePixelRatioF())
        painter.setOpacity(1)
        if picture is not None:
            if word := self._word(picture):
                self._paint_badge(painter, room, word, colours, option.fontMetrics)
            caption = QRect(round(room.left()), int(room.bottom()) + 3, self.side, option.fontMetrics.height())
            self._paint_caption(painter, caption, picture, at.data(), option)
        painter.restore()

    def _word(self, picture: Picture) -> str:
        if picture.excluded:
            return self.tr("left out")
        return {"val": self.tr("check"), "test": self.tr("test")}.get(picture.split, "")

    def _paint_caption(
        self, painter: QPainter, row: QRect, picture: Picture, name: str, option: QStyleOptionViewItem
    ) -> None:
        colours, metrics = theme.colours(option.palette), option.fontMetrics
        number = self._classes.number_of(picture.label)
        dot = 0 if number < 0 or picture.refused else DOT + 5
        mode = Qt.TextElideMode.ElideMiddle
        if self.says_more and not picture.refused:
            name, mode = f"{picture.label} · {picture.width} × {picture.height} · {name}", Qt.TextElideMode.ElideRight
        text = metrics.elidedText(name, mode, row.width() - dot)
        left = row.left() + (row.width() - dot - metrics.horizontalAdvance(text)) // 2
        if dot:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.class_colour(number, option.palette))
            painter.drawEllipse(QRectF(left, row.center().y() - DOT / 2 + 1, DOT, DOT))
        painter.setPen(colours.error if picture.refused else colours.muted)
        place = QRect(left + dot, row.top(), row.right() - left - dot + 2, row.height())
        painter.drawText(place, LEFT | Qt.TextFlag.TextSingleLine, text)  # a name may have several lines

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


def paint_count(view: QWidget, text: str) -> QPixmap:
    """What hangs on the pointer while pictures are dragged: a slip that says how many."""
    metrics, ratio = view.fontMetrics(), view.devicePixelRatioF()
    size = QSize(metrics.horizontalAdvance(text) + 2 * SPACE, metrics.height() + SPACE)
    slip = QPixmap(size * ratio)
    slip.setDevicePixelRatio(ratio)
    slip.fill(Qt.GlobalColor.transparent)
    colours = theme.colours(view.palette())
    painter = QPainter(slip)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(view.font())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.accent)
    painter.drawRoundedRect(QRectF(0, 0, size.width(), size.height()), RADIUS, RADIUS)
    painter.setPen(colours.on_accent)
    painter.drawText(QRect(0, 0, size.width(), size.height()), Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return slip


class RemarkDelegate(QStyledItemDelegate):
    """A mark, a sentence, and an arrow where it leads to pictures."""

    MARK = 16

    def sizeHint(self, option: QStyleOptionViewItem, _at: Index) -> QSize:
        return QSize(200, max(24, option.fontMetrics.height() + 10))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, at: Index) -> None:
        remark: Remark = at.data(ITEM)
        palette, rect, metrics = option.palette, option.rect, option.fontMetrics
        colours = theme.colours(palette)
        painter.save()
        paint_ground(painter, option, colours)
        colour = {"error": colours.error, "warning": colours.warning}.get(remark.grade, colours.accent)
        ratio = option.widget.devicePixelRatioF()
        top = rect.top() + (rect.height() - self.MARK) // 2
        painter.drawPixmap(rect.left() + SPACE, top, icons.pixmap(remark.grade, colour, self.MARK, ratio))
        inside = QRect(rect).adjusted(SPACE * 2 + self.MARK, 0, -SPACE * 2, 0)
        action = self.tr("Decide") if remark.proposal else self.tr("Show") if remark.ids else ""
        room = inside.width() - metrics.horizontalAdvance(action) - SPACE * 2
        painter.setPen(palette.text().color())
        painter.drawText(inside, LEFT, metrics.elidedText(remark.text, Qt.TextElideMode.ElideRight, room))
        painter.setPen(colours.accent)
        painter.drawText(inside, RIGHT, action)
        painter.restore()

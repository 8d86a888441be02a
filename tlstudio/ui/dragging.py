"""Dragging across the window: where one may drop, what it will do there, and the drop itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMainWindow, QWidget

from tlstudio.ui import drops, theme
from tlstudio.ui.drops import Deed
from tlstudio.ui.rail import Rail, Step


@dataclass(frozen=True)
class Target:
    """A part of the window and what a drop there does, in words."""

    deed: Deed
    area: QRect
    text: str


class DropOverlay(QWidget):
    """Lies over the window while something is dragged across it, and says what a drop would do."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("drop_overlay")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._targets: tuple[Target, ...] = ()
        self._under: Target | None = None
        self.hide()

    def show_targets(self, targets: tuple[Target, ...], under: Target | None) -> None:
        """Mark where one can drop; `under` is where the pointer is."""
        if (targets, under) == (self._targets, self._under) and self.isVisible():
            return
        self._targets, self._under = targets, under
        self.setGeometry(self.window().rect())
        self.raise_()
        self.show()
        self.update()

    @property
    def texts(self) -> tuple[str, ...]:
        """What it says now; nothing when it is hidden."""
        return tuple(target.text for target in self._targets) if self.isVisible() else ()

    def paintEvent(self, _painting: QPaintEvent) -> None:
        found = theme.colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        painter.setFont(font)
        veil = self.palette().color(self.backgroundRole())
        veil.setAlpha(235)
        for target in self._targets:
            painter.fillRect(target.area, veil)
        for target in self._targets:
            box = QRectF(target.area).adjusted(10, 10, -10, -10)
            ground = QColor(found.chosen if target == self._under else found.surface)
            ground.setAlpha(225)
            painter.setBrush(ground)
            painter.setPen(QPen(found.accent, 3 if target == self._under else 2, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(box, 12, 12)
            painter.setPen(self.palette().color(self.foregroundRole()))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(box.adjusted(12, 12, -12, -12), int(flags), target.text)

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()


class Dragging(QObject):
    """Watches a window for drags and drops.

    Whether files are pictures, a model or a project is told from the step and the suffix alone while they hang over
    the window; nothing looks at the disk.

    Signals:
        step_wanted: the pointer rests on another step of the rail. files_dropped: a Deed and the paths.
        pixels_dropped: a Deed and a Pixels. refused: why a drop cannot be used, and what to do instead.
    """

    step_wanted = Signal(int)
    files_dropped = Signal(object, object)
    pixels_dropped = Signal(object, object)
    refused = Signal(str, str)

    def __init__(
        self,
        window: QMainWindow,
        rail: Rail,
        pages: QWidget,
        can_classify: Callable[[], bool],
        has_project: Callable[[], bool],
    ) -> None:
        """can_classify: whether there is a model to ask. has_project: whether pictures have one to go to."""
        super().__init__(window)
        self._can_classify = can_classify
        self._has_project = has_project
        self.step = Step.PICTURES
        self.overlay = DropOverlay(window)
        self._window = window
        self._rail = rail
        self._pages = pages
        self._paths: tuple[Path, ...] = ()  # of what is over the window; thousands, perhaps: asked for once
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, happening: QEvent) -> bool:
        kind = happening.type()
        if isinstance(happening, QDropEvent):
            if happening.mimeData().hasFormat(drops.OWN_ANSWERS):
                happening.ignore()  # only a class takes them, and that is asked first
                return True
            if kind == QEvent.Type.DragEnter:
                self._enter(happening)
            elif kind == QEvent.Type.DragMove:
                self._show_targets(happening)
            else:
                self._drop(happening)
            return True
        if kind == QEvent.Type.DragLeave:
            self.overlay.hide()
        return False

    def _enter(self, entering: QDropEvent) -> None:
        if entering.source() is not None:
            entering.ignore()  # it began in this window, where only some places take it
        elif refusal := drops.why_not(entering.mimeData()):
            entering.ignore()
            self.refused.emit(refusal, "")
        else:
            self._paths = drops.local_paths(entering.mimeData())
            self._show_targets(entering)

    def _show_targets(self, moving: QDropEvent) -> None:
        moving.setDropAction(Qt.DropAction.CopyAction)
        moving.accept()
        over = self._rail.step_at(self._rail.mapFrom(self._window, moving.position().toPoint()))
        if over is not None and over != self.step:
            self.step_wanted.emit(over)
        self.overlay.show_targets(self._targets(), self._target_under(moving))

    def _drop(self, dropping: QDropEvent) -> None:
        self.overlay.hide()
        dropping.setDropAction(Qt.DropAction.CopyAction)
        dropping.accept()
        given, under = dropping.mimeData(), self._target_under(dropping)
        deed = under.deed if under else Deed.ADD
        if refusal := drops.why_not(given):
            self.refused.emit(refusal, "")
        elif paths := drops.local_paths(given):
            self.files_dropped.emit(deed, paths)
        else:
            self.pixels_dropped.emit(deed, drops.Pixels.of(given))

    def _target_under(self, moving: QDropEvent) -> Target | None:
        targets, at = self._targets(), moving.position().toPoint()
        return targets[0] if len(targets) == 1 else next((t for t in targets if t.area.contains(at)), None)

    def _targets(self) -> tuple[Target, ...]:
        """Where one can drop now, and what for."""
        area = QRect(self._pages.mapTo(self._window, QPoint(0, 0)), self._pages.size())
        paths = self._paths
        if paths and paths[0].suffix.lower() == drops.MODEL_SUFFIX:
            return (Target(Deed.OPEN, area, self.tr("Open this model")),)
        if drops.are_weights(paths):
            return (Target(Deed.OPEN, area, self.tr("Import these pretrained weights")),)
        add, classify = self.tr("Add to the pictures"), self.tr("Classify")
        if self.step == Step.PICTURES and (self._has_project() or not self._can_classify()):
            return (Target(Deed.ADD, area, add),)
        if self.step == Step.PREDICT:
            needs = self.tr("Train first, or drop a .tlmodel file")
            return (Target(Deed.CLASSIFY, area, classify if self._can_classify() else needs),)
        if not self._can_classify():
            return (Target(Deed.ADD, area, add),)
        left, right = QRect(area), QRect(area)
        left.setRight(area.center().x())
        right.setLeft(area.center().x() + 1)
        return (Target(Deed.ADD, left, add), Target(Deed.CLASSIFY, right, classify))

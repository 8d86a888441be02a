"""The four steps down the left side, each with a living line of what stands there."""

from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.ui import icons, theme
from tlstudio.ui.labels import muted
from tlstudio.ui.theme import RADIUS, SPACE

WIDTH = 248


class Step(IntEnum):
    """The steps in the order of the work."""

    PICTURES = 0
    NETWORK = 1
    TRAINING = 2
    PREDICT = 3


@dataclass(frozen=True)
class StepText:
    """How a step is called, drawn and explained."""

    title: str
    icon: str
    explanation: str


class RailButton(QAbstractButton):
    """One step: icon, title, and below it one line that says how things stand."""

    def __init__(self, step: Step, text: StepText) -> None:
        super().__init__()
        self.setObjectName(f"rail_{text.icon}")
        self._icon = text.icon
        self._explanation = text.explanation
        self._summary = ""
        self._by_key = False
        self.setText(f"{step + 1}  {text.title}")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.show_summary("")

    @property
    def summary(self) -> str:
        return self._summary

    @Slot(str)
    def show_summary(self, text: str) -> None:
        self._summary = text
        self.setAccessibleName(f"{self.text()}: {text}" if text else self.text())
        self.setToolTip(f"{text}\n{self._explanation}" if text else self._explanation)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, QFontMetrics(self._bold()).height() + self.fontMetrics().height() + SPACE * 3)

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def paintEvent(self, _painting: QPaintEvent) -> None:
        found = theme.colours(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(found.chosen if self.isChecked() else found.hover)
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        if self.isChecked():
            painter.setBrush(found.accent)
            painter.drawRoundedRect(QRectF(2, 12, 3, self.height() - 24), 1.5, 1.5)
        if self.hasFocus() and self._by_key:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(found.accent, 2))
            painter.drawRoundedRect(box, RADIUS, RADIUS)
        self._paint_text(painter, found)

    def focusInEvent(self, gained: QFocusEvent) -> None:
        """Remember whether the keyboard brought the focus here: only then its ring helps."""
        self._by_key = gained.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        super().focusInEvent(gained)

    def _paint_text(self, painter: QPainter, found: theme.Colours) -> None:
        side, left, top = 20, SPACE * 2, SPACE + 4
        text_colour = self.palette().color(self.foregroundRole())
        drawn = icons.pixmap(
            self._icon, found.accent if self.isChecked() else found.muted, side, self.devicePixelRatioF()
        )
        bold = self._bold()
        line = QFontMetrics(bold).height()
        painter.drawPixmap(QPoint(left, top + max(0, (line - side) // 2)), drawn)
        text_left = left + side + SPACE + 4
        room = self.width() - text_left - SPACE
        painter.setFont(bold)
        painter.setPen(text_colour)
        painter.drawText(QRect(text_left, top, room, line), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.setFont(self.font())
        painter.setPen(text_colour if self.isChecked() else found.muted)
        small = self.fontMetrics()
        short = small.elidedText(self._summary, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRect(text_left, top + line + 2, room, small.height()), Qt.AlignmentFlag.AlignVCenter, short)


class Rail(QFrame):
    """The steps; one is chosen. Up and Down move between them.

    Signals:
        step_chosen: a person chose that step.
    """

    step_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setAccessibleName(self.tr("Steps"))
        self.setFixedWidth(WIDTH)
        texts = (
            StepText(self.tr("Pictures"), "pictures", self.tr("Your pictures and their classes (Ctrl+1)")),
            StepText(self.tr("Network"), "network", self.tr("The pretrained network and what of it learns (Ctrl+2)")),
            StepText(self.tr("Training"), "training", self.tr("Training and its runs (Ctrl+3)")),
            StepText(self.tr("Predict"), "predict", self.tr("Labels for new pictures (Ctrl+4)")),
        )
        self._buttons = [RailButton(step, text) for step, text in zip(Step, texts, strict=True)]
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE * 2)
        layout.setSpacing(4)
        for step, button in zip(Step, self._buttons, strict=True):
            self._group.addButton(button, step)
            layout.addWidget(button)
        layout.addStretch(1)
        note = muted(QLabel(self.tr("Nothing leaves this computer.")))
        note.setWordWrap(True)
        note.setContentsMargins(SPACE, 0, SPACE, 0)
        layout.addWidget(note)

    def show_step(self, step: Step) -> None:
        if any(button.hasFocus() for button in self._buttons):
            self._buttons[step].setFocus(Qt.FocusReason.ActiveWindowFocusReason)
        self._buttons[step].setChecked(True)

    def button(self, step: Step) -> RailButton:
        return self._buttons[step]

    def summary(self, step: Step) -> str:
        return self._buttons[step].summary

    def step_at(self, place: QPoint) -> Step | None:
        """The step whose entry is at a place of the rail."""
        for step, button in zip(Step, self._buttons, strict=True):
            if button.geometry().contains(place):
                return step
        return None

    @Slot(int)
    def _choose(self, step: int) -> None:
        self.step_chosen.emit(step)

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        move = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(pressed.key()))
        if move is None:
            super().keyPressEvent(pressed)
            return
        step = (self._group.checkedId() + move) % len(self._buttons)
        self._buttons[step].setFocus(Qt.FocusReason.TabFocusReason)
        self._buttons[step].click()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()

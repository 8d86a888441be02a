"""The chosen picture and how the classes rank for it."""

from pathlib import Path

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.core.events import Predicted
from tlstudio.ui import theme
from tlstudio.ui.labels import ElidedLabel, muted, title
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.predict.models import paint_bar, percent
from tlstudio.ui.theme import SPACE

BARS = 6
NEAREST = 3
NAME_SHARE = 0.36


class RankedBars(QWidget):
    """The likeliest classes with their probabilities, best first; of a stranger, the names of the nearest alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answer: Predicted | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_answer(self, answer: Predicted | None) -> None:
        self._answer = answer if answer is not None and answer.ok else None
        ranked = self._ranked()
        self.setAccessibleName(
            ", ".join(label if self._is_unknown() else f"{label} {percent(share)}" for label, share in ranked)
        )
        self.updateGeometry()
        self.update()

    def _ranked(self) -> tuple[tuple[str, float], ...]:
        return self._answer.top[: NEAREST if self._answer.unknown else BARS] if self._answer else ()

    def _is_unknown(self) -> bool:
        return self._answer is not None and self._answer.unknown

    def _line(self) -> int:
        return self.fontMetrics().height() + SPACE

    def sizeHint(self) -> QSize:
        return QSize(240, self._line() * len(self._ranked()))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() == QEvent.Type.PaletteChange:
            self.update()

    def paintEvent(self, _painting: QPaintEvent) -> None:
        colours = theme.colours(self.palette())
        painter = QPainter(self)
        number_width = self.fontMetrics().horizontalAdvance(percent(0.888)) + SPACE
        name_width = round(self.width() * NAME_SHARE)
        for row, (label, share) in enumerate(self._ranked()):
            font = QFont(self.font())
            font.setWeight(QFont.Weight.DemiBold if row == 0 and not self._is_unknown() else QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(self.palette().windowText().color())
            line = QRect(0, row * self._line(), self.width(), self._line())
            name = QFontMetrics(font).elidedText(label, Qt.TextElideMode.ElideRight, name_width - SPACE)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
            if self._is_unknown():
                continue
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, percent(share))
            bar = QRectF(name_width, line.center().y() - 4, self.width() - name_width - number_width, 9)
            paint_bar(painter, bar, share, colours, row == 0)


class EvidenceView(QFrame):
    """The picture large, the verdict in words, the classes ranked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evidence_view")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("The chosen picture and its classes"))
        self._picture = PictureView()
        self._picture.say_nothing_is_there(self.tr("Choose an answer to see it closely."))
        self._label = title("")
        self._label.setWordWrap(True)
        self._remark = muted(QLabel())
        self._remark.setWordWrap(True)
        self._name = muted(ElidedLabel())
        self._bars = RankedBars()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)
        layout.addWidget(self._picture, 1)
        layout.addWidget(self._name)
        layout.addWidget(self._label)
        layout.addWidget(self._remark)
        layout.addWidget(self._bars)
        self.setMinimumWidth(300)
        self.show_answer(None)

    def show_answer(self, answer: Predicted | None) -> None:
        self._picture.show_path(answer.path if answer else "")
        self._name.show_text(Path(answer.path).name if answer else "")
        self._bars.show_answer(answer)
        words, remark = self._words(answer)
        self._label.setText(words)
        self._label.setVisible(bool(words))
        self._remark.setText(remark)
        self._remark.setVisible(bool(remark))

    def _words(self, answer: Predicted | None) -> tuple[str, str]:
        if answer is None:
            return "", ""
        if not answer.ok:
            return self.tr("No answer"), answer.error or ""
        if answer.unknown:
            remark = self.tr("It is farther from every training picture than nearly all I was checked on. Nearest:")
            return self.tr("Not like anything you taught me"), remark
        return f"{answer.label}", ""

    @property
    def text(self) -> str:
        """What it says about the chosen picture."""
        return f"{self._label.text()} {self._remark.text()}".strip()

    def shut_down(self) -> None:
        self._picture.shut_down()

"""What augmentation makes of one's own pictures: one as the network sees it, and variations of it."""

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.events import Event, PictureDrawn
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.core.project import Project
from tlstudio.core.recipe import Augmentation
from tlstudio.ui.job import Stop
from tlstudio.ui.labels import ElidedLabel, muted
from tlstudio.ui.model.trials import TrialDialog, TrialRow
from tlstudio.ui.theme import SPACE

VARIATIONS, ACROSS = 8, 3


class _Tile(QLabel):
    """A picture in the middle of its room, never larger than it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(120, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._whole = QPixmap()

    def show_picture(self, drawn: PictureDrawn | None) -> None:
        self._whole = QPixmap()
        if drawn and drawn.pixels:
            image = QImage(drawn.pixels, drawn.width, drawn.height, 3 * drawn.width, QImage.Format.Format_RGB888)
            self._whole = QPixmap.fromImage(image)  # which copies the pixels
        self._fit()

    def resizeEvent(self, change: QResizeEvent) -> None:
        super().resizeEvent(change)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(200, 180)

    def _fit(self) -> None:
        room = self.size().boundedTo(self._whole.size())
        ways = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        self.setPixmap(QPixmap() if self._whole.isNull() else self._whole.scaled(room, *ways))


class VariationsDialog(TrialDialog):
    """Shows one picture at a time; the same picture always gets the same variations."""

    def __init__(
        self, project: Project, preprocessing: Preprocessing, augment: Augmentation, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("variations_dialog")
        self.setWindowTitle(self.tr("What augmentation does"))
        self.resize(720, 680)
        self._project, self._preprocessing = project, preprocessing
        self._number, self._shown = 0, 0
        self._stale = False
        self.kind = QComboBox()
        self.kind.setObjectName("variations_kind")
        self.kind.setAccessibleName(self.tr("Augmentation"))
        self.kind.setToolTip(self.tr("Which augmentation to look at; the recipe stays as it is"))
        self.kind.addItem(self.tr("light"), "light")
        self.kind.addItem(self.tr("strong"), "strong")
        self.kind.setCurrentIndex(max(0, self.kind.findData(augment)))
        self.kind.currentIndexChanged.connect(self._draw)
        self.path = muted(ElidedLabel())
        self.trial = TrialRow(self.tr("Another picture"))
        self.trial.button.setToolTip(self.tr("Show another of the training pictures, or stop drawing"))
        self.trial.wanted.connect(self._go_on)
        self.trial.reported.connect(self._take)
        self.trial.ended.connect(self._catch_up)
        self.tiles = [_Tile(self.tr("As the network sees it without augmentation"))]
        self.tiles += [_Tile(self.tr("Variation {0}").format(number + 1)) for number in range(VARIATIONS)]
        self._lay_out()
        self._draw()

    def _lay_out(self) -> None:
        intro = muted(
            QLabel(
                self.tr(
                    "The first picture is what the network sees without augmentation. In each epoch of the last phase "
                    "it sees another variation. If you cannot tell the class of a variation, neither can the network."
                )
            )
        )
        intro.setWordWrap(True)
        choice = QHBoxLayout()
        choice.setSpacing(SPACE)
        choice.addWidget(self.kind)
        choice.addWidget(self.path, 1)
        grid = QGridLayout()
        grid.setSpacing(SPACE)
        for place, tile in enumerate(self.tiles):
            grid.addWidget(tile, *divmod(place, ACROSS))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        below = QHBoxLayout()
        below.addWidget(self.trial, 1)
        below.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(intro)
        layout.addLayout(choice)
        layout.addLayout(grid, 1)
        layout.addLayout(below)

    @Slot()
    def _go_on(self) -> None:
        self._number += 1
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if self.trial.is_busy():
            self._stale = True
            return
        self._shown, self._stale = 0, False
        kind = self.kind.currentData()
        self.trial.run(partial(_vary, self._project, kind, self._preprocessing, self._number))

    @Slot(object)
    def _take(self, event: Event) -> None:
        if isinstance(event, PictureDrawn) and self._shown < len(self.tiles):
            self.tiles[self._shown].show_picture(event)
            self.path.show_text(event.path)
            self._shown += 1

    @Slot()
    def _catch_up(self) -> None:
        if self._stale:
            self._draw()


def _vary(
    project: Project, kind: Augmentation, preprocessing: Preprocessing, number: int, _stop: Stop
) -> Iterator[Event]:
    yield from tasks.load_engine(training=False)
    yield from tasks.draw_variations(project, kind, preprocessing, number, VARIATIONS)

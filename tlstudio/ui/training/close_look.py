"""One judged picture large, with the network's first answers, and the next one a key away."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QTabBar, QVBoxLayout, QWidget

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui import figures
from tlstudio.ui.labels import ElidedLabel, heading, muted
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.theme import SPACE
from tlstudio.ui.training.judged_pictures import JudgedList, verdict


class CloseLook(QDialog):
    """Shows one picture of a list; the arrow keys go on to the others.

    Signals:
        pictures_wanted: the path of the picture on show, in a list, to be shown in step 1.
    """

    pictures_wanted = Signal(object)

    def __init__(self, pictures: JudgedList, row: int, network: Preprocessing | None, parent: QWidget) -> None:
        """network: how the network is shown pictures; None when nobody knows."""
        super().__init__(parent)
        self.setObjectName("close_look")
        self.setWindowTitle(self.tr("A close look"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._pictures, self._row, self._network = pictures, row, network
        self._tabs = QTabBar()
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.addTab(self.tr("As filed"))
        self._tabs.addTab(self.tr("As the network saw it"))
        self._tabs.setTabEnabled(1, network is not None)
        self._tabs.setAccessibleName(self.tr("View"))
        self._tabs.setToolTip(self.tr("The picture as it is on disk, or cut and scaled as the network was shown it"))
        self._tabs.currentChanged.connect(self._show)
        self.view = PictureView()
        self._said = heading("")
        self._said.setWordWrap(True)
        self._answers, self._path = muted(QLabel()), muted(ElidedLabel())
        self._answers.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        column.setSpacing(SPACE)
        column.addWidget(self._tabs)
        column.addWidget(self.view, 1)
        for label in (self._said, self._answers, self._path):
            column.addWidget(label)
        column.addLayout(self._make_buttons())
        self.resize(620, 620)
        self._show()
        self.finished.connect(self._shut_down)

    def _make_buttons(self) -> QHBoxLayout:
        self.before = QPushButton(self.tr("← Before"))
        self.before.setToolTip(self.tr("The picture before this one (Left)"))
        self.before.clicked.connect(self._go_back)
        self.after = QPushButton(self.tr("Next →"))
        self.after.setToolTip(self.tr("The picture after this one (Right)"))
        self.after.clicked.connect(self._go_on)
        show = QPushButton(self.tr("Show in Pictures"))
        show.setObjectName("look_show_button")
        show.setToolTip(self.tr("Show this picture in step 1, where its label can be put right"))
        show.clicked.connect(self._ask_for_picture)
        close = QPushButton(self.tr("Close"))
        close.setToolTip(self.tr("Back to the evaluation (Esc)"))
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.before)
        row.addWidget(self.after)
        row.addStretch(1)
        row.addWidget(show)
        row.addWidget(close)
        return row

    def said(self) -> str:
        """What stands under the picture."""
        return self._said.text()

    def keyPressEvent(self, pressed: QKeyEvent) -> None:
        if pressed.key() == Qt.Key.Key_Left:
            self._go_back()
        elif pressed.key() == Qt.Key.Key_Right:
            self._go_on()
        else:
            super().keyPressEvent(pressed)

    @Slot()
    def _go_back(self) -> None:
        self._go_to(self._row - 1)

    @Slot()
    def _go_on(self) -> None:
        self._go_to(self._row + 1)

    def _go_to(self, row: int) -> None:
        if 0 <= row < self._pictures.rowCount():
            self._row = row
            self._show()

    @Slot()
    def _show(self) -> None:
        picture = self._pictures.picture(self._row)
        self.before.setEnabled(self._row > 0)
        self.after.setEnabled(self._row + 1 < self._pictures.rowCount())
        if picture is None:  # another run is on show meanwhile
            self.reject()
            return
        self.view.show_path(picture.path, self._network if self._tabs.currentIndex() == 1 else None)
        self._said.setText(verdict(picture))
        named = [f"{label} {figures.percent(share)}" for label, share in picture.top]
        self._answers.setText(self.tr("Its first answers: {0}").format(", ".join(named)) if named else "")
        self._answers.setVisible(bool(named))
        self._path.show_text(picture.path)

    @Slot()
    def _ask_for_picture(self) -> None:
        picture = self._pictures.picture(self._row)
        if picture is not None:
            self.pictures_wanted.emit([picture.path])
        self.accept()

    @Slot()
    def _shut_down(self) -> None:
        self.view.shut_down()

"""The mistakes a network was surest of: often the label is wrong, not the network."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui import figures
from tlstudio.ui.labels import muted
from tlstudio.ui.theme import SPACE
from tlstudio.ui.training.judged_pictures import Judged, JudgedPictures


class MistakesPage(QWidget):
    """The pictures that were taken for something else, the most confident mistakes first.

    Signals:
        pictures_wanted, look_wanted: as of JudgedPictures.
    """

    pictures_wanted = Signal(object)
    look_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = muted(QLabel())
        self._hint.setWordWrap(True)
        self.pictures = JudgedPictures(self.tr("Mistakes, the most confident first"))
        self.pictures.grid.setObjectName("mistake_pictures")
        self.pictures.pictures_wanted.connect(self.pictures_wanted)
        self.pictures.look_wanted.connect(self.look_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE // 2, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addWidget(self._hint)
        column.addWidget(self.pictures, 1)

    def show_judged(self, judged: Judged, network: Preprocessing | None) -> None:
        """Show the mistakes among these. network: how it is shown pictures."""
        found = judged.mistakes()
        shares = figures.count(found.count), figures.count(len(judged))
        self.pictures.show_network(network)
        self.pictures.show_pictures(self.tr("{0} of {1} pictures, the surest first").format(*shares), found)
        self.pictures.setVisible(found.count > 0)
        self._hint.setText(self._advise(found.count, len(judged)))

    def text(self) -> str:
        """What stands above the pictures."""
        return self._hint.text()

    def shut_down(self) -> None:
        self.pictures.shut_down()

    def _advise(self, mistakes: int, judged: int) -> str:
        if not judged:
            return self.tr("This run's report does not name its pictures, so there are no mistakes to show.")
        if not mistakes:
            return self.tr("No mistake: all %n picture(s) were recognised.", "", judged)
        return self.tr(
            "A mistake the network is sure of is often a wrong label. “Show in Pictures” leads to where it can be "
            "put right."
        )

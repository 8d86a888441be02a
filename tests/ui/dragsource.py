"""A stand-in for a file manager: a small window whose drag carries the files named on the command line."""

import json
import sys

from PySide6.QtCore import QMimeData, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel

# exec() returns before the target has read the data: a file manager would still be there.
STAYS = 3000


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Source(QLabel):
    """Says where it is, begins a drag when it is pulled, and says how that ended."""

    def __init__(self) -> None:
        super().__init__("drag me")
        self.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setGeometry(0, 0, 60, 40)
        self._poll = QTimer(self)
        self._poll.timeout.connect(self._announce)
        self._poll.start(50)

    @Slot()
    def _announce(self) -> None:
        if self.windowHandle().isExposed():
            self._poll.stop()
            centre = self.mapToGlobal(self.rect().center())
            say(x=centre.x(), y=centre.y())

    def mousePressEvent(self, pressed: QMouseEvent) -> None:
        self._from = pressed.position().toPoint()

    def mouseMoveEvent(self, moved: QMouseEvent) -> None:
        if (moved.position().toPoint() - self._from).manhattanLength() < QApplication.startDragDistance():
            return
        carried = QMimeData()
        carried.setUrls([QUrl.fromLocalFile(path) for path in sys.argv[1:]])
        drag = QDrag(self)
        drag.setMimeData(carried)
        say(said="start")
        actions = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction | Qt.DropAction.LinkAction
        say(result=drag.exec(actions, Qt.DropAction.CopyAction).name)
        self.hide()
        QTimer.singleShot(STAYS, QApplication.quit)


if __name__ == "__main__":
    application = QApplication(sys.argv)
    application.setQuitOnLastWindowClosed(False)
    source = Source()
    source.show()
    application.exec()

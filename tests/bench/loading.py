"""How smooth the window stays while torch loads behind it: `python -m tests.bench.loading`. Goal: 250 ms, aim 50."""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication

from tlstudio.ui.app import translate
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import Theme

BEAT = 16


class Heart(QObject):
    """Notes how much later than due each tick of a 60 Hz timer comes, and how long that makes the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[tuple[float, float]] = []
        self.began = self._last = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT)

    @Slot()
    def _beat(self) -> None:
        now = time.perf_counter()
        self.late.append((max(0.0, (now - self._last) * 1000 - BEAT), now - self.began))
        self._last = now


def main() -> None:
    application = QApplication([])
    translate(application)
    with tempfile.TemporaryDirectory() as folder:
        window = MainWindow(Preferences(Path(folder) / "window.ini"), Theme(application))
        window.show()
        application.processEvents()
        heart = Heart()
        window.load_engine()
        while "saved" not in window.status.facts:
            application.processEvents()
            time.sleep(0.001)
        window.close()
    worst = sorted(heart.late, reverse=True)[:6]
    print(f"loaded in {heart.late[-1][1]:.1f} s; latest ticks (ms late, at second):")
    print("  ".join(f"{late:.0f} at {at:.1f}" for late, at in worst))


if __name__ == "__main__":
    main()

"""The promise of the start: the window is up before anything heavy is loaded."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "torchvision", "timm", "numpy", "scipy", "sklearn", "pyqtgraph", "safetensors", "PIL")
START = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from PySide6.QtWidgets import QApplication
from tlstudio.ui.app import translate
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import Theme

application = QApplication([])
translate(application)
window = MainWindow(Preferences(Path(sys.argv[1])), Theme(application))
window.show()
application.processEvents()
print(round(time.perf_counter() - began, 3), *(name for name in sys.argv[2:] if name in sys.modules))
sys.stdout.flush()
window.close()
"""


def start(settings: Path) -> list[str]:
    """Show the window in a fresh interpreter; returns the seconds that took and what heavy it had loaded by then."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    command = [sys.executable, "-c", START, str(settings), *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_window_is_shown_with_nothing_heavy_loaded(tmp_path):
    _seconds, *loaded = start(tmp_path / "window.ini")
    assert loaded == []

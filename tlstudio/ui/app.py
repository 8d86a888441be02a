"""Start the window: one application, its log, its theme, and what the command line named."""

import faulthandler
import logging
import signal
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import QLocale, QTimer, QtMsgType, QTranslator, qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from tlstudio import __version__
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import Theme

DESKTOP_FILE = "io.github.tlstudio.TLStudio"
# Time for the first picture of the window to reach the screen before the engine takes the processor.
ENGINE_DELAY = 150
_log = logging.getLogger("tlstudio")


def run(paths: list[Path]) -> int:
    """Show the window until it is closed; returns the exit status. paths: a project, a model, pictures, or nothing."""
    _start_log()
    application = QApplication([sys.argv[0]])
    application.setApplicationName("tlstudio")
    # No display name: Qt would add it to the title of every window, and ours say it themselves.
    application.setApplicationVersion(__version__)
    application.setDesktopFileName(DESKTOP_FILE)
    # The window quits when its last job has ended, which may be after it is hidden.
    application.setQuitOnLastWindowClosed(False)
    # Ctrl+C in the terminal ends the program; Python would see it only at the next event otherwise.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    translate(application)
    preferences = Preferences()
    theme = Theme(application, preferences.theme)
    application.setWindowIcon(QIcon(":/icons/tlstudio.svg"))
    window = MainWindow(preferences, theme)
    window.closed.connect(application.quit)
    window.show()
    QTimer.singleShot(ENGINE_DELAY, window.load_engine)
    window.open_paths(paths)
    return application.exec()


def translate(application: QApplication) -> None:
    """Give texts with a number in them their singular and plural, and numbers their separators."""
    if QLocale().language() == QLocale.Language.C:
        QLocale.setDefault(QLocale(QLocale.Language.English))  # a bare environment says nothing about a person
    translator = QTranslator(application)
    if translator.load(":/translations/tlstudio_en.qm"):
        application.installTranslator(translator)


def _start_log() -> None:
    folder = platformdirs.user_log_path("tlstudio", appauthor=False, ensure_exists=True)
    handler = RotatingFileHandler(folder / "tlstudio.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.info("TL Studio %s starts", __version__)
    # Kept open on purpose: it is where a crash inside a library leaves its trace.
    faulthandler.enable((folder / "crash.log").open("a", encoding="utf-8"))
    sys.excepthook = _log_exception
    qInstallMessageHandler(_log_qt)


def _log_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.error("an exception nobody caught", exc_info=(kind, error, trace))


def _log_qt(kind: QtMsgType, _context: object, text: str) -> None:
    level = logging.DEBUG if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
    _log.log(level, "Qt: %s", text)

"""Start the window: one application, its log, its theme, what the command line named and what others bring later."""

import logging
import signal
import socket
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QLocale,
    QObject,
    QSocketNotifier,
    QTimer,
    QtMsgType,
    QTranslator,
    Signal,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtGui import QFileOpenEvent, QIcon
from PySide6.QtWidgets import QApplication

from tlstudio import __version__
from tlstudio.core.errors import TLStudioError
from tlstudio.ui import crash
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.crash import Session
from tlstudio.ui.instance import Claim, Request
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.recovery import Faults, Recovery
from tlstudio.ui.theme import Theme

DESKTOP_FILE = "io.github.tlstudio.TLStudio"
# Time for the first picture of the window to reach the screen before the engine takes the processor.
ENGINE_DELAY = 150
ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")
_log = logging.getLogger("tlstudio")


class Application(QApplication):
    """The application; macOS brings it the documents to open as events.

    Signals:
        file_came: a Request with the path of one.
    """

    file_came = Signal(object)

    def event(self, happening: QEvent) -> bool:
        if isinstance(happening, QFileOpenEvent) and happening.file():
            self.file_came.emit(Request((Path(happening.file()),)))
            return True
        return super().event(happening)


class Endings(QObject):
    """Closes the window in good order when the system or Ctrl+C ends the program; a second time ends it at once."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._here, there = socket.socketpair()
        for end in (self._here, there):
            end.setblocking(False)
        self._there = there
        # Python handles a signal when it next runs, which may be never while Qt waits: the socket wakes Qt.
        signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._here.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._close)
        for name in ENDINGS:
            if number := getattr(signal, name, None):
                signal.signal(number, _leave_to_the_socket)

    @Slot()
    def _close(self) -> None:
        self._notifier.setEnabled(False)
        for name in ENDINGS:
            if number := getattr(signal, name, None):
                signal.signal(number, signal.SIG_DFL)
        self._window.close()


def _leave_to_the_socket(_number: int, _frame: object) -> None:
    """A handler has to be there for the socket to be written to."""


def run(paths: list[Path], claim: Claim) -> int:
    """Show the window until it is closed; returns the exit status.

    paths: a project, a model, pictures, or nothing. claim: this window's place among those of the session.
    """
    _start_log()
    session = _start_session()
    application = Application([sys.argv[0]])
    application.setApplicationName("tlstudio")
    # No display name: Qt would add it to the title of every window, and ours say it themselves.
    application.setApplicationVersion(__version__)
    application.setDesktopFileName(DESKTOP_FILE)
    # The window quits when its last job has ended, which may be after it is hidden.
    application.setQuitOnLastWindowClosed(False)
    faults = Faults(application)
    faults.watch()
    translate(application)
    preferences = Preferences()
    theme = Theme(application, preferences.theme)
    application.setWindowIcon(QIcon(":/icons/tlstudio.svg"))
    window = MainWindow(preferences, theme)
    recovery = Recovery(window, session, faults, FileChooser(preferences))
    window.closed.connect(application.quit)
    window.show()
    application.processEvents()  # the window is on the screen
    application.file_came.connect(window.answer)
    _receive(window, claim)
    Endings(window)
    QTimer.singleShot(ENGINE_DELAY, window.load_engine)
    recovery.look_back(crash.sessions_folder())
    window.incoming.open_paths(tuple(paths))
    return application.exec()


def _receive(window: MainWindow, claim: Claim) -> None:
    """Take what other starts bring, as long as this is the session's first window and stays open."""
    if claim.silent:
        window.message_bar.warn(
            window.tr("Another window of TL Studio is open and does not answer."),
            window.tr("This is a second one. A project can be open in one of them only."),
        )
    if claim.place is None or claim.lock is None:
        return
    # It brings QtNetwork, which the first picture of the window need not wait for.
    from tlstudio.ui.arrivals import Arrivals

    arrivals = Arrivals(window)
    if not arrivals.listen(claim.place.server):
        claim.give_up()  # or the next start would wait for an answer that cannot come
        return
    arrivals.came.connect(window.answer)
    window.closing.connect(arrivals.close)
    window.closing.connect(claim.give_up)


def translate(application: QApplication) -> None:
    """Give texts with a number in them their singular and plural, and numbers their separators."""
    if QLocale().language() == QLocale.Language.C:
        QLocale.setDefault(QLocale(QLocale.Language.English))  # a bare environment says nothing about a person
    translator = QTranslator(application)
    if translator.load(":/translations/tlstudio_en.qm"):
        application.installTranslator(translator)


def _start_log() -> None:
    """Write the log to its file; without a place for one the window still works and shows it."""
    file = crash.log_file()
    _log.setLevel(logging.INFO)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=3, encoding="utf-8")
    except OSError as error:
        _log.warning("no log is kept: %s", error)
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(threadName)s %(message)s"))
        _log.addHandler(handler)
    _log.info("TL Studio %s starts", __version__)
    qInstallMessageHandler(_log_qt)


def _start_session() -> Session | None:
    """Leave the mark that a crash would leave behind; without a place for it the window still works."""
    try:
        session = Session(crash.sessions_folder())
    except (OSError, TLStudioError) as error:
        _log.warning("a crash would not be noticed: %s", error)
        return None
    session.catch_faults()
    return session


def _log_qt(kind: QtMsgType, _context: object, text: str) -> None:
    level = logging.DEBUG if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
    _log.log(level, "Qt: %s", text)

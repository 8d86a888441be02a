"""The window under test: settings of its own, nobody's dialogs, and no job left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# A method used as a slot without @Slot is reported by this, and a warning fails the test.
os.environ["QT_LOGGING_RULES"] = "qt.pyside.libpyside.warning=true"

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QLocale
from PySide6.QtWidgets import QApplication

from tests.ui.world import AnsweringChooser, carry, close, draw_shapes, drop, settle, wait_for
from tlstudio import tasks
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.ui.app import Application, translate
from tlstudio.ui.job import Job
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import Theme


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return Application


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Theme:
    """The application's theme, made once as in the program."""
    qapp.setQuitOnLastWindowClosed(False)
    translate(qapp)
    return Theme(qapp, "light")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Figures are written as in the texts these tests expect, whatever the machine's language."""
    before = QLocale()
    QLocale.setDefault(QLocale("en_US"))
    yield
    QLocale.setDefault(before)


@pytest.fixture(autouse=True)
def no_window_left(qapp: QApplication) -> Iterator[None]:
    """What qtbot closed would otherwise live on, and answer a later test's change of the looks with this test's facts.

    Left to itself Qt deletes it when an event loop runs, which few tests start.
    """
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [w for w in QApplication.topLevelWidgets() if type(w).__module__.startswith("tlstudio.") and not w.parent()]
    assert not left, f"left behind: {left}"


@pytest.fixture(autouse=True)
def no_job_left(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that leaves a thread of ours running has forgotten to close something."""
    started: list[Job] = []
    start = Job.start

    def noted(job: Job, *arguments: object) -> None:
        started.append(job)
        start(job, *arguments)

    monkeypatch.setattr(Job, "start", noted)
    yield
    left = []
    for job in started:
        try:
            if job.isRunning():
                left.append(job)
                job.stop()
                job.wait()
        except RuntimeError:
            continue  # Qt has deleted it: it has ended
    assert not left, f"{len(left)} jobs were left running"


@pytest.fixture
def own_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where the starts of this test's programs meet, and no others; its path is short, as sockets need it."""
    folder = Path(tempfile.mkdtemp(prefix="tls-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    made = Preferences(tmp_path / "window.ini")
    made.projects_folder = tmp_path / "projects"
    return made


@pytest.fixture
def chooser() -> AnsweringChooser:
    return AnsweringChooser()


@pytest.fixture
def window(
    qapp: QApplication, look: Theme, preferences: Preferences, chooser: AnsweringChooser
) -> Iterator[MainWindow]:
    """The whole window, empty, on show."""
    look.choose("light")
    made = MainWindow(preferences, look, chooser)
    made.resize(1366, 768)
    made.show()
    QApplication.processEvents()
    ended: list[bool] = []
    made.closed.connect(lambda: ended.append(True))
    yield made
    if not ended:
        close(made)
    shiboken6.delete(made)  # deleteLater would leave it, and its share of every later style change, to the end


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A folder of five classes of eight drawn shapes."""
    return draw_shapes(tmp_path / "shapes", 8)


@pytest.fixture
def full_window(window: MainWindow, shapes: Path) -> MainWindow:
    """The window with a project of drawn shapes in it."""
    window.dataset_panel.import_path(shapes)
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    return window


@pytest.fixture(scope="session")
def shapes_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has really learned the five shapes."""
    root = tmp_path_factory.mktemp("model")
    pictures = draw_shapes(root / "shapes", 12)
    recipe = make_recipe("efficientnet_lite0", "feature-extraction", Changes(epochs=15))
    with Project.open(root / "project") as project:
        list(tasks.scan(project, pictures))
        list(tasks.train(project, recipe, root / "shapes.tlmodel"))
    return root / "shapes.tlmodel"


@pytest.fixture
def asking_window(window: MainWindow, shapes_model: Path) -> MainWindow:
    """The window with that model open and no project at all."""
    drop(window, carry(shapes_model))
    wait_for(lambda: window.predict_panel._model)
    settle(window)
    return window

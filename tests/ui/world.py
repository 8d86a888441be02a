"""What the window's tests and the screenshots have in common: a small world, and waiting without the clock."""

import random
import time
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from tlstudio.core.events import Predicted
from tlstudio.engine import shapes
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.main_window import MainWindow

PATIENCE = 120  # seconds; under strace on a busy machine a training takes more than one minute


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        QApplication.processEvents()
        time.sleep(0.002)


def close(window: MainWindow) -> None:
    """Close a window as a person does, and wait until it has given everything back."""
    closed: list[bool] = []

    def note() -> None:
        closed.append(True)

    window.closed.connect(note)
    window.close()
    wait_for(lambda: closed)


def settle(window: MainWindow) -> None:
    """Let the window live until nothing runs in it and its thumbnails are drawn."""

    def quiet() -> bool:
        dataset, predict = window.dataset_panel, window.predict_panel
        timers = [dataset._grid._settle, dataset._typing, dataset._report_soon]
        timers += [predict.answers.list.settle, predict._gather, predict.explainer._pause]
        return not window._running() and not any(timer.isActive() for timer in timers)

    wait_for(quiet)
    QApplication.processEvents()
    wait_for(quiet)


def answers_of(window: MainWindow) -> tuple[Predicted, ...]:
    """What the predict panel lists, in the order it came."""
    return window.predict_panel._predictions.answers


class AnsweringChooser(FileChooser):
    """Answers file dialogs in a person's place."""

    def __init__(self) -> None:
        self.answers: list[Path] = []

    def folder(self, owner, title):
        return self.answers.pop(0) if self.answers else None

    def files(self, owner, title, filter_=""):
        answers, self.answers = self.answers, []
        return answers

    def save(self, owner, title, suggestion, filter_):
        return self.answers.pop(0) if self.answers else None


@cache
def drawn(name: str, chance: str, side: int) -> bytes:
    """One shape as a PNG file; hundreds of tests begin with the same forty."""
    picture = shapes.draw(shapes.SHAPES[name], random.Random(chance))
    file = BytesIO()
    picture.resize((side, side)).save(file, "png")
    return file.getvalue()


def draw_shapes(folder: Path, per_class: int, seed: int = 1, names: tuple[str, ...] = tuple(shapes.SHAPES)) -> Path:
    """A folder of class folders with a few drawn pictures each."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            (folder / name / f"{name} {number}.png").write_bytes(drawn(name, f"{seed}/{name}/{number}", 64))
    return folder


def draw_strangers(folder: Path, seed: int = 7) -> list[Path]:
    """Pictures to classify: new shapes, one that is noise, one that is broken."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row, name in enumerate(shapes.SHAPES):
        for number in range(2):
            path = folder / f"new {row}{number}.png"
            path.write_bytes(drawn(name, f"{seed}/{name}/{number}", shapes.SIDE))
            paths.append(path)
    noise = folder / "noise.png"
    Image.frombytes("RGB", (200, 200), random.Random(seed).randbytes(120_000)).save(noise)
    broken = folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    return [*paths, noise, broken]


def carry(*paths: Path) -> QMimeData:
    """What a file manager's drag of these files brings."""
    given = QMimeData()
    given.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return given


def hover(target: QWidget, given: QMimeData, at: QPoint) -> bool:
    """Drag something onto a window without letting go; whether it would be taken."""
    entering = QDragEnterEvent(at, Qt.DropAction.CopyAction, given, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0))
    QApplication.sendEvent(target, entering)
    if not entering.isAccepted():
        return False
    moving = QDragMoveEvent(at, Qt.DropAction.CopyAction, given, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0))
    QApplication.sendEvent(target, moving)
    return moving.isAccepted()


def drop(target: QWidget, given: QMimeData, at: QPoint | None = None) -> bool:
    """Drag something onto a window and let go; whether it was taken."""
    place = at or target.rect().center()
    if not hover(target, given, place):
        return False
    where = QPointF(place)
    dropping = QDropEvent(where, Qt.DropAction.CopyAction, given, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0))
    QApplication.sendEvent(target, dropping)
    return dropping.isAccepted()

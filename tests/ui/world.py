"""What the window's tests and the screenshots have in common: a small world, and waiting without the clock."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtWidgets import QApplication

from tlstudio.engine import shapes
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.main_window import MainWindow

PATIENCE = 120


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        QApplication.processEvents()
        time.sleep(0.002)


def settle(window: MainWindow) -> None:
    """Let the window live until nothing runs in it and its thumbnails are drawn."""

    def quiet() -> bool:
        timers = [window.dataset_panel._grid._settle, window.predict_panel._settle, window.predict_panel._gather]
        return not window._running() and not any(timer.isActive() for timer in timers)

    wait_for(quiet)
    QApplication.processEvents()
    wait_for(quiet)


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


def draw_shapes(folder: Path, per_class: int, seed: int = 1, names: tuple[str, ...] = tuple(shapes.SHAPES)) -> Path:
    """A folder of class folders with a few drawn pictures each."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            picture = shapes.draw(shapes.SHAPES[name], random.Random(f"{seed}/{name}/{number}"))
            picture.resize((64, 64)).save(folder / name / f"{name} {number}.png")
    return folder


def draw_strangers(folder: Path, seed: int = 7) -> list[Path]:
    """Pictures to classify: new shapes, one that is noise, one that is broken."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row, (name, outline) in enumerate(shapes.SHAPES.items()):
        for number in range(2):
            path = folder / f"new {row}{number}.png"
            shapes.draw(outline, random.Random(f"{seed}/{name}/{number}")).save(path)
            paths.append(path)
    noise = folder / "noise.png"
    Image.frombytes("RGB", (200, 200), random.Random(seed).randbytes(120_000)).save(noise)
    broken = folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    return [*paths, noise, broken]


def on_screen() -> bool:
    """Whether there is a display server, so that focus and real drags can be tried."""
    return os.environ.get("QT_QPA_PLATFORM", "") == "xcb"

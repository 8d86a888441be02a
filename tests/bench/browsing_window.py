"""How the pictures panel bears 100,000 pictures: opening, scrolling, filtering, sorting, renaming; stalls and memory.

Run it by hand: `python -m tests.bench.browsing_window [--pictures N]`. Goals: the project opens in less than 1 s, no
stall of more than 50 ms of the window's own making, a class renamed in less than 100 ms, less than 600 MB.
"""

import argparse
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.bench.ui_stutter import Heart, percentile
from tlstudio.core.catalogue import Picture
from tlstudio.core.project import Project

CLASSES, SIDE = 20, 160
GOAL_OPEN, GOAL_STALL, GOAL_RENAME, GOAL_MEMORY = 1.0, 50.0, 100.0, 600.0


def png(number: int) -> bytes:
    """A small picture of its own colour, different for each number."""
    colour = struct.pack(">I", number * 2_654_435_761 % 2**32)[:3]
    rows = (b"\0" + colour * SIDE) * SIDE

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    packed = chunk(b"tEXt", f"n\0{number}".encode()) + chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


def make_project(folder: Path, count: int) -> None:
    """A project of that many pictures, as if they had been looked through."""
    pictures, made = [], time.time_ns()
    for name in (f"class {n:02}" for n in range(CLASSES)):
        (folder / "pictures" / name).mkdir(parents=True)
    for number in range(count):
        label = f"class {number % CLASSES:02}"
        path = folder / "pictures" / label / f"picture {number}.png"
        data = png(number)
        path.write_bytes(data)
        split = ("train", "train", "train", "val", "test")[number // CLASSES % 5]
        facts = (len(data), made, f"{number:032x}", SIDE, SIDE, "PNG", "RGB")
        pictures.append(Picture(str(path), label, split, *facts))
    with Project.open(folder / "project") as project:
        project.catalogue.replace(pictures, {"source": str(folder / "pictures")})


class Measurer:
    """Lets the window live while something is done, and notes how long and how smoothly."""

    def __init__(self) -> None:
        self.stalls: list[float] = []

    def measure(self, title: str, deed: Callable[[], None], done: Callable[[], object]) -> float:
        """Seconds from the deed until it is done; prints them with the worst stall."""
        heart, started = Heart(GOAL_STALL), time.perf_counter()
        deed()
        while not done():
            QApplication.processEvents()
            time.sleep(0.001)
            if time.perf_counter() - started > 120:
                raise TimeoutError(title)
        seconds = time.perf_counter() - started
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:  # what it set going belongs to it
            QApplication.processEvents()
            time.sleep(0.001)
        heart.stop()
        own = [late - queued for late, queued in zip(heart.late, heart.queued, strict=True)]
        self.stalls.append(max(own))
        print(
            f"{title}: {1000 * seconds:.0f} ms; worst stall {max(own):.0f} ms of its own "
            f"({max(heart.late):.0f} ms with waiting for a processor), p99 {percentile(own, 0.99):.0f} ms",
            flush=True,
        )
        return seconds


def live_a_frame() -> None:
    """Let the window live for as long as a screen shows one picture."""
    end = time.perf_counter() + 0.016
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def run(folder: Path) -> bool:
    """Open the project, do what a person does, and print; whether all goals were met."""
    from tests.ui.world import settle
    from tlstudio.ui.app import translate
    from tlstudio.ui.main_window import MainWindow
    from tlstudio.ui.preferences import Preferences
    from tlstudio.ui.theme import Theme

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    translate(application)
    window = MainWindow(Preferences(folder / "window.ini"), Theme(application, "light"))
    window.resize(1920, 1080)
    window.show()
    settle(window)
    panel, measurer = window.dataset_panel, Measurer()
    grid, shown, bar, measure = panel._grid, panel._shown, panel._grid.verticalScrollBar(), measurer.measure

    def first_known() -> bool:
        return shown.rowCount() > 0 and shown.picture(0) is not None

    opened = measure("open the project", lambda: window.projects.open(folder / "project"), first_known)
    measure("the report on it", lambda: None, lambda: not panel._reporting.is_busy())
    total = shown.rowCount()

    def scroll() -> None:
        for step in range(200):
            bar.setValue(bar.maximum() * step // 199)
            live_a_frame()

    measure("scroll from the first to the last, 200 steps", scroll, lambda: shown.picture(total - 1) is not None)
    QApplication.processEvents()

    def wheel() -> None:
        for _ in range(150):
            bar.setValue(bar.value() - bar.singleStep())
            live_a_frame()

    measure("scroll line by line, 150 lines", wheel, lambda: True)
    measure("choose a class", lambda: panel._class_view.choose("class 07"), lambda: shown.rowCount() < total)
    measure("all of them again", lambda: panel._class_view.choose(""), lambda: shown.rowCount() == total)
    measure("find by name", lambda: panel._tools.text.setText("99"), lambda: shown.rowCount() < total)
    measure("find all again", lambda: panel._tools.text.clear(), lambda: shown.rowCount() == total)
    before = shown.id_at(1)
    orders = panel._tools._orders
    measure("sort by name", lambda: orders.setCurrentIndex(1), lambda: shown.id_at(1) != before)
    measure("sort by folder", lambda: orders.setCurrentIndex(0), lambda: shown.id_at(1) == before)
    measure("select all", grid.selectAll, lambda: grid.chosen_count() == total)
    grid.setCurrentIndex(shown.index(0))
    label = shown.picture(0).label

    def relabelled() -> bool:
        picture = shown.picture(0)
        return picture is not None and picture.label != label

    measure("file one under another class", lambda: QTest.keyClick(grid, Qt.Key.Key_2), relabelled)
    settle(window)
    classes = panel._classes
    renamed = measure(
        "rename a class", lambda: classes.renamed.emit("class 03", "renamed"), lambda: "renamed" in classes.names()
    )
    settle(window)
    measure("undo it", window.undoing.undo.trigger, lambda: "class 03" in classes.names())
    settle(window)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory: {memory:.0f} MB")
    window.close()
    settle(window)
    good = opened < GOAL_OPEN and max(measurer.stalls) < GOAL_STALL and renamed * 1000 < GOAL_RENAME
    return good and memory < GOAL_MEMORY


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            os.environ[variable] = str(folder / variable.lower())
        # In a process of its own: making them takes memory that the window does not.
        if (child := os.fork()) == 0:
            make_project(folder, options.pictures)
            os._exit(0)
        os.waitpid(child, 0)
        good = run(folder)
    print("goals met" if good else "goals missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

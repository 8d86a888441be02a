"""How smooth the window stays while it trains: fine-tuning everything beside a 60 Hz timer on the UI thread.

Run it by hand: `python tests/bench/ui_stutter.py [--images DIR] [--frames]`. It prints how late the timer was. Goals:
99 % of its ticks less than 16 ms late and none more than 100 ms, loading the engine aside (once, 250 ms).
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.ui import theme
from tlstudio.ui.model.panel import ModelPanel
from tlstudio.ui.training.panel import TrainingPanel

FLOWERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "flowers5"
BEAT = 16
GOAL_99, GOAL_MOST, GOAL_LOADING = 16.0, 100.0, 250.0


def waited_for_processor() -> float:
    """How long the UI thread was ready to run but had no processor so far, in ms (Linux; 0 elsewhere)."""
    state = Path("/proc/self/schedstat")  # of the main thread, which is the UI's
    return int(state.read_text().split()[1]) / 1e6 if state.exists() else 0.0


class Heart(QObject):
    """Notes how much later than due each tick comes, in ms, and at a long one why and where the other threads were.

    queued: the part of it for which other programs or threads had the processors. What remains is the window's own work
    or a thread that kept the interpreter.
    """

    def __init__(self, long: float) -> None:
        super().__init__()
        self.late: list[float] = []
        self.queued: list[float] = []
        self.stalls: list[tuple[float, str]] = []
        self._waited, self._worked = waited_for_processor(), time.thread_time()
        self._long = long
        self._timer = QTimer(self, interval=BEAT, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._due = time.perf_counter() + BEAT / 1000
        self._timer.start()

    @Slot()
    def _beat(self) -> None:
        late = max(0.0, (time.perf_counter() - self._due) * 1000)
        waited, worked = waited_for_processor(), time.thread_time()
        queued, own = min(late, waited - self._waited), (worked - self._worked) * 1000
        self.late.append(late)
        self.queued.append(queued)
        if late > self._long:
            others = [f for f in sys._current_frames().values() if f.f_code.co_filename != __file__]
            places = "".join(f"  {f.f_code.co_filename}:{f.f_lineno} {f.f_code.co_name}\n" for f in others)
            why = f"{late:.0f} ms: {queued:.0f} without a processor, {own:.0f} of the window's own work"
            self.stalls.append((late, f"{why}; elsewhere:\n{places}"))
        self._waited, self._worked = waited_for_processor(), time.thread_time()
        self._due = time.perf_counter() + BEAT / 1000

    def stop(self) -> None:
        self._timer.stop()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def some_of(images: Path, target: Path, count: int) -> Path:
    """A part of a folder of class folders, linked, so that the benchmark takes a minute and not ten."""
    files = sorted(images.rglob("*.jpg"))
    for file in random.Random(0).sample(files, min(count, len(files))):
        place = target / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    return target


class Wait(QObject):
    """Lets the window live until something is so, asleep as any window is while nothing happens."""

    def __init__(self, condition: Callable[[], object], limit: float = 600) -> None:
        super().__init__()
        self._condition, self._end = condition, time.monotonic() + limit
        self._loop = QEventLoop(self)
        timer = QTimer(self, interval=50)
        timer.timeout.connect(self._look)
        timer.start()
        self._loop.exec()
        timer.stop()

    @Slot()
    def _look(self) -> None:
        if self._condition() or time.monotonic() > self._end:
            self._loop.quit()


def report(title: str, heart: Heart, frames: bool) -> None:
    late = heart.late
    own = [x - y for x, y in zip(late, heart.queued, strict=True)]
    print(f"  without waiting for a processor: p99 {percentile(own, 0.99):.1f} ms, most {max(own):.1f} ms")
    print(
        f"{title}: {len(late)} ticks, late by p50 {percentile(late, 0.5):.1f} ms, p99 {percentile(late, 0.99):.1f} ms, "
        f"most {max(late):.1f} ms; {sum(x > GOAL_MOST for x in late)} over {GOAL_MOST:.0f} ms"
    )
    for _, stall in sorted(heart.stalls, reverse=True)[:6] if frames else ():
        print(stall)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=FLOWERS)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--strategy", default="fine-tune-all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--frames", action="store_true", help="print what other threads did at the longest stalls")
    options = parser.parse_args()
    app = QApplication([])
    theme.Theme(app, "light")
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder, "project")) as project:
        list(tasks.scan(project, some_of(options.images, Path(folder, "pictures"), options.pictures)))
        window = QWidget()
        row = QHBoxLayout(window)
        network, training = ModelPanel(), TrainingPanel()
        row.addWidget(network)
        row.addWidget(training)
        window.resize(1700, 900)
        window.show()
        app.processEvents()
        loading = Heart(60)
        training.show_project(project)
        network.show_pictures(5, int(options.pictures * 0.7))
        Wait(lambda: training.device_box.count() > 1 and network.summary.text() and training.accuracy_plot.is_loaded())
        loading.stop()
        report("loading the engine and the plots", loading, options.frames)
        training.set_recipe(
            make_recipe(options.backbone, options.strategy, Changes(warmup_epochs=2, epochs=options.epochs))
        )
        training.set_ready(True, "")
        heart = Heart(30)
        started = time.monotonic()
        training.train()
        Wait(lambda: not training.is_busy())
        heart.stop()
        report(f"training {options.strategy}, {time.monotonic() - started:.0f} s", heart, options.frames)
        training.shut_down()
        network.shut_down()
    good = percentile(heart.late, 0.99) < GOAL_99 and max(heart.late) <= GOAL_MOST and max(loading.late) <= GOAL_LOADING
    print("goals met" if good else "goals missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

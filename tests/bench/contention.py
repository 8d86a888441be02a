"""Window and command line started on one project at the same moment: who writes, and what are the others told? Then the
writer is killed, and the next ones start: `python -m tests.bench contention [--starts N] [--at-once N]`.

Every second start is a window (offscreen, the real one), the others are `tlstudio train`. Who holds the lock is read
from the kernel's list of locks, so that no start is taken at its word; the writer is held still until then.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tlstudio import tasks
from tlstudio.core import locks
from tlstudio.core.project import LOCK_FILE, Project

PATIENCE = 120  # seconds for one start to decide, on a machine that all of them share
# A window that opens a project and says on stdout whether it is its writer, or what its strip says.
WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QObject, Slot
from tlstudio.ui import app
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.theme import Theme

class Teller(QObject):
    @Slot(object)
    def tell(self, opened):
        print(window.read_only_strip.text or "writes", flush=True)
        if opened.project.is_read_only:
            window.close()

application = app.Application([])
window = MainWindow(Preferences(Path(sys.argv[2])), Theme(application))
teller = Teller()
window.projects.opened.connect(teller.tell)
window.closed.connect(application.quit)
window.show()
window.incoming.open_paths((Path(sys.argv[1]),))
application.exec()
"""


@dataclass
class Start:
    """One program that was started. is_window: or the command line."""

    process: "subprocess.Popen[str]"
    is_window: bool

    def verdict(self) -> str:
        """What it says once it has ended, a window on stdout, a command on stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return (out if self.is_window else err).strip()


def draw(root: Path) -> Path:
    for number in range(40):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (6 * number, 100, 200)).save(folder / f"{number}.png")
    return root


def start(project: Path, is_window: bool, settings: Path) -> Start:
    window = ["-c", WINDOW, str(project), str(settings)]
    train = ["-m", "tlstudio", "train", str(project), "--epochs", "1", "--threads", "1"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        [sys.executable, *(window if is_window else train)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    return Start(process, is_window)


def holders(lock: Path) -> set[int]:
    """The processes that hold an exclusive lock on a file, as the kernel lists them."""
    facts = lock.stat()
    name = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(line[4]) for line in lines if line[1] == "FLOCK" and line[3] == "WRITE" and line[5] == name}


def race(project: Path, count: int, folder: Path) -> tuple[int, list[str]]:
    """Start so many at once, kill the one that came to write. Returns its process and what the others said."""
    lock = project / LOCK_FILE
    starts = [start(project, number % 2 == 0, folder / f"{number}.ini") for number in range(count)]
    mine = {each.process.pid: each for each in starts}
    end = time.monotonic() + PATIENCE
    while not (found := holders(lock) & mine.keys()):
        assert time.monotonic() < end, "nobody took the lock"
        time.sleep(0.001)
    assert len(found) == 1, f"{len(found)} hold the lock"
    (writer,) = found
    while f'"process": {writer},' not in lock.read_text():
        assert time.monotonic() < end, "it did not say who it is"
    os.kill(writer, signal.SIGSTOP)
    said = []
    for each in starts:
        if each.process.pid != writer:
            said.append(each.verdict())
            assert holders(lock) == {writer}, "another one holds the lock too"
            if not each.is_window:
                assert each.process.returncode == 1, f"a second writer? it ended with {each.process.returncode}"
    os.kill(writer, signal.SIGKILL)
    mine[writer].process.communicate()
    assert locks.is_free(lock), "the lock of the killed one is not free"
    return writer, said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=10)
    options = parser.parse_args()
    if sys.platform != "linux":
        print("  needs the list of locks that only Linux gives")
        return 0
    rounds, told, starts = 0, 0, 0
    windows = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Project.open(folder / "project") as project:
            list(tasks.scan(project, draw(folder / "pictures")))
        while starts < options.starts:
            writer, said = race(folder / "project", options.at_once, folder)
            rounds, starts = rounds + 1, starts + options.at_once
            named = [text for text in said if f"process {writer} on " in text and len(text.splitlines()) == 1]
            windows += sum("You can look, not change" in text for text in said)
            told += len(named)
            for text in sorted(set(said) - set(named)):
                print(f"  not told who holds it: {text!r}")
    losers = starts - rounds
    print(f"  starts {starts}, {options.at_once} at once; one writer in each of {rounds} rounds, killed, its lock free")
    print(f"  told who holds it: {told} of {losers}, {windows} of them windows that show the project read only")
    return 0 if told == losers else 1


if __name__ == "__main__":
    sys.exit(main())

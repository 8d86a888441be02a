"""A disk that is full to the byte, at twenty moments of import, training and saving: is the checkpoint before it sound,
does the message name folder and space, does the work go on once there is room? `python -m tests.bench disk_full
[--points NAME,NAME]`. A small real filesystem in a mount namespace of its own is filled just when a file is opened to
be written; only root may mount it.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from tests import tiny
from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.edits import Edits
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.core.run import RunFolder, unfinished

SIZE = 256 << 20  # more than copying pictures leaves alone
CANNOT_MOUNT = 3  # exit status where nothing may be mounted


@dataclass(frozen=True)
class Point:
    """When the disk fills: as the nth file with this in its name is opened to be written.

    left: bytes that are free then. goes_on: nothing but a cache is lost, so the work goes on.
    """

    name: str
    task: str
    file: str
    nth: int = 1
    left: int = 0
    goes_on: bool = False


POINTS = (
    Point("import begins", "import", "import.jsonl"),
    Point("import notes what it read", "import", "import.jsonl", 2),
    Point("import: the catalogue", "import", "catalogue.sqlite", 0),
    Point("import: half the catalogue", "import", "catalogue.sqlite", 0, 12 << 10),
    Point("import of copies: a picture", "copy", "3.png"),
    Point("a new project", "begin", "project.json"),
    Point("an edit", "edit", "catalogue.sqlite"),
    Point("a thumbnail", "thumbnails", ".part", goes_on=True),
    Point("the cache of features", "train elsewhere", ".rows", goes_on=True),
    Point("the index of the cache", "train elsewhere", ".sqlite", 3, goes_on=True),
    Point("the recipe of a run", "train", "recipe.json"),
    Point("the first event", "train", "events.jsonl"),
    Point("an event in mid-run", "train", "events.jsonl", 9),
    Point("the first checkpoint", "train", "last.safetensors"),
    Point("a checkpoint", "train", "last.safetensors", 5),
    Point("half a checkpoint", "train", "last.safetensors", 6, 100 << 10),
    Point("the best weights", "train", "best.safetensors", 2),
    Point("the model", "train", "model.tlmodel"),
    Point("half the model", "train", "model.tlmodel", 1, 200 << 10),
    Point("the report", "train", "report.json"),
)


class Filler:
    """Fills the disk at a point; put among the interpreter's audit hooks, it sees every file that is opened."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._ballast = disk / "ballast"
        self._point: Point | None = None
        self.count = 0

    def watch(self, point: Point | None) -> None:
        self._point, self.count = point, 0

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        point = self._point
        if point is None or event not in ("open", "sqlite3.connect") or not isinstance(given[0], (str, Path)):
            return
        writes = event != "open" or (set("wax") & set(given[1]) if given[1] else given[2] & (os.O_WRONLY | os.O_RDWR))
        path = str(given[0])
        if writes and path.startswith(str(self._disk)) and point.file in path:
            self.count += 1
            if self.count == point.nth:
                self._point = None
                self.fill(point.left)

    def fill(self, left: int) -> None:
        found = os.statvfs(self._disk)
        # What is free is only known about; the rest is written until nothing more goes in.
        most = found.f_bavail * found.f_frsize - (left or 1 << 20)
        with self._ballast.open("wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, most)
            file.seek(0, os.SEEK_END)
            with suppress(OSError):
                while not left:
                    file.write(bytes(4096))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


class Trial:
    """One disk, and what is done on it."""

    def __init__(self, disk: Path, pictures: Path) -> None:
        self.disk, self.pictures, self.elsewhere = disk, pictures, pictures.parent / "elsewhere"
        self.filler = Filler(disk)
        self.recipe = make_recipe("tiny", "fine-tune-last", Changes(epochs=2, warmup_epochs=2, batch_size=4))
        self.template = disk / "template"
        with Project.open(self.template) as project:
            list(tasks.scan(project, pictures))
        self.catalogue_writes = self._count_catalogue_writes()
        with self.copy(self.disk / "project") as project:
            list(tasks.train(project, self.recipe, device="cpu"))
            self.weights = digest(project.runs()[-1])
        self.clear()
        sys.addaudithook(self.filler)

    def copy(self, folder: Path) -> Project:
        return Project.open(shutil.copytree(self.template, folder))

    def project(self, task: str) -> Project:
        """The project of a trial: with pictures, but where these are to come in; on another disk than its cache."""
        if task in ("import", "copy"):
            return Project.open(self.disk / "project")
        return self.copy(self.elsewhere if "elsewhere" in task else self.disk / "project")

    def clear(self) -> None:
        self.filler.watch(None)
        self.filler.free()
        for folder in (self.disk / "project", self.disk / "cache", self.elsewhere):
            shutil.rmtree(folder, ignore_errors=True)

    def _count_catalogue_writes(self) -> int:
        """Which opening of the catalogue is the one that an import writes it through: counted, not known."""
        counter = Filler(self.disk)
        sys.addaudithook(counter)
        writing: list[int] = []
        with Project.open(self.disk / "project") as project:
            replace_all = project.catalogue.replace

            def noted(*given: Any, **named: Any) -> None:
                writing.append(counter.count + 1)
                replace_all(*given, **named)

            project.catalogue.replace = noted  # type: ignore[method-assign]
            counter.watch(Point("", "", "catalogue.sqlite", 10_000))
            list(tasks.scan(project, self.pictures))
        counter.watch(None)
        shutil.rmtree(self.disk / "project")
        return writing[0]

    def run(self, point: Point) -> tuple[str, list[str]]:
        """Work until the disk is full, free it, and go on. Returns what was said, and what was not as it should be."""
        wrong: list[str] = []
        point = replace(point, nth=point.nth or self.catalogue_writes)
        said = ""
        with self.project(point.task) as project:
            work = self.work(point.task, project)
            self.filler.watch(point)
            try:
                list(work())
            except TLStudioError as error:
                said = str(error)
                if "Free " not in said or " MB" not in said or str(self.disk) not in said:
                    wrong.append("the message does not name folder and space")
            if not (self.disk / "ballast").exists():
                wrong.append("the disk was never filled")
            if bool(said) == point.goes_on:
                wrong.append("it went on" if not said else "it did not go on")
            wrong += sound(project)
            self.filler.free()
            wrong += self.go_on(point, project, work)
        self.clear()
        return said, wrong

    def work(self, task: str, project: Project) -> Callable[[], Iterator[Event]]:
        match task:
            case "import":
                return partial(tasks.scan, project, self.pictures)
            case "copy":
                return partial(tasks.scan, project, self.pictures, copy=True)
            case "begin":
                return partial(begin, self.disk / "project" / "another")
            case "edit":
                return partial(tasks.edit, project, partial(Edits.add_class, name="another"))
            case "thumbnails":
                return partial(thumbnails, project)
        return partial(tasks.train, project, self.recipe, device="cpu")

    def go_on(self, point: Point, project: Project, work: Callable[[], Iterator[Event]]) -> list[str]:
        """The same again, now that there is room; a run from its checkpoint, if it has one."""
        if point.task.startswith("train"):
            run = unfinished(project.folder)
            finished = any(each.is_finished for each in project.runs())
            if not finished:
                list(tasks.resume(project, run) if run else work())
            if digest(project.runs()[-1]) != self.weights:
                return ["other weights than those of a run in one go"]
            return []
        list(work())
        return [] if len(project.catalogue.readable()) == 24 else ["not all pictures are there"]


def begin(folder: Path) -> Iterator[Event]:
    Project.open(folder).close()
    yield from ()


def thumbnails(project: Project) -> Iterator[Event]:
    from tlstudio.engine.thumbnails import as_filed

    for picture in project.catalogue.readable():
        yield as_filed(Path(picture.path), 96)


def sound(project: Project) -> list[str]:
    """What is wrong with the checkpoints of the newest run, read whole, and with the catalogue."""
    from tlstudio.engine import run_checkpoints

    list(project.catalogue.pictures())
    for run in project.runs()[-1:]:
        if run.last_file.exists() or run.previous_file.exists():
            try:
                run_checkpoints.read(run)
            except TLStudioError as error:
                return [f"the checkpoint is not sound: {error}"]
    return []


def digest(run: RunFolder) -> str:
    return hashlib.sha256(run.best_file.read_bytes()).hexdigest()


def draw(root: Path) -> Path:
    noise = random.Random(0)
    for number in range(24):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (32, 32), noise.randbytes(32 * 32 * 3)).save(folder / f"{number}.png")
    return root


def inside(disk: Path, names: list[str]) -> int:
    """Everything, on a disk that is mounted already."""
    from tlstudio.engine import store, training

    training.CHECKPOINT_SECONDS = training.EPOCH_SECONDS = 0.0
    store.LEAST_FREE = store.MOST_FREE = 0
    os.environ["XDG_CACHE_HOME"] = str(disk / "cache")
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_DATA_HOME"] = place
        BACKBONES["tiny"] = tiny.make(Path(place))
        trial = Trial(disk, draw(Path(place) / "pictures"))
        faults = 0
        chosen = [point for point in POINTS if not names or point.name in names]
        for point in chosen:
            said, wrong = trial.run(point)
            faults += bool(wrong)
            print(f"  {point.name}: {'; '.join(wrong) or 'ok'}")
            print(f"    {said.replace(str(disk), 'DISK') or 'goes on without'}")
        print(f"  as it should be: {len(chosen) - faults} of {len(chosen)}")
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", default="")
    parser.add_argument("--inside", type=Path)
    options = parser.parse_args()
    names = [name for name in options.points.split(",") if name]
    if options.inside:
        return inside(options.inside, names)
    with tempfile.TemporaryDirectory() as disk:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk]
        again = [sys.executable, "-m", "tests.bench.disk_full", "--inside", disk, "--points", options.points]
        script = 'status=$1; shift; "${@:1:7}" || exit "$status"; shift 7; exec "$@"'
        try:
            command = ["unshare", "--mount", "bash", "-c", script, "disk_full", str(CANNOT_MOUNT), *mount, *again]
            return subprocess.run(command).returncode
        except FileNotFoundError:
            print("  needs unshare and mount, which only Linux has")
            return CANNOT_MOUNT


if __name__ == "__main__":
    sys.exit(main())

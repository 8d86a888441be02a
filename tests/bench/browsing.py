"""How a set of 100,000 pictures is brought in and opened: `python -m tests.bench.browsing [--pictures N]`.

Goals: indexed at 2,000 files a second without decoding, a project open in 1 s, a class renamed in 100 ms, 600 MB.
"""

import argparse
import random
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tlstudio import tasks
from tlstudio.core.edits import Edits
from tlstudio.core.events import Event, Progress
from tlstudio.core.project import Project
from tlstudio.engine import survey

CLASSES = 10
SIDE = 24


def png(number: int) -> bytes:
    """Noise of its own for each number, as a PNG made by hand, because there are so many."""
    rows = [b"\0" + row for row in _rows(random.Random(number).randbytes(SIDE * SIDE))]
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 1)), (b"IEND", b"")):
        whole += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return whole


def _rows(data: bytes) -> list[bytes]:
    return [data[start : start + SIDE] for start in range(0, len(data), SIDE)]


def draw(folder: Path, count: int) -> Path:
    """`count` pictures that all differ, in ten classes."""
    for label in range(CLASSES):
        (folder / f"class {label}").mkdir(parents=True)
    for number in range(count):
        (folder / f"class {number % CLASSES}" / f"{number:06d}.png").write_bytes(png(number))
    return folder


@contextmanager
def timed(what: str, pictures: int = 0) -> Iterator[None]:
    """Print how long the block takes, on the clock and on the processor, and how many pictures a second that makes."""
    began, busy = time.perf_counter(), time.process_time()
    yield
    seconds, processor = time.perf_counter() - began, time.process_time() - busy
    rate = f"  {pictures / seconds:9,.0f} pictures/s" if pictures else ""
    print(f"{what:<34}{seconds:9.3f} s  {processor:9.3f} s of processor{rate}", flush=True)


def end(task: Generator[Event, None, Any]) -> Any:
    while True:
        try:
            next(task)
        except StopIteration as ended:
            return ended.value


def reading_rate(task: Iterator[Event]) -> float:
    """Run an import; returns how many pictures a second it decoded, once it had begun to."""
    told = [(time.perf_counter(), e.done) for e in task if isinstance(e, Progress) and e.task == "reading pictures"]
    (began, first), (ended, last) = told[0], told[-1]
    return (last - first) / (ended - began)


def measure(folder: Path, count: int) -> None:
    with timed("drawing them", count):
        pictures = draw(folder / "pictures", count)
    with timed("finding, sizes and times", count):
        found = end(survey.find(pictures))
    assert len(found.pictures) == count
    del found
    with Project.open(folder / "project") as project:
        with timed("importing (decoding each once)", count):
            rate = reading_rate(tasks.scan(project, pictures))
        print(f"{'  of that, decoding':<34}{rate:46,.0f} pictures/s")
        with timed("looking whether anything changed", count):
            *_, difference = tasks.difference(project)
        assert difference.is_empty
        with timed("accepting that nothing has", count):
            list(tasks.accept(project, difference))
    with timed("opening the project, with counts"):
        project = Project.open(folder / "project")
        project.catalogue.counts()
    with project:
        with timed("all ids of a class, by name"):
            project.catalogue.matching(label="class 0", order="name")
        with timed("renaming a class"):
            list(tasks.edit(project, partial(Edits.rename_class, old="class 0", new="first")))
        with timed("undoing that"):
            list(tasks.edit(project, Edits.undo))
    unit = 1 if sys.platform == "darwin" else 1024
    print(f"{'most memory':<34}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:9,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000, help="how many; 100,000 by default")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), wanted.pictures)


if __name__ == "__main__":
    main()

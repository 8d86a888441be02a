"""Pictures for views: drawn in the background, only those somebody is looking at, and a bounded number remembered."""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from tlstudio import tasks
from tlstudio.core.events import Event, PictureDrawn
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.ui.job import Job

CAPACITY = 600


@dataclass(frozen=True)
class Drawn:
    """A picture ready to paint; without a pixmap when its file cannot be read. full: pixels of the file."""

    side: int
    pixmap: QPixmap | None
    full: QSize


class Thumbnails(QObject):
    """Pictures by path. A view says what it wants whenever it scrolls; what it no longer wants is not decoded.

    Signals:
        drawn: the path of a picture that is ready now, or cannot be read.
    """

    drawn = Signal(str)

    def __init__(self, owner: QObject, capacity: int = CAPACITY) -> None:
        """capacity: pictures to remember; more where more are wanted at once."""
        super().__init__(owner)
        self._least = self._capacity = capacity
        self._kept: OrderedDict[str, Drawn] = OrderedDict()
        self._wanted: deque[tuple[Path, int, Preprocessing | None]] = deque()
        self._seen_by: Preprocessing | None = None
        self._views: deque[Preprocessing | None] = deque()  # of what is being drawn, in the order it will come
        self._job: Job | None = None
        self._closed = False
        self.decoded = 0

    def get(self, path: str) -> Drawn | None:
        """The picture if it is there, perhaps smaller than wanted; None while it is not."""
        return self._kept.get(path)

    def want(self, paths: Sequence[str], side: int, seen_by: Preprocessing | None = None) -> None:
        """Have these drawn, in this order, instead of what was wanted before.

        side: pixels of the square to fit into. seen_by: a network's preprocessing, to see what it is shown.
        """
        if seen_by != self._seen_by:
            self._seen_by = seen_by
            self._kept.clear()
        self._capacity = max(self._least, len(paths))
        for path in reversed(paths):  # what is wanted first is forgotten last
            if path in self._kept:
                self._kept.move_to_end(path)
        missing = [path for path in paths if (kept := self._kept.get(path)) is None or kept.side < side]
        self._wanted = deque((Path(path), side, seen_by) for path in missing)
        if self._wanted and self._job is None and not self._closed:
            self._start()

    def forget(self) -> None:
        """Draw everything anew: files may have changed."""
        self._kept.clear()

    def stop(self) -> None:
        self._wanted = deque()

    def shut_down(self) -> None:
        """Stop for good, and return when nothing runs any more."""
        self._closed = True
        self.stop()
        if self._job is not None:
            self._job.stop()
            self._job.wait()

    def _start(self) -> None:
        self._job = Job(lambda _stop: tasks.draw(self._queue()), self)
        self._job.reported.connect(self._take)
        self._job.finished.connect(self._go_on)
        self._job.start()

    def _queue(self) -> Iterator[tuple[Path, int, Preprocessing | None]]:
        """What is wanted now, asked anew for each picture; runs on the job's thread."""
        while True:
            try:
                wanted = self._wanted.popleft()
            except IndexError:
                return
            self._views.append(wanted[2])
            yield wanted

    @Slot(object)
    def _take(self, picture: Event) -> None:
        if not isinstance(picture, PictureDrawn):
            return
        self.decoded += 1
        if self._views.popleft() != self._seen_by:
            return  # somebody wants to see it in another way meanwhile
        pixmap = None
        if picture.pixels:
            row = picture.width * 3
            image = QImage(picture.pixels, picture.width, picture.height, row, QImage.Format.Format_RGB888)
            pixmap = QPixmap.fromImage(image)
        self._kept[picture.path] = Drawn(picture.side, pixmap, QSize(picture.full_width, picture.full_height))
        self._kept.move_to_end(picture.path)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        self.drawn.emit(picture.path)

    @Slot()
    def _go_on(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
            self._job = None
        self._views.clear()
        if self._wanted and not self._closed:
            self._start()

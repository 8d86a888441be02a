"""Preferences, Storage: what the program remembers to be fast, how much it may be, and emptying it."""

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.events import CacheFound, Event
from tlstudio.ui import figures
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedLabel, heading, muted
from tlstudio.ui.messages import MessageBar
from tlstudio.ui.preferences_dialog.question import Question
from tlstudio.ui.theme import SPACE

GIGABYTE = 1_000_000_000
SMALLEST_LIMIT, LARGEST_LIMIT = 0.1, 10_000.0


class CacheCard(QFrame):
    """One cache: what it is for, what it takes, where it lies, and a button to empty it.

    Signals:
        emptying_wanted: its button was pressed.
    """

    emptying_wanted = Signal()

    def __init__(self, name: str, title: str, purpose: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}_card")
        self.setProperty("card", True)
        self.setAccessibleName(title)
        self._usage = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._folder = muted(ElidedLabel())
        self.empty_button = QPushButton(self.tr("Empty now…"))
        self.empty_button.setObjectName(f"empty_{name}_button")
        self.empty_button.setAutoDefault(False)
        self.empty_button.clicked.connect(self.emptying_wanted)
        why = muted(QLabel(purpose))
        why.setWordWrap(True)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnStretch(0, 1)
        self._grid.addWidget(heading(title), 0, 0)
        self._grid.addWidget(self.empty_button, 0, 1)
        for row, widget in enumerate((why, self._usage, self._folder), start=1):
            self._grid.addWidget(widget, row, 0, 1, 2)
        self._allow(False)

    @property
    def usage(self) -> str:
        return self._usage.full_text

    def add_row(self, row: QHBoxLayout) -> None:
        self._grid.addLayout(row, self._grid.rowCount(), 0, 1, 2)

    def show_usage(self, found: CacheFound) -> None:
        text = self.tr("%n file(s), {0}", "", found.entries).format(figures.size(found.bytes))
        self._usage.show_text(text if found.entries else self.tr("empty"))
        self._folder.show_text(found.folder)
        self._allow(found.entries > 0)

    def _allow(self, filled: bool) -> None:
        self.empty_button.setEnabled(filled)
        why = self.tr("Delete these files, after a question; nothing is lost")
        self.empty_button.setToolTip(why if filled else self.tr("There is nothing in it"))


class StoragePage(QWidget):
    """The two caches, and the limit of the larger one.

    Signals:
        busy_changed: work begins or has ended.
    """

    busy_changed = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("storage_page")
        self._queue = JobQueue(self)
        self._queue.reported.connect(self._take)
        self._queue.busy_changed.connect(self.busy_changed)
        self._messages = MessageBar(self)
        self._messages.setObjectName("storage_message")
        self._queue.failed.connect(self._messages.show_error)
        self._features = CacheCard(
            "features",
            self.tr("Remembered features"),
            self.tr(
                "What the frozen stages said about your pictures. Training reads it instead of computing it again."
            ),
            self,
        )
        self._features.add_row(self._make_limit_row())
        self._features.emptying_wanted.connect(self._ask_about_features)
        self._thumbnails = CacheCard(
            "thumbnails",
            self.tr("Small pictures"),
            self.tr("The picture grid shows them instead of opening the large ones again."),
            self,
        )
        self._thumbnails.emptying_wanted.connect(self._ask_about_thumbnails)
        self._question = Question("empty_question", self)
        self._question.agreed.connect(self._empty)
        self._asked: tasks.Cache = "features"
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE * 2, 0, 0)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(self._features)
        layout.addWidget(self._thumbnails)
        layout.addWidget(self._question)
        layout.addWidget(self._messages)
        layout.addStretch(1)

    def _make_limit_row(self) -> QHBoxLayout:
        self.limit = QDoubleSpinBox()
        self.limit.setObjectName("cache_limit_box")
        self.limit.setDecimals(1)
        self.limit.setRange(SMALLEST_LIMIT, LARGEST_LIMIT)
        self.limit.setSuffix(self.tr(" GB"))
        self.limit.setKeyboardTracking(False)  # a number half typed is no limit
        self.limit.lineEdit().setTextMargins(6, 0, 0, 0)  # as far in as the text of other boxes
        self.limit.setEnabled(False)
        self.limit.setAccessibleName(self.tr("Largest size"))
        self.limit.setToolTip(
            self.tr("What was not used for the longest time is deleted first. Holds from the next run on")
        )
        self.limit.valueChanged.connect(self._choose_limit)
        caption = QLabel(self.tr("&Largest size"))
        caption.setBuddy(self.limit)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(caption)
        row.addWidget(self.limit)
        row.addStretch(1)
        return row

    def is_busy(self) -> bool:
        return self._queue.is_busy()

    def stop(self) -> None:
        self._queue.stop()

    def showEvent(self, shown: QShowEvent) -> None:
        """Find out what the caches hold, at every look: training fills them meanwhile."""
        super().showEvent(shown)
        self._queue.add(tasks.cache_usage)

    @Slot(object)
    def _take(self, event: Event) -> None:
        if not isinstance(event, CacheFound):
            return
        (self._features if event.what == "features" else self._thumbnails).show_usage(event)
        if event.limit is not None:
            with QSignalBlocker(self.limit):
                self.limit.setValue(event.limit / GIGABYTE)
            self.limit.setEnabled(True)

    @Slot(float)
    def _choose_limit(self, gigabytes: float) -> None:
        self._queue.add(partial(tasks.cache_limit, round(gigabytes * GIGABYTE)))

    @Slot()
    def _ask_about_features(self) -> None:
        self._ask(
            "features",
            self.tr(
                "Delete {0}? Nothing is lost: the next run computes it again, and takes as long as the first one did."
            ).format(self._features.usage),
        )

    @Slot()
    def _ask_about_thumbnails(self) -> None:
        self._ask(
            "thumbnails",
            self.tr("Delete {0}? Nothing is lost: each is made again when you look at it.").format(
                self._thumbnails.usage
            ),
        )

    def _ask(self, what: tasks.Cache, text: str) -> None:
        self._asked = what
        self._question.ask(text, self.tr("Empty now"), self.tr("Delete these files"))

    @Slot()
    def _empty(self) -> None:
        self._queue.add(partial(self._clear, self._asked))

    @staticmethod
    def _clear(what: tasks.Cache) -> Iterator[Event]:
        return tasks.cache_clear(what)

"""The first page anybody sees: what to drop, two ways to begin without a mouse, and the projects there were."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from tlstudio.core.events import Progress
from tlstudio.ui.drop_hint import DropHint, FolderDrawing
from tlstudio.ui.labels import muted, plain_tip, title
from tlstudio.ui.theme import SPACE

RECENT_SHOWN = 3


class EmptyPage(QWidget):
    """Says what to drop; while the first pictures are looked through, how far that is.

    Signals:
        choose_wanted, sample_wanted: the buttons. project_wanted: a recent project's folder.
    """

    choose_wanted = Signal()
    sample_wanted = Signal()
    project_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = DropHint()
        self._hint.setObjectName("first_drop_area")
        self._hint.setAccessibleName(self.tr("Drop a folder of pictures here, or press Enter to choose one"))
        self._hint.setToolTip(self.tr("Drop a folder from your file manager, or click to choose one"))
        self._hint.clicked.connect(self.choose_wanted)
        self._inside = QStackedWidget()
        self._inside.addWidget(self._make_invitation())
        self._inside.addWidget(self._make_progress())
        inside = QVBoxLayout(self._hint)
        inside.addStretch(1)
        inside.addWidget(self._inside)
        inside.addStretch(1)
        self._recent = QWidget()
        self._recent_row = QHBoxLayout(self._recent)
        self._recent_row.setContentsMargins(0, 0, 0, 0)
        self._recent_row.setSpacing(SPACE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 3, SPACE * 3, SPACE * 3, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self._recent)

    def _make_invitation(self) -> QWidget:
        page = QWidget()
        names = (self.tr("my pictures"), self.tr("cats"), self.tr("dogs"))
        choose = QPushButton(self.tr("Choose folder…"))
        choose.setObjectName("choose_folder_button")
        choose.setProperty("primary", True)
        choose.setToolTip(self.tr("Choose a folder of pictures; nothing in it is changed"))
        choose.clicked.connect(self.choose_wanted)
        sample = QPushButton(self.tr("Try the sample"))
        sample.setObjectName("try_sample_button")
        sample.setToolTip(
            self.tr("Start with 150 shapes that TL Studio draws itself: a synthetic set for a first tour")
        )
        sample.clicked.connect(self.sample_wanted)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE + 4)
        buttons.addStretch(1)
        buttons.addWidget(choose)
        buttons.addWidget(sample)
        buttons.addStretch(1)
        layout = QVBoxLayout(page)
        layout.setSpacing(SPACE)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(FolderDrawing(names), 0, centre)
        layout.addSpacing(SPACE * 2)
        layout.addWidget(title(self.tr("Drop a folder here")), 0, centre)
        layout.addWidget(
            muted(QLabel(self.tr("One folder inside it per class. Your files stay as they are."))), 0, centre
        )
        layout.addSpacing(SPACE * 2)
        layout.addLayout(buttons)
        return page

    def _make_progress(self) -> QWidget:
        page = QWidget()
        self._doing = title("")
        self._doing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(360)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._count = muted(QLabel())
        self._count.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(page)
        layout.setSpacing(SPACE * 2)
        layout.addStretch(1)
        layout.addWidget(self._doing)
        layout.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._count)
        layout.addStretch(1)
        return page

    def show_progress(self, progress: Progress) -> None:
        self._inside.setCurrentIndex(1)
        self._recent.setEnabled(False)
        self._doing.setText(progress.task[:1].upper() + progress.task[1:])
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        done, total = self.locale().toString(progress.done), self.locale().toString(progress.total)
        text = self.tr("{done} of {total}").format(done=done, total=total) if progress.total else ""
        if progress.rate:
            rate = self.locale().toString(round(progress.rate))
            text = self.tr("{progress}, {rate} a second").format(progress=text, rate=rate)
        self._count.setText(text)

    def show_invitation(self) -> None:
        self._inside.setCurrentIndex(0)
        self._recent.setEnabled(True)

    def show_recent(self, folders: tuple[Path, ...]) -> None:
        """Offer the newest projects."""
        while (item := self._recent_row.takeAt(0)) is not None:
            if widget := item.widget():
                widget.deleteLater()
        self._recent.setVisible(bool(folders))
        if not folders:
            return
        self._recent_row.addWidget(muted(QLabel(self.tr("Recent"))))
        for folder in folders[:RECENT_SHOWN]:
            button = QPushButton(folder.name.replace("&", "&&"))
            button.setToolTip(plain_tip(str(folder)))
            button.setProperty("folder", str(folder))
            button.clicked.connect(self._open_recent)
            self._recent_row.addWidget(button)
        self._recent_row.addStretch(1)

    @Slot()
    def _open_recent(self) -> None:
        button = self.sender()
        if button is not None:
            self.project_wanted.emit(Path(button.property("folder")))

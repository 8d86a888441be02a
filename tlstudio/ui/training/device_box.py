"""Where to compute: a box that finds out by itself what there is."""

from collections.abc import Iterator

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QWidget

from tlstudio import tasks
from tlstudio.core.events import DevicesFound, Event
from tlstudio.ui.job import Job, Stop


class DeviceBox(QComboBox):
    """Begins with "Automatic" and learns of the others from the engine once it is shown.

    Signals:
        failed: the TLStudioError that kept it from finding out.
    """

    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self.setObjectName("device_box")
        self.setAccessibleName(self.tr("Train on"))
        self.addItem(self.tr("Automatic"), "auto")
        self.setMinimumContentsLength(22)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.allow(True)

    def device(self) -> str:
        """The chosen name, as `--device` takes it."""
        return str(self.currentData())

    def allow(self, allowed: bool) -> None:
        self.setEnabled(allowed)
        explanation = self.tr("Where to compute. Automatic takes a graphics card where there is one.")
        self.setToolTip(explanation if allowed else self.tr("The run that goes on keeps its device."))

    def shut_down(self) -> None:
        if self._job:
            self._job.stop()
            self._job.wait()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        if self._job or self.count() > 1:
            return
        self._job = Job(_devices, self)
        self._job.reported.connect(self._take_devices)
        self._job.failed.connect(self.failed)
        self._job.finished.connect(self._end_job)
        self._job.start()

    @Slot(object)
    def _take_devices(self, event: Event) -> None:
        if not isinstance(event, DevicesFound):
            return
        chosen = self.currentData()
        self.clear()
        for name, what in event.devices:
            title = self.tr("Automatic ({0})").format(what.upper()) if name == "auto" else f"{name.upper()} ({what})"
            self.addItem(title, name)
        self.setCurrentIndex(max(0, self.findData(chosen)))

    @Slot()
    def _end_job(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()


def _devices(_stop: Stop) -> Iterator[Event]:
    yield from tasks.load_engine()
    yield from tasks.devices()

"""What can go wrong, said so that a person can act on it: what happened, to which file, what to do."""

from pathlib import Path


class TLStudioError(Exception):
    """An error to show as it is: `str()` is one line that names the file and the remedy."""

    def __init__(self, what: str, *, path: Path | str | None = None, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        text = f"{where}{self.what.rstrip('.')}."
        return f"{text} {self.remedy}".rstrip()


class UnreadablePicture(TLStudioError):
    """One file that could not be turned into a picture; the rest goes on."""


class UnusableImages(TLStudioError):
    """A folder, list or project from which nothing can be learned as it stands."""


class BadRecipe(TLStudioError):
    """Settings that contradict each other or name something that does not exist."""


class ProjectError(TLStudioError):
    """A project folder that cannot be opened, locked or written."""


class LookOnly(ProjectError):
    """A sound project that cannot be changed here: another program has it open, or its folder is write-protected.

    holder: which program has it, empty where that is not known; None where none has.
    """

    def __init__(
        self, what: str, *, path: Path | str | None = None, remedy: str = "", holder: str | None = None
    ) -> None:
        super().__init__(what, path=path, remedy=remedy)
        self.holder = holder


class MissingWeights(TLStudioError):
    """Pretrained weights that are nowhere on this machine."""


class RefusedWeights(TLStudioError):
    """A weights file that is not one of those whose digest is known."""


class RefusedModel(TLStudioError):
    """A `.tlmodel` file that is damaged, changed, or of a kind this version does not know."""


class TrainingFailed(TLStudioError):
    """A run that could not go on, such as one whose loss is no longer a number."""


class TrainingPaused(TrainingFailed):
    """A run that cannot go on as things are, and can once the remedy is done: all it had learned is on disk."""


class DeviceError(TLStudioError):
    """A device that was asked for and is not there."""


class ExportFailed(TLStudioError):
    """A model that was not exported: it cannot be, its place is taken, or the export answers differently."""

"""What came with a drop or a paste, and what may be done with it. No address is ever fetched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

import platformdirs
from PySide6.QtCore import QCoreApplication, QMimeData, QUrl
from PySide6.QtGui import QImage

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event
from tlstudio.core.project import PROJECT_FILE, is_project, write_atomically

RAW = "application/octet-stream"
# Answers of the predict panel on their way: they were dropped here once already.
OWN_ANSWERS = "application/x-tlstudio-answers"
MODEL_SUFFIX = ".tlmodel"
MOST_LINES = 10_000
# Files of pretrained weights, and packs of them.
WEIGHTS_SUFFIXES = (".pth", ".pt", ".safetensors", ".zip")


def local_paths(given: QMimeData) -> tuple[Path, ...]:
    """The files and folders of this computer that are in it; none for links into the web."""
    return tuple(Path(url.toLocalFile()) for url in given.urls() if url.isLocalFile() and url.toLocalFile())


def paths_in_text(given: QMimeData) -> tuple[Path, ...]:
    """The files and folders that a text names in full, one a line; none if it holds anything else."""
    lines = [line.strip() for line in given.text().splitlines() if line.strip()]
    if carries_picture(given) or not 0 < len(lines) <= MOST_LINES:
        return ()
    paths = tuple(Path(QUrl(line).toLocalFile() if line.startswith("file:") else line) for line in lines)
    return paths if all(path.is_absolute() for path in paths) else ()


def carries_picture(given: QMimeData) -> bool:
    """Whether it brings pixels rather than files, as a browser or a screenshot program does."""
    return given.hasImage() or given.hasFormat(RAW)


def are_weights(paths: tuple[Path, ...]) -> bool:
    """Whether files are pretrained weights or packs of them, by the name of the first."""
    return bool(paths) and paths[0].suffix.lower() in WEIGHTS_SUFFIXES


def model_and_rest(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths with the first model file before all others; nothing where there is none."""
    model = next((path for path in paths if path.suffix.lower() == MODEL_SUFFIX), None)
    return (model, *(path for path in paths if path is not model)) if model is not None else ()


def why_not(given: QMimeData) -> str:
    """The sentence that refuses what holds neither files nor pixels; empty when there is something to use."""
    if local_paths(given) or carries_picture(given):
        return ""
    if given.hasUrls():
        return QCoreApplication.translate(
            "drops", "This is a link, and TL Studio fetches nothing: save the picture first, then drop the file."
        )
    if given.hasText():
        return QCoreApplication.translate(
            "drops", "This is text: drop pictures, a folder, a project or a .tlmodel file."
        )
    return QCoreApplication.translate(
        "drops", "There were no files in that: drop pictures, a folder, a project or a .tlmodel file."
    )


class Kind(Enum):
    """What a person may mean by a drop, as far as the files themselves tell."""

    PICTURES = "pictures"
    MODEL = "model"
    PROJECT = "project"
    WEIGHTS = "weights"


@dataclass(frozen=True)
class Recognised(Event):
    """What was dropped; after a model what to ask it about. loose: pictures that no folder names a class for."""

    what: Kind
    paths: tuple[Path, ...]
    loose: bool = False


def recognise(paths: tuple[Path, ...]) -> Iterator[Event]:
    """Tell pictures, a model, a project and weights apart; looks at the disk, so not on the window's thread."""
    first = paths[0]
    if ordered := model_and_rest(paths):
        yield Recognised(Kind.MODEL, ordered)
    elif are_weights(paths) and not first.is_dir():
        yield Recognised(Kind.WEIGHTS, paths)
    elif first.name == PROJECT_FILE and first.is_file():
        yield Recognised(Kind.PROJECT, (first.parent,))
    elif first.is_dir() and is_project(first):
        yield Recognised(Kind.PROJECT, (first,))
    else:
        loose = not any(path.is_dir() or path.suffix.lower() == ".csv" for path in paths)
        yield Recognised(Kind.PICTURES, paths, loose)


@dataclass(frozen=True)
class Pixels:
    """A picture that came without a file: an image, or bytes that may be one."""

    image: QImage | None
    raw: bytes

    @classmethod
    def of(cls, given: QMimeData) -> "Pixels":
        if given.hasImage():
            return cls(QImage(given.imageData()), b"")
        return cls(None, bytes(given.data(RAW).data()))

    def keep(self) -> Iterator[Event]:
        """Put it into a file of ours, named by the time it came.

        Raises:
            TLStudioError: it cannot be written.
        """
        folder = platformdirs.user_cache_path("tlstudio", appauthor=False) / "pasted"
        place = folder / f"pasted picture {datetime.now():%H.%M.%S.%f}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.image is None:
                write_atomically(place, self.raw)
            elif not self.image.save(str(place), "PNG"):  # type: ignore[call-overload]  # PySide takes str here
                raise OSError("no picture in it")
        except OSError as error:
            raise TLStudioError(
                f"the pasted picture cannot be kept ({error})", path=place, remedy="Save it as a file, then drop that."
            ) from error
        yield Recognised(Kind.PICTURES, (place,), loose=True)


class Deed(Enum):
    """What a drop at some place does."""

    ADD = "add"
    CLASSIFY = "classify"
    OPEN = "open"

"""The dataset as Qt's views want it: classes, pictures, problems. They translate; counting is done in the core."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Inspected

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
# The item itself, for delegates.
ITEM = int(Role.UserRole)


@dataclass(frozen=True)
class ClassLine:
    """A class with its pictures; `name` is empty for all of them together."""

    name: str
    title: str
    count: int
    share: float
    splits: str


class ClassList(QAbstractListModel):
    """One row for all pictures, then one for each class."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._lines: list[ClassLine] = []

    def show_classes(self, found: Inspected | None) -> None:
        self.beginResetModel()
        self._lines = self._make_lines(found.classes) if found else []
        self.endResetModel()

    def _make_lines(self, classes: dict[str, dict[str, int]]) -> list[ClassLine]:
        sizes = {name: sum(splits.values()) for name, splits in classes.items()}
        largest = max(sizes.values(), default=1)
        together = {split: sum(c.get(split, 0) for c in classes.values()) for split in ("train", "val", "test")}
        everything = ClassLine("", self.tr("All pictures"), sum(sizes.values()), 0.0, self._splits(together))
        lines = [
            ClassLine(name, name, sizes[name], sizes[name] / largest, self._splits(splits))
            for name, splits in classes.items()
        ]
        return [everything, *lines]

    def _splits(self, counts: dict[str, int]) -> str:
        text = self.tr("{train} to train on, {val} to check with, {test} to test with")
        return text.format(train=counts.get("train", 0), val=counts.get("val", 0), test=counts.get("test", 0))

    def line(self, row: int) -> ClassLine | None:
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def row_of(self, name: str) -> int:
        """The row of a class; that of all pictures if there is no such class."""
        return next((row for row, line in enumerate(self._lines) if line.name == name), 0)

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._lines)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        line = self._lines[at.row()]
        match role:
            case Role.DisplayRole:
                return line.title
            case Role.AccessibleTextRole:
                return f"{line.title}, {line.count}"
            case Role.ToolTipRole:
                return f"{line.title}: {line.count}\n{line.splits}"
            case _ if role == ITEM:
                return line
        return None


class PictureList(QAbstractListModel):
    """The pictures that the class, the split, the filter text or a problem leave on show."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._pictures: Sequence[Picture] = ()

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        self.beginResetModel()
        self._pictures = pictures
        self.endResetModel()

    def picture(self, row: int) -> Picture | None:
        return self._pictures[row] if 0 <= row < len(self._pictures) else None

    def paths(self, first: int, last: int) -> list[str]:
        """The paths of the rows from first to last, as far as there are any."""
        return [picture.path for picture in self._pictures[max(0, first) : max(0, last + 1)]]

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._pictures)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        picture = self._pictures[at.row()]
        match role:
            case Role.DisplayRole:
                return Path(picture.path).name
            case Role.AccessibleTextRole:
                return f"{Path(picture.path).name}, {picture.label}"
            case Role.ToolTipRole:
                return f"{picture.path}\n{picture.refused or picture.label}"
            case _ if role == ITEM:
                return picture
        return None


@dataclass(frozen=True)
class Problem:
    """Something to know about the pictures. paths: those it is about; none when it is about all of them."""

    kind: str
    text: str
    paths: tuple[str, ...] = ()


def _members(groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(path for group in groups for path in group)


class ProblemList(QAbstractListModel):
    """One line a problem."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._problems: list[Problem] = []

    def show_problems(self, found: Inspected | None) -> None:
        self.beginResetModel()
        self._problems = self._problems_of(found) if found else []
        self.endResetModel()

    def _problems_of(self, found: Inspected) -> list[Problem]:
        """What is wrong with the pictures, the worst first."""
        refused = tuple(entry["path"] for entry in found.refused)
        unreadable = self.tr("%n file(s) could not be read and will not be used", "", len(refused))
        conflicts = self.tr("%n picture(s) filed under more than one class", "", len(found.conflicts))
        leaks = self.tr(
            "%n picture(s) both to train on and to check with: accuracy will look too good", "", len(found.leaks)
        )
        duplicates = self.tr("%n picture(s) there more than once in a class", "", len(found.duplicates))
        candidates = (
            Problem("error", unreadable, refused),
            Problem("warning", conflicts, _members(found.conflicts)),
            Problem("warning", leaks, _members(found.leaks)),
            Problem("info", duplicates, _members(found.duplicates)),
        )
        lines = [problem for problem in candidates if problem.paths]
        # The report ends with a sentence each on conflicts and leaks; those have lines of their own here.
        said = bool(found.conflicts) + bool(found.leaks)
        lines.extend(Problem("info", text) for text in found.warnings[: len(found.warnings) - said])
        return lines

    def problem(self, row: int) -> Problem | None:
        return self._problems[row] if 0 <= row < len(self._problems) else None

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._problems)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        problem = self._problems[at.row()]
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return problem.text
            case Role.ToolTipRole:
                hint = self.tr("Press Enter or click to see these pictures") if problem.paths else ""
                return f"{problem.text}\n{hint}".strip()
            case _ if role == ITEM:
                return problem
        return None

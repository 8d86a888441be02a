"""The dataset as Qt's views want it: classes and pictures. They translate; counting and sorting is done in the core."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from tlstudio.core.catalogue import Picture
from tlstudio.ui.labels import plain_tip

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
# The item itself, for delegates.
ITEM = int(Role.UserRole)
# How many pictures' facts are remembered; one that is scrolled back to later is asked for again.
REMEMBERED = 4000
# What a drag of a class onto another one carries inside the window: the name of the class.
DRAGGED_CLASS = "application/x-tlstudio-class"


@dataclass(frozen=True)
class ClassLine:
    """A class with its pictures; `name` is empty for all of them together.

    number: the place among the classes, from 0; -1 for all together. share: of the largest class, 0..1. counts:
    pictures to train on, to check with and to test with.
    """

    name: str
    title: str
    number: int
    count: int
    share: float
    counts: tuple[int, int, int]


class ClassList(QAbstractListModel):
    """One row for all pictures, then one for each class.

    Signals:
        renamed: somebody typed a new name for a class: the old one, the new one. Answer with `show_classes`.
    """

    renamed = Signal(str, str)

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._lines: list[ClassLine] = []
        self._numbers: dict[str, int] = {}

    def show_classes(self, classes: Mapping[str, Mapping[str, int]]) -> None:
        """classes: name → split → pictures that are used, in the order of the network's outputs."""
        lines = self._make_lines(classes) if classes else []
        self._numbers = {line.name: line.number for line in lines}
        if [line.name for line in lines] == [line.name for line in self._lines]:
            self._lines = lines  # other counts only: what is chosen stays chosen
            if lines:
                self.dataChanged.emit(self.index(0), self.index(len(lines) - 1))
            return
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def _make_lines(self, classes: Mapping[str, Mapping[str, int]]) -> list[ClassLine]:
        counts = {name: (c.get("train", 0), c.get("val", 0), c.get("test", 0)) for name, c in classes.items()}
        largest = max(map(sum, counts.values()), default=0) or 1
        train, val, test = (sum(column) for column in zip(*counts.values(), strict=True))
        together = (train, val, test)
        everything = ClassLine("", self.tr("All pictures"), -1, sum(together), 0.0, together)
        lines = [
            ClassLine(name, name, number, sum(parts), sum(parts) / largest, parts)
            for number, (name, parts) in enumerate(counts.items())
        ]
        return [everything, *lines]

    def line(self, row: int) -> ClassLine | None:
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def names(self) -> list[str]:
        return [line.name for line in self._lines if line.name]

    def number_of(self, name: str) -> int:
        """The place of a class among the classes, from 0; -1 if there is none of that name."""
        return self._numbers.get(name, -1)

    def row_of(self, name: str) -> int:
        """The row of a class; that of all pictures if there is no such class."""
        return self._numbers.get(name, -1) + 1

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._lines)

    def flags(self, at: Index) -> Qt.ItemFlag:
        line = self.line(at.row()) if at.isValid() else None
        plain = super().flags(at)
        own = Qt.ItemFlag.ItemIsDragEnabled | Qt.ItemFlag.ItemIsDropEnabled | Qt.ItemFlag.ItemIsEditable
        return plain | own if line and line.name else plain

    def setData(self, at: Index, value: Any, role: int = Role.EditRole) -> bool:
        line = self.line(at.row()) if at.isValid() else None
        name = str(value).strip()
        if line is not None and role == Role.EditRole and name and name != line.name:
            self.renamed.emit(line.name, name)
        return False  # it bears the name when the catalogue says so

    def mimeTypes(self) -> list[str]:
        return [DRAGGED_CLASS]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        given = QMimeData()
        line = self.line(indexes[0].row()) if indexes else None
        if line is not None:
            given.setData(DRAGGED_CLASS, line.name.encode())
        return given

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        line = self._lines[at.row()]
        match role:
            case Role.DisplayRole | Role.EditRole:
                return line.title
            case Role.AccessibleTextRole:
                return f"{line.title}, {line.count}"
            case Role.ToolTipRole:
                return plain_tip(self._explain(line))
            case _ if role == ITEM:
                return line
        return None

    def _explain(self, line: ClassLine) -> str:
        text = self.tr("{train} to train on, {val} to check with, {test} to test with")
        train, val, test = line.counts
        lines = [f"{line.title}: {line.count}", text.format(train=train, val=val, test=test)]
        if 0 <= line.number < 10:  # there are ten digit keys
            key = (line.number + 1) % 10
            lines.append(self.tr("Press {key} in the grid to file pictures here").format(key=key))
        return "\n".join(lines)


class PictureList(QAbstractListModel):
    """The pictures on show, by their ids. What is known about each is asked for when somebody comes near it.

    Signals:
        facts_wanted: a list of ids; answer with `take`.
    """

    facts_wanted = Signal(object)

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._ids: Sequence[int] = ()
        self._known: dict[int, Picture] = {}
        self._asked: frozenset[int] = frozenset()

    def show_pictures(self, ids: Sequence[int], known: Mapping[int, Picture]) -> None:
        """Show other pictures, or the same ones with other facts. known: facts of some, such as the first."""
        self._known, self._asked = dict(known), frozenset()
        if ids == self._ids:
            if len(ids):
                self.dataChanged.emit(self.index(0), self.index(len(ids) - 1))
            return
        self.beginResetModel()
        self._ids = ids
        self.endResetModel()

    def take(self, pictures: Mapping[int, Picture]) -> None:
        """Facts that were wanted."""
        self._asked -= pictures.keys()
        self._known |= pictures
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        if len(self._ids):
            self.dataChanged.emit(self.index(0), self.index(len(self._ids) - 1))

    def want(self, first: int, last: int) -> None:
        """Have the facts of these rows, as far as there are any."""
        ids = self.ids(first, last)
        missing = [number for number in ids if number not in self._known and number not in self._asked]
        if missing:
            self._asked = frozenset(ids) - self._known.keys()
            self.facts_wanted.emit(missing)

    def ids(self, first: int, last: int) -> Sequence[int]:
        """The ids of the rows from first to last, as far as there are any."""
        return self._ids[max(0, first) : max(0, last + 1)]

    def id_at(self, row: int) -> int | None:
        return self._ids[row] if 0 <= row < len(self._ids) else None

    def row_of(self, number: int) -> int:
        """The row of a picture, -1 when it is not on show."""
        try:
            return self._ids.index(number)
        except ValueError:
            return -1

    def picture(self, row: int) -> Picture | None:
        """What is known about the picture in a row; None while nothing is."""
        number = self.id_at(row)
        return None if number is None else self._known.get(number)

    def known(self, first: int, last: int) -> Iterable[tuple[int, Picture]]:
        """The rows from first to last of which something is known, each with its picture."""
        for row, number in enumerate(self.ids(first, last), start=max(0, first)):
            if picture := self._known.get(number):
                yield row, picture

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._ids)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        picture = self.picture(at.row()) if at.isValid() else None
        if picture is None:
            return None
        match role:
            case Role.DisplayRole:
                return Path(picture.path).name
            case Role.AccessibleTextRole:
                return f"{Path(picture.path).name}, {picture.label}"
            case Role.ToolTipRole:
                return plain_tip(f"{picture.path}\n{picture.refused or picture.label}")
            case _ if role == ITEM:
                return picture
        return None

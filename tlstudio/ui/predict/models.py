"""Answers as Qt's views want them: judged, sorted, filtered and counted, ten thousand of them without a pause."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QLocale,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QUrl,
    Signal,
    Slot,
)

from tlstudio.core.events import Predicted
from tlstudio.ui.drops import OWN_ANSWERS

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
# The answer itself, and the class a person gave its picture, for delegates.
ANSWER = int(Role.UserRole)
CORRECTION = ANSWER + 1


def percent(share: float) -> str:
    """A probability as people read it, in their own language: never 100 % where it is not."""
    shown = min(share, 0.999) if share < 1 else 1.0
    return f"{QLocale().toString(shown * 100, 'f', 1)} %"


def verdict(answer: Predicted) -> str:
    """One sentence for an answer, or for why there is none."""
    if not answer.ok:
        return QCoreApplication.translate("predict", "No answer: {why}").format(why=answer.error)
    if answer.unknown:
        return QCoreApplication.translate("predict", "Not like anything you taught me")
    return f"{answer.label} · {percent(answer.probability or 0)}"


def remark(answer: Predicted, correction: str) -> str:
    """Whose picture an answer is of, and what else there is to know. correction: the class a person gave it."""
    name = Path(answer.path).name
    if correction:
        return QCoreApplication.translate("predict", "{file} · you said: {label}").format(file=name, label=correction)
    if answer.ok and answer.unknown:
        return QCoreApplication.translate("predict", "{file} · if anything: {label}").format(
            file=name, label=answer.label
        )
    return name


class Kind(Enum):
    """What answers a group holds."""

    ALL = "all"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    LABEL = "label"


@dataclass(frozen=True)
class Group:
    """Answers that belong together: all, those of strangers, the unreadable, or those of one class."""

    kind: Kind
    label: str = ""

    @classmethod
    def of(cls, answer: Predicted) -> "Group":
        if not answer.ok:
            return UNREADABLE
        return UNKNOWN if answer.unknown else cls(Kind.LABEL, answer.label or "")


ALL, UNKNOWN, UNREADABLE = Group(Kind.ALL), Group(Kind.UNKNOWN), Group(Kind.UNREADABLE)


class Order(Enum):
    """By what the answers are sorted."""

    ARRIVAL = "arrival"
    LEAST_SURE = "least sure"
    SUREST = "surest"
    LABEL = "class"
    NAME = "name"


# What has no probability that says anything, the strangers and then the unreadable, comes last.
_KEYS: dict[Order, Callable[[Predicted], Any]] = {
    Order.LEAST_SURE: lambda answer: (not answer.ok, answer.unknown, answer.probability or 0.0),
    Order.SUREST: lambda answer: (not answer.ok, answer.unknown, -(answer.probability or 0.0)),
    Order.LABEL: lambda answer: (not answer.ok, answer.unknown, answer.label or "", -(answer.probability or 0.0)),
    Order.NAME: lambda answer: Path(answer.path).name.casefold(),
}


class PredictionList(QAbstractListModel):
    """The answers that a group and a limit leave, in the order a person chose.

    Signals:
        counted: there are other answers, or other verdicts, than before.
    """

    counted = Signal()

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._answers: list[Predicted] = []
        self._rows: list[int] = []  # which answers are shown, in order
        self._keys: list[Any] = []  # of all answers, unless they are in the order of their arrival
        self._corrections: dict[str, str] = {}
        self._group = ALL
        self._below: float | None = None
        self._order = Order.ARRIVAL
        self._threshold: float | None = None
        self.counts: Counter[Group] = Counter()

    # What is in it

    def append(self, answers: Iterable[Predicted]) -> None:
        """Add a batch of answers: one insertion however many there are."""
        first = len(self._answers)
        fresh = [self._judged(answer) for answer in answers]
        if not fresh:
            return
        self._answers += fresh
        self.counts.update(map(Group.of, fresh))
        self.counts[ALL] = len(self._answers)
        if self._order != Order.ARRIVAL:
            self._keys.extend(map(_KEYS[self._order], fresh))
        shown = [first + number for number, answer in enumerate(fresh) if self._is_shown(answer)]
        if self._keys:
            self._insert_in_order(shown)
        elif shown:
            last = len(self._rows)
            self.beginInsertRows(QModelIndex(), last, last + len(shown) - 1)
            self._rows += shown
            self.endInsertRows()
        self.counted.emit()

    def clear(self) -> None:
        """Forget all answers, and what a person said of their pictures."""
        self.beginResetModel()
        self._answers, self._rows, self._keys = [], [], []
        self._corrections = {}
        self.counts = Counter()
        self.endResetModel()
        self.counted.emit()

    def correct(self, paths: Sequence[str], label: str) -> None:
        """Remember which class a person gave pictures; empty: none after all."""
        for path in paths:
            if label:
                self._corrections[path] = label
            else:
                self._corrections.pop(path, None)
        self._tell_changed()

    @property
    def answers(self) -> tuple[Predicted, ...]:
        """All answers in the order they came, shown or not."""
        return tuple(self._answers)

    @property
    def shown(self) -> tuple[Predicted, ...]:
        """The answers on show, in the order they stand in."""
        return tuple(self._answers[number] for number in self._rows)

    def answer(self, row: int) -> Predicted | None:
        return self._answers[self._rows[row]] if 0 <= row < len(self._rows) else None

    def paths(self, first: int, last: int) -> list[str]:
        """The paths of the rows from first to last, as far as there are any."""
        return [self._answers[number].path for number in self._rows[max(0, first) : max(0, last + 1)]]

    # How it is judged and arranged

    def judge(self, threshold: float | None) -> None:
        """Count as strangers what lies farther than this from what the model knows; None leaves its own verdicts."""
        self._threshold = threshold
        flipped = [
            number
            for number, answer in enumerate(self._answers)
            if threshold is not None and answer.distance is not None and (answer.distance > threshold) != answer.unknown
        ]
        if not flipped:
            return
        for number in flipped:
            answer = self._judged(self._answers[number])
            self.counts[Group.of(self._answers[number])] -= 1
            self.counts[Group.of(answer)] += 1
            self._answers[number] = answer
            if self._keys:
                self._keys[number] = _KEYS[self._order](answer)
        if self._group == ALL and self._below is None and self._order in (Order.ARRIVAL, Order.NAME):
            self._tell_changed()
        else:
            self._fill()
        self.counted.emit()

    def arrange(self, group: Group, below: float | None, order: Order) -> None:
        """Show one group, those less probable than a limit, in an order."""
        if order != self._order:
            self._order = order
            self._keys = [] if order == Order.ARRIVAL else [_KEYS[order](answer) for answer in self._answers]
        self._group, self._below = group, below
        self._fill()

    @property
    def group(self) -> Group:
        return self._group

    def row_of(self, path: str) -> int:
        """Where the picture's answer stands; -1 if it is not on show."""
        return next((row for row, number in enumerate(self._rows) if self._answers[number].path == path), -1)

    def _judged(self, answer: Predicted) -> Predicted:
        if self._threshold is None or answer.distance is None:
            return answer
        unknown = answer.distance > self._threshold
        return answer if unknown == answer.unknown else replace(answer, unknown=unknown)

    def _is_shown(self, answer: Predicted) -> bool:
        if self._group != ALL and Group.of(answer) != self._group:
            return False
        return self._below is None or (answer.ok and not answer.unknown and (answer.probability or 0.0) < self._below)

    def _fill(self) -> None:
        self.beginResetModel()
        self._rows = [number for number, answer in enumerate(self._answers) if self._is_shown(answer)]
        if self._keys:
            self._rows.sort(key=self._keys.__getitem__)
        self.endResetModel()

    def _insert_in_order(self, numbers: Sequence[int]) -> None:
        """Put answers where the order wants them; what is chosen stays chosen without another look at it."""
        key = self._keys.__getitem__
        for number in numbers:
            row = bisect_right(self._rows, key(number), key=key)
            self.beginInsertRows(QModelIndex(), row, row)
            self._rows.insert(row, number)
            self.endInsertRows()

    def _tell_changed(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    # What Qt asks

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._rows)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        answer = self._answers[self._rows[at.row()]]
        match role:
            case Role.DisplayRole:
                return f"{Path(answer.path).name}: {verdict(answer)}"
            case Role.AccessibleTextRole:
                return f"{remark(answer, self._corrections.get(answer.path, ''))}: {verdict(answer)}"
            case Role.ToolTipRole:
                return f"{answer.path}\n{verdict(answer)}"
            case _ if role == ANSWER:
                return answer
            case _ if role == CORRECTION:
                return self._corrections.get(answer.path, "")
        return None

    def flags(self, at: Index) -> Qt.ItemFlag:
        flags = super().flags(at)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if at.isValid() else flags

    def supportedDragActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction

    def mimeTypes(self) -> list[str]:
        return [OWN_ANSWERS, "text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The pictures as files, for other programs too, and a mark that they are answers of this list."""
        carried = QMimeData()
        carried.setData(OWN_ANSWERS, b"1")
        rows = sorted(at.row() for at in indexes)
        carried.setUrls([QUrl.fromLocalFile(self._answers[self._rows[row]].path) for row in rows])
        return carried


class ClassCounts(QAbstractListModel):
    """One row for all answers, two for those without a class, then one for each class of the model, with counts."""

    def __init__(self, answers: PredictionList, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._answers = answers
        self._groups: list[Group] = []
        answers.counted.connect(self._tell_changed)

    def show_classes(self, names: Sequence[str]) -> None:
        """Have a row for each of these."""
        self.beginResetModel()
        self._groups = [ALL, UNKNOWN, UNREADABLE, *(Group(Kind.LABEL, name) for name in names)]
        self.endResetModel()

    def group(self, row: int) -> Group | None:
        return self._groups[row] if 0 <= row < len(self._groups) else None

    def row_of(self, group: Group) -> int:
        """The row of a group; that of all answers if there is none."""
        return self._groups.index(group) if group in self._groups else 0

    def title(self, group: Group) -> str:
        titles = {
            Kind.ALL: self.tr("All answers"),
            Kind.UNKNOWN: self.tr("Like nothing taught"),
            Kind.UNREADABLE: self.tr("Unreadable"),
        }
        return titles.get(group.kind, group.label)

    def count(self, group: Group) -> int:
        return self._answers.counts[group]

    def share(self, group: Group) -> float:
        """Of all answers, 0..1."""
        return self._answers.counts[group] / max(self._answers.counts[ALL], 1)

    @Slot()
    def _tell_changed(self) -> None:
        if self._groups:
            self.dataChanged.emit(self.index(0), self.index(len(self._groups) - 1))

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._groups)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        group = self._groups[at.row()]
        match role:
            case Role.DisplayRole:
                return self.title(group)
            case Role.AccessibleTextRole:
                return f"{self.title(group)}, {self.count(group)}"
            case Role.ToolTipRole:
                return self._explain(group)
            case _ if role == ANSWER:
                return group
        return None

    def _explain(self, group: Group) -> str:
        many = self.tr("%n answer(s)", "", self.count(group))
        if group.kind != Kind.LABEL:
            return f"{self.title(group)}: {many}"
        hint = self.tr("Drop a wrong answer here to say that it is one of these")
        return f"{group.label}: {many}\n{hint}"

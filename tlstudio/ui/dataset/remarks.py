"""What there is to know about the pictures: one line each, and each leads to those it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, Qt

from tlstudio.core.events import Inspected
from tlstudio.ui.dataset.models import ITEM, Index

Role = Qt.ItemDataRole


@dataclass(frozen=True)
class Remark:
    """Something to know about the pictures.

    kind: what it is, as the report calls it. grade: `error`, `warning` or `info`. ids: of the pictures it is about;
    none when it is about all of them. groups: those that belong together, for what a person decides.
    """

    kind: str
    grade: str
    text: str
    ids: tuple[int, ...] = ()
    groups: tuple[tuple[int, ...], ...] = ()


def remarks_of(found: Inspected, numbers: Mapping[str, int]) -> tuple[Remark, ...]:
    """The remarks of a report, the worst first. numbers: path → id."""

    def members(groups: Sequence[Sequence[str]]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(numbers[path] for path in group if path in numbers) for group in groups)

    refused = members([[entry["path"] for entry in found.refused]])
    conflicts, leaks, duplicates = map(members, (found.conflicts, found.leaks, found.duplicates))
    texts = (
        QCoreApplication.translate(
            "remarks", "%n file(s) could not be read and will not be used", None, len(refused[0])
        ),
        QCoreApplication.translate("remarks", "%n picture(s) filed under more than one class", None, len(conflicts)),
        QCoreApplication.translate(
            "remarks",
            "%n picture(s) both to train on and to check with: accuracy will look too good",
            None,
            len(leaks),
        ),
        QCoreApplication.translate("remarks", "%n picture(s) there more than once in a class", None, len(duplicates)),
    )
    kinds = (("unreadable", "error"), ("conflicts", "warning"), ("leaks", "warning"), ("duplicates", "info"))
    lines = [
        Remark(kind, grade, text, tuple(number for group in groups for number in group), groups)
        for (kind, grade), text, groups in zip(kinds, texts, (refused, conflicts, leaks, duplicates), strict=True)
    ]
    # The report ends with a sentence each on conflicts and leaks; those have lines of their own here.
    said = bool(found.conflicts) + bool(found.leaks)
    others = [Remark("", "info", text) for text in found.warnings[: len(found.warnings) - said]]
    return (*(line for line in lines if line.ids), *others)


class RemarkList(QAbstractListModel):
    """One line a remark, the worst first."""

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__(owner)
        self._remarks: Sequence[Remark] = ()

    def show_remarks(self, remarks: Sequence[Remark]) -> None:
        self.beginResetModel()
        self._remarks = remarks
        self.endResetModel()

    def remark(self, row: int) -> Remark | None:
        return self._remarks[row] if 0 <= row < len(self._remarks) else None

    def row_of(self, kind: str) -> int:
        """The row of the remark of a kind, -1 when there is none."""
        return next((row for row, remark in enumerate(self._remarks) if remark.kind == kind), -1)

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._remarks)

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        remark = self.remark(at.row()) if at.isValid() else None
        if remark is None:
            return None
        match role:
            case Role.DisplayRole | Role.AccessibleTextRole:
                return remark.text
            case Role.ToolTipRole:
                hint = self.tr("Press Enter or click to see these pictures") if remark.ids else ""
                return f"{remark.text}\n{hint}".strip()
            case _ if role == ITEM:
                return remark
        return None

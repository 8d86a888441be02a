"""What there is to know about the pictures: one line each, and each leads to those it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Finding, Inspected
from tlstudio.core.groups import Proposal
from tlstudio.ui.dataset.models import ITEM, Index
from tlstudio.ui.labels import plain_tip

Role = Qt.ItemDataRole
Grade = Literal["error", "warning", "info"]
_GRADES: dict[str, Grade] = {
    **dict.fromkeys(("one-class", "unreadable"), "error"),
    **dict.fromkeys(("leak", "near-leak", "group-leak", "conflict", "near-conflict", "too-few", "blank"), "warning"),
}
_WORST_FIRST: tuple[Grade, ...] = ("error", "warning", "info")
# Where the members of a group are to be seen beside each other.
_GROUPED = ("leak", "near-leak", "group-leak", "conflict", "near-conflict", "duplicate", "near-duplicate")


@dataclass(frozen=True)
class Remark:
    """Something to know about the pictures.

    kind: what it is, as the report calls it. ids: of the pictures it is about; none when it is about all of them.
    groups: the copies of one another, where somebody has to decide about them. proposal: groups to confirm or reject.
    """

    kind: str
    grade: Grade
    text: str
    ids: tuple[int, ...] = ()
    groups: tuple[tuple[Picture, ...], ...] = ()
    proposal: Proposal | None = None

    @property
    def leads(self) -> bool:
        """Whether there is something to see or to decide."""
        return bool(self.ids or self.proposal)


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
                return plain_tip(f"{remark.text}\n{hint}".strip())
            case _ if role == ITEM:
                return remark
        return None

    # The lines in words; any thread may ask

    def write(self, found: Inspected, excluded: Sequence[int]) -> tuple[Remark, ...]:
        """The remarks of a report, the worst first. excluded: ids of the pictures that are left out."""
        lines = sorted(map(self._remark, found.findings), key=_rank)
        lines += [Remark("proposal", "info", self._ask(each), proposal=each) for each in found.proposals]
        if excluded:
            text = self.tr("%n picture(s) left out by you", "", len(excluded))
            lines.append(Remark("excluded", "info", text, tuple(excluded)))
        return tuple(lines)

    def _remark(self, finding: Finding) -> Remark:
        groups = finding.groups if finding.kind in _GROUPED else ()
        return Remark(finding.kind, _GRADES.get(finding.kind, "info"), self._say(finding), finding.ids, groups)

    def _ask(self, proposal: Proposal) -> str:
        match proposal.verdict:
            case "confirmed":
                first = self.tr("Kept together, as you decided:")
            case "rejected":
                first = self.tr("Not kept together, as you decided:")
            case _:
                first = self.tr("Do these belong together?")
        return f"{first} {proposal.text}"  # the evidence may be cut off, the question not

    def _say(self, finding: Finding) -> str:
        """The finding in a sentence; the report's own where no number has to be spoken of."""
        several = len(finding.groups)
        match finding.kind:
            case "unreadable":
                return self.tr("%n file(s) could not be read and will not be used", "", len(finding.ids))
            case "conflict":
                return self.tr("%n picture(s) filed under more than one class", "", several)
            case "near-conflict":
                return self.tr("%n picture(s) with a changed copy in another class", "", several)
            case "leak":
                return self.tr(
                    "%n picture(s) both to train on and to check with: accuracy will look too good",
                    "",
                    several,
                )
            case "near-leak":
                return self.tr(
                    "%n picture(s) to train on with a changed copy to check with: accuracy will look too good",
                    "",
                    several,
                )
            case "group-leak":
                return self.tr("%n group(s) that belong together both to train on and to check with", "", several)
            case "duplicate":
                return self.tr("%n picture(s) there more than once in a class", "", several)
            case "near-duplicate":
                return self.tr("%n picture(s) there again, re-encoded, resized or cropped", "", several)
        return self._say_of_pictures(finding)

    def _say_of_pictures(self, finding: Finding) -> str:
        """The finding on single pictures in a sentence."""
        count = len(finding.ids)
        match finding.kind:
            case "blank":
                return self.tr("%n picture(s) of nearly one colour, with nothing to learn from", "", count)
            case "dark":
                return self.tr("%n very dark picture(s)", "", count)
            case "grey":
                return self.tr("%n grey picture(s) among coloured ones", "", count)
            case "shapes":
                return self.tr(
                    "%n picture(s) more than twice as long as wide; the preview shows what the network sees", "", count
                )
            case "tiny":
                return self.tr("%n tiny picture(s), with little to see when enlarged", "", count)
            case "depth":
                return self.tr(
                    "%n picture(s) with more than 8 bits, each scaled from its darkest to its brightest value",
                    "",
                    count,
                )
            case "frames":
                return self.tr("%n file(s) with several frames or pages; only the first is used", "", count)
        return finding.text


def _rank(remark: Remark) -> int:
    return _WORST_FIRST.index(remark.grade)

"""What to do about copies and groups: one click for all of them, or a look at each, side by side."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.edits import Edits, Step
from tlstudio.core.groups import Proposal
from tlstudio.ui.dataset.listing import Deed
from tlstudio.ui.dataset.remarks import Remark
from tlstudio.ui.labels import ElidedLabel, plain_tip
from tlstudio.ui.theme import SPACE

_LEAKS = ("leak", "near-leak", "group-leak")
_CONFLICTS = ("conflict", "near-conflict")
_COPIES = ("duplicate", "near-duplicate")
_NEAR = ("near-duplicate", "near-conflict", "near-leak")
LABELS_OFFERED = 4


class DecisionBar(QFrame):
    """Stands above the grid while a remark is on show that asks for a decision.

    Signals:
        group_chosen: ids of the group to look at; empty for all the remark is about. deed_wanted: a Deed to do now.
    """

    group_chosen = Signal(object)
    deed_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("decision_bar")
        self.setAccessibleName(self.tr("What to do about these pictures"))
        self.why_not = ""  # why nothing can be decided; empty where it can
        self._remark: Remark | None = None
        self._at = -1  # the group that is looked at; -1 for all of them
        self._deeds: list[Deed] = []
        self._text = ElidedLabel("", Qt.TextElideMode.ElideRight)
        self._one_by_one = QPushButton(self.tr("Side by side"))
        self._one_by_one.setObjectName("one_by_one_button")
        self._one_by_one.setToolTip(self.tr("Look at one group after the other and decide about each"))
        self._one_by_one.clicked.connect(self._show_next)
        self._next = QPushButton(self.tr("Next"))
        self._next.setObjectName("next_group_button")
        self._next.setToolTip(self.tr("Leave this group as it is and look at the next one"))
        self._next.clicked.connect(self._show_next)
        self._choices = QHBoxLayout()
        self._choices.setSpacing(SPACE)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self._text, 1)
        row.addLayout(self._choices)
        row.addWidget(self._one_by_one)
        row.addWidget(self._next)
        self.hide()

    def show_remark(self, remark: Remark | None) -> None:
        """Ask what to do about what a remark says; hidden where there is nothing to decide."""
        self._remark, self._at = remark, -1
        self.setVisible(remark is not None and bool(remark.groups or remark.proposal))
        self._show()

    @property
    def texts(self) -> list[str]:
        """What can be chosen now."""
        return [button.text() for button in self._buttons()]

    def _buttons(self) -> list[QPushButton]:
        widgets = [item.widget() for place in range(self._choices.count()) if (item := self._choices.itemAt(place))]
        return [widget for widget in widgets if isinstance(widget, QPushButton)]

    @Slot()
    def _show_next(self) -> None:
        """The next group; after the last one all of them again."""
        if self._remark is not None:
            self._at = self._at + 1 if self._at + 1 < len(self._remark.groups) else -1
            group = self._remark.groups[self._at] if self._at >= 0 else ()
            self._show()
            self.group_chosen.emit(tuple(picture.id for picture in group))

    def _show(self) -> None:
        for button in self._buttons():
            self._choices.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._deeds = []
        remark = self._remark
        if remark is None:
            return
        count = len(remark.groups)
        groups = remark.groups[self._at : self._at + 1] if self._at >= 0 else remark.groups
        if remark.proposal:
            self._text.show_text(remark.text)
            self._offer_proposal(remark.proposal)
        elif self._at < 0:
            self._text.show_text(self._introduce(remark.kind, count))
            self._offer_for_all(remark.kind, groups)
        else:
            self._text.show_text(self.tr("Group {number} of {count}").format(number=self._at + 1, count=count))
            self._offer_for_one(remark.kind, groups[0])
        self._one_by_one.setVisible(self._at < 0 and count > 0)
        self._next.setVisible(self._at >= 0)

    def _introduce(self, kind: str, count: int) -> str:
        """What all the groups of a remark ask for."""
        if kind in _CONFLICTS:
            return self.tr("%n picture(s) in more than one class: look at each and say which is right.", "", count)
        if kind in _COPIES:
            return self.tr("%n picture(s), each with its copies beside it.", "", count)
        return self.tr("%n group(s) of pictures that belong together.", "", count)

    def _offer_proposal(self, proposal: Proposal) -> None:
        decide = partial(tasks.decide, kind=proposal.kind, name=proposal.name)
        if proposal.verdict != "confirmed":
            tip = self.tr("A group then never has pictures both to train on and to check with")
            self._offer(
                "confirm_button", self.tr("Keep each group together"), tip, partial(decide, verdict="confirmed")
            )
        if proposal.verdict != "rejected":
            tip = self.tr("They only look like groups; their pictures may be in different parts")
            self._offer(
                "reject_button", self.tr("They do not belong together"), tip, partial(decide, verdict="rejected")
            )

    def _offer_for_all(self, kind: str, groups: Sequence[Sequence[Picture]]) -> None:
        if kind in _LEAKS:
            mend = partial(tasks.mend_leaks, leaks=[[picture.id for picture in group] for group in groups])
            tip = self.tr("Accuracy is then measured on pictures the network has not seen; no file changes")
            text = self.tr("Leave out the copies to train on")
            self._offer("mend_button", text, tip, partial(mend, remedy="exclude"))
            tip = self.tr("All copies are then there to train on, and fewer pictures to check and to test with")
            self._offer("move_button", self.tr("Train on all of them"), tip, partial(mend, remedy="move"))
        elif kind in _COPIES:
            ids = [picture.id for group in groups for picture in group[1:]]
            tip = self.tr("One of each group stays, the others are left out; no file changes")
            text = self.tr("Keep one of each") if self._at < 0 else self.tr("Keep the first")
            self._offer("keep_one_button", text, tip, _edit(partial(Edits.exclude, ids=ids)))

    def _offer_for_one(self, kind: str, group: Sequence[Picture]) -> None:
        ids = [picture.id for picture in group]
        if kind in _LEAKS or kind in _COPIES:
            self._offer_for_all(kind, [group])
        if kind in _CONFLICTS:
            for label in sorted({picture.label for picture in group})[:LABELS_OFFERED]:
                text = self.tr("All are “{label}”").format(label=_short(label))
                tip = self.tr("File all of them under {label}").format(label=label)
                self._offer("", text, tip, _edit(partial(Edits.relabel, ids=ids, label=label)))
            tip = self.tr("Use none of them; no file changes")
            self._offer("leave_out_button", self.tr("Leave out"), tip, _edit(partial(Edits.exclude, ids=ids)))
        if kind in _NEAR:
            tip = self.tr("They only look alike; do not take them for copies again")
            self._offer("different_button", self.tr("They are different"), tip, partial(tasks.separate, pictures=ids))

    def _offer(self, name: str, text: str, tip: str, deed: Deed) -> None:
        button = QPushButton(text.replace("&", "&&"))
        button.setObjectName(name)
        button.setEnabled(not self.why_not)
        button.setToolTip(plain_tip(self.why_not or tip))
        button.setProperty("choice", len(self._deeds))
        self._deeds.append(deed)
        button.clicked.connect(self._choose)
        self._choices.addWidget(button)
        button.show()

    @Slot()
    def _choose(self) -> None:
        """Do what was chosen; one by one, the next group comes by itself."""
        self.deed_wanted.emit(self._deeds[self.sender().property("choice")])
        if self._at >= 0:
            self._show_next()
        else:
            self.hide()


def _edit(change: Callable[[Edits], Step | None]) -> Deed:
    return partial(tasks.edit, change=change)


def _short(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"  # a button's worth of letters

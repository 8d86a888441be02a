"""Change what a project says about its pictures, take it back, do it again. No file is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Literal

from tlstudio.core import groups, splits
from tlstudio.core.catalogue import Picture
from tlstudio.core.edits import Edits, Step, Verdict
from tlstudio.core.events import Edited, Event, Warned
from tlstudio.core.project import Project
from tlstudio.core.splits import SplitRule

Remedy = Literal["exclude", "move"]


def edit(project: Project, change: Callable[[Edits], Step | None]) -> Iterator[Event]:
    """Make one edit, such as `partial(Edits.rename_class, old="bee", new="bees")`, and say what can be undone now.

    Ends with `Edited`; the edit is on the disk by then.

    Raises:
        ProjectError: the edit is not possible, or cannot be written; nothing has changed.
    """
    edits = Edits(project.catalogue)
    step = change(edits)
    yield Edited(step, project.catalogue.counts(), edits.undoable(), edits.redoable())


def decide(project: Project, kind: str, name: str, verdict: Verdict) -> Iterator[Event]:
    """Confirm or reject a `groups.Proposal`; ends with `Edited`.

    Confirmed groups are brought to one side each, where the split was drawn and not given: those that lie on both are
    drawn anew.

    Raises:
        ProjectError: it cannot be written; nothing has changed.
    """
    catalogue = project.catalogue
    decisions = catalogue.decisions() | {(kind, name): verdict}
    near, before = catalogue.near(), catalogue.scanned()
    rule = SplitRule(**json.loads(catalogue.fact("split_rule") or "{}"))
    moved: list[Picture] = []

    def deal(pictures: list[Picture]) -> list[Picture]:
        drawn = {p.id: p.split for p in before}
        marked = groups.marked(pictures, near, decisions)
        sides: dict[str, set[str]] = {}
        for picture in marked:
            sides.setdefault(picture.group, set()).add(drawn.get(picture.id, ""))
        whole = {p.id for p in marked if len(sides[p.group]) == 1}
        dealt = splits.divide(marked, rule, [p for p in before if p.id in whole])
        moved.extend(p for p in dealt if p.split != drawn.get(p.id, ""))
        return moved

    edited = list(edit(project, lambda edits: edits.decide(kind, [name], verdict, deal)))
    if moved:
        text = "The split is drawn anew for {}: earlier models may have learned from what tests them now."
        yield Warned(text.format(f"{len(moved)} pictures"))
    yield from edited


def separate(project: Project, pictures: Sequence[int]) -> Iterator[Event]:
    """Say that pictures, by their ids, do not show the same, although they look alike; ends with `Edited`.

    Raises:
        ProjectError: it cannot be written; nothing has changed.
    """
    digests = sorted({p.digest for p in project.catalogue.some(pictures)})
    known = set(project.catalogue.near())
    names = [groups.pair_name(*pair) for pair in combinations(digests, 2) if pair in known]
    yield from edit(project, lambda edits: edits.decide("near", names, "rejected"))


def mend_leaks(project: Project, leaks: Sequence[Sequence[int]], remedy: Remedy) -> Iterator[Event]:
    """Put groups of pictures that lie on several sides of the split right, in one edit; ends with `Edited`.

    leaks: the ids of each group, as of a finding's groups. remedy: `exclude` keeps what tests, or else what validates,
    and excludes the copies before it; `move` brings all to the side that learns first, so that none is lost.

    Raises:
        ProjectError: it cannot be written; nothing has changed.
    """
    surplus, target = list[int](), dict[int, str]()
    for group in leaks:
        members = [p for p in project.catalogue.some(group) if p.used and p.split in splits.SPLITS]
        sides = sorted({p.split for p in members}, key=splits.SPLITS.index)
        if len(sides) > 1:
            surplus += [p.id for p in members if p.split != sides[-1]]
            target.update((p.id, sides[0]) for p in members)
    if remedy == "exclude":
        yield from edit(project, lambda edits: edits.exclude(surplus))
    else:
        yield from edit(project, lambda edits: edits.set_splits(target))

"""Which pictures belong together and must not be parted by a split: copies, and what a person confirmed."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from tlstudio.core.catalogue import Catalogue, Picture

# Pictures of one camera that follow each other within this are one burst.
BURST = timedelta(seconds=5)
_DEEPEST = 3
_SHARE = 0.6
_LEAST_GROUPS = 3
# A subject's name ends where a number does: patient12_001, scan-7.left, 0012_03.
_SUBJECT = re.compile(r"(.*?\d)[-_. ]")

Decisions = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Proposal:
    """Groups that the pictures seem to come in, for a person to confirm or reject.

    kind: `folder`, `name` or `burst`; with `name` it is what `Edits.decide` takes. verdict: `confirmed`, `rejected`, or
    empty. text: the evidence. groups, pictures: how many groups of two and more, and the pictures in them.
    """

    kind: str
    name: str
    verdict: str
    text: str
    groups: int
    pictures: int

    def to_json(self) -> dict[str, Any]:
        return {f: getattr(self, f) for f in self.__dataclass_fields__}


def marked(pictures: Sequence[Picture], near: Iterable[tuple[str, str]], decisions: Decisions) -> list[Picture]:
    """The pictures, each with the key of its group; near, decisions: as of `keys`."""
    found = keys(pictures, near, decisions)
    return [replace(p, group=key) if key != p.group else p for p, key in zip(pictures, found, strict=True)]


def keys(pictures: Sequence[Picture], near: Iterable[tuple[str, str]], decisions: Decisions) -> list[str]:
    """The key of each picture's group, in order: the smallest digest in it; empty for a file that was not read.

    Together are identical files, near-duplicates that nobody rejected, and groups that were confirmed. near: pairs of
    digests.
    """
    union = _Union()
    for first, second in bound(near, decisions):
        union.join(first, second)
    for (kind, name), verdict in decisions.items():
        if verdict == "confirmed" and kind in _KEYS:
            for members in _groups(kind, name, pictures).values():
                for other in members[1:]:
                    union.join(members[0].digest, other.digest)
    return [union.root(p.digest) if p.digest else "" for p in pictures]


def of(catalogue: Catalogue) -> list[Picture]:
    """All pictures of a catalogue, each with the key of its group."""
    return marked(catalogue.pictures(), catalogue.near(), catalogue.decisions())


def bound(near: Iterable[tuple[str, str]], decisions: Decisions) -> list[tuple[str, str]]:
    """The near-duplicates that count: those a person did not reject."""
    return [pair for pair in near if decisions.get(("near", pair_name(*pair))) != "rejected"]


def pair_name(first: str, second: str) -> str:
    """What a decision on two near-duplicates is kept under. first, second: their digests."""
    return " ".join(sorted((first, second)))


def clusters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Digest → key of its cluster, of all that pairs hold together."""
    union = _Union()
    for first, second in pairs:
        union.join(first, second)
    return {digest: union.root(digest) for digest in union.known()}


def proposals(pictures: Sequence[Picture], decisions: Decisions) -> tuple[Proposal, ...]:
    """The groups that folders, file names and times suggest, those decided on too."""
    used = [p for p in pictures if p.used]
    levels = [("folder", str(level)) for level in range(1, _DEEPEST + 1)]
    found = (_proposal(kind, name, used, decisions) for kind, name in (*levels, ("name", "number"), ("burst", "5")))
    return tuple(proposal for proposal in found if proposal)


def _proposal(kind: str, name: str, used: Sequence[Picture], decisions: Decisions) -> Proposal | None:
    keyed = _groups(kind, name, used)
    several = {key: members for key, members in keyed.items() if len(members) > 1}
    together = sum(map(len, several.values()))
    verdict = decisions.get((kind, name), "")
    plausible = len(keyed) >= _LEAST_GROUPS and together >= _SHARE * len(used)
    if not verdict and not (several if kind == "burst" else plausible):
        return None
    largest = max(several, key=lambda key: (len(several[key]), key), default="")
    text = _evidence(kind, name, len(several), together)
    if largest:
        names = [PurePath(p.path).name for p in several[largest][:2]]
        text += f" {len(several[largest])} pictures, {' and '.join(names)} among them, are the largest group."
    return Proposal(kind, name, verdict, text, len(several), together)


def _evidence(kind: str, name: str, groups: int, together: int) -> str:
    match kind:
        case "folder":
            where = "folder below their class" if name == "1" else f"folder {name} levels below their class"
            return f"{together} pictures lie in {groups} groups that share a {where}."
        case "name":
            return f"The names of {together} pictures begin alike, up to a number, in {groups} groups."
    return f"{together} pictures were taken in {groups} bursts: one camera, at most {BURST.seconds} seconds apart."


def _groups(kind: str, name: str, pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Key → the pictures under it; a picture without a key is in none."""
    keys = _KEYS[kind](name, pictures)
    found: dict[str, list[Picture]] = defaultdict(list)
    for picture, key in zip(pictures, keys, strict=True):
        if key and picture.digest:
            found[key].append(picture)
    return found


def _folder_keys(name: str, pictures: Sequence[Picture]) -> list[str]:
    """The folders below that of the class, to a depth; a folder of the same name in another class is the same."""
    places = [(os.path.dirname(p.path), p.filed_as or p.label) for p in pictures]  # noqa: PTH120  # for 100,000 of them
    found = {place: _folder_key(*place, int(name)) for place in set(places)}
    return [found[place] for place in places]


def _folder_key(folder: str, label: str, depth: int) -> str:
    parts = PurePath(unicodedata.normalize("NFC", folder)).parts  # as labels are
    if label not in parts:
        return ""
    below = parts[len(parts) - parts[::-1].index(label) :]
    return "/".join(below[:depth]) if len(below) >= depth else ""


def _name_keys(_: str, pictures: Sequence[Picture]) -> list[str]:
    matches = (_SUBJECT.match(_stem(p.path)) for p in pictures)
    keys = [match[1].casefold() if match else "" for match in matches]
    # A name of one picture only says nothing.
    often = Counter(keys)
    return [key if often[key] > 1 else "" for key in keys]


def _stem(path: str) -> str:
    name = path[path.rfind(os.sep) + 1 :]
    return name.rpartition(".")[0] or name


def _burst_keys(_: str, pictures: Sequence[Picture]) -> list[str]:
    times = [_time(p.taken) for p in pictures]
    keys = [""] * len(pictures)
    order = sorted((when, index) for index, when in enumerate(times) if when)
    for number, ((camera, when), index) in enumerate(order):
        before = order[number - 1] if number else None
        follows = before and before[0][0] == camera and when - before[0][1] <= BURST
        keys[index] = keys[before[1]] if before and follows else f"{camera}|{when}"
    return keys


def _time(taken: str) -> tuple[str, datetime] | None:
    camera, _, when = taken.rpartition("|")
    try:
        # Times with and without their zone cannot be compared, and a camera's clock hardly changes within a burst.
        return camera, datetime.fromisoformat(when.replace(":", "-", 2)).replace(tzinfo=None)
    except ValueError:
        return None


_KEYS: dict[str, Callable[[str, Sequence[Picture]], list[str]]] = {
    "folder": _folder_keys,
    "name": _name_keys,
    "burst": _burst_keys,
}


class _Union:
    """Sets that grow together; each is called by its smallest member."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def known(self) -> Iterable[str]:
        return self._above.keys()

    def root(self, item: str) -> str:
        path = []
        while (above := self._above.get(item, item)) != item:
            path.append(item)
            item = above
        for passed in path:
            self._above[passed] = item
        return item

    def join(self, first: str, second: str) -> None:
        one, other = self.root(first), self.root(second)
        low, high = min(one, other), max(one, other)
        self._above[high] = low
        self._above.setdefault(low, low)

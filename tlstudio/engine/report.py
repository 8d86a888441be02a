"""What a set of pictures holds, what is wrong with it, and whether something can be learned from it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tlstudio.core import groups, splits
from tlstudio.core.catalogue import MAX_CLASSES, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Finding, FindingKind, Inspected
from tlstudio.core.groups import Decisions
from tlstudio.engine.survey import LAYOUT

FEW = 10
UNEQUAL = 3  # times as many pictures in the largest class as in the smallest
TINY = 32  # pixels of the shorter side: networks look at 224 and more
LONG = 2.0  # width to height or height to width, beyond which a square view misses half
FLAT = 4  # spread of brightness, 0..127
DARK = 16  # mean brightness, 0..255
SHOWN = 5

Group = tuple[Picture, ...]
# Said by lists of their own in the report's older keys.
_NOT_WARNED = ("unreadable", "duplicate", "near-duplicate")


def inspect(
    source: Path | str,
    pictures: Sequence[Picture],
    near: Iterable[tuple[str, str]] = (),
    decisions: Decisions = MappingProxyType({}),
    names: Iterable[str] = (),
) -> Inspected:
    """What a set of pictures holds and what is wrong with it.

    source: what to call it. near: pairs of digests that show the same. decisions: as of `Catalogue.decisions`. names:
    of the classes there should be, those without a picture too.
    """
    used = [p for p in pictures if p.used]
    refused = tuple({"path": p.path, "reason": p.refused} for p in pictures if p.refused)
    classes: dict[str, dict[str, int]] = {}
    for picture in used:
        counts = classes.setdefault(picture.label, dict.fromkeys(splits.SPLITS, 0))
        counts[picture.split] = counts.get(picture.split, 0) + 1
    copies = _Copies.among(used, list(near), decisions)
    of_classes = (*_on_lost_classes(pictures), *_on_empty_classes(pictures, names))
    findings = (*of_classes, *_on_the_set(used), *_on_pictures(pictures), *_on_copies(copies))
    return Inspected(
        source=str(source),
        found=len(pictures),
        read=len(pictures) - len(refused),
        refused=refused,
        classes=dict(sorted(classes.items())),
        duplicates=_paths(copies.duplicates),
        conflicts=_paths(copies.conflicts),
        leaks=_paths(copies.leaks),
        warnings=tuple(finding.text for finding in findings if finding.kind not in _NOT_WARNED),
        near_duplicates=_paths(copies.near),
        excluded=sum(p.excluded and not p.refused for p in pictures),
        findings=tuple(sorted(findings, key=_worst_first)),
        proposals=groups.proposals(pictures, decisions),
    )


def _paths(several: Iterable[Group]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(p.path for p in group) for group in several)


_ORDER: tuple[FindingKind, ...] = (
    *("one-class", "lost-class", "empty-class", "unreadable", "leak", "conflict", "near-leak", "group-leak"),
    *("near-conflict", "too-few", "imbalance", "spelling", "duplicate", "near-duplicate", "blank", "dark", "tiny"),
    *("shapes", "depth", "frames", "grey"),
)


def _worst_first(finding: Finding) -> int:
    return _ORDER.index(finding.kind)


@dataclass(frozen=True)
class _Copies:
    """Groups of pictures that show the same.

    duplicates: identical files of one class and split. conflicts: identical files in several classes. leaks: identical
    files on several sides. near, near_conflicts, near_leaks: different files that show the same: all such groups, and
    those in several classes or on several sides. group_leaks: groups on several sides for another reason than these.
    """

    duplicates: list[Group]
    conflicts: list[Group]
    leaks: list[Group]
    near: list[Group]
    near_conflicts: list[Group]
    near_leaks: list[Group]
    group_leaks: list[Group]

    @classmethod
    def among(cls, used: Sequence[Picture], near: list[tuple[str, str]], decisions: Decisions) -> "_Copies":
        same = _grouped((p, p.digest) for p in used)
        there = {p.digest for p in used}
        bound = [pair for pair in groups.bound(near, decisions) if pair[0] in there and pair[1] in there]
        cluster = groups.clusters(bound)
        alike = _grouped((p, cluster[p.digest]) for p in used if p.digest in cluster)
        keyed = zip(used, groups.keys(used, bound, decisions), strict=True)
        together = _grouped(keyed)
        conflicts, leaks = _differing(same, _label), _differing(same, _split)
        clean = {g[0].digest for g in same} - {g[0].digest for g in (*conflicts, *leaks)}
        told = {p.path for group in (*leaks, *_differing(alike, _split)) for p in group}
        return cls(
            duplicates=[g for g in same if g[0].digest in clean],
            conflicts=conflicts,
            leaks=leaks,
            near=alike,
            near_conflicts=_differing(alike, _label),
            near_leaks=_differing(alike, _split),
            group_leaks=[g for g in _differing(together, _split) if not told & {p.path for p in g}],
        )


def _label(picture: Picture) -> str:
    return picture.label


def _split(picture: Picture) -> str:
    return picture.split


def _grouped(keyed: Iterable[tuple[Picture, str]]) -> list[Group]:
    """The groups of two and more with one key; empty keys aside."""
    found: dict[str, list[Picture]] = defaultdict(list)
    for picture, key in keyed:
        found[key].append(picture)
    return [tuple(members) for key, members in found.items() if key and len(members) > 1]


def _differing(several: Iterable[Group], what: Callable[[Picture], str]) -> list[Group]:
    return [group for group in several if len({what(p) for p in group}) > 1]


def _on_lost_classes(pictures: Sequence[Picture]) -> Iterator[Finding]:
    lost: dict[str, list[Picture]] = defaultdict(list)
    readable = {p.label for p in pictures if not p.refused}
    for picture in pictures:
        if picture.refused and picture.label not in readable and readable:
            lost[picture.label].append(picture)
    if names := sorted(lost):
        text = f"No file of these classes can be read: {', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}."
        yield Finding("lost-class", f"{text} They are left out.", tuple(tuple(lost[name]) for name in names))


def _on_empty_classes(pictures: Sequence[Picture], names: Iterable[str]) -> Iterator[Finding]:
    """Classes that a person began or excluded all pictures of; what cannot be read is said elsewhere."""
    excluded: dict[str, list[Picture]] = {name: [] for name in names}
    refused = {p.label for p in pictures if p.refused}
    for picture in pictures:
        if picture.used:
            excluded.pop(picture.label, None)
        elif picture.label in excluded and not picture.refused:
            excluded[picture.label].append(picture)
    if empty := sorted(name for name, members in excluded.items() if members or name not in refused):
        text = f"No picture is in use of these classes: {', '.join(empty[:SHOWN])}{' …' if len(empty) > SHOWN else ''}."
        groups = tuple(tuple(excluded[name]) for name in empty if excluded[name])
        yield Finding("empty-class", f"{text} They are left out.", groups)


def _on_the_set(used: Sequence[Picture]) -> Iterator[Finding]:
    by_class: dict[str, list[Picture]] = defaultdict(list)
    for picture in used:
        by_class[picture.label].append(picture)
    sizes = Counter({label: len(members) for label, members in by_class.items()})
    if len(sizes) == 1:
        yield Finding("one-class", f"There is only one class, {next(iter(sizes))!r}; a classifier needs two.")
    few = [label for label, count in sorted(sizes.items()) if count < FEW]
    if few and len(sizes) > 1:
        text = f"Fewer than {FEW} pictures in: {', '.join(few[:SHOWN])}{' …' if len(few) > SHOWN else ''}."
        yield Finding("too-few", text, tuple(tuple(by_class[label]) for label in few))
    most, least = max(sizes, key=sizes.__getitem__, default=""), min(sizes, key=sizes.__getitem__, default="")
    if sizes[most] > UNEQUAL * sizes[least]:
        text = f"Classes differ in size: {most!r} has {sizes[most]} pictures, {least!r} {sizes[least]}."
        yield Finding("imbalance", f"{text} Rare classes will count for more in training.", (tuple(by_class[least]),))
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in sorted(sizes):
        spellings[label.casefold().strip()].append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            text = f"These classes differ only in capital letters or spaces: {', '.join(map(repr, alike))}."
            yield Finding("spelling", text, tuple(tuple(by_class[label]) for label in alike))


def _on_pictures(pictures: Sequence[Picture]) -> Iterator[Finding]:
    """What is odd about single pictures. Each sentence is given for several of them and for one."""
    used = [p for p in pictures if p.used]
    refused = [p for p in pictures if p.refused]
    yield from _about("unreadable", refused, "files could not be read and will not be used.",
                      "file could not be read and will not be used.")  # fmt: skip
    frames = [p for p in used if p.frames > 1]
    yield from _about("frames", frames, "files have several frames or pages; only the first is used.",
                      "file has several frames or pages; only the first is used.")  # fmt: skip
    deep = [p for p in used if p.mode.startswith(("I", "F"))]
    scaled = "more than 8 bits; each is scaled from its own darkest to its brightest value."
    yield from _about("depth", deep, f"pictures have {scaled}", f"picture has {scaled}")
    grey = [p for p in used if p.mode in ("1", "L", "LA", "La")]
    if 0 < len(grey) < len(used) / 2:
        many = "pictures are grey among coloured ones."
        yield from _about("grey", grey, many, "picture is grey among coloured ones.")
    tiny = [p for p in used if 0 < min(p.width, p.height) < TINY]
    small = f"less than {TINY} pixels wide or high; enlarged, there is little to see in"
    yield from _about("tiny", tiny, f"pictures are {small} them.", f"picture is {small} it.")
    long = [p for p in used if p.width and max(p.width, p.height) > LONG * min(p.width, p.height)]
    yield from _about("shapes", long, "pictures are more than twice as long as wide; the network sees their middle.",
                      "picture is more than twice as long as wide; the network sees its middle.")  # fmt: skip
    blank = [p for p in used if 0 <= p.contrast < FLAT]
    yield from _about("blank", blank, "pictures are of nearly one colour; there is nothing in them to learn from.",
                      "picture is of nearly one colour; there is nothing in it to learn from.")  # fmt: skip
    dark = [p for p in used if 0 <= p.light < DARK and p.contrast >= FLAT]
    yield from _about("dark", dark, "pictures are very dark.", "picture is very dark.")


def _about(kind: FindingKind, pictures: Sequence[Picture], several: str, one: str) -> Iterator[Finding]:
    if pictures:
        yield Finding(kind, _counted(len(pictures), several, one), (tuple(pictures),))


def _counted(number: int, several: str, one: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _on_copies(found: _Copies) -> Iterator[Finding]:
    good = "accuracy will look too good."
    elsewhere = "a changed copy on the other side of the split;"
    lines: tuple[tuple[FindingKind, list[Group], str, str], ...] = (
        ("duplicate", found.duplicates, "pictures are there more than once.", "picture is there more than once."),
        ("near-duplicate", found.near, "pictures are there again, re-encoded, resized or cropped.",
         "picture is there again, re-encoded, resized or cropped."),
        ("near-conflict", found.near_conflicts, "pictures have a changed copy in another class.",
         "picture has a changed copy in another class."),
        ("near-leak", found.near_leaks, f"pictures have {elsewhere} {good}", f"picture has {elsewhere} {good}"),
        ("group-leak", found.group_leaks, "groups that belong together are on both sides of the split.",
         "group that belongs together is on both sides of the split."),
        ("conflict", found.conflicts, "pictures are filed under more than one class.",
         "picture is filed under more than one class."),
        ("leak", found.leaks, f"pictures are both in training and in validation or test; {good}",
         f"picture is both in training and in validation or test; {good}"),
    )  # fmt: skip
    for kind, found_groups, several, one in lines:
        if found_groups:
            yield Finding(kind, _counted(len(found_groups), several, one), tuple(found_groups))


def check_trainable(source: Path | str, pictures: Sequence[Picture]) -> None:
    """Raise unless something can be learned from these pictures.

    Raises:
        UnusableImages: nothing readable, one class only, or a class without pictures to train on or to check with.
    """
    used = [p for p in pictures if p.used]
    if not used and any(p.excluded for p in pictures):
        remedy = "Include some of them again."
        raise UnusableImages(f"all {len(pictures)} pictures are excluded", path=source, remedy=remedy)
    if not used:
        remedy = "Save the pictures as JPEG or PNG; each one's own fault is listed with it."
        raise UnusableImages(f"none of {len(pictures)} files is a readable picture", path=source, remedy=remedy)
    labels = sorted({p.label for p in used})
    if len(labels) > MAX_CLASSES:
        raise UnusableImages(f"holds {len(labels)} classes; {MAX_CLASSES} are possible", path=source)
    if len(labels) < 2:
        raise UnusableImages(f"holds only one class, {labels[0]!r}; two are needed", path=source, remedy=LAYOUT)
    if len(used) > 1 and len({p.digest for p in used}) == 1:
        raise UnusableImages(f"all {len(used)} pictures are identical", path=source, remedy="Add others.")
    by_split = {name: Counter(p.label for p in used if p.split == name) for name in splits.SPLITS}
    if not by_split["train"]:
        remedy = "Add a train folder beside the others, or put the classes directly into the folder."
        raise UnusableImages("has no picture to train on, only some to check with", path=source, remedy=remedy)
    for label in labels:
        if not by_split["train"][label]:
            remedy = "Add pictures of it to the training part, or remove the class."
            raise UnusableImages(f"class {label!r} has no picture to train on", path=source, remedy=remedy)
        total = sum(counts[label] for counts in by_split.values())
        if total < 2:
            remedy = "Add at least one more picture of it: one to train on, one to check with."
            raise UnusableImages(f"class {label!r} has only one picture", path=source, remedy=remedy)
    if not by_split["val"]:
        raise UnusableImages("has no pictures to validate on", path=source, remedy="Add some, or more pictures.")

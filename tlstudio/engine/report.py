"""What a set of pictures holds, what is wrong with it, and whether something can be learned from it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tlstudio.core import splits
from tlstudio.core.catalogue import MAX_CLASSES, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Inspected
from tlstudio.engine.survey import LAYOUT


def inspect(source: Path | str, pictures: list[Picture]) -> Inspected:
    """What a set of pictures holds and what is wrong with it. source: what to call it."""
    readable = [p for p in pictures if p.used]
    refused = tuple({"path": p.path, "reason": p.refused} for p in pictures if p.refused)
    classes: dict[str, dict[str, int]] = {}
    for picture in readable:
        counts = classes.setdefault(picture.label, dict.fromkeys(splits.SPLITS, 0))
        counts[picture.split] = counts.get(picture.split, 0) + 1
    same: dict[str, list[Picture]] = defaultdict(list)
    for picture in readable:
        same[picture.digest].append(picture)
    groups = [group for group in same.values() if len(group) > 1]
    conflicts = [g for g in groups if len({p.label for p in g}) > 1]
    leaks = [g for g in groups if len({p.split for p in g}) > 1]
    elsewhere = {g[0].digest for g in (*conflicts, *leaks)}
    duplicates = [g for g in groups if g[0].digest not in elsewhere]
    return Inspected(
        source=str(source),
        found=len(pictures),
        read=len(pictures) - len(refused),
        refused=refused,
        classes=dict(sorted(classes.items())),
        duplicates=_paths(duplicates),
        conflicts=_paths(conflicts),
        leaks=_paths(leaks),
        warnings=tuple(_warnings(readable, conflicts, leaks)),
    )


def _paths(groups: list[list[Picture]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(p.path for p in group) for group in groups)


def _warnings(readable: list[Picture], conflicts: list[list[Picture]], leaks: list[list[Picture]]) -> Iterator[str]:
    sizes = Counter(p.label for p in readable)
    if len(sizes) == 1:
        yield f"There is only one class, {next(iter(sizes))!r}; a classifier needs two."
    few = [label for label, count in sorted(sizes.items()) if count < 10]
    if few and len(sizes) > 1:
        yield f"Fewer than 10 pictures in: {', '.join(few[:5])}{' …' if len(few) > 5 else ''}."
    most, least = max(sizes, key=sizes.__getitem__, default=""), min(sizes, key=sizes.__getitem__, default="")
    if sizes[most] > 3 * sizes[least]:
        yield (
            f"Classes differ in size: {most!r} has {sizes[most]} pictures, {least!r} {sizes[least]}. "
            "Rare classes will count for more in training."
        )
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in sorted(sizes):
        spellings[label.casefold().strip()].append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            yield f"These classes differ only in capital letters or spaces: {', '.join(map(repr, alike))}."
    moving = sum(p.frames > 1 for p in readable)
    if moving:
        yield f"{moving} files have several frames or pages; only the first is used."
    deep = sum(p.mode.startswith(("I", "F")) for p in readable)
    if deep:
        yield f"{deep} pictures have more than 8 bits; each is scaled from its own darkest to its brightest value."
    if conflicts:
        yield f"{len(conflicts)} pictures are filed under more than one class."
    if leaks:
        yield f"{len(leaks)} pictures are both in training and in validation or test; accuracy will look too good."


def check_trainable(source: Path | str, pictures: list[Picture]) -> None:
    """Raise unless something can be learned from these pictures.

    Raises:
        UnusableImages: nothing readable, one class only, or a class without pictures to train on or to check with.
    """
    readable = [p for p in pictures if p.used]
    if not readable:
        remedy = "Save the pictures as JPEG or PNG; each one's own fault is listed with it."
        raise UnusableImages(f"none of {len(pictures)} files is a readable picture", path=source, remedy=remedy)
    labels = sorted({p.label for p in readable})
    if len(labels) > MAX_CLASSES:
        raise UnusableImages(f"holds {len(labels)} classes; {MAX_CLASSES} are possible", path=source)
    if len(labels) < 2:
        raise UnusableImages(f"holds only one class, {labels[0]!r}; two are needed", path=source, remedy=LAYOUT)
    by_split = {name: Counter(p.label for p in readable if p.split == name) for name in splits.SPLITS}
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

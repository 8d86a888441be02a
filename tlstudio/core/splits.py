"""Which pictures train, which choose, which test: stratified, seeded, and what belongs together never on two sides."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from tlstudio.core.catalogue import Picture

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitRule:
    """What becomes of pictures that come without a split: fractions 0..1 of each class, drawn with `seed`."""

    val_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0


DEFAULT_SPLIT = SplitRule()


def divide(pictures: list[Picture], rule: SplitRule = DEFAULT_SPLIT, known: Iterable[Picture] = ()) -> list[Picture]:
    """Give every readable picture a split, one that is excluded too: it may come back.

    What the folder gave is kept; what belongs together stays on one side.

    Training and validation given: nothing moves. Only training (and test) given: a validation part is taken from the
    training pictures. Nothing given: all three by the rule.

    pictures: those of one `group`, or without one of one digest, belong together. known: pictures whose splits were
    drawn before by the same rule; they keep them. Where a group has come together from several sides, it goes to the
    one that has seen most of it: training before validation before test.
    """
    given = {p.split for p in pictures if p.split and not p.refused}
    if "train" in given and "val" in given:
        return [p if p.split else replace(p, split="train") for p in pictures]
    movable = [i for i, p in enumerate(pictures) if not p.refused and p.split in ("", "train")]
    test_fraction = 0.0 if given & {"train", "test"} else rule.test_fraction
    val_fraction = 0.0 if "val" in given else rule.val_fraction
    drawn: dict[str, str] = {}
    for p in known:
        if p.split and not p.refused:
            drawn[p.digest] = min(p.split, drawn.get(p.digest, p.split), key=SPLITS.index)
    groups = [pictures[i].group or pictures[i].digest for i in movable]
    kept: dict[Hashable, str] = {}
    for index, group in zip(movable, groups, strict=True):
        split = drawn.get(pictures[index].digest)
        if split is not None:
            kept[group] = min(split, kept.get(group, split), key=SPLITS.index)
    labels = [pictures[i].label for i in movable]
    chosen = assign(labels, groups, val_fraction, test_fraction, rule.seed, kept)
    result = list(pictures)
    for index, name in zip(movable, chosen, strict=True):
        result[index] = replace(pictures[index], split=name)
    return result


def assign(
    labels: Sequence[str],
    groups: Sequence[Hashable],
    val_fraction: float,
    test_fraction: float,
    seed: int,
    kept: Mapping[Hashable, str] = MappingProxyType({}),
) -> list[str]:
    """A split for each picture, in order.

    Members of a group (identical files, pictures of one patient) share a split; each class is divided on its own, so
    every split keeps its share of each class, as nearly as its groups allow. A class of two gets one for training and
    one for validation, a class of three or more at least one in every split that is asked for.

    labels, groups: one entry a picture. val_fraction, test_fraction: 0..1, together below 1. kept: groups that have a
    split already and stay in it, so that no picture a model was trained on ever becomes one to test it with; new ones
    fill up what is missing.
    """
    by_group: dict[Hashable, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_group[group].append(index)
    by_class: dict[str, list[Hashable]] = defaultdict(list)
    for group, members in by_group.items():
        by_class[labels[members[0]]].append(group)

    of_group: dict[Hashable, str] = {}
    for label, members_of in by_class.items():
        sizes = {group: len(by_group[group]) for group in members_of}
        val, test = _shares(sum(sizes.values()), val_fraction, test_fraction)
        due = {"val": val, "test": test}
        for group in members_of:
            if group in kept:
                of_group[group] = kept[group]
                due[kept[group]] = due.get(kept[group], 0) - sizes[group]
        fresh = sorted((g for g in members_of if g not in kept), key=lambda g: _draw(seed, label, g))
        trains = any(of_group.get(g) == "train" for g in members_of)
        of_group |= _dealt({g: sizes[g] for g in fresh}, due, trains)
    return [of_group[group] for group in groups]


def _dealt(sizes: Mapping[Hashable, int], due: Mapping[str, int], trains: bool) -> dict[Hashable, str]:
    """A split for each new group of a class, in the order drawn.

    sizes: pictures in each. due: pictures wanted in each split but training. trains: whether some train already.
    """
    found = dict.fromkeys(sizes, "train")
    spare = len(sizes) - (0 if trains else 1)
    for split in ("val", "test"):
        wanted = due[split]
        for group, size in sizes.items():
            if found[group] == "train" and spare and 0 < size <= wanted:
                found[group] = split
                wanted -= size
                spare -= 1
        waiting = [group for group in sizes if found[group] == "train"]
        if wanted > 0 and spare:
            # Those left are larger than what is missing: the smallest, if it brings the share nearer or is the first.
            least = min(waiting, key=sizes.__getitem__)
            if wanted == due[split] or sizes[least] < 2 * wanted:
                found[least] = split
                spare -= 1
    return found


def folds(labels: Sequence[str], groups: Sequence[Hashable], count: int, seed: int) -> list[int]:
    """The fold, 0..count-1, of each picture, in order.

    Members of a group share a fold; each class is dealt out evenly on its own, so every fold has its share of each
    class. labels, groups: one entry a picture.
    """
    by_group: dict[Hashable, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_group[group].append(index)
    found, sizes, of_class = [0] * len(labels), Counter[int](), Counter[tuple[str, int]]()
    drawn = sorted(by_group, key=lambda g: (labels[by_group[g][0]], _draw(seed, labels[by_group[g][0]], g)))
    for group in drawn:
        members = by_group[group]
        label = labels[members[0]]
        # First an even share of the class, then folds of even size.
        fold = min(range(count), key=lambda f: (of_class[label, f], sizes[f], f))
        of_class[label, fold] += len(members)
        sizes[fold] += len(members)
        for index in members:
            found[index] = fold
    return found


def _draw(seed: int, label: str, group: Hashable) -> bytes:
    return hashlib.blake2b(f"{seed}/{label}/{group}".encode(errors="surrogateescape"), digest_size=16).digest()


def _shares(count: int, val_fraction: float, test_fraction: float) -> tuple[int, int]:
    """How many of `count` go to validation and to test; training keeps at least one."""
    val = max(1, round(count * val_fraction)) if val_fraction > 0 else 0
    test = max(1, round(count * test_fraction)) if test_fraction > 0 else 0
    if val + test >= count:
        val, test = min(val, 1), min(test, 1)
    while val + test >= count and (val or test):
        val, test = (val, test - 1) if test else (val - 1, 0)
    return val, test

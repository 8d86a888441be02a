from collections import Counter

import pytest

from tlstudio.core.splits import assign


def test_every_class_keeps_its_share() -> None:
    labels = ["a"] * 100 + ["b"] * 20
    splits = assign(labels, range(120), 0.15, 0.15, seed=0)
    counts = Counter(zip(labels, splits, strict=True))
    assert counts == {
        ("a", "train"): 70,
        ("a", "val"): 15,
        ("a", "test"): 15,
        ("b", "train"): 14,
        ("b", "val"): 3,
        ("b", "test"): 3,
    }


def test_the_seed_decides_and_repeats() -> None:
    labels = ["a"] * 50
    assert assign(labels, range(50), 0.2, 0.2, 1) == assign(labels, range(50), 0.2, 0.2, 1)
    assert assign(labels, range(50), 0.2, 0.2, 1) != assign(labels, range(50), 0.2, 0.2, 2)


def test_identical_files_stay_on_one_side() -> None:
    groups = [i // 3 for i in range(90)]
    splits = assign(["a"] * 90, groups, 0.2, 0.2, 0)
    assert all(len({s for s, g in zip(splits, groups, strict=True) if g == group}) == 1 for group in set(groups))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, {"train": 1}), (2, {"train": 1, "val": 1}), (3, {"train": 1, "val": 1, "test": 1})],
)
def test_the_smallest_classes(count: int, expected: dict[str, int]) -> None:
    assert Counter(assign(["a"] * count, range(count), 0.15, 0.15, 0)) == expected


def test_more_pictures_leave_the_old_ones_where_they_are() -> None:
    before = assign(["a"] * 200, range(200), 0.15, 0.15, 0)
    after = assign(["a"] * 220, range(220), 0.15, 0.15, 0, kept=dict(enumerate(before)))
    assert after[:200] == before
    assert Counter(after) == {"train": 154, "val": 33, "test": 33}

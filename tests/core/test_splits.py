from collections import Counter

import pytest

from tlstudio.core.splits import assign, folds


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


def test_folds_have_their_share_of_each_class_and_of_all() -> None:
    labels = ["a"] * 53 + ["b"] * 11 + ["c"] * 5
    found = folds(labels, range(len(labels)), 5, seed=0)
    for label, count in Counter(labels).items():
        shares = Counter(f for f, other in zip(found, labels, strict=True) if other == label)
        assert len(shares) == 5
        assert set(shares.values()) <= {count // 5, count // 5 + 1}
    assert max(Counter(found).values()) - min(Counter(found).values()) <= 1


def test_folds_keep_identical_files_together_and_follow_the_seed() -> None:
    groups = [i // 3 for i in range(60)]
    labels = ["a"] * 30 + ["b"] * 30
    found = folds(labels, groups, 4, seed=0)
    assert len(set(zip(groups, found, strict=True))) == 20
    assert found == folds(labels, groups, 4, seed=0) != folds(labels, groups, 4, seed=1)
    backwards = folds(labels[::-1], groups[::-1], 4, seed=0)
    assert backwards[::-1] == found  # the order of the pictures says nothing

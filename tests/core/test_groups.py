import pytest

from tlstudio.core.catalogue import Picture
from tlstudio.core.groups import marked, pair_name, proposals
from tlstudio.core.splits import assign, divide


def picture(path: str, label: str = "", taken: str = "") -> Picture:
    return Picture(path, label or path.split("/")[2], digest=f"digest of {path}", taken=taken)


PATIENTS = [
    picture(f"/set/{'sick' if n % 3 else 'well'}/patient{n}_{shot:03d}.png") for n in range(20) for shot in range(5)
]
SESSIONS = [picture(f"/set/{label}/day{n}/{shot}.png") for label in "ab" for n in range(4) for shot in range(5)]
BURSTS = [picture(f"/set/a/{n}.jpg", taken=f"Canon|2020:05:01 12:{n // 3:02d}:{n % 3:02d}") for n in range(9)]


@pytest.mark.parametrize(
    ("pictures", "kind", "groups"), [(PATIENTS, "name", 20), (SESSIONS, "folder", 4), (BURSTS, "burst", 3)]
)
def test_groups_are_proposed_and_bind_when_confirmed(pictures: list[Picture], kind: str, groups: int) -> None:
    (proposal,) = proposals(pictures, {})
    assert (proposal.kind, proposal.groups, proposal.pictures) == (kind, groups, len(pictures))
    assert str(len(pictures)) in proposal.text
    assert len({p.group for p in marked(pictures, [], {})}) == len(pictures)
    confirmed = {(kind, proposal.name): "confirmed"}
    together = marked(pictures, [], confirmed)
    assert len({p.group for p in together}) == groups
    side = {p.group: p.split for p in divide(together)}
    assert all(p.split == side[p.group] for p in divide(together))
    assert set(side.values()) == {"train", "val", "test"}
    assert proposals(pictures, {(kind, proposal.name): "rejected"})[0].verdict == "rejected"


def test_names_that_say_nothing_propose_nothing() -> None:
    numbered = [picture(f"/set/a/{5_000_000 + n}_{n * 7919:x}.jpg") for n in range(50)]
    cameras = [picture(f"/set/b/IMG_{n}.jpg") for n in range(50)]
    assert proposals([*numbered, *cameras], {}) == ()


def test_near_duplicates_chain_unless_rejected() -> None:
    one, two, three = (picture(f"/set/a/{n}.png") for n in "123")
    pairs = [(one.digest, two.digest), (two.digest, three.digest)]
    assert len({p.group for p in marked([one, two, three], pairs, {})}) == 1
    rejected = {("near", pair_name(two.digest, one.digest)): "rejected"}
    assert len({p.group for p in marked([one, two, three], pairs, rejected)}) == 2


def test_shares_are_those_of_pictures_not_of_groups() -> None:
    groups = [f"patient {n}" for n in range(100) for _ in range(1 + n % 10)]
    found = assign(["a"] * len(groups), groups, 0.2, 0.1, seed=0)
    assert abs(found.count("val") - 0.2 * len(groups)) <= 10
    assert abs(found.count("test") - 0.1 * len(groups)) <= 10


@pytest.mark.parametrize(
    ("sizes", "splits"), [([9], {"train"}), ([5, 4], {"train", "val"}), ([9, 9, 1], {"train", "val", "test"})]
)
def test_few_groups_leave_one_to_train_on(sizes: list[int], splits: set[str]) -> None:
    groups = [n for n, size in enumerate(sizes) for _ in range(size)]
    assert set(assign(["a"] * len(groups), groups, 0.15, 0.15, seed=0)) == splits


def test_a_group_from_several_sides_goes_to_training() -> None:
    before = [Picture(f"/{n}", "a", split, digest=f"d{n}") for n, split in enumerate(["train", "val", "test", "test"])]
    now = marked([Picture(p.path, "a", digest=p.digest) for p in before], [("d0", "d2")], {})
    assert [p.split for p in divide(now, known=before)] == ["train", "val", "train", "test"]


def test_times_with_and_without_their_zone_stand_side_by_side() -> None:
    zoned = [picture(f"/set/a/{n}.jpg", taken=f"Canon|2020:05:01 12:00:0{n}{'+02:00' * (n % 2)}") for n in range(4)]
    (proposal,) = proposals(zoned, {})
    assert (proposal.kind, proposal.groups, proposal.pictures) == ("burst", 1, 4)


def test_the_folder_of_a_class_is_found_however_its_name_is_spelt() -> None:
    cafe = [picture(f"/set/cafe\u0301/day{n}/{shot}.png", "caf\u00e9") for n in range(4) for shot in range(5)]
    assert [(p.kind, p.groups) for p in proposals(cafe, {})] == [("folder", 4)]

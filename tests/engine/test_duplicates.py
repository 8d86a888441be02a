import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.edits import Edits
from tlstudio.core.events import Inspected
from tlstudio.core.project import Project
from tlstudio.engine.decode import decode
from tlstudio.engine.duplicates import measure, near

Change = Callable[[Image.Image, random.Random, Path], None]


def re_encoded(image: Image.Image, draw: random.Random, place: Path) -> None:
    image.save(place.with_suffix(".jpg"), quality=draw.randint(40, 92))


def resized(image: Image.Image, draw: random.Random, place: Path) -> None:
    factor = draw.choice([0.3, 0.5, 0.75, 1.5])
    size = (round(image.width * factor), round(image.height * factor))
    image.resize(size, draw.choice([Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])).save(
        place.with_suffix(".webp")
    )


@dataclass
class Planted:
    """A folder of class folders with copies in it; pairs of file names, original first."""

    folder: Path
    exact: list[tuple[str, str]] = field(default_factory=list)
    near: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)


def planted(data: Path, folder: Path, pictures: int, copies: int, conflicts: int) -> Planted:
    """Real photographs of seven classes with as many exact and as many changed copies, and some in a second class."""
    draw = random.Random(0)
    sources = sorted(p for p in data.glob("hymenoptera/*/*/*.jpg")) + sorted(data.glob("flowers5/*/*.jpg"))
    chosen = draw.sample(sources, min(pictures, len(sources)))
    made = Planted(folder)
    classes = sorted({p.parent.name for p in chosen})
    for path in chosen:
        place = folder / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    originals = [folder / p.parent.name / p.name for p in chosen]
    for number, path in enumerate(originals[:copies]):
        shutil.copy(path, path.with_name(f"exact{number}.jpg"))
        made.exact.append((path.name, f"exact{number}.jpg"))
    for number, path in enumerate(originals[copies : 2 * copies]):
        change = (re_encoded, resized)[number % 2]
        change(decode(path).image, draw, path.with_name(f"near{number}"))
        made.near.append((path.stem, f"near{number}"))
    for number, path in enumerate(originals[2 * copies : 2 * copies + conflicts]):
        other = draw.choice([label for label in classes if label != path.parent.name])
        shutil.copy(path, folder / other / f"conflict{number}.jpg")
        made.conflicts.append((path.name, f"conflict{number}.jpg"))
    return made


def check(made: Planted, project: Project) -> tuple[int, int]:
    """Scan, require what must hold, and return how many changed copies and how many false pairs were found."""
    *_, seen = tasks.scan(project, made.folder)
    assert isinstance(seen, Inspected)
    by_name = {Path(p.path).name: p for p in project.catalogue.pictures()}
    for original, copy in (*made.exact, *made.conflicts):
        assert by_name[original].split == by_name[copy].split
    assert seen.leaks == ()
    assert {frozenset(Path(p).name for p in group) for group in seen.conflicts} >= set(map(frozenset, made.conflicts))
    assert len(seen.conflicts) == len(made.conflicts)
    found = {frozenset(stems(project, pair)) for pair in project.catalogue.near()}
    true = set(map(frozenset, made.near))
    by_stem = {Path(p.path).stem: p for p in project.catalogue.pictures()}
    assert all(len({by_stem[stem].split for stem in pair}) == 1 for pair in found)
    return len(true & found), len(found - true)


def stems(project: Project, digests: tuple[str, str]) -> set[str]:
    return {Path(p.path).stem for p in project.catalogue.pictures() if p.digest in digests}


def test_planted_copies_are_found_and_stay_on_one_side(data: Path, tmp_path: Path) -> None:
    made = planted(data, tmp_path / "set", pictures=120, copies=20, conflicts=5)
    with Project.open(tmp_path / "project") as project:
        found, false = check(made, project)
    assert found >= 19
    assert false <= 1


@pytest.mark.slow
def test_planted_copies_among_all_pictures(data: Path, tmp_path: Path) -> None:
    made = planted(data, tmp_path / "set", pictures=10_000, copies=200, conflicts=50)
    with Project.open(tmp_path / "project") as project:
        found, false = check(made, project)
        pictures = project.catalogue.size()
    print(f"{found} of 200 changed copies found, {false} other pairs among {pictures} pictures")
    assert found >= 190
    assert false <= 0.01 * pictures


def left_and_right(data: Path, folder: Path) -> list[Path]:
    """A set with given splits; one ant is in both as it is, one bee changed."""
    for part, labels in {"train": 6, "val": 3}.items():
        for label in ("ants", "bees"):
            (folder / part / label).mkdir(parents=True)
            for path in sorted((data / "hymenoptera" / part / label).glob("*.jpg"))[:labels]:
                shutil.copy(path, folder / part / label)
    ant, bee = (sorted((folder / "val" / label).iterdir())[0] for label in ("ants", "bees"))
    shutil.copy(ant, folder / "train" / "ants" / "copy.jpg")
    resized(decode(bee).image, random.Random(0), folder / "train" / "bees" / "copy")
    return [folder / "train" / "ants" / "copy.jpg", folder / "train" / "bees" / "copy.webp"]


@pytest.mark.parametrize("remedy", ["exclude", "move"])
def test_leaks_of_a_given_split_are_named_and_mended_in_one_step(data: Path, tmp_path: Path, remedy: str) -> None:
    copies = left_and_right(data, tmp_path / "set")
    with Project.open(tmp_path / "project") as project:
        *_, seen = tasks.scan(project, tmp_path / "set")
        found = {f.kind: f for f in seen.findings if f.kind.endswith("leak")}
        assert found.keys() == {"leak", "near-leak"}
        for finding, copy in zip((found["leak"], found["near-leak"]), copies, strict=True):
            assert str(copy) in {p.path for p in project.catalogue.some(finding.ids)}
        groups = [[p.id for p in group] for finding in found.values() for group in finding.groups]
        list(tasks.mend_leaks(project, groups, remedy))
        *_, mended = tasks.report(project)
        assert not any(f.kind.endswith("leak") for f in mended.findings)
        assert mended.excluded == (2 if remedy == "exclude" else 0)
        assert mended.classes["ants"]["val"] == (3 if remedy == "exclude" else 2)
        *_, again = rescan(project)
        assert again.classes == mended.classes
        list(tasks.edit(project, Edits.undo))
        *_, undone = tasks.report(project)
        assert undone.classes == seen.classes


def test_a_pair_that_only_looks_alike_is_let_go(data: Path, tmp_path: Path) -> None:
    left_and_right(data, tmp_path / "set")
    with Project.open(tmp_path / "project") as project:
        *_, seen = tasks.scan(project, tmp_path / "set")
        (finding,) = [f for f in seen.findings if f.kind == "near-leak"]
        list(tasks.separate(project, finding.ids))
        *_, seen = rescan(project)
        assert "near-leak" not in {f.kind for f in seen.findings}
        assert seen.near_duplicates == ()


def test_confirmed_groups_come_to_one_side_each(pictures: Path, tmp_path: Path) -> None:
    for label in ("red", "green", "blue"):
        for number in range(8):
            (pictures / label / f"{number}.png").rename(pictures / label / f"{label}{number // 2}_{number}.png")
    with Project.open(tmp_path / "project") as project:
        *_, seen = tasks.scan(project, pictures)
        (proposal,) = seen.proposals
        *_, _ = tasks.decide(project, proposal.kind, proposal.name, "confirmed")
        sides: dict[str, set[str]] = {}
        for p in project.catalogue.readable():
            sides.setdefault(Path(p.path).stem.split("_")[0], set()).add(p.split)
        assert all(len(side) == 1 for side in sides.values())
        assert {split for side in sides.values() for split in side} == {"train", "val", "test"}
        before = project.catalogue.pictures()
        *_, again = rescan(project)
        assert project.catalogue.pictures() == before
        assert again.proposals[0].verdict == "confirmed"
        list(tasks.edit(project, Edits.undo))
        *_, undone = tasks.report(project)
        assert undone.classes == seen.classes
        assert undone.proposals == seen.proposals


def test_flat_dark_and_small_pictures_are_named_and_alike_to_none(tmp_path: Path) -> None:
    for label, light in (("a", 200), ("b", 4)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (40, 40), (light, light, light + number)).save(tmp_path / "set" / label / f"{number}.png")
    noise = random.Random(0).randbytes(20 * 20)
    Image.frombytes("L", (20, 20), bytes(value // 10 for value in noise)).save(tmp_path / "set" / "a" / "dark.png")
    *_, seen = tasks.inspect(tmp_path / "set")
    found = {f.kind: [Path(p.path).name for p in f.groups[0]] for f in seen.findings}
    assert len(found["blank"]) == 20
    assert found["dark"] == found["tiny"] == found["grey"] == ["dark.png"]
    assert seen.near_duplicates == ()


def test_only_what_is_new_is_compared(data: Path) -> None:
    paths = sorted((data / "flowers5" / "tulip").glob("*.jpg"))[:3]
    seen = [vars(measure(decode(path).image)) for path in [paths[0], paths[0], *paths[1:]]]
    pictures = [Picture(str(n), "a", digest=f"d{n}", **facts) for n, facts in enumerate(seen)]

    def found(known: list[str]) -> list[tuple[str, str]]:
        comparing = near(pictures, known)
        while True:
            try:
                next(comparing)
            except StopIteration as end:
                return list(end.value)

    assert found([]) == found(["d1", "d2", "d3"]) == found(["d0"]) == [("d0", "d1")]
    assert found(["d0", "d1"]) == []

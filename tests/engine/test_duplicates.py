import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from tlstudio import tasks
from tlstudio.core.events import Inspected
from tlstudio.core.project import Project
from tlstudio.engine.decode import decode

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

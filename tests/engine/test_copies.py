"""Pictures copied into the project: theirs are the same pixels, and the originals may go."""

import os
import shutil
from collections import Counter, namedtuple
from pathlib import Path

import platformdirs
import pytest
from PIL import Image

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Difference, Inspected, Progress, Warned
from tlstudio.core.project import Project
from tlstudio.engine import copies


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_the_originals_may_go_and_were_never_touched(pictures: Path, tmp_path: Path) -> None:
    before = contents(pictures)
    shutil.copy(pictures / "red" / "1.png", pictures / "red" / "again.png")
    shutil.copy(pictures / "red" / "2.png", pictures / "blue" / "red.png")
    with Project.open(tmp_path / "project") as project:
        said = [event.text for event in tasks.scan(project, pictures, copy=True) if isinstance(event, Warned)]
        assert "1 picture is identical to another of its class; one is copied." in said
        after = contents(pictures)
        assert {path: after[path] for path in before} == before
        shutil.rmtree(pictures)
        held = project.catalogue.readable()
        assert Counter(p.label for p in held) == {"red": 8, "green": 8, "blue": 9}
        for picture in held:
            inside = Path(picture.path).relative_to(project.folder / "pictures")
            assert inside.name.count(picture.digest) == 1
            assert inside.parent.name == picture.digest[:2]
        assert {data for data, _ in contents(project.folder / "pictures").values()} >= {
            data for path, (data, _) in before.items() if path.name != "broken.png"
        }
        list(rescan(project))
        assert project.catalogue.readable() == held
        *_, last = tasks.report(project)
        assert len(last.conflicts) == 1


def test_copies_are_not_decoded_again_and_keep_their_date(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(pictures / "red" / "1.png", (10**9, 10**9))
    with Project.open(tmp_path / "project") as project:
        said = [event for event in tasks.scan(project, pictures, copy=True) if isinstance(event, Progress)]
        assert {event.task for event in said} == {"reading pictures", "copying pictures"}
        (old,) = [p for p in project.catalogue.readable() if p.mtime_ns == 10**18]
        assert Path(old.path).name == f"1.{old.digest}.png"


def test_a_project_can_be_carried_elsewhere_with_its_pictures(pictures: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures, copy=True))
        splits = {p.digest: p.split for p in project.catalogue.readable()}
    shutil.rmtree(pictures)
    (tmp_path / "project").rename(tmp_path / "carried")
    with Project.open(tmp_path / "carried") as project:
        *_, found = tasks.difference(project)
        assert isinstance(found, Difference)
        assert found.is_empty and not found.missing
        assert {p.digest: p.split for p in project.catalogue.readable()} == splits
        assert all(Path(p.path).is_file() for p in project.catalogue.readable())


def test_loose_files_are_copied_and_taken_out_again(pictures: Path, tmp_path: Path) -> None:
    loose = [tmp_path / f"{name}.png" for name in ("=cmd", "naughty \u202e name")]
    for side, path in enumerate(loose, start=30):
        Image.new("RGB", (side, 30), "red").save(path)
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        list(tasks.add(project, loose, "red", copy=True))
        assert tasks.not_yet_added(project, [*loose, pictures], "red") == (pictures,)
        for path in loose:
            path.unlink()
        list(rescan(project))
        assert sum(p.label == "red" for p in project.catalogue.readable()) == 10
        list(tasks.remove(project, loose, "red"))
        assert sum(p.label == "red" for p in project.catalogue.readable()) == 8


def test_the_same_file_under_two_classes_stays_a_conflict_when_it_is_copied(pictures: Path, tmp_path: Path) -> None:
    second = tmp_path / "second" / " red"  # a space at its beginning is part of a class's name
    second.mkdir(parents=True)
    shutil.copy(pictures / "red" / "1.png", second / "1.png")
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures, copy=True))
        for _ in range(2):
            *_, seen = tasks.add(project, [second.parent], copy=True)
            assert isinstance(seen, Inspected)
            assert len(seen.conflicts) == 1
            counts = Counter(p.label for p in project.catalogue.readable())
            assert counts == {"red": 8, "green": 8, "blue": 8, " red": 1}


def test_what_lies_in_the_cache_is_always_copied(pictures: Path, tmp_path: Path, fresh_cache: Path) -> None:
    pasted = platformdirs.user_cache_path("tlstudio", appauthor=False) / "pasted" / "pasted picture.png"
    pasted.parent.mkdir(parents=True)
    Image.new("RGB", (77, 30), "red").save(pasted)
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        list(tasks.add(project, [pasted], "red"))
        shutil.rmtree(fresh_cache)
        (held,) = [p for p in project.catalogue.readable() if p.width == 77]
        assert Path(held.path).is_relative_to(project.folder)
        assert Path(held.path).is_file()


def test_a_full_disk_is_named_with_what_is_needed_before_anything_is_copied(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(10**9, 10**9 - 1000, 1000))
    with Project.open(tmp_path / "project") as project:
        with pytest.raises(ProjectError, match=r"project/pictures: the pictures take 0 MB, and 0 MB are free.*Free"):
            list(tasks.scan(project, pictures, copy=True))
        assert contents(project.folder / "pictures") == {}
        assert project.catalogue.pictures() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
def test_a_disk_that_fills_up_leaves_nothing_behind(pictures: Path, tmp_path: Path) -> None:
    import resource
    import signal

    noise = Image.effect_noise((300, 300), 90)
    noise.save(pictures / "red" / "large.png")
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        try:
            with pytest.raises(ProjectError, match=r"large.*cannot be written.*Free some space"):
                list(tasks.add(project, [pictures / "red"], "more", copy=True))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert contents(project.folder / "pictures") == {}
        assert len(project.catalogue.readable()) == 25


def test_a_picture_that_changes_meanwhile_is_left_out_by_name(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        known = project.catalogue.scanned()
        Image.new("RGB", (9, 9)).save(pictures / "red" / "1.png")
        task = copies.take_in(project.folder, known, ())
        skipped = [event for event in task if event.kind == "picture_skipped"]
        assert [Path(event.path).name for event in skipped] == ["1.png"]
        assert skipped[0].reason == "changed while it was copied. Add it again."
        assert len([p for p in contents(project.folder / "pictures") if p.suffix == ".png"]) == 23

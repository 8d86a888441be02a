import os
import shutil
import warnings
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Inspected, PictureSkipped, Warned
from tlstudio.core.project import Project
from tlstudio.engine import reading, report, survey


def look(path: Path) -> Inspected:
    *_, last = tasks.inspect(path)
    assert isinstance(last, Inspected)
    return last


def found_in(path: Path) -> tuple[Picture, ...]:
    """What a place names, none of it opened."""
    task = survey.find(path)
    while True:
        try:
            next(task)
        except StopIteration as end:
            return end.value.pictures


def test_class_folders(pictures: Path) -> None:
    seen = look(pictures)
    assert (seen.found, seen.read) == (25, 24)
    assert {name: sum(counts.values()) for name, counts in seen.classes.items()} == {"blue": 8, "green": 8, "red": 8}
    assert [Path(r["path"]).name for r in seen.refused] == ["broken.png"]


def test_given_splits_are_kept(data: Path) -> None:
    seen = look(data / "hymenoptera")
    assert seen.classes == {
        "ants": {"train": 124, "val": 70, "test": 0},
        "bees": {"train": 121, "val": 83, "test": 0},
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_every_name_of_a_validation_folder(pictures: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "set").mkdir()
    shutil.copytree(pictures, tmp_path / "set" / "Train")
    shutil.copytree(pictures, tmp_path / "set" / name)
    assert {p.split for p in found_in(tmp_path / "set")} == {"train", "val"}


def test_training_and_test_given_takes_validation_from_training(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    shutil.copytree(pictures, tmp_path / "set" / "train")
    # Identical files on both sides would be leaks; these differ.
    for label in ("red", "green", "blue"):
        (tmp_path / "set" / "test" / label).mkdir(parents=True)
        Image.new("RGB", (5, 5)).save(tmp_path / "set" / "test" / label / f"{label}.bmp")
    seen = look(tmp_path / "set")
    assert seen.classes["red"] == {"train": 7, "val": 1, "test": 1}


def test_links_to_folders_are_not_followed_and_droppings_not_counted(pictures: Path) -> None:
    (pictures / "red" / "loop").symlink_to(pictures, target_is_directory=True)
    (pictures / "other").symlink_to(pictures / "red", target_is_directory=True)
    (pictures / "red" / "Thumbs.db").write_bytes(b"")
    (pictures / "red" / ".hidden.png").write_bytes(b"")
    os.mkfifo(pictures / "red" / "pipe")
    (pictures / "red" / "deeper").mkdir()
    shutil.copy(pictures / "red" / "1.png", pictures / "red" / "deeper" / "again.png")
    assert Counter(p.label for p in found_in(pictures)) == {"red": 10, "green": 8, "blue": 8}


def test_what_lies_beside_the_classes_is_said(pictures: Path, tmp_path: Path) -> None:
    shutil.copy(pictures / "red" / "1.png", pictures / "loose.png")
    first, *_ = tasks.inspect(pictures)
    assert first == Warned("Left out, because it is in no class folder: loose.png")
    shutil.copytree(pictures, tmp_path / "set" / "train")
    (tmp_path / "set" / "docs").mkdir()
    first, *_ = tasks.inspect(tmp_path / "set")
    assert first == Warned("Left out, because it is in no class folder: train/loose.png, docs")


def test_a_class_of_trains_is_a_class(pictures: Path) -> None:
    (pictures / "red").rename(pictures / "train")
    assert Counter(p.label for p in found_in(pictures)) == {"train": 9, "green": 8, "blue": 8}
    assert {p.split for p in found_in(pictures)} == {""}


def test_a_list_gives_labels_and_splits(pictures: Path) -> None:
    lines = ["path,label,split", "red/1.png,warm,train", "green/1.png,cold,validation", "gone.png,cold,"]
    (pictures / "list.csv").write_text("\n".join(lines))
    seen = look(pictures / "list.csv")
    assert (seen.found, seen.read) == (3, 2)
    assert "No such file" in seen.refused[0]["reason"]
    found = found_in(pictures / "list.csv")
    assert {p.label: p.split for p in found if p.split} == {"warm": "train", "cold": "val"}


def test_duplicates_conflicts_and_leaks(pictures: Path, tmp_path: Path) -> None:
    shutil.copy(pictures / "red" / "1.png", pictures / "red" / "again.png")
    shutil.copy(pictures / "red" / "2.png", pictures / "blue" / "red.png")
    seen = look(pictures)
    assert [sorted(Path(p).name for p in group) for group in seen.duplicates] == [["1.png", "again.png"]]
    assert [sorted(Path(p).name for p in group) for group in seen.conflicts] == [["2.png", "red.png"]]
    assert seen.leaks == ()  # our own split keeps identical files together
    shutil.copytree(pictures / "red", tmp_path / "set" / "train" / "red")
    shutil.copytree(pictures / "red", tmp_path / "set" / "val" / "red")
    assert len(look(tmp_path / "set").leaks) == 8


def test_names_that_are_no_text_are_refused_and_stored(pictures: Path, tmp_path: Path) -> None:
    shutil.copy(pictures / "red" / "1.png", os.fsencode(pictures / "red") + b"/caf\xe9.png")
    with Project.open(tmp_path / "project") as project:
        events = list(tasks.scan(project, pictures))
        skipped = [e for e in events if isinstance(e, PictureSkipped)]
        assert [Path(e.path).name for e in skipped] == ["broken.png", "caf\\udce9.png"]
        assert len(project.catalogue.pictures()) == 26


def test_unchanged_files_are_not_opened_again(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def counting(path: Path) -> object:
        opened.append(path.name)
        return decode(path)

    decode = reading.decode_with_digest
    monkeypatch.setattr(reading, "decode_with_digest", counting)
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        assert len(opened) == 25
        opened.clear()
        Image.new("RGB", (9, 9)).save(pictures / "red" / "1.png")
        list(tasks.scan(project, pictures))
        assert sorted(opened) == ["1.png", "broken.png"]  # what could not be read may be readable now


def test_looking_changes_no_file(pictures: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in pictures.rglob("*.png")}
    look(pictures)
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in pictures.rglob("*.png")}


def test_warnings_name_what_is_wrong(pictures: Path) -> None:
    for number in range(40):
        Image.new("RGB", (10, 10 + number)).save(pictures / "red" / f"more{number}.gif")
    with warnings.catch_warnings():
        texts = " ".join(look(pictures).warnings)
    assert "Classes differ in size: 'red' has 48" in texts
    assert "Fewer than 10 pictures in: blue, green" in texts


def test_trainable_says_which_class_lacks_what() -> None:
    some = [Picture(f"/{i}", "a", "train", digest=str(i)) for i in range(3)]
    one = Picture("/b", "b", "train", digest="b")
    with pytest.raises(UnusableImages, match="'b' has only one picture"):
        report.check_trainable(Path("/"), [*some, one])
    with pytest.raises(UnusableImages, match="no pictures to validate on"):
        report.check_trainable(Path("/"), [*some, one, Picture("/c", "b", "train", digest="c")])
    with pytest.raises(UnusableImages, match="'b' has no picture to train on"):
        report.check_trainable(Path("/"), [*some, Picture("/c", "b", "val", digest="c")])


def test_a_picture_keeps_its_split_for_life(pictures: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        before = {p.path: p.split for p in project.catalogue.readable()}
        for number in range(20):
            Image.new("RGB", (50 + number, 20)).save(pictures / "red" / f"new{number}.png")
        list(rescan(project))
        after = {p.path: p.split for p in project.catalogue.readable()}
        assert {path: after[path] for path in before} == before
        new = Counter(split for path, split in after.items() if path not in before)
        assert new["test"] == new["val"] == 3  # 15 % of 28, less the one that was there

        said = list(tasks.scan(project, pictures, tasks.split_rule(0.15, 0.15, seed=1)))
        assert any("drawn anew" in e.text for e in said if isinstance(e, Warned))


def test_a_failed_training_set_leaves_the_project_as_it_was(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    shutil.copytree(pictures / "red", tmp_path / "one" / "red")
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        before = project.catalogue.pictures()
        with pytest.raises(UnusableImages, match="only one class"):
            list(tasks.scan(project, tmp_path / "one", to_train=True))
        assert project.catalogue.pictures() == before


def test_what_was_refused_is_tried_again(pictures: Path, tmp_path: Path) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        refused = next(p for p in project.catalogue.pictures() if p.refused)
        facts = Path(refused.path).stat()
        size = facts.st_size
        Image.new("1", (1, 1)).save(refused.path, "PNG")
        with Path(refused.path).open("ab") as file:
            file.write(b"\0" * (size - Path(refused.path).stat().st_size))
        os.utime(refused.path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        list(rescan(project))
        assert not any(p.refused for p in project.catalogue.pictures())


def test_pipes_and_zero_bytes_in_names_are_refused_and_do_not_wait(pictures: Path) -> None:
    os.mkfifo(pictures / "pipe")
    (pictures / "list.csv").write_bytes(b"path,label\npipe,a\nred/1\0.png,a\nred/1.png,b\n")
    seen = look(pictures / "list.csv")
    assert (seen.found, seen.read) == (3, 1)
    assert any("a pipe, socket or device" in r["reason"] for r in seen.refused)


def warned(path: Path, *more: Path) -> str:
    return " ".join(e.text for e in tasks.inspect(path, more) if isinstance(e, Warned))


def test_folders_that_hold_nothing_are_named(pictures: Path) -> None:
    for name, content in (("empty", None), ("system", "Thumbs.db"), ("hidden", ".DS_Store")):
        (pictures / name).mkdir()
        if content:
            (pictures / name / content).write_bytes(b"")
    assert warned(pictures) == "There are no files in: empty, hidden, system"
    assert set(look(pictures).classes) == {"red", "green", "blue"}


def test_a_folder_too_high_or_too_low_is_noticed(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "above").mkdir()
    shutil.copytree(pictures, tmp_path / "above" / "set")
    said = warned(tmp_path / "above")
    hint = "If the folders in it (blue, green, red) are the classes, give what holds these instead."
    assert f"set: each counts as one class. {hint}" in said
    shutil.copytree(pictures, tmp_path / "above" / "second")
    assert f"second, set: each counts as one class. {hint}" in warned(tmp_path / "above")
    assert "each counts as one class" not in warned(pictures)
    shutil.copytree(pictures / "red", tmp_path / "flat" / "train")
    shutil.copytree(pictures / "green", tmp_path / "flat" / "Val")
    assert "Train, val and test are taken for classes here" in warned(tmp_path / "flat")
    assert "There is only one class, 'red'" in " ".join(look(pictures / "red").warnings)


@pytest.mark.parametrize(
    ("parts", "splits"),
    [
        (["train", "val", "test"], {"train", "val", "test"}),
        (["TRAIN", "Valid"], {"train", "val"}),
        (["training", "Test"], {"train", "val", "test"}),
        (["train"], {"train", "val"}),
    ],
)
def test_any_part_may_be_missing(tmp_path: Path, parts: list[str], splits: set[str]) -> None:
    for number, part in enumerate(parts):
        for label in ("red", "green"):
            (tmp_path / part / label).mkdir(parents=True)
            for size in range(4):
                Image.new("RGB", (9 + size, 9 + number), label).save(tmp_path / part / label / f"{size}.png")
    seen = look(tmp_path)
    assert {split for split, count in seen.classes["red"].items() if count} == splits
    assert seen.leaks == ()


def test_without_a_part_to_train_on_it_says_so(pictures: Path, tmp_path: Path) -> None:
    for part in ("val", "test"):
        shutil.copytree(pictures, tmp_path / "set" / part)
    with (
        Project.open(tmp_path / "project") as project,
        pytest.raises(UnusableImages, match=r"no picture to train on.*Add a train folder"),
    ):
        list(tasks.scan(project, tmp_path / "set", to_train=True))


def test_classes_of_the_same_name_in_several_places_are_joined(pictures: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(pictures / "red", second / "red")
    (second / "violet").mkdir()
    for number, label in enumerate(("red", "violet")):
        Image.new("RGB", (7, 7 + number)).save(second / label / "new.png")
    listed = tmp_path / "list.csv"
    listed.write_text("path,label\npictures/blue/1.png,violet\n")
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures, more=[second, listed]))
        counts = Counter(p.label for p in project.catalogue.readable())
        assert counts == {"red": 17, "green": 8, "blue": 7, "violet": 2}  # what the last one says of a file holds
        list(rescan(project))
        assert Counter(p.label for p in project.catalogue.readable()) == counts


def test_folders_of_pictures_are_a_class_each(pictures: Path) -> None:
    *_, seen = tasks.inspect(pictures / "red", (pictures / "green",))
    assert isinstance(seen, Inspected)
    assert (seen.source, list(seen.classes)) == (f"{pictures / 'red'} and 1 more", ["green", "red"])


def test_one_name_spelt_two_ways_is_one_class_and_one_in_capitals_is_said(pictures: Path) -> None:
    for name in ("cafe\u0301", "Red"):
        (pictures / name).mkdir()
        Image.new("RGB", (6, len(name))).save(pictures / name / "1.png")
    (pictures / "list.csv").write_text("path,label\nblue/1.png,caf\u00e9\n", encoding="utf-8")
    *_, seen = tasks.inspect(pictures, (pictures / "list.csv",))
    assert isinstance(seen, Inspected)
    assert sum(seen.classes["caf\u00e9"].values()) == 2
    assert "These classes differ only in capital letters or spaces: 'Red', 'red'." in seen.warnings

"""Folders as they should not be: each file is found once, each problem is named, and nothing takes long or hangs."""

import os
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.engine.test_survey import found_in, look, warned
from tlstudio import tasks
from tlstudio.core.events import Inspected
from tlstudio.core.project import Project

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows knows neither such names nor pipes")

RTL = "صور القطط \u202egnp.exe"
NAMES = [
    *(RTL, "👩‍👩‍👧‍👦 👍🏽", "<b onclick=alert(1)>bold&amp;", "=cmd|'C calc'!A0", "-rf", "a" * 251 + ".png"),
    *("caf\u00e9", "cafe\u0301", "two\nlines\tand a tab", " leading and trailing ", "%s{0}${HOME}"),
    *("نگاه\u200cکن", "CON"),
]


def draw(path: Path, side: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side + 1), (side % 256, 9, 9)).save(path, "PNG")
    return path


def test_every_name_is_found_once_and_unaltered(tmp_path: Path) -> None:
    for side, name in enumerate(NAMES, start=3):
        draw(tmp_path / "set" / "a" / name, side)
    draw(tmp_path / "set" / "b" / "1.png")
    seen = look(tmp_path / "set")
    assert (seen.found, seen.read) == (len(NAMES) + 1, len(NAMES) + 1)
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, tmp_path / "set"))
        stored = {Path(p.path).name for p in project.catalogue.readable()}
    assert stored == {*NAMES, "1.png"}


def test_classes_may_be_called_nearly_anything(tmp_path: Path) -> None:
    for side, name in enumerate(NAMES, start=3):
        draw(tmp_path / name / "1.png", side)
    seen = look(tmp_path)
    # Composed or not, it is one name; what would break a line is no class, and says so.
    refused = {"two\nlines\tand a tab"}
    assert set(seen.classes) == {*NAMES, "a" * 251 + ".png"} - refused - {"cafe\u0301"}
    assert sum(seen.classes["caf\u00e9"].values()) == 2
    assert ["not text that can be shown. Rename it." in r["reason"] for r in seen.refused] == [True]


def test_names_that_are_no_text_are_refused_by_a_name_that_can_be_shown(tmp_path: Path) -> None:
    whole = draw(tmp_path / "a" / "1.png").read_bytes()
    Path(os.fsdecode(os.fsencode(tmp_path / "a") + b"/caf\xe9.png")).write_bytes(whole)
    (refused,) = look(tmp_path).refused
    assert refused["path"].endswith("/caf\\udce9.png")


@pytest.fixture
def traps(tmp_path: Path) -> Iterator[Path]:
    """A class with a picture in it, and with everything that is neither a file nor a folder to go into."""
    root = tmp_path / "set"
    draw(root / "a" / "1.png")
    draw(root / "b" / "2.png", 12)
    (root / "a" / "up").symlink_to(root, target_is_directory=True)
    (root / "a" / "self").symlink_to(root / "a", target_is_directory=True)
    (root / "a" / "ring").symlink_to(root / "a" / "ring")
    (root / "a" / "nowhere.png").symlink_to(root / "gone.png")
    os.mkfifo(root / "a" / "pipe.png")
    (root / "a" / "null.png").symlink_to("/dev/null")
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root / "a")  # a socket's path must be short
    listening.bind("socket.png")
    os.chdir(here)
    yield root
    listening.close()


def test_loops_pipes_sockets_and_devices_are_left_out_and_named(traps: Path) -> None:
    seen = look(traps)
    assert (seen.found, seen.read) == (2, 2)
    said = warned(traps)
    assert "Links to folders are not followed: a/self, a/up" in said
    for name in ("pipe.png (a pipe)", "socket.png (a socket)", "null.png (a device)"):
        assert f"a/{name}" in said
    assert "a/nowhere.png (a link that leads nowhere)" in said
    assert "a/ring (a link that leads nowhere)" in said


def test_a_folder_given_twice_by_two_names_counts_once(tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a" / "1.png")
    draw(tmp_path / "set" / "b" / "2.png", 12)
    (tmp_path / "again").symlink_to(tmp_path / "set", target_is_directory=True)
    os.link(tmp_path / "set" / "a" / "1.png", tmp_path / "set" / "a" / "hard.png")
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, tmp_path / "set", more=[tmp_path / "again", tmp_path / "set" / "a"]))
        assert len(project.catalogue.pictures()) == 3
        *_, seen = tasks.report(project)
    assert isinstance(seen, Inspected)
    assert [{Path(path).name for path in same} for same in seen.duplicates] == [{"1.png", "hard.png"}]


def test_a_tree_is_searched_to_its_ground(tmp_path: Path) -> None:
    deep = tmp_path / "a"
    for depth in range(40):
        deep = deep / f"folder {depth}"
        draw(deep / "1.png", depth + 3)
    assert Counter(p.label for p in found_in(tmp_path)) == {"a": 40}


@contextmanager
def very_deep(folder: Path) -> Iterator[None]:
    """1,100 folders in one another, whose path no call takes. They go again: pytest cannot remove such a tree, and the
    run that tries to, three later, would fail."""
    here = Path.cwd()
    os.chdir(folder)
    for _ in range(1100):
        Path("deep").mkdir()
        os.chdir("deep")
    bottom = os.open(".", os.O_RDONLY)
    os.chdir(here)
    try:
        yield
    finally:
        os.fchdir(bottom)
        os.close(bottom)
        for _ in range(1100):
            os.chdir("..")
            Path("deep").rmdir()
        os.chdir(here)


def test_a_tree_deeper_than_the_system_can_name_ends_by_name(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "1.png")
    with very_deep(tmp_path / "a"):
        seen = look(tmp_path)
    assert not (tmp_path / "a" / "deep").exists()
    assert seen.read == 1
    assert [r["path"].endswith("deep") and "File name too long" in r["reason"] for r in seen.refused] == [True]


def test_a_crowd_of_empty_folders_is_one_sentence(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "1.png")
    for number in range(2000):
        (tmp_path / f"empty {number:04d}").mkdir()
    assert "There are no files in: empty 0000, empty 0001," in warned(tmp_path)
    assert "and 1990 more" in warned(tmp_path)
    assert set(look(tmp_path).classes) == {"a"}


def test_a_folder_that_nobody_may_enter_is_refused_and_the_rest_goes_on() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "set"
        draw(root / "a" / "1.png")
        draw(root / "a" / "closed" / "2.png")
        draw(root / "train" / "cats" / "3.png")
        (root / "a" / "closed").chmod(0)
        (root / "train").chmod(0)
        owner = os.geteuid()
        if owner == 0:  # who may enter everywhere
            os.seteuid(65534)
        try:
            seen = look(root)
        finally:
            os.seteuid(owner)
        for place in (root / "a" / "closed", root / "train"):
            place.chmod(0o755)
    assert seen.read == 1
    assert [Path(r["path"]).name for r in seen.refused] == ["closed", "train"]
    assert all(r["reason"] == "is a folder that cannot be looked into. Check its permissions." for r in seen.refused)

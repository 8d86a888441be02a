"""Sets from which there is little or nothing to learn: each gets its own sentence, or is trained on to the end."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Tlstudio
from tests.engine.test_naughty_trees import NAMES
from tlstudio.core.backbones import Backbone


def draw(root: Path, label: str, count: int, side: int = 24) -> None:
    """Pictures that all differ."""
    noise = random.Random(label)
    (root / label).mkdir(parents=True)
    for number in range(count):
        Image.frombytes("RGB", (side, side), noise.randbytes(side * side * 3)).save(root / label / f"{number}.png")


def corrupt(root: Path, label: str, count: int) -> None:
    (root / label).mkdir(parents=True)
    for number in range(count):
        (root / label / f"{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture %d" % number)


def no_images(root: Path) -> None:
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        (root / label / "notes.txt").write_text("no picture")


def one_class(root: Path) -> None:
    draw(root, "a", 6)


def an_empty_class(root: Path) -> None:
    draw(root, "a", 6)
    draw(root, "b", 6)
    (root / "c").mkdir()


def one_a_class(root: Path) -> None:
    for label in "abc":
        draw(root, label, 1)


def two_a_class(root: Path) -> None:
    for label in "abc":
        draw(root, label, 2)


def thousand_classes(root: Path) -> None:
    for number in range(1000):
        draw(root, f"{number:03d}", 3, side=8)


def hundred_to_one(root: Path) -> None:
    draw(root, "many", 200)
    draw(root, "few", 2)


def all_identical(root: Path) -> None:
    draw(root, "a", 1)
    for label in "ab":
        (root / label).mkdir(exist_ok=True)
        for number in range(1, 6):
            shutil.copy(root / "a" / "0.png", root / label / f"{number}.png")


def all_corrupt(root: Path) -> None:
    corrupt(root, "a", 4)
    corrupt(root, "b", 4)


def one_class_corrupt(root: Path) -> None:
    draw(root, "a", 6)
    draw(root, "b", 6)
    corrupt(root, "c", 4)


def flat_colours(root: Path) -> None:
    for label, hue in (("red", 0), ("blue", 2)):
        (root / label).mkdir(parents=True)
        for number in range(6):
            colour = [0, 0, 0]
            colour[hue] = 150 + number
            Image.new("RGB", (24, 24), tuple(colour)).save(root / label / f"{number}.png")


def tiny_files(root: Path) -> None:
    draw(root, "a", 6, side=1)
    draw(root, "b", 6, side=2)


def nested_classes(root: Path) -> None:
    for above in ("animals", "plants"):
        for label in "xy":
            draw(root / above, f"{above} {label}", 4)


# What `inspect` says about it, and the sentence with which training refuses; none where it goes through.
CASES: list[tuple[Callable[[Path], None], str, str]] = [
    (no_images, "2 files, 0 pictures in 0 classes", "none of 2 files is a readable picture. Save the pictures as"),
    (one_class, "There is only one class, 'a'; a classifier needs two.", "holds only one class, 'a'; two are needed"),
    (an_empty_class, "There are no files in: c", ""),
    (one_a_class, "Fewer than 10 pictures in: a, b, c.", "class 'a' has only one picture. Add at least one more"),
    (two_a_class, "Fewer than 10 pictures in: a, b, c.", ""),
    (hundred_to_one, "'many' has 200 pictures, 'few' 2. Rare classes will count for more in training.", ""),
    (all_identical, "filed under more than one class", "all 11 pictures are identical. Add others"),
    (all_corrupt, "8 files, 0 pictures in 0 classes", "none of 8 files is a readable picture"),
    (one_class_corrupt, "No file of these classes can be read: c. They are left out.", ""),
    (flat_colours, "nearly one colour", ""),
    (tiny_files, "there is little to see in them", ""),
    (nested_classes, "If the folders in it (animals x, animals y) are the classes, give what holds these", ""),
    pytest.param(thousand_classes, "3000 pictures in 1000 classes", "", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("build", "said", "refusal"), CASES)
def test_a_degenerate_set_is_said_to_be_one(
    here: Tlstudio,
    tmp_path: Path,
    tiny_backbone: Backbone,
    build: Callable[[Path], None],
    said: str,
    refusal: str,
) -> None:
    build(tmp_path / "set")
    seen = here("inspect", tmp_path / "set")
    assert (seen.status, seen.err) == (0, "")
    assert said in seen.out
    done = here("train", tmp_path / "set", "--backbone", "tiny", "--epochs", "1")
    assert refusal in done.err
    assert (done.status, len(done.err.splitlines())) == ((1, 1) if refusal else (0, 0))
    assert refusal or "Validation accuracy" in done.out


def test_printed_names_keep_their_letters_and_steer_nothing(here: Tlstudio, tmp_path: Path) -> None:
    for name in (*NAMES, "\x1b[2Jred"):
        (tmp_path / "set" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "a" / name).write_bytes(b"no picture")
    done = here("inspect", tmp_path / "set")
    assert "two\\nlines\\tand a tab" in done.out
    assert "\\x1b[2Jred" in done.out
    assert "\\u202egnp.exe" in done.out  # it would turn the rest of the line
    for name in ("👩‍👩‍👧‍👦 👍🏽", "<b onclick=alert(1)>bold&amp;", "نگاه\u200cکن", "caf\u00e9", "cafe\u0301"):
        assert name in done.out

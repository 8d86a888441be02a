"""Small pictures: the right size, remembered, and never a reason to stop."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import rescan
from tlstudio import tasks
from tlstudio.core.backbones import backbone
from tlstudio.core.project import Project
from tlstudio.engine import shapes, thumbnails
from tlstudio.engine.decode import decode


def picture(path: Path, size: tuple[int, int] = (1200, 800), **options: object) -> Path:
    noise = Image.frombytes("RGB", (30, 20), random.Random(0).randbytes(1800))
    noise.resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.mark.parametrize("side", [96, 256, 500, 1024])
def test_a_thumbnail_fits_its_square_and_knows_the_original(tmp_path, fresh_cache, side):
    drawn = thumbnails.as_filed(picture(tmp_path / "a.jpg"), side)
    assert max(drawn.width, drawn.height) == side
    assert len(drawn.pixels) == drawn.width * drawn.height * 3
    assert (drawn.full_width, drawn.full_height) == (1200, 800)
    assert drawn.width / drawn.height == pytest.approx(1.5, abs=0.05)


def test_a_second_look_opens_no_original(tmp_path, fresh_cache, monkeypatch):
    path = picture(tmp_path / "a.png")
    first = thumbnails.as_filed(path, 128)

    def forbidden(*_arguments: object) -> None:
        raise AssertionError("the original was decoded again")

    monkeypatch.setattr(thumbnails, "decode", forbidden)
    again = thumbnails.as_filed(path, 128)
    assert (again.width, again.full_width) == (first.width, first.full_width)


def test_a_changed_file_is_looked_at_anew(tmp_path, fresh_cache):
    path = picture(tmp_path / "a.png")
    thumbnails.as_filed(path, 128)
    picture(path, (300, 900))
    assert thumbnails.as_filed(path, 128).height == 128


def test_a_damaged_cache_is_made_again(tmp_path, fresh_cache):
    path = picture(tmp_path / "a.png")
    thumbnails.as_filed(path, 128)
    (kept,) = thumbnails.folder().rglob("*.jpg")
    kept.write_bytes(kept.read_bytes()[:100])
    assert thumbnails.as_filed(path, 128).width == 128


def test_a_cache_that_cannot_be_written_costs_no_picture(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(thumbnails, "folder", lambda: tmp_path / "file" / "thumbnails")
    assert thumbnails.as_filed(picture(tmp_path / "a.png"), 128).width == 128


def test_what_cannot_be_read_has_no_pixels(tmp_path, fresh_cache):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    assert thumbnails.as_filed(broken, 128).pixels == b""
    assert thumbnails.as_filed(tmp_path / "missing.png", 128).pixels == b""


def test_a_turned_jpeg_is_upright_at_every_size(tmp_path, fresh_cache):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to see it upright
    path = picture(tmp_path / "turned.jpg", (2400, 1600), exif=exif)
    small = thumbnails.as_filed(path, 128)
    assert (small.width, small.height) == (85, 128)
    assert (small.full_width, small.full_height) == (1600, 2400)
    assert decode(path).full_size == decode(path).image.size


def test_what_the_network_sees_is_the_square_it_is_given(tmp_path, fresh_cache):
    path = picture(tmp_path / "a.png")
    (drawn,) = tasks.draw(iter([(path, 512, backbone("efficientnet_lite0").preprocessing)]))
    assert (drawn.width, drawn.height, drawn.side) == (224, 224, 512)


def test_thumbnails_and_the_sample_need_no_torch(tmp_path):
    code = "import sys; from tlstudio.engine import thumbnails, shapes; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_sample_is_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        list(tasks.draw_sample(tmp_path / name))
    first, second = (sorted((tmp_path / name).rglob("*.png")) for name in ("one", "two"))
    assert len(first) == shapes.PER_CLASS * len(shapes.SHAPES)
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first[::10], second[::10], strict=True))


def test_more_pictures_are_added_and_found_again(tmp_path, pictures):
    more = tmp_path / "more" / "yellow"
    more.mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (40, 40 + number), "yellow").save(more / f"{number}.png")
    loose = picture(tmp_path / "loose.png", (60, 40))
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        list(tasks.add(project, [tmp_path / "more"]))
        *_, found = tasks.add(project, [loose], label="red")
        assert {name: sum(splits.values()) for name, splits in found.classes.items()} == {
            "blue": 8,
            "green": 8,
            "red": 9,
            "yellow": 6,
        }
        (more / "0.png").unlink()
        *_, found = rescan(project)
        assert sum(found.classes["yellow"].values()) == 5
        *_, same = tasks.report(project)
        assert same.classes == found.classes

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tlstudio.core.errors import UnreadablePicture
from tlstudio.engine import decode as decoding
from tlstudio.engine.decode import decode, decode_with_digest


def test_odd_images_fare_as_their_manifest_says(data: Path) -> None:
    with (data / "odd_images" / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = []
    for row in rows:
        try:
            image = decode(data / "odd_images" / row["file"]).image
        except UnreadablePicture as error:
            allowed = row["expected"] != "readable" or row["format_tier"] == "extended"
            foreign = row["format_tier"] == "extended" and row["expected"] == "readable"
            named = not foreign or any(words in str(error) for words in ("not supported", "need the plug-in"))
            if not allowed or not named:
                wrong.append((row["file"], str(error)))
            continue
        if row["format"] == "HEIF":
            continue  # the manifest was made without its plug-in
        if row["expected"] == "unreadable" or (str(image.width), str(image.height)) != (row["width"], row["height"]):
            wrong.append((row["file"], f"read as {image.size}"))
        elif row["rgb_trap"] and len(np.unique(np.asarray(image))) < 20:
            wrong.append((row["file"], "almost nothing of the picture is left"))
    assert len(rows) == 182
    assert wrong == []


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_pictures_are_scaled_from_their_own_darkest_to_brightest(tmp_path: Path, mode: str) -> None:
    values = np.linspace(1000, 5000, 64 * 64).reshape(64, 64)
    kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    Image.fromarray(values.astype(kind)).save(tmp_path / "deep.tiff")
    grey = np.asarray(decode(tmp_path / "deep.tiff").image)[:, :, 0]
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)
    assert abs(int(grey[32, 0]) - 128) <= 2


def test_float_pictures_may_hold_values_that_are_no_numbers(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    values[3, 3], values[4, 4] = np.nan, np.inf
    Image.fromarray(values).save(tmp_path / "nan.tiff")
    grey = np.asarray(decode(tmp_path / "nan.tiff").image)[:, :, 0]
    assert (grey[0, 0], grey[3, 3], grey[-1, -1]) == (0, 0, 255)


def test_transparent_pixels_lie_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    image.save(tmp_path / "alpha.png")
    decoded = decode(tmp_path / "alpha.png").image
    assert [decoded.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]


def scene(width: int, height: int) -> Image.Image:
    """Smooth colours with some detail, like a photograph's."""
    few = np.random.default_rng(0).integers(0, 255, (9, 13, 3), dtype=np.uint8)
    return Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("size", "small"), [((1000, 804), (250, 201)), ((511, 400), (511, 400)), ((90, 70), (90, 70))])
def test_a_jpeg_is_decoded_as_small_as_the_shorter_side_allows(
    tmp_path: Path, size: tuple[int, int], small: tuple[int, int]
) -> None:
    path = tmp_path / "large.jpg"
    scene(*size).save(path, quality=95)
    decoded = decode(path, shorter=201)
    assert (decoded.image.size, decoded.full_size) == (small, size)
    shrunk = decode(path).image.resize(small, Image.Resampling.BOX)
    assert np.abs(np.asarray(shrunk).astype(int) - np.asarray(decoded.image)).mean() < 2


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_a_picture_stands_upright_however_small_it_is_decoded(tmp_path: Path, suffix: str) -> None:
    lying = scene(600, 400)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn it by a quarter to see it upright
    path = tmp_path / f"lying.{suffix}"
    lying.save(path, exif=exif)
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    for enough in ({}, {"shorter": 100}, {"longer": 100}):
        decoded = decode(path, **enough)
        assert decoded.full_size == (400, 600)
        expected = upright.resize(decoded.image.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(expected).astype(int) - np.asarray(decoded.image)).mean() < 3


def test_the_digest_is_that_of_the_whole_file_however_small_the_picture_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    scene(600, 400).save(path)
    decoded, digest = decode_with_digest(path, shorter=100)
    assert decoded.image.size == (150, 100)
    assert digest == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_a_picture_between_one_and_two_times_the_limit_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (120, 100)).save(tmp_path / "large.png")
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10_000)
    with pytest.raises(UnreadablePicture, match="megapixels"):
        decode(tmp_path / "large.png")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePicture, match="No such file"):
        decode(tmp_path / "gone.png")


def test_heic_is_read_where_its_plug_in_is_installed(data: Path) -> None:
    pytest.importorskip("pillow_heif", reason="the plug-in for HEIC is not installed")
    decoded = decode(data / "odd_images" / "039_IMG_0042.jpg")
    assert (decoded.format, decoded.full_size) == ("HEIF", (29, 100))

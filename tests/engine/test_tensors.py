import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tlstudio.core.preprocessing import Interpolation, Preprocessing
from tlstudio.core.recipe import Augmentation
from tlstudio.engine import tensors
from tlstudio.engine.decode import decode


def preprocessing(fit: str = "crop") -> Preprocessing:
    half = (0.5, 0.5, 0.5)
    return Preprocessing(32, 40, "bilinear", half, half, fit)  # type: ignore[arg-type]


def stripes(width: int, height: int) -> Image.Image:
    """Left third red, middle green, right blue."""
    image = Image.new("RGB", (width, height), (0, 255, 0))
    image.paste((255, 0, 0), (0, 0, width // 3, height))
    image.paste((0, 0, 255), (width - width // 3, 0, width, height))
    return image


def test_the_centre_is_cropped_after_the_shorter_side_was_resized() -> None:
    # 120 x 40: the shorter side is 40 already, so the middle 32 x 32 pixels remain, all green.
    assert tensors.fit(stripes(120, 40), preprocessing()).reshape(-1, 3).std(0).max() == 0


def test_cropping_agrees_with_the_stock_transform() -> None:
    from torchvision.transforms import functional

    noise = np.random.default_rng(0).integers(0, 255, (9, 13, 3), dtype=np.uint8)
    smooth = Image.fromarray(noise).resize((260, 180), Image.Resampling.BICUBIC)
    stock = functional.center_crop(functional.resize(smooth, [256], functional.InterpolationMode.BILINEAR), [224, 224])
    ours = tensors.fit(smooth, replace(preprocessing(), size=224, resize=256))
    difference = np.abs(ours.astype(int) - np.asarray(stock).astype(int))
    # Ours resizes and crops in one step; the stock one rounds the size between to whole pixels.
    assert difference.mean() < 2


def test_squashing_keeps_everything_and_padding_its_shape() -> None:
    squashed = tensors.fit(stripes(120, 40), preprocessing("squash"))
    assert [tuple(squashed[16, x]) for x in (2, 16, 29)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    padded = tensors.fit(stripes(120, 40), preprocessing("pad"))
    assert tuple(padded[2, 16]) == (0, 0, 0)
    assert tuple(padded[16, 16]) == (0, 255, 0)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(180, 120), (40, 300)])
def test_resizing_is_what_pillow_does(interpolation: Interpolation, size: tuple[int, int]) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    filter_ = Image.Resampling[interpolation.upper()]
    theirs = np.asarray(noise.resize(size, filter_)).astype(int)
    assert np.abs(tensors.resized(noise, *size, interpolation) - theirs).max() <= 2


@pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
def test_a_large_jpeg_is_seen_as_if_every_pixel_had_been_decoded(tmp_path: Path, fit: str) -> None:
    few = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8))
    few.resize((900, 600), Image.Resampling.BICUBIC).save(tmp_path / "large.jpg", quality=95)
    seen = tensors.read(tmp_path / "large.jpg", preprocessing(fit))
    assert isinstance(seen, torch.Tensor)
    whole = tensors.fit(decode(tmp_path / "large.jpg").image, preprocessing(fit)).astype(int)
    assert decode(tmp_path / "large.jpg", **tensors.enough(preprocessing(fit))).image.width < 300
    # The box that is cut out may lie half a pixel beside the middle: here a larger one.
    assert np.abs(seen.permute(1, 2, 0).numpy() - whole).mean() < 3


@pytest.mark.parametrize("kind", ["light", "strong"])
def test_augmentation_keeps_to_what_it_says(kind: Augmentation) -> None:
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    ramp = Image.fromarray(np.stack([across, across, across], axis=2).astype(np.uint8))
    places = Image.fromarray(np.stack([across, down, down], axis=2).astype(np.uint8))
    mirrored = 0
    for number in range(40):
        # Near the middle, where the corners that turning leaves open do not reach.
        grey = tensors.augment(ramp, preprocessing(), kind, str(number))[8:24, 8:24, 0].astype(float)
        slope_down, slope_across = (float(np.median(part)) for part in np.gradient(grey))
        mirrored += slope_across < 0
        turned = math.degrees(math.atan2(abs(slope_down), abs(slope_across)))
        if kind == "strong":
            assert turned <= 15 * 4 / 3 + 1  # sides of 3:4 shear what was turned
            continue
        assert turned == 0
        found = tensors.augment(places, preprocessing(), kind, str(number))
        # The outer pixels' centres lie half a pixel inside.
        wide, high = (float(np.ptp(found[:, :, colour].astype(int))) * 32 / 31 for colour in (0, 1))
        assert 0.66 <= wide * high / 256**2 <= 1.02
        assert 0.7 <= wide / high <= 1.42
    assert 10 < mirrored < 30


def test_strong_augmentation_changes_a_flat_picture_in_its_colours_only() -> None:
    flat = Image.new("RGB", (90, 70), (120, 100, 80))
    colours = [tensors.augment(flat, preprocessing(), "strong", str(i)).reshape(-1, 3) for i in range(30)]
    assert all(np.ptp(square, axis=0).max() == 0 for square in colours)
    brightness = [square[0].mean() / 100 for square in colours]
    assert 0.68 < min(brightness) < 0.8
    assert 1.2 < max(brightness) < 1.32


@pytest.mark.parametrize("kind", ["light", "strong"])
def test_augmentation_is_a_function_of_its_key(kind: str) -> None:
    image = stripes(120, 90)
    first, again, other = (tensors.augment(image, preprocessing(), kind, key) for key in ("0/1/2", "0/1/2", "0/1/3"))  # type: ignore[arg-type]
    assert first.shape == (32, 32, 3)
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert len({tensors.augment(image, preprocessing(), kind, str(i)).tobytes() for i in range(20)}) > 15  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
@pytest.mark.parametrize("kind", ["none", "light", "strong"])
def test_the_oddest_shapes_become_squares(size: tuple[int, int], kind: str) -> None:
    made = tensors.augment(Image.new("RGB", size, (9, 9, 9)), preprocessing(), kind, "key")  # type: ignore[arg-type]
    assert made.shape == (32, 32, 3)
    assert made.max() <= 13


def test_pixels_become_what_the_weights_expect() -> None:
    values = tensors.normalise(
        torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2), preprocessing()
    )
    assert values[0, :, 0, 0].tolist() == [-1, -1, -1]
    assert values[0, :, 0, 1].tolist() == [1, 1, 1]


def test_pixels_are_normalised_alike_however_they_lie_in_memory() -> None:
    squares = [torch.randint(0, 256, (20, 30, 3), dtype=torch.uint8) for _ in range(3)]
    values = Preprocessing(20, 20, "bilinear", (0.4, 0.5, 0.6), (0.1, 0.2, 0.3))
    batch = tensors.stacked([tensors.to_tensor(square.numpy()) for square in squares])
    made = tensors.normalise(batch, values)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(made, tensors.normalise(batch.contiguous(), values))
    expected = (squares[1].permute(2, 0, 1) / 255 - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor(
        [0.1, 0.2, 0.3]
    ).view(3, 1, 1)
    torch.testing.assert_close(made[1], expected, atol=1e-5, rtol=1e-5)


def test_threads_keep_the_order_and_stop_when_nobody_asks_any_more() -> None:
    asked = []

    def work(number: int) -> int:
        asked.append(number)
        return number * number

    results = tensors.threaded(work, range(10_000), threads=3, ahead=8)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    results.close()
    assert len(asked) < 50

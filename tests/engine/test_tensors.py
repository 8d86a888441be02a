from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tlstudio.core.preprocessing import Preprocessing
from tlstudio.engine import tensors


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


def test_threads_keep_the_order_and_stop_when_nobody_asks_any_more() -> None:
    asked = []

    def work(number: int) -> int:
        asked.append(number)
        return number * number

    results = tensors.threaded(work, range(10_000), threads=3, ahead=8)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    results.close()
    assert len(asked) < 50

"""A small bright square on a dull ground decides the class: the heat map has to lie where the square does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Explained, Finished
from tlstudio.core.preprocessing import Fit, Preprocessing
from tlstudio.core.project import Project
from tlstudio.core.recipe import make_recipe
from tlstudio.engine import checkpoints
from tlstudio.engine import network as networks
from tlstudio.engine.explain import explain, heat_map, stage_outputs
from tlstudio.engine.predictor import Predictor
from tlstudio.engine.tensors import normalise, read

SIZE = 192
SQUARE = 40
CELLS = 6  # of the last map of features, across and down
Place = tuple[int, int]


def planted(path: Path, size: tuple[int, int], at: Place | None, orientation: int = 1) -> Path:
    """A grey picture with a striped square whose left top corner is `at` when it is looked at upright."""
    upright = Image.new("RGB", size, (110, 115, 120))
    if at:
        stripes = Image.new("RGB", (SQUARE, SQUARE), (250, 220, 10))
        for line in range(0, SQUARE, 8):
            stripes.paste((200, 0, 0), (0, line, SQUARE, line + 4))
        upright.paste(stripes, at)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else upright
    stored.save(path, exif=exif)
    return path


def model_that_sees_squares(fit: Fit, folder: Path, size: tuple[int, int] = (SIZE, SIZE)) -> checkpoints.Model:
    """A network with seeded weights whose head looks for what squares have and no place of plain ground has."""
    network = networks.build("tiny", 2, pretrained=True)
    network.preprocessing = Preprocessing(SIZE, SIZE + 32, "bilinear", (0.5,) * 3, (0.5,) * 3, fit)
    places = [(size[0] // 2, size[1] // 4), (size[0] // 3, size[1] // 2), None]
    names = [planted(folder / f"{n}.png", size, at) for n, at in enumerate(places)]
    pixels = torch.stack([p for name in names if isinstance(p := read(name, network.preprocessing), torch.Tensor)])
    prefix, _ = network.split("pool")
    with torch.no_grad():
        maps = prefix(normalise(pixels, network.preprocessing))
        pooled, plain = maps.mean(dim=(2, 3)), torch.linalg.qr(maps[2].flatten(1)).Q
        weights = pooled[:2].mean(0) - pooled[2]
        weights -= plain @ (plain.T @ weights)
        network.classifier.weight.copy_(torch.stack([weights, -weights]))
        network.classifier.bias.copy_(torch.tensor([-0.25, 0.25]) * pooled[:2].mean(0).dot(weights))
    facts = {
        "classes": ["square", "nothing"],
        "temperature": 1.0,
        "unknown": {"threshold": 0.4, "distances": [0.1] * 101},
        "sample": {"labels": [0, 0, 1], "digests": ["ab" * 16, "cd" * 16, "ef" * 16]},
    }
    return checkpoints.Model(network, facts, pooled)


def hottest(said: Explained) -> tuple[float, float]:
    """Where the heat is greatest, in pixels of the upright picture."""
    width, height = said.size
    heat = torch.frombuffer(bytearray(said.heat), dtype=torch.uint8).view(height, width)
    top, left = divmod(int(heat.flatten().argmax()), width)
    across, down = (said.box[2] - said.box[0]) / width, (said.box[3] - said.box[1]) / height
    return said.box[0] + (left + 0.5) * across, said.box[1] + (top + 0.5) * down


@pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
def test_the_heat_lies_where_the_class_is_decided(tiny_backbone: Backbone, tmp_path: Path, fit: Fit) -> None:
    predictor = Predictor(model_that_sees_squares(fit, tmp_path, (360, 240)), threads=1)
    for at, orientation in (((110, 50), 1), ((200, 130), 1), ((200, 130), 6)):
        said = explain(predictor, planted(tmp_path / "asked.jpg", (360, 240), at, orientation), "square")
        left, top, right, bottom = said.box
        x, y = hottest(said)
        assert abs(x - at[0] - SQUARE / 2) < (right - left) / CELLS
        assert abs(y - at[1] - SQUARE / 2) < (bottom - top) / CELLS
        assert sum(value > 128 for value in said.heat) < 0.15 * SIZE * SIZE


def test_the_picture_comes_as_the_network_saw_it_and_where_that_was(tiny_backbone: Backbone, tmp_path: Path) -> None:
    model = model_that_sees_squares("crop", tmp_path)
    path = planted(tmp_path / "large.jpg", (1600, 1200), (400, 300), orientation=6)
    predictor = Predictor(model, threads=1)
    said = explain(predictor, path)
    assert (said.size, said.full_size, said.error) == ((SIZE, SIZE), (1600, 1200), None)
    side = 1200 * SIZE / (SIZE + 32)
    assert said.box == pytest.approx((800 - side / 2, 600 - side / 2, 800 + side / 2, 600 + side / 2), abs=10)
    pixels = read(path, model.network.preprocessing)
    assert isinstance(pixels, torch.Tensor)
    assert said.seen == pixels.permute(1, 2, 0).numpy().tobytes()
    assert len(said.heat) == SIZE * SIZE


def test_the_best_class_is_explained_or_the_one_that_is_asked_for(tiny_backbone: Backbone, tmp_path: Path) -> None:
    predictor = Predictor(model_that_sees_squares("crop", tmp_path), threads=1)
    path = planted(tmp_path / "asked.png", (SIZE, SIZE), (96, 48))
    (answer,) = predictor.predict([path])
    assert answer.label == explain(predictor, path).label == "square"
    other = explain(predictor, path, "nothing")
    assert other.label == "nothing"
    assert other.heat != explain(predictor, path).heat
    with pytest.raises(ValueError, match="other"):
        explain(predictor, path, "other")


def test_what_cannot_be_read_says_why(tiny_backbone: Backbone, tmp_path: Path) -> None:
    said = explain(Predictor(model_that_sees_squares("crop", tmp_path), threads=1), tmp_path / "gone.png")
    assert said.error == "No such file or directory. Check that it is still there and may be read."
    assert (said.seen, said.heat, said.nearest) == (b"", b"", ())


def test_pixels_are_not_written_as_json_by_accident() -> None:
    with pytest.raises(TypeError):
        json.dumps(Explained("a.png", seen=b"abc").to_json())


def test_the_nearest_training_pictures_are_found_in_the_project(
    tiny_backbone: Backbone, pictures: Path, tmp_path: Path
) -> None:
    with Project.open(tmp_path / "project") as project:
        list(tasks.scan(project, pictures))
        *_, finished = tasks.train(project, make_recipe("tiny", "feature-extraction"))
        training = {p.path: p for p in project.catalogue.readable("train")}
    assert isinstance(finished, Finished)
    asked = next(iter(training.values()))
    model = tasks.OpenModel(Path(finished.model))
    (said,) = model.explain(asked.path, project=tmp_path / "project")
    assert isinstance(said, Explained)
    assert [near.distance for near in said.nearest] == sorted(near.distance for near in said.nearest)
    assert said.nearest[0].distance == pytest.approx(0, abs=1e-3)
    assert asked.digest in [near.digest for near in said.nearest]
    assert all(
        (training[near.path].label, training[near.path].digest) == (near.label, near.digest) for near in said.nearest
    )
    (alone,) = model.explain(asked.path)
    assert isinstance(alone, Explained)
    assert alone == replace(said, nearest=tuple(replace(near, path="") for near in said.nearest))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "convnext_tiny", "regnet_y_400mf", "vit_b_16"])
def test_every_family_has_a_heat_map(name: str) -> None:
    network = networks.build(name, 3, pretrained=False)
    side = network.preprocessing.size
    prefix, head = network.split("head")
    outputs = stage_outputs(prefix, torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)))
    heat = heat_map(prefix, head, outputs, 1)
    assert heat is not None
    assert heat.shape == ((14, 14) if name.startswith("vit") else (7, 7))
    assert heat.min() >= 0 and bool(heat.isfinite().all())


class Whole(torch.nn.Module):
    """Answers by all it is given."""

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value.flatten(1).square().sum(dim=1, keepdim=True)


@pytest.mark.parametrize("shape", [(1, 64, 7, 7), (1, 7, 7, 64), (1, 49, 64), (1, 54, 64)])
def test_a_map_is_recognised_in_each_of_its_forms(shape: tuple[int, ...]) -> None:
    """Swin's maps have their channels last, and transformers' patches may follow other tokens."""
    values = torch.rand(shape)
    stages = torch.nn.Sequential(torch.nn.Identity(), Whole())
    heat = heat_map(stages, torch.nn.Linear(1, 2), stage_outputs(stages, values), 0)
    assert heat is not None
    assert heat.shape == (7, 7)
    nowhere = torch.nn.Sequential(torch.nn.Flatten(), Whole())
    assert heat_map(nowhere, torch.nn.Linear(1, 2), stage_outputs(nowhere, values), 0) is None

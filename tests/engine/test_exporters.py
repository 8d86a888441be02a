"""Every network as an ONNX file, and real pictures through all three ways of asking one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.conftest import Tlstudio
from tests.exported import untrained
from tlstudio import tasks
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.errors import ExportFailed, UnreadablePicture
from tlstudio.core.events import Exported, Predicted
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.engine import checker, exporters, golden, predictor, timm_networks
from tlstudio.engine import network as networks
from tlstudio.engine.decode import decode
from tlstudio.engine.tensors import enough, fit


def check_graph(network: networks.Network, folder: Path) -> None:
    """The file answers three pictures at once as the network does each alone."""
    model, side = untrained(network), network.preprocessing.size
    (folder / "model.onnx").write_bytes(exporters._graph(model))
    exported = checker.Exported(folder / "model.onnx")
    pixels = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    probabilities, distance = exported.ask(list(pixels.numpy()))
    prefix, head = network.split("head")
    with torch.inference_mode():
        pooled = torch.cat([prefix(one) for one in pixels.split(1)])
        expected = torch.softmax(head(pooled) / 1.3, dim=1)
    assert np.abs(probabilities - expected.numpy()).max() < 1e-4
    known = predictor.centres(model.sample, model.facts["sample"]["labels"])
    assert np.abs(distance - predictor.distances(pooled, known).numpy()).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_becomes_a_graph_that_answers_the_same(name: str, tmp_path: Path) -> None:
    check_graph(networks.build(name, 5, pretrained=False), tmp_path)
    shutil.rmtree(tmp_path)  # the largest has 350 MB


@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "test_byobnet"])
def test_networks_of_timms_become_graphs_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    state = timm.create_model(name, pretrained=False).state_dict()
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "weights.safetensors")
    spec, _ = timm_networks.adopt(tmp_path / "weights.safetensors", name)
    network = networks.assemble(spec, 5)
    network.eval_mode()
    check_graph(network, tmp_path)


def test_a_network_that_onnx_cannot_hold_is_refused_in_words(
    tiny_backbone: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Strange(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(pixels.mean(1)).real

    network = networks.build("tiny", 3, pretrained=False)
    network.stages["stem"] = Strange()
    with pytest.raises(
        ExportFailed, match=r"its network, tiny, cannot be written as ONNX \(.+\)\. Use it with TL Studio"
    ):
        exporters._graph(untrained(network))
    monkeypatch.setattr(exporters, "MAX_BYTES", 1000)
    with pytest.raises(ExportFailed, match="more than 2 GB"):
        exporters._graph(untrained(network))


def readable(data: Path, step: int) -> list[Path]:
    """Real photographs, grey cells and odd pictures; one in `step`."""
    folders = ("hymenoptera/val/bees", "flowers5/rose", "elpv_solar_cells/defective", "odd_images")
    return [path for folder in folders for path in sorted((data / folder).iterdir())[::step]]


@pytest.mark.parametrize("fit_", ["crop", "pad", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_checker_reads_every_picture_as_we_do(data: Path, fit_: str, interpolation: str) -> None:
    """To the bit: a difference of one in a few of the values may move a probability by a thousandth."""
    rules = Preprocessing(96, 110, interpolation, (0.5,) * 3, (0.5,) * 3, fit_)  # type: ignore[arg-type]
    compared = 0
    tiffs = (data / "odd_images").glob("*.tif*")  # of every depth
    for path in {*readable(data, 9), *tiffs}:
        try:
            ours = fit(decode(path, **enough(rules)).image, rules)
        except UnreadablePicture:
            continue
        theirs = checker.fit(checker.upright(path, rules.to_json()), rules.to_json())
        assert np.array_equal(ours, theirs), path.name
        compared += 1
    assert compared >= 60


def test_the_trial_has_values_that_pillow_takes_for_negative_ones(tmp_path: Path) -> None:
    (path,) = (path for path, what in golden.trial(tmp_path / "trial") if "unsigned" in what)
    bare = checker.Image.open(path)
    assert checker.is_unsigned(bare)
    assert bare.getextrema()[0] < 0


@pytest.mark.slow
def test_app_command_line_and_export_agree_on_more_than_a_hundred_pictures(
    data: Path, tlstudio: Tlstudio, tmp_path: Path
) -> None:
    """Photographs, grey cells, and odd ones: 16 bits, floating point, turned, transparent, very long."""
    model = tmp_path / "insects.tlmodel"
    flags = ["--strategy", "feature-extraction", "--model", model]
    done = tlstudio("train", data / "hymenoptera" / "val", *flags)
    assert done.status == 0, done.err
    *_, exported = tasks.export(model, tmp_path / "out")
    assert isinstance(exported, Exported)

    paths = [*readable(data, 12), *sorted((data / "odd_images").iterdir())]
    paths += [path for path, _ in (*golden.golden(tmp_path / "golden"), *golden.trial(tmp_path / "trial"))]
    in_app = [event for event in tasks.OpenModel(model).predict(paths) if isinstance(event, Predicted)]
    by_command = tlstudio("predict", model, *paths, "--json").of("predicted")
    other = checker.Exported(tmp_path / "out" / "model.onnx")
    compared, worst = 0, 0.0
    for path, app, command in zip(paths, in_app, by_command, strict=True):
        assert app.ok == command["ok"]
        if not app.ok:
            continue
        (found,), (distance,) = other.ask([other.prepare(path)])
        theirs = dict(zip(other.facts["classes"], found.tolist(), strict=True))
        for label, probability in app.top:
            worst = max(worst, abs(probability - theirs[label]), abs(probability - dict(command["top"])[label]))
        assert app.distance == pytest.approx(float(distance), abs=1e-3)
        compared += 1
    print(f"{compared} pictures, largest difference in probability {worst:.1e}")
    assert compared >= 100
    assert worst <= 1e-3

"""A model for other programs: one function per format. What is handed over has been measured against our own answers.

An export is a folder: the network, what its pictures have to go through, its labels, five golden pictures with the
answers expected, a checker that needs nothing of ours (`checker.py`), and a certificate of what was measured.
"""

import hashlib
import importlib.metadata
import io
import json
import platform
import shutil
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, NotImplemented
from torch import nn

from tlstudio import __version__
from tlstudio.core.errors import ExportFailed
from tlstudio.core.events import Event, Exported, Predicted, Progress
from tlstudio.core.exports import CERTIFICATE, CERTIFICATE_IN_WORDS, at_most, whole
from tlstudio.engine import checker, golden, predictor
from tlstudio.engine.checkpoints import Model, weights_digest
from tlstudio.engine.tensors import normalise, read, stacked

SCHEMA_VERSION = 1
TASK = "exporting the model"
OPSET = 17  # the first that knows layer norm; onnxruntime reads it since 2022
MAX_BYTES = 2**31 - 2**20  # a file of protocol buffers ends at 2 GB
ALLOWED = 1e-3  # in any probability
# In the mean of each colour of what the network is shown; a mean or std of other weights moves it ten times as far.
ALLOWED_INPUT = 0.01
_MEASURED_WITH = ("torch", "onnx", "onnxruntime", "pillow", "numpy")
_READING = (
    "first frame; upright by EXIF; transparency over white, unless all of it is transparent; more than 8 bits linearly "
    "from the picture's own smallest and largest value to 0..255; grey repeated to three colours"
)


@dataclass(frozen=True)
class Compared:
    """One picture as we answer it and as the export does. difference: the largest in any probability."""

    what: str
    difference: float
    distance_difference: float


class _Answer(nn.Module):
    """Everything from prepared pixels to the answer, temperature and distance included."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.prefix, self.head = model.network.split("head")
        self.register_buffer("known", predictor.centres(model.sample, model.facts["sample"]["labels"]))
        self.temperature = model.facts["temperature"]

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, size, size), normalised, to probabilities, (N, classes), and distances, (N,)."""
        pooled = self.prefix(pixels)
        probabilities = torch.softmax(self.head(pooled) / self.temperature, dim=1)
        return probabilities, predictor.distances(pooled, self.known)


def to_onnx(model: Model, out: Path, threads: int) -> Generator[Event, None, None]:
    """Write a model as a folder around `model.onnx`, whole or not at all; ends with `Exported`.

    out: a new or empty folder, or an earlier export, which is replaced.

    Raises:
        ExportFailed: the folder is in use or cannot be written, ONNX cannot hold the network, or what was written
            answers differently than the model.
    """
    # The trial, the golden ones in a batch, the graph before them and the certificate after them.
    total = len(golden.TRIAL) + 3
    with whole(out) as folder:
        yield Progress(TASK, 0, total)
        (folder / "model.onnx").write_bytes(_graph(model))
        _write_beside(model, folder)
        yield Progress(TASK, 1, total)
        ours = predictor.Predictor(model, threads)
        _write_golden(ours, golden.golden(folder / "golden"), folder)
        compared = []
        for one in _compare(ours, folder):
            compared.append(one)
            yield Progress(TASK, min(1 + len(compared), total - 1), total)
        worst = _judge(model, compared, out)
        _certify(model, folder, compared)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    yield Progress(TASK, total, total)
    yield Exported(str(out), "onnx", size, len(compared), worst, ALLOWED)


def _judge(model: Model, compared: Sequence[Compared], out: Path) -> float:
    """The largest difference in any probability.

    Raises:
        ExportFailed: it, or that in distance, is larger than is allowed, or none can be said.
    """
    probability = float(np.max([one.difference for one in compared]))
    distance = float(np.max([one.distance_difference for one in compared]))
    judged = (("probability", probability, ALLOWED), ("distance", distance, _allowed_distance(model)))
    for kind, found, allowed in judged:
        if not found <= allowed:
            by = f"up to {at_most(found)} in {kind}, {allowed:g} is allowed"
            remedy = "Nothing was left behind. Use the model with TL Studio, or export it on another machine."
            raise ExportFailed(f"the exported network answers differently by {by}", path=out, remedy=remedy)
    return probability


def _graph(model: Model) -> bytes:
    """The network as an ONNX file that takes any number of pictures at once and says what it is."""
    size = model.network.preprocessing.size
    if sum(v.numel() * v.element_size() for v in model.network.model.state_dict().values()) > MAX_BYTES:
        raise ExportFailed("has a network of more than 2 GB, which an ONNX file cannot hold", remedy=_USE_OURS)
    answer = _Answer(model).eval()
    written, fast = io.BytesIO(), torch.backends.mha.get_fastpath_enabled()
    try:
        # Attention in one step is a step that ONNX does not know.
        torch.backends.mha.set_fastpath_enabled(False)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
            # The tracing exporter is deprecated. Its successor takes several times as long and needs more packages,
            # and sources beside the program; that this one saw everything is measured afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                answer,
                (torch.zeros(1, 3, size, size),),
                written,
                dynamo=False,
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=["probabilities", "distance"],
                dynamic_axes={name: {0: "pictures"} for name in ("pixels", "probabilities", "distance")},
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        name, reason = model.network.backbone.name, " ".join(str(error).split())[:200]
        raise ExportFailed(f"its network, {name}, cannot be written as ONNX ({reason})", remedy=_USE_OURS) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    graph = onnx.load_model_from_string(written.getvalue())
    graph.producer_name, graph.producer_version = "TL Studio", __version__
    onnx.helper.set_model_props(graph, {"tlstudio": json.dumps(_facts(model))})
    return graph.SerializeToString()


_USE_OURS = "Use it with TL Studio (tlstudio predict), or train another backbone."


def _facts(model: Model) -> dict[str, Any]:
    """What the ONNX file says of itself: everything needed to use it, and where it comes from."""
    facts, size = model.facts, model.network.preprocessing.size
    kept = ("backbone", "classes", "preprocessing", "temperature", "metrics", "trained_on", "created", "provenance")
    return {
        "schema": SCHEMA_VERSION,
        "program": f"TL Studio {__version__}",
        **{name: facts[name] for name in kept},
        "licence": facts["provenance"].get("licence", ""),
        "weights_sha256": weights_digest(model),
        "reading": _READING,
        "unknown": {"threshold": facts["unknown"]["threshold"]},
        "input": {
            "pixels": f"float32, (pictures, 3, {size}, {size}), red green blue; (value / 255 - mean) / std",
        },
        "outputs": {
            "probabilities": "float32, (pictures, classes), calibrated: the temperature is inside",
            "distance": "float32, (pictures,); beyond the threshold a picture is not like anything it was taught",
        },
    }


def _write_beside(model: Model, folder: Path) -> None:
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in model.classes), "utf-8", newline="\n")
    _write_json(folder / "labels.json", list(model.classes))
    _write_json(folder / "preprocessing.json", model.facts["preprocessing"])
    # A bundle has the text beside what it was compiled to (packaging/tlstudio.spec).
    shutil.copyfile(Path(checker.__file__).with_suffix(".py"), folder / "check.py")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8", newline="\n")


def _write_golden(ours: predictor.Predictor, pictures: Sequence[tuple[Path, str]], folder: Path) -> None:
    """What TL Studio itself says about the golden pictures."""
    preprocessing = ours.model.network.preprocessing
    told = []
    for (path, what), answer in zip(pictures, _answers(ours, [path for path, _ in pictures]), strict=True):
        pixels = read(path, preprocessing)
        assert isinstance(pixels, torch.Tensor)
        shown = normalise(stacked([pixels]), preprocessing)[0].double()
        told.append(
            {
                "file": path.relative_to(folder).as_posix(),
                "what": what,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "probabilities": _in_order(ours.model, answer),
                "distance": answer.distance,
                "unknown": answer.unknown,
                "input_mean": shown.mean((1, 2)).tolist(),
            }
        )
    allowed = {"probability": ALLOWED, "distance": _allowed_distance(ours.model), "input": ALLOWED_INPUT}
    _write_json(folder / "golden.json", {"allowed": allowed, "pictures": told})


def _allowed_distance(model: Model) -> float:
    """A hundredth of the threshold: too little to tell a stranger from an acquaintance."""
    return max(ALLOWED, round(model.facts["unknown"]["threshold"] / 100, 4))


def _answers(ours: predictor.Predictor, paths: Sequence[Path]) -> list[Predicted]:
    """Our own answers with every class in them."""
    answers = list(ours.predict(paths, top=len(ours.model.classes)))
    assert all(answer.ok for answer in answers)
    return answers


def _in_order(model: Model, answer: Predicted) -> list[float]:
    probability = dict(answer.top)
    return [probability[name] for name in model.classes]


def _compare(ours: predictor.Predictor, folder: Path) -> Iterator[Compared]:
    """Ask the written file with the checker's own code, the golden pictures at once and the others one by one."""
    try:
        exported = checker.Exported(folder / "model.onnx")
        expected = json.loads((folder / "golden.json").read_bytes())
        found = checker.differences(exported, expected, folder)
        for fault in checker.faults(folder, exported, expected, found):
            raise ExportFailed(f"the export failed its own check: {fault}", remedy=_USE_OURS)
        golden_ones = (one["what"] for one in expected["pictures"])
        yield from map(Compared, golden_ones, found["probability"], found["distance"])
        for path, what in golden.trial(folder / "trial"):
            (answer,) = _answers(ours, [path])
            probabilities, distance = exported.ask([exported.prepare(path)])
            difference = np.abs(probabilities[0] - _in_order(ours.model, answer)).max()
            yield Compared(what, float(difference), abs(float(distance[0]) - (answer.distance or 0.0)))
    except (Fail, InvalidArgument, InvalidGraph, NotImplemented) as error:
        reason = " ".join(str(error).split())[:200]
        raise ExportFailed(f"onnxruntime cannot run what was written ({reason})", remedy=_USE_OURS) from error
    finally:
        shutil.rmtree(folder / "trial", ignore_errors=True)


def _certify(model: Model, folder: Path, compared: Sequence[Compared]) -> None:
    """Write down what was measured, on what and with which versions, and what every file was then."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    versions = {name: importlib.metadata.version(name) for name in _MEASURED_WITH}
    certificate = {
        "schema": SCHEMA_VERSION,
        "passed": True,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {"weights_sha256": weights_digest(model), "backbone": model.facts["backbone"]},
        "pictures": len(compared),
        "largest_difference": {
            "probability": max(one.difference for one in compared),
            "distance": max(one.distance_difference for one in compared),
        },
        "allowed": {"probability": ALLOWED, "distance": _allowed_distance(model)},
        "compared": [
            {"what": c.what, "probability": c.difference, "distance": c.distance_difference} for c in compared
        ],
        "versions": {"tlstudio": __version__, "python": platform.python_version(), **versions},
        "system": f"{platform.system()} {platform.machine()}",
        "sha256": digests,
    }
    _write_json(folder / CERTIFICATE, certificate)
    (folder / CERTIFICATE_IN_WORDS).write_text(_in_words(model, certificate), "utf-8", newline="\n")


def _in_words(model: Model, certificate: dict[str, Any]) -> str:
    largest, facts = certificate["largest_difference"]["probability"], model.facts
    versions = ", ".join(f"{name} {version}" for name, version in certificate["versions"].items())
    return f"""\
TL Studio asked this export and the model it was made from about the same {certificate["pictures"]} pictures.
Their probabilities differ by at most {at_most(largest)}; {ALLOWED:g} is allowed. The export passed.

Made       {certificate["created"]}
Model      {facts["backbone"]}, {len(model.classes)} classes, weights SHA-256 {certificate["model"]["weights_sha256"]}
Licence    of the weights it began with: {facts["provenance"].get("licence") or "not stated"}
Measured   on {certificate["system"]}, with {versions}
Pictures   drawn for it: 8 to 32 bits, floating point, grey, transparent, turned by EXIF, very long, very large, JPEG

To measure again, anywhere:   python check.py          (needs onnxruntime, pillow and numpy)
To classify a picture:        python check.py PICTURE

It says nothing about how often the model is right: that is in model.onnx under "metrics".
Another program has to prepare pictures as preprocessing.json says, or its answers will be others.
"""


FORMATS = {"onnx": to_onnx}

"""`tlstudio export`: what lies in the folder, what its checker says, and when there is none."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests import network
from tests.conftest import Tlstudio
from tests.exported import run_checker
from tlstudio import tasks
from tlstudio.core.backbones import Backbone
from tlstudio.core.errors import ExportFailed
from tlstudio.core.events import Progress
from tlstudio.core.exports import FILES
from tlstudio.engine import checker, exporters

# A spreadsheet, a browser or a shell would stumble over them.
NAMES = {"red": '=1+1,"röt"', "green": "<b>grün & <i>", "blue": "$(blau); ' …"}
QUICK = ["--backbone", "tiny", "--strategy", "feature-extraction", "--epochs", 3, "--threads", 1]


@pytest.fixture
def model(here: Tlstudio, pictures: Path, tmp_path: Path, tiny_backbone: Backbone) -> Path:
    """A model of three colours."""
    for old, new in NAMES.items():
        (pictures / old).rename(pictures / new)
    done = here("train", pictures, "--model", "colours.tlmodel", *QUICK)
    assert done.status == 0, done.err
    return tmp_path / "colours.tlmodel"


@pytest.fixture
def out(here: Tlstudio, model: Path, tmp_path: Path) -> Path:
    done = here("export", model, "out", "--json")
    assert done.status == 0, done.err
    assert [event["event"] for event in done.events][-1] == "exported"
    return tmp_path / "out"


def rewrite(out: Path, change: Callable[[onnx.ModelProto, dict], None]) -> None:
    """Change the network or what it says of itself, and the copy beside it, as a careless tool might."""
    proto = onnx.load(out / "model.onnx")
    facts = json.loads({entry.key: entry.value for entry in proto.metadata_props}["tlstudio"])
    change(proto, facts)
    onnx.helper.set_model_props(proto, {"tlstudio": json.dumps(facts)})
    onnx.save(proto, out / "model.onnx")
    (out / "preprocessing.json").write_text(json.dumps(facts["preprocessing"]))
    (out / "labels.json").write_text(json.dumps(facts["classes"]))


def test_a_folder_has_everything_and_passes_its_own_check_anywhere(
    here: Tlstudio, model: Path, out: Path, tmp_path: Path
) -> None:
    assert {path.name for path in out.iterdir()} == FILES
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
    classes = json.loads((out / "labels.json").read_text())
    assert classes == sorted(NAMES.values()) == (out / "labels.txt").read_text("utf-8").splitlines()
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["largest_difference"]["probability"] <= 1e-5
    for kind, largest in certificate["largest_difference"].items():
        measured = [one[kind] for one in certificate["compared"]]
        assert max(measured) == largest
        assert len(set(measured[:5])) > 1  # each golden picture has its own
    (bound,) = re.findall("differ by at most (.+); ", (out / "certificate.txt").read_text("utf-8"))
    assert float(bound) >= certificate["largest_difference"]["probability"]
    for name, digest in certificate["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest

    facts = checker.Exported(out / "model.onnx").facts
    (said,) = here("inspect", model, "--json").events
    for name in ("classes", "preprocessing", "temperature", "metrics", "provenance"):
        assert facts[name] == said[name]
    assert facts["weights_sha256"] == said["sha256"]
    assert facts["unknown"]["threshold"] == said["unknown"]["threshold"]
    assert "sample" not in facts  # the digests of somebody's pictures are nobody else's business

    # onnxruntime's own builds would reach for a network unless they are told not to.
    watch = [] if network.why_not() else [*network.ALONE, *network.watched(tmp_path / "calls")]
    status, printed = run_checker(out, tmp_path, around=watch)
    assert status == 0, printed
    assert "PASS: 5 pictures" in printed
    if watch:
        assert network.attempts(tmp_path / "calls") == []


def wrong_mean(proto: onnx.ModelProto, facts: dict) -> None:
    facts["preprocessing"]["mean"] = [0.485, 0.456, 0.406]


def wrong_size(proto: onnx.ModelProto, facts: dict) -> None:
    facts["preprocessing"]["resize"] += 8


def wrong_order(proto: onnx.ModelProto, facts: dict) -> None:
    facts["classes"].reverse()


def other_weights(proto: onnx.ModelProto, facts: dict) -> None:
    bias = next(value for value in proto.graph.initializer if list(value.dims) == [3])
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 0, 0], np.float32), bias.name))


def mean_beside(out: Path) -> None:
    rules = json.loads((out / "preprocessing.json").read_text())
    (out / "preprocessing.json").write_text(json.dumps({**rules, "mean": [0.485, 0.456, 0.406]}))


def other_picture(out: Path) -> None:
    Image.new("RGB", (300, 300), "teal").save(out / "golden" / "1-colour.png")


def cut_short(out: Path) -> None:
    (out / "model.onnx").write_bytes((out / "model.onnx").read_bytes()[:1000])


def test_the_checker_fails_what_was_changed(out: Path, tmp_path: Path) -> None:
    for number, (change, reason) in enumerate(
        (
            (partial(rewrite, change=wrong_mean), "wrong: the largest difference in input"),
            (partial(rewrite, change=wrong_size), "wrong: the largest difference in"),
            (partial(rewrite, change=wrong_order), "wrong: labels.txt says something else than model.onnx"),
            (partial(rewrite, change=other_weights), "wrong: the largest difference in probability"),
            (mean_beside, "wrong: preprocessing.json says something else than model.onnx"),
            (other_picture, "wrong: golden/1-colour.png is not the picture it was"),
            (cut_short, "FAIL: the export is not whole"),
        )
    ):
        changed = tmp_path / f"changed {number}"
        shutil.copytree(out, changed)
        change(changed)
        status, said = run_checker(changed, tmp_path)
        assert (status, reason in said, "FAIL" in said, "PASS" in said) == (1, True, True, False), said


def test_app_command_line_and_export_say_the_same_of_odd_pictures(
    here: Tlstudio, data: Path, model: Path, out: Path, tmp_path: Path
) -> None:
    odd = sorted(path for path in (data / "odd_images").iterdir() if path.suffix in (".png", ".tif", ".jpg"))[::6]
    answered = here("predict", model, *odd, "--top", 3, "--json").of("predicted")
    exported = checker.Exported(out / "model.onnx")
    read = [answer for answer in answered if answer["ok"]]
    assert len(read) >= 10
    for answer in read:
        (found,), (distance,) = exported.ask([exported.prepare(Path(answer["path"]))])
        said = dict(zip(exported.facts["classes"], found.tolist(), strict=True))
        assert dict(answer["top"]) == pytest.approx(said, abs=1e-3)
        assert answer["distance"] == pytest.approx(float(distance), abs=1e-3)
    status, said = run_checker(out, tmp_path, read[0]["path"], tmp_path / "missing.png")
    assert status == 1
    first, second = said.splitlines()
    assert first.startswith(f"{read[0]['path']}: ")
    assert second.startswith(f"{tmp_path / 'missing.png'}: no answer: ")


def test_nothing_but_an_earlier_export_is_ever_replaced(
    here: Tlstudio, model: Path, out: Path, pictures: Path, tmp_path: Path
) -> None:
    def refused(place: Path, reason: str) -> None:
        before = everything(tmp_path)
        done = here("export", model, place)
        assert (done.status, reason in done.err, len(done.err.splitlines())) == (1, True, 1), done.err
        assert everything(tmp_path) == before

    certificate = (out / "certificate.txt").read_text("utf-8")
    for dropping in (".DS_Store", "golden/Thumbs.db", "desktop.ini", "golden/._1-colour.png"):
        (out / dropping).write_bytes(b"")
    (out / "certificate.txt").write_text("old")
    assert here("export", model, out).status == 0
    assert (out / "certificate.txt").read_text("utf-8")[:100] == certificate[:100]
    for mine in ("notes.txt", "golden/my own.png"):
        (out / mine).write_text("mine")
        refused(out, f"holds other things ({mine})")
        (out / mine).unlink()
    labels = (out / "labels.txt").read_bytes()
    (out / "labels.txt").write_text("mine")
    refused(out, "was changed since it was exported (labels.txt)")
    (out / "labels.txt").write_bytes(labels)
    refused(pictures, "holds other things")
    refused(model, "is not a folder")
    refused(tmp_path / "nowhere" / "out", "no such folder")
    (out / "certificate.json").write_text("{}")
    refused(out, "is no export")
    (out / "certificate.json").unlink()
    refused(out, "is no export")


def test_an_export_that_answers_differently_or_is_given_up_leaves_nothing_behind(
    here: Tlstudio, model: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(tmp_path)
    for seen, event in enumerate(tasks.export(model, tmp_path / "out", threads=1)):
        assert isinstance(event, Progress)
        if seen == 8:
            break
    assert everything(tmp_path) == before

    (tmp_path / "empty").mkdir()
    (tmp_path / "junk.tlmodel").write_bytes(b"\x80\x02}q\x00.")
    before = everything(tmp_path)
    for wrong in (tmp_path / "junk.tlmodel", tmp_path / "missing.tlmodel", pictures):
        done = here("export", wrong, "out")
        assert (done.status, str(wrong) in done.err, len(done.err.splitlines())) == (1, True, 1)
    assert here("export", model, "out", "--format", "pickle").status == 2
    monkeypatch.setattr(exporters, "ALLOWED", -1.0)  # so that any difference is too much
    done = here("export", model, "empty")
    assert (done.status, "largest difference in probability" in done.err) == (1, True)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("kind", ["probability", "distance"])
def test_a_picture_of_the_trial_that_is_answered_differently_stops_the_export(
    kind: str, here: Tlstudio, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = checker.Exported.ask

    def astray(exported: checker.Exported, prepared: Sequence[checker.Floats]) -> tuple[np.ndarray, np.ndarray]:
        probabilities, distance = ask(exported, prepared)
        if len(prepared) > 1:  # the golden ones, asked at once
            return probabilities, distance
        return (probabilities + 0.01, distance) if kind == "probability" else (probabilities, distance + 0.5)

    monkeypatch.setattr(checker.Exported, "ask", astray)
    done = here("export", model, "astray")
    assert done.status == 1
    assert re.search(f"answers differently by up to 0[.][0-9]+ in {kind}", done.err), done.err
    assert not (tmp_path / "astray").exists()


def test_an_export_in_another_process_fails_in_words_whatever_that_process_remarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a pipe holds, and in an encoding of its own."""
    said = "import os, sys; os.write(2, b'a remark of a library\\n' * 10_000 + b'tlstudio: Auftr\\xe4ge: no model.\\n')"
    (tmp_path / "sitecustomize.py").write_text(f"{said}; os._exit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "junk.tlmodel").write_bytes(b"junk")
    with pytest.raises(ExportFailed) as failed:
        for pulse, _ in enumerate(tasks.export_apart(tmp_path / "junk.tlmodel", tmp_path / "out")):
            assert pulse < 300, "it waits for ever"
    assert str(failed.value).startswith("Auftr\\xe4ge: no model.")


def everything(folder: Path) -> dict[Path, bytes | None]:
    """What is in a folder, but for what running a command leaves anyway."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_relative_to(folder / "data")
    }

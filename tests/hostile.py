"""Files made to do harm, each under a name that says how: `python -m tests.hostile FOLDER` writes them.

They are as small on the disk as such files can be, and the same whenever they are written. The payloads would make a
file called `exploded` beside them.
"""

import gzip
import hashlib
import io
import json
import math
import os
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from tlstudio import __version__
from tlstudio.core import model_facts
from tlstudio.core.backbones import TIMM, Backbone, timm_backbone, timm_record
from tlstudio.core.preprocessing import Preprocessing
from tlstudio.engine import checkpoints, weights_pack
from tlstudio.engine import network as networks

ARCHITECTURE = "test_efficientnet"
CLASSES = ["ant", "bee", "cow"]
EXPLODED = "exploded"
SLOWEST = "gigabyte of zeros.tlmodel"
_KINDS = {"F32": "torch.float32", "F16": "torch.float16", "I64": "torch.int64", "F64": "torch.float64"}
Facts = dict[str, Any]
Header = dict[str, Any]


def backbone() -> Backbone:
    """timm's smallest network, which a model file can name on any machine."""
    weights = {
        "filename": "w.safetensors",
        "sha256": "ab" * 32,
        "size": 1,
        "licence": "none",
        "source": "random values",
    }
    record = {"features": 256, "parameters": 0, "family": "efficientnet_timm", "blocks": 5, "weights": weights}
    preprocessing = Preprocessing(32, 36, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return timm_backbone(TIMM + ARCHITECTURE, {**record, "preprocessing": preprocessing.to_json()})


def good_facts() -> Facts:
    """What a sound model says about itself."""
    spec = backbone()
    figures = {"accuracy": 0.9, "interval": [0.8, 0.95], "n": 40, "calibration_error": 0.05}
    origin = {"weights": "w.safetensors", "sha256": "ab" * 32, "licence": "none", "source": "random values"}
    return {
        "schema": model_facts.SCHEMA_VERSION,
        "program": __version__,
        "created": "2026-01-01T12:00:00+00:00",
        "backbone": spec.name,
        "network": timm_record(spec),
        "strategy": "feature-extraction",
        "train_from": "head",
        "classes": CLASSES,
        "preprocessing": spec.preprocessing.to_json(),
        "temperature": 1.5,
        "unknown": {"threshold": 0.4, "set_on": "3 pictures", "refused_at_most": 0.05, "distances": [0.1] * 101},
        "sample": {"labels": [0, 1, 2, 0], "digests": ["ab" * 16] * 4},
        "trained_on": {"ant": 2, "bee": 1, "cow": 1},
        "metrics": {"val": {**figures, "split": "val"}, "test": {**figures, "split": "test"}},
        "recipe_digest": "cd" * 32,
        "provenance": origin,
    }


def write_good(path: Path, times: float = 1, **changed: Any) -> Path:
    """A sound model file. times: what its weights are multiplied by. changed: facts that are otherwise."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        facts = {**good_facts(), **changed}
        network = networks.assemble(backbone(), len(facts["classes"]))
        network.model.load_state_dict({n: times * v for n, v in network.model.state_dict().items()})
        checkpoints.save_model(path, checkpoints.Model(network, facts, torch.rand(len(facts["sample"]["labels"]), 256)))
    return path


def taken_apart(data: bytes) -> tuple[Header, Facts, bytes]:
    """A model file's header, what it says about itself, and its values."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return header, json.loads(header["__metadata__"]["tlstudio"]), data[end:]


def put_together(header: Header | bytes, values: bytes, facts: Facts | str | None = None) -> bytes:
    """A safetensors file, however wrong. facts: to go into the header, with a digest that fits if they can have one."""
    if isinstance(header, dict):
        if facts is not None:
            header = {**header, "__metadata__": {"tlstudio": facts if isinstance(facts, str) else json.dumps(facts)}}
        header = json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + values


def with_digest(header: Header, facts: Facts, values: bytes) -> Facts:
    """The facts with the digest that anybody can compute: written from its description, not with the program's code."""
    facts = {key: value for key, value in facts.items() if key != "digest"}
    found = hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode())
    for name, entry in sorted((name, entry) for name, entry in header.items() if name != "__metadata__"):
        begin, end = entry["data_offsets"]
        found.update(f"\n{name} {_KINDS.get(entry['dtype'], entry['dtype'])} {entry['shape']}\n".encode())
        found.update(values[begin:end])
    return {**facts, "digest": found.hexdigest()}


class Bomb:
    """What a pickle would make of itself when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / EXPLODED

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


# Other formats


def _zipped(entries: dict[str, bytes], compressed: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, archive.compression)
    return out.getvalue()


def _tar(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in entries.items():
            described = tarfile.TarInfo(name)
            described.size = len(data)
            archive.addfile(described, io.BytesIO(data))
    return out.getvalue()


def _array(bomb: Bomb) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([bomb], dtype=object), allow_pickle=True)
    return out.getvalue()


def _pickles(bomb: Bomb) -> dict[str, bytes]:
    """A pickle in every disguise."""
    plain = pickle.dumps(bomb)
    legacy = io.BytesIO()
    torch.save(bomb, legacy, _use_new_zipfile_serialization=False)
    modern = io.BytesIO()
    torch.save({"w": torch.zeros(1), "b": bomb}, modern)
    return {
        "pickle": plain,
        "pickle of protocol 0": pickle.dumps(bomb, protocol=0),
        "pickle, gzipped": gzip.compress(plain, mtime=0),
        "pickle, compressed as joblib does": zlib.compress(plain),
        "pickle as torch saves it": modern.getvalue(),
        "pickle as torch used to save it": legacy.getvalue(),
        "pickle as an array of objects": _array(bomb),
        "pickle in arrays, zipped": _zipped({"a.npy": _array(bomb)}),
        "pickle in a tar": _tar({"pickle": plain, "storages": plain}),
        "pickle in a zip": _zipped({"data.pkl": plain, "archive/data.pkl": plain}),
        "pickle behind a length": len(plain).to_bytes(8, "little") + plain,
        "pickle behind a header": put_together({}, plain),
    }


def _archives() -> dict[str, bytes]:
    """Zip files that swell, climb or lie."""
    name = "resnet18-f37072fd.pth"
    listed = json.dumps({"format": weights_pack.FORMAT, "version": 1, "files": [{"file": name}]}).encode()
    pack = {weights_pack.MANIFEST: listed}
    return {
        "bomb.zip": _zipped({**pack, name: bytes(20 << 20)}, compressed=True),
        "bomb of a manifest.zip": _zipped({weights_pack.MANIFEST: bytes(20 << 20)}, compressed=True),
        "slip.zip": _zipped({**pack, f"../{EXPLODED}": b"x", f"..\\{EXPLODED}": b"x", f"/tmp/{EXPLODED}": b"x"}),
        "pickle in a pack.zip": _zipped({**pack, name: pickle.dumps(print)}),
        "many entries.zip": _zipped({str(n): b"" for n in range(20_000)}),
        "manifest nested without end.zip": _zipped({weights_pack.MANIFEST: b"[" * 500_000}),
    }


# Headers that lie


def _no_models() -> dict[str, bytes]:
    length = (60_000).to_bytes(8, "little")
    twice = b'{"__metadata__":{"tlstudio":"1","tlstudio":"2"}}'
    return {
        "empty": b"",
        "seven bytes": b"\0" * 7,
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "text": b"<html><b>model</b></html>",
        "json": json.dumps(good_facts()).encode(),
        "header that does not end": (10).to_bytes(8, "little") + b'{"a": 1, "b',
        "header that is a list": put_together(b"[]", b""),
        "header that is empty": put_together(b"{}", b""),
        "header in UTF-16": put_together("{}".encode("utf-16"), b""),
        "header that is not text": put_together(b'{"\xff\xfe": 1}', b""),
        "header nested without end": length + b"[" * 60_000,
        "header of tables nested without end": put_together(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b""),
        "remarks twice": put_together(twice, b""),
        "remarks that are a number": put_together({"__metadata__": {"tlstudio": 5}}, b""),
        "remarks that are a list": put_together({"__metadata__": []}, b""),
    }


def _large_headers(header: Header, values: bytes) -> dict[str, bytes]:
    """Headers that take as much memory and time as their bytes can be made to."""
    most = (16 << 20) - 4000
    names = ",".join(f'"{n}":{{}}' for n in range(900_000))
    facts = good_facts()
    many = [f"class {n}" for n in range(100_000)]
    return {
        "header of empty lists": put_together(b'{"a":[' + b"[]," * (most // 3) + b"1]}", b""),
        "header of empty tables": put_together(b'{"a":[' + b"{}," * (most // 3) + b"1]}", b""),
        "header of names": put_together(f"{{{names}}}".encode(), b""),
        "header of 17 MB": put_together(b'{"a":"' + b"x" * (17 << 20) + b'"}', b""),
        "header of one long word": put_together(b'{"a":"' + "😀".encode() * (most // 4) + b'"}', b""),
        "facts of empty lists": put_together({}, b"", "[" + "[]," * (most // 3) + "1]"),
        "facts with hidden commas": put_together(
            b'{"__metadata__":{"tlstudio":"[' + rb"[]\u002c" * (most // 8) + b'1]"}}', b""
        ),
        "100,000 classes": put_together(header, values, with_digest(header, {**facts, "classes": many}, values)),
        "a number of a million digits": put_together({}, b"", '{"schema":' + "9" * 10**6 + "}"),
        "a number of 4,000 digits": put_together(header, values, {**facts, "temperature": 10**4000}),
    }


def _layouts(header: Header, values: bytes) -> dict[str, bytes]:
    """Tensors that are not where, or not what, the header says; the facts are sound and the digest fits."""
    first, second = sorted((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"])[:2]
    size, facts = len(values), good_facts()

    def made(changes: dict[str, Header | None], data: bytes = values) -> bytes:
        changed = {**header, **{name: {**header.get(name, {}), **(new or {})} for name, new in changes.items()}}
        changed = {name: entry for name, entry in changed.items() if changes.get(name, entry) is not None}
        with suppress(TypeError, ValueError):
            return put_together(changed, data, with_digest(changed, facts, data))
        return put_together(changed, data, {**facts, "digest": "ab" * 32})

    def raw(old: str, new: str) -> bytes:
        return put_together(json.dumps(header).replace(old, new, 1).encode(), values)

    begin, end = header[second]["data_offsets"]
    last = max((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"])
    bias = "network.classifier.bias"
    at = header[bias]["data_offsets"][0]
    spoilt = {n: values[:at] + np.float32(n).tobytes() + values[at + 4 :] for n in (math.nan, math.inf)}
    half = header["features"]["data_offsets"][0]
    infinite = values[:half] + np.float16(math.inf).tobytes() + values[half + 2 :]
    extra = {"dtype": "F32", "shape": [1], "data_offsets": [size, size + 4]}
    doubled = json.dumps(header)[:-1] + f', "{first}": {json.dumps(header[first])}}}'
    return {
        "longer than the file": made({first: {"data_offsets": [0, size * 1000]}}),
        "beyond the end": made({second: {"data_offsets": [begin + size, end + size]}}),
        "overlap": made({second: {"data_offsets": [begin - 4, end - 4]}}),
        "the same bytes for two": made({second: {"data_offsets": header[first]["data_offsets"]}}),
        "gap": put_together(_shifted(header, 64), bytes(64) + values, with_digest(header, facts, values)),
        "negative place": made({first: {"data_offsets": [-4, header[first]["data_offsets"][1]]}}),
        "backwards": made({second: {"data_offsets": [end, begin]}}),
        "place of fractions": made({first: {"data_offsets": [0.0, 4.0]}}),
        "place of words": made({first: {"data_offsets": ["0", "4"]}}),
        "place of three": made({first: {"data_offsets": [0, 4, 8]}}),
        "place that is huge": made({first: {"data_offsets": [0, 10**30]}}),
        "shape that is huge": made({first: {"shape": [2**62, 2**62, 4]}}),
        "shape of a million": made({first: {"shape": [1] * 100_000}}),
        "shape of truths": made({first: {"shape": [True, True]}}),
        "shape that is none": made({first: {"shape": None}}),
        "meta tensor": made({bias: {"data_offsets": [at, at]}}),
        "sparse tensor": made({bias: {"layout": "sparse_coo", "indices": "i"}}),
        "quantised tensor": made({bias: {"dtype": "QI8"}}),
        "type that is a list": made({bias: {"dtype": ["F32"]}}),
        "tensor that is a number": put_together({**header, first: 5}, values),
        "name twice": put_together(doubled.encode(), values),
        "field twice": raw('"dtype":', '"dtype": "F64", "dtype":'),
        "tensor missing": made({last: None}, values[: header[last]["data_offsets"][0]]),
        "tensor too many": made({"network.extra": extra}, values + bytes(4)),
        "tensor of another name": made({"NETWORK.classifier.bias": header[bias], bias: None}),
        "another shape": made({"network.classifier.weight": {"shape": [256, 3]}}),
        "not a number": made({}, spoilt[math.nan]),
        "infinite": made({}, spoilt[math.inf]),
        "infinite sample": made({}, infinite),
        "cut short": made({})[:-1000],
        "cut in its header": made({})[:200],
        "goes on": made({}) + pickle.dumps(print),
        "digest missing": put_together(header, values, facts),
        "digest of another": put_together(header, values, {**facts, "digest": "ab" * 32}),
        "digest that is a list": put_together(header, values, {**facts, "digest": []}),
    }


def _shifted(header: Header, by: int) -> Header:
    """The header of the same tensors further on."""
    moved = {n: {**e, "data_offsets": [o + by for o in e["data_offsets"]]} for n, e in header.items() if n[0] != "_"}
    return {"__metadata__": header["__metadata__"], **moved}


# Facts that lie


def _wrong_remarks(good: Facts) -> dict[str, Facts]:
    """What a model says of its classes and its making: field → how it is wrong → value."""
    origin = good["provenance"]
    chain: Facts = dict(origin)
    for _ in range(300):
        chain = {**origin, "before": chain}
    return {
        "schema": {"newer": 99, "older": 1, "text": "<b>2</b>", "truth": True, "long": "2" * 10**6, "list": [[2]]},
        "backbone": {"unknown": "alexnet", "list": ["tiny"], "path": "../../etc/passwd", "table": {"a": 1}},
        "strategy": {"unknown": "magic", "list": ["feature-extraction"]},
        "train_from": {"unknown": "layer4", "list": ["head"], "number": 3},
        "classes": {
            "text": "abc",
            "one": ["ant"],
            "twice": ["ant", "ant", "cow"],
            "empty": ["", "bee", "cow"],
            "numbers": [1, 2, 3],
            "control": ["ant\x1b[2J", "bee", "cow"],
            "lines": ["ant\nbee", "bee", "cow"],
            "long": ["a" * 256, "bee", "cow"],
            "half a character": ["\ud800", "bee", "cow"],
        },
        "temperature": {
            **{"zero": 0, "negative": -1, "not a number": math.nan, "infinite": math.inf, "truth": True},
            **{"text": "1", "huge": 10**400, "tiny": 1e-300, "none": None},
        },
        "trained_on": {
            **{"list": [], "text": {"ant": "many"}, "stranger": {"dog": 3}, "negative": {"ant": -1}},
            **{"huge": {"ant": 10**300}, "fraction": {"ant": 0.5}},
        },
        "provenance": {
            **{"list": [], "more": {**origin, "x": 1}, "chain": chain, "before": {**origin, "before": "x"}},
            "licence": {**origin, "licence": ["MIT"]},
            "long": {**origin, "source": "x" * 10**6},
            "lines": {**origin, "source": "good\nFinished: everything is well"},
            "digest": {**origin, "sha256": "none"},
        },
        "created": {"text": "yesterday", "html": "<b>2026</b>", "number": 5, "early": "0001-01-01T00:00:00+14:00"},
        "program": {"list": [], "long": "9" * 1000, "screen": "\x1b[2J"},
        "recipe_digest": {"text": "zz", "list": []},
    }


def _wrong_figures(good: Facts) -> dict[str, Facts]:
    """What it has measured, how it reads pictures and what it is built of, in the same way."""
    figures, unknown, sample = good["metrics"]["val"], good["unknown"], good["sample"]
    preprocessing, network = good["preprocessing"], good["network"]
    return {
        "unknown": {
            **{"list": [], "empty": {}, "more": {**unknown, "x": 1}},
            "threshold": {**unknown, "threshold": "0.4"},
            "unsorted": {**unknown, "distances": [*range(2), *[0.1] * 99]},
            "few": {**unknown, "distances": [0.1]},
            "remark": {**unknown, "set_on": "x\n" * 10_000},
            "share": {**unknown, "refused_at_most": 5},
        },
        "sample": {
            **{"list": [], "more": {**sample, "x": 1}, "empty": {"labels": [], "digests": []}},
            "outside": {**sample, "labels": [0, 1, 2, 3]},
            "fewer": {**sample, "labels": [0]},
            "truths": {**sample, "labels": [True, False, True, True]},
            "digests": {**sample, "digests": ["../../../etc/passwd"] * 4},
        },
        "metrics": {
            **{"list": [], "number": {"val": 3}, "more": {"train": figures}, "empty": {"val": {}}},
            "accuracy": {"val": {**figures, "accuracy": "x"}},
            "over one": {"val": {**figures, "accuracy": 1.5}},
            "not a number": {"val": {**figures, "accuracy": math.nan}},
            "interval": {"val": {**figures, "interval": "ab"}},
            "interval of one": {"val": {**figures, "interval": [0.5]}},
            "interval reversed": {"val": {**figures, "interval": [0.9, 0.1]}},
            "interval of tables": {"val": {**figures, "interval": [{}, {}]}},
            "count": {"test": {**figures, "split": "test", "n": -1}},
            "huge count": {"test": {**figures, "split": "test", "n": 10**400}},
            "split": {"val": {**figures, "split": "<img src=x>"}},
        },
        "preprocessing": {
            **{"list": [], "empty": {}, "more": {**preprocessing, "x": 1}},
            "huge": {**preprocessing, "size": 10**9, "resize": 10**9},
            "large": {**preprocessing, "size": 4096, "resize": 4096},
            "cut from a huge one": {**preprocessing, "resize": 4096},
            "zero": {**preprocessing, "size": 0},
            "fraction": {**preprocessing, "size": 32.5},
            "mean": {**preprocessing, "mean": [math.nan] * 3},
            "mean of two": {**preprocessing, "mean": [0.5, 0.5]},
            "division by zero": {**preprocessing, "std": [0, 0.5, 0.5]},
            "division by next to nothing": {**preprocessing, "std": [1e-300, 0.5, 0.5]},
            "interpolation": {**preprocessing, "interpolation": "__import__('os').system('touch exploded')"},
        },
        "network": {
            **{"list": [], "empty": {}, "more": {**network, "x": 1}},
            "blocks": {**network, "blocks": 10**6},
            "features": {**network, "features": 10**9},
            "family": {**network, "family": ["timm"]},
            "size": {**network, "preprocessing": {**preprocessing, "size": 4096, "resize": 4096}},
            "long": {**network, "weights": {**network["weights"], "source": "x" * 10**6}},
        },
    }


def lies() -> Iterator[tuple[str, Facts]]:
    """Facts that are wrong in one way each, under the name of that way."""
    good = good_facts()
    wrong = {**_wrong_remarks(good), **_wrong_figures(good)}
    for field, values in wrong.items():
        for how, value in values.items():
            kept = {key: fact for key, fact in good.items() if (field, key) != ("backbone", "network")}
            yield f"{field} {how}", {**kept, field: value}
    for name in (
        "hf-hub:somebody/something",
        "local-dir:/tmp",
        "../x",
        "vit_giant_patch14_224",
        f"{ARCHITECTURE}.mine",
    ):
        yield f"network {name.replace('/', '-').replace(':', '-')}", {**good, "backbone": TIMM + name}
    yield "field missing", {key: value for key, value in good.items() if key != "unknown"}
    yield "field too many", {**good, "<b>surprise\n</b>": 1}


# What only looks like a file


def _special(folder: Path) -> None:
    """A folder, a pipe, devices and links; and files that are larger than any disk."""
    (folder / "folder.tlmodel").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.tlmodel")
        os.mkfifo(folder / "pipe.zip")
        os.mkfifo(folder / "pipe.csv")
        (folder / "link to a pipe.tlmodel").symlink_to("pipe.tlmodel")
    if Path("/dev/zero").exists():
        for suffix in ("tlmodel", "zip", "csv", "safetensors"):
            (folder / f"device without end.{suffix}").symlink_to("/dev/zero")
        (folder / "terminal.tlmodel").symlink_to("/dev/tty")
    (folder / "link to itself.tlmodel").symlink_to("link to itself.tlmodel")
    (folder / "link to nothing.tlmodel").symlink_to("nowhere")
    for name, start in (("sparse", b""), ("sparse header", (1 << 40).to_bytes(8, "little"))):
        with (folder / f"terabyte, {name}.tlmodel").open("wb") as file:
            file.write(start)
            file.truncate(1 << 40)
    with (folder / "directory of 3 GB.zip").open("wb") as file:
        file.seek(3 << 30)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, 3 << 30, 0, 0))
    with (folder / "terabyte.csv").open("wb") as file:
        file.write(b"path,label\n")
        file.truncate(1 << 40)


def _large_values(folder: Path) -> None:
    """A large network's model, sound but for its digest: what it says is found out only when all of it is read."""
    name = "vit_large_patch32_224"
    spec = backbone()
    weights = {**timm_record(spec)["weights"]}
    record = {"features": 1024, "parameters": 0, "family": "vit_timm", "blocks": 24, "weights": weights}
    record["preprocessing"] = {**spec.preprocessing.to_json(), "size": 224, "resize": 224}
    with torch.device("meta"):
        state = timm.create_model(name, num_classes=3, img_size=224).state_dict()
    header, at = {}, 0
    for key, value in [*((f"network.{k}", v) for k, v in state.items()), ("features", torch.zeros(4, 1024))]:
        kind = "F16" if key == "features" else "F32"
        size = value.numel() * (2 if kind == "F16" else 4)
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [at, at + size]}
        at += size
    facts = {**good_facts(), "backbone": TIMM + name, "network": record, "preprocessing": record["preprocessing"]}
    with (folder / SLOWEST).open("wb") as file:
        start = put_together(header, b"", {**facts, "digest": "ab" * 32})
        file.write(start)
        file.truncate(len(start) + at)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies below a folder, with size and time of change, so that it shows whether something was written."""
    found = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return {str(path.relative_to(folder)): (facts.st_size, facts.st_mtime_ns) for path, facts in found}


def write_all(folder: Path) -> list[Path]:
    """Every hostile file, into an empty folder; sorted by name."""
    good = write_good(folder / "good").read_bytes()
    (folder / "good").unlink()
    header, _, values = taken_apart(good)
    contents = {f"{name}.tlmodel": data for name, data in _no_models().items()}
    disguises = _pickles(Bomb(folder))
    contents |= {f"{name}.tlmodel": data for name, data in disguises.items()}
    for name in ("pickle", "pickle as torch saves it"):
        contents |= {f"{name}.{kind}": disguises[name] for kind in ("pth", "safetensors", "zip")}
    contents |= {f"{name}.tlmodel": data for name, data in _large_headers(header, values).items()}
    contents |= {f"{name}.tlmodel": data for name, data in _layouts(header, values).items()}
    contents |= _archives()
    contents |= {f"{name}.tlmodel": data for name, data in _archives().items()}
    for name, facts in lies():
        with suppress(ValueError, UnicodeEncodeError):
            facts = with_digest(header, facts, values)
        contents[f"{name}.tlmodel"] = put_together(header, values, facts)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    _special(folder)
    _large_values(folder)
    return sorted(path for path in folder.iterdir() if path.name != EXPLODED)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    print(len(write_all(target)), "files")

"""The weights verbs as people type them, on a machine that has internet and on one without."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.conftest import ROOT, Result, Tlstudio
from tests.serving import serving
from tlstudio.core.backbones import Backbone
from tlstudio.engine import weights

WRONG_USAGE, FAILED = 2, 1

# Python runs this when it starts: the table has one backbone more, and nothing but this computer is reached.
START = """
import json, socket
from dataclasses import replace
from tlstudio.core.backbones import BACKBONES, Weights
tiny = Weights(**json.loads({weights!r}))
BACKBONES["tiny"] = replace(BACKBONES["resnet18"], name="tiny", title="Tiny", weights=tiny)
connect = socket.socket.connect
def local_only(self, address):
    if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
        raise SystemExit(f"a test reached for the network: {{address}}")
    connect(self, address)
socket.socket.connect = local_only
"""


class Machine:
    """A computer with a folder of its own for weights, and a way to a server where `tiny` can be fetched."""

    def __init__(self, folder: Path, tiny: Backbone, address: str) -> None:
        self.folder = folder
        (folder / "start").mkdir(parents=True)
        facts = json.dumps({**asdict(tiny.weights), "url": f"{address}/tiny.pth"})
        (folder / "start" / "sitecustomize.py").write_text(START.format(weights=facts))

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "data").rglob("*") if path.is_file())

    def __call__(self, *arguments: object) -> Result:
        own = {"PYTHONPATH": f"{self.folder / 'start'}{os.pathsep}{ROOT}", "XDG_DATA_HOME": str(self.folder / "data")}
        own["XDG_CACHE_HOME"] = str(self.folder / "cache")
        command = [sys.executable, "-m", "tlstudio", "weights", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env={**os.environ, **own}, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def data(tiny_backbone: Backbone) -> bytes:
    return weights.locate(tiny_backbone).read_bytes()


@pytest.fixture
def machine(tmp_path: Path, tiny_backbone: Backbone, data: bytes) -> Iterator[Machine]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "tiny.pth").write_bytes(data)
    with serving(tmp_path / "served") as address:
        yield Machine(tmp_path / "lab", tiny_backbone, address)


def test_a_pack_is_carried_from_a_machine_with_internet_to_one_without(
    machine: Machine, tmp_path: Path, tiny_backbone: Backbone
) -> None:
    without = machine("pack", "weights.zip", "tiny")
    assert (without.status, machine.files) == (FAILED, [])
    assert "tiny are not on this machine. Add --fetch to download 1 MB from http://127.0.0.1" in without.err

    packed = machine("pack", "weights.zip", "tiny", "--fetch", "--json")
    assert packed.status == 0
    assert packed.of("said")[0]["text"].startswith("Fetching 1 MB: tiny (1 MB) from http://127.0.0.1")
    assert packed.of("weights_packed")[0]["backbones"] == ["tiny"]
    assert machine.files == ["tiny.pth"]

    lab = Machine(tmp_path / "without", tiny_backbone, "http://127.0.0.1:9")
    (missing,) = [e for e in lab("list", "--json").of("weights") if e["backbone"] == "tiny"]
    assert (missing["state"], missing["path"], missing["url"]) == ("missing", None, "http://127.0.0.1:9/tiny.pth")
    offline = lab("fetch", "tiny")
    assert offline.status == FAILED
    assert "could not be reached" in offline.err
    assert len(offline.err.strip().splitlines()) == 1
    brought = lab("import", machine.folder / "weights.zip")
    assert brought.status == 0
    assert "tiny: here, checked" in brought.out
    (there,) = [e for e in lab("list", "--json").of("weights") if e["backbone"] == "tiny"]
    assert (there["state"], there["place"], there["sha256"]) == ("checked", "own", tiny_backbone.weights.sha256)


def test_fetch_takes_up_a_broken_download_and_refuses_another_file(machine: Machine, tmp_path: Path) -> None:
    assert machine("fetch", "tiny").status == 0
    assert machine.files == ["tiny.pth"]
    served = tmp_path / "served" / "tiny.pth"
    served.write_bytes(served.read_bytes()[:-1] + b"?")
    (machine.folder / "data" / "tlstudio" / "weights" / "tiny.pth").unlink()
    refused = machine("pack", "weights.zip", "tiny", "--fetch")
    assert refused.status == FAILED
    assert "what was fetched is not the file expected (SHA-256)" in refused.err
    assert machine.files == []
    assert not (machine.folder / "weights.zip").exists()


def test_a_damaged_file_shows_in_the_list(machine: Machine, data: bytes) -> None:
    place = machine.folder / "data" / "tlstudio" / "weights" / "tiny.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(data[:-1] + b"?")
    listed = machine("list")
    assert listed.status == 0
    assert "tiny: here, but not the right file: its SHA-256 is " in listed.out
    assert "efficientnet_lite0: here, checked" in listed.out
    assert "(installed package)" in listed.out


@pytest.mark.parametrize("out", ["weights.tar", "gone/weights.zip"])
def test_a_pack_has_a_name_that_ends_in_zip_in_a_folder_that_exists(tlstudio: Tlstudio, out: str) -> None:
    done = tlstudio("weights", "pack", out)
    assert done.status == WRONG_USAGE
    assert "OUT is the name of a file that ends in .zip" in " ".join(done.err.split())


def test_no_model_goes_into_a_pack(tlstudio: Tlstudio) -> None:
    done = tlstudio("weights", "pack", "weights.zip", "mine.tlmodel")
    assert done.status == WRONG_USAGE
    assert "by their names" in done.err

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tlstudio.core.errors import DeviceError
from tlstudio.engine import device

# Python runs this when it starts: it says how the threads of OpenMP would wait at the moment torch is first loaded.
WITNESS = """
import os, sys
class Witness:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print("at torch:", os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Witness())
"""
COMMANDS = {
    "outline": ["-m", "tlstudio", "outline", "resnet18"],
    "train": ["-m", "tlstudio", "train", "pictures"],
    "predict": ["-m", "tlstudio", "predict", "a.tlmodel", "pictures"],
    "window": ["-c", "from tlstudio import tasks; list(tasks.load_engine())"],
}


def at_torch(command: list[str], folder: Path, **environment: str) -> str:
    (folder / "sitecustomize.py").write_text(WITNESS)
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    paths = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**inherited, **paths, **environment},
        check=False,
    )
    return done.stdout.partition("at torch: ")[2].strip()


@pytest.mark.parametrize("way", COMMANDS)
def test_idle_threads_sleep_whichever_way_torch_comes_in(way: str, pictures: Path) -> None:
    (pictures.parent / "a.tlmodel").write_bytes(b"any")
    assert at_torch(COMMANDS[way], pictures.parent) == "PASSIVE"


def test_what_the_user_set_stays(tmp_path: Path) -> None:
    assert at_torch(COMMANDS["outline"], tmp_path, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_threads_are_as_many_as_asked_for_or_one_for_each_core() -> None:
    before = torch.get_num_threads()
    try:
        assert device.use_threads(1) == torch.get_num_threads() == 1
        assert device.use_threads(0) == torch.get_num_threads() >= 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:99", "cuda:x"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match=r"there is no .*CUDA device|there is no device"):
        device.choose(name)

"""A disk that is full to the byte: three of the moments that `python -m tests.bench disk_full` tries."""

import subprocess
import sys

import pytest

from tests.bench.disk_full import CANNOT_MOUNT
from tests.conftest import ROOT

POINTS = ("import: the catalogue", "half a checkpoint", "the report")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_what_was_saved_stays_sound_and_the_work_goes_on_once_there_is_room() -> None:
    command = [sys.executable, "-m", "tests.bench.disk_full", "--points", ",".join(POINTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode == CANNOT_MOUNT:
        pytest.skip("nothing may be mounted here: only root may")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith(": ok")] == [f"  {name}: ok" for name in POINTS]
    assert done.stdout.count("0.0 MB are free in DISK/project") == len(POINTS)

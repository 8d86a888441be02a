"""Nothing leaves this computer: the whole job without a network, and no call to the kernel that would reach for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import network
from tests.ui.world import draw_shapes

ROOT = Path(__file__).resolve().parent.parent
JOURNEY = "tests/ui/test_journey.py::test_three_actions_from_the_empty_window_to_an_answer"


def reached_for(record: Path, *command: object) -> list[str]:
    """Run a command where there is no network; returns its calls that would have reached for one."""
    network.require()
    alone = [*network.ALONE, *network.watched(record, *command)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(alone, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return network.attempts(record)


def test_a_call_to_a_network_is_seen(tmp_path: Path) -> None:
    """Or the tests below would pass whatever the program did."""
    code = "import socket; socket.socket().connect_ex(('192.0.2.1', 80)); socket.socket(socket.AF_UNIX).close()"
    calls = reached_for(tmp_path / "calls", sys.executable, "-c", code)
    assert len(calls) == 2
    assert "192.0.2.1" in calls[1]


@pytest.mark.slow
def test_the_command_line_reaches_for_no_network(tmp_path: Path) -> None:
    pictures, model = draw_shapes(tmp_path / "shapes", 4), tmp_path / "shapes.tlmodel"
    script = 'set -e; "$0" -m tlstudio train "$1" --model "$2" --epochs 2; "$0" -m tlstudio predict "$2" "$1/star"'
    assert reached_for(tmp_path / "calls", "sh", "-c", script, sys.executable, pictures, model) == []
    assert model.is_file()


@pytest.mark.slow
def test_the_window_reaches_for_no_network(tmp_path: Path) -> None:
    """Shown, a folder dropped, trained, a picture classified; one process, as for a person."""
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "temporary"]
    assert reached_for(tmp_path / "calls", *pytest_, JOURNEY) == []

"""What every test stands on: folders of its own, no network, real pictures, a tiny backbone."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tlstudio.engine  # before a test loads torch: it settles how torch's threads wait
from tests import tiny
from tests.warm import WarmProcess
from tlstudio import tasks
from tlstudio.core import backbones
from tlstudio.core.backbones import Backbone
from tlstudio.core.catalogue import Picture
from tlstudio.core.events import Difference, Event
from tlstudio.core.project import Project
from tlstudio.engine import reading, store, survey

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the whole session, so that what one test extracts the next one remembers, as for a user."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    # What is remembered must not depend on how full this machine's disk is.
    monkeypatch.setattr(store, "LEAST_FREE", 0)
    monkeypatch.setattr(store, "MOST_FREE", 0)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for the network: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def data() -> Path:
    """The real pictures; without them a test is skipped, but in CI it fails."""
    if not DATA.is_dir():
        reason = f"the real pictures are missing: {DATA}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return DATA


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three classes of eight coloured squares, each a little different, and one truncated file."""
    root = tmp_path / "pictures"
    for label, colour in COLOURS.items():
        (root / label).mkdir(parents=True)
        for number in range(8):
            shade = tuple(min(255, value + 5 * number) for value in colour)
            Image.new("RGB", (40 + number, 36), shade).save(root / label / f"{number}.png")
    whole = (root / "red" / "0.png").read_bytes()
    (root / "red" / "broken.png").write_bytes(whole[: len(whole) // 2])
    return root


def rescan(project: Project) -> Iterator[Event]:
    """Look at the folders again as with F5, and take over everything that has changed."""
    (found,) = [event for event in tasks.difference(project, thorough=True) if isinstance(event, Difference)]
    yield from tasks.accept(project, found)


@pytest.fixture
def tiny_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """timm's 100,000-parameter test network with seeded weights in the program's folder, as backbone `tiny`."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = tiny.make(tmp_path / "data")
    monkeypatch.setitem(backbones.BACKBONES, "tiny", made)
    return made


@pytest.fixture(scope="session")
def hostile_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Files made to do harm (`tests/hostile.py`), but for one that takes seconds; their folder has to stay as it is."""
    from tests import hostile

    folder = tmp_path_factory.mktemp("hostile")
    files = hostile.write_all(folder)
    before = hostile.listing(folder)
    yield [path for path in files if path.name != hostile.SLOWEST]
    assert hostile.listing(folder) == before


def look_through(images: Path) -> list[Picture]:
    """The pictures of a folder or list that can be read, with their facts."""

    def task() -> Iterator[Event]:
        found = yield from survey.find(images)
        looked.extend((yield from reading.read_all(found.pictures, threads=2)))

    looked: list[Picture] = []
    list(task())
    return [p for p in looked if not p.refused]


@dataclass
class Result:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]


Tlstudio = Callable[..., Result]


# Python runs this when it starts: the commands under test must not reach for the network either.
GUARD = """
import socket
def refuse(self, address):
    if self.family != socket.AF_UNIX:
        raise SystemExit(f"a test reached for the network: {address}")
socket.socket.connect = refuse
"""


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What makes a Python program find our source and no network."""
    guard = tmp_path_factory.mktemp("guard")
    (guard / "sitecustomize.py").write_text(GUARD)
    return {"PYTHONPATH": f"{guard}{os.pathsep}{ROOT}"}


@pytest.fixture(scope="session")
def warm(offline: dict[str, str]) -> Iterator[WarmProcess | None]:
    """Where commands are forked from with torch loaded; None where a program of several threads must not be forked."""
    if sys.platform != "linux":
        yield None
        return
    process = WarmProcess({**os.environ, **offline})
    yield process
    process.close()


@pytest.fixture
def fresh_tlstudio(tmp_path: Path, offline: dict[str, str]) -> Tlstudio:
    """Runs the command line in a fresh interpreter, in an empty folder, without a network."""

    def run(*arguments: object) -> Result:
        command = [sys.executable, "-m", "tlstudio", *map(str, arguments)]
        environment = {**os.environ, **offline, "TMPDIR": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def tlstudio(tmp_path: Path, offline: dict[str, str], warm: WarmProcess | None, fresh_tlstudio: Tlstudio) -> Tlstudio:
    """The same in a process forked from one that has torch: four seconds less where a command needs it."""
    if warm is None:
        return fresh_tlstudio

    def run(*arguments: object) -> Result:
        environment = {**os.environ, **offline, "TMPDIR": str(tmp_path)}
        return Result(*warm.run([*map(str, arguments)], environment, tmp_path))

    return run

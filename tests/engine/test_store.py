"""Remembered rows survive everything but deletion, and whatever is not whole is missing, never wrong."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.conftest import ROOT
from tlstudio.engine import settings, store
from tlstudio.engine.store import Shelf

pytestmark = pytest.mark.usefixtures("fresh_cache")


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def row(number: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(number).standard_normal((4, size)).astype(np.float32)


def filled(key: str, count: int, size: int = 64) -> Shelf:
    shelf = Shelf(key, "float32")
    assert shelf.add([(str(n), row(n, size)) for n in range(count)]) is not None
    return shelf


def right(shelf: Shelf, count: int) -> int:
    """How many of the first rows are remembered; what is remembered must be right."""
    found = shelf.find([str(n) for n in range(count)])
    assert all(np.array_equal(value, row(int(digest))) for digest, value in found.items())
    return len(found)


def test_rows_come_back_bit_for_bit_whatever_their_shape() -> None:
    shelf = Shelf("pixels", "uint8")
    rows = {f"{h}x{w}": np.random.default_rng(h).integers(0, 255, (h, w, 3), np.uint8) for h, w in [(3, 5), (7, 2)]}
    added = shelf.add(list(rows.items()))
    assert added is not None
    assert all(np.array_equal(a, b) for a, b in zip(added, rows.values(), strict=True))
    found = Shelf("pixels", "uint8").find([*rows, "another"])
    assert found.keys() == rows.keys()
    assert all(np.array_equal(found[name], rows[name]) for name in rows)
    assert shelf.find(list(rows), shape=(7, 2, 3)).keys() == {"7x2"}


def test_rows_are_read_where_they_lie() -> None:
    filled("large", 200, size=8_000)
    tracemalloc.start()
    found = Shelf("large", "float32").find([str(n) for n in range(200)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 200
    assert peak < 200 * found["0"].nbytes / 20


def test_a_damaged_index_is_begun_anew() -> None:
    filled("key", 20)
    (store.folder() / "key.sqlite").write_bytes(b"damaged beyond recognition" * 400)
    shelf = Shelf("key", "float32")
    assert right(shelf, 20) == 0
    assert shelf.add([("3", row(3))]) is not None
    assert right(shelf, 20) == 1


@pytest.mark.parametrize("damage", ["torn", "cut short", "gone"])
def test_damaged_values_are_missing_and_can_be_put_back(damage: str) -> None:
    filled("key", 20)
    file = store.folder() / "key.rows"
    whole = file.read_bytes()
    if damage == "torn":
        file.write_bytes(whole[:5_000] + bytes(3_000) + whole[8_000:])
    elif damage == "cut short":
        file.write_bytes(whole[:5_000])
    else:
        file.unlink()
    shelf = Shelf("key", "float32")
    assert right(shelf, 20) < 20
    assert shelf.add([(str(n), row(n)) for n in range(20)]) is not None
    assert right(shelf, 20) == 20


def test_what_somebody_reads_stays_readable_when_the_cache_is_emptied() -> None:
    shelf = filled("key", 20)
    held = shelf.find(["7"])["7"]
    store.clear()
    assert store.usage().bytes == store.usage().entries == 0
    assert np.array_equal(held, row(7))
    assert right(shelf, 20) == 0
    assert shelf.add([("7", row(7))]) is not None
    assert right(shelf, 20) == 1


def test_rows_in_use_are_not_written_over_when_their_index_is_lost() -> None:
    shelf = Shelf("key", "float32")
    held = shelf.add([(str(n), row(n)) for n in range(20)])
    assert held is not None
    for file in store.folder().glob("key.sqlite*"):
        file.unlink()
    assert Shelf("key", "float32").add([(str(n), row(100 + n)) for n in range(20)]) is not None
    assert all(np.array_equal(value, row(n)) for n, value in enumerate(held))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_more_parts_are_held_than_a_desktop_lets_a_program_open() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        shelf = Shelf("key", "float32")
        held = [shelf.add([(str(n), row(n))]) for n in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert all(held)


def test_the_least_recently_used_goes_first_and_nothing_is_wider_than_its_limit() -> None:
    for age, key in enumerate(["old", "older", "recent"]):
        filled(key, 100)
        for file in store.folder().glob(f"{key}.*"):
            os.utime(file, (1e9 - age if key == "older" else 1e9 + age,) * 2)
    used = store.usage()
    assert used.entries == 3
    settings.set_cache_limit(used.bytes)
    filled("newest", 100)
    assert {file.stem for file in store.folder().iterdir()} == {"old", "recent", "newest"}
    assert Shelf("newest", "float32").add([("wide", np.zeros(used.bytes, np.float32))]) is None
    assert store.usage().bytes <= used.bytes


def test_a_lower_limit_bounds_the_newest_too() -> None:
    filled("newest", 100)
    settings.set_cache_limit(store.usage().bytes // 2)
    assert right(Shelf("newest", "float32"), 100) == 0
    assert store.usage().bytes <= settings.cache_limit()


SHIPPED = store.LEAST_FREE, store.MOST_FREE  # a test begins with neither, so that it does not depend on the disk


class Disk(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("total", "free", "room"),
    [
        (100 << 30, 50 << 30, 4 << 30),
        (1000 << 30, 7 << 30, 2 << 30),
        (1000 << 30, 5 << 30, 0),
        (30 << 30, 4 << 30, 1 << 30),
        (4 << 30, 3 << 30, 1 << 30),
    ],
)
def test_the_last_part_of_a_disk_is_left_alone(
    total: int, free: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LEAST_FREE", SHIPPED[0])
    monkeypatch.setattr(store, "MOST_FREE", SHIPPED[1])
    settings.set_cache_limit(4 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(total, total - free, free))
    assert store.room() == room


WRITER = """
import sys
from tests.engine.test_store import row
from tlstudio.engine.store import Shelf
shelf = Shelf("key", "float32")
for n in range(int(sys.argv[1]), 120, 2):
    assert shelf.add([(str(n), row(n))]) is not None
    if n % 20 < 2:
        print(n, flush=True)
"""


def writer(first: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER, str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def test_two_processes_write_at_once() -> None:
    writers = [writer(0), writer(1)]
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    assert right(Shelf("key", "float32"), 120) == 120


def test_whoever_is_killed_leaves_a_sound_store() -> None:
    for first in (0, 1):
        with writer(first) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
    shelf = Shelf("key", "float32")
    assert 2 <= right(shelf, 120) < 120
    assert shelf.add([("119", row(119))]) is not None
    assert shelf.find(["119"]).keys() == {"119"}

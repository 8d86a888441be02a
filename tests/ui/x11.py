"""Drive a real window on a virtual X screen: start one, find windows, drag files from another process."""

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDED = {"Xvfb": "xvfb", "xdotool": "xdotool"}
Environment = dict[str, str]


def require() -> None:
    """Skip where there is no virtual screen, saying what to install; in CI that is a failure."""
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if not missing:
        return
    reason = f"needs a virtual screen: sudo apt-get install {' '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def screen(size: str = "1366x768") -> Iterator[Environment]:
    """A fresh X server; yields an environment whose programs show on it."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            display = number.readline().strip()  # comes when the server takes clients
        assert display, "Xvfb did not start"
        yield {**os.environ, "DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        server.terminate()
        server.wait()


def xdotool(environment: Environment, *arguments: object) -> str:
    command = ["xdotool", *map(str, arguments)]
    return subprocess.run(command, env=environment, check=True, text=True, capture_output=True).stdout.strip()


def window(environment: Environment, title: str, seconds: float = 30) -> str:
    """The id of the visible window whose title matches, as soon as there is one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        command = ["xdotool", "search", "--onlyvisible", "--name", title]
        found = subprocess.run(command, env=environment, text=True, capture_output=True, check=False).stdout.split()
        if found:
            return found[0]
        time.sleep(0.1)
    raise TimeoutError(title)


def geometry(environment: Environment, which: str) -> tuple[int, int, int, int]:
    """x, y, width, height on the screen."""
    values = dict(re.findall(r"(\w+)=(-?\d+)", xdotool(environment, "getwindowgeometry", "--shell", which)))
    x, y, width, height = (int(values[key]) for key in ("X", "Y", "WIDTH", "HEIGHT"))
    return x, y, width, height


def drag(environment: Environment, paths: list[Path], x: int, y: int) -> str:
    """Drag files from another process onto a place of the screen; returns the action the target took."""
    command = [sys.executable, str(Path(__file__).with_name("dragsource.py")), *map(str, paths)]
    source = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, bufsize=0)
    try:
        at = _line(source)
        xdotool(environment, "mousemove", at["x"], at["y"], "sleep", 0.1, "mousedown", 1, "sleep", 0.1)
        xdotool(environment, "mousemove_relative", 12, 4, "sleep", 0.1, "mousemove_relative", 12, 4)
        assert _line(source)["said"] == "start"
        # The first motion enters the target, a later one is accepted: one jump would not do.
        xdotool(environment, "mousemove", (at["x"] + x) // 2, (at["y"] + y) // 2, "sleep", 0.15)
        xdotool(environment, "mousemove", x, y, "sleep", 0.15, "mousemove_relative", 3, 3, "sleep", 0.3)
        xdotool(environment, "mouseup", 1)
        return str(_line(source)["result"])
    finally:
        # The target fetches the files after the drop, so the source ends by itself a little later.
        source.wait()
        assert source.stdout is not None
        source.stdout.close()


def _line(process: "subprocess.Popen[bytes]", seconds: float = 20) -> dict:
    """The next line of JSON a child prints."""
    text, end = b"", time.monotonic() + seconds
    assert process.stdout is not None
    while not text.endswith(b"\n"):
        if not select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            raise TimeoutError(f"{process.args!r}: {text!r}")
        character = process.stdout.read(1)
        if not character:
            raise EOFError(f"{process.args!r} ended")
        text += character
    return dict(json.loads(text))

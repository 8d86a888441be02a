"""See what this very process asks of the kernel, such as in which order it writes, syncs and renames a file."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ALLOW_TRACER = 0x59616D61  # PR_SET_PTRACER: a child may not trace its parent everywhere


@contextmanager
def traced(record: Path, *calls: str) -> Iterator[None]:
    """Within `with`, these calls of the main thread go into a file, with the paths of what is open (Linux).

    Skips where calls cannot be watched, saying why; in CI that is a failure.
    """
    if sys.platform != "linux" or not shutil.which("strace"):
        _give_up("needs to watch what a program asks of the kernel: sudo apt-get install strace")
    command = ["strace", "-y", "-e", "signal=none", "-e", f"trace={','.join(calls)}", "-o", str(record)]
    process = subprocess.Popen([*command, "-p", str(os.getpid())], stderr=subprocess.PIPE, text=True)
    ctypes.CDLL(None).prctl(_ALLOW_TRACER, process.pid, 0, 0, 0)
    assert process.stderr
    said = process.stderr.readline()
    if "attached" not in said:
        process.wait()
        _give_up(f"this system does not let a program be watched: {said.strip()}")
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def _give_up(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

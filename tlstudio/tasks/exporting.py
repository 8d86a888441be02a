"""Hand a model over to other programs."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tlstudio.core.errors import ExportFailed
from tlstudio.core.events import Event, Exported, Progress
from tlstudio.core.exports import check_place, unfinished
from tlstudio.tasks.predicting import check_exists

PULSE = 0.1  # seconds between two looks at a process that says nothing
_EVENTS: dict[str, type[Event]] = {Progress.kind: Progress, Exported.kind: Exported}


def export(model_file: Path, out: Path, format_: str = "onnx", threads: int = 0) -> Iterator[Event]:
    """Write a model for other programs into the folder `out`, whole or not at all; ends with `Exported`.

    out: a new or empty folder, or an earlier export, which is replaced. format_: `onnx`.

    Raises:
        TLStudioError: the model cannot be used or exported, or answers differently once it is.
    """
    check_exists(model_file)
    check_place(out)
    from tlstudio.engine import checkpoints, device, exporters

    count = device.use_threads(threads)
    yield Progress(exporters.TASK, 0, 0)
    yield from exporters.FORMATS[format_](checkpoints.load_model(model_file), out, count)


def export_apart(model_file: Path, out: Path, format_: str = "onnx") -> Iterator[Event]:
    """The same in a process of its own: tracing a network holds the interpreter for tenths of a second.

    Closing it ends that process and takes away what it had begun.
    """
    out = Path(os.path.realpath(out))
    check_exists(model_file)
    check_place(out)
    before = unfinished(out)
    # A file takes any number of complaints; a pipe that nobody empties would stop who complains.
    with tempfile.TemporaryFile() as complaints:
        process = _start(complaints, "export", os.fspath(model_file), os.fspath(out), "--format", format_, "--json")
        try:
            yield from _events_of(process)
            process.communicate()
            if process.returncode:
                raise ExportFailed(_last_line(complaints) or "The export ended without a reason")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
            for left in unfinished(out) - before:
                shutil.rmtree(left, ignore_errors=True)


def _last_line(complaints: IO[bytes]) -> str:
    """What ended the program; before it may stand what libraries remarked."""
    complaints.seek(0)
    lines = complaints.read().decode(errors="backslashreplace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "").removeprefix("tlstudio: ")


def _start(complaints: IO[bytes], *arguments: str) -> subprocess.Popen[str]:
    """The program's own command line, in a process of its own. complaints: takes what it says on stderr."""
    command = [sys.executable, "-m", "tlstudio"]
    if getattr(sys, "frozen", False):
        # On Windows the program with the window has no stdout; the one beside it has.
        program = Path(sys.executable)
        command = [os.fspath(program.with_name("tlstudio.exe") if sys.platform == "win32" else program)]
    return subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        encoding="utf-8",
        errors="backslashreplace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows would show a black one
    )


def _events_of(process: subprocess.Popen[str]) -> Iterator[Event]:
    """What a process says; the last once more whenever it is silent, so that who listens may end it."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout
    threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True).start()
    last: Event = Progress("starting", 0, 0)
    while True:
        try:
            line = lines.get(timeout=PULSE)
        except queue.Empty:
            yield last
            continue
        if not line:
            return
        said = json.loads(line)
        kind = _EVENTS.get(said.pop("event"))
        if kind:
            last = kind(**said)
            yield last


def _pass_on(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")

"""How hostile files are refused, and how far the worst go: `python -m tests.bench.refusals [NAME]...`.

NAME: only files whose names hold it. Goal: every one refused with a sentence within 10 s and 500 MB above idle. Linux
only: each is sent to a child process.
"""

import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from tests import hostile
from tlstudio import cli
from tlstudio.engine import checkpoints, survey, timm_networks, weights_pack

SECONDS, MEGABYTES = 10, 500
LOADED = (checkpoints, survey, timm_networks, weights_pack)  # what a command would load first, as part of idle


@dataclass(frozen=True)
class Outcome:
    """What became of a command on one file. status: negative where a signal ended it. seconds: of the processor."""

    arguments: tuple[str, ...]
    status: int
    seconds: float
    megabytes: float
    said: str


def outcomes(commands: Iterable[tuple[str, ...]]) -> Iterator[Outcome]:
    """Run commands of the command line in children of this process that have the engine loaded, within limits."""
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    for arguments in commands:
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if not child:
                _become(arguments, said.fileno())
            _, status, used = os.wait4(child, 0)
            said.seek(0)
            *text, above = said.read().decode().splitlines() or ["0"]
        above = float(above) if status == 0 or above.replace(".", "").isdigit() else -1.0
        seconds = used.ru_utime + used.ru_stime
        yield Outcome(arguments, os.waitstatus_to_exitcode(status), seconds, above, "\n".join(text))


def _become(arguments: tuple[str, ...], out: int) -> None:
    """Run a command in this process, which ends with it; its last line is how many MB above idle it took at most."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(6 * SECONDS)  # for one that waits for ever
    os.dup2(out, 1)
    os.dup2(out, 2)
    before = _memory("VmRSS")
    status = 70
    try:
        status = cli.main(list(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(2, f"\n{_memory('VmHWM') - before:.1f}".encode())
        os._exit(status)


def _memory(field: str) -> float:
    """A figure of this process's memory as Linux tells it, MB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def ways_in(path: Path) -> list[tuple[str, ...]]:
    """The commands that read a file of this name; each reader once."""
    if path.suffix == ".csv":
        return [("inspect", str(path))]
    importing = [("weights", "import", str(path)), ("weights", "import", str(path), "--timm", hostile.ARCHITECTURE)]
    return [("inspect", str(path)), *importing] if path.suffix == ".tlmodel" else importing


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        wanted = sys.argv[1:] or [""]
        files = [path for path in hostile.write_all(Path(folder)) if any(name in path.name for name in wanted)]
        found = list(outcomes(way for path in files for way in ways_in(path)))
        exploded = (Path(folder) / hostile.EXPLODED).exists()
    bad = [o for o in found if o.status != 1 or o.seconds > SECONDS or o.megabytes > MEGABYTES]
    for title, key in (("processor seconds", "seconds"), ("MB above idle", "megabytes")):
        print(f"\nMost {title}:")
        for o in sorted(found, key=lambda o: -getattr(o, key))[:8]:
            print(f"  {getattr(o, key):7.2f}  {' '.join(o.arguments).replace(folder + '/', '')}")
    print(f"\n{len(files)} files, {len(found)} ways in, {time.monotonic() - began:.0f} s in all")
    print(f"refused by a sentence within {SECONDS} s and {MEGABYTES} MB: {len(found) - len(bad)}")
    for o in bad:
        what = " ".join(o.arguments).replace(folder + "/", "")
        print(
            f"  {what}: status {o.status}, {o.seconds:.1f} s, {o.megabytes:.0f} MB: {o.said.replace(folder + '/', '')}"
        )
    print("A payload ran!" if exploded else "No payload ran.")
    return 1 if bad or exploded else 0


if __name__ == "__main__":
    sys.exit(main())

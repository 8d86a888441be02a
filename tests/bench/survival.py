"""Whether a training survives being killed: `python -m tests.bench.survival [--kills N] [--real N] [--inside N]`.

`tlstudio train` is killed (SIGKILL) at random moments, some of them inside the write of a checkpoint, and gone on with
by `--resume` until it comes to its end. Goals: the project opens after every kill, no kill costs more than 30 s, and
the weights have the SHA-256 of those of a run in one go. What a kill costs is counted from when the run began or went
on, or from the last checkpoint or rows of features on disk, in seconds that its one thread had of the processor: what
others do on the machine meanwhile is not lost. Linux only: each command runs in a fork of this process, which has
loaded torch.
"""

import argparse
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

import tlstudio.engine.exporters
import tlstudio.engine.training  # noqa: F401  # loaded before the forks
from tests import tiny
from tlstudio import cli
from tlstudio.core import backbones
from tlstudio.core.project import Project
from tlstudio.core.run import runs_in

DATA = Path(os.environ.get("TLSTUDIO_BENCH_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
SECONDS = 30.0  # what a kill may cost
NAP, LOOK = 0.02, 2e-4  # seconds between two looks at a process, and at a folder


@dataclass
class Outcome:
    """What became of a training that was killed again and again.

    kills: how many, of which `inside` the write of a checkpoint. opened: after how many the project opened. lost: the
    seconds of work each kill cost, by the processor. runs: trainings that were begun.
    """

    kills: int = 0
    inside: int = 0
    opened: int = 0
    runs: int = 0
    lost: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures and self.opened == self.kills and max(self.lost, default=0.0) <= SECONDS


def start(arguments: Sequence[object], said: Path, cache: Path) -> int:
    """A command in a fork of this process, with a cache of its own; its process id. said: a file for what it prints."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        os.environ["XDG_CACHE_HOME"] = str(cache)
        for number in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        status = cli.main([str(argument) for argument in arguments])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def finish(arguments: Sequence[object], said: Path, cache: Path) -> int:
    """A command to its end; its exit status."""
    _, status = os.waitpid(start(arguments, said, cache), 0)
    return os.waitstatus_to_exitcode(status)


@dataclass(frozen=True)
class Moment:
    """When to kill. after: seconds of the processor, so that a busy machine gets as far. inside: only once a checkpoint
    is being written, so many seconds later."""

    after: float
    inside: float | None = None


def kill(child: int, project: Path, cache: Path, moment: Moment) -> float | None:
    """Kill a training at a moment; the seconds of the processor that this cost, None if it had come to its end."""
    told, kept, since = _told(project), _kept(project, cache), math.inf
    while (spent := _processor_seconds(child)) < moment.after or not (moment.inside is None or _is_writing(project)):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            os.waitpid(child, 0)
            return None
        if since == math.inf and _told(project) != told:
            since = spent  # until here it only started
        if kept != (kept := _kept(project, cache)):
            since = spent
        time.sleep(NAP if spent < moment.after else LOOK)
    time.sleep(moment.inside or 0)
    spent = _processor_seconds(child)
    os.kill(child, signal.SIGKILL)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return max(0.0, spent - since) if killed else None


def _told(project: Path) -> int:
    """How long the story of all runs is: it goes on when one begins or is gone on with."""
    return sum(run.events_file.stat().st_size for run in runs_in(project) if run.events_file.exists())


def _kept(project: Path, cache: Path) -> list[tuple[str, int, int]]:
    """What of a training outlasts a kill: checkpoints, and what the frozen stages said."""
    found = list[tuple[str, int, int]]()
    for path in (*project.glob("runs/*/last.safetensors"), *cache.glob("tlstudio/features/*.rows")):
        with suppress(FileNotFoundError):
            found.append((str(path), path.stat().st_mtime_ns, path.stat().st_size))
    return sorted(found)


def _processor_seconds(process: int) -> float:
    """What a process has used of the processor, in seconds; a zombie too."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _is_writing(project: Path) -> bool:
    """Whether a checkpoint is half written, or the last one is renamed already and the new one not yet."""
    runs = runs_in(project)
    return bool(runs) and (
        any(runs[-1].folder.rglob(".last.safetensors.*.part"))
        or (runs[-1].previous_file.exists() and not runs[-1].last_file.exists())
    )


def survive(command: Sequence[object], place: Path, kills: int, inside: int, longest: float) -> Outcome:
    """Kill trainings by a command until there were so many kills. longest: processor seconds until one, at most.

    command: from `train` on, without the project. inside: how many of the kills fall into the write of a checkpoint.
    """
    chance, found = random.Random(0), Outcome()
    whole = place / "whole"
    if status := finish([*command, "--project", whole], place / "whole.txt", place / "cache of whole"):
        found.failures.append(f"the run in one go ended with {status}: {(place / 'whole.txt').read_text()[-300:]}")
        return found
    while found.kills < kills:
        found.runs += 1
        project = place / f"killed {found.runs}"
        line, status = [*command, "--project", project, "--resume"], 0
        while found.kills < kills and not _is_done(project):
            wanted = inside - found.inside
            late = chance.random() < wanted / (kills - found.kills)
            moment = Moment(
                chance.uniform(0, longest / 2 if late else longest), chance.uniform(0, 0.01) if late else None
            )
            child = start(line, place / "said.txt", place / "cache")
            lost = kill(child, project, place / "cache", moment)
            if lost is None:
                break  # it came to its end before
            found.kills += 1
            found.lost.append(lost)
            _look_after(found, project)
        if not _is_done(project):
            status = finish(line, place / "said.txt", place / "cache")
        if status or _weights(project) != _weights(whole):
            found.failures.append(f"{project.name} ended with {status}, other weights or none")
            return found
        shutil.rmtree(project)
        shutil.rmtree(place / "cache")  # so that what the frozen stages say is interrupted too
    return found


def _look_after(found: Outcome, project: Path) -> None:
    """Note what a kill left."""
    found.inside += _is_writing(project)
    try:
        if project.exists():
            with Project.open(project) as opened:
                opened.catalogue.pictures()
                for run in opened.runs():
                    run.state()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        found.failures.append(f"after a kill the project did not open: {error!r}")
        return
    found.opened += 1


def _is_done(project: Path) -> bool:
    """Whether the newest run came to its end; a kill may follow that."""
    runs = runs_in(project)
    return bool(runs) and runs[-1].is_finished


def _weights(project: Path) -> str:
    """The digest of what the newest run came to; empty if it did not."""
    runs = runs_in(project)
    return str(runs[-1].report().get("weights_sha256", "")) if runs else ""


def tiny_pictures(folder: Path, count: int = 20) -> Path:
    """Three classes of small squares."""
    for label, colour in {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            shade = tuple(min(255, value + 2 * number) for value in colour)
            Image.new("RGB", (40 + number, 36), shade).save(folder / label / f"{number}.png")
    return folder


def _some_insects(folder: Path, count: int) -> Path:
    for label in ("ants", "bees"):
        (folder / label).mkdir(parents=True)
        for path in sorted((DATA / "hymenoptera" / "train" / label).glob("*.jpg"))[:count]:
            shutil.copy(path, folder / label)
    return folder


def tiny_command(images: Path, epochs: int) -> list[object]:
    """A training of the tiny network that takes a tenth of a second an epoch."""
    how = ["--strategy", "fine-tune-all", "--augment", "light", "--bn", "adaptive", "--warmup-epochs", 2]
    return [
        "train",
        images,
        "--backbone",
        "tiny",
        *how,
        "--epochs",
        epochs,
        "--batch-size",
        4,
        "--threads",
        1,
        "--json",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=170, help="of the tiny network")
    parser.add_argument("--real", type=int, default=30, help="of efficientnet_lite0, all of it learning")
    parser.add_argument("--inside", type=int, default=10, help="of those, inside the write of a checkpoint")
    parser.add_argument("--epochs", type=int, default=30, help="of the tiny network")
    wanted = parser.parse_args()
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["HOME"], os.environ["XDG_DATA_HOME"] = folder, str(place / "data")
        backbones.BACKBONES["tiny"] = tiny.make(place / "data")
        insects = ["--strategy", "fine-tune-all", "--warmup-epochs", 1, "--epochs", 3, "--augment", "light"]
        insects += ["--batch-size", 4, "--threads", 1, "--json"]
        for name, kills, inside, longest in (
            ("efficientnet_lite0", wanted.real, wanted.inside, 16.0),
            ("tiny", wanted.kills, wanted.kills // 4, 1.0),
        ):
            if not kills:
                continue
            began = time.monotonic()
            (place / name).mkdir()
            if name == "tiny":
                command = tiny_command(tiny_pictures(place / "squares"), wanted.epochs)
            else:
                command = ["train", _some_insects(place / "insects", 60), *insects]
            found = survive(command, place / name, kills, inside, longest)
            status = max(status, 0 if found.passed else 1)
            print(json.dumps({"network": name, "seconds": round(time.monotonic() - began)}))
            print(f"  {found.kills} kills, {found.inside} inside the write of a checkpoint, in {found.runs} trainings")
            print(f"  the project opened {found.opened} of {found.kills} times")
            most = f"{max(found.lost, default=0):.1f} s of the processor at most"
            print(f"  lost by a kill: {most} (goal: {SECONDS:.0f} s)")
            print(f"  {'; '.join(found.failures) or 'all weights are those of the run in one go'}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())

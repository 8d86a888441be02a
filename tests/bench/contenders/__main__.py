"""Does one job and prints what it measured; started by `tests.bench.training`."""

import importlib
import importlib.util
import json
import os
import resource
import sys
import time
from dataclasses import asdict

from tests.bench.contenders.job import Job, Measured

OURS = ("ours", "forward", "reading")
NEEDS = {"fastai_learner": "fastai", "lightning_trainer": "lightning"}


def peak(who: int) -> int:
    """The most memory held at once, in bytes; Linux counts it in kibibytes, macOS in bytes."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def spent() -> float:
    """Processor seconds of this process and of its children that have ended."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def main() -> None:
    started = time.perf_counter()
    job = Job(**json.loads(sys.argv[1]))
    package = NEEDS.get(job.contender)
    if package and not importlib.util.find_spec(package):
        measured = Measured(missing="not installed")
    else:
        if job.contender in OURS:
            import tlstudio.engine  # noqa: F401  # what it asks of OpenMP has to be there before torch is loaded
        module = importlib.import_module(f"tests.bench.contenders.{job.contender}")
        imports, before = time.perf_counter() - started, spent()
        measured = module.work(job)
        measured.imports = imports
        measured.total, measured.cpu = time.perf_counter() - started - imports, spent() - before
    measured.peak = peak(resource.RUSAGE_SELF)
    if job.contender not in OURS:  # ours has no workers, but a moment's child at the start has a size too
        measured.worker = peak(resource.RUSAGE_CHILDREN)
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()

"""One pass through the frozen stages: from files as TL Studio does it (way `ours`), or the bare network alone.

The bare pass is the most any program could do with this network: pictures decoded beforehand, batches in memory, and
the same stages, memory format, threads and allocator as ours.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from tests.bench.contenders.job import Job, Measured
from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.project import Project
from tlstudio.engine import device, features, folding, network, tensors

list(tasks.load_engine())  # its time is that of the imports: the program does it ahead of the work

CUT = "head"
BATCH = 32


def work(job: Job) -> Measured:
    threads = device.use_threads(0)
    net = network.build(job.network, 2, job.network != "resnet18")
    net.model.to(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder, "project")) as project:
        list(tasks.scan(project, Path(job.images)))
        pictures = project.catalogue.readable()
    warm_up = values(net, pictures[:BATCH])  # the first batch prepares what later ones find ready
    stages = folding.folded(net.split(CUT)[0], net.preprocessing.size)
    through(stages, [warm_up])
    if job.way == "ours":
        began = time.perf_counter()
        list(features.extract(net, CUT, pictures, threads))
        return Measured(rate=len(pictures) / (time.perf_counter() - began))
    return Measured(rate=bare(net, stages, pictures[:256], threads))


def values(net: network.Network, pictures: Sequence[Picture]) -> torch.Tensor:
    """Pictures as the first stage takes them: (N, 3, size, size) float32, channels last."""
    read = [tensors.read(p.path, net.preprocessing) for p in pictures]
    return tensors.normalise(torch.stack([x for x in read if isinstance(x, torch.Tensor)]), net.preprocessing)


@torch.inference_mode()
def through(stages: torch.nn.Module, batches: Iterable[torch.Tensor]) -> None:
    for batch in batches:
        stages(batch)


def bare(net: network.Network, stages: torch.nn.Module, pictures: Sequence[Picture], threads: int) -> float:
    """Pictures a second through the stages alone: the middle of three passes, the better of two ways.

    The ways are batches of 32, each on all threads, and small ones as `features.extract` has them, each on one thread.
    """
    everything = values(net, pictures)

    def large() -> None:
        through(stages, everything.split(BATCH))

    def small() -> None:
        parts = everything.split(features.CPU_CHUNK)
        list(features.each_alone(lambda part: through(stages, [part]), parts, threads, 2 * threads))

    rates = []
    for way in (large, small):
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - began)
        rates.append(len(pictures) / statistics.median(seconds))
    return max(rates)

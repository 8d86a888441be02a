"""One pass through the frozen stages: from files as TL Studio does it (way `ours`), or the bare network alone.

The bare pass is the most any program could do with this network: pictures decoded beforehand, batches in memory, and
the same stages, memory format, threads and allocator as ours.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from tests.bench.contenders.job import Job, Measured
from tlstudio import tasks
from tlstudio.core.catalogue import Picture
from tlstudio.core.project import Project
from tlstudio.engine import device, features, network, tensors

list(tasks.load_engine())  # its time is that of the imports: the program does it ahead of the work

CUT = "head"


def work(job: Job) -> Measured:
    threads = device.use_threads(0)
    net = network.build(job.network, 2, job.network != "resnet18")
    net.model.to(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder, "project")) as project:
        list(tasks.scan(project, Path(job.images)))
        pictures = project.catalogue.readable()
    once(net, pictures[: features.BATCH])  # the first batch prepares what later ones find ready
    if job.way == "ours":
        began = time.perf_counter()
        list(features.extract(net, CUT, pictures, threads))
        return Measured(rate=len(pictures) / (time.perf_counter() - began))
    return Measured(rate=bare(net, pictures))


@torch.inference_mode()
def once(net: network.Network, pictures: list[Picture]) -> torch.Tensor:
    """The values of one batch, ready for the first stage, after it has gone through the stages once."""
    read = [tensors.read(p.path, net.preprocessing) for p in pictures]
    values = tensors.normalise(torch.stack([x for x in read if isinstance(x, torch.Tensor)]), net.preprocessing)
    prefix(net)(values)
    return values


def prefix(net: network.Network) -> torch.nn.Module:
    """The stages before the cut as `features.extract` runs them: the one place that knows."""
    return net.split(CUT)[0].eval()


@torch.inference_mode()
def bare(net: network.Network, pictures: list[Picture]) -> float:
    """Pictures a second through the stages alone, the middle of three passes over up to 256 of them."""
    parts = [pictures[i : i + features.BATCH] for i in range(0, min(256, len(pictures)), features.BATCH)]
    batches = [once(net, part) for part in parts]
    stages = prefix(net)
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        for batch in batches:
            stages(batch)
        rates.append(sum(map(len, batches)) / (time.perf_counter() - began))
    return statistics.median(rates)

"""fastai as it is installed: its own loaders, batch of 64, one-cycle schedule, BatchNorm of the body learning.

batch: 0 takes fastai's own. Mean and deviation are those of the weights; the network is the stock one.
"""

import time

import fastai.vision.all as fast
import torch
from fastai.callback.core import Callback

from tests.bench.contenders.job import Job, Measured
from tests.bench.contenders.tutorial import FACTS, keep_memory, stock


class Clock(Callback):
    """Notes when each epoch ends, and how good it was."""

    order = 60  # after the recorder, which is 50

    def __init__(self, measured: Measured) -> None:
        super().__init__()
        self.measured, self.began = measured, 0.0

    def before_epoch(self) -> None:
        self.began = time.perf_counter()

    def after_epoch(self) -> None:
        self.measured.epochs.append(time.perf_counter() - self.began)
        self.measured.accuracies.append(float(self.learn.recorder.values[-1][-1]))


def work(job: Job) -> Measured:
    started = time.perf_counter()
    if job.tuned:
        keep_memory()
    mean, deviation = FACTS[job.network]
    loaders = fast.ImageDataLoaders.from_folder(
        job.images,
        train="train",
        valid="val",
        item_tfms=fast.RandomResizedCrop(224),
        batch_tfms=fast.Normalize.from_stats(mean, deviation),
        seed=job.seed,
        **({"bs": job.batch} if job.batch else {}),
    )
    model, head = stock(job, len(loaders.vocab))
    own = {id(p) for p in head.parameters()}

    def groups(model: torch.nn.Module) -> list[list[torch.nn.Parameter]]:
        return [[p for p in model.parameters() if id(p) not in own], list(head.parameters())]

    learner = fast.Learner(loaders, model, fast.CrossEntropyLossFlat(), splitter=groups, metrics=fast.accuracy)
    if job.learn == "head":
        learner.freeze()
    measured = Measured(setup=time.perf_counter() - started)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(job.epochs, 1e-3, cbs=Clock(measured))
    return measured

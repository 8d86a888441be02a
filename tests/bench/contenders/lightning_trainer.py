"""The tutorial's data, network and optimiser under Lightning's Trainer as it is installed."""

import logging
import tempfile
import time
import warnings
from typing import Any

import lightning
import torch
from torch.nn import functional

from tests.bench.contenders import tutorial
from tests.bench.contenders.job import Job, Measured


class Module(lightning.LightningModule):
    def __init__(self, job: Job, classes: int, measured: Measured) -> None:
        super().__init__()
        self.model, self.head = tutorial.stock(job, classes)
        self.measured, self.began = measured, 0.0
        self.hits = self.seen = 0
        if job.learn == "head":
            self.model.requires_grad_(False)
            self.head.requires_grad_(True)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        inputs, targets = batch
        return functional.cross_entropy(self.model(inputs), targets)

    def validation_step(self, batch: Any, index: int) -> None:
        inputs, targets = batch
        self.hits += int((self.model(inputs).argmax(1) == targets).sum())
        self.seen += len(targets)

    def configure_optimizers(self) -> Any:
        learning = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(learning, lr=0.001, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)]

    def on_train_epoch_start(self) -> None:
        self.began = time.perf_counter()

    def on_validation_epoch_end(self) -> None:
        self.measured.accuracies.append(self.hits / self.seen)
        self.hits = self.seen = 0

    def on_train_epoch_end(self) -> None:  # Lightning calls it after the epoch's validation
        self.measured.epochs.append(time.perf_counter() - self.began)


def work(job: Job) -> Measured:
    started = time.perf_counter()
    if job.tuned:
        tutorial.keep_memory()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    loaders, classes = tutorial.data(job, job.batch or tutorial.BATCH, job.workers if job.batch else tutorial.WORKERS)
    measured = Measured()
    module = Module(job, len(classes), measured)
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=job.epochs,
            num_sanity_val_steps=0,
            default_root_dir=folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        measured.setup = time.perf_counter() - started
        trainer.fit(module, loaders["train"], loaders["val"])
    return measured

"""The loop of PyTorch's transfer learning tutorial, as the tutorial has it.

https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html (Chilamkurthy, BSD-3-Clause). Not in it: the
printing, and ResNet-18's download. Changed: the network, and mean and deviation are those of its weights.
"""

import ctypes
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import timm
import torch
import torchvision
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from tests.bench.contenders.job import Job, Measured

BATCH, WORKERS = 4, 4
FACTS = {
    "efficientnet_lite0": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "resnet18": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
Loaders = dict[str, DataLoader[Any]]

# The first optimiser loads some 900 modules more: with the imports, as in every contender.
optim.SGD([nn.Parameter(torch.zeros(1))])


def stock(job: Job, classes: int) -> tuple[nn.Module, nn.Linear]:
    """The stock network with a new head, and the head. Lite0 has its shipped weights, ResNet-18 random values."""
    torch.manual_seed(job.seed)
    if job.network == "resnet18":
        model = torchvision.models.resnet18(weights=None)
        model.fc = nn.Linear(model.fc.in_features, classes)
        return model, model.fc
    from tlstudio.core.backbones import backbone
    from tlstudio.engine.network import upstream_state

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(upstream_state(backbone(job.network)))
    model.classifier = nn.Linear(model.classifier.in_features, classes)
    return model, model.classifier


def data(job: Job, batch: int, workers: int) -> tuple[Loaders, list[str]]:
    """The tutorial's data sets and loaders, `train` and `val`, and the names of the classes."""
    mean, deviation = FACTS[job.network]
    to_tensor = [transforms.ToTensor(), transforms.Normalize(mean, deviation)]
    data_transforms = {
        "train": transforms.Compose(
            [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *to_tensor],
        ),
        "val": transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *to_tensor]),
    }
    sets = {x: datasets.ImageFolder(str(Path(job.images, x)), data_transforms[x]) for x in ("train", "val")}
    loaders = {x: DataLoader(sets[x], batch_size=batch, shuffle=True, num_workers=workers) for x in ("train", "val")}
    return loaders, sets["train"].classes


def keep_memory() -> None:
    """What TL Studio asks of glibc (`engine/device.py`): no large block goes back to the system between steps."""
    libc = ctypes.CDLL(None)
    if not libc.mallopt(-3, 1 << 30):
        libc.mallopt(-4, 0)
    libc.mallopt(-1, (1 << 31) - 1)


def work(job: Job) -> Measured:
    started = time.perf_counter()
    if job.tuned:
        keep_memory()
    loaders, classes = data(job, job.batch or BATCH, WORKERS if not job.batch else job.workers)
    model, head = stock(job, len(classes))
    if job.learn == "head":
        for parameter in model.parameters():
            parameter.requires_grad = False
        for parameter in head.parameters():
            parameter.requires_grad = True
    learning = head.parameters() if job.learn == "head" else model.parameters()
    optimizer = optim.SGD(learning, lr=0.001, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    measured = Measured(setup=time.perf_counter() - started)
    train_model(model, loaders, nn.CrossEntropyLoss(), optimizer, scheduler, job.epochs, measured)
    return measured


def train_model(
    model: nn.Module,
    dataloaders: Loaders,
    criterion: nn.Module,
    optimizer: optim.Optimizer,
    scheduler: lr_scheduler.LRScheduler,
    num_epochs: int,
    measured: Measured,
) -> None:
    """The tutorial's function of that name; notes each epoch's seconds and validation accuracy."""
    device = torch.device("cpu")
    with TemporaryDirectory() as tempdir:
        best_model_params_path = os.path.join(tempdir, "best_model_params.pt")  # noqa: PTH118  # as the tutorial has it
        torch.save(model.state_dict(), best_model_params_path)
        best_acc = 0.0
        for _epoch in range(num_epochs):
            began = time.perf_counter()
            for phase in ["train", "val"]:
                if phase == "train":
                    model.train()
                else:
                    model.eval()
                running_loss, running_corrects = 0.0, 0
                for inputs, labels in dataloaders[phase]:
                    inputs, labels = inputs.to(device), labels.to(device)
                    optimizer.zero_grad()
                    with torch.set_grad_enabled(phase == "train"):
                        outputs = model(inputs)
                        _, preds = torch.max(outputs, 1)
                        loss = criterion(outputs, labels)
                        if phase == "train":
                            loss.backward()
                            optimizer.step()
                    running_loss += loss.item() * inputs.size(0)
                    running_corrects += torch.sum(preds == labels.data)
                if phase == "train":
                    scheduler.step()
                epoch_acc = float(running_corrects) / len(dataloaders[phase].dataset)
                if phase == "val":
                    measured.accuracies.append(epoch_acc)
                    if epoch_acc > best_acc:
                        best_acc = epoch_acc
                        torch.save(model.state_dict(), best_model_params_path)
            measured.epochs.append(time.perf_counter() - began)
        model.load_state_dict(torch.load(best_model_params_path, weights_only=True))

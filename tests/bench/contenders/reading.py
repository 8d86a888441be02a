"""Large JPEGs to what a network is given: with plain Pillow as torchvision uses it, or as TL Studio does (way `ours`).

One thread, and what a classifier makes of the pictures: the mean accuracy of logistic regression on Lite0's features
over repeated five-fold cross-validation.
"""

import time
import warnings
from pathlib import Path

import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from torchvision import transforms

from tests.bench.contenders.job import Job, Measured
from tlstudio import tasks
from tlstudio.engine import network, tensors

list(tasks.load_engine())  # its time is that of the imports: the program does it ahead of the work


def work(job: Job) -> Measured:
    net = network.build(job.network, 2, pretrained=True)
    files = sorted(Path(job.images).rglob("*.jpg"))
    plain = transforms.Compose(
        [
            transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.PILToTensor(),
        ]
    )
    began = time.perf_counter()
    if job.way == "ours":
        pixels = [tensors.read(file, net.preprocessing) for file in files]
    else:
        pixels = [plain(Image.open(file).convert("RGB")) for file in files]
    measured = Measured(rate=len(files) / (time.perf_counter() - began))
    with torch.inference_mode():
        prefix = net.split("head")[0].eval()
        batches = [torch.stack(pixels[i : i + 32]) for i in range(0, len(pixels), 32)]
        features = torch.cat([prefix(tensors.normalise(batch, net.preprocessing)) for batch in batches])
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not quite converged says nothing here
        judge = LogisticRegression(max_iter=300)
        labels = [file.parent.name for file in files]
        measured.accuracies.append(float(cross_val_score(judge, features.numpy(), labels, cv=folds).mean()))
    return measured

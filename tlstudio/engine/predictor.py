"""From a picture to ranked labels, and to "not like anything you taught me"."""

import itertools
import math
import random
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tlstudio.core.caching import default_format
from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnreadablePicture, UnusableImages
from tlstudio.core.events import Event, Predicted
from tlstudio.core.model_facts import SAMPLE_SIZE, SHARES
from tlstudio.engine import features
from tlstudio.engine.checkpoints import Model
from tlstudio.engine.evaluation import Floats, probabilities
from tlstudio.engine.folding import folded
from tlstudio.engine.network import Network
from tlstudio.engine.tensors import batched, normalise, read, stacked

BATCH = 32
REFUSED_SHARE = 0.05


@dataclass(frozen=True)
class Answers:
    """What a network says about pictures it could read. pooled: (N, D); logits: (N, classes)."""

    kept: tuple[Picture, ...]
    pooled: torch.Tensor
    logits: Floats


def answer(
    network: Network, cut: str, pictures: Sequence[Picture], threads: int, task: str, exact: bool = True
) -> Generator[Event, None, Answers]:
    """Run labelled pictures through a network. cut: before it the network is as shipped, so the cache may serve.

    exact: as the network answers a picture alone, in float32 from end to end. Without it, what is remembered in float16
    will do.

    Raises:
        UnusableImages: none of the pictures can be read any more.
    """
    network.eval_mode()
    row = features.Frozen(network, cut).row_shape()
    remember = bool(row) and (default_format(row) == "float32" or not exact)
    found = yield from features.extract(network, cut if remember else "head", pictures, threads, remember, task)
    names = list(network.stages)
    body = names[names.index(cut) : names.index("head")] if remember else []
    if not found.kept:
        raise UnusableImages("none of the pictures can be read any more", remedy="Check the folder they lie in.")
    device = _device(network)
    pooled, logits = [], []
    with torch.inference_mode():
        for rows in batched(found.rows, BATCH):
            values = torch.from_numpy(np.stack(rows)).to(device).float()
            for name in body:
                values = network.stages[name](values)
            pooled.append(values.float().cpu())
            logits.append(network.stages["head"](values).float().cpu())
    return Answers(found.kept, torch.cat(pooled), torch.cat(logits).numpy())


def _device(network: Network) -> torch.device:
    return next(network.model.parameters()).device


def some_of(pictures: Sequence[Picture], seed: int) -> Sequence[Picture]:
    """At most 2,000 of the training pictures: enough to know what is familiar."""
    return random.Random(seed).sample(pictures, SAMPLE_SIZE) if len(pictures) > SAMPLE_SIZE else pictures


def sample_of(pooled: torch.Tensor) -> torch.Tensor:
    """Training features as a model file keeps them: (n, D), each row of length 1 so that float16 holds it."""
    return functional.normalize(pooled.float(), dim=1).to(torch.float16)


def distances(pooled: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    """Cosine distance, 0..2, of each row to the nearest row of the sample (Sun et al. 2022, arXiv 2204.06507)."""
    here, known = functional.normalize(pooled.float(), dim=1), functional.normalize(sample.float(), dim=1)
    return (1 - (here @ known.T).max(dim=1).values).clamp(min=0)


@dataclass(frozen=True)
class HeldOut:
    """What was said about pictures that were not learned from.

    logits: (N, classes). distances: (N,), of each to what its network found familiar.
    """

    kept: tuple[Picture, ...]
    logits: Floats
    distances: torch.Tensor


def threshold(held_out: torch.Tensor) -> float:
    """The distance beyond which a picture counts as unknown: at most 5 % of held-out pictures lie beyond it."""
    allowed = int(len(held_out) * REFUSED_SHARE)
    return float(held_out.sort(descending=True).values[allowed])


def shares(held_out: torch.Tensor) -> list[float]:
    """The distances that 0, 1, … 100 % of held-out pictures lie within, ascending: what any threshold would cost."""
    return [float(d) for d in torch.quantile(held_out.float(), torch.linspace(0, 1, SHARES))]


def _growing(paths: Iterable[Path | str], most: int) -> Iterator[list[Path | str]]:
    """Lists of 1, 2, 3 … `most` paths: who asks about few pictures does not wait for many."""
    left = iter(paths)
    size = 1
    while some := list(itertools.islice(left, size)):
        yield some
        size = min(size + 1, most)


class Predictor:
    """A model ready to answer, on the device its network is on, to any number of threads at once.

    prefix: everything up to the pooled features, folded; head: what makes logits of them. sample: pooled features of
    training pictures, (n, D).
    """

    def __init__(self, model: Model, threads: int) -> None:
        self.model = model
        self.threads = threads
        self.device = _device(model.network)
        self.sample = model.sample.to(self.device)
        prefix, self.head = model.network.split("head")
        self.prefix = folded(prefix, model.network.preprocessing.size)

    def predict(self, paths: Iterable[Path | str], top: int = 5) -> Iterator[Predicted]:
        """Answers in the order of the paths, as they come; a picture that cannot be read gets its reason.

        On a processor each thread reads pictures and sends them through the network alone: none waits for another.
        """
        closed = threading.Event()
        turn = nullcontext() if self.device.type == "cpu" else threading.Lock()
        preprocessing = self.model.network.preprocessing

        def answered(some: list[Path | str]) -> list[Predicted]:
            batch = [(path, read(path, preprocessing)) for path in some if not closed.is_set()]
            with turn:
                return [] if closed.is_set() else list(self._answer(batch, top))

        chunk = features.CPU_CHUNK if self.device.type == "cpu" else features.GPU_CHUNK
        answers = features.each_alone(answered, _growing(paths, chunk), self.threads, 2 * self.threads)
        with closing(answers):
            try:
                for some in answers:
                    yield from some
            finally:
                closed.set()

    def _answer(
        self, batch: list[tuple[Path | str, torch.Tensor | UnreadablePicture]], top: int
    ) -> Iterator[Predicted]:
        good = [x for _, x in batch if isinstance(x, torch.Tensor)]
        probable, far = self._judge(stacked(good)) if good else (np.empty(0), np.empty(0))
        row = 0
        for path, pixels in batch:
            if isinstance(pixels, UnreadablePicture):
                yield Predicted(str(path), ok=False, error=f"{pixels.what}. {pixels.remedy}".rstrip())
                continue
            yield self._ranked(path, probable[row], float(far[row]), top)
            row += 1

    def _ranked(self, path: Path | str, probable: Floats, far: float, top: int) -> Predicted:
        if not (np.isfinite(probable).all() and math.isfinite(far)):
            what = "the model's answer is no number. Train it anew, or get it again from where it was trained."
            return Predicted(str(path), ok=False, error=what)
        # Equal probabilities keep the order of the classes.
        order = np.argsort(-probable, kind="stable")[:top]
        ranked = tuple((self.model.classes[i], float(probable[i])) for i in order)
        unknown = far > self.model.facts["unknown"]["threshold"]
        return Predicted(str(path), True, ranked[0][0], ranked[0][1], ranked, unknown, distance=far)

    @torch.inference_mode()
    def _judge(self, pixels: torch.Tensor) -> tuple[Floats, np.ndarray]:
        """Probabilities, (N, classes), and the distance of each picture to what is familiar, (N,)."""
        pooled = self.prefix(normalise(pixels.to(self.device), self.model.network.preprocessing))
        logits = self.head(pooled).float().cpu().numpy()
        far = distances(pooled, self.sample).cpu().numpy()
        return probabilities(logits, self.model.facts["temperature"]), far

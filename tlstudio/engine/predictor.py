"""From a picture to ranked labels, and to "not like anything you taught me"."""

import itertools
import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

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
    network: Network,
    cut: str,
    pictures: Sequence[Picture],
    threads: int,
    task: str,
    exact: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, Answers]:
    """Run labelled pictures through a network. cut: before it the network is as shipped, so the cache may serve.

    exact: as the network answers a picture alone, in float32 from end to end. Without it, what is remembered in float16
    will do.

    Raises:
        Stopped: `stop`, asked at every few pictures, said so.
        UnusableImages: none of the pictures can be read any more.
    """
    network.eval_mode()
    row = features.Frozen(network, cut).row_shape()
    remember = bool(row) and (default_format(row) == "float32" or not exact)
    found = yield from features.extract(network, cut if remember else "head", pictures, threads, remember, task, stop)
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
    """At most 2,000 of the training pictures: enough to know what is familiar.

    As many of each class as there are, or else alike: a class without one would have no centre. Of more than 2,000
    classes some have none.
    """
    if len(pictures) <= SAMPLE_SIZE:
        return pictures
    drawn, seen = list[tuple[int, Picture]](), Counter[str]()
    for picture in random.Random(seed).sample(pictures, len(pictures)):
        drawn.append((seen[picture.label], picture))
        seen[picture.label] += 1
    # The first of every class, then the second …
    return [picture for _, picture in sorted(drawn, key=itemgetter(0))[:SAMPLE_SIZE]]


def sample_of(pooled: torch.Tensor) -> torch.Tensor:
    """Training features as a model file keeps them: (n, D), each row of length 1 so that float16 holds it."""
    return functional.normalize(pooled.float(), dim=1).to(torch.float16)


def centres(sample: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
    """The mean direction of each class's rows, (classes in the sample, D), in the order of the labels.

    sample: (n, D). labels: of its rows.
    """
    rows, of = functional.normalize(sample.float(), dim=1), torch.as_tensor(labels, device=sample.device)
    return functional.normalize(torch.stack([rows[of == label].mean(dim=0) for label in of.unique()]), dim=1)


def distances(pooled: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cosine distance, 0..2, (N,), of each row to the nearest row of what is known: the centres of the classes.

    The nearest single picture (Sun et al. 2022, arXiv 2204.06507) is a poorer guide where few were learned from: among
    a hundred of insects one sits on just such a flower. `python -m tests.bench unknown` measures it.
    """
    here, there = functional.normalize(pooled.float(), dim=1), functional.normalize(known.float(), dim=1)
    return (1 - (here @ there.T).max(dim=1).values).clamp(min=0)


@dataclass(frozen=True)
class HeldOut:
    """What was said about pictures that were not learned from.

    logits: (N, classes). distances: (N,), of each to the nearest class of what its network learned from.
    """

    kept: tuple[Picture, ...]
    logits: Floats
    distances: torch.Tensor


def threshold(held_out: torch.Tensor) -> float:
    """The distance beyond which a picture counts as unknown, so that 5 % of known ones are refused at most.

    That holds in expectation over new pictures like the n held-out ones, whatever their distribution: split conformal
    prediction (Vovk et al. 2005; Angelopoulos & Bates 2021, arXiv 2107.07511, section 1) takes the k-th smallest value,
    k = 95 % of n + 1, rounded up. Fewer than 19 pictures allow no such promise; then the threshold lies beyond the
    largest value by as much as that lies beyond the middle one.
    """
    ordered = held_out.sort().values
    k = math.ceil((1 - REFUSED_SHARE) * (len(ordered) + 1) - 1e-9)
    if k <= len(ordered):
        return float(ordered[k - 1])
    return min(2.0, float(2 * ordered[-1] - ordered.median()))


def threshold_for(unknown: dict[str, Any], refuse: float | None) -> float:
    """The distance beyond which a share of known pictures is refused; None: the model's own threshold.

    unknown: a model's fact of that name. refuse: 0..0.5.
    """
    if refuse is None:
        return float(unknown["threshold"])
    return float(np.interp(100 * (1 - refuse), range(SHARES), unknown["distances"]))


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
    training pictures, (n, D); centres: of its classes.
    """

    def __init__(self, model: Model, threads: int) -> None:
        self.model = model
        self.threads = threads
        self.device = _device(model.network)
        self.sample = model.sample.to(self.device)
        self.centres = centres(self.sample, model.facts["sample"]["labels"])
        prefix, self.head = model.network.split("head")
        self.prefix = folded(prefix, model.network.preprocessing.size)

    def predict(self, paths: Iterable[Path | str], top: int = 5, refuse: float | None = None) -> Iterator[Predicted]:
        """Answers in the order of the paths, as they come; a picture that cannot be read gets its reason.

        refuse: the share of known pictures that may be called unknown, 0..0.5; None: by the model's own threshold.
        On a processor each thread reads pictures and sends them through the network alone: none waits for another.
        """
        closed = threading.Event()
        turn = nullcontext() if self.device.type == "cpu" else threading.Lock()
        preprocessing = self.model.network.preprocessing
        limit = threshold_for(self.model.facts["unknown"], refuse)

        def answered(some: list[Path | str]) -> list[Predicted]:
            batch = [(path, read(path, preprocessing)) for path in some if not closed.is_set()]
            with turn:
                return [] if closed.is_set() else list(self._answer(batch, top, limit))

        chunk = features.CPU_CHUNK if self.device.type == "cpu" else features.GPU_CHUNK
        answers = features.each_alone(answered, _growing(paths, chunk), self.threads, 2 * self.threads)
        with closing(answers):
            try:
                for some in answers:
                    yield from some
            finally:
                closed.set()

    def _answer(
        self, batch: list[tuple[Path | str, torch.Tensor | UnreadablePicture]], top: int, limit: float
    ) -> Iterator[Predicted]:
        good = [x for _, x in batch if isinstance(x, torch.Tensor)]
        probable, far = self._judge(stacked(good)) if good else (np.empty(0), np.empty(0))
        row = 0
        for path, pixels in batch:
            if isinstance(pixels, UnreadablePicture):
                yield Predicted(str(path), ok=False, error=f"{pixels.what}. {pixels.remedy}".rstrip())
                continue
            yield self._ranked(path, probable[row], float(far[row]), top, limit)
            row += 1

    def _ranked(self, path: Path | str, probable: Floats, far: float, top: int, limit: float) -> Predicted:
        if not (np.isfinite(probable).all() and math.isfinite(far)):
            what = "the model's answer is no number. Train it anew, or get it again from where it was trained."
            return Predicted(str(path), ok=False, error=what)
        # Equal probabilities keep the order of the classes.
        order = np.argsort(-probable, kind="stable")[:top]
        ranked = tuple((self.model.classes[i], float(probable[i])) for i in order)
        return Predicted(str(path), True, ranked[0][0], ranked[0][1], ranked, far > limit, distance=far)

    @torch.inference_mode()
    def _judge(self, pixels: torch.Tensor) -> tuple[Floats, np.ndarray]:
        """Probabilities, (N, classes), and the distance of each picture to what is known, (N,)."""
        pooled = self.prefix(normalise(pixels.to(self.device), self.model.network.preprocessing))
        logits = self.head(pooled).float().cpu().numpy()
        far = distances(pooled, self.centres).cpu().numpy()
        return probabilities(logits, self.model.facts["temperature"]), far

"""The best linear head there is on frozen features: multinomial logistic regression, solved for by L-BFGS.

With the backbone frozen the head's loss is convex, so there is one answer and no learning rate. What is left to choose
is the L2 penalty; that is done out of fold, copies of a picture always on one side.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from tlstudio.core import splits
from tlstudio.core.events import Event, HeadSolved
from tlstudio.engine.checkpoints import save_state
from tlstudio.engine.network import Network
from tlstudio.engine.sources import Source

if TYPE_CHECKING:
    from tlstudio.engine.training import Fit

FOLDS = 5
# Relative to features of mean square length 1, from strong to weak; each is begun from the one before.
PENALTIES = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
ITERATIONS, TOLERANCE = 200, 1e-6
# About how much the loss of a head that is mostly right curves along a feature of variance 1: p (1 - p).
CURVATURE = 0.05
# The penalty is chosen on at most so many pictures: one L-BFGS step over five folds of 4,000 x 1,280 takes 0.2 s.
CHOSEN_ON = 4_000
# Pictures times features times classes beyond which one fold has to do, and every other penalty: with 100 classes of
# 1,500 pictures all of them would take minutes. Beyond it a run does not solve for its head at all.
LIGHT = 50_000_000


@dataclass(frozen=True)
class Head:
    """A linear head. weight: (classes, D), bias: (classes,), both float32."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """rows: (N, D). Returns logits, (N, classes)."""
        return functional.linear(rows, self.weight, self.bias)


@dataclass(frozen=True)
class Chosen:
    """The penalty with the least out-of-fold loss. logits: (N, classes), what was said out of fold; loss: their
    weighted mean. some: the indices of the pictures it was judged by."""

    penalty: float
    loss: float
    logits: torch.Tensor
    some: torch.Tensor


def offer(job: "Fit", number: int, train: Source, val: Source | None, weight: torch.Tensor) -> Iterator[Event]:
    """At the end of a run in which the head alone learned from remembered features: solve for it, too. Where its
    validation loss is the lowest, its weights are the run's best from then on. Yields `HeadSolved`.

    Not after a warm-up: what fine-tuning begins from was measured for trained heads only. Nor with folds: nothing is
    held out to choose between two kinds of head by. Nothing is drawn at random, so that a run that was taken up again
    ends with the same weights.

    number: of the phase, from 1. weight: (classes,), of each class in the loss.
    """
    phase, plan, classifier = job.recipe.phases[number - 1], job.plans[number - 1], job.network.classifier
    learning = {id(p) for p in job.network.model.parameters() if p.requires_grad}
    plain = plan.tier == "features" and phase.augment == "none" and learning == {id(p) for p in classifier.parameters()}
    if not val or number < len(job.recipe.phases) or not plain:
        return
    classes, targets = len(job.classes), train.targets.cpu()
    is_light = len(targets) * classifier.in_features * classes <= LIGHT
    if not is_light or len(targets.unique()) < classes:
        return
    began, rows, weight = time.monotonic(), _inputs(job.network, train), weight.cpu()
    groups = [p.group or p.digest for p in train.pictures]
    chosen = best_penalty(rows, targets, classes, weight, groups, job.recipe.seed)
    head = solve(rows, targets, classes, weight, chosen.penalty)
    said, truth = head(_inputs(job.network, val)), val.targets.cpu()
    loss = functional.cross_entropy(said, truth, weight=weight).item()
    accuracy = (said.argmax(1) == truth).float().mean().item()
    taken = loss < job.best_loss
    if taken:
        with torch.no_grad():
            classifier.weight.copy_(head.weight)
            classifier.bias.copy_(head.bias)
        job.best_loss = loss
        save_state(job.run.best_file, job.network.tail_state(job.widest_cut))
    yield HeadSolved(number, chosen.penalty, loss, accuracy, time.monotonic() - began, taken)


def _inputs(network: Network, source: Source) -> torch.Tensor:
    """What reaches the last layer, of all pictures of a source: (N, D) on the CPU."""
    device = next(network.model.parameters()).device
    with closing(source.batches(range(len(source.pictures)), 1_000, 1)) as batches, torch.inference_mode():
        parts = [inputs_of(network.classifier, network.stages["head"], rows.to(device)).cpu() for rows, _ in batches]
    return torch.cat(parts).clone()


def solve(rows: torch.Tensor, targets: torch.Tensor, classes: int, weight: torch.Tensor, penalty: float) -> Head:
    """The head with the least weighted cross-entropy plus penalty / 2 times its squared length.

    rows: (N, D) float. targets: (N,) class indices. weight: (classes,), of each class in the loss. penalty: for rows
    of mean square length 1 about their mean; the bias is not penalised.
    """
    scaled, mean, scale = _scaled(rows)
    problem = _Problem(scaled, targets, classes, weight[targets][None])
    (solved,) = problem.solved(penalty, problem.start())
    slopes, bias = problem.slopes(solved)
    slopes = slopes.T / scale
    return Head(slopes.float(), (bias - slopes @ mean).float())


def best_penalty(
    rows: torch.Tensor, targets: torch.Tensor, classes: int, weight: torch.Tensor, groups: Sequence[Hashable], seed: int
) -> Chosen:
    """The penalty with which heads say most of pictures they did not learn from.

    rows, targets, weight: as `solve`. groups: copies of one picture share one, and stay on one side. Of more than
    `CHOSEN_ON` pictures an even sample decides.
    """
    some = _some(targets, seed)
    labels, kept = [str(int(t)) for t in targets[some]], [groups[i] for i in some.tolist()]
    folds = max(2, min(FOLDS, len(set(kept))))
    where = torch.tensor(splits.folds(labels, kept, folds, seed))
    scaled, _, _ = _scaled(rows[some])
    is_light = scaled.numel() * classes <= LIGHT
    truth, each = targets[some], weight[targets[some]]
    judging = folds if is_light else 1
    learned = torch.stack([where != fold for fold in range(judging)])
    asked = (where < judging).nonzero()[:, 0]
    problem = _Problem(scaled, truth, classes, each * learned)
    heads, found = problem.start(), list[Chosen]()
    for penalty in PENALTIES if is_light else PENALTIES[1::2]:
        heads = problem.solved(penalty, heads)
        logits = problem.logits(heads)[asked, where[asked]].float()
        loss = functional.cross_entropy(logits, truth[asked], weight=weight.float()).item()
        found.append(Chosen(penalty, loss, logits, some[asked]))
        # Along the penalties the loss falls, then rises: past the valley there is nothing to find.
        if len(found) > 2 and found[-1].loss > found[-2].loss > found[-3].loss:
            break
    return min(found, key=lambda each: each.loss)


def inputs_of(classifier: nn.Linear, stages: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """What reaches the last layer, (N, D), when stages that end in it are given these rows: some norm them first."""
    seen: list[torch.Tensor] = []
    hook = classifier.register_forward_pre_hook(_collector(seen))
    try:
        for part in rows.split(1_000):
            stages(part)
    finally:
        hook.remove()
    return torch.cat(seen)


def _collector(seen: list[torch.Tensor]) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
    def collect(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        seen.append(given[0].detach().clone())

    return collect


def _some(targets: torch.Tensor, seed: int) -> torch.Tensor:
    """The indices of all pictures, or of an even sample of as many as the penalty is chosen on."""
    count = len(targets)
    if count <= CHOSEN_ON:
        return torch.arange(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[:CHOSEN_ON].sort().values


def _scaled(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The rows about their mean, of mean square length 1; that mean, and what they were divided by."""
    rows = rows.double()
    mean = rows.mean(0)
    rows = rows - mean
    scale = max(float(rows.square().sum(1).mean().sqrt()), 1e-12)
    return rows / scale, mean, scale


class _Problem:
    """Several heads on the same rows that learn from parts of them, solved for as one: one product of matrices a step.

    They are solved for along the rows' principal axes, each stretched by how much the loss curves along it: that takes
    a tenth of the steps. weights: (heads, N), of each picture in each head's loss, 0 where it does not learn from it.
    """

    def __init__(self, rows: torch.Tensor, targets: torch.Tensor, classes: int, weights: torch.Tensor) -> None:
        self._axes, self._spread = _principal(rows)
        self._inputs = rows @ self._axes
        self._targets = targets
        self._weights = (weights / weights.sum(1, keepdim=True)).double()
        self._shape = (len(weights), self._inputs.shape[1] + 1, classes)

    def start(self) -> torch.Tensor:
        """Heads that say nothing, (heads, axes + 1, classes); the last row is the bias."""
        return torch.zeros(self._shape, dtype=torch.float64)

    def logits(self, heads: torch.Tensor) -> torch.Tensor:
        """What each head says of each picture, (N, heads, classes)."""
        count, width, classes = self._shape
        side_by_side = heads[:, :-1].transpose(0, 1).reshape(width - 1, -1)
        return (self._inputs @ side_by_side).reshape(-1, count, classes) + heads[:, -1]

    def slopes(self, head: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A head for the rows themselves: (D, classes) and (classes,)."""
        return self._axes @ head[:-1], head[-1]

    def solved(self, penalty: float, start: torch.Tensor) -> torch.Tensor:
        """The heads for a penalty, begun from others."""
        stretch = (CURVATURE * self._spread + penalty).sqrt()
        stretch = torch.cat([stretch, stretch.new_ones(1)])[:, None]
        sought = nn.Parameter(start * stretch)
        optimizer = torch.optim.LBFGS(
            [sought], 1.0, ITERATIONS, None, TOLERANCE, TOLERANCE, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> float:
            value, slope = self._loss(sought.detach() / stretch, penalty)
            sought.grad = slope / stretch
            return value

        optimizer.step(loss)
        return sought.detach() / stretch

    def _loss(self, heads: torch.Tensor, penalty: float) -> tuple[float, torch.Tensor]:
        """The sum of all heads' losses, and its slope."""
        logs = self.logits(heads).log_softmax(2)
        right = self._targets[:, None, None].expand(-1, len(heads), 1)
        loss = -(logs.gather(2, right)[:, :, 0] * self._weights.T).sum()
        loss += penalty / 2 * heads[:, :-1].square().sum()
        missed = logs.exp_().scatter_add_(2, right, -torch.ones_like(right, dtype=torch.float64))
        missed *= self._weights.T[:, :, None]
        slopes = (self._inputs.T @ missed.flatten(1)).unflatten(1, missed.shape[1:]).transpose(0, 1)
        slopes = slopes + penalty * heads[:, :-1]
        return float(loss), torch.cat([slopes, missed.sum(0)[:, None]], 1)


def _principal(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The principal axes of rows about their mean, (D, axes), and the variance along each: all that is not nothing."""
    wide = len(rows) < rows.shape[1]
    squares, vectors = torch.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    kept = squares > 1e-9 * squares[-1].clamp(min=1e-12)
    squares, vectors = squares[kept], vectors[:, kept]
    axes = rows.T @ (vectors / squares.sqrt()) if wide else vectors
    return axes, squares / len(rows)

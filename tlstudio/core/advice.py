"""Which strategy to begin with, as the table of sizes and domains has it, and what was measured on one's own pictures.

The table is a prior, not a verdict: it knows neither the pictures nor how fine the differences between classes are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tlstudio.core.events import Event, Interval
from tlstudio.core.recipe import Domain

MILLIONS = 1_000_000
# A head this good leaves nothing that a trial could show.
ENOUGH, NEARLY = 0.985, 0.95
# What is believed of a gain before it is measured: its standard deviation; and its mean, for the last stages (the
# head is trained first, so they begin where it ends) and, besides, for what the table says. Where it speaks of many
# pictures it knows something that trials on a few hundred of them do not.
SPREAD, LIKELY = 0.04, 0.005
TOLD = {"fine-tune-last": 0.02, "fine-tune-all": 0.02, "fine-tune-layered": 0.005}
# A trial is short, of few epochs on a part of the pictures; a run may do better or worse than it by about this much.
SHORT = 0.02
# A deep trial begins in the middle of the network: it stands for the whole with this much more doubt.
DEEP = 0.02
# What each has to bring to be worth its time; learning everything takes many times as long, and overfits most easily.
WORTH = {"feature-extraction": 0.0, "fine-tune-last": 0.002, "fine-tune-all": 0.01, "fine-tune-layered": 0.01}


@dataclass(frozen=True)
class Probed(Event):
    """How well the classes can be told apart by what a stage says, averaged over the picture: cross-validated.

    accuracy, interval (95 %), baseline (always naming the largest class): 0..1. n: pictures judged, none of which the
    judge had learned from.
    """

    stage: str
    accuracy: float
    interval: Interval
    n: int
    baseline: float
    kind: ClassVar[str] = "probed"


@dataclass(frozen=True)
class Tried(Event):
    """A short trial: how well the classes are told apart once everything from a stage on has learned.

    The head alone comes first, judged on the same `n` pictures, which neither had learned from. loss: their mean
    cross-entropy. gain: in accuracy over the head alone, with its 95 % interval; both are 0 for the head. seconds: what
    the trial took.
    """

    train_from: str
    accuracy: float
    interval: Interval
    n: int
    loss: float
    gain: float
    gain_interval: Interval
    seconds: float
    kind: ClassVar[str] = "tried"


@dataclass(frozen=True)
class Advised(Event):
    """Which strategy, why, and what the table of sizes and domains says. measured: on the pictures; empty if nothing
    was.

    measured: `backbone`, `pictures`, `stages` (as `Probed`), `trials` (as `Tried`), `expected` {strategy: {accuracy,
    gain, interval}} for those that were weighed, `run_seconds` {strategy: about how long a run takes}, and `seconds`.
    """

    strategy: str
    reasons: tuple[str, ...]
    table_says: str
    measured: dict[str, Any] = field(default_factory=dict)
    kind: ClassVar[str] = "advised"


@dataclass(frozen=True)
class BackboneProbed(Event):
    """How well a head on a frozen backbone tells the classes apart, and what that costs.

    at_hand: whether its weights are on this machine; where not, the figures are null. accuracy, interval: as `Probed`.
    seconds_per_picture: from the file to the features; null where all of them were remembered. parameters: of the
    whole network. size: of its weights, in bytes.
    """

    backbone: str
    at_hand: bool
    parameters: int
    size: int
    n: int = 0
    accuracy: float | None = None
    interval: Interval | None = None
    seconds_per_picture: float | None = None
    kind: ClassVar[str] = "backbone_probed"


@dataclass(frozen=True)
class RateTried(Event):
    """One step of a learning-rate range test. rate: of the fastest group. loss: of the batch, before the step."""

    rate: float
    loss: float
    kind: ClassVar[str] = "rate_tried"


@dataclass(frozen=True)
class RateFound(Event):
    """What a learning-rate range test suggests; nothing was changed.

    rate: of the fastest group. rates: of every group that learns, in the recipe's proportions. highest_sane: beyond it
    the loss rises; the highest rate tried where it never did.
    """

    rate: float
    highest_sane: float
    rates: dict[str, float]
    kind: ClassVar[str] = "rate_found"


def from_table(pictures: int, classes: int, domain: Domain) -> Advised:
    """What the table says for this many training pictures of a domain like ImageNet's (`similar`) or unlike it."""
    per_class = pictures / max(classes, 1)
    if domain == "different":
        strategy = "from-scratch" if pictures >= MILLIONS else "fine-tune-layered"
        why = "The pictures are very different from ImageNet's, so even early layers have to move, but slowest."
        if strategy == "from-scratch":
            why = "With millions of very different pictures the pretrained layers are no help any more."
    elif per_class < 1_000:
        strategy, why = "feature-extraction", "With few pictures of a familiar kind the backbone's features are enough."
    elif per_class <= 10_000:
        strategy, why = "fine-tune-last", "There are enough pictures for the last, most specific layers to adapt."
    else:
        strategy, why = "fine-tune-all", "There are enough pictures for every layer to adapt without overfitting."
    row = f"{per_class:,.0f} pictures a class, domain {domain}: {strategy}"
    return Advised(strategy, (why,), row)


def needs_trial(probes: Sequence[Probed]) -> bool:
    """Whether a head on the frozen network leaves anything to gain."""
    return probes[-1].accuracy < ENOUGH


def needs_deep_trial(table: Advised, probes: Sequence[Probed], trials: Sequence[Tried]) -> bool:
    """Whether it is worth the time to see what learning from the middle of the network on brings: where the last
    stages gained something, or the table advises to learn everything.

    trials: what was tried of the last stages; empty where that would have taken too long.
    """
    told = table.strategy in ("fine-tune-all", "fine-tune-layered")
    return bool(trials) and probes[-1].accuracy < NEARLY and (told or trials[-1].gain > 0)


def weighed(
    table: Advised, domain: Domain, probes: Sequence[Probed], trials: Sequence[Tried], facts: Mapping[str, Any]
) -> Advised:
    """The strategy from which most is expected, after what was measured and what the table says.

    probes: of every stage in order. trials: as they were made, each after its head alone. facts: go into `measured`.
    """
    tuned = [t for t in trials if t.train_from != "head"]
    everything = "fine-tune-layered" if domain == "different" else "fine-tune-all"
    expected = {"feature-extraction": (0.0, 0.0)}
    before = {"fine-tune-last": (LIKELY, SHORT), everything: (0.0, SHORT + DEEP)}
    if table.strategy in before:
        prior, doubt = before[table.strategy]
        before[table.strategy] = prior + TOLD[table.strategy], doubt
    for (strategy, (prior, doubt)), trial in zip(before.items(), tuned, strict=False):
        expected[strategy] = _believed(trial, prior, doubt)
    if table.strategy in before and tuned:
        # Too dear to try, it is still what the table says.
        expected.setdefault(table.strategy, (before[table.strategy][0], SPREAD))
    best = max(expected, key=lambda name: expected[name][0] - WORTH[name])
    if not tuned and needs_trial(probes):
        best = table.strategy  # nothing was learned that could speak against it
    accuracy = probes[-1].accuracy
    measured = {
        **facts,
        "stages": [probe.to_json() for probe in probes],
        "trials": [trial.to_json() for trial in trials],
        "expected": {name: _expectation(accuracy, *figures) for name, figures in expected.items()},
    }
    reasons = _reasons(probes, tuned)
    if tuned and expected[best][1]:
        gain = measured["expected"][best]
        low, high = (100 * end for end in gain["interval"])
        reasons += (f"So {best} should bring {100 * gain['gain']:+.1f} points ({low:+.1f} to {high:+.1f}).",)
    if seconds := facts.get("run_seconds", {}).get(best):
        reasons += (f"Training that way takes about {_duration(seconds)} here.",)
    if best != table.strategy:
        reasons += (f"The table says {table.strategy}: it knows how many pictures there are, but has not seen them.",)
    return Advised(best, reasons, table.table_says, measured)


def _reasons(probes: Sequence[Probed], tuned: Sequence[Tried]) -> tuple[str, ...]:
    """What the head alone can do, and what the trials brought, in sentences."""
    head = probes[-1]
    low, high = head.interval
    found = [
        f"A head on the frozen network tells {head.accuracy:.1%} of your pictures apart "
        f"({low:.0%} to {high:.0%}, {head.n} pictures, each judged without it)."
    ]
    for trial in tuned:
        least, most = (100 * end for end in trial.gain_interval)
        found.append(
            f"Learning from {trial.train_from} on changed that by {100 * trial.gain:+.1f} points "
            f"({least:+.1f} to {most:+.1f}) in a short trial."
        )
    if not tuned:
        left = "That leaves nothing for fine-tuning to gain."
        found.append(left if head.accuracy >= ENOUGH else "A trial would have taken too long here, so none was made.")
    return tuple(found)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _believed(trial: Tried, prior: float, doubt: float) -> tuple[float, float]:
    """Mean and standard deviation of a gain, after a trial: two normal distributions, each with its weight."""
    low, high = trial.gain_interval
    measured = ((high - low) / (2 * 1.96)) ** 2 + doubt**2
    weight = SPREAD**2 / (SPREAD**2 + measured)
    return prior + weight * (trial.gain - prior), math.sqrt(weight * measured)


def _expectation(accuracy: float, gain: float, deviation: float) -> dict[str, Any]:
    half = 1.96 * deviation
    return {"accuracy": min(1.0, accuracy + gain), "gain": gain, "interval": [gain - half, gain + half]}

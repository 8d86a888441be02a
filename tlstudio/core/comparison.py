"""What can be said of runs that are done: their most confident mistakes, which of two is better, whether one repeats.

Pure arithmetic on what the runs' folders hold.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import OUT_OF_FOLD, EpochDone, Event, FeaturesReady, Interval, RunStarted
from tlstudio.core.run import RunFolder

SIGNIFICANT = 0.05
NAMED = 3  # pictures in a sentence
_Z = 1.959963984540054  # of the 95 % interval
_Z_POWER = 0.8416212335729143  # four of five such comparisons find the difference
Better = Literal["first", "second"]


@dataclass(frozen=True)
class Mistake:
    """A picture for which another class than its own was given. probability: of that answer, 0..1.

    top: [label, probability], the most probable classes first. split: of the picture.
    """

    path: str
    split: str
    truth: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...] = ()


def mistakes(report: Mapping[str, Any], split: str | None = None) -> tuple[Mistake, ...]:
    """The pictures of a run's report that it took for another class, the surest first; a wrong label is often among
    them.

    split: `val` or `test`; None for both.
    """
    found = [
        Mistake(p["path"], p["split"], p["truth"], p["label"], p["probability"], _ranked(p))
        for p in report.get("predictions", ())
        if p["label"] != p["truth"] and split in (None, p["split"])
    ]
    return tuple(sorted(found, key=lambda mistake: (-mistake.probability, mistake.path)))


def _ranked(prediction: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    # Versions before this one kept the best class only.
    top = prediction.get("top") or [[prediction["label"], prediction["probability"]]]
    return tuple((label, probability) for label, probability in top)


@dataclass(frozen=True)
class Compared(Event):
    """Two runs on the pictures that both were judged by.

    first, second: the runs' folders. split: `test`, `val`, or `out of fold` where both runs have folds. n: pictures in
    common. only_first, only_second: the paths of those that only one got right. difference: accuracy of the second less
    that of the first, -1..1, with its 95 % interval. p: exact McNemar. better: which one, where that is earned;
    verdict: the same as a sentence. needed: how many pictures would show a difference of this size four times in five;
    None where there is none. remarks: what to bear in mind, sentences.
    """

    first: str
    second: str
    split: str
    n: int
    both_right: int
    both_wrong: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    first_accuracy: float
    second_accuracy: float
    difference: float
    interval: Interval
    p: float
    better: Better | None
    verdict: str
    needed: int | None
    remarks: tuple[str, ...] = ()
    kind: ClassVar[str] = "compared"


@dataclass(frozen=True)
class ReportWritten(Event):
    """A run's report is written as one HTML file. size: in bytes."""

    path: str
    size: int
    kind: ClassVar[str] = "report_written"


@dataclass(frozen=True)
class Replayed(Event):
    """A run was repeated. run: the new one's folder; first: the repeated one's.

    identical: every figure of every epoch and the final weights are the same. differences: what differs between then
    and now, and in the outcome, sentences.
    """

    run: str
    first: str
    identical: bool
    differences: tuple[str, ...]
    kind: ClassVar[str] = "replayed"


def mcnemar(only_first: int, only_second: int) -> float:
    """How often chance alone would tell two equally good classifiers apart at least so clearly; 0..1.

    McNemar's exact test (1947; two-sided): of the pictures that only one got right, each is as likely either's.
    """
    n, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, 2 * tail / (1 << n))


def paired_interval(only_first: int, only_second: int, n: int) -> Interval:
    """The 95 % interval of the second's accuracy less the first's on n pictures, by Tango's score (1998).

    Tango, Statistics in Medicine 17:891-908: honest for few pictures, and where neither made a mistake alone.
    """

    def score(difference: float) -> float:
        # The share of pictures only the first gets right, most likely under this difference, solves a quadratic.
        b = -only_second - only_first + (2 * n - only_second + only_first) * difference
        c = -only_first * difference * (1 - difference)
        share = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        gap = only_second - only_first - n * difference
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    return _where(lambda x: score(x) - _Z), _where(lambda x: score(x) + _Z)


def _where(falling: Callable[[float], float]) -> float:
    """Where a falling function crosses zero within -1..1, by halving."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def pictures_needed(only_first: int, only_second: int, n: int) -> int | None:
    """How many pictures would show a difference of this size, 80 % of the time, at 5 %; None where there is none.

    Connor 1987 (Biometrics 43:207-211), from the share on which both differ.
    """
    differ, gap = (only_first + only_second) / n, abs(only_second - only_first) / n
    if not gap:
        return None
    spread = _Z * math.sqrt(differ) + _Z_POWER * math.sqrt(max(0.0, differ - gap * gap))
    # Below six differing answers the exact test cannot say anything.
    return max(math.ceil(spread * spread / (gap * gap)), math.ceil(6 / differ))


def compared(first: str, second: str, reports: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Compared:
    """Which of two runs is better, by the pictures both were tested with; by those both were validated on where they
    have no test pictures in common.

    first, second: the runs' folders. reports: what their `report.json` hold.

    Raises:
        ProjectError: they were judged by different pictures.
    """
    for split in ("test", "val"):
        pairs, remarks = _in_common(split, reports)
        if pairs:
            break
    else:
        remedy = "Repeat one of them with the same pictures and splits as the other."
        raise ProjectError(f"and {second} were judged by none of the same pictures", path=first, remedy=remedy)
    right = [(a["label"] == a["truth"], b["label"] == b["truth"], a["path"]) for a, b in pairs]
    only_first = tuple(path for a, b, path in right if a and not b)
    only_second = tuple(path for a, b, path in right if b and not a)
    both, n = sum(a and b for a, b, _ in right), len(right)
    counts = len(only_first), len(only_second)
    p, interval = mcnemar(*counts), paired_interval(*counts, n)
    better: Better | None = None
    if p < SIGNIFICANT and not interval[0] <= 0 <= interval[1]:
        better = "second" if counts[1] > counts[0] else "first"
    if split == "val" and all(report["val"].get("split") == OUT_OF_FOLD for report in reports):
        split = OUT_OF_FOLD
    return Compared(
        *(first, second, split, n, both, n - both - sum(counts), only_first, only_second),
        first_accuracy=(both + counts[0]) / n,
        second_accuracy=(both + counts[1]) / n,
        difference=(counts[1] - counts[0]) / n,
        interval=interval,
        p=p,
        better=better,
        verdict=f"the {better} is better" if better else f"no difference that {_pictures(n)} could show",
        needed=pictures_needed(*counts, n),
        remarks=tuple(remarks),
    )


def _in_common(
    split: str, reports: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> tuple[list[tuple[Mapping[str, Any], Mapping[str, Any]]], list[str]]:
    """What both runs said of the same pictures in a split, and what to bear in mind about that."""
    first, second = ({p["path"]: p for p in report.get("predictions", ()) if p["split"] == split} for report in reports)
    shared = [(first[path], second[path]) for path in first if path in second]
    # Runs of versions before this one kept no digests.
    same = [(a, b) for a, b in shared if "" in (a.get("digest", ""), b.get("digest", "")) or a["digest"] == b["digest"]]
    pairs = [(a, b) for a, b in same if a["truth"] == b["truth"]]
    remarks = []
    if len(pairs) < max(len(first), len(second)):
        remarks.append(
            f"The first was judged by {_pictures(len(first))} and the second by {_pictures(len(second))}; "
            f"only the {len(pairs)} in common count here."
        )
    for number, what, how in (
        (len(shared) - len(same), "file", "changed"),
        (len(same) - len(pairs), "picture", "relabelled"),
    ):
        if number:
            subject, verbs = (what, ("was", "does")) if number == 1 else (f"{what}s", ("were", "do"))
            remarks.append(f"{number} {subject} {verbs[0]} {how} between the runs and {verbs[1]} not count.")
    if split == "val":
        remarks.append(_no_test([report["val"].get("split") == OUT_OF_FOLD for report in reports]))
    return pairs, remarks


def _no_test(by_folds: Sequence[bool]) -> str:
    """Why a comparison is no test. by_folds: whether the first run was judged by folds, and the second."""
    if all(by_folds):
        return "Each picture was judged by networks that had not learned from it, and no epoch was chosen by it."
    if not any(by_folds):
        return "These are validation pictures, by which both runs chose their best epoch: no test."
    folded, other = ("first", "second") if by_folds[0] else ("second", "first")
    return (
        f"These are validation pictures of the {other} run, by which it chose its best epoch; the {folded} judged "
        "them by its folds, whose networks learned from other pictures: no test, and not quite alike."
    )


def _pictures(number: int) -> str:
    return f"{number} {'picture' if number == 1 else 'pictures'}"


def differences(first: RunFolder, second: RunFolder) -> tuple[bool, tuple[str, ...]]:
    """Whether a repeated run is the same as the first: every figure of every epoch, and the final weights.

    With it, what differs between then and now, sentences: first what could have made a difference, then the outcome.
    """
    conditions = [*_other_settings(first, second), *_other_pictures(first, second)]
    outcome = list(_other_outcome(first, second))
    if outcome:
        conditions += _other_features(first, second)
    return not outcome, (*conditions, *outcome)


def _other_settings(first: RunFolder, second: RunFolder) -> Iterator[str]:
    then, now = (next((e for e in run.history() if isinstance(e, RunStarted)), None) for run in (first, second))
    if then is None or now is None:
        yield "One of the runs does not say how it began."
        return
    for name in sorted({*then.versions, *now.versions}):
        yield from _other(name, then.versions.get(name, "unknown"), now.versions.get(name, "unknown"))
    yield from _other("The device", then.device, now.device)
    yield from _other("The number of threads", then.threads, now.threads)
    for name in sorted({*then.recipe, *now.recipe}):
        # What this version can set and an older one could not has its old value by default.
        if name in then.recipe:
            yield from _other(f"The setting {name}", then.recipe[name], now.recipe.get(name))
    before, after = first.report(), second.report()
    for name, called in (
        ("origin", "What it began with"),
        ("phases", "Where its inputs came from"),
        ("precision", "The number format"),
        ("pieces", "In how many parts a batch was learned"),
    ):
        if name in before:
            yield from _other(called, before[name], after.get(name))


def _other_features(first: RunFolder, second: RunFolder) -> Iterator[str]:
    """What is remembered may have been computed by another run in another form (`engine/folding.py`)."""
    then, now = (
        sum(e.computed for e in run.history() if isinstance(e, FeaturesReady) and e.tier == "features")
        for run in (first, second)
    )
    if then != now:
        yield (
            f"The stages before the cut were asked about {then} pictures then and {now} now, the rest was remembered "
            "from other runs: its last digits may differ."
        )


def _other(what: str, then: Any, now: Any) -> Iterator[str]:
    if then != now:
        yield f"{what} was {_said(then)} then and is {_said(now)} now."


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _other_pictures(first: RunFolder, second: RunFolder) -> Iterator[str]:
    then, now = first.pictures(), second.pictures()
    if not then:
        yield "The first run is of a version that did not keep which pictures it had."
        return
    both = [path for path in then if path in now]
    yield from _named("was added", "were added", [path for path in now if path not in then])
    yield from _named("is gone or left out", "are gone or left out", [path for path in then if path not in now])
    for field, one, more in (
        ("label", "was relabelled", "were relabelled"),
        ("split", "went to another part", "went to another part"),
        ("digest", "was changed", "were changed"),
    ):
        yield from _named(one, more, [path for path in both if then[path][field] != now[path][field]])


def _named(one: str, more: str, paths: Sequence[str]) -> Iterator[str]:
    if paths:
        named = ", ".join(paths[:NAMED]) + (" …" if len(paths) > NAMED else "")
        yield f"{_pictures(len(paths))} {one if len(paths) == 1 else more}: {named}"


def _other_outcome(first: RunFolder, second: RunFolder) -> Iterator[str]:
    then, now = first.state().epochs, second.state().epochs
    pairs = list(zip(then, now, strict=False))
    other = next((a for a, b in pairs if _figures(a) != _figures(b)), None)
    if other is not None:
        yield f"From epoch {other.epoch} of phase {other.phase} on the figures differ."
    elif len(then) != len(now):
        yield f"It had {len(then)} epochs then and {len(now)} now; those that both have are the same."
    before, after = first.report(), second.report()
    for split, called in (("val", "Validation accuracy"), ("test", "Test accuracy")):
        if before.get(split) and after.get(split):
            yield from _other(called, f"{before[split]['accuracy']:.2%}", f"{after[split]['accuracy']:.2%}")
    # Versions before this one did not write down the digest of the model's weights, but kept the learned ones.
    digests = [report.get("weights_sha256") for report in (before, after)]
    if None in digests:
        digests = [hashlib.sha256(run.best_file.read_bytes()).hexdigest() for run in (first, second)]
    if digests[0] != digests[1]:
        yield f"The final weights differ: SHA-256 {digests[0]} then, {digests[1]} now."


def _figures(epoch: EpochDone) -> dict[str, Any]:
    return {name: value for name, value in epoch.to_json().items() if name != "seconds"}

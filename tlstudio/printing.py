"""A task's events as lines: for people, or as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import bidirectional, category

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tlstudio.core import advice, comparison, doubts, events, sorting
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Event
from tlstudio.core.exports import at_most

MISTAKES = 10  # the most frequent ones; JSON has the whole confusion
CLASSES_SHOWN = 100  # of a model; more would push the rest of its card off the screen
_TURNS = ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI")


def show(task: Iterable[Event], as_json: bool) -> None:
    """Print a task's events as they come, as JSON lines or for people."""
    if as_json:
        for event in task:
            print(json.dumps(event.to_json()), flush=True)
    else:
        _show_people(task)


def _show_people(task: Iterable[Event]) -> None:
    out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        bar = bars.add_task("", visible=False)
        for event in task:
            if isinstance(event, events.Progress):
                bars.update(bar, description=event.task, completed=event.done, total=event.total, visible=True)
                continue
            for line in describe(event):
                out.print(_printable(line), markup=False, emoji=False)


def _printable(line: str) -> str:
    """Names come from strangers' files: nothing in them may steer the terminal or forge a line."""
    return "".join(c.encode("unicode_escape").decode() if _steers(c) else c for c in line)


def _steers(letter: str) -> bool:
    """Control characters, line ends, and what turns the direction of all that follows; not what joins emoji."""
    return category(letter) in ("Cc", "Cs", "Zl", "Zp") or bidirectional(letter) in _TURNS


def describe(event: Event) -> Iterator[str]:
    """The lines that tell a person about an event; none for what a person need not read."""
    match event:
        case events.Warned():
            yield f"Careful: {event.text}"
        case events.Said():
            yield event.text
        case events.PictureSkipped():
            yield f"Not used: {event.path}: {event.reason}"
        case events.Inspected():
            yield from _describe_pictures(event)
        case events.FileInspected("model"):
            yield from _describe_model(event.facts)
        case events.FileInspected():
            yield f"This is a {event.what}."
            yield from json.dumps(event.to_json(), indent=1, ensure_ascii=False).splitlines()
        case doubts.DoubtsFound():
            yield from _describe_doubts(event)
        case doubts.CurveDrawn():
            twice = _with_interval(event.twice, event.interval)
            yield f"Twice the pictures would bring about {twice} instead of {event.accuracy[-1]:.1%},"
            yield f"  by how it grew up to {event.pictures[-1]} pictures to learn from."
        case doubts.ShortcutsFound():
            yield from _describe_shortcuts(event)
        case events.Outlined():
            yield from _describe_outline(event)
        case advice.Probed():
            yield f"  {event.stage:<10} {_with_interval(event.accuracy, event.interval)} told apart by what it says"
        case advice.Tried() if event.train_from != "head":
            yield from _describe_trial(event)
        case advice.Advised():
            yield f"Strategy {event.strategy}. {' '.join(event.reasons)}"
            if event.measured:
                yield f"The table says, {event.table_says}."
        case advice.BackboneProbed():
            yield _describe_backbone(event)
        case events.Evaluated():
            yield from _describe_evaluation(event)
        case events.Predicted():
            yield _describe_prediction(event)
        case comparison.Compared():
            yield from _describe_comparison(event)
        case comparison.ReportWritten():
            yield f"{event.path}: the report ({event.size / 1e3:.0f} kB); it opens in any browser"
        case comparison.Replayed():
            yield from event.differences
            yield "The same, to the last bit." if event.identical else f"Not the same as {event.first}."
        case events.Exported():
            yield from _describe_export(event)
        case events.WeightsFound():
            yield from _describe_weights(event)
        case events.WeightsPacked():
            yield f"{event.path}: the weights of {', '.join(event.backbones)} ({event.size / 1e6:.0f} MB)"
            yield f"On the other machine: tlstudio weights import {Path(event.path).name}"
        case _:
            yield from _describe_progress(event)


def _describe_progress(event: Event) -> Iterator[str]:
    """What training and sorting say while they go on."""
    match event:
        case events.FeaturesReady() if event.computed and event.tier == "pictures":
            yield f"  {event.computed} pictures decoded in {event.seconds:.1f} s"
        case events.FeaturesReady() if event.computed:
            yield f"  {event.computed} pictures through the stages before {event.train_from} in {event.seconds:.1f} s"
        case events.RunResumed():
            after = _counted(event.batch, "batch", "batches")
            yield f"Going on in epoch {event.epoch} of phase {event.phase}, after {after}."
        case events.RunPaused():
            project = Path(event.run).parent.parent
            yield f"The run stands still in epoch {event.epoch} of phase {event.phase}."
            yield f"Go on with: tlstudio train {project} --resume"
        case events.PhaseStarted():
            yield from _describe_phase(event)
        case events.EpochDone():
            line = f"  epoch {event.epoch:2d} of {event.epochs}  loss {event.train_loss:.3f}"
            if math.isfinite(event.val_loss):
                line += f"  validation loss {event.val_loss:.3f}  accuracy {event.val_accuracy:6.1%}"
            yield f"{line}  {event.seconds:6.2f} s{'  best' if event.best and math.isfinite(event.val_loss) else ''}"
        case events.HeadSolved():
            line = f"  solved for directly    validation loss {event.val_loss:.3f}  accuracy {event.val_accuracy:6.1%}"
            yield f"{line}  {event.seconds:6.2f} s{'  best' if event.taken else ''}"
        case events.FoldDone():
            accuracy = _with_interval(event.accuracy, event.interval)
            yield f"Fold {event.fold} of {event.folds}: accuracy {accuracy}, {event.n} pictures"
        case events.Finished():
            yield from _describe_finish(event)
        case sorting.SortingPlanned():
            yield from _describe_plan(event)
        case sorting.SortingStarted():
            yield f"To take the copies back, also after an interruption: tlstudio unsort {event.into}"
        case sorting.Sorted() if event.record:
            tray = f", {event.unsure} of them to look at yourself" if event.unsure else ""
            yield f"{_counted(event.copied, 'copy', 'copies')} made in {event.into}{tray}."
        case sorting.SortingUndone():
            yield from (f"Kept: {kept['path']}: {kept['reason']}" for kept in event.kept)
            yield f"{_counted(event.removed, 'copy', 'copies')} removed from {event.into}."


def _describe_trial(event: advice.Tried) -> Iterator[str]:
    low, high = (100 * end for end in event.gain_interval)
    yield f"  Learning from {event.train_from} on, {event.n} pictures judged: {event.accuracy:.1%},"
    yield f"    {100 * event.gain:+.1f} points ({low:+.1f} to {high:+.1f}) over the head alone; {event.seconds:.0f} s"


def _describe_backbone(event: advice.BackboneProbed) -> str:
    size = f"{event.size / 1e6:.0f} MB"
    if event.accuracy is None or event.interval is None:
        return f"  {event.backbone:<20} {size:>7}  its weights are not here"
    pace = "remembered" if event.seconds_per_picture is None else f"{event.seconds_per_picture * 1000:.0f} ms a picture"
    return f"  {event.backbone:<20} {size:>7}  {_with_interval(event.accuracy, event.interval)}  {pace}"


def _describe_phase(event: events.PhaseStarted) -> Iterator[str]:
    share = event.trainable_parameters / event.total_parameters
    rates = ", ".join(f"{g['name']} {g['lr']:g}" for g in event.groups)
    yield f"Phase {event.phase} of {event.phases}, {event.name}: learns from {event.train_from} on"
    yield (
        f"  {event.trainable_parameters:,} of {event.total_parameters:,} parameters learn "
        f"({share:.2%}); learning rates: {rates}"
    )


def _describe_pictures(event: events.Inspected) -> Iterator[str]:
    yield f"{event.source}: {event.found} files, {event.read} pictures in {len(event.classes)} classes"
    width = max((len(name) for name in event.classes), default=0)
    for name, counts in event.classes.items():
        parts = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
        yield f"  {name:<{width}}  {sum(counts.values()):5d}  ({parts})"
    for what, groups in (("Identical", event.duplicates), ("Conflict", event.conflicts), ("Leak", event.leaks)):
        for group in groups:
            yield f"{what}: {' = '.join(group)}"
    for group in event.near_duplicates:
        yield f"Show the same: {' ~ '.join(group)}"
    for refused in event.refused:
        yield f"Could not be read: {refused['path']}: {refused['reason']}"
    for warning in event.warnings:
        yield f"Careful: {warning}"
    for proposal in event.proposals:
        state = {"": "Perhaps", "confirmed": "Kept on one side", "rejected": "Not kept together"}[proposal.verdict]
        yield f"{state}: {proposal.text}"


def _describe_doubts(event: doubts.DoubtsFound) -> Iterator[str]:
    low, high = event.interval
    judged = f"{event.backbone}, frozen, {event.folds} folds of {event.n} pictures"
    yield f"Found again by a quick judge ({judged}): {event.accuracy:.1%} ({low:.1%} to {high:.1%})"
    for suspect in event.suspects:
        shares = f"{suspect.instead_probable:.0%} against {suspect.probable:.0%}"
        yield f"Doubtful label: {suspect.path}: {suspect.label}, rather {suspect.instead} ({shares})"
    for outlier in event.outliers:
        yield f"Like no other picture: {outlier['path']}"


def _describe_shortcuts(event: doubts.ShortcutsFound) -> Iterator[str]:
    names = {
        "colour": "The mean colours",
        "border": "The colours along the border",
        "size": "The size in pixels",
        "file": "Format and size of the file",
        "source": "Where the file came from",
    }
    for cue in event.cues:
        said = f"{names[cue.name]} alone: {cue.accuracy:.1%} of the classes told apart (guessing: {cue.chance:.1%})"
        yield f"Careful: {said}. A network may learn that instead." if cue.alarm else said


def _describe_model(facts: dict[str, Any]) -> Iterator[str]:
    """A model's card. Its reader has found every fact sound."""
    spec, counts, limit = BACKBONES.get(facts["backbone"]), facts["trained_on"], facts["unknown"]
    yield f"This is a model: {spec.title if spec else facts['backbone']}, {len(facts['classes']):,} classes."
    when = f"{datetime.fromisoformat(facts['created']):%Y-%m-%d %H:%M %Z}".strip()
    how = f"{facts['strategy']}, learned from stage {facts['train_from']} on"
    yield f"Made {when} by TL Studio {facts['program']}: {how}."
    for split, called in (("test", "test pictures"), ("val", "validation pictures")):
        if figures := facts["metrics"].get(split):
            which = "pictures, each judged out of fold" if figures["split"] == events.OUT_OF_FOLD else called
            accuracy, n = _with_interval(figures["accuracy"], figures["interval"]), figures["n"]
            yield f"Accuracy {accuracy} on {n:,} {which}; calibration error {figures['calibration_error']:.3f}"
    share = f"at most {limit['refused_at_most']:.0%} of known pictures; set on {limit['set_on']}"
    yield f"Unknown is what lies further than {limit['threshold']:.3f} from all it learned ({share})."
    yield f"Learned from {sum(counts.values()):,} pictures:"
    shown = facts["classes"][:CLASSES_SHOWN]
    width = max(len(name) for name in shown)
    for name in shown:
        yield f"  {name:<{width}}  {counts.get(name, 0):7,}"
    if left := len(facts["classes"]) - len(shown):
        yield f"  and {left:,} more classes; --json lists them all"
    yield from _describe_origin(facts["provenance"])
    yield f"BatchNorm statistics: {_describe_seal(facts['seal'])}."
    yield f"SHA-256 of its weights: {facts['sha256']}"


def _describe_seal(seal: dict[str, Any]) -> str:
    if seal["intact"] is None:
        return f"cannot be checked here: {seal['reason']}"
    if seal["intact"]:
        return "as shipped" if seal["stages"] else "its network has none"
    moved = {name: stage["drift"] for name, stage in seal["stages"].items() if not stage["intact"]}
    known = [drift for drift in moved.values() if drift is not None]
    far = f", by up to {max(known):.2g} standard deviations" if known else ""
    return f"not as shipped; moved in {', '.join(moved)}{far}"


def _describe_origin(origin: dict[str, Any]) -> Iterator[str]:
    """Where a model's first weights come from, and under which licence; then those of the model before it."""
    began: dict[str, Any] | None = origin
    how = "Began with"
    while began:
        licence, source = began.get("licence") or "no licence stated", began.get("source") or "no source stated"
        digest = f", SHA-256 {began['sha256'][:12]}…" if began.get("sha256") else ""
        random = began.get("weights") == "random"
        yield f"{how} random weights" if random else f"{how} {began.get('weights')}{digest}: {licence}; {source}"
        began, how = began.get("before"), "  which began with"


def _describe_weights(event: events.WeightsFound) -> Iterator[str]:
    states = {"checked": "here, checked", "unchecked": "here, not checked", "missing": "not on this machine"}
    states["wrong"] = f"here, but not the right file: its SHA-256 is {event.found_sha256}"
    places = {"package": "installed package", "own": "TL Studio's folder", "hub": "torch's hub folder"}
    yield f"{event.backbone}: {states[event.state]}"
    yield f"  file     {event.path or event.filename}{f' ({places[event.place]})' if event.place else ''}"
    yield f"  SHA-256  {event.sha256}{'' if len(event.sha256) == events.WHOLE_DIGEST else '… (no more is published)'}"
    yield f"  {event.size / 1e6:.0f} MB, {event.licence}; {event.source}"
    if event.state in ("wrong", "missing"):
        get = f"tlstudio weights fetch {event.backbone}" if event.url else "tlstudio weights import FILE"
        yield f"  get it   {event.url}{'; type: ' if event.url else ''}{get}".rstrip()


def _describe_outline(event: events.Outlined) -> Iterator[str]:
    learn, total = event.trainable_parameters, event.total_parameters
    yield f"{event.backbone}: {learn:,} of {total:,} parameters learn ({learn / total:.4%})"
    norms, values = (sum(getattr(s, field) for s in event.stages) for field in ("batchnorms", "running_values"))
    yield f"{norms:,} BatchNorm layers with {values:,} running values" if norms else "no BatchNorm layers"
    steps = (f"{p['name']} from {p['train_from']} ({p['epochs']})" for p in event.phases)
    yield f"phases (epochs): {', '.join(steps)}"
    yield f"{'stage':<9}{'parameters':>12}{'learn':>12}{'rate':>8}  {'output':<14}what it has learned"
    for s in event.stages:
        shape = "×".join(map(str, s.output_shape))
        rate = f"{s.lr:g}" if s.lr else "frozen" if s.parameters else "–"
        yield f"{s.name:<9}{s.parameters:>12,}{s.trainable:>12,}{rate:>8}  {shape:<14}{s.learns}; {s.transferability}"


def _describe_finish(event: events.Finished) -> Iterator[str]:
    yield "Stopped; the best weights so far are kept." if event.stopped else f"Done in {event.seconds:.0f} s."
    what = f"Accuracy by {event.folds} folds" if event.folds else "Validation accuracy"
    yield f"{what:<19} {_with_interval(event.val_accuracy, event.val_interval)}"
    if event.test_accuracy is not None and event.test_interval is not None:
        yield f"Test accuracy       {_with_interval(event.test_accuracy, event.test_interval)}"
    yield f"Model    {event.model}"
    yield f"Run      {event.run}"
    yield f"Project  {event.project}"


def _describe_export(event: events.Exported) -> Iterator[str]:
    yield f"{event.path}: model.onnx and what belongs to it ({event.size / 1e6:.0f} MB)"
    yield (
        f"Asked about {event.pictures} pictures, it differs from the model by at most {at_most(event.difference)} in "
        f"probability ({event.allowed:g} is allowed); certificate.txt has the details."
    )
    yield f"To check it anywhere: python {Path(event.path) / 'check.py'}"


def _describe_evaluation(event: events.Evaluated) -> Iterator[str]:
    accuracy = _with_interval(event.accuracy, event.interval)
    yield f"Accuracy {accuracy} on {event.n} pictures (split: {event.split}; {event.refused} left out)"
    width = max(len(name) for name in event.per_class)
    yield f"{'':<{width}}  {'precision':<24} {'recall':<24}    F1  pictures"
    for name, s in event.per_class.items():
        precision, recall = (f"{s[k]:.3f} ({_span(s[f'{k}_interval'])})" for k in ("precision", "recall"))
        yield f"{name:<{width}}  {precision:<24} {recall:<24} {s['f1']:5.3f} {s['support']:9.0f}"
    labels, counts = event.confusion["labels"], event.confusion["counts"]
    pairs = ((counts[i][j], truth, said) for i, truth in enumerate(labels) for j, said in enumerate(labels) if i != j)
    mistakes = sorted((pair for pair in pairs if pair[0]), key=lambda pair: -pair[0])[:MISTAKES]
    if mistakes:
        yield f"Taken for another: {'; '.join(f'{truth} for {said} {count}' for count, truth, said in mistakes)}"
    floor = f"{event.calibration_floor:.3f} is what chance alone would show"
    yield f"Expected calibration error {event.calibration_error:.3f} ({floor})"


def _span(interval: events.Interval) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _describe_comparison(event: comparison.Compared) -> Iterator[str]:
    which = {"test": "test pictures", events.OUT_OF_FOLD: "pictures, each judged out of fold,"}
    yield f"On {event.n:,} {which.get(event.split, 'validation pictures')} both were judged by:"
    for name, accuracy, alone in (
        (event.first, event.first_accuracy, event.only_first),
        (event.second, event.second_accuracy, event.only_second),
    ):
        yield f"  {name}: {accuracy:.1%}, {len(alone)} right that the other has wrong"
    low, high = event.interval
    span = f"95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    yield f"The second less the first: {100 * event.difference:+.1f} points ({span})"
    yield from event.remarks
    p = f"p = {event.p:.3f}" if event.p >= 0.001 else "p < 0.001"
    yield f"Verdict: {event.verdict} (McNemar's exact test, {p})"
    if event.needed and not event.better:
        yield f"A difference of this size would show with about {event.needed:,} pictures."


def _describe_prediction(event: events.Predicted) -> str:
    if not event.ok:
        return f"{event.path}: no answer: {event.error}"
    others = ", ".join(f"{label} {probability:.1%}" for label, probability in event.top[1:])
    unknown = "  not like anything it was taught" if event.unknown else ""
    return f"{event.path}: {event.label} {event.probability:.1%}{unknown}{f'  ({others})' if others else ''}"


def _describe_plan(event: sorting.SortingPlanned) -> Iterator[str]:
    yield from (f"Not copied: {refused['path']}: {refused['reason']}" for refused in event.refused)
    if event.already:
        yield f"{_counted(event.already, 'picture lies', 'pictures lie')} in the right folder already."
    yield f"{_counted(event.copies, 'copy', 'copies')}, {event.size / 1e6:,.1f} MB, for {event.into}:"
    width = max((len(folder["folder"]) for folder in event.folders), default=0)
    for folder in event.folders:
        meant = f"  for the class {folder['label']}" if folder["label"] not in ("", folder["folder"]) else ""
        what = meant or ("" if folder["label"] else "  what the model is not sure of")
        yield f"  {folder['folder']:<{width}}  {folder['pictures']:5d}{what}"


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _with_interval(accuracy: float, interval: events.Interval) -> str:
    return f"{accuracy:.1%} (95 % interval {interval[0]:.1%} to {interval[1]:.1%})"

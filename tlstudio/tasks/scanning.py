"""Which pictures a project holds: look through them, add, look again, say what is there."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tlstudio.core import events, groups, splits
from tlstudio.core.catalogue import Deal, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Difference, Event
from tlstudio.core.import_log import ImportLog
from tlstudio.core.project import Project
from tlstudio.core.sources import Source, as_facts, as_json, called, source, sources_of
from tlstudio.core.splits import SplitRule
from tlstudio.tasks.finding import gather, reach, within


def scan(
    project: Project,
    images: Path,
    rule: SplitRule | None = None,
    val: Path | None = None,
    threads: int = 0,
    to_train: bool = False,
    more: Sequence[Path] = (),
    copy: bool = False,
) -> Iterator[Event]:
    """Look through the pictures, give each a split, and make them the project's.

    more: further folders or lists; classes of the same name are joined. val: pictures to validate on; then `images` and
    `more` give those to train on. to_train: leave the project as it was unless something can be learned from them.
    copy: copy them into the project's folder and use the copies.

    Raises:
        UnusableImages: there is nothing to look at; with `to_train`, nothing to learn from.
        ProjectError: the disk is full, or the project cannot be written.
    """
    given = (images, *more)
    sources = [source(path) for path in given]
    if val is not None:
        sources = [*(source(path, split="train") for path in given), source(val, split="val")]
    paths = {each.path for each in sources}
    if gone := [each.path for each in sources_of(project) if each.path not in paths]:
        yield events.Warned(f"The project held pictures from {called(gone)}; these take their place.")
    copies: Sequence[Picture] = ()
    if copy:
        sources, copies = yield from _copied(project, sources, threads)
    yield from _look_through(project, _Order(sources, rule, threads, to_train, copies=copies))


def add(
    project: Project, paths: Sequence[Path], label: str = "", threads: int = 0, copy: bool = False
) -> Iterator[Event]:
    """Look through more pictures and put them beside those the project has, which stay as they are known.

    paths: folders or lists as `scan` takes them; with a label, any files and folders, all of that class. copy: copy
    them into the project's folder and use the copies; what lies in the program's cache, where it may be deleted any
    day, is copied always.

    Raises:
        UnusableImages: there is nothing to look at.
        ProjectError: the disk is full, or the project cannot be written.
    """
    from tlstudio.engine.copies import must_be_copied

    known = sources_of(project)
    held = {each.key for each in known}
    given = {each.key: each for each in (source(path, label) for path in paths)}
    to_copy, in_place = list[Source](), list[Source]()
    for key, each in given.items():
        if key not in held:
            (to_copy if copy or must_be_copied(Path(each.path)) else in_place).append(each)
    copied, copies = yield from _copied(project, to_copy, threads)
    sources = [*known, *in_place, *copied]
    anew = [each for each in sources if each.key in given]
    yield from _look_through(project, _Order(sources, None, threads, False, known, copies, _NOTHING, anew))


def remove(project: Project, paths: Sequence[Path], label: str = "", threads: int = 0) -> Iterator[Event]:
    """Take out of the project what `add` put in with the same paths and label. The files stay, and so does the rest.

    Raises:
        UnusableImages: nothing would be left.
    """
    gone, held = {source(path, label).key for path in paths}, sources_of(project)
    left = [each for each in held if each.key not in gone]
    if not left:
        remedy = "Begin a new project instead."
        raise UnusableImages("would have no pictures left", path=project.folder, remedy=remedy)
    anew = [each for each in held if each.key in gone]
    yield from _look_through(project, _Order(left, threads=threads, held=left, accepted=_NOTHING, anew=anew))


def not_yet_added(project: Project, paths: Sequence[Path], label: str = "") -> tuple[Path, ...]:
    """Those of some paths that `add` has not been given with this label."""
    held = {each.key for each in sources_of(project)}
    return tuple(path for path in paths if source(path, label).key not in held)


def difference(project: Project, thorough: bool = False) -> Iterator[Event]:
    """How the places a project's pictures came from differ from what it knows; ends with a `Difference`.

    Looks at names, sizes and times, and reads only files of which these leave open whether they are the same. Changes
    nothing. After an import that was killed, what it had not come to is among what was added. thorough: as of
    `changes.compare`.

    Raises:
        UnusableImages: there never were any pictures.
    """
    from tlstudio.engine.changes import compare

    sources, before = _sources_to_look_at(project), project.catalogue.scanned("given")
    found = yield from gather(project, sources, sources, before)
    kept = {p.path for p in found.kept}
    known = [p for p in before if p.path not in kept]
    yield (yield from compare(found.pictures, known, [each.path for each in found.missing], thorough))


def accept(project: Project, accepted: Difference, threads: int = 0) -> Iterator[Event]:
    """Make what a `Difference` says so in the project, and no more: what it leaves out stays as it is known.

    Raises:
        UnusableImages: there never were any pictures.
    """
    sources = _sources_to_look_at(project)
    yield from _look_through(project, _Order(sources, threads=threads, held=sources, accepted=accepted))


def report(project: Project) -> Iterator[Event]:
    """What the project's pictures are and what is wrong with them, without opening a file."""
    from tlstudio.engine.report import inspect

    origin = Path(project.catalogue.fact("source") or project.folder)
    catalogue = project.catalogue
    yield inspect(origin, catalogue.pictures(), catalogue.near(), catalogue.decisions(), catalogue.counts())


def split_rule(val_fraction: float, test_fraction: float, seed: int) -> SplitRule:
    """How to divide pictures that come without a split: shares of each class, 0..1."""
    return SplitRule(val_fraction, test_fraction, seed)


def _sources_to_look_at(project: Project) -> list[Source]:
    sources = sources_of(project)
    if not sources:
        raise UnusableImages("the project has no pictures yet", path=project.folder, remedy="Add some first.")
    return sources


def _copied(
    project: Project, sources: Sequence[Source], threads: int
) -> Generator[Event, None, tuple[list[Source], list[Picture]]]:
    """Copy what sources name into the project; returns them with where the copies are, and the copies."""
    from tlstudio.engine import copies, reading

    project.check_writable()
    before, log = project.catalogue.scanned(), ImportLog(project.folder)
    placed, copied = list[Source](), list[Picture]()
    for each in sources:
        named = yield from within(project, each)
        yield from (events.Warned(remark) for remark in named.remarks)
        with log.reading(()):
            looked = yield from reading.read_all(named.pictures, [*before, *log.pictures()], threads, log.keep)
            yield from (events.PictureSkipped(p.path, p.refused) for p in looked if p.refused)
            taken = yield from copies.take_in(project.folder, looked, before)
            if not taken:
                raise UnusableImages(f"none of {len(looked)} files is a readable picture", path=each.path)
            one = Path(taken[0].path).relative_to(project.folder).as_posix()
            place = one if each.label and len(taken) == 1 else copies.write_list(project.folder, taken)
        placed.append(replace(each, copies=place))
        copied += taken
    return placed, copied


@dataclass(frozen=True)
class _Order:
    """What to look through.

    held: sources whose pictures the project has already. copies: pictures that were read and then copied. accepted: the
    changes to make, where others are to wait; None: all. anew: sources whose changes are made in any case.
    """

    sources: Sequence[Source]
    rule: SplitRule | None = None
    threads: int = 0
    to_train: bool = False
    held: Sequence[Source] = ()
    copies: Sequence[Picture] = ()
    accepted: Difference | None = None
    anew: Sequence[Source] = ()


_NOTHING = Difference((), (), (), ())


def _look_through(project: Project, order: _Order) -> Iterator[Event]:
    from tlstudio.engine import duplicates, reading
    from tlstudio.engine.report import check_trainable, inspect

    project.check_writable()
    before = project.catalogue.scanned("given")
    stored = project.catalogue.fact("split_rule")
    rule_before = SplitRule(**json.loads(stored)) if stored else None
    rule = order.rule or rule_before or splits.DEFAULT_SPLIT
    if before and rule != rule_before:
        yield events.Warned("The split is drawn anew: earlier models may have learned from what tests them now.")
    found = yield from gather(project, order.sources, order.held, before)
    yield from (events.Warned(_is_missing(each)) for each in found.missing)
    if order.accepted:
        anew = set(order.anew)
        is_free = yield from reach(project, order.anew, [each for each in order.sources if each not in anew])
        found = found.only(order.accepted, before, is_free)
    log = ImportLog(project.folder)
    with log.reading(as_json(order.sources)):
        known = [*before, *log.pictures(), *order.copies]
        looked = yield from reading.read_all(found.pictures, known, order.threads, log.keep)
        looked += found.kept
        _check_validation([each for each in order.sources if each.split == "val"], found.missing, looked)
        given = sorted({p.split for p in looked if p.split and not p.refused})
        if {"train", "val"} <= set(given) and rule != splits.DEFAULT_SPLIT:
            yield events.Warned(
                "The pictures come with their own split, which is kept; the shares asked for do nothing."
            )
        origin = called([each.path for each in order.sources])
        seen = [events.PictureSkipped(p.path, p.refused) for p in looked if p.refused]
        fresh = yield from duplicates.near(looked, (p.digest for p in before if p.fingerprint))
        near, decisions = [*project.catalogue.near(), *fresh], project.catalogue.decisions()
        divided = _dealer(project, rule, anew=rule != rule_before)
        settled: list[Picture] = []

        def deal(pictures: list[Picture]) -> list[Picture]:
            return divided(groups.marked(pictures, near, decisions))

        def check(pictures: list[Picture]) -> None:
            settled.extend(pictures)
            if order.to_train:
                check_trainable(origin, pictures)

        facts = {**as_facts(order.sources), "split_rule": json.dumps(asdict(rule)), "splits_given": json.dumps(given)}
        refusal = None
        try:
            project.catalogue.replace(looked, facts, fresh, deal, check)
        except UnusableImages as error:
            refusal = error
        yield from (*seen, inspect(origin, settled, near, decisions, project.catalogue.counts()))
        if refusal:  # after saying what there is
            raise refusal


def _dealer(project: Project, rule: SplitRule, anew: bool) -> Deal:
    """What divides pictures by a rule. anew: also those that it has divided before."""
    if anew:
        return lambda pictures: splits.divide(pictures, rule)
    drawn, listed = project.catalogue.scanned(), project.catalogue.pictures()
    sides = {p.id: p.split for p in drawn}
    is_set = any(p.split != sides[p.id] for p in listed)

    def deal(pictures: list[Picture]) -> list[Picture]:
        dealt = splits.divide(pictures, rule, drawn)
        if not is_set:
            return dealt
        # What comes in goes to where a person put its copies; these keep what was drawn, for when that is taken back.
        beside = splits.divide(pictures, rule, listed)
        return [old if old.id in sides else new for old, new in zip(dealt, beside, strict=True)]

    return deal


def _is_missing(each: Source) -> str:
    return f"{each.path} is not there now, or is empty; its pictures are kept as they were. Connect the drive again."


def _check_validation(sources: Sequence[Source], missing: Sequence[Source], looked: Sequence[Picture]) -> None:
    """Raise if somebody named pictures to validate on and none of them can be used."""
    named = [each for each in sources if each not in missing]
    if named and not any(p.split == "val" and not p.refused for p in looked):
        raise UnusableImages("holds no readable picture to validate on", path=named[0].path)

"""Which pictures a project holds: look through them, add, look again, say what is there."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import events, splits
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project, is_project
from tlstudio.core.splits import SplitRule

if TYPE_CHECKING:
    from tlstudio.engine.survey import Found


def scan(
    project: Project,
    images: Path,
    rule: SplitRule | None = None,
    val: Path | None = None,
    threads: int = 0,
    to_train: bool = False,
    more: Sequence[Path] = (),
) -> Iterator[Event]:
    """Look through the pictures, give each a split, and make them the project's.

    more: further folders or lists; classes of the same name are joined. val: pictures to validate on; then `images` and
    `more` give those to train on. to_train: leave the project as it was unless something can be learned from them.

    Raises:
        UnusableImages: there is nothing to look at; with `to_train`, nothing to learn from.
    """
    given = (images, *more)
    sources = [_source(path) for path in given]
    if val is not None:
        sources = [*(_source(path, split="train") for path in given), _source(val, split="val")]
    paths = {source["path"] for source in sources}
    if gone := [source["path"] for source in _sources(project) if source["path"] not in paths]:
        yield events.Warned(f"The project held pictures from {called(gone)}; these take their place.")
    yield from _look_through(project, sources, rule, threads, to_train)


def add(project: Project, paths: Sequence[Path], label: str = "", threads: int = 0) -> Iterator[Event]:
    """Look through more pictures and put them beside those the project has.

    paths: folders or lists as `scan` takes them; with a label, any files and folders, all of that class.

    Raises:
        UnusableImages: there is nothing to look at.
    """
    known = _sources(project)
    fresh = [_source(path, label) for path in paths]
    yield from _look_through(project, known + [source for source in fresh if source not in known], None, threads)


def remove(project: Project, paths: Sequence[Path], label: str = "", threads: int = 0) -> Iterator[Event]:
    """Take out of the project what `add` put in with the same paths and label. The files stay.

    Raises:
        UnusableImages: nothing would be left.
    """
    gone = [_source(path, label) for path in paths]
    left = [source for source in _sources(project) if source not in gone]
    if not left:
        remedy = "Begin a new project instead."
        raise UnusableImages("would have no pictures left", path=project.folder, remedy=remedy)
    yield from _look_through(project, left, None, threads)


def has_source(project: Project, path: Path, label: str = "") -> bool:
    """Whether `add` has been given this path, with this label, before."""
    return _source(path, label) in _sources(project)


def rescan(project: Project, threads: int = 0) -> Iterator[Event]:
    """Look again where the project's pictures came from; files that did not change are not opened.

    Raises:
        UnusableImages: a folder is gone, or there never was one.
    """
    if not _sources(project):
        raise UnusableImages("the project has no pictures yet", path=project.folder, remedy="Add some first.")
    yield from _look_through(project, _sources(project), None, threads)


def report(project: Project) -> Iterator[Event]:
    """What the project's pictures are and what is wrong with them, without opening a file."""
    from tlstudio.engine.report import inspect

    source = Path(project.catalogue.fact("source") or project.folder)
    yield inspect(source, project.catalogue.pictures())


def _source(path: Path, label: str = "", split: str = "") -> dict[str, str]:
    return {"path": str(path.absolute()), "label": label, "split": split}


def _sources(project: Project) -> list[dict[str, str]]:
    """Where the project's pictures came from, in the order they were given."""
    stored, first = project.catalogue.fact("sources"), project.catalogue.fact("source")
    return json.loads(stored) if stored else [_source(Path(first))] if first else []


def _look_through(
    project: Project, sources: list[dict[str, str]], rule: SplitRule | None, threads: int, to_train: bool = False
) -> Iterator[Event]:
    from tlstudio.engine import survey
    from tlstudio.engine.report import check_trainable, inspect

    before = project.catalogue.scanned()
    stored = project.catalogue.fact("split_rule")
    rule_before = SplitRule(**json.loads(stored)) if stored else None
    rule = rule or rule_before or splits.DEFAULT_SPLIT
    if before and rule != rule_before:
        yield events.Warned("The split is drawn anew: earlier models may have learned from what tests them now.")
    # A file that two sources name belongs to the later one: one for validation must not be learned from.
    found = dict[str, Picture]()
    for source in sources:
        named = _find(source)
        yield from (events.Warned(remark) for remark in named.remarks)
        found.update((picture.path, picture) for picture in named.pictures)
    looked = yield from survey.read_all(list(found.values()), before, threads)
    for source in sources:
        _check_validation(source, looked)
    given = sorted({p.split for p in looked if p.split and not p.refused})
    if {"train", "val"} <= set(given) and rule != splits.DEFAULT_SPLIT:
        yield events.Warned("The pictures come with their own split, which is kept; the shares asked for do nothing.")
    pictures = splits.divide(looked, rule, before if rule == rule_before else ())
    origin = called([source["path"] for source in sources])
    seen = [events.PictureSkipped(p.path, p.refused) for p in pictures if p.refused]
    if to_train:  # before anything is stored, and after saying what there is
        yield from (*seen, inspect(origin, pictures))
        check_trainable(origin, pictures)
    facts = {"source": sources[0]["path"], "sources": json.dumps(sources)}
    facts |= {"split_rule": json.dumps(asdict(rule)), "splits_given": json.dumps(given)}
    project.catalogue.replace(pictures, facts)
    if not to_train:
        yield from (*seen, inspect(origin, pictures))


def called(places: Sequence[Path | str]) -> str:
    """What to call several places in a sentence."""
    others = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{places[0]}{others}"


def _find(source: dict[str, str]) -> Found:
    from tlstudio.engine import survey

    path, label, split = Path(source["path"]), source["label"], source["split"]
    if label:
        files = survey.files_below(path) if path.is_dir() else (path,)
        return survey.Found(tuple(Picture(str(file), label, split) for file in files))
    found = find(path)
    if split == "train":  # a test part that the folder gives stays one; everything else is to train on
        kept = tuple(p if p.split == "test" else replace(p, split="train") for p in found.pictures)
        return replace(found, pictures=kept)
    return replace(found, pictures=tuple(replace(p, split=split) for p in found.pictures)) if split else found


def find(path: Path) -> Found:
    """The pictures a path names: as `survey.find`, and a project stands for the pictures it holds.

    Raises:
        TLStudioError: there are none.
    """
    from tlstudio.engine import survey

    if is_project(path):
        held = Catalogue(path / "catalogue.sqlite").pictures()
        return survey.Found(tuple(replace(p, refused="") for p in held if not p.excluded))
    return survey.find(path)


def read(paths: Sequence[Path], threads: int = 0) -> Generator[Event, None, list[Picture]]:
    """Look through the pictures that paths name, joined, without a project: yields remarks and progress, returns them.

    Raises:
        UnusableImages: one of the paths names none.
    """
    from tlstudio.engine import survey

    found = dict[str, Picture]()
    for path in paths:
        named = find(path)
        yield from (events.Warned(remark) for remark in named.remarks)
        found.update((picture.path, picture) for picture in named.pictures)
    return (yield from survey.read_all(list(found.values()), threads=threads))


def _check_validation(source: dict[str, str], looked: Sequence[Picture]) -> None:
    """Raise if somebody named pictures to validate on and none of them can be used."""
    if source["split"] == "val" and not any(p.split == "val" and not p.refused for p in looked):
        raise UnusableImages("holds no readable picture to validate on", path=source["path"])


def split_rule(val_fraction: float, test_fraction: float, seed: int) -> SplitRule:
    """How to divide pictures that come without a split: shares of each class, 0..1."""
    return SplitRule(val_fraction, test_fraction, seed)

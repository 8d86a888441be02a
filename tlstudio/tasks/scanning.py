"""Which pictures a project holds: look through them, add, look again, say what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import events
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import Project, is_project

if TYPE_CHECKING:
    from tlstudio.engine.survey import SplitRule


def scan(
    project: Project,
    images: Path,
    rule: SplitRule | None = None,
    val: Path | None = None,
    threads: int = 0,
    to_train: bool = False,
) -> Iterator[Event]:
    """Look through the pictures, give each a split, and make them the project's.

    val: pictures to validate on; then `images` gives those to train on. to_train: leave the project as it was unless
    something can be learned from them.

    Raises:
        UnusableImages: there is nothing to look at; with `to_train`, nothing to learn from.
    """
    sources = [_source(images, split="train"), _source(val, split="val")] if val is not None else [_source(images)]
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
    from tlstudio.engine import survey

    source = Path(project.catalogue.fact("source") or project.folder)
    yield survey.inspect(source, project.catalogue.pictures())


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

    before = project.catalogue.pictures()
    stored = project.catalogue.fact("split_rule")
    rule_before = survey.SplitRule(**json.loads(stored)) if stored else None
    rule = rule or rule_before or survey.DEFAULT_SPLIT
    if before and rule != rule_before:
        yield events.Warned("The split is drawn anew: earlier models may have learned from what tests them now.")
    former = _sources(project)[:1]
    if before and former and former[0]["path"] != sources[0]["path"]:
        yield events.Warned(f"The project held pictures from {former[0]['path']}; these take their place.")
    # A file that two sources name belongs to the later one: one for validation must not be learned from.
    found = {picture.path: picture for source in sources for picture in _find(source)}
    for source in sources:
        if not source["label"]:
            yield from unfiled(Path(source["path"]))
    looked = yield from survey.read_all(list(found.values()), before, threads)
    for source in sources:
        _check_validation(source, looked)
    pictures = survey.split(looked, rule, before if rule == rule_before else ())
    origin = Path(sources[0]["path"])
    seen = [events.PictureSkipped(p.path, p.refused) for p in pictures if p.refused]
    if to_train:  # before anything is stored, and after saying what there is
        yield from (*seen, survey.inspect(origin, pictures))
        survey.check_trainable(origin, pictures)
    facts = {"source": str(origin), "sources": json.dumps(sources), "split_rule": json.dumps(asdict(rule))}
    project.catalogue.replace(pictures, facts)
    if not to_train:
        yield from (*seen, survey.inspect(origin, pictures))


def _find(source: dict[str, str]) -> list[Picture]:
    from tlstudio.engine import survey

    path, label, split = Path(source["path"]), source["label"], source["split"]
    if label:
        files = survey.files_below(path) if path.is_dir() else (path,)
        return [Picture(str(file), label, split) for file in files]
    # A project stands for the pictures it holds.
    found = Catalogue(path / "catalogue.sqlite").pictures() if is_project(path) else survey.find(path)
    if split == "train":  # a test part that the folder gives stays one; everything else is to train on
        return [p if p.split == "test" else replace(p, split="train") for p in found]
    return [replace(p, split=split) for p in found] if split else found


def _check_validation(source: dict[str, str], looked: Sequence[Picture]) -> None:
    """Raise if somebody named pictures to validate on and none of them can be used."""
    if source["split"] == "val" and not any(p.split == "val" and not p.refused for p in looked):
        raise UnusableImages("holds no readable picture to validate on", path=source["path"])


def split_rule(val_fraction: float, test_fraction: float, seed: int) -> SplitRule:
    """How to divide pictures that come without a split: shares of each class, 0..1."""
    from tlstudio.engine.survey import SplitRule

    return SplitRule(val_fraction, test_fraction, seed)


def unfiled(images: Path) -> Iterator[Event]:
    """A warning that names what lies beside the class folders; nothing when there is nothing."""
    from tlstudio.engine import survey

    if names := survey.unfiled(images):
        some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        yield events.Warned(f"Left out, because it is in no class folder: {some}")

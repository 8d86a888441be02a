"""Which files the places name that pictures come from: all of a project's, or those on a command line."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import events
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Difference, Event
from tlstudio.core.project import Project, is_project
from tlstudio.core.sources import Source

if TYPE_CHECKING:
    from tlstudio.engine.survey import Found


@dataclass(frozen=True)
class Gathered:
    """The pictures of several sources.

    pictures: each file once, as found. kept: pictures as they are known, whose files are not to be looked at. missing:
    sources that are not there, whose pictures are therefore kept.
    """

    pictures: list[Picture]
    kept: list[Picture]
    missing: list[Source]

    def only(self, accepted: Difference, before: Sequence[Picture]) -> Gathered:
        """The same without the changes that are not in `accepted`; before: the pictures as they are known."""
        from tlstudio.engine.reading import shown

        known = {p.path for p in before}
        new = {*accepted.added, *(path for _, path in accepted.moved)}
        gone = {*accepted.gone, *(path for path, _ in accepted.moved)}
        pictures = [p for p in self.pictures if shown(p.path) in known or shown(p.path) in new]
        there = {shown(p.path) for p in pictures} | {p.path for p in self.kept}
        return Gathered(
            pictures, self.kept + [p for p in before if p.path not in there and p.path not in gone], self.missing
        )

    def kept_as_found(self, splits_given: Sequence[str]) -> list[Picture]:
        """What is kept, with the splits that its source gave, not those that were drawn."""
        return [replace(p, split=p.split if p.split in splits_given else "") for p in self.kept]


def gather(
    project: Project, sources: Sequence[Source], held: Sequence[Source], before: Sequence[Picture]
) -> Generator[Event, None, Gathered]:
    """The files that sources name, each once: one that two of them name belongs to the later one.

    held: sources that may be missing, since the project knows what they had. before: the pictures it knows.

    Raises:
        UnusableImages: a source that is not `held` names nothing.
    """
    # One for validation must not be learned from, so the later one counts.
    found, missing = dict[str, Picture](), list[Source]()
    for each in sources:
        try:
            named = yield from within(project, each, each in held)
        except UnusableImages:
            if each not in held or not before:
                raise
            missing.append(each)
            continue
        yield from (events.Warned(remark) for remark in named.remarks)
        # A folder may be given once by its own name and once through a link to it.
        given, real = each.path, os.path.realpath(each.path)
        found.update((real + p.path[len(given) :] if _is_below(p.path, given) else p.path, p) for p in named.pictures)
    pictures = list(found.values())
    there = [str(each.place(project)) for each in sources if each not in missing]
    return Gathered(pictures, _kept(pictures, before, there) if missing else [], missing)


def _kept(pictures: Sequence[Picture], before: Sequence[Picture], there: Sequence[str]) -> list[Picture]:
    """The known pictures that may belong to a source that is missing: they are not found, and lie in no other one."""
    found = {p.path for p in pictures}
    return [p for p in before if p.path not in found and not any(_is_below(p.path, place) for place in there)]


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip(os.sep) + os.sep)


def within(project: Project, each: Source, held: bool = False) -> Generator[Event, None, Found]:
    """The files that one source names.

    held: it was there before, so a single file may be gone.

    Raises:
        UnusableImages: it names nothing.
    """
    from tlstudio.engine import survey

    path = each.place(project)
    if each.label and not each.copies.endswith(".csv"):
        if path.is_dir():
            return (yield from survey.find_one_class(path, each.label, each.split))
        if not held or path.exists():
            return survey.Found((Picture(str(path), each.label, each.split),))
        if not path.parent.is_dir():
            raise UnusableImages("does not exist", path=path)
        return survey.Found(())
    found = yield from find(path)
    if each.split == "train":  # a test part that the folder gives stays one; everything else is to train on
        kept = tuple(p if p.split == "test" else replace(p, split="train") for p in found.pictures)
        return replace(found, pictures=kept)
    return replace(found, pictures=tuple(replace(p, split=each.split) for p in found.pictures)) if each.split else found


def find(path: Path) -> Generator[Event, None, Found]:
    """The pictures a path names: as `survey.find`, and a project stands for the pictures it holds.

    Raises:
        TLStudioError: there are none.
    """
    from tlstudio.engine import survey

    if is_project(path):
        held = Catalogue(path / "catalogue.sqlite").pictures()
        return survey.Found(tuple(replace(p, refused="") for p in held if not p.excluded))
    return (yield from survey.find(path))


def read(paths: Sequence[Path], threads: int = 0) -> Generator[Event, None, list[Picture]]:
    """Look through the pictures that paths name, joined, without a project: yields remarks and progress, returns them.

    Raises:
        UnusableImages: one of the paths names none.
    """
    from tlstudio.engine import reading

    found = dict[str, Picture]()
    for path in paths:
        named = yield from find(path)
        yield from (events.Warned(remark) for remark in named.remarks)
        found.update((picture.path, picture) for picture in named.pictures)
    return (yield from reading.read_all(list(found.values()), threads=threads))

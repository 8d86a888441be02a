"""Which files the places name that pictures come from: all of a project's, or those on a command line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
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

    def only(self, accepted: Difference, before: Sequence[Picture], is_free: Callable[[str], bool]) -> Gathered:
        """The same without the changes that are not in `accepted`.

        before: the pictures as they are known. is_free: of which paths whatever was found holds, as of `reach`.
        """
        from tlstudio.engine.reading import shown

        known, now = {p.path for p in before}, {shown(p.path) for p in self.pictures}
        new = {*accepted.added, *(path for _, path in accepted.moved)}
        changed = set(accepted.changed)
        gone = {*accepted.gone, *(path for path, _ in accepted.moved)}

        def is_taken(path: str) -> bool:
            return path in (changed if path in known else new) or is_free(path)

        def stays(path: str) -> bool:
            return path not in there and (path in now or not (path in gone or is_free(path)))

        pictures = [p for p in self.pictures if is_taken(shown(p.path))]
        there = {shown(p.path) for p in pictures} | {p.path for p in self.kept}
        return Gathered(pictures, self.kept + [p for p in before if stays(p.path)], self.missing)


def gather(
    project: Project, sources: Sequence[Source], held: Sequence[Source], before: Sequence[Picture]
) -> Generator[Event, None, Gathered]:
    """The files that sources name, each once: one that two of them name belongs to the later one; yields progress.

    held: sources that may be missing, since the project knows what they had. before: the pictures it knows, with the
    splits that were given.

    Raises:
        UnusableImages: a source that is not `held` names nothing.
    """
    from tlstudio.engine.survey import BREATH

    # One for validation must not be learned from, so the later one counts.
    found, missing = dict[str, Picture](), dict[Source, None]()
    may_miss, said = set(held), time.monotonic()
    for each in sources:
        if time.monotonic() - said > BREATH:  # thousands of single files
            yield events.Progress("finding pictures", len(found), 0)
            said = time.monotonic()
        try:
            named = yield from within(project, each, each in may_miss)
        except UnusableImages:
            if each not in may_miss or not before:
                raise
            missing[each] = None
            continue
        yield from (events.Warned(remark) for remark in named.remarks)
        # A folder may be given once by its own name and once through a link to it.
        given, real = each.path, os.path.realpath(each.path)
        found.update((real + p.path[len(given) :] if _is_below(p.path, given) else p.path, p) for p in named.pictures)
    pictures = list(found.values())
    there = [str(each.place(project)) for each in sources if each not in missing]
    return Gathered(pictures, _kept(pictures, before, there) if missing else [], list(missing))


def _kept(pictures: Sequence[Picture], before: Sequence[Picture], there: Sequence[str]) -> list[Picture]:
    """The known pictures that may belong to a source that is missing: they are not found, and lie in no other one."""
    found, places = {p.path for p in pictures}, _Places(there)
    return [p for p in before if p.path not in found and not places.hold(p.path)]


def reach(
    project: Project, ours: Sequence[Source], others: Sequence[Source]
) -> Generator[Event, None, Callable[[str], bool]]:
    """Tells of a path whether a picture there may come from some of a project's sources.

    It lies in one of them, or a list of theirs names it; where such a list is gone, it lies in no other source.
    """
    from tlstudio.engine.reading import shown

    named, is_unread = set[str](), False
    for each in ours:
        if _lies_elsewhere(project, each):
            try:
                found = yield from within(project, each)
                named.update(shown(p.path) for p in found.pictures)
            except UnusableImages:
                is_unread = True
    mine, theirs = (_Places([str(each.place(project)) for each in some]) for some in (ours, others))
    return lambda path: path in named or mine.hold(path) or (is_unread and not theirs.hold(path))


def _lies_elsewhere(project: Project, each: Source) -> bool:
    """Whether a source says where pictures lie, as a list does, and does not hold them itself."""
    place = each.place(project)
    is_list = place.suffix.lower() == ".csv" and (not each.label or bool(each.copies))
    return is_list or (not each.label and is_project(place))


class _Places:
    """Folders and files, whatever links lead to them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._folders: dict[str, tuple[str, bool]] = {}
        real = {os.path.realpath(path) for path in paths}
        self._names = real | {str(Path(os.path.realpath(p.parent), p.name)) for p in map(Path, paths)}

    def hold(self, path: str) -> bool:
        """Whether a file is one of them or lies below one."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            real = os.path.realpath(folder)
            self._folders[folder] = real, any(str(p) in self._names for p in (Path(real), *Path(real).parents))
        real, is_held = self._folders[folder]
        return is_held or str(Path(real, name)) in self._names


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
            size, mtime_ns = survey.stamp(path)
            return survey.Found((Picture(str(path), each.label, each.split, size, mtime_ns),))
        if not path.parent.is_dir():
            raise UnusableImages("does not exist", path=path)
        return survey.Found(())
    found = yield from (survey.find(path, exact=True) if each.copies else find(path))
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
        held = Catalogue.look(path / "catalogue.sqlite").pictures()
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

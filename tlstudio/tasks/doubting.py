"""Doubt the pictures: labels that look wrong, pictures like no other, what more would bring, what gives it away."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from tlstudio.core import events
from tlstudio.core.catalogue import Picture, class_names
from tlstudio.core.doubts import CurveDrawn, DoubtsFound, PicturesMapped, ShortcutsFound, Suspect
from tlstudio.core.errors import UnusableImages
from tlstudio.core.events import Event

if TYPE_CHECKING:
    from tlstudio.engine.doubts import Judge


def doubt(pictures: Sequence[Picture], places: Sequence[Path], backbone: str, threads: int = 0) -> Iterator[Event]:
    """Everything there is to doubt about pictures: `DoubtsFound`, `CurveDrawn`, `ShortcutsFound`.

    places: where they were brought in from.

    Raises:
        TLStudioError: they are too few for it, or the backbone's weights are not here.
    """
    doubts = Doubts(backbone, threads=threads)
    yield from doubts.judge([p for p in pictures if p.used])
    yield from doubts.curve()
    yield from doubts.shortcuts(places)


class Doubts:
    """What a frozen backbone makes one doubt of a set of labelled pictures; kept while a person puts them right.

    The features come from the cache or go into it. One thread at a time may ask.
    """

    def __init__(self, backbone: str, device: str = "auto", threads: int = 0) -> None:
        self.backbone = backbone
        self._device = device
        self._threads = threads
        self._rows: dict[str, Any] = {}
        self._pictures: tuple[Picture, ...] = ()
        self._judge: Judge | None = None

    def judge(self, pictures: Sequence[Picture]) -> Iterator[Event]:
        """Judge readable pictures by their labels; ends with `DoubtsFound`. Asked again, only what is new is computed.

        Raises:
            UnusableImages: fewer than two classes, or a class with one picture.
            TLStudioError: the backbone's weights are not on this machine.
        """
        _check_enough(pictures)
        yield from self._read([p for p in pictures if p.digest not in self._rows])
        import numpy as np

        from tlstudio.engine import doubts
        from tlstudio.engine.evaluation import wilson

        kept = tuple(p for p in pictures if p.digest in self._rows)
        _check_enough(kept)
        names, truth = _truth(kept)
        if self._judge is None or [p.path for p in kept] != [p.path for p in self._pictures]:
            pooled = np.stack([self._rows[p.digest] for p in kept])
            self._judge = doubts.Judge(pooled, truth, len(names), [p.digest for p in kept])
        self._pictures = kept
        probable = self._judge.probabilities(truth, len(names))
        opinion = self._judge.second_opinion(truth, probable)
        hits = int((probable.argmax(1) == truth).sum())
        found = [
            Suspect(p.id, p.path, p.label, names[c], float(opinion[i, truth[i]]), float(opinion[i, c]))
            for i, c in doubts.suspects(opinion, truth)
            for p in [kept[i]]
        ]
        strange = [{"id": kept[i].id, "path": kept[i].path, "distance": far} for i, far in self._judge.outliers()]
        yield DoubtsFound(
            backbone=self.backbone,
            n=len(kept),
            folds=self._judge.folds,
            accuracy=hits / len(kept),
            interval=wilson(hits, len(kept)),
            suspects=tuple(found),
            outliers=tuple(strange),
        )

    def map(self) -> Iterator[Event]:
        """Where the judged pictures lie by their features, as `PicturesMapped`; t-SNE takes seconds.

        Of very many a part is drawn: more dots would only lie on each other.
        """
        from tlstudio.engine import doubts

        some = range(0, len(self._pictures), 1 + (len(self._pictures) - 1) // doubts.MAP_AT_MOST)
        method, points = doubts.positions(self._prepared()[some])
        pairs = tuple((float(x), float(y)) for x, y in points)
        yield PicturesMapped(method, tuple(self._pictures[i].path for i in some), pairs)

    def curve(self) -> Iterator[Event]:
        """What twice the pictures would bring, as `CurveDrawn`."""
        from tlstudio.engine import doubts

        names, truth = _truth(self._pictures)
        for step in doubts.learning_curve(self._prepared(), truth, len(names)):
            if isinstance(step, doubts.Curve):
                yield CurveDrawn(step.pictures, step.accuracy, step.twice, step.interval)
            else:
                yield events.Progress("estimating what more pictures would bring", step, doubts.REPEATS)

    def shortcuts(self, places: Sequence[Path]) -> Iterator[Event]:
        """How well colours, border, size, file and source each tell the classes apart, as `ShortcutsFound`.

        places: where the pictures were brought in from.
        """
        from tlstudio.engine import device, doubts

        seen = []
        for look in doubts.looks(self._pictures, device.use_threads(self._threads)):
            seen.append(look)
            yield events.Progress("looking for what gives the classes away", len(seen), len(self._pictures))
        sources = _places_of([picture.path for picture in self._pictures], places)
        yield ShortcutsFound(tuple(doubts.shortcuts(self._pictures, seen, sources)))

    def _read(self, pictures: Sequence[Picture]) -> Iterator[Event]:
        """Read pictures through the frozen backbone, as far as they are not remembered."""
        if not pictures:
            return
        import torch

        from tlstudio.engine import device as devices
        from tlstudio.engine import features
        from tlstudio.engine import network as networks

        where, count = devices.choose(self._device), devices.use_threads(self._threads)
        # The head is not asked, so the number of its outputs is of no account.
        network = networks.build(self.backbone, 2, pretrained=True, seed=0)
        network.model.to(where, memory_format=torch.channels_last)
        found = yield from features.extract(network, "head", pictures, count)
        self._rows |= {p.digest: row for p, row in zip(found.kept, found.rows, strict=True)}

    def _prepared(self) -> Any:
        import numpy as np

        from tlstudio.engine import doubts

        return doubts.prepared(np.stack([self._rows[p.digest] for p in self._pictures]))


def _truth(pictures: Sequence[Picture]) -> tuple[tuple[str, ...], Any]:
    """The class names and, of each picture, the index of its own."""
    import numpy as np

    names = class_names(pictures)
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[p.label] for p in pictures])


def _check_enough(pictures: Sequence[Picture]) -> None:
    names = class_names(pictures)
    few = next((n for n in names if len({p.digest for p in pictures if p.label == n}) < 2), None)
    if len(names) < 2:
        raise UnusableImages("hold fewer than two classes, so no label can be doubted", remedy="Add another class.")
    if few is not None:
        raise UnusableImages(f"have only one picture of class {few!r}", remedy="Add more pictures of it.")


def _places_of(paths: Sequence[str], places: Sequence[Path]) -> list[str]:
    """The place each picture was brought in from, the innermost one; empty where it is none of them.

    Single files come from their folder: that one is a file of its own says nothing about it.
    """
    given, files = {str(place.absolute()) for place in places}, set(paths)
    folders = {str(Path(name).parent) if name in files else name for name in given}
    parents = [os.path.dirname(path) for path in paths]  # noqa: PTH120  # for 100,000 of them
    around = {folder: (folder, *map(str, PurePath(folder).parents)) for folder in set(parents)}
    found = {folder: next((name for name in names if name in folders), "") for folder, names in around.items()}
    return [found[folder] for folder in parents]

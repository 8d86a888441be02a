"""Use a model: measure it on labelled pictures, classify new ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import events
from tlstudio.core.catalogue import Catalogue
from tlstudio.core.errors import RefusedModel, UnusableImages
from tlstudio.core.events import Event
from tlstudio.core.project import is_project
from tlstudio.tasks.engine import load_engine
from tlstudio.tasks.finding import read

if TYPE_CHECKING:
    from tlstudio.engine.checkpoints import Model
    from tlstudio.engine.predictor import Predictor

LISTED_AT_ONCE = 500


def evaluate(
    model_file: Path,
    images: Path,
    split: str | None = None,
    device: str = "auto",
    threads: int = 0,
    more: Sequence[Path] = (),
) -> Iterator[Event]:
    """How a model does on labelled pictures; ends with `Evaluated`.

    more: further folders or lists, joined with the first. split: `all`, `train`, `val` or `test`. By default a
    project's test split (its validation split where it has none), and all of anything else.

    Raises:
        TLStudioError: the model or the pictures cannot be used, or no class is one the model knows.
    """
    check_exists(model_file)
    from tlstudio.engine import evaluation, predictor

    model, count = _open_model(model_file, device, threads)
    alone = is_project(images) and not more
    if alone:
        pictures = Catalogue.look(images / "catalogue.sqlite").pictures()
    else:
        pictures = yield from read((images, *more), count)
    pictures = [p for p in pictures if not p.excluded]
    if split is None:
        split = "all"
        if alone:
            split = "test" if any(p.split == "test" and not p.refused for p in pictures) else "val"
    chosen = [p for p in pictures if split in ("all", p.split)]
    by_folds = (model.facts["metrics"].get("val") or {}).get("split") == events.OUT_OF_FOLD
    if alone and split in ("train", "val") and by_folds:
        text = (
            "The model learned from these pictures after it was judged by folds; its run reports the figures of those."
        )
        yield events.Warned(text)
    if not chosen:
        remedy = "Leave --split out to measure on all of it, or give the project the model was trained in."
        raise UnusableImages(f"does not say which pictures are for {split}", path=images, remedy=remedy)
    readable = [p for p in chosen if not p.refused and p.label in model.classes]
    yield from (events.PictureSkipped(p.path, p.refused) for p in chosen if p.refused)
    strangers = sorted({p.label for p in chosen if not p.refused} - set(model.classes))
    if strangers:
        yield events.Warned(f"Left out, because the model does not know them: {', '.join(strangers[:5])}.")
    if not readable:
        remedy = f"Its classes are: {', '.join(model.classes[:10])}."
        raise UnusableImages("has no readable pictures of the model's classes", path=images, remedy=remedy)
    answers = yield from predictor.answer(
        model.network, model.facts["train_from"], readable, count, "classifying pictures"
    )
    index = {name: i for i, name in enumerate(model.classes)}
    import numpy as np

    if not np.isfinite(answers.logits).all():
        remedy = "Train it anew, or get it again from where it was trained."
        raise RefusedModel("gives answers that are no numbers", path=model_file, remedy=remedy)
    truth = np.array([index[p.label] for p in answers.kept])
    raw, probable = (evaluation.probabilities(answers.logits, t) for t in (1.0, model.facts["temperature"]))
    yield evaluation.evaluate(probable, truth, model.classes, split, len(chosen) - len(answers.kept), raw)


def predict(
    model_file: Path,
    paths: Iterable[Path | str],
    top: int = 5,
    device: str = "auto",
    threads: int = 0,
    refuse: float | None = None,
) -> Iterator[Event]:
    """Classify pictures; one `Predicted` each, in order. A folder stands for every file below it.

    refuse: the share of known pictures that may be called unknown, 0..0.5; None: by the model's own threshold.

    Raises:
        TLStudioError: the model cannot be used.
    """
    check_exists(model_file)
    from tlstudio.engine.predictor import Predictor

    model, count = _open_model(model_file, device, threads)
    yield from Predictor(model, count).predict(_files(paths), top, refuse)


def _files(paths: Iterable[Path | str]) -> Iterator[Path | str]:
    """Each path as it was given, a folder as the files below it."""
    from tlstudio.engine.survey import files_below

    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  # unlike Path's, this does not raise for a name that is none
            yield from files_below(Path(path))
        else:
            yield path


class OpenModel:
    """A `.tlmodel` that is loaded at the first question and kept for the next ones; any number of threads may ask."""

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        self.path = path
        self._device = device
        self._threads = threads
        self._predictor: Predictor | None = None
        self._loading = threading.Lock()

    def open(self) -> Iterator[Event]:
        """Load the model now; ends with what it says about itself.

        Raises:
            TLStudioError: the model cannot be used.
        """
        from tlstudio.engine import preload

        with preload.undisturbed():
            yield from load_engine(self._device, self._threads, training=False)
            facts = self._loaded().model.facts
        yield events.FileInspected("model", facts)

    def predict(self, paths: Iterable[Path | str], top: int = 5, refuse: float | None = None) -> Iterator[Event]:
        """Like `tasks.predict`, with progress between the answers."""
        predictor = self._loaded()
        files = list[Path | str]()
        for file in _files(paths):
            files.append(file)
            if len(files) % LISTED_AT_ONCE == 0:  # a folder may be on the other end of a slow network
                yield events.Progress("finding pictures", len(files), 0)
        yield events.Progress("classifying pictures", 0, len(files))
        for number, answer in enumerate(predictor.predict(files, top, refuse), start=1):
            yield answer
            yield events.Progress("classifying pictures", number, len(files))

    def explain(self, path: Path | str, label: str = "", project: Path | None = None) -> Iterator[Event]:
        """What speaks for a class in one picture: one `Explained`. It may be asked while `predict` is still answering.

        label: one of the model's classes; empty for the most probable one. project: folder of a project in which to
        find the nearest training pictures; without it they are named by label and digest alone.

        Raises:
            TLStudioError: the model cannot be used, or the project not be read.
            ValueError: the model has no such class.
        """
        from tlstudio.engine.explain import explain

        said = explain(self._loaded(), Path(path), label)
        if project is not None and is_project(project):
            where = Catalogue.look(project / "catalogue.sqlite").paths_of([near.digest for near in said.nearest])
            said = replace(said, nearest=tuple(replace(n, path=where.get(n.digest, "")) for n in said.nearest))
        yield said

    def _loaded(self) -> Predictor:
        from tlstudio.engine.predictor import Predictor

        with self._loading:
            if self._predictor is None:
                self._predictor = Predictor(*_open_model(self.path, self._device, self._threads))
            return self._predictor


def check_exists(model_file: Path) -> None:
    """Refuse what cannot be a model before anything is loaded.

    Raises:
        RefusedModel: it is a folder, or there is none.
    """
    if model_file.is_dir():
        raise RefusedModel("is a folder, not a model", path=model_file, remedy="The .tlmodel file comes first.")
    if not model_file.exists():
        remedy = "Give a .tlmodel file, such as a run's model.tlmodel."
        raise RefusedModel("does not exist", path=model_file, remedy=remedy)


def _open_model(path: Path, device: str, threads: int) -> tuple[Model, int]:
    import torch

    from tlstudio.engine import checkpoints
    from tlstudio.engine import device as devices

    where, count = devices.choose(device), devices.use_threads(threads)
    model = checkpoints.load_model(path)
    model.network.model.to(where, memory_format=torch.channels_last)
    return model, count

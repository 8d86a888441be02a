"""What a network's stages see in a person's pictures, before and after training."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.core import responses
from tlstudio.core.catalogue import Catalogue, Picture
from tlstudio.core.errors import MissingWeights, ProjectError, RefusedWeights, UnreadablePicture
from tlstudio.core.events import Event, Progress
from tlstudio.core.project import is_project, runs_in
from tlstudio.core.recipe import Recipe
from tlstudio.tasks.engine import load_engine

if TYPE_CHECKING:
    from tlstudio.engine.network import Network
    from tlstudio.engine.responses import Look

CHANNELS = 6
OFFERED, SEARCHED = 24, 200  # pictures


def offer(project: Path) -> Iterator[Event]:
    """What of a project there is to look at: one `Offered`."""
    if not is_project(project):
        yield responses.Offered(str(project))
        return
    pictures = Catalogue(project / "catalogue.sqlite").readable()
    models = []
    for run in runs_in(project):
        with suppress(OSError, ValueError, KeyError, TypeError, ProjectError):  # damaged: the list of runs shows it
            state = run.state()
            if state.recipe and state.finished and run.model_file.is_file():
                backbone, strategy = state.recipe.backbone, state.recipe.strategy
                models.append(responses.TrainedRun(str(run.model_file), run.number, backbone, strategy))
    alike = [picture.path for picture in spread(pictures)]
    yield responses.Offered(str(project), tuple(alike[:OFFERED]), tuple(alike[:SEARCHED]), tuple(models))


def spread(pictures: Sequence[Picture]) -> list[Picture]:
    """All pictures, so that any first few hold as many of each class as there are."""
    by_label: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_label.setdefault(picture.label, []).append(picture)
    # From all over a class: files beside each other are often of one scene.
    mixed = [sorted(members, key=_digest) for members in by_label.values()]
    longest = max(map(len, mixed), default=0)
    return [members[i] for i in range(longest) for members in mixed if i < len(members)]


def _digest(picture: Picture) -> str:
    return picture.digest


class Seeing:
    """A recipe's network, and perhaps one trained from it, ready to be asked what their stages see.

    Both are loaded with the first picture; the newest picture's way through them is kept. Any thread may ask.
    """

    def __init__(self, recipe: Recipe, trained: Path | None = None, threads: int = 0) -> None:
        """trained: a run's model file; of the same backbone as the recipe."""
        self.recipe, self.trained = recipe, trained
        self._threads = threads
        self._networks: dict[responses.Weights, Network] = {}
        self._fields: dict[responses.Weights, dict[str, int]] = {}
        self._looks: dict[responses.Weights, Look] = {}
        self._path = ""
        self._working = threading.Lock()

    def look(self, path: Path | str) -> Iterator[Event]:
        """Send a picture through the network; ends with `PictureSeen`.

        Raises:
            TLStudioError: there are neither shipped weights nor a trained model, or they cannot be used.
        """
        with self._working:
            yield from self._load()
            from tlstudio.engine.decode import decode
            from tlstudio.engine.responses import Look
            from tlstudio.engine.tensors import enough, fit

            preprocessing = next(iter(self._networks.values())).preprocessing
            try:
                square = fit(decode(Path(path), **enough(preprocessing)).image, preprocessing)
            except UnreadablePicture as error:
                yield responses.PictureSeen(str(path), error=f"{error.what}. {error.remedy}".rstrip())
                return
            for weights, network in self._networks.items():
                self._looks[weights] = Look(network, square, self._fields.setdefault(weights, {}))
            self._path = str(path)
            yield from self._measure_fields()
            stages = tuple(next(iter(self._networks.values())).stages)
            yield responses.PictureSeen(self._path, preprocessing.size, square.tobytes(), stages)

    def stage(self, name: str) -> Iterator[Event]:
        """What a stage sees in the picture looked at last: a `StageSeen` as shipped, then one as trained.

        Both are of the same channels: those that respond most as shipped.
        """
        from tlstudio.engine.responses import ALL_TOGETHER

        with self._working:
            channels: tuple[int, ...] = ()
            for weights, look in self._looks.items():
                maps = look.maps(name) if name in look.stages else None
                if maps is None:
                    yield responses.StageSeen(self._path, name, weights, "none")
                    continue
                channels = channels or look.strongest(name, CHANNELS)
                yield responses.StageSeen(
                    self._path,
                    name,
                    weights,
                    "tokens" if channels == (ALL_TOGETHER,) else "channels",
                    look.channels(name),
                    (maps.shape[1], maps.shape[2]),
                    look.field(name),
                    look.respond(name, channels),
                )

    def filters(self) -> Iterator[Event]:
        """What the first layer looks for: a `FiltersSeen` as shipped, then one as trained."""
        from tlstudio.engine.responses import filters

        with self._working:
            for weights, network in self._networks.items():
                yield responses.FiltersSeen(weights, *filters(network))

    def patches(self, stage: str, channels: Sequence[int], pictures: Sequence[str]) -> Iterator[Event]:
        """The parts of these pictures that excite channels of a stage most; ends with a `PatchesFound` a network.

        Ask after `look`, and of no stage that speaks of patches (`tokens`).
        """
        from tlstudio.engine import device as devices
        from tlstudio.engine.responses import best_patches

        with self._working:
            threads = devices.use_threads(self._threads)
            for weights, network in self._networks.items():
                field = self._looks[weights].field(stage)
                paths = [Path(path) for path in pictures]
                found = yield from best_patches(network, stage, channels, paths, field, threads)
                yield responses.PatchesFound(stage, weights, found, len(paths))

    def _load(self) -> Iterator[Event]:
        """Build the networks, once."""
        if self._networks:
            return
        yield Progress("loading the network", 0, 0)
        yield from load_engine("cpu", self._threads, training=False)
        from tlstudio.engine import checkpoints
        from tlstudio.engine import network as networks

        found: dict[responses.Weights, Network] = {}
        trained = checkpoints.load_model(self.trained).network if self.trained else None
        try:
            if self.recipe.start:
                found["shipped"] = checkpoints.load_model(Path(self.recipe.start.path)).network
            else:
                found["shipped"] = networks.build(self.recipe.backbone, 2, self.recipe.pretrained, self.recipe.seed)
        except (MissingWeights, RefusedWeights):
            if trained is None:
                raise
        if trained is not None:
            found["trained"] = trained
        fit = trained.preprocessing.fit if trained else self.recipe.fit
        for network in found.values():
            if fit:
                network.preprocessing = replace(network.preprocessing, fit=fit)
        self._networks = found

    def _measure_fields(self) -> Iterator[Event]:
        """Find out how much each stage sees, once for a network: choosing a stage must not wait for it."""
        left = [
            (look, stage)
            for weights, look in self._looks.items()
            for stage in look.stages
            if stage not in self._fields[weights] and look.maps(stage) is not None
        ]
        for number, (look, stage) in enumerate(left):
            yield Progress("finding out how much each stage sees", number, len(left))
            look.field(stage)

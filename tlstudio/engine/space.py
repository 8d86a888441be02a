"""How much room a run takes on the disk, reckoned before it begins."""

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tlstudio.core.errors import ProjectError
from tlstudio.core.model_facts import SAMPLE_SIZE
from tlstudio.core.recipe import Recipe
from tlstudio.engine.network import Network

# Events and report: some for the run, and for each picture what was said of it.
RECORDS, RECORD = 1 << 20, 1000
HALF = 2  # bytes of a float16


def reckoned(network: Network, recipe: Recipe, pictures: int) -> tuple[int, int]:
    """Bytes that a run takes at most in its folder, and those of its model.

    Checkpoints hold the weights that have learned so far and two numbers of the optimiser for each that learns; there
    are two of them, the best weights, and what is being written beside them.
    """
    checkpoint = 0
    for number, phase in enumerate(recipe.phases, start=1):
        network.prepare(phase)
        learning = sum(p.nbytes for p in network.model.parameters() if p.requires_grad)
        checkpoint = max(checkpoint, _bytes_from(network, network.earliest(recipe.phases[:number])) + 2 * learning)
    best = _bytes_from(network, network.earliest(recipe.phases))
    whole = sum(value.nbytes for value in network.model.state_dict().values())
    records = RECORDS + RECORD * pictures
    fold = 2 * checkpoint + best if recipe.folds else 0
    return 3 * checkpoint + best + fold + records, whole + SAMPLE_SIZE * network.backbone.features * HALF


def _bytes_from(network: Network, cut: str) -> int:
    return sum(value.nbytes for value in network.tail_state(cut).values())


def check(network: Network, recipe: Recipe, pictures: int, places: Sequence[tuple[Path, int]]) -> None:
    """Find out before hours of work whether there is room for it. places: the run's and the model's, each with the
    bytes that are there already.

    Raises:
        ProjectError: there is not; it names the folder, what is needed and what is free.
    """
    needed, folders = defaultdict[int, int](int), dict[int, Path]()
    for size, (path, held) in zip(reckoned(network, recipe, pictures), places, strict=True):
        folder = path if path.is_dir() else path.absolute().parent
        disk = folder.stat().st_dev
        needed[disk] += max(0, size - held)
        folders.setdefault(disk, folder)
    for disk, size in needed.items():
        free = shutil.disk_usage(folders[disk]).free
        if free < size:
            what = (
                f"has too little room: this run takes up to {_megabytes(size)} MB, and {_megabytes(free)} MB are free"
            )
            remedy = f"Free at least {_megabytes(size - free)} MB there, or keep the project on another disk."
            raise ProjectError(what, path=folders[disk], remedy=remedy)


def _megabytes(size: int) -> str:
    return f"{max(size, 0) / 1e6:,.1f}"

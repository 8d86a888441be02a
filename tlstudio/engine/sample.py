"""The sample for `tlstudio demo`: solar cells under electroluminescence, functional or defective."""

import csv
import importlib.util
import random
from collections import defaultdict
from pathlib import Path

from tlstudio.core.project import replacing

PACKAGE = "elpv_dataset"
PER_STRATUM = 100
ABOUT = (
    "Sample: solar cells under electroluminescence (ELPV, Buerhop-Lutz et al. 2018; CC BY-NC-SA 4.0: not for "
    f"commercial use), {4 * PER_STRATUM} of them: as many defective as functional, as many mono- as polycrystalline. "
    "Cells of one module look alike and the set does not say which belong together, so accuracy on a random split is "
    "optimistic."
)


def find() -> Path | None:
    """The folder of the installed pictures; None where they are not, as in a bundle: their licence forbids that."""
    spec = importlib.util.find_spec(PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "data" if spec and spec.submodule_search_locations else None


def write_list(data: Path, folder: Path) -> Path:
    """Write `sample.csv` into a folder: path and label of a stratified part of the pictures in `data`.

    Only cells whose experts were sure are taken: defect probability 0.0 (functional) or 1.0 (defective).
    """
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in (data / "labels.csv").read_text("utf-8").splitlines():
        path, probability, kind = line.split()
        if float(probability) in (0.0, 1.0):
            label = "functional" if float(probability) == 0 else "defective"
            strata[label, kind].append(str(data / path))
    target = folder / "sample.csv"
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for (label, _), paths in sorted(strata.items()):
            rows.writerows([path, label] for path in sorted(random.Random(0).sample(paths, PER_STRATUM)))
    return target

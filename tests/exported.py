"""Models to export; and an exported folder, used by somebody who has never heard of TL Studio."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy
import onnxruntime
import PIL
import torch

from tlstudio.engine.checkpoints import Model
from tlstudio.engine.network import Network

# Nothing but the standard library and what lies in the folder that is named first.
ALONE = """
import runpy, sys
sys.path.append(sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_checker(folder: Path, temporary: Path, *arguments: object, around: Sequence[str] = ()) -> tuple[int, str]:
    """Its exit status and what it printed. temporary: an existing folder to work in. around: a command to run it by."""
    home, only = temporary / "home of the checker", temporary / "only"
    for made in (home, only):
        made.mkdir(exist_ok=True)
    for package in (numpy, onnxruntime, PIL):
        place = Path(package.__file__).parent
        for part in (place, *place.parent.glob(f"{'pillow' if package is PIL else place.name}.libs")):
            if not (only / part.name).exists():
                (only / part.name).symlink_to(part)
    command = [*around, sys.executable, "-I", "-S", "-c", ALONE, *map(str, (only, folder / "check.py", *arguments))]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, check=False)
    assert not list(home.iterdir()), "the checker left something in its user's home"
    return done.returncode, done.stdout + done.stderr


def untrained(network: Network) -> Model:
    """A model of a network that has learned nothing, with everything an export asks of one."""
    classes, features = network.classifier.out_features, network.backbone.features
    facts = {
        "backbone": network.backbone.name,
        "classes": [f"class {number}" for number in range(classes)],
        "preprocessing": network.preprocessing.to_json(),
        "temperature": 1.3,
        "unknown": {"threshold": 0.5},
        "metrics": {},
        "sample": {"labels": [number % classes for number in range(20)]},
        "trained_on": {},
        "created": "",
        "provenance": {"licence": "none"},
    }
    return Model(network, facts, torch.rand(20, features, generator=torch.Generator().manual_seed(0)).half())

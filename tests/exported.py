"""An exported folder, used as somebody does who has onnxruntime, pillow and numpy and has never heard of TL Studio."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy
import onnxruntime
import PIL

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

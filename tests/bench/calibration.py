"""Whether probabilities can be believed: `python -m tests.bench calibration [--images FOLDER] [--backbone NAME]`.

Five flowers, 950 pictures, heads only, judged by five folds; each temperature is fitted without the pictures it scales.
Goal: an out-of-fold calibration error of at most 0.04. Beside it, the error that so many pictures would show if the
probabilities were exactly right, and that before scaling.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conftest import DATA
from tlstudio import tasks
from tlstudio.core.events import Finished
from tlstudio.core.project import Project
from tlstudio.core.recipe import Changes, make_recipe
from tlstudio.core.run import RunFolder
from tlstudio.core.splits import SplitRule

GOAL = 0.04


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=DATA / "flowers5")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Project.open(Path(folder) / "project") as project:
        list(tasks.scan(project, options.images, SplitRule(test_fraction=0)))
        recipe = make_recipe(options.backbone, "feature-extraction", Changes(folds=5))
        *_, finished = tasks.train(project, recipe)
        assert isinstance(finished, Finished)
        report = RunFolder(Path(finished.run)).report()
    val = report["val"]
    low, high = val["interval"]
    print(f"{options.images.name}, {options.backbone}, 5 folds, {val['n']} pictures each judged out of fold")
    print(f"  accuracy                         {val['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%})")
    print(f"  calibration error before scaling {val['calibration_error_raw']:.3f}")
    print(f"  after, out of fold               {report['calibration_error_out_of_fold']:.3f} (goal {GOAL})")
    print(f"  of exactly right probabilities   {val['calibration_floor']:.3f}")
    print(f"  temperature on all               {report['temperature']:.3f}")
    return 0 if report["calibration_error_out_of_fold"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())

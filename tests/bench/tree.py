"""How fast the tree of layers answers: `python -m tests.bench.tree`. No weights are needed.

Goals: with ResNet-50 and ViT-B/16 it opens within 200 ms of the outline, and nothing stalls the window for more than
50 ms while everything is opened, searched and closed again. Time is that of the window's own thread, the best of five.
"""

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from tlstudio import tasks
from tlstudio.core.events import Outlined
from tlstudio.core.recipe import make_recipe
from tlstudio.ui import theme
from tlstudio.ui.model.layer_tree import LayerTree

NETWORKS = ("resnet50", "vit_b_16")
CLASSES, TIMES = 5, 5
GOAL_OPEN, GOAL_STALL = 200.0, 50.0


def milliseconds(work: Callable[[], object]) -> float:
    """What a piece of work and the painting after it cost this thread."""
    began = time.thread_time()
    work()
    QApplication.processEvents()
    return 1000 * (time.thread_time() - began)


def opened(outline: Outlined) -> dict[str, float]:
    """What each step costs with a tree of its own."""
    tuned, head = (make_recipe(outline.backbone, name).phases[-1] for name in ("fine-tune-all", "feature-extraction"))
    tree = LayerTree()
    tree.resize(1100, 600)
    tree.show()
    QApplication.processEvents()
    steps: dict[str, Callable[[], object]] = {
        "open": lambda: tree.show_outline(outline.stages, head),
        "expand all": tree.expandAll,
        "another phase": lambda: tree.show_outline(outline.stages, tuned),
        "search": lambda: tree.search("conv" if outline.backbone == "resnet50" else "linear"),
        "clear the search": lambda: tree.search(""),
        "show what learns": lambda: tree.show_only_learning(True),
        "collapse all": tree.collapseAll,
    }
    found = {name: milliseconds(step) for name, step in steps.items()}
    tree.deleteLater()
    return found


def main() -> int:
    app = QApplication([])
    app.setStyle("Fusion")
    app.setStyleSheet(theme.style_sheet(dark=False))
    slow = False
    for name in NETWORKS:
        (outline,) = tasks.outline(name, CLASSES, make_recipe(name, "feature-extraction").phases[-1])
        assert isinstance(outline, Outlined)
        runs = [opened(outline) for _ in range(TIMES)]
        print(name)
        for step in runs[0]:
            best = min(run[step] for run in runs)
            goal = GOAL_OPEN if step == "open" else GOAL_STALL
            slow = slow or best > goal
            print(f"  {step:<18}{best:7.1f} ms   goal {goal:.0f}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())

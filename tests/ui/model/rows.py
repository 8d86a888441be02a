"""How the tests of the network panel find and choose what is in it."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from tlstudio.ui.model.layer_model import Column, LayerModel
from tlstudio.ui.model.panel import ModelPanel

CLASSES, PICTURES = 5, 665
RESNET_STAGES = {
    "stem": 9_536,
    "layer1": 147_968,
    "layer2": 525_568,
    "layer3": 2_099_712,
    "layer4": 8_393_728,
    "head": 2_565,
}


def choose(box: QComboBox, value: str) -> None:
    """Go to an entry with the arrow keys."""
    box.setFocus()
    steps = box.findData(value) - box.currentIndex()
    for _ in range(abs(steps)):
        QTest.keyClick(box, Qt.Key.Key_Down if steps > 0 else Qt.Key.Key_Up)
    assert box.currentData() == value


def find(model: LayerModel, name: str, column: Column = Column.NAME):
    stages = [model.index(row, 0) for row in range(model.rowCount())]
    waiting = stages
    while waiting:
        index = waiting.pop(0)
        if model.name(index) == name:
            return index.siblingAtColumn(column)
        waiting += [model.index(row, 0, index) for row in range(model.rowCount(index))]
    raise AssertionError(f"no row {name}")


def shown(panel: ModelPanel, name: str, column: Column) -> str:
    return find(panel.tree.layers(), name, column).data()

"""The pretrained networks as Qt's table wants them: what is here of each, in words."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from tlstudio.core.backbones import backbone
from tlstudio.core.events import WeightsFound
from tlstudio.ui import figures, icons
from tlstudio.ui.theme import Colours

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
ICONS = {"checked": "done", "unchecked": "info", "wrong": "warning", "missing": "import"}


class NetworksModel(QAbstractTableModel):
    """One row a backbone, in the order of the table of backbones."""

    NAME, STATE, SIZE, LICENCE = range(4)

    def __init__(self, colours: Colours, owner: QObject) -> None:
        super().__init__(owner)
        self._found: list[WeightsFound] = []
        self._colours = colours

    def take(self, found: WeightsFound) -> None:
        """Show what is here of a backbone, in its row or in a new one."""
        row = self.row_of(found.backbone)
        if row >= 0:
            self._found[row] = found
            self.dataChanged.emit(self.index(row, 0), self.index(row, self.columnCount() - 1))
        else:
            self.beginInsertRows(QModelIndex(), len(self._found), len(self._found))
            self._found.append(found)
            self.endInsertRows()

    def paint_with(self, colours: Colours) -> None:
        self._colours = colours
        if self._found:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._found) - 1, self.columnCount() - 1))

    @property
    def found(self) -> tuple[WeightsFound, ...]:
        return tuple(self._found)

    def row_of(self, name: str) -> int:
        """The row of a backbone; -1 if there is none."""
        return next((row for row, found in enumerate(self._found) if found.backbone == name), -1)

    def state(self, found: WeightsFound) -> str:
        """In a few words, whether the weights are here and to be trusted."""
        return {
            "checked": self.tr("here, checked"),
            "unchecked": self.tr("here, not checked yet"),
            "wrong": self.tr("here, but not the right file"),
            "missing": self.tr("not on this computer"),
        }[found.state]

    def rowCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's signature
        return 0 if under.isValid() else len(self._found)

    def columnCount(self, under: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if under.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or role != Role.DisplayRole:
            return None
        return (self.tr("Network"), self.tr("Weights"), self.tr("Size"), self.tr("Licence"))[section]

    def data(self, at: Index, role: int = Role.DisplayRole) -> Any:
        if not at.isValid():
            return None
        found, column = self._found[at.row()], at.column()
        match role:
            case Role.DisplayRole:
                texts = (backbone(found.backbone).title, self.state(found), figures.size(found.size), found.licence)
                return texts[column]
            case Role.DecorationRole if column == self.STATE:
                return self._icon(found)
            case Role.TextAlignmentRole if column == self.SIZE:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _icon(self, found: WeightsFound) -> QIcon:
        colours = {"checked": self._colours.ok, "wrong": self._colours.warning}
        return icons.icon(ICONS[found.state], colours.get(found.state, self._colours.muted))

"""Light and dark: our own palettes on Fusion, a style sheet that rounds it off, and colours by meaning.

Fusion's own colours do not reach WCAG AA, and its scheme cannot be switched on plain X11; hence palettes of our own.
"""

from dataclasses import dataclass, fields
from functools import cache
from typing import Literal

from PySide6.QtCore import QFile, QIODevice, QObject, Qt, Slot
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from tlstudio.ui import rc_resources as _rc_resources  # noqa: F401  # registers the icons and the style sheet

Scheme = Literal["system", "light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("system", "light", "dark")

# One rhythm for the whole window, in pixels: distances are multiples of SPACE.
SPACE = 8
RADIUS = 6


@dataclass(frozen=True)
class Colours:
    """Colours by what they mean. Those for text and marks reach 4.5:1 on window and surface alike.

    accent: the next step and what is chosen. on_accent: text upon it. surface: cards and lists. hover: under the
    mouse. chosen: ground of what is selected. line: hairlines. edge: borders of controls, 3:1. curve1, curve2:
    training and validation, apart also in lightness.
    """

    accent: QColor
    on_accent: QColor
    ok: QColor
    warning: QColor
    error: QColor
    muted: QColor
    surface: QColor
    hover: QColor
    chosen: QColor
    line: QColor
    edge: QColor
    curve1: QColor
    curve2: QColor


_LIGHT = Colours(
    accent=QColor("#1a5fb4"),
    on_accent=QColor("#ffffff"),
    ok=QColor("#1a7a35"),
    warning=QColor("#8a5a00"),
    error=QColor("#b3261e"),
    muted=QColor("#57606a"),
    surface=QColor("#ffffff"),
    hover=QColor("#e9edf2"),
    chosen=QColor("#dbe8f9"),
    line=QColor("#dde1e6"),
    edge=QColor("#858d97"),
    curve1=QColor("#1a5fb4"),
    curve2=QColor("#b4481a"),
)
_DARK = Colours(
    accent=QColor("#8ab4f8"),
    on_accent=QColor("#10233f"),
    ok=QColor("#81c995"),
    warning=QColor("#fdd663"),
    error=QColor("#f28b82"),
    muted=QColor("#9aa0a6"),
    surface=QColor("#17181a"),
    hover=QColor("#303134"),
    chosen=QColor("#2a3f5f"),
    line=QColor("#3c4043"),
    edge=QColor("#80868b"),
    curve1=QColor("#8ab4f8"),
    curve2=QColor("#fcad70"),
)
# Classes beside each other, in this order, then again from the start; text on one is white, in the dark scheme black.
_CLASSES_LIGHT = (
    *("#1a5fb4", "#b4481a", "#1a7a35", "#8e3fa0", "#a3223a"),
    *("#0b7285", "#7a5c00", "#b8206f", "#4b5563", "#5b3fd1"),
)
_CLASSES_DARK = (
    *("#8ab4f8", "#fcad70", "#81c995", "#d7aefb", "#f28b82"),
    *("#78d9ec", "#fdd663", "#ff8bcb", "#bdc1c6", "#b3a6ff"),
)
# Runs over each other in one plot: 3:1 on the surface, and apart also for those who see no red, no green or no blue.
_RUNS_LIGHT = ("#0057b0", "#d95f02", "#1b9e9a", "#a0206a", "#1b1f24")
_RUNS_DARK = ("#5c9dff", "#e07b28", "#46d9b4", "#fff08a", "#d977c8")
RUN_COLOURS = len(_RUNS_LIGHT)
_ROLE = QPalette.ColorRole
_LIGHT_ROLES = {
    _ROLE.Window: "#f6f7f9",
    _ROLE.WindowText: "#1b1f24",
    _ROLE.Base: "#ffffff",
    _ROLE.AlternateBase: "#f3f5f7",
    _ROLE.Text: "#1b1f24",
    _ROLE.PlaceholderText: "#5f6872",
    _ROLE.Button: "#ffffff",
    _ROLE.ButtonText: "#1b1f24",
    _ROLE.BrightText: "#b3261e",
    _ROLE.ToolTipBase: "#2b3036",
    _ROLE.ToolTipText: "#ffffff",
    _ROLE.Highlight: "#1a5fb4",
    _ROLE.HighlightedText: "#ffffff",
    _ROLE.Link: "#1a5fb4",
    _ROLE.LinkVisited: "#6a3fa0",
    _ROLE.Accent: "#1a5fb4",
    _ROLE.Light: "#ffffff",
    _ROLE.Midlight: "#eceff2",
    _ROLE.Mid: "#c4c9d0",
    _ROLE.Dark: "#8b939d",
    _ROLE.Shadow: "#6b7280",
}
_DARK_ROLES = {
    _ROLE.Window: "#202124",
    _ROLE.WindowText: "#e8eaed",
    _ROLE.Base: "#17181a",
    _ROLE.AlternateBase: "#26282b",
    _ROLE.Text: "#e8eaed",
    _ROLE.PlaceholderText: "#9aa0a6",
    _ROLE.Button: "#303134",
    _ROLE.ButtonText: "#e8eaed",
    _ROLE.BrightText: "#f28b82",
    _ROLE.ToolTipBase: "#3c4043",
    _ROLE.ToolTipText: "#e8eaed",
    _ROLE.Highlight: "#1a5fb4",
    _ROLE.HighlightedText: "#ffffff",
    _ROLE.Link: "#8ab4f8",
    _ROLE.LinkVisited: "#c58af9",
    _ROLE.Accent: "#8ab4f8",
    _ROLE.Light: "#4a4c50",
    _ROLE.Midlight: "#3c4043",
    _ROLE.Mid: "#5f6368",
    _ROLE.Dark: "#17181a",
    _ROLE.Shadow: "#0d0e0f",
}
_DISABLED_TEXT = (_ROLE.WindowText, _ROLE.Text, _ROLE.ButtonText)


def is_dark(palette: QPalette) -> bool:
    return palette.color(_ROLE.Window).lightness() < 128


def colours(palette: QPalette) -> Colours:
    """The colours by meaning that go with a widget's palette; ask again after a `PaletteChange`."""
    return _DARK if is_dark(palette) else _LIGHT


def class_colour(number: int, palette: QPalette) -> QColor:
    """The colour of the class in this place of the list, from 0."""
    found = _CLASSES_DARK if is_dark(palette) else _CLASSES_LIGHT
    return QColor(found[number % len(found)])


def run_colour(number: int, palette: QPalette) -> QColor:
    """The colour of a run's curve beside those of others, from 0; there are `RUN_COLOURS`."""
    return QColor((_RUNS_DARK if is_dark(palette) else _RUNS_LIGHT)[number])


@cache
def palette(dark: bool) -> QPalette:
    """Our palette for a scheme."""
    made = QPalette()
    for role, colour in (_DARK_ROLES if dark else _LIGHT_ROLES).items():
        made.setColor(role, QColor(colour))
    for role in _DISABLED_TEXT:
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor("#80868b" if dark else "#7a828c"))
    made.setColor(QPalette.ColorGroup.Disabled, _ROLE.Highlight, QColor("#4a4c50" if dark else "#c4c9d0"))
    return made


def style_sheet(dark: bool) -> str:
    """The style sheet from the resources with this scheme's colours in it."""
    file = QFile(":/theme.qss")
    file.open(QIODevice.OpenModeFlag.ReadOnly)
    text = bytes(file.readAll().data()).decode()
    chosen, roles = (_DARK, _DARK_ROLES) if dark else (_LIGHT, _LIGHT_ROLES)
    values = {field.name: getattr(chosen, field.name).name() for field in fields(Colours)}
    values |= {role.name: colour for role, colour in roles.items()}
    values |= {"scheme": "dark" if dark else "light", "disabled": "#80868b" if dark else "#7a828c"}
    # Longest names first, so that @on_accent is not taken for @on followed by text.
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"@{name}", values[name])
    return text


class Theme(QObject):
    """Keeps the application in the scheme a person chose, or in the system's, live."""

    def __init__(self, application: QApplication, scheme: Scheme = "system") -> None:
        super().__init__(application)
        self._application = application
        self._scheme: Scheme = scheme
        application.setStyle(QStyleFactory.create("Fusion"))
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)
        self._apply()

    @property
    def scheme(self) -> Scheme:
        return self._scheme

    def choose(self, scheme: Scheme) -> None:
        """Take the light or dark scheme from now on, or follow the system."""
        self._scheme = scheme
        self._apply()

    @Slot()
    def _follow_system(self) -> None:
        if self._scheme == "system":
            self._apply()

    def _apply(self) -> None:
        system = QGuiApplication.styleHints().colorScheme()
        dark = self._scheme == "dark" or (self._scheme == "system" and system == Qt.ColorScheme.Dark)
        self._application.setPalette(palette(dark))
        self._application.setStyleSheet(style_sheet(dark))

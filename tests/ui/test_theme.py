"""Light and dark: readable, and switched without a trace of the other."""

from dataclasses import fields

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from tests.ui.uichecks import contrast, ratio
from tests.ui.world import settle
from tlstudio.ui import theme
from tlstudio.ui.rail import Step

READABLE = ("accent", "ok", "warning", "error", "muted", "curve1", "curve2")
SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@SCHEMES
def test_palettes_reach_wcag_aa(dark):
    assert contrast(theme.palette(dark)) == []


@SCHEMES
def test_colours_by_meaning_can_be_read(dark):
    palette = theme.palette(dark)
    found = theme.colours(palette)
    grounds = (found.surface, palette.color(QPalette.ColorRole.Window))
    for name in READABLE:
        for ground in grounds:
            assert ratio(getattr(found, name), ground) >= 4.5, name
    assert ratio(found.on_accent, found.accent) >= 4.5
    assert ratio(palette.color(QPalette.ColorRole.Text), found.chosen) >= 4.5
    assert ratio(palette.color(QPalette.ColorRole.Text), found.hover) >= 4.5
    assert min(ratio(found.edge, ground) for ground in grounds) >= 3


@SCHEMES
def test_style_sheet_has_every_colour_filled_in(qapp, dark):
    assert "@" not in theme.style_sheet(dark)


def test_every_colour_differs_between_the_schemes():
    light, dark = (theme.colours(theme.palette(scheme)) for scheme in (False, True))
    assert all(getattr(light, field.name) != getattr(dark, field.name) for field in fields(theme.Colours))


def test_switching_the_theme_leaves_no_pixel_of_the_other(full_window, look):
    light, dark = (theme.palette(scheme).color(QPalette.ColorRole.Window) for scheme in (False, True))
    for step in Step:
        full_window.show_step(step)
        for scheme, mine, other in (("dark", dark, light), ("light", light, dark)):
            full_window.menus.schemes[scheme].trigger()
            settle(full_window)
            assert other.rgb() not in _colours(full_window), f"{step.name} {scheme}"
            assert mine.rgb() in _colours(full_window)
    assert full_window.preferences.theme == "light"


def _colours(window) -> set[int]:
    for _ in range(3):
        QApplication.processEvents()
    image = window.grab().toImage()
    places = ((x, y) for y in range(0, image.height(), 7) for x in range(0, image.width(), 7))
    return {QColor(image.pixel(x, y)).rgb() for x, y in places}

"""What a screen reader is told of a running TL Studio: `/usr/bin/python3 packaging/screen_reader.py` prints it as JSON.

Runs in the system's Python, which has the library for it (Debian: python3-pyatspi at-spi2-core).
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import gi  # type: ignore[import-not-found, unused-ignore]

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

APPLICATION = "tlstudio"
DEPTH = 20
# A list of a thousand pictures says no more than its beginning.
CHILDREN = 30


def read(node: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Role, name and place on the screen of what is shown, from the outside in."""
    states = node.get_state_set()
    if depth > 1 and not states.contains(Atspi.StateType.SHOWING):
        return
    place = node.get_extents(Atspi.CoordType.SCREEN) if depth else None
    box = [place.x, place.y, place.width, place.height] if place else []
    yield {"role": node.get_role_name(), "name": node.get_name(), "place": box}
    if depth < DEPTH:
        for index in range(min(node.get_child_count(), CHILDREN)):
            child = node.get_child_at_index(index)
            if child is not None:
                yield from read(child, depth + 1)


def main() -> int:
    Atspi.init()
    desktop = Atspi.get_desktop(0)
    found: list[dict[str, Any]] = []
    for index in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(index)
        try:
            if application is not None and application.get_name() == APPLICATION:
                found += read(application)
        except GLib.Error:
            continue  # the window changed while it was read; who asks, asks again
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Pretrained weights: where they are, and bringing in what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlstudio.core import events
from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.core.events import Event


def weights_list() -> Iterator[Event]:
    """Where each backbone's pretrained weights are."""
    from tlstudio.engine import weights

    yield from (_found(spec, weights.find(spec)) for spec in BACKBONES.values())


def weights_import(path: Path) -> Iterator[Event]:
    """Copy a weights file into the program's folder, if its digest is a known one.

    Raises:
        RefusedWeights: it is not.
    """
    from tlstudio.engine import weights

    yield _found(*weights.adopt(path))


def weights_fetch(name: str) -> Iterator[Event]:
    """Download a backbone's weights from the address in the table, because somebody asked.

    Raises:
        TLStudioError: there is no address, no network, or something else came.
    """
    from tlstudio.engine import weights

    spec = backbone(name)
    yield _found(spec, (yield from weights.fetch(spec)))


def _found(spec: Backbone, path: Path | None) -> Event:
    known = spec.weights
    place = str(path) if path else None
    return events.WeightsFound(spec.name, known.filename, place, known.size, known.sha256, known.licence)

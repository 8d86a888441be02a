"""Pretrained weights: where they are, and bringing in what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tlstudio.core import events
from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.core.events import Event


def find_networks() -> None:
    """Make the networks of timm's that were brought in known by their names, as those of the table are."""
    from tlstudio.engine import timm_networks

    BACKBONES.update((spec.name, spec) for spec in timm_networks.kept())


def weights_list() -> Iterator[Event]:
    """Where each backbone's pretrained weights are."""
    from tlstudio.engine import weights

    find_networks()
    yield from (_found(spec, weights.find(spec)) for spec in BACKBONES.values())


def weights_import(path: Path, timm_name: str = "") -> Iterator[Event]:
    """Copy a weights file into the program's folder, if its digest is a known one.

    timm_name: take it as the weights of this network of timm's instead, if they fit it.

    Raises:
        RefusedWeights: it is not, or they do not.
    """
    from tlstudio.engine import timm_networks, weights

    if timm_name:
        spec, place = timm_networks.adopt(path, timm_name)
        BACKBONES[spec.name] = spec
        yield _found(spec, place)
    else:
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

"""Pretrained weights: where they are, bringing in what is missing, and carrying them to another machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.core.backbones import BACKBONES, backbone
from tlstudio.core.events import Event


def find_networks() -> None:
    """Make the networks of timm's that were brought in known by their names, as those of the table are."""
    from tlstudio.engine import timm_networks

    BACKBONES.update((spec.name, spec) for spec in timm_networks.kept())


def weights_list(check: bool = False) -> Iterator[Event]:
    """What is here of each backbone's weights, one `WeightsFound` each.

    check: read and hash the files that were not hashed before or have changed since; else those count as unchecked.
    """
    from tlstudio.engine import weights

    find_networks()
    for spec in list(BACKBONES.values()):
        yield (yield from weights.look(spec, check))


def weights_import(path: Path, timm_name: str = "") -> Iterator[Event]:
    """Copy a weights file, or what a pack of weights holds, into the program's folder, if its digest is a known one.

    timm_name: take it as the weights of this network of timm's instead, if they fit it.

    Raises:
        RefusedWeights: it is not, or they do not.
    """
    from tlstudio.engine import digests, timm_networks, weights, weights_pack

    if timm_name:
        spec, place = timm_networks.adopt(path, timm_name)
        BACKBONES[spec.name] = spec
        digests.remember(place, spec.weights.sha256)
        yield (yield from weights.look(spec, check=True))
    elif weights_pack.is_pack(path):
        yield from weights_pack.unpack(path)
    else:
        yield (yield from weights.adopt(path))


def weights_fetch(name: str) -> Iterator[Event]:
    """Download a backbone's weights from the address in the table, because somebody asked.

    Raises:
        TLStudioError: there is no address, no network, or something else came.
    """
    from tlstudio.engine import weights

    yield (yield from weights.fetch(backbone(name)))


def weights_pack(out: Path, names: Sequence[str] = (), fetch: bool = False) -> Iterator[Event]:
    """Write a zip file of weights to carry to a machine without internet; ends with `WeightsPacked`.

    names: of backbones; none: all that can be had. fetch: download those that are not here.

    Raises:
        MissingWeights, RefusedWeights, TLStudioError: one of them cannot be had, is not what its name says, or the
            pack cannot be written.
    """
    from tlstudio.engine import weights_pack

    yield from weights_pack.pack(out, names, fetch)

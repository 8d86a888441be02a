"""What computes: load it ahead of time, ask what it can compute on."""

from __future__ import annotations

from collections.abc import Iterator

from tlstudio.core import events
from tlstudio.core.events import Event


def load_engine(device: str = "auto", threads: int = 0, training: bool = True) -> Iterator[Event]:
    """Load torch and what stands on it, so that the first training does not wait for it; ends with `EngineReady`.

    training: also what only training needs; without it a model answers sooner.

    Raises:
        DeviceError: the device is not on this machine.
    """
    from tlstudio.engine import preload

    yield from preload.load(training)
    from tlstudio.engine import device as devices

    yield events.EngineReady(str(devices.choose(device)), devices.use_threads(threads))


def devices() -> Iterator[Event]:
    """What one can train on here."""
    from tlstudio.engine import device

    yield events.DevicesFound(device.available())

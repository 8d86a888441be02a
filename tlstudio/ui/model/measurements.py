"""What was measured on a project's own pictures, kept with the project for as long as the pictures stay the same."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tlstudio import tasks
from tlstudio.core.advice import Advised, BackboneProbed, Probed, Tried
from tlstudio.core.events import Event
from tlstudio.core.project import Project, write_atomically
from tlstudio.core.recipe import Domain
from tlstudio.ui.job import Stop

_FILE = "advice.json"
_Event = TypeVar("_Event", bound=Event)


@dataclass(frozen=True)
class Measurement(Event):
    """Advice measured with a backbone, with what it rests on."""

    backbone: str
    domain: Domain
    probed: tuple[Probed, ...]
    tried: tuple[Tried, ...]
    advised: Advised
    kind: ClassVar[str] = "measurement"


@dataclass(frozen=True)
class Remembered(Event):
    """Everything measured on the pictures as they are now. project: its folder."""

    project: Path
    measurements: tuple[Measurement, ...] = ()
    backbones: tuple[BackboneProbed, ...] = ()
    kind: ClassVar[str] = "remembered"


def recall(project: Project) -> Iterator[Event]:
    """What was measured on just these pictures, as one `Remembered`; without anything where nothing was."""
    kept = _read(project)
    try:
        measurements = tuple(_measurement(data) for data in kept.get("measurements", []))
        backbones = tuple(_event(BackboneProbed, data) for data in kept.get("backbones", []))
    except (KeyError, TypeError, ValueError):  # of another version of this program
        measurements, backbones = (), ()
    yield Remembered(project.folder, measurements, backbones)


def measure(project: Project, backbone: str, domain: Domain, stop: Stop) -> Iterator[Event]:
    """Take the advice of a measurement; ends with a `Measurement`, which is remembered. As `tasks.advise` otherwise."""
    yield from tasks.load_engine()
    probed: list[Probed] = []
    tried: list[Tried] = []
    for event in tasks.advise(project, backbone, domain, stop=stop):
        yield event
        if isinstance(event, Probed):
            probed.append(event)
        elif isinstance(event, Tried):
            tried.append(event)
        elif isinstance(event, Advised):
            found = Measurement(backbone, domain, tuple(probed), tuple(tried), event)
            yield found  # first: it is not lost where it cannot be written
            if event.measured:
                others = [m for m in _read(project).get("measurements", []) if _of(m) != (backbone, domain)]
                _write(project, measurements=[*others, found.to_json()])


def compare(project: Project, stop: Stop) -> Iterator[Event]:
    """Compare backbones as `tasks.compare_backbones` does; what is found is remembered."""
    yield from tasks.load_engine()
    found: list[BackboneProbed] = []
    for event in tasks.compare_backbones(project, stop=stop):
        if isinstance(event, BackboneProbed):
            found.append(event)
            yield event
            _write(project, backbones=[probe.to_json() for probe in found])
        else:
            yield event


def _of(data: dict[str, Any]) -> tuple[str, str]:
    return data["backbone"], data["domain"]


def _key(project: Project) -> str:
    """What the pictures are, in which class and part: another one is another question."""
    lines = sorted(f"{p.digest} {p.split} {p.label}" for p in project.catalogue.readable())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _read(project: Project) -> dict[str, Any]:
    try:
        kept = json.loads((project.folder / _FILE).read_text("utf-8"))
        return dict(kept) if kept["pictures"] == _key(project) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # nothing was measured, or the file is damaged: measuring again mends it


def _write(project: Project, **what: list[dict[str, Any]]) -> None:
    if project.is_read_only:
        return
    kept = {**_read(project), "pictures": _key(project), **what}
    write_atomically(project.folder / _FILE, json.dumps(kept).encode())


def _measurement(data: dict[str, Any]) -> Measurement:
    probed = tuple(_event(Probed, each) for each in data["probed"])
    tried = tuple(_event(Tried, each) for each in data["tried"])
    return Measurement(data["backbone"], data["domain"], probed, tried, _event(Advised, data["advised"]))


def _event(kind: type[_Event], data: dict[str, Any]) -> _Event:
    """An event from its JSON; lists were tuples."""
    values = {each.name: data[each.name] for each in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})

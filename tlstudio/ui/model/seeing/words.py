"""What a stage sees, in words."""

from PySide6.QtCore import QCoreApplication

from tlstudio.core.backbones import backbone
from tlstudio.core.responses import StageSeen

ONE_BODY = 3  # stages of a network that is seen as body, pool and head


def heading_of(network: str, stage: str) -> str:
    """A stage's name, what it has learned and how far that serves. network: the backbone's name."""
    known = backbone(network).stage(stage)
    return f"{known.name}: {known.learns} ({known.transferability})"


def said_of(seen: StageSeen | None, network: str, side: int) -> str:
    """How to read what is shown of a stage. side: of the square the network sees, in pixels."""
    said = _said_of(seen, side)
    if seen is None or len(backbone(network).stages) > ONE_BODY:
        return said
    return f"{said} " + _tr("TL Studio sees this network as one body: only what comes out at its end can be shown.")


def _said_of(seen: StageSeen | None, side: int) -> str:
    if seen is None:
        return _tr("Each stage has many channels: detectors that each look for one thing everywhere in the picture.")
    rows, columns = seen.places
    if seen.maps == "none":
        return _tr("This stage says nothing about single places: it sums up the whole picture.")
    if seen.maps == "tokens":
        return _tr(
            "This stage looks at {0} × {1} patches and lets each learn from all others. Bright is where a patch has "
            "become most unlike the average one; its many channels mean nothing one by one."
        ).format(rows, columns)
    return _tr(
        "This stage looks at {0} × {1} places of the picture with {2} channels, each a detector for one thing. "
        "The tiles are the parts that excite the channels responding most here; choose one to see where it responds: "
        "the brighter, the more. One place looks mainly at {3} of {4} pixels across: the white frame."
    ).format(rows, columns, seen.channels, seen.field, side)


def _tr(text: str) -> str:
    return QCoreApplication.translate("seeing", text)

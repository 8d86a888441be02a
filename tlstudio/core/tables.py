"""Answers as a table for spreadsheet programs."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from tlstudio.core.events import Predicted
from tlstudio.core.project import write_atomically

COLUMNS = ("path", "label", "probability", "unknown", "error")


def write_csv(path: Path, predictions: Iterable[Predicted]) -> None:
    """Write one row a picture, whole or not at all; numbers with a point, whatever the language.

    Raises:
        ProjectError: it cannot be written there.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for p in predictions:
        probability = "" if p.probability is None else f"{p.probability:.6f}"
        rows.writerow(
            [_cell(p.path), _cell(p.label or ""), probability, "yes" if p.unknown else "", _cell(p.error or "")]
        )
    # The mark at the beginning tells Excel that it is UTF-8.
    write_atomically(path, text.getvalue().encode("utf-8-sig", "backslashreplace"))


def _cell(text: str) -> str:
    """A spreadsheet takes what begins like this for a formula; a leading apostrophe makes it text."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

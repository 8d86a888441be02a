r"""Answers as tables: CSV that no spreadsheet program takes for formulas and that is read back exactly, and JSON.

In the CSV every field is in quotation marks, and an apostrophe stands before each `=`, `+`, `-` or `@` with which a
cell begins, or with which one would begin if the table were split at semicolons, tabs or bars: a program set to another
language does that, and then minds quotation marks only where a line begins. What is no character (a zero byte, a lone
surrogate in a file name that is not text) is written as `\u` and four hexadecimal digits, and so is a backslash that
would look like that. `read_csv` undoes all of it. Elsewhere this takes the apostrophes away, in Python:

    re.sub(r"(^|[;,|]|[^\S ])([ \"']*)'(?=[=+\-@＝＋－＠])", r"\1\2", cell)
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from tlstudio.core.events import Event, Predicted
from tlstudio.core.project import replacing

# Where a cell begins, or would if it were split; blanks and quotation marks there do not make text of a formula.
_BEGINNING = "(^|[;,|]|[^\\S ])([ \"']*)"
# A program that reads Japanese takes the wide signs too.
_SIGN = "(?=[=+\\-@＝＋－＠])"
_UNGUARDED, _GUARDED = re.compile(_BEGINNING + _SIGN), re.compile(f"{_BEGINNING}'{_SIGN}")
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]|\\\\(?=u(?:0000|005c|d[89a-f][0-9a-f]{2}))")
_ESCAPED = re.compile("\\\\u(0000|005c|d[89a-f][0-9a-f]{2})")
_LONGEST_CELL = 2**31 - 1


def save_answers(path: Path, answers: Sequence[Predicted]) -> None:
    """Write a table, whole or not at all: CSV, JSON (one list) or, named .jsonl, one JSON object a line.

    Raises:
        ProjectError: it cannot be written there.
    """
    for _ in saved(path, answers, max((len(answer.top) for answer in answers), default=0)):
        pass


def saved(path: Path, task: Iterable[Event], ranks: int = 0) -> Iterator[Event]:
    """A task's events as they come, while the answers among them are written as `save_answers` does.

    The table is there when the task has ended; if it is not asked to its end, there is none. ranks: for how many
    ranked classes a row of a CSV has room; 0: as many as the first answer ranks, as do all answers to one question.

    Raises:
        ProjectError: it cannot be written there.
    """
    write, encoding = _FORMATS.get(path.suffix.lower(), _FORMATS[".csv"])
    with replacing(path) as temporary, temporary.open("w", encoding=encoding, newline="") as file:
        yield from write(file, task, ranks)


def _write_csv(file: IO[str], task: Iterable[Event], ranks: int) -> Iterator[Event]:
    rows = csv.writer(file, quoting=csv.QUOTE_ALL)
    # How many columns there are is known from the first picture that could be read; those before it wait.
    waiting = list[Predicted]()
    header = False
    for event in task:
        if isinstance(event, Predicted):
            waiting.append(event)
            ranks = ranks or len(event.top)
        if ranks and not header:
            rows.writerow(_columns(ranks))
            header = True
        if header:
            rows.writerows(_row(answer, ranks) for answer in waiting)
            waiting.clear()
        yield event
    if not header:
        rows.writerows((_columns(0), *(_row(answer, 0) for answer in waiting)))


def _columns(ranks: int) -> list[str]:
    ranked = (f"{name}_{rank}" for rank in range(1, ranks + 1) for name in ("label", "probability"))
    return ["path", "label", "probability", "unknown", "distance", *ranked, "error"]


def _row(answer: Predicted, ranks: int) -> list[str]:
    ranked = [cell for label, probability in answer.top for cell in (_cell(label), repr(probability))]
    return [
        _cell(answer.path),
        _cell(answer.label or ""),
        _number(answer.probability),
        "yes" if answer.unknown else "",
        _number(answer.distance),
        *ranked[: 2 * ranks],
        *[""] * (2 * ranks - len(ranked)),
        _cell(answer.error or ""),
    ]


def _number(value: float | None) -> str:
    """As few digits as say exactly which number it is, with a point, whatever the language."""
    return "" if value is None else repr(value)


def _cell(text: str) -> str:
    escaped = _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return _UNGUARDED.sub(r"\1\2'", escaped)


def _text(cell: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), _GUARDED.sub(r"\1\2", cell))


def read_csv(path: Path) -> list[Predicted]:
    """The answers in a table that `save_answers` wrote, exactly as they were.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such table.
    """
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [_answer(row) for row in csv.DictReader(file, strict=True)]
    except (csv.Error, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a table of answers") from error
    finally:
        csv.field_size_limit(before)


def _answer(row: dict[str, str]) -> Predicted:
    ok = row["probability"] != ""
    top = list[tuple[str, float]]()
    while row.get(f"probability_{len(top) + 1}"):
        rank = len(top) + 1
        top.append((_text(row[f"label_{rank}"]), float(row[f"probability_{rank}"])))
    return Predicted(
        path=_text(row["path"]),
        ok=ok,
        label=_text(row["label"]) if ok else None,
        probability=float(row["probability"]) if ok else None,
        top=tuple(top),
        unknown=row["unknown"] == "yes",
        error=_text(row["error"]) or None,
        distance=float(row["distance"]) if row["distance"] else None,
    )


def _write_list(file: IO[str], task: Iterable[Event], _ranks: int) -> Iterator[Event]:
    before = "[\n"
    for event in task:
        if isinstance(event, Predicted):
            file.write(before + json.dumps(event.to_json()))
            before = ",\n"
        yield event
    file.write("\n]\n" if before == ",\n" else "[]\n")


def _write_lines(file: IO[str], task: Iterable[Event], _ranks: int) -> Iterator[Event]:
    for event in task:
        if isinstance(event, Predicted):
            file.write(json.dumps(event.to_json()) + "\n")
        yield event


# The mark at the beginning tells Excel that a table is UTF-8.
_FORMATS = {".csv": (_write_csv, "utf-8-sig"), ".json": (_write_list, "ascii"), ".jsonl": (_write_lines, "ascii")}

"""Read a list of pictures as people and spreadsheets write it: CSV of `path,label[,split]`."""

import csv
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import UnusableImages
from tlstudio.core.files import open_file

# How people call the parts of a set, as folders and in lists.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
COLUMNS = ("path", "label", "split")
# Far more than a list of pictures has; a file without end would fill the memory.
MAX_BYTES, MAX_LINES = 64 << 20, 500_000
_TOO_LONG = "Make several lists of it, and give them all."
DELIMITERS = (",", ";", "\t")
_EXPECTED = "Its first line should be path,label or path,label,split, and each further line one picture."


@dataclass(frozen=True)
class _Row:
    """A line of the list. number: of the line in the file, from 1."""

    number: int
    path: str
    label: str
    split: str


def read(path: Path, exact: bool = False) -> tuple[list[Picture], list[str]]:
    """The pictures a list names, each once, with the labels and splits it gives, and remarks on the list as a whole.

    Paths are absolute or start from the list's folder; backslashes do as slashes. The columns are found by their names
    in the first line, or are path, label and split in this order where it names none. Commas, semicolons or tabs stand
    between them. A line that cannot be used becomes a refused picture whose reason names the line; the files
    themselves stay closed. exact: the program wrote it, so a space at the end of a label is part of it.

    Raises:
        UnusableImages: it is no such list, or no line of it names a file that is there.
    """
    try:
        rows = list(islice(_rows(_text(path), exact), MAX_LINES + 1))
    except OSError as error:
        raise UnusableImages(f"cannot be read ({error.strerror})", path=path) from error
    except csv.Error as error:
        raise UnusableImages(f"cannot be read as a table ({error})", path=path, remedy=_EXPECTED) from error
    if not rows:
        raise UnusableImages("is not a list of pictures", path=path, remedy=_EXPECTED)
    if len(rows) > MAX_LINES:
        raise UnusableImages(f"is a list of more than {MAX_LINES:,} pictures", path=path, remedy=_TOO_LONG)
    by_file: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        # A line without a path stands under its own number, so that it is counted too.
        by_file[_locate(path.parent, row.path) if row.path else f"{path} line {row.number}"].append(row)
    if not any(_exists(Path(file)) for file in by_file):
        remedy = f"Paths start from the folder the list lies in. {_EXPECTED}"
        raise UnusableImages("names no file that is there", path=path, remedy=remedy)
    pictures = [_picture(file, same, path.name) for file, same in by_file.items()]
    good = [same for picture, same in zip(pictures, by_file.values(), strict=True) if not picture.refused]
    again = [row.number for same in good for row in same[1:]]
    return pictures, [_said_again(path.name, again)] if again else []


def _text(path: Path) -> str:
    """UTF-8 or UTF-16 as they mark themselves, else what Windows wrote before there was Unicode."""
    with open_file(path) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnusableImages(f"is a list of more than {MAX_BYTES >> 20} MiB", path=path, remedy=_TOO_LONG)
    marked = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    for encoding in (marked, "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnusableImages("is not text", path=path, remedy="Save the list as CSV with UTF-8.")


def _rows(text: str, exact: bool) -> Iterator[_Row]:
    first = next((line for line in StringIO(text) if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: _fitness(first, mark))
    columns: Sequence[str] = ()
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=not exact)
    for cells in reader:
        values = cells if exact else [cell.strip() for cell in cells]
        if not any(values):
            continue
        names = [value.lower() for value in values]
        if not columns and _is_heading(names):
            columns = names
            continue
        columns = columns or COLUMNS
        row = dict(zip(columns, values, strict=False))
        yield _Row(reader.line_num, row.get("path", ""), row.get("label", ""), row.get("split", "").lower())


def _is_heading(names: Sequence[str]) -> bool:
    return {"path", "label"} <= set(names)


def _fitness(line: str, delimiter: str) -> tuple[bool, int]:
    """How well a delimiter explains the first line: does it give the column names, and how many cells?"""
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    return _is_heading([cell.strip().lower() for cell in cells]), len(cells)


def _locate(folder: Path, given: str) -> str:
    path = (folder / given).absolute()
    if "\\" in given and not _exists(path):
        path = (folder / given.replace("\\", "/")).absolute()
    if ".." in path.parts and _exists(path):  # one file, however its line leads to it
        path = path.parent.resolve() / path.name
    return str(path)


def _exists(path: Path) -> bool:
    return _facts(path) is not None


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):  # not there, a name that is too long, or none at all
        return None


def _picture(file: str, rows: Sequence[_Row], list_name: str) -> Picture:
    """What all the lines on one file come to; refused where one of them is wrong or they contradict each other."""
    splits = [row.split for row in rows if row.split]
    split = SPLIT_NAMES.get(splits[0], "") if splits else ""
    facts = _facts(Path(file))
    fault = next(_faults(file, rows, facts), None)
    refused = f"{list_name} line {fault[0]}: {fault[1]}" if fault else ""
    size, mtime_ns = (facts.st_size, facts.st_mtime_ns) if facts else (0, 0)
    return Picture(file, rows[0].label, split, size, mtime_ns, refused=refused)


def _faults(file: str, rows: Sequence[_Row], facts: os.stat_result | None) -> Iterator[tuple[int, str]]:
    """What is wrong with the lines on one file: the line's number, and a sentence with the remedy."""
    labels, splits = dict[str, int](), dict[str, int]()
    for row in rows:
        if not row.path:
            yield row.number, "it names no file. Add the path, or remove the line."
        if not row.label:
            yield row.number, "it gives no label. Add it, or remove the line."
        if row.split and row.split not in SPLIT_NAMES:
            yield row.number, f"the split {row.split!r} is unknown. Write train, val or test, or nothing."
        labels.setdefault(row.label, row.number)
        splits.setdefault(SPLIT_NAMES.get(row.split, ""), row.number)
    splits.pop("", None)
    for what, said in (("called", labels), ("put into", splits)):
        if len(said) > 1:
            (one, before), (other, here) = list(said.items())[:2]
            yield here, f"{what} {other!r} here, {one!r} in line {before}. Keep one of the two lines."
    if "\0" in file:
        return  # what is no name at all gets its own reason later
    if facts is None:
        yield rows[0].number, "No such file. Correct the path, or remove the line."
    elif stat.S_ISDIR(facts.st_mode):
        yield rows[0].number, "it names a folder. Name each picture in it on a line of its own."


def _said_again(list_name: str, numbers: Sequence[int]) -> str:
    some = ", ".join(map(str, numbers[:5])) + (" …" if len(numbers) > 5 else "")
    return f"{list_name} names files a second time in line {some}; each file counts once."

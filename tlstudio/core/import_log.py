"""What an import has read so far, on disk, so that a killed one goes on where it was."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from tlstudio.core.catalogue import Picture
from tlstudio.core.errors import ProjectError
from tlstudio.core.files import cannot_write

FILE = "import.jsonl"
_FIELDS = [field.name for field in fields(Picture)]


class ImportLog:
    """The file `import.jsonl` of a project; it is there only while something is read, or was when the program died.

    A line is an object with what an import begins with, or a list with the facts of one picture. A kill can cut the
    last one short; then it does not count.
    """

    def __init__(self, project: Path) -> None:
        self._path = project / FILE

    @contextmanager
    def reading(self, sources: Sequence[dict[str, str]]) -> Iterator[None]:
        """Around an import: what it reads is forgotten when it has ended well, and known to the next one otherwise.

        Raises:
            ProjectError: the disk is full, or the project cannot be written.
        """
        # The empty line ends one that a kill has cut short.
        self._append(["", _beginning(sources)])
        try:
            yield
        except BaseException:
            with suppress(ProjectError):  # then it looks as if it had been killed, which does no harm
                self._append([_beginning([])])
            raise
        with suppress(FileNotFoundError):
            self._path.unlink()

    def keep(self, pictures: Sequence[Picture]) -> None:
        """Note pictures that were read.

        Raises:
            ProjectError: the disk is full, or the project cannot be written.
        """
        self._append([json.dumps([_plain(getattr(p, name)) for name in _FIELDS]) for p in pictures])

    def pending(self) -> list[dict[str, str]]:
        """From where the import read that was killed; empty where none was."""
        return self._read()[0]

    def pictures(self) -> list[Picture]:
        """What has been read; of a file that was read twice the later facts are the later ones."""
        return self._read()[1]

    def _append(self, lines: Sequence[str]) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _read(self) -> tuple[list[dict[str, str]], list[Picture]]:
        sources, pictures, named = list[dict[str, str]](), list[Picture](), False
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    found = _parsed(line)
                    if isinstance(found, dict):
                        # Another version of the program may have known other facts.
                        sources, named = found.get("sources", []), found.get("fields") == _FIELDS
                    elif isinstance(found, list) and named and len(found) == len(_FIELDS):
                        pictures.append(_picture(found))
        except OSError:
            return [], []
        return sources, pictures


def _beginning(sources: Sequence[dict[str, str]]) -> str:
    return json.dumps({"sources": list(sources), "fields": _FIELDS})


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _picture(values: list[Any]) -> Picture:
    found = dict(zip(_FIELDS, values, strict=True))
    return Picture(**{**found, "fingerprint": bytes.fromhex(found["fingerprint"])})


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None

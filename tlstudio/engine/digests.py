"""SHA-256 of files, with progress, and remembered so that a file that did not change is read once.

What is remembered serves to show. Before weights are loaded, their file is read and hashed again.
"""

import hashlib
import json
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from tlstudio.core.errors import ProjectError
from tlstudio.core.events import Event, Progress
from tlstudio.core.project import write_atomically

CHUNK = 1 << 20


def of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def watched(path: Path) -> Generator[Event, None, str]:
    """SHA-256 of a file, hex, saying how far it is; remembers it.

    Raises:
        OSError: the file cannot be read.
    """
    found, done, total = hashlib.sha256(), 0, path.stat().st_size
    facts = _facts(path)
    yield Progress(f"checking {path.name}", 0, total)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            done += len(chunk)
            yield Progress(f"checking {path.name}", min(done, total), total)
    _remember(path, facts, found.hexdigest())
    return found.hexdigest()


def remembered(path: Path) -> str:
    """The digest this file had when it was last hashed; empty if it was not, or has changed since.

    Raises:
        OSError: the file is gone.
    """
    match _read().get(str(path)):
        case [*facts, str(digest)] if facts == _facts(path):
            return digest
    return ""


def remember(path: Path, digest: str) -> None:
    """Keep the digest of a file that was hashed while it was written."""
    with suppress(OSError):
        _remember(path, _facts(path), digest)


def _facts(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _place() -> Path:
    return platformdirs.user_cache_path("tlstudio", appauthor=False) / "digests.json"


def _read() -> dict[str, Any]:
    try:
        found = json.loads(_place().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(path: Path, facts: list[int], digest: str) -> None:
    """Note a digest; on a full or read-only disk the next look reads the file again."""
    known = {name: value for name, value in _read().items() if Path(name).exists()}
    known[str(path)] = [*facts, digest]
    with suppress(ProjectError, OSError):
        _place().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_place(), json.dumps(known, indent=1).encode())

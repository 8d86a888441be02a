"""What a person has set for this computer, whatever the project: one small file, for the window and the command line.

Nothing here changes a result, only how much disk the program takes.
"""

import json
from pathlib import Path
from typing import Any

import platformdirs

from tlstudio.core.errors import ProjectError, TLStudioError
from tlstudio.core.project import write_atomically

CACHE_LIMIT = 4_000_000_000


def file() -> Path:
    return platformdirs.user_config_path("tlstudio", appauthor=False) / "settings.json"


def cache_limit() -> int:
    """How large the cache of features may become, in bytes; 4 GB until somebody sets it."""
    value = _read().get("cache_limit")
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else CACHE_LIMIT


def set_cache_limit(limit: int) -> None:
    """Remember how large the cache may become, in bytes.

    Raises:
        TLStudioError: the settings file cannot be written.
    """
    place = file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps({**_read(), "cache_limit": limit}, indent=1).encode())
    except (ProjectError, OSError) as error:
        raise TLStudioError("the setting cannot be kept", path=place, remedy="Make the folder writable.") from error


def _read() -> dict[str, Any]:
    """The settings; none where the file is missing or was damaged by hand, which is no reason not to work."""
    try:
        found = json.loads(file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What the program remembers to be fast: how much of it there is, how much there may be, and emptying it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tlstudio.core import events
from tlstudio.core.events import Event

Cache = Literal["features", "thumbnails"]


def cache_usage() -> Iterator[Event]:
    """What each cache takes, one `CacheFound` each."""
    from tlstudio.engine import store, thumbnails

    found = store.usage()
    yield events.CacheFound("features", found.bytes, found.entries, str(found.folder), found.limit)
    yield events.CacheFound("thumbnails", *thumbnails.usage(), str(thumbnails.folder()), None)


def cache_clear(what: Cache) -> Iterator[Event]:
    """Empty a cache. Nothing is lost: what was in it is computed again when it is needed. Ends with `cache_usage`."""
    from tlstudio.engine import store, thumbnails

    (store if what == "features" else thumbnails).clear()
    yield from cache_usage()


def cache_limit(limit: int) -> Iterator[Event]:
    """Set how large the cache of features may become, in bytes; holds from the next run on. Ends with `cache_usage`.

    Raises:
        TLStudioError: the setting cannot be kept.
    """
    from tlstudio.engine import settings

    settings.set_cache_limit(limit)
    yield from cache_usage()

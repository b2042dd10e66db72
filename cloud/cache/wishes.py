"""What a caller says about the cache, beside its call, and what it is told there.

The words of HTTP's ``cache-control``: a header there, metadata over gRPC.
"""

from collections.abc import Iterable
from typing import Final

from cloud.calls import CacheWish

__all__ = ["CACHE_KEY", "cache_wish"]

CACHE_KEY: Final = "x-leeward-cache"
"""Header, or trailing metadata, that says how the cache served a call: hit, miss or off."""

_ASKED_IN: Final = "cache-control"
_MAX_CHARACTERS: Final = 256


def cache_wish(pairs: Iterable[tuple[str, object]]) -> CacheWish:
    """Return what headers or metadata ask of the cache.

    ``no-store`` keeps a call out of it, ``no-cache`` has it answered anew; other directives are
    about caches that stand elsewhere.
    """
    said = {
        directive.strip().lower()
        for key, value in pairs
        if key.lower() == _ASKED_IN and isinstance(value, str)
        for directive in value[:_MAX_CHARACTERS].split(",")
    }
    if "no-store" in said:
        return "off"
    return "refresh" if "no-cache" in said else "use"

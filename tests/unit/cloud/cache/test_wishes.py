"""What headers and metadata say to the cache."""

import pytest

from cloud.cache.wishes import cache_wish
from cloud.calls import CacheWish


@pytest.mark.parametrize(
    ("pairs", "wish"),
    [
        ([], "use"),
        ([("cache-control", "no-store")], "off"),
        ([("Cache-Control", "No-Cache")], "refresh"),
        ([("cache-control", "max-age=0, no-cache")], "refresh"),
        ([("cache-control", "no-cache,no-store")], "off"),
        ([("cache-control", "no-cache"), ("cache-control", "no-store")], "off"),
        ([("cache-control", "public")], "use"),
        ([("cache-control", b"no-store")], "use"),
        ([("x-cache-control", "no-store")], "use"),
        ([("cache-control", "x" * 10_000 + ",no-store")], "use"),
    ],
)
def test_the_words_of_http_are_understood(pairs: list[tuple[str, object]], wish: CacheWish) -> None:
    assert cache_wish(pairs) == wish

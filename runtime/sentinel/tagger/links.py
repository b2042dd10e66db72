"""Where the links of a text begin and end: a model marks parts of a link, and all of it must go."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

__all__ = ["links_in", "whole_link"]

_LINK: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"'`|]+", re.IGNORECASE)
_AFTER: Final = ".,;:!?)]}*"
"""What ends the sentence around a link, and no link."""


def links_in(text: str) -> list[tuple[int, int]]:
    """Return where each link begins and ends, in text order; they do not overlap."""
    return [
        (found.start(), found.start() + len(found[0].rstrip(_AFTER)))
        for found in _LINK.finditer(text)
    ]


def whole_link(links: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """Return the stretch from ``start`` to ``end``, grown over the link that it reaches into.

    Args:
        links: As ``links_in`` gives them.
        start: Of a part of a link, or of what is none.
        end: Exclusive.
    """
    at = bisect_right(links, end - 1, key=itemgetter(0)) - 1
    if at < 0 or links[at][1] <= start:
        return start, end
    return min(start, links[at][0]), max(end, links[at][1])

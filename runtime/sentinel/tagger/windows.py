"""Cut a row of tokens into windows that overlap, so that a model sees a text of any length.

Each token is judged in one window only: the one in which it stands farthest from an edge, because
a name whose sentence is cut off reads like any word.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Window", "windows"]


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens ``start`` to ``end`` are shown; of them ``first`` to ``last`` are judged."""

    start: int
    end: int
    first: int
    last: int


def windows(tokens: int, *, size: int, overlap: int) -> Iterator[Window]:
    """Yield windows whose judged parts cover ``tokens`` tokens once, in order.

    Args:
        tokens: How many there are.
        size: Of a window, at most.
        overlap: How many tokens neighbours share; even, and less than ``size``.
    """
    start = 0
    while True:
        end = min(start + size, tokens)
        first = start + overlap // 2 if start else 0
        last = end - overlap // 2 if end < tokens else end
        yield Window(start, end, first, last)
        if end == tokens:
            return
        start = end - overlap

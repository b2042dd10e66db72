"""Cut a row of tokens into windows, so that a model sees a text of any length at linear cost.

Windows end where the text itself does, at a line's or a sentence's end, as far as they can; what
stands before is then shown again for context only. Where there is no such place they overlap, and
each token is judged in the window in which it stands farther from an edge, because a name whose
sentence is cut off reads like any word.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Window", "breaks_of", "overlap_of", "windows"]

_STOPS = frozenset(".!?;")


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens ``start`` to ``end`` are shown; of them ``first`` to ``last`` are judged."""

    start: int
    end: int
    first: int
    last: int


def breaks_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return, in order, the tokens before which a text may well be cut.

    Args:
        text: As the tokeniser was given it.
        offsets: Start and end of each token in it.
    """
    found = []
    before = 0
    for at, (start, end) in enumerate(offsets):
        if at and start > before and (text[before - 1] in _STOPS or "\n" in text[before:start]):
            found.append(at)
        before = end
    return found


def overlap_of(size: int, *, most: int) -> int:
    """Return how many tokens windows of ``size`` may share: even, and less than half of them."""
    return min(most, (size - 1) // 4 * 2)


def windows(
    tokens: int, *, size: int, overlap: int, breaks: Sequence[int] = ()
) -> Iterator[Window]:
    """Yield windows whose judged parts cover ``tokens`` tokens once, in order.

    Args:
        tokens: How many there are.
        size: Of a window, at most.
        overlap: How many tokens neighbours share where no break is near; half as many are shown
            again after a break. Even, and less than half of ``size``.
        breaks: Tokens before which a cut is welcome, in order.
    """
    context = overlap // 2
    start = first = 0
    while True:
        end = min(start + size, tokens)
        if end == tokens:
            yield Window(start, end, first, end)
            return
        at = bisect_right(breaks, end) - 1
        if at >= 0 and breaks[at] > start + size // 2:
            end = last = breaks[at]
        else:
            last = end - context
        yield Window(start, end, first, last)
        start, first = last - context, last

"""Names that patterns guess from capitals and lists, beside a model that has read the text.

To patterns "Victoria Sponge" and "Trial Balance for Madison" hold people. A model that knows names
has read the same words in their sentence; a guess of which it marks nothing is let go. A name
behind a title is no guess.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from runtime.sentinel.detector import Detector
from runtime.sentinel.overlap import merge_overlaps
from runtime.sentinel.span import Span

__all__ = ["GUESSER", "READER", "SURE", "has_reader", "without_doubted"]

GUESSER: Final = "person"
"""The detector whose guesses are weighed."""
READER: Final = "tagger"
"""The detector whose word counts, where it looks for people."""
SURE: Final = 0.9
"""From here on a name is no guess: a title stands before it."""


def has_reader(detectors: Sequence[Detector]) -> bool:
    """Whether a model that knows people is among the detectors."""
    return any(one.name == READER and "person" in one.kinds for one in detectors)


def without_doubted(found: Sequence[Span]) -> list[Span]:
    """Return what was found without the guesses that overlap nothing that another detector found.

    Only to be asked where the model has read the text: a model that failed has doubted nothing.
    """
    if not any(_is_guess(span) for span in found):
        return list(found)
    backed = merge_overlaps(span for span in found if span.detector != GUESSER)
    kept = []
    for span in found:
        # The last stretch that begins before the guess ends is the only one that may reach into it.
        at = bisect_right(backed, span.end - 1, key=attrgetter("start")) - 1
        if not _is_guess(span) or (at >= 0 and backed[at].end > span.start):
            kept.append(span)
    return kept


def _is_guess(span: Span) -> bool:
    return span.detector == GUESSER and span.score < SURE

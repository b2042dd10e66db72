"""How many hits records may have, for a promise about the share of hits among questions to come.

Exact, whatever the questions are like, as long as records and questions to come are drawn alike
(exchangeable). A *hit* must be something that only gets more frequent as a threshold moves one way.

For the next ``n`` questions: order all records and questions by the threshold at which each becomes
a hit. Any order is as likely as any other, so how many records come before the question that
breaks the promise follows a hypergeometric law; this is conformal prediction's argument, as in Vovk
et al., *Algorithmic Learning in a Random World*, and Angelopoulos et al., *Conformal Risk Control*
(arXiv 2208.02814). For all questions ever to come it becomes the bound of Clopper and Pearson.
"""

from __future__ import annotations

import math
from typing import Final

from runtime.shares import share_upper

__all__ = ["NEVER", "most_hits"]

_ROUNDING: Final = 1e-9
NEVER: Final = -1
"""There are too few records for the promise, however few of them are hits."""


def most_hits(records: int, *, share: float, confidence: float, coming: int | None = None) -> int:
    """Return how many records may be hits, or ``NEVER``.

    Args:
        records: How many there are.
        share: Of the questions to come, that is promised not to be exceeded.
        confidence: With which it is promised.
        coming: How many questions the promise is about; ``None`` for their expected share.
    """
    allowed, too_many = NEVER, records
    while too_many - allowed > 1:
        middle = (allowed + too_many) // 2
        if _is_kept(records, middle, share, confidence, coming):
            allowed = middle
        else:
            too_many = middle
    return allowed


def _is_kept(records: int, hits: int, share: float, confidence: float, coming: int | None) -> bool:
    if coming is None:
        return share_upper(hits, records, confidence=confidence) <= share
    return _breaks(records, coming, share, hits) <= 1.0 - confidence


def _breaks(records: int, coming: int, share: float, hits: int) -> float:
    """Return the chance that the promise breaks before more than ``hits`` records are hits."""
    breaking = math.floor(share * coming + _ROUNDING) + 1
    if breaking > coming:
        return 0.0
    drawn = hits + breaking
    ways = _log_ways(records + coming, drawn)
    return math.fsum(
        math.exp(_log_ways(records, among) + _log_ways(coming, drawn - among) - ways)
        for among in range(max(0, drawn - coming), hits + 1)
    )


def _log_ways(of: int, drawn: int) -> float:
    """Return the logarithm of the ways to draw so many of so many."""
    return math.lgamma(of + 1) - math.lgamma(drawn + 1) - math.lgamma(of - drawn + 1)

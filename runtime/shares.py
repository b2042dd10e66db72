"""Shares with exact intervals. Pure numbers."""

from __future__ import annotations

import math

__all__ = ["share_interval", "share_lower", "share_upper"]

_STEPS = 60
"""Bisections; each halves the error."""
_TERMS = 500
_EXACT = 1e-15
_TINY = 1e-300


def share_upper(hits: int, count: int, *, confidence: float) -> float:
    """Return the Clopper-Pearson upper bound of a share; 1 for no observation."""
    if hits >= count:
        return 1.0
    low, high = hits / count, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(hits, count, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def share_lower(hits: int, count: int, *, confidence: float) -> float:
    """Return the Clopper-Pearson lower bound of a share; 0 for no observation."""
    return 1 - share_upper(count - hits, count, confidence=confidence)


def share_interval(hits: int, count: int, *, confidence: float) -> tuple[float, float]:
    """Return the two-sided Clopper-Pearson interval of a share."""
    one_sided = (1 + confidence) / 2
    high = share_upper(hits, count, confidence=one_sided)
    low = share_lower(hits, count, confidence=one_sided)
    return (low, high)


def _at_most(hits: int, count: int, share: float) -> float:
    """Return the probability of at most ``hits`` of ``count`` at ``share`` each."""
    if hits >= count or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    return _beta(1 - share, count - hits, hits + 1)


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function.

    Source: continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions,
    evaluated by Lentz's method; mirrored where it converges slowly.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    numerator, denominator = 1.0, _not_zero(1 - (a + b) * x / (a + 1))
    denominator = 1 / denominator
    value = denominator
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            denominator = 1 / _not_zero(1 + term * denominator)
            numerator = _not_zero(1 + term / numerator)
            value *= denominator * numerator
        if abs(denominator * numerator - 1) < _EXACT:
            break
    return min(1.0, front * value / a)


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

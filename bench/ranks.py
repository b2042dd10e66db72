"""Quantiles by rank, for figures of many measured times."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["by_rank"]


def by_rank(values: Iterable[float], share: float) -> float:
    """Return the value that a share of all, 0 to 1, lies below.

    Args:
        values: At least one, in any order.
        share: Which.
    """
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

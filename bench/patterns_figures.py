"""From runs to figures: accuracy with intervals, cost, latency, what left; arm against baseline."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from statistics import median
from typing import Final

import numpy as np

from bench.patterns_run import Ran
from optimizer.search.resampling import mean_interval
from reference.proportion import Proportion

__all__ = ["difference", "figures_of"]

_FEWEST_PAIRS: Final = 20
"""Of fewer, drawing anew tells nothing: two that happen to agree would have an interval of zero."""


def figures_of(ran: Sequence[Ran]) -> dict[str, object]:
    """Return what one arm came to over its tasks; amounts are per task."""
    accuracy = Proportion(sum(one.right for one in ran), sum(one.of for one in ran))
    answered = [one for one in ran if not one.has_abstained]
    return {
        "tasks": len(ran),
        "questions": accuracy.count,
        "accuracy": round(accuracy.share, 4),
        "accuracy_interval": [round(bound, 4) for bound in accuracy.interval],
        "share_answered": round(len(answered) / len(ran), 4),
        "accuracy_answered": round(
            Proportion(sum(o.right for o in answered), sum(o.of for o in answered)).share, 4
        ),
        "share_asked_a_person": round(sum(one.has_asked for one in ran) / len(ran), 4),
        "usd_per_thousand": round(1e3 * fsum(one.cost_usd for one in ran) / len(ran), 6),
        "latency_s_median": round(median(one.latency_s for one in ran), 4),
        "calls": round(fsum(one.calls for one in ran) / len(ran), 2),
        "share_leaving": round(sum(bool(one.sent) for one in ran) / len(ran), 4),
        "bytes_leaving": round(fsum(one.bytes_out for one in ran) / len(ran), 1),
        "sensitive_spans_leaving": sum(one.spans_out for one in ran),
        "failures": sorted({one.failure for one in ran if one.failure}),
    }


def difference(
    one: Sequence[Ran], other: Sequence[Ran], *, chosen_of: int = 1
) -> dict[str, object]:
    """Return by how much ``one`` is more accurate on the same tasks, with a bootstrap interval.

    Args:
        one: What is compared.
        other: With what.
        chosen_of: Of how many ``one`` is the best: the interval then holds for all of them
            together (Bonferroni), so that the choice had no luck.
    """
    pairs = [(a.right / a.of - b.right / b.of) for a, b in zip(one, other, strict=True)]
    found = mean_interval(np.array(pairs), confidence=1 - 0.05 / chosen_of)
    is_told = len(pairs) >= _FEWEST_PAIRS
    bounds = (found.low, found.high) if is_told else (-1.0, 1.0)
    return {
        "difference": round(found.mean, 4),
        "interval": [round(bound, 4) for bound in bounds],
    }

"""Whether a graph keeps its caps, also on questions that nobody has seen yet.

With a confidence, a cap counts as kept when, given the questions seen, the chance that as many
new questions break it is at most ``1 - confidence`` (beta-binomial with Jeffreys' prior for
shares, a normal bound for means, an order statistic for percentiles). Without, the plain mean
decides, as peers do. A cap of 0 is then a matter of the graph, not of statistics.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Row
from optimizer.search.model import Constraint, Measure

__all__ = ["AMOUNTS", "CapRule"]

_SLACK = 1e-9
_PERCENTILE = 0.95
AMOUNTS: Final = {
    Measure.COST_USD: "cost_usd",
    Measure.FLOPS: "flops",
    Measure.LATENCY_P95_S: "latency_s",
    Measure.EGRESS_BYTES: "egress_bytes",
}
"""By measure, the amount of a row that it is about; the cloud share is about none."""


@dataclass(slots=True)
class CapRule:
    """The caps of a search and how sure one wants to be of them.

    Args:
        constraints: What is capped.
        confidence: One-sided, per cap; ``None`` compares plain means.
        new_questions: On how many new questions a cap is to hold.
    """

    constraints: tuple[Constraint, ...]
    confidence: float | None
    new_questions: int
    _most: dict[tuple[int, float], int] = field(default_factory=dict, repr=False)

    @property
    def share_limit(self) -> float:
        """The tightest cap on the cloud share; 1 when there is none."""
        limits = [one.limit for one in self.constraints if one.measure is Measure.CLOUD_SHARE]
        return min([1.0, *limits])

    def most_exposed(self, questions: int) -> int:
        """Return how many of ``questions`` may have been exposed; -1 when not even none may."""
        limit = self.share_limit
        if limit >= 1.0:
            return questions
        if self.confidence is None:
            return math.floor(limit * questions + _SLACK)
        if limit <= 0.0:
            return -1
        key = (questions, limit)
        if key not in self._most:
            self._most[key] = _most_successes(
                questions, limit, self.new_questions, 1.0 - self.confidence
            )
        return self._most[key]

    def excess(self, row: Row, *, can_expose: bool) -> float:
        """Return by how much a measured graph breaks its caps, relative; 0 when it keeps all."""
        if not row.count:
            return 1.0
        worst = 0.0
        for one in self.constraints:
            worst = max(worst, self._excess_of(one, row, can_expose))
        return worst

    def bounded(self, one: Constraint, row: Row) -> float:
        """Return an amount's mean or percentile, or its upper bound where there is a confidence."""
        return self.bound(one, self.amount(one, row))

    def bound(self, one: Constraint, values: npt.NDArray[np.float64]) -> float:
        """Return the same of an amount by question."""
        is_percentile = one.measure is Measure.LATENCY_P95_S
        return self._percentile(values) if is_percentile else self._mean(values)

    def amount(self, one: Constraint, row: Row) -> npt.NDArray[np.float64]:
        """Return what a cap is about on the questions seen, in their order."""
        return row.amount(AMOUNTS[one.measure]).astype(np.float64)

    @property
    def amounts(self) -> tuple[Constraint, ...]:
        """The caps on amounts: all but those on the cloud share."""
        return tuple(one for one in self.constraints if one.measure is not Measure.CLOUD_SHARE)

    def _excess_of(self, one: Constraint, row: Row, can_expose: bool) -> float:
        if one.measure is Measure.CLOUD_SHARE:
            if not can_expose:
                return 0.0
            return max(0.0, (row.exposed_sum - self.most_exposed(row.count)) / row.count)
        value = self.bounded(one, row)
        return max(0.0, (value - one.limit) / max(one.limit, _SLACK))

    def _mean(self, values: npt.NDArray[np.float64]) -> float:
        mean = float(values.mean())
        if self.confidence is None or len(values) < 2:
            return mean
        spread = float(values.var(ddof=1)) * (1 / len(values) + 1 / self.new_questions)
        return mean + NormalDist().inv_cdf(self.confidence) * math.sqrt(spread)

    def _percentile(self, values: npt.NDArray[np.float64]) -> float:
        """Return the 95th percentile, or the order statistic that bounds it on new questions."""
        share = _PERCENTILE
        if self.confidence is not None:
            wobble = share * (1 - share) * (1 / len(values) + 1 / self.new_questions)
            share += NormalDist().inv_cdf(self.confidence) * math.sqrt(wobble)
        position = math.ceil(min(share, 1.0) * len(values)) - 1
        return float(np.sort(values)[max(position, 0)])


def _most_successes(seen: int, limit: float, new: int, risk: float) -> int:
    """Return the largest count out of ``seen`` that still makes a broken cap unlikely.

    That is, more than ``limit`` of ``new`` further ones has at most probability ``risk``; -1 when
    not even 0 does.

    Source: beta-binomial predictive distribution with Jeffreys' prior, Beta(1/2, 1/2).
    """
    allowed = math.floor(limit * new + _SLACK)
    low, high = -1, min(seen, math.floor(limit * seen) + 1)
    while low < high:  # the risk grows with the count
        middle = (low + high + 1) // 2
        if middle == -1 or _tail(middle, seen, allowed, new) <= risk:
            low = middle
        else:
            high = middle - 1
    return low


def _tail(count: int, seen: int, allowed: int, new: int) -> float:
    """Return P(more than ``allowed`` of ``new``), given ``count`` of ``seen``."""
    successes = np.arange(allowed + 1, new + 1)
    whole = _log_gamma(new + seen + 2, 0.0)
    half = _log_gamma(new + seen + 2, 0.5)
    log_p = (
        whole[new]
        - whole[successes]
        - whole[new - successes]
        + half[successes + count]
        + half[new - successes + seen - count]
        - half[count]
        - half[seen - count]
        + whole[seen]
        - whole[new + seen]
    )
    return float(np.exp(log_p).sum())


def _log_gamma(length: int, offset: float) -> npt.NDArray[np.float64]:
    """Return log Gamma(i + 1) for offset 0, log(Gamma(i + 1/2) / Gamma(1/2)) for offset 1/2."""
    steps = np.arange(length, dtype=np.float64) + (1.0 if offset == 0.0 else offset)
    return np.concatenate([[0.0], np.cumsum(np.log(steps))])[:length]

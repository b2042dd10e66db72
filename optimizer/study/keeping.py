"""Whether a graph keeps the constraints, judged by the very rule that searchers recommend by.

The rule is ``optimizer.search.caps``; this module asks it about single constraints and turns its
verdicts into bounds that people can read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optimizer.search.archive import Archive as SearchArchive
from optimizer.search.archive import Row
from optimizer.search.caps import AMOUNTS, CapRule
from optimizer.search.model import Candidate, Constraint, Measure, Outcomes
from optimizer.study.bounds import percentile

__all__ = ["Keeping", "Kept", "measured_value"]


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether a graph keeps one constraint."""

    constraint: Constraint
    value: float
    """On the questions that were asked."""
    upper: float
    """The lowest limit that it would be trusted to keep on new questions."""

    @property
    def is_proven(self) -> bool:
        """It is trusted to keep the constraint on new questions."""
        return self.upper <= self.constraint.limit

    @property
    def is_broken(self) -> bool:
        """Even the asked questions break it."""
        return self.value > self.constraint.limit


class Keeping:
    """Judges graphs against the constraints of one study.

    Args:
        constraints: What must hold.
        confidence: How sure it must be, per constraint.
        questions: How many there are; constraints are to hold on as many new ones.
        can_expose: Whether a graph could expose a question at all.
    """

    def __init__(
        self,
        constraints: Sequence[Constraint],
        *,
        confidence: float,
        questions: int,
        can_expose: Callable[[Candidate], bool] = lambda _: True,
    ) -> None:
        self.confidence = confidence
        self._constraints = tuple(constraints)
        self._questions = questions
        self._can_expose = can_expose
        self._upper_shares: dict[tuple[int, int], float] = {}

    def judge(self, candidate: Candidate, outcomes: Outcomes) -> tuple[Kept, ...]:
        """Return every constraint with what was measured and what can be trusted."""
        if not self._constraints:
            return ()
        archive = SearchArchive(self._questions)
        archive.add(candidate, outcomes)
        row = archive.get(candidate.key)
        assert row is not None  # noqa: S101 - just added
        exposes = self._can_expose(candidate)
        return tuple(
            Kept(one, measured_value(one.measure, outcomes), self._upper(one, row, exposes=exposes))
            for one in self._constraints
        )

    def _upper(self, one: Constraint, row: Row, *, exposes: bool) -> float:
        if one.measure is not Measure.CLOUD_SHARE:
            return self._upper_amount(one.measure, row)
        if not exposes:
            return 0.0
        key = (row.exposed_sum, row.count)
        if key not in self._upper_shares:
            self._upper_shares[key] = self._upper_share(*key)
        return self._upper_shares[key]

    def _upper_share(self, exposed: int, count: int) -> float:
        """Return the lowest share, in whole new questions, under which the rule trusts a graph."""
        low, high = 0, self._questions
        while low < high:
            middle = (low + high) // 2
            constraint = Constraint(Measure.CLOUD_SHARE, middle / self._questions)
            rule = CapRule((constraint,), self.confidence, self._questions)
            if exposed <= rule.most_exposed(count):
                high = middle
            else:
                low = middle + 1
        return low / self._questions

    def _upper_amount(self, measure: Measure, row: Row) -> float:
        """Return an amount's bound: the rule says by how much it exceeds a limit that is lower."""
        values = row.amount(AMOUNTS[measure])
        if not values.any():
            return 0.0
        limit = float(values[values > 0].min()) / (2 * row.count)
        rule = CapRule((Constraint(measure, limit),), self.confidence, self._questions)
        excess = rule.excess(row, can_expose=True)
        return limit + excess * max(limit, _SLACK)


def measured_value(measure: Measure, outcomes: Outcomes) -> float:
    """Return a measure on the questions that were asked: a mean, a share or a percentile.

    Not a number where it is not known.
    """
    match measure:
        case Measure.CLOUD_SHARE:
            return float(outcomes.exposed.mean())
        case Measure.COST_USD:
            return float(outcomes.cost_usd.mean())
        case Measure.FLOPS:
            return float(outcomes.flops.mean())
        case Measure.LATENCY_P95_S:
            return percentile(outcomes.latency_s, _P95)
        case Measure.EGRESS_BYTES:
            return (
                math.nan if outcomes.egress_bytes is None else float(outcomes.egress_bytes.mean())
            )


_P95 = 0.95
_SLACK = 1e-9
"""Of the rule: limits below it are taken as this when excesses are made relative."""

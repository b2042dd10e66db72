"""Who pays for a call (or a vote of a judge) that several executions share: the first of them.

Which one is first is said by whichever order counts.
For the budget that is the order in which executions end, because money is gone when it is gone.
For the journal it is the order in which they were asked, which no number of workers can change.
Both come to the same sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from optimizer.evaluation.model import Evaluated, Spend

__all__ = ["Purchases"]


@dataclass(frozen=True, slots=True)
class _Price:
    spend: Spend
    """Without the question that it exposed."""
    is_exposed: bool


class Purchases:
    """The calls that one study has paid for."""

    def __init__(self) -> None:
        self._prices: dict[int, _Price] = {}
        self._settled: set[int] = set()
        self._booked: set[int] = set()

    def add(self, call_id: int, spend: Spend) -> None:
        """Say what a call or a vote of this study's own cost."""
        price = _Price(replace(spend, exposed=frozenset()), bool(spend.exposed))
        self._prices.setdefault(call_id, price)

    def remember(self, evaluated: Evaluated) -> None:
        """Hear of an outcome that an earlier run has booked."""
        used = _used(evaluated)
        self._settled |= used
        self._booked |= used

    def settled(self, evaluated: Evaluated) -> Evaluated:
        """Return an outcome with what it spent of the budget, as executions end."""
        return self._paid(evaluated, self._settled)

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return an outcome with what the journal says it spent, in the journal's order."""
        return self._paid(evaluated, self._booked)

    def _paid(self, evaluated: Evaluated, paid: set[int]) -> Evaluated:
        used = _used(evaluated)
        fresh = [self._prices[one] for one in sorted(used - paid) if one in self._prices]
        paid.update(used)
        spent = evaluated.alone
        for price in fresh:
            spent = spent.plus(price.spend)
        if any(price.is_exposed for price in fresh):
            spent = replace(spent, exposed=spent.exposed | {evaluated.question})
        return replace(evaluated, spent=spent)


def _used(evaluated: Evaluated) -> set[int]:
    """Everything that an outcome needed and a study pays for once: calls, and a judge's votes."""
    answered = evaluated.answered
    return {*answered.call_ids, *answered.judged_by, *evaluated.in_vain}

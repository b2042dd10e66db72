"""What a call can cost, and what all its attempts were charged together.

Money is whole micro-dollars here, because sums of floats drift and a cap must hold to the last
cent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from runtime.catalog.model import Price, price_on
from runtime.ports import Usage

__all__ = ["FREE", "Tally", "WorstCase", "micros", "priced"]

_MICROS_PER_USD: Final = 1_000_000


def micros(cost_usd: float) -> int:
    """Return US dollars as whole micro-dollars, rounded up: a part of one counts as one.

    Rounded to a thousandth first, so that 0.1 + 0.2 does not cost a micro-dollar more than 0.3.
    """
    return math.ceil(round(cost_usd * _MICROS_PER_USD, 3))


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that a call can use; what is reserved before it is dispatched."""

    prompt_tokens: int
    completion_tokens: int
    cost_micros: int | None
    """``None`` when no price is known, so that the call cannot be held to a budget of money."""


FREE: Final = WorstCase(prompt_tokens=0, completion_tokens=0, cost_micros=0)
"""What an answer from the cache can use."""


@dataclass(slots=True)
class Tally:
    """The sum of a call's charges; lives as long as the call and is read when it has ended."""

    total: Usage = field(default_factory=Usage)

    def add(self, usage: Usage) -> None:
        """Add what one attempt was charged."""
        one, other = self.total, usage
        cost_micros = micros(one.cost_usd) + micros(other.cost_usd)
        self.total = Usage(
            prompt_tokens=one.prompt_tokens + other.prompt_tokens,
            completion_tokens=one.completion_tokens + other.completion_tokens,
            cached_tokens=one.cached_tokens + other.cached_tokens,
            cost_usd=cost_micros / _MICROS_PER_USD,
            estimated=one.estimated or other.estimated,
        )

    def within(self, worst: WorstCase) -> Usage:
        """Return the total, cut to what was reserved and then marked as an estimate."""
        total = self.total
        cost_micros = micros(total.cost_usd)
        most_micros = cost_micros if worst.cost_micros is None else worst.cost_micros
        cut = replace(
            total,
            prompt_tokens=min(total.prompt_tokens, worst.prompt_tokens),
            completion_tokens=min(total.completion_tokens, worst.completion_tokens),
            cost_usd=min(cost_micros, most_micros) / _MICROS_PER_USD,
        )
        return total if cut == total else replace(cut, estimated=True)


def priced(usage: Usage, prices: Sequence[Price], day: date) -> Usage:
    """Return ``usage`` with its cost in whole micro-dollars; free while no price is known."""
    price = price_on(prices, day)
    if price is None:
        return usage
    cost_micros = micros(price.cost_usd(usage.prompt_tokens, usage.completion_tokens))
    return replace(usage, cost_usd=cost_micros / _MICROS_PER_USD)

"""Caps that cannot be overshot: every execution reserves its worst case before it starts.

Executions are let in one after the other. One that does not fit waits until nothing is under way
that could give something back; only then is the budget used up. So which executions happen
depends on their order and on what they really cost, never on how many run at once.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Final

from optimizer.evaluation.model import Spend
from optimizer.evaluation.spend_total import SpendTotal
from optimizer.study.model import Caps
from runtime.clock import Clock

__all__ = ["Budget", "Overdrawn"]

_ROUNDING: Final = Fraction(1_000_000_001, 1_000_000_000)


class Overdrawn(Exception):
    """The next execution does not fit; ``cap`` is the cap that it would break."""

    def __init__(self, cap: str) -> None:
        super().__init__(cap)
        self.cap = cap


class Budget:
    """What is spent and reserved, against the caps.

    Args:
        caps: What may be spent.
        clock: For the cap on wall-clock time.
        longest_s: The longest that one execution takes; none starts that could end too late.
    """

    def __init__(self, caps: Caps, *, clock: Clock, longest_s: float = 0.0) -> None:
        self._caps = caps
        self._clock = clock
        self._longest_s = longest_s
        self._started_s = clock.monotonic_s()
        self._elapsed_before_s = 0.0
        self._spent = SpendTotal()
        self._reserved: dict[int, Spend] = {}
        self._next_ticket = 0
        self._changed = asyncio.Condition()

    @property
    def spent(self) -> Spend:
        """What was really spent."""
        return self._spent.as_spend()

    @property
    def caps(self) -> Caps:
        """What may be spent."""
        return self._caps

    @property
    def elapsed_s(self) -> float:
        """Wall-clock time so far, earlier runs included, seconds."""
        return self._elapsed_before_s + self._clock.monotonic_s() - self._started_s

    def continue_from(self, elapsed_s: float) -> None:
        """Count the time of an earlier run."""
        self._elapsed_before_s = elapsed_s

    def charge(self, spend: Spend) -> None:
        """Count what was spent without a reservation: an earlier run's executions."""
        self._spent.add(spend)

    async def reserve(self, worst: Spend, *, longest_s: float | None = None) -> int:
        """Set ``worst`` aside and return the ticket to settle it with.

        Args:
            worst: The most that it can spend.
            longest_s: The longest that it takes, where that is not as long as an execution.

        Raises:
            Overdrawn: It does not fit, and nothing under way can change that.
        """
        async with self._changed:
            while True:
                if self._is_late(self._longest_s if longest_s is None else longest_s):
                    raise Overdrawn("seconds")
                cap = self._first_broken(worst)
                if cap is None:
                    break
                if not self._reserved:
                    raise Overdrawn(cap)
                await self._changed.wait()
            ticket = self._next_ticket
            self._next_ticket += 1
            self._reserved[ticket] = worst
            return ticket

    async def settle(self, ticket: int, actual: Spend) -> None:
        """Replace a reservation by what was really spent."""
        async with self._changed:
            del self._reserved[ticket]
            self._spent.add(actual)
            self._changed.notify_all()

    def _is_late(self, longest_s: float) -> bool:
        limit_s = self._caps.seconds
        return limit_s is not None and self.elapsed_s + longest_s > limit_s

    def _first_broken(self, worst: Spend) -> str | None:
        """Name the first cap that spent, reserved and ``worst`` together would break."""
        caps, spent = self._caps, self._spent
        pending = [*self._reserved.values(), worst]
        exposed = frozenset[int]().union(*(one.exposed for one in pending)) - spent.exposed
        totals: tuple[tuple[str, Fraction | int, float | None], ...] = (
            ("usd", spent.usd + sum(Fraction(one.usd) for one in pending), caps.usd),
            ("tokens", spent.tokens + sum(one.tokens for one in pending), caps.tokens),
            ("calls", spent.calls + sum(one.calls for one in pending), caps.calls),
            (
                "executions",
                spent.executions + sum(one.executions for one in pending),
                caps.executions,
            ),
            ("exposed_questions", len(spent.exposed) + len(exposed), caps.exposed_questions),
            ("flops_units", spent.flops + sum(Fraction(one.flops) for one in pending), caps.flops),
        )
        # Prices in floats sum to a hair more than people expect: 3 x 0.1 fits into 0.3.
        broken = (
            name
            for name, total, cap in totals
            if cap is not None and total > Fraction(cap) * _ROUNDING
        )
        return next(broken, None)

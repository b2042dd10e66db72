"""An agent's calls under the study's budget and under the agent's own: both must have room."""

from __future__ import annotations

from optimizer.agents.spend import AgentSpend, CapReached, Reservation, SpendMeter, Tokens
from optimizer.evaluation.model import Spend
from optimizer.study.advised import Exchanged
from optimizer.study.budget import Budget, Overdrawn

__all__ = ["StudyMeter"]


class StudyMeter:
    """A :class:`optimizer.agents.spend.Meter`.

    Args:
        own: The agent's own caps and prices.
        budget: The study's.
        longest_s: The longest that one call takes, seconds.
    """

    def __init__(self, own: SpendMeter, budget: Budget, *, longest_s: float) -> None:
        self._own = own
        self._budget = budget
        self._longest_s = longest_s
        self._tickets: dict[int, int] = {}

    @property
    def spent(self) -> AgentSpend:
        """What the agent has used so far, earlier runs included."""
        return self._own.spent

    def charge(self, one: Exchanged) -> None:
        """Count a call of an earlier run."""
        self._own.charge(one.tokens, is_estimate=one.is_estimated)
        self._budget.charge(one.spent)

    async def reserve(self, most: Tokens) -> Reservation:
        """Set the most that a call can be billed aside in both budgets.

        Raises:
            CapReached: One of them has no room.
        """
        reservation = await self._own.reserve(most)
        try:
            ticket = await self._budget.reserve(self._spend(most), longest_s=self._longest_s)
        except Overdrawn:
            self._own.release(reservation)
            raise CapReached from None
        self._tickets[reservation.number] = ticket
        return reservation

    async def settle(self, reservation: Reservation, used: Tokens, *, is_estimate: bool) -> None:
        """Replace a reservation by what was used."""
        await self._own.settle(reservation, used, is_estimate=is_estimate)
        await self._budget.settle(self._tickets.pop(reservation.number), self._spend(used))

    def _spend(self, tokens: Tokens) -> Spend:
        return Spend(usd=self._own.price.cost_usd(tokens), tokens=tokens.total, calls=1)

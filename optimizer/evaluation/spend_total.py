"""A sum of spends that does not depend on their order: exact fractions, one set."""

from __future__ import annotations

from fractions import Fraction

from optimizer.evaluation.model import Spend

__all__ = ["SpendTotal"]


class SpendTotal:
    """Adds spends up; quick for hundreds of thousands."""

    def __init__(self) -> None:
        self.usd = Fraction(0)
        self.flops = Fraction(0)
        self.tokens = 0
        self.calls = 0
        self.executions = 0
        self.cloud_calls = 0
        self.exposed: set[int] = set()

    def add(self, spend: Spend) -> None:
        """Add one."""
        self.usd += Fraction(spend.usd)
        self.flops += Fraction(spend.flops)
        self.tokens += spend.tokens
        self.calls += spend.calls
        self.executions += spend.executions
        self.cloud_calls += spend.cloud_calls
        self.exposed |= spend.exposed

    def as_spend(self) -> Spend:
        """Return the sum."""
        return Spend(
            float(self.usd),
            self.tokens,
            self.calls,
            self.executions,
            float(self.flops),
            frozenset(self.exposed),
            self.cloud_calls,
        )

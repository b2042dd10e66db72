"""A sum of spends that does not depend on their order: exact fractions, one set."""

from __future__ import annotations

from fractions import Fraction

from optimizer.evaluation.model import JudgeSpend, Spend

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
        self.judge_usd = Fraction(0)
        self.judge_tokens = 0
        self.judge_calls = 0

    def add(self, spend: Spend) -> None:
        """Add one."""
        self.usd += Fraction(spend.usd)
        self.flops += Fraction(spend.flops)
        self.tokens += spend.tokens
        self.calls += spend.calls
        self.executions += spend.executions
        self.cloud_calls += spend.cloud_calls
        self.exposed |= spend.exposed
        self.judge_usd += Fraction(spend.judge.usd)
        self.judge_tokens += spend.judge.tokens
        self.judge_calls += spend.judge.calls

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
            JudgeSpend(float(self.judge_usd), self.judge_tokens, self.judge_calls),
        )

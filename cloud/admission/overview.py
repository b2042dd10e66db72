"""What is spent, reserved and left in every budget now."""

import json
from dataclasses import dataclass
from datetime import datetime

from cloud.admission.accounts import Amount
from cloud.admission.periods import window_at
from cloud.admission.rules import Budget
from cloud.stores.accounts import AccountState, AccountStore
from cloud.stores.database import Database
from cloud.stores.rules import RuleStore

__all__ = ["AccountLine", "BudgetLine", "overview"]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account in the window that runs now."""

    part: dict[str, str]
    """Which of the amounts counted apart; empty when there is one for all."""
    spent: Amount
    reserved: Amount
    excess: Amount
    left_micros: int | None
    left_tokens: int | None

    @property
    def part_text(self) -> str:
        """The part as people read it."""
        return ", ".join(f"{name}={value}" for name, value in self.part.items())


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One budget in the window that runs now."""

    budget: Budget
    window: str
    renews_at: datetime | None
    accounts: tuple[AccountLine, ...]


async def overview(database: Database, *, now: datetime) -> list[BudgetLine]:
    """Return every budget; one that counts apart has a line for each part that was used."""
    budgets = (await RuleStore(database).all()).budgets
    states = await AccountStore(database).states(budget.id for budget in budgets)
    return [_line(budget, states, now) for budget in budgets]


def _line(budget: Budget, states: list[AccountState], now: datetime) -> BudgetLine:
    window = window_at(budget.period, now)
    accounts = [
        _account(budget, state.key.part, state.spent, state.reserved, state.excess)
        for state in states
        if state.key.budget_id == budget.id and state.key.period_key == window.key
    ]
    if not accounts and not budget.scope.each:
        accounts = [_account(budget, "", Amount(), Amount(), Amount())]
    return BudgetLine(budget, window.key, window.renews_at, tuple(accounts))


def _account(
    budget: Budget, part: str, spent: Amount, reserved: Amount, excess: Amount
) -> AccountLine:
    taken = spent + reserved
    return AccountLine(
        part=dict(zip(budget.scope.each, json.loads(part), strict=True)) if part else {},
        spent=spent,
        reserved=reserved,
        excess=excess,
        left_micros=_left(budget.cap_micros, taken.micros),
        left_tokens=_left(budget.cap_tokens, taken.tokens),
    )


def _left(cap: int | None, taken: int) -> int | None:
    return None if cap is None else max(0, cap - taken)

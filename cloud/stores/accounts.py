"""Budgets' accounts: made when a call first counts in one, and shown with what is left in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from cloud.admission.accounts import Amount
from cloud.stores.database import Database
from cloud.stores.money_tables import account as table

__all__ = ["AccountKey", "AccountState", "AccountStore"]

_KEY: Final = ("budget_id", "part", "period_key")
_ZERO: Final = {
    f"{name}_{unit}": 0 for name in ("spent", "reserved", "excess") for unit in ("micros", "tokens")
}


@dataclass(frozen=True, slots=True)
class AccountKey:
    """What an account is found by."""

    budget_id: int
    part: str
    """Which of the amounts that a budget counts apart; see ``Scope.part_of``."""
    period_key: str

    def row(self) -> dict[str, Any]:
        """Return the columns."""
        return {name: getattr(self, name) for name in _KEY}


@dataclass(frozen=True, slots=True)
class AccountState:
    """What has come and gone in one account."""

    key: AccountKey
    spent: Amount
    reserved: Amount
    excess: Amount


class AccountStore:
    """Accounts in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ids(self, keys: Sequence[AccountKey]) -> dict[AccountKey, int]:
        """Return the accounts' numbers, making those that are not there.

        In a transaction of its own before the first call of a window, so that booking only ever
        changes rows whose claims it holds.
        """
        found = await self._database.read(lambda connection: _find(connection, keys))
        missing = [key for key in keys if key not in found]
        if missing:
            found |= await self._database.run(lambda connection: _make(connection, missing))
        return found

    async def states(self, budget_ids: Iterable[int]) -> list[AccountState]:
        """Return every account of some budgets, of all windows."""
        wanted = select(table).where(table.c.budget_id.in_(list(budget_ids)))

        def work(connection: Connection) -> list[AccountState]:
            return [
                AccountState(
                    AccountKey(row.budget_id, row.part, row.period_key),
                    spent=Amount(row.spent_micros, row.spent_tokens),
                    reserved=Amount(row.reserved_micros, row.reserved_tokens),
                    excess=Amount(row.excess_micros, row.excess_tokens),
                )
                for row in connection.execute(wanted.order_by(table.c.id))
            ]

        return await self._database.read(work)


def _find(connection: Connection, keys: Sequence[AccountKey]) -> dict[AccountKey, int]:
    columns = [table.c[name] for name in _KEY]
    wanted = [tuple(key.row().values()) for key in keys]
    rows = connection.execute(select(table.c.id, *columns).where(tuple_(*columns).in_(wanted)))
    return {AccountKey(*row[1:]): row[0] for row in rows}


def _make(connection: Connection, keys: Sequence[AccountKey]) -> dict[AccountKey, int]:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    # Another replica may make the same ones; sorted, so that two never wait for each other.
    rows = [key.row() | _ZERO for key in sorted(keys, key=lambda key: tuple(key.row().values()))]
    connection.execute(dialect.insert(table).values(rows).on_conflict_do_nothing())
    return _find(connection, keys)

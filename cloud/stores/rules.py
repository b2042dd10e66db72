"""Budgets, limits and prices as operators set them, and the number by which a change is noticed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, update

from cloud.admission.periods import Period
from cloud.admission.prices import ModelPrice
from cloud.admission.rules import Budget, Limit
from cloud.admission.scopes import Scope
from cloud.stores import money_tables as tables
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from runtime.errors import NotFound, RequestInvalid

__all__ = ["Rules", "RuleStore"]

_LIMIT_NUMBERS: Final = ("requests_per_minute", "tokens_per_minute", "max_concurrent")
_PRICES: Final = select(tables.price).order_by(
    tables.price.c.model, tables.price.c.upstream, tables.price.c.valid_from
)
_REVISION: Final = select(tables.rules.c.revision)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is set, as of one revision."""

    revision: int = 0
    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()
    prices: tuple[ModelPrice, ...] = ()


class RuleStore:
    """What operators have set. Changes are durable when they return."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self) -> int:
        """Return the number that grows with every change."""
        return await self._database.read(_revision)

    async def all(self) -> Rules:
        """Return everything, as of one moment."""

        def work(connection: Connection) -> Rules:
            return Rules(
                _revision(connection),
                tuple(_budget(row) for row in _rows(connection, tables.budget)),
                tuple(_limit(row) for row in _rows(connection, tables.limit)),
                tuple(_price(row) for row in connection.execute(_PRICES)),
            )

        return await self._database.read(work)

    async def set_budget(self, budget: Budget, act: Act) -> None:
        """Make a budget, or change its caps; what is spent stays spent.

        Raises:
            RequestInvalid: One of that name is about something else.
        """
        caps = {"cap_micros": budget.cap_micros, "cap_tokens": budget.cap_tokens}
        about = {"scope": _written(budget.scope), "period": budget.period.value}

        def work(connection: Connection) -> None:
            found = connection.execute(
                select(tables.budget).where(tables.budget.c.name == budget.name)
            ).first()
            if found is None:
                row = {"name": budget.name, **about, **caps}
                connection.execute(insert(tables.budget).values(row))
            elif {"scope": found.scope, "period": found.period} != about:
                # Its accounts hold what the old scope has spent, and would count for the new one.
                reason = "exists with another scope or period; remove it, or give this one a name"
                raise RequestInvalid(f'budget "{budget.name}" {reason}', field="name")
            else:
                change = update(tables.budget).where(tables.budget.c.id == found.id)
                connection.execute(change.values(caps))

        await self._change(work, act, "budget_set", budget.name)

    async def set_limit(self, limit: Limit, act: Act) -> None:
        """Make a limit, or replace the one of that name."""
        row = {name: getattr(limit, name) for name in _LIMIT_NUMBERS}
        row |= {"name": limit.name, "scope": _written(limit.scope)}

        def work(connection: Connection) -> None:
            connection.execute(delete(tables.limit).where(tables.limit.c.name == limit.name))
            connection.execute(insert(tables.limit).values(row))

        await self._change(work, act, "limit_set", limit.name)

    async def set_price(self, price: ModelPrice, act: Act) -> None:
        """Set what a model costs from a day on, in place of what was set for that day."""
        day = (tables.price.c.model == price.model) & (
            tables.price.c.valid_from == price.valid_from
        )
        row = {
            "model": price.model,
            "upstream": price.upstream,
            "valid_from": price.valid_from,
            "prompt_micros_per_mtok": price.prompt_micros_per_mtok,
            "completion_micros_per_mtok": price.completion_micros_per_mtok,
        }

        def work(connection: Connection) -> None:
            connection.execute(delete(tables.price).where(day))
            connection.execute(insert(tables.price).values(row))

        await self._change(work, act, "price_set", _subject(price.model, price.upstream))

    async def remove_budget(self, name: str, act: Act) -> None:
        """Remove a budget and what it has counted; its open calls go on.

        Raises:
            NotFound: No such budget.
        """

        def work(connection: Connection) -> None:
            wanted = select(tables.budget.c.id).where(tables.budget.c.name == name)
            id_ = connection.execute(wanted).scalar()
            if id_ is None:
                raise NotFound(f"no budget {name[:40]!r}; `leeward cloud budget list` shows them")
            connection.execute(delete(tables.account).where(tables.account.c.budget_id == id_))
            connection.execute(delete(tables.budget).where(tables.budget.c.id == id_))

        await self._change(work, act, "budget_removed", name)

    async def remove_limit(self, name: str, act: Act) -> None:
        """Remove a limit.

        Raises:
            NotFound: No such limit.
        """

        def work(connection: Connection) -> None:
            gone = connection.execute(delete(tables.limit).where(tables.limit.c.name == name))
            if not gone.rowcount:
                raise NotFound(f"no limit {name[:40]!r}; `leeward cloud limit list` shows them")

        await self._change(work, act, "limit_removed", name)

    async def remove_price(
        self, model: str, valid_from: date, act: Act, *, upstream: str = ""
    ) -> None:
        """Remove the price that a model has from a day on; the one before it then goes on.

        Raises:
            NotFound: None was set here for that day.
        """
        day = _day(model, upstream, valid_from)

        def work(connection: Connection) -> None:
            if not connection.execute(delete(tables.price).where(day)).rowcount:
                reason = f"no price of {model[:80]!r} from {valid_from} was set by this command"
                raise NotFound(reason)

        await self._change(work, act, "price_removed", _subject(model, upstream))

    async def _change(
        self, work: Callable[[Connection], None], act: Act, action: str, subject: str
    ) -> None:
        def change(connection: Connection) -> None:
            work(connection)
            write_act(connection, act, action, subject)
            next_one = tables.rules.c.revision + 1
            if not connection.execute(update(tables.rules).values(revision=next_one)).rowcount:
                connection.execute(insert(tables.rules).values(id=1, revision=1))

        await self._database.run(change, claims=("rules",), is_durable=True)


def _revision(connection: Connection) -> int:
    return connection.execute(_REVISION).scalar() or 0


def _rows(connection: Connection, table: Table) -> Sequence[Any]:
    return connection.execute(select(table).order_by(table.c.name)).all()


def _written(scope: Scope) -> str:
    return json.dumps({"named": dict(scope.named), "each": scope.each}, ensure_ascii=False)


def _scope(text: str) -> Scope:
    written = json.loads(text)
    return Scope.of(written["named"], tuple(written["each"]))


def _budget(row: Any) -> Budget:
    return Budget(
        id=row.id,
        name=row.name,
        scope=_scope(row.scope),
        period=Period(row.period),
        cap_micros=row.cap_micros,
        cap_tokens=row.cap_tokens,
    )


def _limit(row: Any) -> Limit:
    return Limit(row.name, _scope(row.scope), *(getattr(row, name) for name in _LIMIT_NUMBERS))


def _subject(model: str, upstream: str) -> str:
    return f"{model} at {upstream}" if upstream else model


def _day(model: str, upstream: str, valid_from: date) -> ColumnElement[bool]:
    found = tables.price.c
    return and_(found.model == model, found.upstream == upstream, found.valid_from == valid_from)


def _price(row: Any) -> ModelPrice:
    return ModelPrice(
        row.model,
        row.valid_from,
        row.prompt_micros_per_mtok,
        row.completion_micros_per_mtok,
        row.upstream,
    )

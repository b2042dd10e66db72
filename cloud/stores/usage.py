"""Who used which model, when, for how much. Content-free."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Literal, get_args

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Label,
    String,
    case,
    func,
    literal,
    select,
    type_coerce,
)

from cloud.stores.database import Database
from cloud.stores.direct import Direct, microseconds
from cloud.stores.tables import usage as table

__all__ = ["GROUPINGS", "Grouping", "UsageRecord", "UsageStore", "UsageTotal", "write_usage"]

Grouping = Literal["tenant", "key", "device", "graph", "model", "day"]
GROUPINGS: Final[tuple[Grouping, ...]] = get_args(Grouping)
"""What usage can be added up by, in the order in which totals show it."""

_FINISHED: Final = ("stop", "length", "tool_calls", "content_filter", "embedded")
_DAY_MICROSECONDS: Final = 86_400_000_000
_EPOCH_ORDINAL: Final = 719_163
"""``date.fromordinal`` of the first of January 1970."""


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One call, finished or failed."""

    at: datetime
    tenant: str
    caller_kind: Literal["device", "key"]
    caller: str
    """Id of the device or the key."""
    model: str
    graph: str
    request_id: str
    plan_id: str
    step_id: str
    status: str
    """A finish reason, ``embedded``, ``cancelled``, or the name of the error."""
    prompt_tokens: int
    completion_tokens: int
    cost_micros: int
    """Millionths of a US dollar."""
    estimated: bool
    """Whether the tokens are our own count, because the upstream told none."""
    cache_hit: bool
    latency_s: float


_FIELDS: Final = tuple(field.name for field in fields(UsageRecord))
_INSERT: Final = Direct(
    f"INSERT INTO usage_record ({', '.join(_FIELDS)}) VALUES (:{', :'.join(_FIELDS)})"  # noqa: S608 - columns are constants
)


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What was used by one group of calls."""

    group: dict[Grouping, str]
    """What the calls have in common; a day is ``2026-11-24``, in UTC."""
    calls: int
    failed: int
    cached: int
    """How many were answered from the cache."""
    prompt_tokens: int
    completion_tokens: int
    cost_micros: int


class UsageStore:
    """Usage records in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, record: UsageRecord) -> None:
        """Write one record."""
        await self._database.run(lambda connection: write_usage(connection, record))

    async def totals(
        self, since: datetime, *, until: datetime | None = None, by: tuple[Grouping, ...]
    ) -> list[UsageTotal]:
        """Add up the calls from ``since`` until before ``until``, one total for each group."""
        keys = [_COLUMNS[grouping] for grouping in by]
        wanted = select(*keys, *_SUMS).where(table.c.at >= since)
        if until is not None:
            wanted = wanted.where(table.c.at < until)
        wanted = wanted.group_by(*keys).order_by(*keys)

        def add_up(connection: Connection) -> list[UsageTotal]:
            rows = [tuple(row) for row in connection.execute(wanted)]
            return [_total(by, row) for row in rows if row[len(by)]]

        return await self._database.read(add_up)


def write_usage(connection: Connection, *records: UsageRecord) -> None:
    """Write records in a transaction that may hold more, say what is settled with them."""
    # Not `asdict`, which copies every value deeply: this is done for every call.
    rows = [{name: getattr(record, name) for name in _FIELDS} for record in records]
    for row in rows:
        row["at"] = microseconds(row["at"])
    _INSERT.many(connection, rows)


def _caller(kind: str, name: Grouping) -> Label[str]:
    of_kind = case((table.c.caller_kind == kind, table.c.caller), else_=literal("", String))
    return of_kind.label(name)


def _sum(what: ColumnElement[int], name: str) -> Label[int]:
    return func.coalesce(func.sum(what), 0).cast(BigInteger).label(name)


_COLUMNS: Final[dict[Grouping, ColumnElement[str] | ColumnElement[int]]] = {
    "tenant": table.c.tenant,
    "key": _caller("key", "key"),
    "device": _caller("device", "device"),
    "graph": table.c.graph,
    "model": table.c.model,
    "day": (type_coerce(table.c.at, BigInteger) // _DAY_MICROSECONDS).label("day"),
}
_SUMS: Final = (
    func.count(),
    _sum(case((table.c.status.in_(_FINISHED), 0), else_=1), "failed"),
    _sum(case((table.c.cache_hit, 1), else_=0), "cached"),
    _sum(table.c.prompt_tokens, "prompt"),
    _sum(table.c.completion_tokens, "completion"),
    _sum(table.c.cost_micros, "cost"),
)


def _total(by: tuple[Grouping, ...], row: tuple[str | int, ...]) -> UsageTotal:
    group = {
        name: _day(value) if name == "day" else str(value)
        for name, value in zip(by, row, strict=False)
    }
    return UsageTotal(group, *(int(value) for value in row[len(by) :]))


def _day(days: str | int) -> str:
    return datetime.fromordinal(_EPOCH_ORDINAL + int(days)).date().isoformat()

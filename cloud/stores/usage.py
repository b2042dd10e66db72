"""Who used which model, when, for how much. Content-free."""

import sqlite3
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from cloud.stores.database import Database

__all__ = ["UsageRecord", "UsageStore", "UsageTotal"]


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One call, finished or failed."""

    at: str
    """ISO 8601, UTC."""
    device: str
    model: str
    graph: str
    request_id: str
    plan_id: str
    step_id: str
    status: str
    """A finish reason, or the name of the error."""
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    estimated: bool
    latency_s: float


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What one device used of one model."""

    device: str
    model: str
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


_COLUMNS = tuple(field.name for field in fields(UsageRecord))
_INSERT = f"INSERT INTO usage ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - names from the dataclass
_TOTALS = """
    SELECT device, model, count(*),
           sum(status NOT IN ('stop', 'length', 'tool_calls', 'content_filter')),
           sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)
    FROM usage WHERE at >= ? GROUP BY device, model ORDER BY device, model
"""


class UsageStore:
    """Usage records in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, record: UsageRecord) -> None:
        """Write one record durably."""

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT, astuple(record))

        await self._database.run(insert)

    async def totals(self, since: datetime) -> list[UsageTotal]:
        """Return sums per device and model since a moment."""

        def select(connection: sqlite3.Connection) -> list[UsageTotal]:
            rows = connection.execute(_TOTALS, (since.isoformat(),))
            return [UsageTotal(*row) for row in rows]

        return await self._database.run(select)

"""Who used which model, when, for how much. Content-free."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Connection, case, func, insert, select

from cloud.stores.database import Database
from cloud.stores.tables import usage as table

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


_INSERT: Final = insert(table)
_FINISHED: Final = ("stop", "length", "tool_calls", "content_filter")
_TOTALS: Final = (
    select(
        table.c.device,
        table.c.model,
        func.count(),
        func.sum(case((table.c.status.in_(_FINISHED), 0), else_=1)).cast(BigInteger),
        func.sum(table.c.prompt_tokens).cast(BigInteger),
        func.sum(table.c.completion_tokens).cast(BigInteger),
        func.sum(table.c.cost_usd),
    )
    .group_by(table.c.device, table.c.model)
    .order_by(table.c.device, table.c.model)
)


class UsageStore:
    """Usage records in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, record: UsageRecord) -> None:
        """Write one record durably."""
        values = asdict(record)

        def write(connection: Connection) -> None:
            connection.execute(_INSERT, values)

        await self._database.run(write)

    async def totals(self, since: datetime) -> list[UsageTotal]:
        """Return sums per device and model since a moment."""
        wanted = _TOTALS.where(table.c.at >= since.isoformat())

        def add_up(connection: Connection) -> list[UsageTotal]:
            return [UsageTotal(*row) for row in connection.execute(wanted)]

        return await self._database.read(add_up)

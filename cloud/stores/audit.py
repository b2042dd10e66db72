"""The audit trail: who changed what, and which calls were refused. Never content.

A change writes its entry in its own transaction, so that there is neither one without the other.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from cloud.stores.database import Database
from cloud.stores.tables import audit as table

__all__ = ["Act", "AuditEntry", "AuditStore", "write_act", "write_entries"]

_INSERT: Final = insert(table)
_MAX_SHOWN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody who changes something, at a moment."""

    actor: str
    """``operator:<user>``, ``device:<id>`` or ``key:<id>``."""
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened, or several alike that happened close together."""

    at: datetime
    """Of the first of them."""
    actor: str
    tenant: str
    """Whom it concerns; empty where that is nobody, or not known."""
    action: str
    """A constant: ``key_created``, ``call_refused``."""
    subject: str
    """What it was done to: a key, a device, a model; never what somebody wrote."""
    reason: str = ""
    """A constant: ``revoked``; for an alert, the categories found."""
    count: int = 1


class AuditStore:
    """The audit trail in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Iterable[AuditEntry]) -> None:
        """Write entries that belong to no change."""
        rows = tuple(entries)
        if rows:
            await self._database.run(lambda connection: write_entries(connection, rows))

    async def entries(
        self, since: datetime, *, actions: Iterable[str] = (), limit: int = _MAX_SHOWN
    ) -> list[AuditEntry]:
        """Return what happened since a moment, newest first.

        Args:
            since: The moment.
            actions: Only these; all when empty.
            limit: How many at most.
        """
        columns = (table.c[name] for name in AuditEntry.__slots__)
        wanted = select(*columns).where(table.c.at >= since)
        names = tuple(actions)
        if names:
            wanted = wanted.where(table.c.action.in_(names))
        wanted = wanted.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit)

        def find(connection: Connection) -> list[AuditEntry]:
            return [AuditEntry(*row) for row in connection.execute(wanted)]

        return await self._database.read(find)

    async def prune(self, before: datetime, act: Act) -> int:
        """Remove what happened before a moment, and record that; return how many entries."""
        remove = delete(table).where(table.c.at < before)

        def prune(connection: Connection) -> int:
            count = connection.execute(remove).rowcount
            write_act(connection, act, "audit_pruned", before.isoformat())
            return count

        return await self._database.run(prune, is_durable=True)


def write_act(
    connection: Connection, act: Act, action: str, subject: str, *, tenant: str = ""
) -> None:
    """Record a change in the transaction that makes it."""
    write_entries(connection, [AuditEntry(act.at, act.actor, tenant, action, subject)])


def write_entries(connection: Connection, entries: Iterable[AuditEntry]) -> None:
    """Record entries in a transaction that may hold more."""
    connection.execute(_INSERT, [asdict(entry) for entry in entries])

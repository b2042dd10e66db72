"""Which devices are enrolled, which are revoked, and the newest ledger head of each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, literal, select, update

from cloud.stores.database import Database
from cloud.stores.tables import DEFAULT_TENANT, Moment
from cloud.stores.tables import device as table
from runtime.errors import NotFound
from runtime.ids import DeviceId

__all__ = ["DeviceRecord", "DeviceStore"]

_ALL: Final = select(
    table.c.id,
    table.c.tenant,
    table.c.serial,
    table.c.enrolled_at,
    table.c.expires_at,
    table.c.revoked_at,
    table.c.ledger_position,
).order_by(table.c.id)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One enrolled device."""

    id: str
    tenant: str
    serial: str
    """Of its newest certificate, hexadecimal."""
    enrolled_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    ledger_position: int | None
    """The newest ledger position the device has told us."""


class DeviceStore:
    """Devices in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrol(
        self,
        device: DeviceId,
        *,
        serial: str,
        enrolled_at: datetime,
        expires_at: datetime,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Remember a device and its certificate."""
        row = insert(table).values(
            id=device,
            tenant=tenant,
            serial=serial,
            enrolled_at=enrolled_at,
            expires_at=expires_at,
        )

        def enrol(connection: Connection) -> None:
            connection.execute(row)

        await self._database.run(enrol, is_durable=True)

    async def is_admitted(self, device: DeviceId) -> bool:
        """Whether a device is enrolled and not revoked; a stranger is not."""
        wanted = select(table.c.id).where(table.c.id == device, table.c.revoked_at.is_(None))

        def find(connection: Connection) -> bool:
            return connection.execute(wanted).first() is not None

        return await self._database.read(find)

    async def revoke(self, device: DeviceId, *, at: datetime) -> None:
        """Refuse a device from its next call on.

        Raises:
            NotFound: No such device.
        """
        change = (
            update(table)
            .where(table.c.id == device)
            .values(revoked_at=func.coalesce(table.c.revoked_at, literal(at, Moment)))
        )

        def revoke(connection: Connection) -> int:
            return connection.execute(change).rowcount

        if not await self._database.run(revoke, is_durable=True):
            raise NotFound(f"no device {device!r} is enrolled here")

    async def note_head(self, device: DeviceId, *, position: int, head_mac: bytes) -> None:
        """Keep the newest ledger head of a device; an older one does not replace it."""
        change = (
            update(table)
            .where(table.c.id == device, func.coalesce(table.c.ledger_position, -1) < position)
            .values(ledger_position=position, ledger_head_mac=head_mac)
        )

        def note(connection: Connection) -> None:
            connection.execute(change)

        await self._database.run(note)

    async def all(self) -> list[DeviceRecord]:
        """Return every device, by id."""

        def list_all(connection: Connection) -> list[DeviceRecord]:
            return [DeviceRecord(*row) for row in connection.execute(_ALL)]

        return await self._database.read(list_all)

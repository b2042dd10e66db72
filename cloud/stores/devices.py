"""Which devices are enrolled, which are revoked, and the newest ledger head of each."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from cloud.stores.database import Database
from runtime.errors import NotFound
from runtime.ids import DeviceId

__all__ = ["DeviceRecord", "DeviceStore"]

_COLUMNS = "id, serial, enrolled_at, expires_at, revoked_at, ledger_position"


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One enrolled device."""

    id: str
    serial: str
    """Of its newest certificate, hexadecimal."""
    enrolled_at: str
    expires_at: str
    revoked_at: str | None
    ledger_position: int | None
    """The newest ledger position the device has told us."""


class DeviceStore:
    """Devices in the gateway's database, with the revoked ones at hand for every call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrol(
        self, device: DeviceId, *, serial: str, enrolled_at: datetime, expires_at: datetime
    ) -> None:
        """Remember a device and its certificate."""

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO device (id, serial, enrolled_at, expires_at) VALUES (?, ?, ?, ?)",
                (device, serial, enrolled_at.isoformat(), expires_at.isoformat()),
            )

        await self._database.run(insert)

    async def is_admitted(self, device: DeviceId) -> bool:
        """Whether a device is enrolled and not revoked; a stranger is not."""

        def select(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "SELECT revoked_at IS NULL FROM device WHERE id = ?", (device,)
            ).fetchone()
            return bool(row and row[0])

        return await self._database.run(select)

    async def revoke(self, device: DeviceId, *, at: datetime) -> None:
        """Refuse a device from its next call on.

        Raises:
            NotFound: No such device.
        """

        def update(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE device SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
                (at.isoformat(), device),
            ).rowcount

        if not await self._database.run(update):
            raise NotFound(f"no device {device!r} is enrolled here")

    async def note_head(self, device: DeviceId, *, position: int, head_mac: bytes) -> None:
        """Keep the newest ledger head of a device; an older one does not replace it."""

        def update(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE device SET ledger_position = ?, ledger_head_mac = ?"
                " WHERE id = ? AND coalesce(ledger_position, -1) < ?",
                (position, head_mac, device, position),
            )

        await self._database.run(update)

    async def all(self) -> list[DeviceRecord]:
        """Return every device, by id."""

        def select(connection: sqlite3.Connection) -> list[DeviceRecord]:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM device ORDER BY id")  # noqa: S608 - a constant
            return [DeviceRecord(*row) for row in rows]

        return await self._database.run(select)

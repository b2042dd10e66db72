"""Which devices are enrolled, whose they are, and the newest certificate of each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, literal, select, update

from cloud.stores.access_version import raise_version
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import Moment
from cloud.stores.tables import device as table
from cloud.stores.tenants import require_tenant
from runtime.errors import NotFound
from runtime.ids import DeviceId

__all__ = ["DeviceRecord", "DeviceStore", "write_device"]

_ALL: Final = select(
    table.c.id,
    table.c.tenant,
    table.c.serial,
    table.c.enrolled_at,
    table.c.expires_at,
    table.c.revoked_at,
    table.c.ledger_position,
).order_by(table.c.id)
_TENANT: Final = select(table.c.tenant).where(table.c.id == bindparam("wanted"))
_AUTHORITY: Final = select(table.c.authority).where(table.c.id == bindparam("wanted"))


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

    async def revoke(self, device: DeviceId, act: Act) -> None:
        """Refuse a device from now on; a second time changes nothing.

        Raises:
            NotFound: No such device.
        """
        change = update(table).where(table.c.id == device)
        change = change.values(
            revoked_at=func.coalesce(table.c.revoked_at, literal(act.at, Moment))
        )

        def revoke(connection: Connection) -> None:
            tenant = _tenant_of(connection, device)
            connection.execute(change)
            raise_version(connection)
            write_act(connection, act, "device_revoked", device, tenant=tenant)

        await self._database.run(revoke, is_durable=True)

    async def assign(self, device: DeviceId, tenant: str, act: Act) -> None:
        """Give a device to a tenant: from now on its calls count there.

        Raises:
            NotFound: No such device, or no such tenant.
        """
        change = update(table).where(table.c.id == device).values(tenant=tenant)

        def assign(connection: Connection) -> None:
            _tenant_of(connection, device)
            require_tenant(connection, tenant)
            connection.execute(change)
            raise_version(connection)
            write_act(connection, act, "device_assigned", device, tenant=tenant)

        await self._database.run(assign, is_durable=True)

    async def note_certificate(
        self, device: DeviceId, *, serial: str, expires_at: datetime, authority: str
    ) -> None:
        """Remember the certificate that a device is answered with, and whose it is."""

        def note(connection: Connection) -> None:
            _certified(connection, device, serial, expires_at, authority)

        await self._database.run(note)

    async def note_recovery(
        self, device: DeviceId, act: Act, *, serial: str, expires_at: datetime, authority: str
    ) -> None:
        """Remember the certificate that a device is answered with for a proof of its old key."""

        def note(connection: Connection) -> None:
            tenant = _tenant_of(connection, device)
            _certified(connection, device, serial, expires_at, authority)
            write_act(connection, act, "device_recovered", device, tenant=tenant)

        await self._database.run(note, is_durable=True)

    async def note_shown(self, device: DeviceId, serial: str) -> None:
        """Note that a device has shown its newest certificate: it knows whose that is.

        Until then the answer that brought it may have been lost on the way.
        """
        change = update(table).where(table.c.id == device, table.c.serial == serial)

        def note(connection: Connection) -> None:
            connection.execute(change.values(authority=table.c.certified_by))
            raise_version(connection)

        await self._database.run(note)

    async def all(self) -> list[DeviceRecord]:
        """Return every device, by id."""

        def list_all(connection: Connection) -> list[DeviceRecord]:
            return [DeviceRecord(*row) for row in connection.execute(_ALL)]

        return await self._database.read(list_all)


def write_device(
    connection: Connection,
    device: DeviceId,
    act: Act,
    *,
    tenant: str,
    serial: str,
    expires_at: datetime,
    authority: str,
    is_repeat: bool = False,
) -> None:
    """Remember a device and its certificate, in the transaction that uses its token up.

    Args:
        connection: Of that transaction.
        device: Its name.
        act: Who does it, when.
        tenant: Whose it is.
        serial: Of the certificate, hexadecimal.
        expires_at: When that ends.
        authority: Whose it is.
        is_repeat: Whether the device is there already and asks again, because no answer came.
    """
    if is_repeat:
        _certified(connection, device, serial, expires_at, authority)
        write_act(connection, act, "device_enrolled_again", device, tenant=tenant)
        return
    connection.execute(
        insert(table).values(
            id=device,
            tenant=tenant,
            serial=serial,
            enrolled_at=act.at,
            expires_at=expires_at,
            authority=authority,
            certified_by=authority,
        )
    )
    raise_version(connection)
    write_act(connection, act, "device_enrolled", device, tenant=tenant)


def _certified(
    connection: Connection, device: DeviceId, serial: str, expires_at: datetime, authority: str
) -> None:
    values = {"serial": serial, "expires_at": expires_at, "certified_by": authority}
    mine = table.c.id == device
    connection.execute(update(table).where(mine).values(values))
    if connection.execute(_AUTHORITY, {"wanted": device}).scalar() != authority:
        raise_version(connection)  # replicas are to look whether it shows this certificate


def _tenant_of(connection: Connection, device: DeviceId) -> str:
    tenant: str | None = connection.execute(_TENANT, {"wanted": device}).scalar_one_or_none()
    if tenant is None:
        raise NotFound(f"no device {device!r} is enrolled here")
    return tenant

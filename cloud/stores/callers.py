"""What the gateway must know of a caller to serve it: one look-up for each kind."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select

from cloud.stores.tables import api_key, device, tenant
from runtime.ids import ModelName

__all__ = ["KnownDevice", "KnownKey", "find_device", "find_key"]

_KEY: Final = (
    select(
        api_key.c.id,
        api_key.c.tenant,
        api_key.c.secret_hash,
        api_key.c.models,
        api_key.c.expires_at,
        api_key.c.revoked_at,
        tenant.c.disabled_at,
    )
    .join(tenant, tenant.c.id == api_key.c.tenant)
    .where(api_key.c.id == bindparam("wanted"))
)
_DEVICE: Final = (
    select(device.c.id, device.c.tenant, device.c.revoked_at, tenant.c.disabled_at)
    .add_columns(device.c.serial, device.c.authority, device.c.certified_by)
    .join(tenant, tenant.c.id == device.c.tenant)
    .where(device.c.id == bindparam("wanted"))
)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as its caller is judged by."""

    id: str
    tenant: str
    secret_hash: bytes = field(repr=False)
    models: frozenset[ModelName] | None
    """The only aliases it may use; None for all."""
    expires_at: datetime | None
    is_revoked: bool
    is_tenant_disabled: bool


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device as its caller is judged by."""

    id: str
    tenant: str
    is_revoked: bool
    is_tenant_disabled: bool
    awaited_serial: str = ""
    """Of the certificate by which it would show that it knows the newest authority; else empty."""


def find_key(connection: Connection, key_id: str) -> KnownKey | None:
    """Return the key of that id, whatever its state."""
    row = connection.execute(_KEY, {"wanted": key_id}).first()
    if row is None:
        return None
    models = None if row.models is None else frozenset(map(ModelName, json.loads(row.models)))
    return KnownKey(
        id=row.id,
        tenant=row.tenant,
        secret_hash=bytes(row.secret_hash),
        models=models,
        expires_at=row.expires_at,
        is_revoked=row.revoked_at is not None,
        is_tenant_disabled=row.disabled_at is not None,
    )


def find_device(connection: Connection, device_id: str) -> KnownDevice | None:
    """Return the device of that id, whatever its state."""
    row = connection.execute(_DEVICE, {"wanted": device_id}).first()
    if row is None:
        return None
    is_told = row.certified_by is None or row.certified_by == row.authority
    return KnownDevice(
        row.id,
        row.tenant,
        is_revoked=row.revoked_at is not None,
        is_tenant_disabled=row.disabled_at is not None,
        awaited_serial="" if is_told else row.serial,
    )

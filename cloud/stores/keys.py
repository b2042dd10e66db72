"""API keys: made, listed, rotated and revoked; shown once, kept as hashes."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, literal, or_, select, update

from cloud.stores import key_text
from cloud.stores.access_version import raise_version
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import Moment
from cloud.stores.tables import api_key as table
from cloud.stores.tables import tenant as tenants
from cloud.stores.tenants import require_tenant
from runtime.errors import NotFound, RequestInvalid

__all__ = ["KeyRecord", "KeyStore", "NewKey"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}", re.ASCII)
_COLUMNS: Final = (
    table.c.id,
    table.c.tenant,
    table.c.name,
    table.c.models,
    table.c.created_at,
    table.c.expires_at,
    table.c.revoked_at,
    table.c.replaced_by,
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key, without its secret."""

    id: str
    tenant: str
    name: str
    """What the operator calls it."""
    models: tuple[str, ...] | None
    """The only aliases it may use; None for all."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None
    """The key that it was rotated into."""

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; its text exists nowhere else."""

    text: str = field(repr=False)
    record: KeyRecord


class KeyStore:
    """Keys in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        act: Act,
        *,
        tenant: str,
        models: Sequence[str] | None = None,
        lifetime: timedelta | None = None,
    ) -> NewKey:
        """Make a key.

        Args:
            name: What to call it.
            act: Who makes it, when.
            tenant: Whose it is.
            models: The only aliases it may use; None for all.
            lifetime: How long it is good; None for ever.

        Raises:
            NotFound: No such tenant.
            RequestInvalid: The name cannot name a key.
        """
        if not _NAME.fullmatch(name):
            reason = "a key's name has at most 80 letters, digits and . _ @ -"
            raise RequestInvalid(reason, field="name")
        expires_at = None if lifetime is None else act.at + lifetime
        allowed = None if models is None else tuple(sorted(set(models)))
        minted = key_text.mint()
        record = KeyRecord(minted.id, tenant, name, allowed, act.at, expires_at, None, None)

        def create(connection: Connection) -> None:
            require_tenant(connection, tenant)
            _insert(connection, record, minted.secret)
            write_act(connection, act, "key_created", record.id, tenant=tenant)

        await self._database.run(create, is_durable=True)
        return NewKey(minted.text, record)

    async def rotate(self, key_id: str, act: Act, *, overlap: timedelta) -> NewKey:
        """Make a key like another, which ends when ``overlap`` is over, or when it ended anyway.

        Raises:
            NotFound: No such key.
            RequestInvalid: It is revoked, expired or rotated already.
        """
        minted = key_text.mint()

        def rotate(connection: Connection) -> KeyRecord:
            old = _find(connection, key_id)
            if not old.is_live(act.at) or old.replaced_by is not None:
                reason = f"key {key_id} is revoked, expired or rotated already; make a new one"
                raise RequestInvalid(reason, field="key")
            new = KeyRecord(
                minted.id, old.tenant, old.name, old.models, act.at, old.expires_at, None, None
            )
            _insert(connection, new, minted.secret)
            ends = act.at + overlap
            expires_at = ends if old.expires_at is None else min(ends, old.expires_at)
            change = update(table).where(table.c.id == key_id)
            connection.execute(change.values(expires_at=expires_at, replaced_by=new.id))
            raise_version(connection)
            write_act(connection, act, "key_rotated", key_id, tenant=old.tenant)
            return new

        record = await self._database.run(rotate, claims=[f"key:{key_id}"], is_durable=True)
        return NewKey(minted.text, record)

    async def revoke(self, key_id: str, act: Act) -> None:
        """Refuse a key from now on; a second time changes nothing.

        Raises:
            NotFound: No such key.
        """
        change = update(table).where(table.c.id == key_id)
        change = change.values(
            revoked_at=func.coalesce(table.c.revoked_at, literal(act.at, Moment))
        )

        def revoke(connection: Connection) -> None:
            tenant = _find(connection, key_id).tenant
            connection.execute(change)
            raise_version(connection)
            write_act(connection, act, "key_revoked", key_id, tenant=tenant)

        await self._database.run(revoke, is_durable=True)

    async def all(self, *, tenant: str | None = None) -> list[KeyRecord]:
        """Return every key, or a tenant's, oldest first."""
        wanted = select(*_COLUMNS).order_by(table.c.created_at, table.c.id)
        if tenant is not None:
            wanted = wanted.where(table.c.tenant == tenant)

        def list_all(connection: Connection) -> list[KeyRecord]:
            return [_record(row) for row in connection.execute(wanted)]

        return await self._database.read(list_all)

    async def has_live(self, now: datetime) -> bool:
        """Whether there is any key that would be served at ``now``."""
        wanted = (
            select(table.c.id)
            .join(tenants, tenants.c.id == table.c.tenant)
            .where(
                table.c.revoked_at.is_(None),
                or_(table.c.expires_at.is_(None), table.c.expires_at > now),
                tenants.c.disabled_at.is_(None),
            )
            .limit(1)
        )
        return await self._database.read(lambda c: c.execute(wanted).first() is not None)


def _insert(connection: Connection, record: KeyRecord, secret: str) -> None:
    connection.execute(
        insert(table).values(
            id=record.id,
            tenant=record.tenant,
            name=record.name,
            secret_hash=key_text.digest(secret),
            models=None if record.models is None else json.dumps(record.models),
            created_at=record.created_at,
            expires_at=record.expires_at,
        )
    )


def _find(connection: Connection, key_id: str) -> KeyRecord:
    row = connection.execute(select(*_COLUMNS).where(table.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"there is no key {key_id!r}; `leeward cloud key list` shows all")
    return _record(row)


def _record(row: Any) -> KeyRecord:
    models = None if row.models is None else tuple(json.loads(row.models))
    return KeyRecord(**{**row._asdict(), "models": models})

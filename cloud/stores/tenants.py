"""Tenants: whose keys, devices, budgets and cached answers are kept apart."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Select, insert, select, update

from cloud.stores.access_version import raise_version
from cloud.stores.audit import Act, write_act
from cloud.stores.database import Database
from cloud.stores.tables import tenant as table
from runtime.errors import NotFound, RequestInvalid

__all__ = ["TenantRecord", "TenantStore", "require_tenant"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_ALL: Final = select(table.c.id, table.c.created_at, table.c.disabled_at).order_by(table.c.id)


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """One tenant."""

    id: str
    created_at: datetime
    disabled_at: datetime | None
    """Since when none of its keys and devices is served; None while they are."""


class TenantStore:
    """Tenants in the gateway's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, act: Act) -> None:
        """Make a tenant.

        Raises:
            RequestInvalid: The name is taken, or cannot name a tenant.
        """
        if not _NAME.fullmatch(name):
            reason = "a tenant's name starts with a-z and has at most 40 of a-z, 0-9, - and _"
            raise RequestInvalid(reason, field="tenant")

        def create(connection: Connection) -> None:
            if connection.execute(_find(name)).first() is not None:
                raise RequestInvalid(f"there is a tenant {name} already", field="tenant")
            connection.execute(insert(table).values(id=name, created_at=act.at))
            write_act(connection, act, "tenant_created", name, tenant=name)

        await self._database.run(create, claims=["tenants"], is_durable=True)

    async def disable(self, name: str, act: Act) -> None:
        """Serve none of a tenant's keys and devices any more, until it is enabled again.

        Raises:
            NotFound: No such tenant.
        """
        await self._change(name, act, "tenant_disabled", disabled_at=act.at)

    async def enable(self, name: str, act: Act) -> None:
        """Serve a tenant's keys and devices again.

        Raises:
            NotFound: No such tenant.
        """
        await self._change(name, act, "tenant_enabled", disabled_at=None)

    async def all(self) -> list[TenantRecord]:
        """Return every tenant, by name."""

        def list_all(connection: Connection) -> list[TenantRecord]:
            return [TenantRecord(*row) for row in connection.execute(_ALL)]

        return await self._database.read(list_all)

    async def _change(
        self, name: str, act: Act, action: str, *, disabled_at: datetime | None
    ) -> None:
        def change(connection: Connection) -> None:
            require_tenant(connection, name)
            connection.execute(
                update(table).where(table.c.id == name).values(disabled_at=disabled_at)
            )
            raise_version(connection)
            write_act(connection, act, action, name, tenant=name)

        await self._database.run(change, is_durable=True)


def require_tenant(connection: Connection, name: str) -> None:
    """Check that a tenant is there.

    Raises:
        NotFound: It is not.
    """
    if connection.execute(_find(name)).first() is None:
        raise NotFound(f"there is no tenant {name!r}; `leeward cloud tenant create` makes one")


def _find(name: str) -> Select[tuple[str]]:
    return select(table.c.id).where(table.c.id == name)

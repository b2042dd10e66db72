"""Whether a tenant, a key or a device of some name is there."""

from typing import Final

from sqlalchemy import select

from cloud.stores import tables
from cloud.stores.database import Database

__all__ = ["is_known"]

_TABLES: Final = {"tenant": tables.tenant, "key": tables.api_key, "device": tables.device}


async def is_known(database: Database, dimension: str, id_: str) -> bool:
    """Whether one is there, served or not."""
    table = _TABLES[dimension]
    wanted = select(table.c.id).where(table.c.id == id_)
    return await database.read(lambda connection: connection.execute(wanted).first() is not None)

"""Join tokens of earlier releases, which kept them in a file of their own.

Tokens that are still good are carried into the store at the first start, so that devices on their
way with one are not turned back. The file stays beside, renamed.
"""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select

from cloud.stores.database import Database
from cloud.stores.tables import DEFAULT_TENANT
from cloud.stores.tables import join_token as table
from runtime.clock import Clock
from runtime.errors import ConfigInvalid

__all__ = ["adopt_tokens"]

_Row = tuple[str, bytes, str, datetime]
_READ: Final = (
    "SELECT token_id, secret_hash, device_id, expires_at FROM join_tokens WHERE used_at IS NULL"
)


async def adopt_tokens(path: Path, database: Database, *, clock: Clock) -> None:
    """Carry the good tokens of ``path``, if there is such a file, into the store.

    Raises:
        ConfigInvalid: The file is damaged; says what to do.
    """
    rows = await asyncio.to_thread(_read, path)
    if rows is None:
        return
    now = clock.now()

    def adopt(connection: Connection) -> None:
        for token_id, secret_hash, device, expires_at in rows:
            known = select(table.c.id).where(table.c.id == token_id)
            if expires_at > now and connection.execute(known).first() is None:
                connection.execute(
                    insert(table).values(
                        id=token_id,
                        tenant=DEFAULT_TENANT,
                        secret_hash=secret_hash,
                        device=device,
                        expires_at=expires_at,
                    )
                )

    await database.run(adopt, is_durable=True)
    await asyncio.to_thread(path.rename, path.with_name(f"{path.name}.adopted"))


def _read(path: Path) -> list[_Row] | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # what is in its log, into the file
            rows = connection.execute(_READ).fetchall()
        return [(row[0], row[1], row[2], datetime.fromisoformat(row[3])) for row in rows]
    except (sqlite3.Error, ValueError) as error:
        reason = "is damaged; remove it, and give the devices new tokens"
        raise ConfigInvalid(reason, file=str(path)) from error

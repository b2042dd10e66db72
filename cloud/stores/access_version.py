"""A number that goes up with every change to who may call.

Replicas remember callers for a moment; by this number they know when to ask again.
"""

from typing import Final

from sqlalchemy import Connection, select, update

from cloud.stores.tables import access_version as table

__all__ = ["raise_version", "read_version"]

_READ: Final = select(table.c.version)
_RAISE: Final = update(table).values(version=table.c.version + 1)


def raise_version(connection: Connection) -> None:
    """Tell every replica, once the transaction is committed, that callers have changed."""
    connection.execute(_RAISE)


def read_version(connection: Connection) -> int:
    """Return the number of changes so far."""
    version: int = connection.execute(_READ).scalar_one()
    return version

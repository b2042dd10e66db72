"""The store on a PostgreSQL server, which several gateways may share.

READ COMMITTED, with claims as advisory locks: the lock is the transaction's first statement, so
that every later one sees what the former holder of the lock committed. Under REPEATABLE READ the
wait for the lock would already have fixed what is seen, and every wait would end in a retry. Claims
are taken in order, so that transactions that claim what they touch never deadlock.

Commits do not wait for the server's disk unless a work asks to be durable; a crash of the server
can take the last half second of them, and never leaves a part of one (ADR 0012).
"""

import hashlib
from collections.abc import Set as AbstractSet
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from cloud.stores import schema
from cloud.stores.failures import unavailable
from runtime.errors import ConfigInvalid

__all__ = ["PostgresDriver"]

_SETTINGS: Final = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "synchronous_commit": "off",
}
_CONNECT_TIMEOUT_S: Final = 5
_SILENCE_MS: Final = 15_000
"""After which a server that acknowledges nothing counts as gone."""
_RETRIED: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: PostgreSQL asks to run the transaction again."""
_CLAIM: Final = text("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key")
_DURABLE: Final = text("SET LOCAL synchronous_commit = on")
_MIGRATION: Final = text("SELECT pg_advisory_xact_lock(:key)")
_FIELD: Final = "database"


class PostgresDriver:
    """Connections to one database of one server.

    Args:
        url: ``postgresql://user:password@host/name``; never shown.
        lanes: How many transactions this gateway writes at once.

    Raises:
        ConfigInvalid: The URL is not one of PostgreSQL.
    """

    def __init__(self, url: str, *, lanes: int = 4) -> None:
        self.lanes = lanes
        where = _parse(url)
        self._place = where.render_as_string(hide_password=True)
        self._writer = _engine(where, lanes=lanes)
        self._reader = _engine(where, lanes=2).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def start(self) -> None:
        """Check that the tables are those of this release; changing them is an operator's act.

        Raises:
            ConfigInvalid: They are older, newer, or not there.
            DatabaseUnavailable: The server does not answer.
        """
        try:
            with self._reader.connect() as connection, connection.begin():
                schema.require_newest(connection, place=self._place)
        except SQLAlchemyError as error:
            raise unavailable(error, place=self._place) from None

    def migrate(self, version: str) -> str | None:
        """Bring the tables to a version, up or down, and return the one they had.

        Of several that try, one goes after the other.

        Raises:
            ConfigInvalid: A newer release made the tables, or there is no such version.
            DatabaseUnavailable: The server does not answer, or does not allow it.
        """
        try:
            with self._writer.connect() as connection, connection.begin():
                # A large table takes its time, and so may whoever migrates before us.
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
                connection.execute(_MIGRATION, {"key": _key("migration")})
                return schema.migrate(connection, version, place=self._place)
        except SQLAlchemyError as error:
            raise unavailable(error, place=self._place) from None

    def writer(self) -> Connection:
        """Return a connection whose transactions may write."""
        return self._writer.connect()

    def reader(self) -> Connection:
        """Return a connection whose transactions see one moment and cannot write."""
        return self._reader.connect()

    def claim(self, connection: Connection, claims: AbstractSet[str], *, is_durable: bool) -> None:
        """Wait for the claims, in one order for all."""
        if claims:
            keys = sorted(_key(f"claim:{claim}") for claim in claims)
            connection.execute(_CLAIM, {"keys": keys})
        if is_durable:
            connection.execute(_DURABLE)

    def committed(self, *, is_durable: bool) -> None:
        """Nothing: the commit has waited for the server's disk if it had to."""

    def is_conflict(self, error: DBAPIError) -> bool:
        """Whether PostgreSQL asks to run the transaction again."""
        return getattr(error.orig, "sqlstate", None) in _RETRIED

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()
        self._writer.dispose()


def _parse(url: str) -> URL:
    try:
        where = make_url(url.strip())
    except (ArgumentError, ValueError):
        reason = "is not a URL; write postgresql://user:password@host/name"
        raise ConfigInvalid(reason, field=_FIELD) from None
    if where.get_backend_name() != "postgresql":
        reason = f'"{where.get_backend_name()}" is not served; write postgresql://..., or none'
        raise ConfigInvalid(reason, field=_FIELD)
    return where.set(drivername="postgresql+psycopg")


def _engine(url: URL, *, lanes: int) -> Engine:
    settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    own = url.query.get("options", "")
    try:
        return create_engine(
            url,
            pool_size=lanes,
            max_overflow=1,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_S,
                "tcp_user_timeout": _SILENCE_MS,
                "application_name": "leeward-gateway",
                "options": f"{settings} {own}".strip(),
            },
        )
    except ImportError:
        reason = "needs the driver of PostgreSQL: install leeward[cloud,postgres]"
        raise ConfigInvalid(reason, field=_FIELD) from None


def _key(name: str) -> int:
    """Return the advisory lock of a name: 64 bits, as PostgreSQL wants them."""
    digest = hashlib.blake2b(f"leeward:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)

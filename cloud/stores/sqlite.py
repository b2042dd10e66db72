"""The store in one SQLite file: the default, for a gateway of one process.

Commits do not wait for the disk. In WAL mode with ``synchronous=NORMAL`` a committed transaction
outlives the death of every process at once, and a power failure never damages the file, but may
take the newest transactions. A thread therefore syncs the log every second, and works that ask to
be durable (a revocation, a redeemed token) wait for their own sync. ``synchronous=FULL`` would make
every call wait for the disk twice, some 6 ms each on an ordinary one (ADR 0012).
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from cloud.stores import schema
from runtime.errors import ConfigInvalid
from runtime.private_files import sync_directory

__all__ = ["SqliteDriver"]

_logger: Final = logging.getLogger("leeward.cloud.stores")
_BUSY_TIMEOUT_MS: Final = 5_000
_SYNC_INTERVAL_S: Final = 1.0
_CHECKPOINT_BYTES: Final = 4 * 2**20
_RESTART_BYTES: Final = 64 * 2**20
_LEGACY_VERSION: Final = 1
"""``PRAGMA user_version`` of files from before there was a history of migrations."""
_FOREIGN_VERSION: Final = 1_000
"""Written so that those releases refuse a file that they would misread."""


class SqliteDriver:
    """A file, its directory's permissions, and one thread that looks after its log.

    Args:
        path: The file; made, readable by its owner only, where there is none.
        sync_interval_s: How long a commit may wait for the disk.
    """

    lanes: Final = 1  # SQLite has one writer at a time; more threads would only wait for each other

    def __init__(self, path: Path, *, sync_interval_s: float = _SYNC_INTERVAL_S) -> None:
        self._path = path
        self._writer = _engine(path, begin="BEGIN IMMEDIATE")
        self._reader = _engine(path, begin="BEGIN", is_read_only=True)
        self._log = _LogKeeper(path, self._writer, interval_s=sync_interval_s)

    def start(self) -> None:
        """Make the file where there is none, and bring its tables up to date.

        Raises:
            ConfigInvalid: The file cannot be used, or a newer release wrote it.
        """
        if not self._is_newest():
            self.migrate(schema.NEWEST)
        self._log.start()

    def migrate(self, version: str) -> str | None:
        """Bring the tables to a version, up or down, and return the one they had.

        Raises:
            ConfigInvalid: The file cannot be used, a newer release wrote it, or there is no such
                version.
        """
        try:
            _make(self._path)
            with self._writer.connect() as connection, connection.begin():
                _adopt(connection)
                before = schema.migrate(connection, version, place=str(self._path))
                seen = _LEGACY_VERSION if version == schema.OLDEST else _FOREIGN_VERSION
                connection.exec_driver_sql(f"PRAGMA user_version={seen}")
                return before
        except (OSError, SQLAlchemyError) as error:
            cause = type(getattr(error, "orig", None) or error).__name__
            reason = f"cannot be used as the gateway's database ({cause})"
            raise ConfigInvalid(reason, file=str(self._path)) from error

    def _is_newest(self) -> bool:
        """Whether there is nothing to migrate; looks without the write lock, which may be busy."""
        if not self._path.exists():
            return False
        try:
            with self.reader() as connection, connection.begin():
                return schema.version_of(connection) == schema.versions()[-1]
        except SQLAlchemyError:
            return False  # what is wrong with it, migrating will say

    def writer(self) -> Connection:
        """Return a connection whose transactions take the write lock at once."""
        return self._writer.connect()

    def reader(self) -> Connection:
        """Return a connection that cannot write."""
        return self._reader.connect()

    def claim(self, connection: Connection, claims: AbstractSet[str], *, is_durable: bool) -> None:
        """Nothing: the write lock is every claim at once."""

    def committed(self, *, is_durable: bool) -> None:
        """Sync the log now, or leave it to the thread."""
        if is_durable:
            self._log.sync()
        else:
            self._log.note()

    def is_conflict(self, error: DBAPIError) -> bool:
        """Never: who has the write lock is not disturbed."""
        return False

    def close(self) -> None:
        """Sync the log and close the file."""
        self._log.stop()
        self._reader.dispose()
        self._writer.dispose()


class _LogKeeper:
    """Syncs the write-ahead log and moves it into the file, so that no commit has to."""

    def __init__(self, path: Path, engine: Engine, *, interval_s: float) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._engine = engine
        self._interval_s = interval_s
        self._is_behind = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leeward-store-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self) -> None:
        """Take note that there is something to sync."""
        if not self._is_behind.is_set():
            self._is_behind.set()

    def sync(self) -> None:
        """Make every commit so far durable."""
        try:
            descriptor = os.open(self._log, os.O_RDWR)
        except FileNotFoundError:
            return  # whoever closed the file last has moved the log in, and synced it
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._is_behind.is_set():
            self.sync()

    def _keep(self) -> None:
        while not self._stopping.wait(self._interval_s):
            try:
                if self._is_behind.is_set():
                    self._is_behind.clear()
                    self.sync()
                self._shorten()
            except (OSError, SQLAlchemyError, sqlite3.Error) as error:
                self._is_behind.set()
                _logger.error("store_sync_failed", extra={"error": type(error).__name__})

    def _shorten(self) -> None:
        size = self._log.stat().st_size if self._log.exists() else 0
        if size < _CHECKPOINT_BYTES:
            return
        # PASSIVE never makes a writer wait; under writes without a pause it may never be through.
        mode = "PASSIVE" if size < _RESTART_BYTES else "TRUNCATE"
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - a connection that was just made has one
            driver.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Never opened where it exists: closing it would end the locks of this process's connections.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        sync_directory(path.parent)


def _adopt(connection: Connection) -> None:
    """Take over a file from before there was a history of migrations."""
    seen = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if seen == _LEGACY_VERSION and schema.version_of(connection) is None:
        schema.stamp(connection, schema.OLDEST)


def _engine(path: Path, *, begin: str, is_read_only: bool = False) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # Readers are few and kept; writers are the one lane, the migration and the log's keeper.
        poolclass=QueuePool if is_read_only else NullPool,
        connect_args={"check_same_thread": False, "isolation_level": None},
        hide_parameters=True,
    )

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        if is_read_only:
            connection.execute("PRAGMA query_only=ON")
            return
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine

"""One SQLite file in WAL mode, used from one thread of its own.

Knows how to open, migrate and run statements off the event loop; knows no table.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from runtime.errors import ConfigInvalid

__all__ = ["Database"]

_Result = TypeVar("_Result")
_BUSY_TIMEOUT_MS = 5_000

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE usage (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        device TEXT NOT NULL,
        model TEXT NOT NULL,
        graph TEXT NOT NULL,
        request_id TEXT NOT NULL,
        plan_id TEXT NOT NULL,
        step_id TEXT NOT NULL,
        status TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL,
        estimated INTEGER NOT NULL,
        latency_s REAL NOT NULL
    );
    CREATE INDEX usage_by_device ON usage (device, at);
    CREATE TABLE device (
        id TEXT PRIMARY KEY,
        serial TEXT NOT NULL,
        enrolled_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        revoked_at TEXT,
        ledger_position INTEGER,
        ledger_head_mac BLOB
    );
    """,
)
"""Applied in order; ``PRAGMA user_version`` says how many a file has seen."""


class Database:
    """A SQLite file and the one thread that touches it."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open ``path``, creating and migrating it as needed; the file is readable by us only.

        Raises:
            ConfigInvalid: The file cannot be opened, or a newer release wrote it.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leeward-sqlite")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _open, path)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(connection, thread)

    async def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run ``work`` in the database's thread, as one transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def close(self) -> None:
        """Close the file after what is queued."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    def _transact(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        with self._connection:
            return work(self._connection)


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        _migrate(connection, path)
    except (OSError, sqlite3.Error) as error:
        reason = f"cannot be used as the gateway's database ({type(error).__name__})"
        raise ConfigInvalid(reason, file=str(path)) from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (seen,) = connection.execute("PRAGMA user_version").fetchone()
    if seen > len(MIGRATIONS):
        raise ConfigInvalid("was written by a newer release of leeward", file=str(path))
    for number, script in enumerate(MIGRATIONS[seen:], start=seen + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version={number}; COMMIT;")

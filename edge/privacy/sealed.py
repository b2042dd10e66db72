"""A SQLite file whose contents only the device's data key opens.

The key file lies beside it. Knows keys, transactions and rotation; its owner says which tables
there are, and how their rows are sealed anew. Every call blocks on disk and may be made from any
thread; a lock orders them.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.privacy.keyring import DataKey, Keyring
from runtime.errors import VaultLocked

__all__ = ["Reseal", "SealedDatabase"]

_META: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
Reseal = Callable[[sqlite3.Connection, DataKey, DataKey], None]
"""Opens every row with the first key and seals it with the second, within a transaction."""


class SealedDatabase:
    """One database, its key, and the change from one key to the next.

    Args:
        folder: Holds database and key file; made with mode 0700 when absent.
        name: What it is: ``vault``; names the files, and errors speak of it so.
        schema: Makes its tables where they are absent.
        first_table: A table that is empty as long as nothing has been kept.
        reseal: Seals all rows anew.

    Raises:
        VaultLocked: The key is missing or does not fit, or the database is damaged. Nothing is
            ever created over an existing database.
    """

    def __init__(
        self, folder: Path, *, name: str, schema: str, first_table: str, reseal: Reseal
    ) -> None:
        self._folder = folder
        self._name = name
        self._first_table = first_table
        self._reseal = reseal
        self._lock = threading.Lock()
        self._keyring = Keyring(folder / f"{name}.keys")
        path = folder / f"{name}.sqlite"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not path.exists()
        if is_new and not self._keyring.exists:
            self.key = self._keyring.create()
        keys = self._keyring.load()
        self.key = keys[0]
        """The key in use."""
        self.connection = self._connect(path, _META + schema)
        try:
            with self.transaction():
                self._unlock(keys, is_new=is_new)
            if len(keys) > 1:
                self._keyring.store(self.key)  # a rotation that was cut off is now complete
        except BaseException:
            self.connection.close()
            raise

    def rotate(self) -> str:
        """Encrypt everything anew under a fresh key, remove the old one, return the new id.

        A crash at any moment leaves either key file sufficient to open the database; the next
        start completes the rotation.
        """
        old, fresh = self.key, Keyring.new_key()
        self._keyring.store(fresh, old)
        with self.transaction():
            self._seal_anew(old, fresh)
        self.key = fresh
        self._keyring.store(fresh)
        self.scrub()
        return fresh.id

    def scrub(self) -> None:
        """Fold the write-ahead log into the database and empty it."""
        with self._lock, self._named_errors():
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the database; the log is folded into it."""
        with self._lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of a block, durably, or nothing of it."""
        with self._lock, self._named_errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def _unlock(self, keys: list[DataKey], *, is_new: bool) -> None:
        """Find the key that fits, and complete a rotation that was cut off."""
        active = keys[0]
        row = self.connection.execute("SELECT value FROM meta WHERE name = 'check'").fetchone()
        if row is None:
            used = f"SELECT 1 FROM {self._first_table}"  # noqa: S608 - a constant of the owner
            if not is_new and self.connection.execute(used).fetchone():
                raise VaultLocked(f"{self._name} {self._folder} is damaged: no key check")
            self._write_check(active)
        elif not self._opens(active, row[0]):
            fitting = next((key for key in keys[1:] if self._opens(key, row[0])), None)
            if fitting is None:
                raise VaultLocked(f"key {active.id} does not fit {self._name} {self._folder}")
            self._seal_anew(fitting, active)
        self.key = active

    def _seal_anew(self, old: DataKey, fresh: DataKey) -> None:
        self._reseal(self.connection, old, fresh)
        self._write_check(fresh)

    def _write_check(self, key: DataKey) -> None:
        self.connection.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('check', ?)",
            (key.seal(self._check, self._check),),
        )

    @property
    def _check(self) -> bytes:
        return f"leeward {self._name}".encode()

    def _opens(self, key: DataKey, sealed: bytes) -> bool:
        try:
            return key.open(sealed, self._check) == self._check
        except VaultLocked:
            return False

    def _connect(self, path: Path, schema: str) -> sqlite3.Connection:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # before SQLite makes it wider
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=2.0
        )
        try:
            with self._named_errors():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA temp_store = MEMORY")
                connection.executescript(schema)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise VaultLocked(
                f"{self._name} {self._folder} cannot be used ({error}); if it is damaged, move it"
                " aside to start with an empty one"
            ) from error

"""Placeholder to original, per session, encrypted at rest.

One SQLite file. On disk stand only: a keyed digest of the session's name, the placeholder (a
kind and an ordinal), ciphertext bound to both, and when it expires. Every call blocks on disk
and may be made from any thread; a lock orders them.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge.privacy.book import Entry
from edge.privacy.keyring import DataKey, Keyring
from runtime.clock import Clock
from runtime.errors import VaultLocked
from runtime.ids import SessionId

__all__ = ["Vault"]

_DATABASE: Final = "vault.sqlite"
_KEYS: Final = "vault.keys"
_CHECK: Final = b"leeward vault"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    session BLOB NOT NULL,
    placeholder TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_s REAL NOT NULL,
    UNIQUE (session, placeholder)
);
CREATE INDEX IF NOT EXISTS entries_expiry ON entries (expires_s);
"""


class Vault:
    """The originals of this device's sessions.

    Args:
        folder: Holds database and key file; made with mode 0700 when absent.
        clock: Tells when a session has expired.
        ttl_s: How long a session is kept after its last use, seconds.

    Raises:
        VaultLocked: The key is missing or does not fit, or the database is damaged. Nothing is
            ever created over an existing database.
    """

    def __init__(self, folder: Path, *, clock: Clock, ttl_s: float = 24 * 3600.0) -> None:
        self._folder = folder
        self._clock = clock
        self.ttl_s: Final = ttl_s
        """How long a session is kept after its last use, seconds."""
        self._lock = threading.Lock()
        self._keyring = Keyring(folder / _KEYS)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not (folder / _DATABASE).exists()
        if is_new and not self._keyring.exists:
            self._key = self._keyring.create()
        keys = self._keyring.load()
        self._key = keys[0]
        self._connection = _connect(folder / _DATABASE)
        try:
            with self._transaction():
                self._unlock(keys, is_new=is_new)
            if len(keys) > 1:
                self._keyring.store(self._key)  # a rotation that was cut off is now complete
        except BaseException:
            self._connection.close()
            raise

    @property
    def key_id(self) -> str:
        """Name of the key in use."""
        return self._key.id

    def load(self, session: SessionId) -> tuple[Entry, ...]:
        """Return a session's entries in the order in which they were added."""
        index = self._key.index(session)
        with self._transaction():
            rows = self._connection.execute(
                "SELECT placeholder, sealed FROM entries WHERE session = ? AND expires_s > ?"
                " ORDER BY position",
                (index, self._now_s()),
            ).fetchall()
        return tuple(
            Entry(placeholder, _unpack(self._key.open(sealed, _bound(index, placeholder)))[1])
            for placeholder, sealed in rows
        )

    def add(self, session: SessionId, entries: Sequence[Entry]) -> None:
        """Keep new entries, possibly none, and put the session's expiry off; all or nothing."""
        index = self._key.index(session)
        now_s = self._now_s()
        expires_s = now_s + self.ttl_s
        with self._transaction():
            self._connection.execute(
                "DELETE FROM entries WHERE session = ? AND expires_s <= ?", (index, now_s)
            )
            self._connection.executemany(
                "INSERT INTO entries (session, placeholder, sealed, expires_s) VALUES (?, ?, ?, ?)",
                [
                    (index, entry.placeholder, self._seal(index, session, entry), expires_s)
                    for entry in entries
                ],
            )
            self._connection.execute(
                "UPDATE entries SET expires_s = ? WHERE session = ?", (expires_s, index)
            )

    def forget(self, session: SessionId) -> int:
        """Delete a session's entries and overwrite where they stood; return how many."""
        with self._transaction():
            deleted = self._connection.execute(
                "DELETE FROM entries WHERE session = ?", (self._key.index(session),)
            ).rowcount
        self._scrub()
        return deleted

    def purge(self) -> int:
        """Delete what has expired, in the same way; return how many entries."""
        with self._transaction():
            deleted = self._connection.execute(
                "DELETE FROM entries WHERE expires_s <= ?", (self._now_s(),)
            ).rowcount
        self._scrub()
        return deleted

    def rotate(self) -> str:
        """Encrypt everything anew under a fresh key, remove the old one, return the new id.

        A crash at any moment leaves either key file sufficient to open the database; the next
        start completes the rotation.
        """
        old, fresh = self._key, Keyring.new_key()
        self._keyring.store(fresh, old)
        with self._transaction():
            self._reseal(old, fresh)
        self._key = fresh
        self._keyring.store(fresh)
        self._scrub()
        return fresh.id

    def close(self) -> None:
        """Close the database; the log is folded into it."""
        with self._lock:
            self._connection.close()

    def _unlock(self, keys: list[DataKey], *, is_new: bool) -> None:
        """Find the key that fits, and complete a rotation that was cut off."""
        active = keys[0]
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'check'").fetchone()
        if row is None:
            if not is_new and self._connection.execute("SELECT 1 FROM entries").fetchone():
                raise VaultLocked(f"vault {self._folder} is damaged: no key check")
            self._write_check(active)
        elif not _opens(active, row[0]):
            fitting = next((key for key in keys[1:] if _opens(key, row[0])), None)
            if fitting is None:
                raise VaultLocked(f"key {active.id} does not fit vault {self._folder}")
            self._reseal(fitting, active)
        self._key = active

    def _reseal(self, old: DataKey, fresh: DataKey) -> None:
        rows = self._connection.execute(
            "SELECT position, session, placeholder, sealed FROM entries ORDER BY position"
        ).fetchall()
        for position, index, placeholder, sealed in rows:
            plain = old.open(sealed, _bound(index, placeholder))
            moved = fresh.index(_unpack(plain)[0])
            self._connection.execute(
                "UPDATE entries SET session = ?, sealed = ? WHERE position = ?",
                (moved, fresh.seal(plain, _bound(moved, placeholder)), position),
            )
        self._write_check(fresh)

    def _write_check(self, key: DataKey) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('check', ?)",
            (key.seal(_CHECK, _CHECK),),
        )

    def _seal(self, index: bytes, session: SessionId, entry: Entry) -> bytes:
        plain = json.dumps([session, entry.value]).encode()
        return self._key.seal(plain, _bound(index, entry.placeholder))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _scrub(self) -> None:
        """Fold the write-ahead log into the database and empty it."""
        with self._lock, _named_errors(self._folder):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, _named_errors(self._folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # before SQLite makes it wider
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        with _named_errors(path.parent):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise VaultLocked(
            f"vault {folder} cannot be used ({error}); if it is damaged, move it aside to start"
            " with an empty one"
        ) from error


def _opens(key: DataKey, sealed: bytes) -> bool:
    try:
        return key.open(sealed, _CHECK) == _CHECK
    except VaultLocked:
        return False


def _bound(index: bytes, placeholder: str) -> bytes:
    """What a ciphertext is bound to, so that rows cannot be swapped on disk."""
    return index + placeholder.encode()


def _unpack(plain: bytes) -> tuple[str, str]:
    session, value = json.loads(plain)
    return session, value

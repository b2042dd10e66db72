"""Placeholder to original, per session, encrypted at rest.

On disk stand only: a keyed digest of the session's name, the placeholder (a kind and an ordinal),
ciphertext bound to both, and when it expires. Every call blocks on disk and may be made from any
thread.
"""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge.privacy.book import Entry
from edge.privacy.keyring import DataKey
from edge.privacy.sealed import SealedDatabase
from runtime.clock import Clock
from runtime.ids import SessionId

__all__ = ["Vault"]

_SCHEMA: Final = """
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
        self._clock = clock
        self.ttl_s: Final = ttl_s
        """How long a session is kept after its last use, seconds."""
        self._database = SealedDatabase(
            folder, name="vault", schema=_SCHEMA, first_table="entries", reseal=_reseal
        )

    @property
    def key_id(self) -> str:
        """Name of the key in use."""
        return self._database.key.id

    def load(self, session: SessionId) -> tuple[Entry, ...]:
        """Return a session's entries in the order in which they were added."""
        key = self._database.key
        index = key.index(session)
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT placeholder, sealed FROM entries WHERE session = ? AND expires_s > ?"
                " ORDER BY position",
                (index, self._now_s()),
            ).fetchall()
        return tuple(
            Entry(placeholder, _unpack(key.open(sealed, _bound(index, placeholder)))[1])
            for placeholder, sealed in rows
        )

    def add(self, session: SessionId, entries: Sequence[Entry]) -> None:
        """Keep new entries, possibly none, and put the session's expiry off; all or nothing."""
        index = self._database.key.index(session)
        now_s = self._now_s()
        expires_s = now_s + self.ttl_s
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM entries WHERE session = ? AND expires_s <= ?", (index, now_s)
            )
            connection.executemany(
                "INSERT INTO entries (session, placeholder, sealed, expires_s) VALUES (?, ?, ?, ?)",
                [
                    (index, entry.placeholder, self._seal(index, session, entry), expires_s)
                    for entry in entries
                ],
            )
            connection.execute(
                "UPDATE entries SET expires_s = ? WHERE session = ?", (expires_s, index)
            )

    def forget(self, session: SessionId) -> int:
        """Delete a session's entries and overwrite where they stood; return how many."""
        with self._database.transaction() as connection:
            deleted = connection.execute(
                "DELETE FROM entries WHERE session = ?", (self._database.key.index(session),)
            ).rowcount
        self._database.scrub()
        return deleted

    def purge(self) -> int:
        """Delete what has expired, in the same way; return how many entries."""
        with self._database.transaction() as connection:
            deleted = connection.execute(
                "DELETE FROM entries WHERE expires_s <= ?", (self._now_s(),)
            ).rowcount
        self._database.scrub()
        return deleted

    def rotate(self) -> str:
        """Encrypt everything anew under a fresh key, remove the old one, return the new id."""
        return self._database.rotate()

    def close(self) -> None:
        """Close the database; the log is folded into it."""
        self._database.close()

    def _seal(self, index: bytes, session: SessionId, entry: Entry) -> bytes:
        plain = json.dumps([session, entry.value]).encode()
        return self._database.key.seal(plain, _bound(index, entry.placeholder))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def _reseal(connection: sqlite3.Connection, old: DataKey, fresh: DataKey) -> None:
    rows = connection.execute(
        "SELECT position, session, placeholder, sealed FROM entries ORDER BY position"
    ).fetchall()
    for position, index, placeholder, sealed in rows:
        plain = old.open(sealed, _bound(index, placeholder))
        moved = fresh.index(_unpack(plain)[0])
        connection.execute(
            "UPDATE entries SET session = ?, sealed = ? WHERE position = ?",
            (moved, fresh.seal(plain, _bound(moved, placeholder)), position),
        )


def _bound(index: bytes, placeholder: str) -> bytes:
    """What a ciphertext is bound to, so that rows cannot be swapped on disk."""
    return index + placeholder.encode()


def _unpack(plain: bytes) -> tuple[str, str]:
    session, value = json.loads(plain)
    return session, value

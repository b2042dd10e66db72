"""The outbox on the disk: requests in their order, how they stand, and their answers.

One encrypted SQLite file; every change is durable when its method returns. In clear stand numbers
and states alone: keys are keyed digests. Every method blocks on disk.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edge.outbox.call_store import CALLS_SCHEMA, CallStore, reseal_calls
from edge.outbox.lifetime import Mark
from edge.outbox.model import Item, QueuedState
from edge.privacy.keyring import DataKey
from edge.privacy.sealed import SealedDatabase
from runtime.errors import NotFound, OutboxFull

__all__ = ["OutboxStore"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS items (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    name BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    no_retry INTEGER NOT NULL,
    ttl_s REAL NOT NULL,
    boot TEXT NOT NULL,
    boot_s REAL NOT NULL,
    wall_s REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    repeats INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    ended_s REAL,
    sealed BLOB NOT NULL,
    result BLOB
);
CREATE INDEX IF NOT EXISTS items_by_turn ON items (state, priority DESC, position);
"""
_COLUMNS: Final = (
    "position, name, state, priority, no_retry, ttl_s, boot, boot_s, wall_s, attempts, repeats,"
    " error, sealed, result"
)


class OutboxStore:
    """Keeps the outbox of one device.

    Args:
        folder: Holds database and key file; made with mode 0700 when absent.
        max_items: How many requests may wait.
        max_bytes: What requests and answers may take together. An answer that comes is kept even
            if it goes beyond; then nothing new is taken until there is room.

    Raises:
        VaultLocked: The key is missing or does not fit, or the database is damaged.
    """

    def __init__(self, folder: Path, *, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._database = SealedDatabase(
            folder,
            name="outbox",
            schema=_SCHEMA + CALLS_SCHEMA,
            first_table="items",
            reseal=_reseal,
        )
        self.calls = CallStore(self._database)
        """The calls that requests of the outbox have made."""
        with self._database.transaction() as connection:  # a crash has ended what was running
            connection.execute("UPDATE items SET state = 'waiting' WHERE state = 'running'")

    def add(
        self,
        key: str,
        form: Mapping[str, Any],
        *,
        state: QueuedState,
        ttl_s: float,
        queued_at: Mark,
        cloud_steps: Sequence[str] = (),
    ) -> Item:
        """Keep a request under a key that is not in use.

        Raises:
            OutboxFull: There is no room for it.
        """
        name, sealed = self._sealed(key, form, cloud_steps)
        with self._database.transaction() as connection:
            self._require_room(connection, len(sealed))
            position = connection.execute(
                "INSERT INTO items (name, state, priority, no_retry, ttl_s, boot, boot_s, wall_s,"
                " attempts, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (name, state, form["priority"], form["no_retry"], ttl_s, queued_at.boot,
                 queued_at.boot_s, queued_at.wall_s, int(state is QueuedState.RUNNING), sealed),
            ).lastrowid  # fmt: skip
        assert position is not None  # noqa: S101 - an insert has one
        return self.read(position)

    def find(self, key: str) -> Item | None:
        """Return the request of a key, if it is here."""
        return self._one("name = ?", self._database.key.index(key))

    def read(self, position: int) -> Item:
        """Return a request.

        Raises:
            NotFound: It is not here any more.
        """
        found = self._one("position = ?", position)
        if found is None:
            raise NotFound("the request is not in the outbox any more")
        return found

    def waiting(self) -> tuple[int, ...]:
        """Return the positions of what waits, in the order in which they go."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT position FROM items WHERE state = 'waiting'"
                " ORDER BY priority DESC, position"
            ).fetchall()
        return tuple(position for (position,) in rows)

    def listed(self) -> list[Item]:
        """Return all: those that wait in their order, then the others, newest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM items"  # noqa: S608 - columns are constants
                " ORDER BY CASE state WHEN 'running' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END,"
                " CASE WHEN ended_s IS NULL THEN -priority END,"
                " CASE WHEN ended_s IS NULL THEN position ELSE -position END"
            ).fetchall()
        return [self._item(row) for row in rows]

    def begin(self, position: int) -> bool:
        """Begin to answer; false when it does not wait any more."""
        changed = "state = 'running', attempts = attempts + 1"
        return self._change(position, changed, only="state = 'waiting'")

    def put_back(self, position: int, error: str) -> bool:
        """Let what was running wait again; ``error`` says why."""
        return self._change(position, "state = 'waiting', error = ?", error, only="ended_s IS NULL")

    def note_steps(self, position: int, steps: Sequence[str]) -> None:
        """Remember which steps of a request were to run in the cloud."""
        item = self.read(position)
        name, sealed = self._sealed(item.key, item.form, steps)
        with self._database.transaction() as connection:
            connection.execute("UPDATE items SET sealed = ? WHERE name = ?", (sealed, name))

    def end(
        self,
        position: int,
        state: QueuedState,
        *,
        now_s: float,
        error: str = "",
        result: bytes | None = None,
    ) -> bool:
        """End a request, once; false when it has ended before. Its calls are forgotten."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT name FROM items WHERE position = ? AND ended_s IS NULL", (position,)
            ).fetchone()
            if row is None:
                return False
            sealed = None
            if result is not None:
                sealed = self._database.key.seal(result, _bound(row[0], b"result"))
            connection.execute(
                "UPDATE items SET state = ?, error = ?, ended_s = ?, result = ? WHERE position = ?",
                (state, error, now_s, sealed, position),
            )
            connection.execute("DELETE FROM calls WHERE position = ?", (position,))
        return True

    def purge(self, *, ended_before_s: float) -> int:
        """Forget what ended before a moment, and overwrite where it stood; return how many."""
        with self._database.transaction() as connection:
            count = connection.execute(
                "DELETE FROM items WHERE ended_s < ?", (ended_before_s,)
            ).rowcount
        if count:
            self._database.scrub()
        return count

    def rotate(self) -> str:
        """Encrypt everything anew under a fresh key; return its id."""
        return self._database.rotate()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _sealed(
        self, key: str, form: Mapping[str, Any], cloud_steps: Sequence[str]
    ) -> tuple[bytes, bytes]:
        """Return a request's name in the database, and its content."""
        name = self._database.key.index(key)
        plain = json.dumps({"key": key, "form": form, "cloud_steps": list(cloud_steps)})
        return name, self._database.key.seal(plain.encode(), _bound(name, b"item"))

    def _require_room(self, connection: sqlite3.Connection, size_bytes: int) -> None:
        waiting, used = connection.execute(
            "SELECT COALESCE(SUM(ended_s IS NULL), 0),"
            " COALESCE(SUM(LENGTH(sealed) + COALESCE(LENGTH(result), 0)), 0) FROM items"
        ).fetchone()
        if waiting >= self._max_items:
            raise OutboxFull(
                f"{waiting} requests wait for the cloud, as many as may; cancel some, or raise"
                " `outbox.max_items`"
            )
        if used + size_bytes > self._max_bytes:
            raise OutboxFull(
                "the outbox is full; fetch or cancel what is in it, or raise `outbox.max_mib`"
            )

    def _change(self, position: int, what: str, *values: object, only: str) -> bool:
        with self._database.transaction() as connection:
            changed = connection.execute(
                f"UPDATE items SET {what} WHERE position = ? AND {only}",  # noqa: S608 - constants
                (*values, position),
            ).rowcount
        return changed > 0

    def _one(self, where: str, value: object) -> Item | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM items WHERE {where}",  # noqa: S608 - constants
                (value,),
            ).fetchone()
        return None if row is None else self._item(row)

    def _item(self, row: tuple[Any, ...]) -> Item:
        key = self._database.key
        position, name, state, priority, no_retry, ttl_s, boot, boot_s, wall_s = row[:9]
        attempts, repeats, error, sealed, result = row[9:]
        kept = json.loads(key.open(sealed, _bound(name, b"item")))
        return Item(
            position=position,
            key=kept["key"],
            state=QueuedState(state),
            priority=priority,
            no_retry=bool(no_retry),
            ttl_s=ttl_s,
            queued_at=Mark(boot, boot_s, wall_s),
            attempts=attempts,
            upstream_repeats=repeats,
            error=error,
            form=kept["form"],
            cloud_steps=tuple(kept["cloud_steps"]),
            result=key.open(result, _bound(name, b"result")) if result is not None else None,
        )


def _bound(name: bytes, what: bytes) -> bytes:
    """What a ciphertext is bound to, so that rows cannot be swapped on disk."""
    return name + what


def _reseal(connection: sqlite3.Connection, old: DataKey, fresh: DataKey) -> None:
    rows = connection.execute("SELECT position, name, sealed, result FROM items").fetchall()
    for position, name, sealed, result in rows:
        plain = old.open(sealed, _bound(name, b"item"))
        moved = fresh.index(json.loads(plain)["key"])
        opened = None if result is None else old.open(result, _bound(name, b"result"))
        connection.execute(
            "UPDATE items SET name = ?, sealed = ?, result = ? WHERE position = ?",
            (
                moved,
                fresh.seal(plain, _bound(moved, b"item")),
                None if opened is None else fresh.seal(opened, _bound(moved, b"result")),
                position,
            ),
        )
    reseal_calls(connection, old, fresh)

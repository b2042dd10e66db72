"""Calls beyond the device that queued requests have made: what was sent, and what came back.

What was sent is kept before it leaves, so that a call that is made again says the same under the
same key; an answer is kept before it is used, so that it is never asked for again. Blocks on disk.
"""

import base64
import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from edge.outbox.model import KeptCall
from edge.privacy.keyring import DataKey
from edge.privacy.sealed import SealedDatabase

__all__ = ["CALLS_SCHEMA", "CallStore", "reseal_calls"]

CALLS_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS calls (
    name BLOB PRIMARY KEY,
    position INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    answer BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_item ON calls (position);
"""


class CallStore:
    """The table of calls.

    Args:
        database: The outbox's.
    """

    def __init__(self, database: SealedDatabase) -> None:
        self._database = database

    def find(self, name: str) -> KeptCall | None:
        """Return what is known of a call by its own idempotency key."""
        key = self._database.key
        index = key.index(name)
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT sealed, answer FROM calls WHERE name = ?", (index,)
            ).fetchone()
        if row is None:
            return None
        kept = json.loads(key.open(row[0], index + b"call"))
        return KeptCall(
            request=base64.b64decode(kept["request"]),
            originals=kept["originals"],
            answer=key.open(row[1], index + b"answer") if row[1] is not None else None,
        )

    def begin(self, position: int, name: str, request: bytes, originals: Mapping[str, str]) -> None:
        """Keep a call of a request before it is made for the first time."""
        key = self._database.key
        index = key.index(name)
        plain = {
            "name": name,
            "request": base64.b64encode(request).decode(),
            "originals": dict(originals),
        }
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO calls (name, position, sealed) VALUES (?, ?, ?)",
                (index, position, key.seal(json.dumps(plain).encode(), index + b"call")),
            )

    def answer(self, position: int, name: str, answer: bytes, *, repeats: int) -> None:
        """Keep the answer of a call, and how often a model had been asked before."""
        key = self._database.key
        index = key.index(name)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE calls SET answer = ? WHERE name = ?",
                (key.seal(answer, index + b"answer"), index),
            )
            connection.execute(
                "UPDATE items SET repeats = repeats + ? WHERE position = ?", (repeats, position)
            )


def reseal_calls(connection: sqlite3.Connection, old: DataKey, fresh: DataKey) -> None:
    """Seal every row anew, within a transaction."""
    rows = connection.execute("SELECT name, sealed, answer FROM calls").fetchall()
    for index, sealed, answer in rows:
        plain = old.open(sealed, index + b"call")
        moved = fresh.index(json.loads(plain)["name"])
        opened = None if answer is None else old.open(answer, index + b"answer")
        connection.execute(
            "UPDATE calls SET name = ?, sealed = ?, answer = ? WHERE name = ?",
            (
                moved,
                fresh.seal(plain, moved + b"call"),
                None if opened is None else fresh.seal(opened, moved + b"answer"),
                index,
            ),
        )

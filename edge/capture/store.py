"""Examples that callers consented to keep: prompt, answer, label and verdict, encrypted at rest.

One encrypted SQLite file. On disk stand in the clear: when an example was taken, the names of its
categories, its graph and its verdict. Every call blocks on disk and may be made from any thread or
process; SQLite orders them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from edge.capture.settings import CaptureSettings
from edge.privacy.keyring import DataKey
from edge.privacy.sealed import SealedDatabase
from runtime.clock import Clock
from runtime.errors import NotFound, VaultLocked
from runtime.ids import Category, RequestId
from runtime.ports import ChatMessage

__all__ = ["VERDICTS", "CaptureStore", "Dataset", "Example", "Listed"]

VERDICTS: Final = ("right", "wrong")
"""What a person, or an application, can say of an answer."""
_DAY_S: Final = 86_400.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS examples (
    request TEXT PRIMARY KEY,
    taken_s REAL NOT NULL,
    categories TEXT NOT NULL,
    graph TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS examples_taken ON examples (taken_s);
CREATE TABLE IF NOT EXISTS datasets (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    made_s REAL NOT NULL,
    examples INTEGER NOT NULL,
    digest TEXT NOT NULL UNIQUE
);
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One request that was kept, with what it said."""

    request: RequestId
    messages: tuple[ChatMessage, ...]
    answer: str
    categories: tuple[Category, ...]
    graph: str
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An example as lists show it. Content-free."""

    request: RequestId
    taken_at: datetime
    categories: tuple[Category, ...]
    graph: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of what is kept: the same examples and verdicts always have the same one."""

    version: int
    digest: str
    examples: tuple[Example, ...]


class CaptureStore:
    """The examples of this device.

    Args:
        folder: Holds database and key file; made with mode 0700 when absent.
        settings: How long, and how many, examples are kept.
        clock: Tells how old an example is.

    Raises:
        VaultLocked: The key is missing or does not fit, or the database is damaged.
    """

    def __init__(self, folder: Path, settings: CaptureSettings, *, clock: Clock) -> None:
        self._clock = clock
        self._keep_s = settings.keep_days * _DAY_S
        self._most_examples = settings.most_examples
        self._database = SealedDatabase(
            folder, name="capture", schema=_SCHEMA, first_table="examples", reseal=_reseal
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, example: Example) -> None:
        """Keep an example; delete what is too old or too much."""
        content = {
            "messages": [[turn.role, turn.content] for turn in example.messages],
            "answer": example.answer,
        }
        sealed = self._database.key.seal(
            json.dumps(content).encode("utf-8", "surrogatepass"), _bound(example.request)
        )
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO examples (request, taken_s, categories, graph, sealed)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    example.request,
                    self._clock.now().timestamp(),
                    json.dumps(sorted(example.categories)),
                    example.graph,
                    sealed,
                ),
            )
            connection.execute(
                "DELETE FROM examples WHERE taken_s < ? OR request NOT IN"
                " (SELECT request FROM examples ORDER BY taken_s DESC, rowid DESC LIMIT ?)",
                (self._clock.now().timestamp() - self._keep_s, self._most_examples),
            )

    def judge(self, request: RequestId, verdict: str) -> None:
        """Write down whether an example's answer was right.

        Raises:
            NotFound: No example is kept of that request.
        """
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE examples SET verdict = ? WHERE request = ?", (verdict, request)
            ).rowcount
        if not changed:
            raise NotFound(f"no example is kept of request {request}")

    def listed(self) -> tuple[Listed, ...]:
        """Return what is kept, the oldest first, without content."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT request, taken_s, categories, graph, verdict FROM examples"
                " ORDER BY taken_s, rowid"
            ).fetchall()
        return tuple(
            Listed(
                RequestId(request),
                datetime.fromtimestamp(taken_s, UTC),
                tuple(Category(name) for name in json.loads(categories)),
                graph,
                verdict,
            )
            for request, taken_s, categories, graph, verdict in rows
        )

    def dataset(self, *, verdicts: Sequence[str] = (), without: Sequence[str] = ()) -> Dataset:
        """Return a version of what is kept; a new one unless nothing changed since.

        Args:
            verdicts: Only examples with one of these; all where there are none.
            without: No examples whose label has one of these categories.

        Raises:
            VaultLocked: An example was altered, or belongs to another key.
        """
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT request, categories, graph, verdict, sealed FROM examples ORDER BY request"
            ).fetchall()
            examples = tuple(
                one
                for one in (self._opened(*row) for row in rows)
                if (not verdicts or one.verdict in verdicts)
                and not set(one.categories) & set(without)
            )
            digest = _digest(examples)
            return Dataset(self._version_of(connection, digest, len(examples)), digest, examples)

    def erase(self, requests: Sequence[RequestId] | None = None) -> int:
        """Delete examples, all of them by default, and overwrite where they stood.

        Returns:
            How many there were.
        """
        with self._database.transaction() as connection:
            if requests is None:
                count = connection.execute("DELETE FROM examples").rowcount
            else:
                count = sum(
                    connection.execute("DELETE FROM examples WHERE request = ?", (one,)).rowcount
                    for one in requests
                )
        self._database.scrub()
        return count

    def _version_of(self, connection: sqlite3.Connection, digest: str, count: int) -> int:
        known = connection.execute(
            "SELECT version FROM datasets WHERE digest = ?", (digest,)
        ).fetchone()
        if known is not None:
            return int(known[0])
        made = connection.execute(
            "INSERT INTO datasets (made_s, examples, digest) VALUES (?, ?, ?) RETURNING version",
            (self._clock.now().timestamp(), count, digest),
        ).fetchone()
        return int(made[0])

    def _opened(
        self, request: str, categories: str, graph: str, verdict: str, sealed: bytes
    ) -> Example:
        plain = self._database.key.open(sealed, _bound(RequestId(request)))
        try:
            content = json.loads(plain.decode("utf-8", "surrogatepass"))
            messages = tuple(ChatMessage(role, text) for role, text in content["messages"])
            answer = str(content["answer"])
        except (ValueError, KeyError, TypeError) as error:
            raise VaultLocked(f"the example of request {request} is damaged") from error
        names = tuple(Category(name) for name in json.loads(categories))
        return Example(RequestId(request), messages, answer, names, graph, verdict)


def _bound(request: RequestId) -> bytes:
    return f"capture\n{request}".encode()


def _digest(examples: Sequence[Example]) -> str:
    """Return what tells two versions apart; of no content, which would need a key."""
    whole = sha256()
    for one in examples:
        whole.update(json.dumps([one.request, one.verdict]).encode())
    return whole.hexdigest()


def _reseal(connection: sqlite3.Connection, old: DataKey, fresh: DataKey) -> None:
    for request, sealed in connection.execute("SELECT request, sealed FROM examples").fetchall():
        bound = _bound(RequestId(request))
        connection.execute(
            "UPDATE examples SET sealed = ? WHERE request = ?",
            (fresh.seal(old.open(sealed, bound), bound), request),
        )

"""A content-addressed store of node calls: what a model answered to a prompt, once.

The key is the model's file, the prompt and the sampling, seed included, so samples stay distinct
and new weights start afresh. Only complete answers are stored: a failure raises before that. One
SQLite file; a process killed at any moment loses at most the calls since the last commit.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from runtime.documents.canonical import canonical_json
from runtime.ports import ChatMessage, Sampling

__all__ = ["CallCache", "CallResult", "call_key"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY,
    text TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    latency_us INTEGER NOT NULL,
    finish TEXT NOT NULL,
    logprob_sum REAL NOT NULL DEFAULT 0,
    logprob_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
_YOUNGER: Final = {
    "logprob_sum": "REAL NOT NULL DEFAULT 0",
    "logprob_count": "INTEGER NOT NULL DEFAULT 0",
}
"""Columns that files of before do not have."""
_COMMIT_EVERY: Final = 32


@dataclass(frozen=True, slots=True)
class CallResult:
    """One complete answer, and what it took."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    latency_us: int
    """At the node, without waiting behind other calls, microseconds."""
    finish: str
    """Why the model stopped, as ``FinishReason`` names it."""
    logprob_sum: float = 0.0
    """Of the log-probabilities of its tokens, where they were asked for."""
    logprob_count: int = 0


def call_key(weights_sha256: str, messages: Sequence[ChatMessage], sampling: Sampling) -> bytes:
    """Return what a call is known by: 32 bytes of SHA-256."""
    content = [
        weights_sha256,
        [[message.role, message.content] for message in messages],
        asdict(sampling),
    ]
    return hashlib.sha256(canonical_json(content)).digest()


class CallCache:
    """The store, open while the block runs.

    Args:
        path: The SQLite file; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(_SCHEMA)
        there = {row[1] for row in self._connection.execute("PRAGMA table_info(calls)")}
        for column in _YOUNGER.keys() - there:
            self._connection.execute(f"ALTER TABLE calls ADD COLUMN {column} {_YOUNGER[column]}")
        self._connection.commit()
        self._uncommitted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.commit()
        self._connection.close()

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM calls").fetchone()
        return int(count)

    def get(self, key: bytes) -> CallResult | None:
        """Return a stored call, or None."""
        row = self._connection.execute(
            "SELECT text, prompt_tokens, completion_tokens, latency_us, finish, logprob_sum,"
            " logprob_count FROM calls WHERE key = ?",
            (key,),
        ).fetchone()
        return None if row is None else CallResult(*row)

    def put(self, key: bytes, result: CallResult) -> None:
        """Store a complete call; the first answer to a key stays."""
        self._connection.execute(
            "INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                result.text,
                result.prompt_tokens,
                result.completion_tokens,
                result.latency_us,
                result.finish,
                result.logprob_sum,
                result.logprob_count,
            ),
        )
        self._uncommitted += 1
        if self._uncommitted >= _COMMIT_EVERY:
            self._connection.commit()
            self._uncommitted = 0

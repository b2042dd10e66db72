"""What was paid for once: calls and outcomes by the hash of everything they depend on.

One SQLite file, safe for several processes. A row says which study paid, so that a study that
was killed knows its own purchases from another's. Failures are never stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from optimizer.evaluation.model import NotKept
from runtime.documents.canonical import canonical_json, sha256_of
from runtime.documents.os_reason import os_reason
from runtime.errors import StudyInvalid
from runtime.ports import ChatMessage, Sampling

__all__ = ["CallCache", "CallKey", "GraphKey", "Stored"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS paid (
    key TEXT PRIMARY KEY,
    study TEXT NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID
"""
_BUSY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class CallKey:
    """Everything that the answer of one call depends on.

    ``sample`` keeps repeated draws of one prompt apart.
    """

    model: str
    revision: str
    chat: tuple[ChatMessage, ...]
    sampling: Sampling
    sample: int = 0

    def digest(self) -> str:
        """Return the row's name; no text can be read back from it."""
        return sha256_of({"call": asdict(self)})


@dataclass(frozen=True, slots=True)
class GraphKey:
    """Everything that a whole graph's outcome on a question depends on."""

    graph: str
    """The canonical hash of the graph that ran: roles, models, wiring, sampling."""
    models: tuple[tuple[str, str], ...]
    """Each model of the graph and its revision."""
    prompt: str
    expected: str
    scorer: str
    label: tuple[str, ...] = ()
    policy: str = ""
    """Hash of the policy: it decides what is released, and so what models read."""
    sample: int = 0

    def digest(self) -> str:
        """Return the row's name; no text can be read back from it."""
        return sha256_of({"graph": asdict(self)})


@dataclass(frozen=True, slots=True)
class Stored:
    """A row: what was paid for, and the study that paid."""

    value: Mapping[str, object]
    study: str


class CallCache:
    """What was paid for, on disk, with hits and misses counted apart.

    Args:
        path: The SQLite file; made when it is not there.
        study: Who pays for what is put in.
    """

    def __init__(self, path: Path, *, study: str) -> None:
        self.study = study
        self.hits = 0
        self.misses = 0
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            path.chmod(0o600)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_SCHEMA)
        except (sqlite3.Error, OSError) as failure:
            reason = f"cannot be used as a cache: {_why(failure)}"
            raise StudyInvalid(reason, file=str(path)) from None

    def get(self, key: CallKey | GraphKey) -> Stored | None:
        """Return what is stored under ``key``, and count the hit or the miss."""
        stored = self.peek(key)
        if stored is None:
            self.misses += 1
        else:
            self.hits += 1
        return stored

    def peek(self, key: CallKey | GraphKey) -> Stored | None:
        """Return what is stored under ``key`` and count nothing: nobody was about to pay."""
        query = "SELECT study, value FROM paid WHERE key = ?"
        with closing(self._database.execute(query, (key.digest(),))) as cursor:
            row = cursor.fetchone()
        return None if row is None else Stored(json.loads(row[1]), str(row[0]))

    def put(self, key: CallKey | GraphKey, value: Mapping[str, object]) -> None:
        """Store durably; what was stored first stays.

        Raises:
            NotKept: It cannot be written.
        """
        row = (key.digest(), self.study, canonical_json(dict(value)).decode())
        statement = "INSERT OR IGNORE INTO paid (key, study, value) VALUES (?, ?, ?)"
        try:
            self._database.execute(statement, row)
        except sqlite3.Error as failure:
            raise NotKept(self._path, _why(failure)) from None

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _why(failure: sqlite3.Error | OSError) -> str:
    """Return the system's own words, which quote nothing that is stored."""
    if isinstance(failure, OSError):
        return os_reason(failure)
    return (str(failure) or type(failure).__name__).lower()

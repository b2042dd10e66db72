"""What ``leeward/auto`` chose, and what callers said of it: ids, graphs, chances, verdicts.

One SQLite file, without any text or anything made from one but the router's chances. A connection
is opened for each call, so calls may come from any thread or process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from runtime.clock import Clock
from runtime.errors import NotFound, RoutingStoreUnusable
from runtime.ids import RequestId
from runtime.private_files import ensure_private_directory

__all__ = ["FeedbackStore", "Judged", "Verdict", "feedback_folder"]

Verdict = Literal["right", "wrong"]
_DATABASE: Final = "feedback.sqlite"
_KEEP_ROUTED_S: Final = 7 * 86_400.0
_MOST_ROUTED: Final = 10_000
_MOST_VERDICTS: Final = 100_000
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS routed (
    request TEXT PRIMARY KEY, taken_s REAL NOT NULL, graph TEXT NOT NULL, chances TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS routed_by_age ON routed (taken_s);
CREATE TABLE IF NOT EXISTS verdicts (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    request TEXT NOT NULL UNIQUE,
    graph TEXT NOT NULL,
    chances TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('right', 'wrong'))
);
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One choice and its verdict."""

    graph: str
    chances: Mapping[str, float]
    """What the fitted router had said of each graph."""
    is_right: bool


class FeedbackStore:
    """The choices and verdicts of this device.

    Args:
        folder: Holds the database; made with mode 0700 when absent.
        clock: Tells how old a choice is.
    """

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def note(self, request: RequestId, graph: str, chances: Mapping[str, float]) -> None:
        """Remember a choice, so that a verdict can be told to it; forget the old ones.

        Raises:
            RoutingStoreUnusable: The file cannot be used.
        """
        now_s = self._clock.now().timestamp()
        with self._opened() as database:
            database.execute(
                "INSERT OR REPLACE INTO routed VALUES (?, ?, ?, ?)",
                (request, now_s, graph, json.dumps(dict(chances))),
            )
            # Two statements, each along the index: this runs with every request that is routed.
            database.execute("DELETE FROM routed WHERE taken_s < ?", (now_s - _KEEP_ROUTED_S,))
            database.execute(
                "DELETE FROM routed WHERE rowid IN (SELECT rowid FROM routed"
                " ORDER BY taken_s DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (_MOST_ROUTED,),
            )

    def judge(self, request: RequestId, verdict: Verdict) -> Judged:
        """Write a verdict down; one that was given before stands.

        Raises:
            NotFound: No choice for that request is remembered, or it was judged before.
            RoutingStoreUnusable: The file cannot be used.
        """
        with self._opened() as database:
            row = database.execute(
                "SELECT graph, chances FROM routed WHERE request = ?", (request,)
            ).fetchone()
            if row is None:
                raise NotFound(f"leeward/auto waits for no verdict on request {request}")
            graph, chances = row
            database.execute("DELETE FROM routed WHERE request = ?", (request,))
            database.execute(
                "INSERT OR IGNORE INTO verdicts (request, graph, chances, verdict)"
                " VALUES (?, ?, ?, ?)",
                (request, graph, chances, verdict),
            )
            database.execute(
                "DELETE FROM verdicts WHERE place <= (SELECT MAX(place) FROM verdicts) - ?",
                (_MOST_VERDICTS,),
            )
        return _judged(graph, chances, verdict)

    def verdicts(self) -> tuple[Judged, ...]:
        """Return every verdict, the oldest first.

        Raises:
            RoutingStoreUnusable: The file cannot be used.
        """
        with self._opened() as database:
            rows = database.execute(
                "SELECT graph, chances, verdict FROM verdicts ORDER BY place"
            ).fetchall()
        return tuple(_judged(*row) for row in rows)

    def forget(self) -> int:
        """Delete every choice and verdict; return how many verdicts there were."""
        with self._opened() as database:
            database.execute("DELETE FROM routed")
            return database.execute("DELETE FROM verdicts").rowcount

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        file = self._folder / _DATABASE
        try:
            ensure_private_directory(self._folder)
            file.touch(mode=0o600)
            with closing(sqlite3.connect(file, timeout=10)) as database:
                database.execute("PRAGMA synchronous = NORMAL")
                _make_once(database)
                with database:
                    yield database
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError) as error:
            reason = f"{file} cannot be used; move it away and verdicts are counted anew"
            raise RoutingStoreUnusable(reason) from error


def _make_once(database: sqlite3.Connection) -> None:
    """Make the tables of a file that is new; every other call finds them."""
    if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        database.execute("PRAGMA journal_mode = WAL")  # the file keeps this
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")


def feedback_folder(state: Path) -> Path:
    """Return where a device keeps choices and verdicts."""
    return state / "routing"


def _judged(graph: str, chances: str, verdict: str) -> Judged:
    said = {str(name): float(chance) for name, chance in json.loads(chances).items()}
    if graph not in said or not all(0 <= chance <= 1 for chance in said.values()):
        raise RoutingStoreUnusable("a verdict's chances are not what was written; move it away")
    return Judged(graph, said, verdict == "right")

"""Runs of the search benchmark on disk, so that a long benchmark can be ended and gone on with.

One JSON line per run, fsynced. A run counts only for the sources and the data that it was made
with: its line names the hash of every module that its method rests on, and of the record that it
replays. What does not fit is left where it is and made anew.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from bench.search_runs import Accounting, Point, Run

__all__ = ["RunJournal", "RunKey", "sources_hash"]

_FOLLOWED: Final = "optimizer."
"""Modules whose imports are followed; the runtime and libraries are not."""
_ALWAYS: Final = (
    *("bench.search_runs", "bench.search_reference", "optimizer.search.driver"),
    *("optimizer.replay.evaluator", "optimizer.replay.table_evaluator"),
)
"""What every run rests on, whatever its method."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run is of."""

    space: str
    cap: str
    method: str
    accounting: Accounting
    seed: int
    evaluations: int
    confidence: float | None
    made_with: str
    """Hash of the sources and of the data."""


class RunJournal:
    """Runs by key; the file is made with the first one.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text("utf-8") if path.is_file() else ""
        self._runs = dict(_read(text))
        self._is_torn = bool(text) and not text.endswith("\n")

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, key: RunKey) -> Run | None:
        """Return a run that was made before, ``None`` where there is none."""
        return self._runs.get(key)

    def add(self, key: RunKey, run: Run) -> None:
        """Append a run; it is on the disk when this returns."""
        self._runs[key] = run
        line = json.dumps({"key": asdict(key), "run": asdict(run)}) + "\n"
        if self._is_torn:
            line, self._is_torn = "\n" + line, False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def _read(text: str) -> Iterator[tuple[RunKey, Run]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
            points = tuple(Point(**one) for one in found["run"].pop("points"))
            yield RunKey(**found["key"]), Run(points=points, **found["run"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that was being written when the run was ended


@cache
def sources_hash(module: str, data: Path) -> str:
    """Return a hash of a method's module, of what it imports of the optimizer, and of data."""
    digest = hashlib.sha256(data.read_bytes())
    for path in sorted(_followed((module, *_ALWAYS))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _followed(modules: tuple[str, ...]) -> set[Path]:
    found: set[Path] = set()
    waiting, known = list(modules), set(modules)
    while waiting:
        module = waiting.pop()
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin)
        found.add(path)
        imported = set(_imported(path)) if module.startswith(_FOLLOWED) else set()
        for name in imported - known:
            if name.startswith(_FOLLOWED):
                known.add(name)
                waiting.append(name)
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)

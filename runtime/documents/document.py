"""A parsed document that still knows its lines, and the problems found in it.

Knows places and how to refuse; knows neither YAML (``reader``) nor any particular document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.errors import DocumentInvalid

__all__ = ["Document", "Path", "Problem", "dotted"]

Path = tuple[str | int, ...]
"""Keys and list positions from the root to a value; the empty path is the document itself."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what would be right."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (mappings, lists, text, numbers, booleans, null) and where it stood."""

    data: Mapping[str, object]
    error: type[DocumentInvalid]
    """What to raise when the document cannot be used."""
    file: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)
    """One-based line of every key and list entry; empty when the data came without text."""

    def line_of(self, path: Path) -> int:
        """Return the line of ``path`` or of its nearest known ancestor; 0 when unknown."""
        for length in range(len(path), -1, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return line
        return 0

    def invalid(self, reason: str, path: Path = ()) -> DocumentInvalid:
        """Return the error that says ``reason`` about the value at ``path``."""
        return self.error(reason, file=self.file, line=self.line_of(path), field=dotted(path))

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise for the first of ``problems`` by line, with a count of the rest; or return."""
        ordered = sorted(problems, key=lambda problem: self.line_of(problem.path))
        if not ordered:
            return
        first, more = ordered[0], len(ordered) - 1
        noun = "problem" if more == 1 else "problems"
        count = f" (and {more} more {noun})" if more else ""
        raise self.invalid(first.reason + count, first.path)


def dotted(path: Sequence[str | int]) -> str:
    """Return ``path`` as people write it: ``steps.near.samples``."""
    return ".".join(str(part) for part in path)

"""The files of a ledger: how they are named, ordered, read line by line, and what a torn end is.

A segment is named after the position of its first entry. Knows no keys and judges no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.errors import LedgerCorrupt, NotFound
from runtime.ledger.entry import LINE_START, parse_line

__all__ = ["Line", "Segment", "is_torn", "list_segments", "read_lines", "segment_path"]

MAX_LINE_BYTES: Final = 1 << 20
"""No entry is longer; a longer line is damage, and is not read into memory whole."""

_NAME: Final = re.compile(r"(\d{12})\.jsonl")


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the ledger."""

    path: Path
    first_position: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a segment."""

    segment: Segment
    number: int
    """One-based."""
    offset: int
    """Where it begins, bytes."""
    data: bytes
    """Without the line end."""
    is_ended: bool
    """False for what follows the last line end of the file."""


def segment_path(directory: Path, first_position: int) -> Path:
    """Return the path of the segment that begins with ``first_position``."""
    return directory / f"{first_position:012d}.jsonl"


def list_segments(path: Path) -> tuple[Segment, ...]:
    """Return the segments of the ledger in directory ``path``, oldest first.

    ``path`` may also be a single segment file, which then stands alone.

    Raises:
        NotFound: There is no ledger at ``path``.
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    segments = [
        Segment(path=file, first_position=int(matched.group(1)))
        for file in files
        if (matched := _NAME.fullmatch(file.name)) is not None and file.is_file()
    ]
    if not segments:
        raise NotFound(f"no ledger in {path}")
    return tuple(segments)


def read_lines(segment: Segment) -> Iterator[Line]:
    """Yield the lines of a segment, the unended rest last."""
    number = offset = 0
    with segment.path.open("rb") as file:
        while data := file.readline(MAX_LINE_BYTES):
            number += 1
            is_ended = data.endswith(b"\n")
            text = data[:-1] if is_ended else data
            yield Line(segment=segment, number=number, offset=offset, data=text, is_ended=is_ended)
            offset += len(data)


def is_torn(data: bytes) -> bool:
    """Whether an unended last line can be what a crash left of an append.

    It can when it is the beginning of a line, or blocks that were allocated and never written.
    A whole entry with something behind it is neither: there the line end was altered.
    """
    if not data.strip(b"\0"):
        return True
    beginning = LINE_START[: len(data)]
    return data.startswith(beginning) and not _is_entry(data[:-1])


def _is_entry(data: bytes) -> bool:
    try:
        parse_line(data)
    except LedgerCorrupt:
        return False
    return True

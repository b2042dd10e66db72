"""Reading the ledger without judging it: all entries, or those of one request.

Take :func:`runtime.ledger.verify.verify_ledger` to know whether what is read is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import SEEK_END
from pathlib import Path
from typing import Final

from runtime.errors import LedgerCorrupt
from runtime.ids import RequestId
from runtime.ledger.entry import Entry, parse_line
from runtime.ledger.record import ApprovalNote, ContentPassage, Outcome
from runtime.ledger.segments import is_torn, list_segments, read_lines

__all__ = ["entries_of_request", "newest_entries", "read_entries"]

_TAIL_BYTES: Final = 256 * 1024
"""How much of a segment's end is read for its newest entries: some hundreds of them."""


def read_entries(path: Path, *, first_position: int = 0) -> Iterator[Entry]:
    """Yield the entries of the ledger in ``path``, oldest first.

    A torn last line (a crash, or a writer at work this very moment) ends the reading quietly.

    Args:
        path: The ledger's directory (``<state>/ledger``), or one of its segment files.
        first_position: Where to begin.

    Raises:
        NotFound: There is no ledger at ``path``.
        LedgerCorrupt: A line is not an entry; run the verifier to learn more.
    """
    segments = list_segments(path)
    for index, segment in enumerate(segments):
        is_last = index == len(segments) - 1
        if not is_last and segments[index + 1].first_position <= first_position:
            continue
        for line in read_lines(segment):
            if not line.is_ended and is_last and is_torn(line.data):
                return
            try:
                entry = parse_line(line.data)
            except LedgerCorrupt as error:
                place = f"{segment.path.name}:{line.number}"
                raise LedgerCorrupt(f"{place}: {error}") from None
            if entry.position >= first_position:
                yield entry


def newest_entries(path: Path, *, most: int) -> tuple[Entry, ...]:
    """Return the last entries of the ledger in ``path``, oldest first, without reading the rest.

    Args:
        path: The ledger's directory.
        most: How many; fewer where the newest segment's end holds fewer.

    Raises:
        NotFound: There is no ledger at ``path``.
        LedgerCorrupt: A line is not an entry; run the verifier to learn more.
    """
    segment = list_segments(path)[-1]
    with segment.path.open("rb") as file:
        begin = max(file.seek(0, SEEK_END) - _TAIL_BYTES, 0)
        file.seek(begin)
        *ended, rest = file.read().split(b"\n")
    whole = ended[1:] if begin else ended
    if rest and not is_torn(rest):
        raise LedgerCorrupt(f"{segment.path.name}: its end is not an entry")
    return tuple(parse_line(line) for line in whole[-most:])


def entries_of_request(path: Path, request_id: RequestId) -> tuple[Entry, ...]:
    """Return what the ledger holds about one request: its passages and how they ended.

    Raises:
        NotFound: There is no ledger at ``path``.
        LedgerCorrupt: A line is not an entry.
    """
    found: list[Entry] = []
    positions: set[int] = set()
    for entry in read_entries(path):
        match entry.record:
            case ContentPassage(request_id=of_request) if of_request == request_id:
                positions.add(entry.position)
                found.append(entry)
            case ApprovalNote(request_id=of_request) if of_request == request_id:
                found.append(entry)
            case Outcome(of=position) if position in positions:
                found.append(entry)
            case _:
                pass
    return tuple(found)

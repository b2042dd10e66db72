"""Finds where a ledger ends, and cuts off what a crash left behind that.

Runs once, when a writer opens. Checks the newest segment only: the verifier reads the rest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import LedgerCorrupt, NotFound
from runtime.ledger.chain import Chain, KeyRing
from runtime.ledger.entry import FIRST_PREVIOUS, Entry, Head, hash_of_line, parse_line
from runtime.ledger.keys import LedgerKeys
from runtime.ledger.record import KeyChanged
from runtime.ledger.segments import Segment, is_torn, list_segments, read_lines

__all__ = ["LedgerEnd", "find_end"]


@dataclass(frozen=True, slots=True)
class LedgerEnd:
    """Where the next entry goes and what it must link to."""

    head: Head | None
    """``None`` in an empty ledger."""
    previous: bytes
    key_id: str
    """Which key signs the next entry."""
    segment: Path | None
    """The file to go on with; ``None`` when there is none yet."""
    dropped_bytes: int = 0
    """How much of a torn line was cut off."""


def find_end(directory: Path, keys: LedgerKeys) -> LedgerEnd:
    """Find the end of the ledger in ``directory`` and cut off a torn last line.

    Raises:
        LedgerCorrupt: The newest segment was altered; nothing is changed then.
        LedgerUnavailable: A signing key is missing.
        OSError: The files cannot be read or cut.
    """
    try:
        segments = list_segments(directory)
    except NotFound:
        return LedgerEnd(head=None, previous=FIRST_PREVIOUS, key_id=keys.first_key_id, segment=None)
    newest = segments[-1]
    last, dropped_bytes = _read_to_end(newest, keys, may_cut=True)
    if last is None and len(segments) > 1:
        last, _ = _read_to_end(segments[-2], keys, may_cut=False)
        _check_joint(last, newest)
    elif last is None and newest.first_position > 0:
        _check_joint(None, newest)
    if last is not None:
        _check_signature(last, keys)
    return LedgerEnd(
        head=None if last is None else last.head,
        previous=FIRST_PREVIOUS if last is None else hash_of_line(last.line),
        key_id=keys.first_key_id if last is None else _next_key_id(last),
        segment=newest.path,
        dropped_bytes=dropped_bytes,
    )


def _read_to_end(segment: Segment, keys: LedgerKeys, *, may_cut: bool) -> tuple[Entry | None, int]:
    chain = Chain(
        ring=KeyRing(),
        key_id="",
        mac_key=keys.secret.mac_key,
        position=segment.first_position,
        previous=FIRST_PREVIOUS if segment.first_position == 0 else None,
    )
    for line in read_lines(segment):
        place = f"{segment.path.name}:{line.number}"
        if not line.is_ended:
            if not (may_cut and is_torn(line.data)):
                raise LedgerCorrupt(f"{place}: the last line was altered")
            _cut(segment.path, line.offset)
            return chain.last, len(line.data)
        try:
            entry = parse_line(line.data)
        except LedgerCorrupt as error:
            raise LedgerCorrupt(f"{place}: {error}") from None
        if not chain.links(entry):
            raise LedgerCorrupt(f"{place}: entry {entry.position} does not follow; run verify")
        chain.advance(entry)
    return chain.last, 0


def _check_joint(last: Entry | None, newest: Segment) -> None:
    position = 0 if last is None else last.position + 1
    if position != newest.first_position:
        raise LedgerCorrupt(f"entries before {newest.first_position} are missing")


def _check_signature(last: Entry, keys: LedgerKeys) -> None:
    if isinstance(last.record, KeyChanged):
        return  # signed by the key that it retired, whose private half may be gone
    ring = KeyRing()
    ring.add(keys.signing_key(last.key_id).public_key())
    if not ring.has_signed(last):
        raise LedgerCorrupt(f"the signature of entry {last.position} does not fit")


def _next_key_id(last: Entry) -> str:
    return last.record.key_id if isinstance(last.record, KeyChanged) else last.key_id


def _cut(path: Path, size_bytes: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size_bytes)
        os.fsync(file.fileno())

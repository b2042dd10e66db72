"""The ledger's files as one thread sees them: seal, write, rotate, sync.

Blocking and for a single thread; :mod:`runtime.ledger.writer` gives it that thread. Decides
nothing about who waits and what a failure means for them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.clock import Clock
from runtime.errors import LedgerUnavailable, NotFound
from runtime.ledger.entry import Head, Unsealed, hash_of_line, seal_line
from runtime.ledger.keys import LedgerKeys
from runtime.ledger.record import EntryKind
from runtime.ledger.recover import find_end
from runtime.ledger.segments import segment_path
from runtime.private_files import sync_directory

__all__ = ["Journal", "Unplaced", "open_journal"]

_FILE_MODE: Final = 0o600
_LOCK_FILE: Final = "lock"


@dataclass(frozen=True, slots=True)
class Unplaced:
    """An entry that has no place in the chain yet."""

    kind: EntryKind
    fields: dict[str, Any]
    next_key_id: str = ""
    """Which key signs from the next entry on; empty but in a key change."""


class Journal:
    """An open ledger, held under an exclusive lock.

    Args:
        directory: Where the segments lie.
        keys: What seals entries.
        clock: For the times in the entries.
        segment_bytes: When to begin the next file.
        lock_descriptor: Holds the lock as long as it is open.
    """

    def __init__(
        self,
        directory: Path,
        keys: LedgerKeys,
        *,
        clock: Clock,
        segment_bytes: int,
        lock_descriptor: int,
    ) -> None:
        found = find_end(directory, keys)
        self.dropped_bytes = found.dropped_bytes
        """How much of a torn line the opening cut off."""
        self.durable_head = found.head
        """The newest entry that is on the disk for certain."""
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._lock_descriptor = lock_descriptor
        self._position = 0 if found.head is None else found.head.position + 1
        self._previous = found.previous
        self.key_id = found.key_id
        self._signing_key = keys.signing_key(found.key_id)
        self._head = found.head
        self._is_dirty = False
        self._descriptor = _open_segment(found.segment or segment_path(directory, self._position))
        self._size_bytes = os.fstat(self._descriptor).st_size

    @property
    def is_dirty(self) -> bool:
        """Whether something was written that may not be on the disk yet."""
        return self._is_dirty

    def write(self, batch: Sequence[Unplaced]) -> list[Head]:
        """Seal and write ``batch``; not durable before :meth:`sync`.

        Raises:
            OSError: It could not be written whole; what was written of it is cut off again.
        """
        if batch and self._size_bytes >= self._segment_bytes:
            self._begin_segment()
        sealed = [self._seal(entry) for entry in batch]
        data = b"".join(line + b"\n" for line, _ in sealed)
        self._is_dirty = self._is_dirty or bool(data)
        try:
            _write_all(self._descriptor, data)
        except OSError:
            # The next opening would cut it too; this leaves less to explain.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size_bytes)
            raise
        self._size_bytes += len(data)
        heads = [head for _, head in sealed]
        self._head = heads[-1] if heads else self._head
        return heads

    def sync(self) -> None:
        """Make everything written durable.

        Raises:
            OSError: It may not be, and trying again would not tell.
        """
        if self._is_dirty:
            os.fsync(self._descriptor)
            self._is_dirty = False
        self.durable_head = self._head

    def close(self) -> None:
        """Let go of the files and the lock, without a sync."""
        os.close(self._descriptor)
        os.close(self._lock_descriptor)

    def _seal(self, entry: Unplaced) -> tuple[bytes, Head]:
        line, head = seal_line(
            Unsealed(
                position=self._position,
                kind=entry.kind,
                at=self._clock.now(),
                previous=self._previous,
                key_id=self.key_id,
                fields=entry.fields,
            ),
            signing_key=self._signing_key,
            mac_key=self._keys.secret.mac_key,
        )
        self._position += 1
        self._previous = hash_of_line(line)
        if entry.next_key_id:
            self._signing_key = self._keys.signing_key(entry.next_key_id)
            self.key_id = entry.next_key_id
        return line, head

    def _begin_segment(self) -> None:
        self.sync()
        descriptor = _open_segment(segment_path(self._directory, self._position))
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._size_bytes = 0


def open_journal(directory: Path, keys: LedgerKeys, *, clock: Clock, segment_bytes: int) -> Journal:
    """Lock the ledger in ``directory``, find its end, and cut off a torn last line.

    Raises:
        LedgerUnavailable: Another process has it, or its files or keys cannot be used.
        LedgerCorrupt: The newest segment was altered.
    """
    lock_descriptor = _lock(directory)
    try:
        return Journal(
            directory,
            keys,
            clock=clock,
            segment_bytes=segment_bytes,
            lock_descriptor=lock_descriptor,
        )
    except (OSError, NotFound) as error:
        os.close(lock_descriptor)
        reason = f"cannot open the ledger in {directory}: {type(error).__name__}"
        raise LedgerUnavailable(reason) from error
    except BaseException:
        os.close(lock_descriptor)
        raise


def _lock(directory: Path) -> int:
    try:
        descriptor = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT, _FILE_MODE)
    except OSError as error:
        raise LedgerUnavailable(f"cannot lock the ledger in {directory}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise LedgerUnavailable(f"the ledger in {directory} is open in another process") from None
    return descriptor


def _open_segment(path: Path) -> int:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _FILE_MODE)
    if is_new:
        sync_directory(path.parent)
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

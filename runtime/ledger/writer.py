"""Appends to the ledger: one thread, and one fsync for all entries that wait together.

An append returns when its entry is durable, or raises; after a failed write nothing is accepted
until the ledger is opened again. Knows nothing of what the entries are about.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from runtime.clock import Clock
from runtime.errors import LedgerUnavailable
from runtime.ledger.entry import Head
from runtime.ledger.journal import Journal, Unplaced, open_journal
from runtime.ledger.keys import LedgerKeys, load_or_create_keys, public_bytes_of
from runtime.ledger.record import (
    KeyChanged,
    Opened,
    Record,
    Recovered,
    kind_of,
    record_to_fields,
)

__all__ = ["DEFAULT_SEGMENT_BYTES", "LedgerWriter"]

DEFAULT_SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""About 15,000 entries; a start reads one segment."""

_MOST_WAITING: Final = 10_000
_MOST_PER_SYNC: Final = 256
_IDLE_SYNC_S: Final = 1.0

_logger: Final = logging.getLogger("leeward.ledger")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An entry on its way to the disk, and who waits for it."""

    entry: Unplaced
    on_done: Callable[[Head | None], None] | None = None
    """Called by the writer's thread with the head, or with ``None`` after a failure."""


class LedgerWriter:
    """The only writer of one ledger directory.

    Open it with :meth:`open`; close it with :meth:`close`, or use it as an async context.

    Args:
        journal: The open ledger; the writer's thread alone uses it from now on.
        keys: Its keys.
    """

    def __init__(self, journal: Journal, keys: LedgerKeys) -> None:
        self._journal = journal
        self._keys = keys
        self._refusal = ""
        self._refusal_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="leeward-ledger", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        keys: LedgerKeys | None = None,
        *,
        clock: Clock,
        software_version: str = "",
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
    ) -> Self:
        """Open the ledger in ``directory``, making it and its keys when there is none.

        Blocks; call it when a daemon starts. An ``open`` entry is durable when it returns, and a
        ``recovery`` entry behind it when a crash had left a torn last line.

        Args:
            directory: ``<state>/ledger``; made with mode 0700.
            keys: The keys to use, by default those in ``directory``.
            clock: For the times in the entries.
            software_version: What the ``open`` entry says.
            segment_bytes: When to begin the next file.

        Raises:
            LedgerUnavailable: Another process has it open, or its files or keys cannot be used.
            LedgerCorrupt: The newest segment was altered.
        """
        keys = load_or_create_keys(directory) if keys is None else keys
        journal = open_journal(directory, keys, clock=clock, segment_bytes=segment_bytes)
        writer = cls(journal, keys)
        opening: list[Record] = [Opened(software_version)]
        if journal.dropped_bytes:
            opening.append(Recovered(journal.dropped_bytes))
            _logger.warning(
                "ledger_torn_line_dropped", extra={"dropped_bytes": journal.dropped_bytes}
            )
        writer._start([Unplaced(kind_of(it), record_to_fields(it)) for it in opening])
        return writer

    @property
    def recovered_bytes(self) -> int:
        """How much of a torn last line the opening cut off; 0 after an orderly end."""
        return self._journal.dropped_bytes

    @property
    def is_writable(self) -> bool:
        """Whether an append can still succeed."""
        return not self._refusal

    def head(self) -> Head:
        """Return the newest durable entry's position, hash and MAC."""
        head = self._journal.durable_head
        if head is None:
            raise LedgerUnavailable("the ledger has no entry yet")
        return head

    def payload_digest(self, payload: bytes) -> bytes:
        """Return the keyed digest under which a payload is recorded, 32 bytes."""
        return self._keys.secret.payload_digest(payload)

    async def append(self, record: Record) -> Head:
        """Write ``record`` and return its head once it is durable.

        Entries that wait together share one fsync. Cancelling the call leaves the entry written.

        Raises:
            LedgerUnavailable: It is not durable, so what it announces must not happen.
            RequestInvalid: It holds a string that could be content.
        """
        return await self._append(Unplaced(kind_of(record), record_to_fields(record)))

    def note(self, record: Record) -> None:
        """Write ``record`` soon, without waiting: for what has already happened.

        It is durable after the next append, a second, or the close, whichever comes first.

        Raises:
            LedgerUnavailable: The ledger accepts nothing more.
            RequestInvalid: It holds a string that could be content.
        """
        self._enqueue(_Waiting(Unplaced(kind_of(record), record_to_fields(record))))

    async def change_key(self) -> str:
        """Sign from now on with a new key, vouched for by the old one; return the new key's id.

        Raises:
            LedgerUnavailable: The change could not be recorded.
        """
        old_key_id = self._journal.key_id
        try:
            new_key_id = await asyncio.to_thread(self._keys.create_signing_key)
        except OSError as error:
            raise LedgerUnavailable("cannot store a new signing key") from error
        public = public_bytes_of(self._keys.signing_key(new_key_id).public_key())
        record = KeyChanged(key_id=new_key_id, public_key=public)
        await self._append(
            Unplaced(kind_of(record), record_to_fields(record), next_key_id=new_key_id)
        )
        await asyncio.to_thread(self._keys.forget_signing_key, old_key_id)
        return new_key_id

    async def close(self) -> None:
        """Write what waits, make it durable, and let go of the directory."""
        if self._thread.is_alive():
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _append(self, entry: Unplaced) -> Head:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Head] = loop.create_future()

        def settle(head: Head | None) -> None:
            if future.done():
                return
            if head is None:
                future.set_exception(LedgerUnavailable(self._refusal))
            else:
                future.set_result(head)

        def settle_in_loop(head: Head | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(settle, head)

        self._enqueue(_Waiting(entry, settle_in_loop))
        return await future

    def _enqueue(self, waiting: _Waiting) -> None:
        with self._refusal_lock:
            if self._refusal:
                raise LedgerUnavailable(self._refusal)
            if self._queue.qsize() >= _MOST_WAITING:
                raise LedgerUnavailable("too many entries wait for the disk")
            self._queue.put(waiting)

    def _start(self, opening: Sequence[Unplaced]) -> None:
        """Write the first entries in the caller's thread, then hand the journal to ours."""
        try:
            self._journal.write(opening)
            self._journal.sync()
        except OSError as error:
            self._journal.close()
            raise LedgerUnavailable(_unwritable(error)) from error
        self._thread.start()

    # What follows runs in the writer's thread.

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            self._commit(batch, must_sync=not batch or not is_open)
        self._refuse("the ledger is closed")
        self._commit(self._late_comers(), must_sync=False)
        self._journal.close()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """Wait for an entry and take what came with it; say whether more may come."""
        batch: list[_Waiting] = []
        try:
            is_dirty = self._journal.is_dirty and not self._refusal
            item = self._queue.get(timeout=_IDLE_SYNC_S if is_dirty else None)
            while item is not None:
                batch.append(item)
                if len(batch) == _MOST_PER_SYNC:
                    return batch, True
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _commit(self, batch: Sequence[_Waiting], *, must_sync: bool) -> None:
        heads: list[Head | None] = [None] * len(batch)
        if not self._refusal:
            try:
                written = self._journal.write([waiting.entry for waiting in batch])
                if must_sync or any(waiting.on_done for waiting in batch):
                    self._journal.sync()
                heads = list(written)
            except (OSError, LedgerUnavailable) as error:
                # After a failed fsync nobody knows what is on the disk, so nothing more is
                # accepted; the next opening finds the end anew.
                self._refuse(_unwritable(error))
                _logger.error("ledger_unwritable", extra={"error": type(error).__name__})
        for waiting, head in zip(batch, heads, strict=True):
            if waiting.on_done is not None:
                waiting.on_done(head)

    def _refuse(self, reason: str) -> None:
        with self._refusal_lock:
            self._refusal = self._refusal or reason

    def _late_comers(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None:
                batch.append(item)
        return batch


def _unwritable(error: Exception) -> str:
    reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
    return f"the ledger cannot be written: {reason}"

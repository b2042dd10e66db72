"""The books of the sessions in use: a bounded memory in front of the vault.

One writer per session at a time. What a writer adds is in the vault before it is let go; when
that fails, the memory of the session is dropped, so that memory never knows more than the disk.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from edge.privacy.book import Book
from edge.privacy.placeholders import Grammar
from edge.privacy.vault import Vault
from runtime.clock import Clock
from runtime.ids import SessionId

__all__ = ["Sessions"]

T = TypeVar("T")


@dataclass(slots=True)
class _Slot:
    """One session in memory; mutable, only touched on the event loop."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    book: Book | None = None
    used_s: float = 0.0
    waiting: int = 0


class Sessions:
    """Gives out the book of a session, loaded from the vault and saved back to it."""

    def __init__(
        self,
        vault: Vault,
        grammar: Grammar,
        *,
        clock: Clock,
        executor: Executor | None,
        max_sessions: int,
    ) -> None:
        self._vault = vault
        self._grammar = grammar
        self._clock = clock
        self._executor = executor
        self._max_sessions = max_sessions
        self._slots: OrderedDict[SessionId, _Slot] = OrderedDict()

    @asynccontextmanager
    async def writing(self, session: SessionId) -> AsyncIterator[Book]:
        """Lend the book of a session to one writer; save what it added at the end.

        Raises:
            VaultLocked: The vault cannot be read or written.
        """
        async with self._held(session) as slot:
            is_fresh = self._clock.monotonic_s() - slot.used_s < self._vault.ttl_s
            book = slot.book if is_fresh else None
            slot.book = None  # until everything below has worked
            if book is None:
                entries = await self._blocking(lambda: self._vault.load(session))
                book = Book(self._grammar, entries)
            yield book
            fresh = book.take_fresh()
            if book.values:
                await self._blocking(lambda: self._vault.add(session, fresh))
            slot.book = book
            slot.used_s = self._clock.monotonic_s()

    async def forget(self, session: SessionId) -> int:
        """Delete a session from memory and vault; return how many entries the vault held."""
        async with self._held(session) as slot:
            slot.book = None
            return await self._blocking(lambda: self._vault.forget(session))

    async def purge(self) -> int:
        """Delete what has expired from memory and vault; return how many entries it was."""
        now_s = self._clock.monotonic_s()
        for slot in self._slots.values():
            if not slot.waiting and now_s - slot.used_s >= self._vault.ttl_s:
                slot.book = None
        return await self._blocking(self._vault.purge)

    @asynccontextmanager
    async def _held(self, session: SessionId) -> AsyncIterator[_Slot]:
        slot = self._slots.setdefault(session, _Slot())
        self._slots.move_to_end(session)
        slot.waiting += 1
        try:
            async with slot.lock:
                yield slot
        finally:
            slot.waiting -= 1
            self._evict()

    def _evict(self) -> None:
        """Drop the sessions that were used longest ago; they are loaded again when needed."""
        idle = [session for session, slot in self._slots.items() if not slot.waiting]
        for session in idle[: max(0, len(self._slots) - self._max_sessions)]:
            del self._slots[session]

    async def _blocking(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

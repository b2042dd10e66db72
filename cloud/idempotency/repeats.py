"""Answers a call that is sent again from the first one, while that runs and for a while after.

Answers are in this replica's memory only, bounded, and nowhere at rest: an answer that is written
down for the sake of a retry would outlive every promise about it. What the replicas share through
the store is that a key was used, for what by keyed digest, and whether it was answered
(``cloud.stores.idempotency``). So whoever repeats a call at another replica, or after the answer is
forgotten here, is told that it was answered, and is not charged again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cloud.calls import GenerateCall
from cloud.idempotency.names import Namer
from cloud.idempotency.refusals import KEPT, repeated
from cloud.idempotency.run import Run
from cloud.stages import AnswerCache, CacheState, Lookup
from cloud.stores.idempotency import Taken
from runtime.clock import Clock
from runtime.errors import DeadlineExceeded
from runtime.ports import Chunk

__all__ = ["Repeats"]

_MAX_BYTES: Final = 16 * 2**20


class Repeats:
    """Stands before the cache: a repeated call is answered here, any other by what is behind.

    Args:
        behind: The cache.
        namer: Names calls that bear an idempotency key.
        clock: What the age of answers is read from.
        max_bytes: How much memory whole answers may take.
    """

    def __init__(
        self, behind: AnswerCache, *, namer: Namer, clock: Clock, max_bytes: int = _MAX_BYTES
    ) -> None:
        self._behind = behind
        self._namer = namer
        self._clock = clock
        self._max_bytes = max_bytes
        self._running: dict[str, Run] = {}
        self._whole: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_bytes = 0

    @asynccontextmanager
    async def opened(self, call: GenerateCall) -> AsyncIterator[Lookup]:
        """Look a call up, for as long as it runs.

        Raises:
            RequestInvalid: Its idempotency key was used for another request.
            DeadlineExceeded: The first call began nothing in the time that this one has.
        """
        name = self._namer.of(call)
        if name is None:
            async with self._behind.opened(call) as lookup:
                yield lookup
            return
        first = await self._first(name.claim, name.request, timeout_s=call.request.timeout_s)
        if first is not None:
            yield _Repeated(first.replay())
            return
        run = self._running[name.claim] = Run(name.request)
        try:
            async with self._behind.opened(call) as lookup:
                yield _First(lookup, run)
        finally:
            run.end()
            del self._running[name.claim]
            self._keep(name.claim, run)

    async def _first(self, claim: str, request: str, *, timeout_s: float) -> Run | None:
        """Return the call of that key once there is something of its answer, if there is one."""
        if self._found(claim) is None:
            return None
        try:
            async with asyncio.timeout(timeout_s):
                while (run := self._found(claim)) is not None:
                    if run.request != request:
                        raise repeated(Taken("other_request"))
                    if await run.wait_begun():
                        return run
        except TimeoutError:
            raise DeadlineExceeded("the first call with this idempotency key is slow") from None
        return None

    def _found(self, claim: str) -> Run | None:
        now_s = self._clock.monotonic_s()
        while self._whole and next(iter(self._whole.values())).expires_at_s <= now_s:
            self._forget_oldest()
        kept = self._whole.get(claim)
        return self._running.get(claim) if kept is None else kept.run

    def _keep(self, claim: str, run: Run) -> None:
        if not run.is_whole:
            return
        expires_at_s = self._clock.monotonic_s() + KEPT.total_seconds()
        self._whole[claim] = _Kept(run, run.size_bytes, expires_at_s)
        self._kept_bytes += run.size_bytes
        while self._kept_bytes > self._max_bytes:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, kept = self._whole.popitem(last=False)
        self._kept_bytes -= kept.size_bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A whole answer, the oldest first."""

    run: Run
    size_bytes: int
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class _Repeated:
    """An answer that was given before, or is being given."""

    found: AsyncGenerator[Chunk, None]
    state: CacheState = "hit"

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        return chunks


@dataclass(frozen=True, slots=True)
class _First:
    """A call that has not been sent before."""

    behind: Lookup
    run: Run

    @property
    def state(self) -> CacheState:
        return self.behind.state

    @property
    def found(self) -> AsyncGenerator[Chunk, None] | None:
        return self.behind.found

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        return self._recorded(self.behind.recording(chunks))

    async def _recorded(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        async with aclosing(chunks):
            async for chunk in chunks:
                self.run.add(chunk)
                yield chunk

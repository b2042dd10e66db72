"""Stages that a gateway is configured without."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from cloud.calls import CallT, GenerateCall
from cloud.stages import CacheState, Lookup
from runtime.ports import Chunk

__all__ = ["NoCache", "NoInspection"]


class NoInspection:
    """Lets everything pass."""

    async def inspect(self, call: CallT) -> CallT:
        return call


class NoCache:
    """Keeps nothing."""

    @asynccontextmanager
    async def opened(self, call: GenerateCall) -> AsyncIterator[Lookup]:
        yield _NOTHING


class _Nothing:
    state: CacheState = "off"
    found: AsyncGenerator[Chunk, None] | None = None

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        return chunks


_NOTHING = _Nothing()

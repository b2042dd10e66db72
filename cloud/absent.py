"""Stages that a gateway is configured without."""

from collections.abc import AsyncGenerator

from cloud.calls import CallT, GenerateCall
from runtime.ports import Chunk

__all__ = ["NoCache", "NoInspection"]


class NoInspection:
    """Lets everything pass."""

    async def inspect(self, call: CallT) -> CallT:
        return call


class NoCache:
    """Keeps nothing."""

    def keeps(self, call: GenerateCall) -> bool:
        return False

    async def find(self, call: GenerateCall) -> AsyncGenerator[Chunk, None] | None:
        return None

    def recording(
        self, call: GenerateCall, chunks: AsyncGenerator[Chunk, None]
    ) -> AsyncGenerator[Chunk, None]:
        return chunks

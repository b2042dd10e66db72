"""One call that others may join: what has come of its answer, and who waits for more."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from runtime.errors import StreamBroken
from runtime.ports import Chunk, Completion, TextDelta

__all__ = ["Run"]

_BYTES_PER_CHUNK: Final = 400
"""What a chunk takes beside its text, about."""


class Run:
    """The first call under an idempotency key.

    Args:
        request: What was asked, by its digest.
    """

    def __init__(self, request: str) -> None:
        self.request = request
        self._chunks: list[Chunk] = []
        self._is_over = False
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_whole(self) -> bool:
        """Whether the answer came to its end."""
        return self._is_over and bool(self._chunks) and isinstance(self._chunks[-1], Completion)

    @property
    def size_bytes(self) -> int:
        """About how much memory the answer takes."""
        texts = (len(chunk.text) for chunk in self._chunks if isinstance(chunk, TextDelta))
        return sum(texts) * 4 + _BYTES_PER_CHUNK * len(self._chunks)

    def add(self, chunk: Chunk) -> None:
        """Take what has come."""
        self._chunks.append(chunk)
        if isinstance(chunk, Completion):
            self._is_over = True
        self._wake()

    def end(self) -> None:
        """Nothing more comes: the answer is whole, or has failed."""
        self._is_over = True
        self._wake()

    async def wait_begun(self) -> bool:
        """Wait until something of the answer has come; False if it failed before that."""
        while not self._chunks and not self._is_over:
            await self._wait()
        return bool(self._chunks)

    async def replay(self) -> AsyncGenerator[Chunk, None]:
        """Stream the answer from its beginning, as far as it is and then as it comes.

        Raises:
            StreamBroken: The first call failed in the middle of it.
        """
        tokens = seen = 0
        while True:
            while seen < len(self._chunks):
                chunk = self._chunks[seen]
                seen += 1
                if isinstance(chunk, TextDelta):
                    tokens += chunk.tokens
                yield chunk
            if self.is_whole:
                return
            if self._is_over:
                reason = "the first call with this idempotency key was cut off"
                raise StreamBroken(reason, received_tokens=tokens)
            await self._wait()

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

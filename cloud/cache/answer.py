"""A whole answer as the cache keeps it, taken from a stream and played as one."""

import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final

from runtime.ports import Chunk, Completion, FinishReason, TextDelta, Timings, Usage

__all__ = ["KeptAnswer", "Recording"]

_PIECE_CHARACTERS: Final = 512
"""Deltas are joined up to this much: a replayed token would cost as much as a fresh one."""
_PROPER: Final = frozenset({FinishReason.STOP, FinishReason.LENGTH, FinishReason.TOOL_CALLS})
"""Ends of an answer that the same question would have again; a filter's verdict may change."""
_CHUNK_BYTES: Final = 200
_LOGPROB_BYTES: Final = 200
_ENTRY_BYTES: Final = 1_000
"""About what the objects around the texts take."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """One whole answer."""

    chunks: tuple[Chunk, ...]
    """Its deltas, joined; then its completion."""
    size_bytes: int
    """About what it takes in memory."""

    async def played(self) -> AsyncGenerator[Chunk, None]:
        """Stream it: the same text, log-probabilities and end; it costs nothing."""
        for chunk in self.chunks:
            yield _as_hit(chunk) if isinstance(chunk, Completion) else chunk


class Recording:
    """Collects a stream while it passes.

    Args:
        max_bytes: A longer answer is let go of.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: list[Chunk] = []
        self._size_bytes = _ENTRY_BYTES
        self.answer: KeptAnswer | None = None
        """The answer, once it is whole and may be kept."""

    def take(self, chunk: Chunk) -> None:
        """Add the next item of the stream."""
        if self._size_bytes > self._max_bytes:
            return
        self._size_bytes += _size_bytes(chunk)
        if self._size_bytes > self._max_bytes:
            self._chunks.clear()
        elif isinstance(chunk, Completion):
            if chunk.finish_reason in _PROPER:
                self.answer = KeptAnswer((*self._chunks, chunk), self._size_bytes)
        elif self._chunks and (joined := _joined(self._chunks[-1], chunk)):
            self._chunks[-1] = joined
        else:
            self._chunks.append(chunk)


def _joined(before: Chunk, chunk: TextDelta) -> TextDelta | None:
    if not isinstance(before, TextDelta) or len(before.text) >= _PIECE_CHARACTERS:
        return None
    if before.logprobs or chunk.logprobs:
        return None  # one entry per token: pieces stay as they came
    return TextDelta(before.text + chunk.text, before.tokens + chunk.tokens)


def _size_bytes(chunk: Chunk) -> int:
    if isinstance(chunk, TextDelta):
        text_bytes = sys.getsizeof(chunk.text)
        alternatives = sum(1 + len(entry.top) for entry in chunk.logprobs)
        return text_bytes + _CHUNK_BYTES + alternatives * _LOGPROB_BYTES
    return _CHUNK_BYTES + len(repr(chunk))


def _as_hit(end: Completion) -> Completion:
    """Return an end that says that nothing was computed for it."""
    used = end.usage
    usage = Usage(
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cached_tokens=used.prompt_tokens,
        estimated=used.estimated,
    )
    return replace(end, usage=usage, timings=Timings())

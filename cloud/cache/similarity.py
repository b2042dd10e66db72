"""How alike two questions are to an embedding model of this gateway, or to the sentinel's own.

The vectors are a second opinion, asked only where the wording is the same already: alone they
cannot be trusted (``wording`` says why), and so a miss never costs an embedding.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from cloud.calls import EmbedCall, GenerateCall
from cloud.stages import Embedded
from runtime.errors import ModelInvalid
from runtime.ids import ModelName
from runtime.ports import EmbedRequest
from runtime.sentinel.embedding import SentenceEncoder

__all__ = ["Similarity", "cosine"]

_MAX_WAIT_S: Final = 2.0
"""Longer, and asking the model itself is as good."""


class Similarity:
    """Compares questions.

    Args:
        embed: Turns texts into vectors; the call is the caller's own, metered as any other.
        own: The encoder of this process, which costs nobody anything; ``None`` for none.
    """

    def __init__(
        self,
        embed: Callable[[EmbedCall], Awaitable[Embedded]],
        *,
        own: SentenceEncoder | None = None,
    ) -> None:
        self._embed = embed
        self._own = own

    async def of(self, call: GenerateCall, *, known: str, encoder: ModelName | None) -> float:
        """Return the cosine between the last turn of ``call`` and a known question.

        Args:
            call: Holds the question.
            known: The other one.
            encoder: An embedding model of this gateway; ``None`` for the encoder of this process.

        Raises:
            LeewardError: The embedding model refuses or fails.
            TimeoutError: It takes too long.
        """
        request = call.request
        if encoder is None:
            if self._own is None:
                raise ModelInvalid("this gateway has no encoder of its own")
            texts = (known, request.messages[-1].content)
            return cosine(*await asyncio.to_thread(self._own.embed, texts))
        wait_s = min(_MAX_WAIT_S, request.timeout_s)
        asked = EmbedRequest(
            model=encoder,
            texts=(known, request.messages[-1].content),
            label=request.label,
            provenance=request.provenance,
            timeout_s=wait_s,
        )
        async with asyncio.timeout(wait_s):
            embedded = await self._embed(EmbedCall(call.caller, asked, call.trace))
        first, second = embedded.vectors
        return cosine(first, second)


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the cosine of two vectors; -1 where there is none to speak of."""
    if len(first) != len(second):
        return -1.0
    dot = sum(one * other for one, other in zip(first, second, strict=True))
    length = math.hypot(*first) * math.hypot(*second)
    return dot / length if length > 0 and math.isfinite(length) else -1.0

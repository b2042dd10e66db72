"""How alike two questions are to an embedding model of this gateway.

The vectors are a second opinion, asked only where the wording is the same already: alone they
cannot be trusted (``wording`` says why), and so a miss never costs an embedding.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from cloud.calls import EmbedCall, GenerateCall
from cloud.stages import Embedded
from runtime.ids import ModelName
from runtime.ports import EmbedRequest

__all__ = ["Similarity", "cosine"]

_MAX_WAIT_S: Final = 2.0
"""Longer, and asking the model itself is as good."""


class Similarity:
    """Compares questions.

    Args:
        embed: Turns texts into vectors; the call is the caller's own, metered as any other.
    """

    def __init__(self, embed: Callable[[EmbedCall], Awaitable[Embedded]]) -> None:
        self._embed = embed

    async def of(self, call: GenerateCall, *, known: str, encoder: ModelName) -> float:
        """Return the cosine between the last turn of ``call`` and a known question.

        Raises:
            LeewardError: The embedding model refuses or fails.
            TimeoutError: It takes too long.
        """
        request = call.request
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

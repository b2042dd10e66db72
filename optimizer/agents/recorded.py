"""A recorded conversation in the place of an endpoint: replay byte for byte, or go on from it.

Prompts are built and replies checked as in the live run, so a replay shows that prompt, reply and
decision still belong together; a prompt that differs in one byte is refused.
"""

from collections.abc import Sequence

from optimizer.agents.chat import ChatFailure, ChatPort, ChatReply, ChatRequest
from optimizer.agents.failures import TranscriptMismatch
from optimizer.agents.transcript import Exchange
from runtime.documents.canonical import canonical_json

__all__ = ["RecordedChat"]


class RecordedChat:
    """Answers as the record says, in its order; after its end as ``then``, if there is one."""

    def __init__(self, exchanges: Sequence[Exchange], *, then: ChatPort | None = None) -> None:
        self._exchanges = tuple(exchanges)
        self._used = 0
        self._then = then

    @property
    def is_over(self) -> bool:
        """Whether the record has nothing left, so that the next call is a real one."""
        return self._used == len(self._exchanges)

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the recorded answer, or raise the recorded failure.

        Raises:
            ChatFailure: So it went when it was recorded.
            TranscriptMismatch: The record holds another request here, or none.
        """
        if self.is_over:
            if self._then is None:
                raise TranscriptMismatch(f"the record ends after {self._used} exchanges")
            return await self._then.complete(request)
        exchange = self._exchanges[self._used]
        if canonical_json(request.as_json()) != canonical_json(exchange.request):
            raise TranscriptMismatch(f"exchange {exchange.number} answers another prompt")
        self._used += 1
        if exchange.failure is not None:
            raise ChatFailure(
                exchange.failure,
                is_free=not exchange.tokens.total,
                retry_after_s=exchange.retry_after_s,
                latency_s=exchange.latency_s,
            )
        return ChatReply(
            text=exchange.text,
            finish_reason=exchange.finish_reason,
            tokens=exchange.tokens,
            estimated=exchange.estimated,
            latency_s=exchange.latency_s,
        )

    async def close(self) -> None:
        """Close what answers after the record's end."""
        if self._then is not None:
            await self._then.close()

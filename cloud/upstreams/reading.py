"""What has arrived of one provider's stream: its text, its end, and how far it got when it broke.

Knows the SDK's chunks and the patience that the provider's settings allow; makes no call.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from openai.types.chat import ChatCompletionChunk

from cloud.upstreams.estimate import estimate_prompt_tokens
from cloud.upstreams.model import UpstreamSpec
from runtime.errors import DeadlineExceeded, LeewardError, StreamBroken, UpstreamUnavailable
from runtime.ids import ModelName
from runtime.ports import (
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
)

__all__ = ["Reading"]

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_Arrival = TypeVar("_Arrival")


class Reading:
    """What has arrived of one stream."""

    def __init__(self, spec: UpstreamSpec, request: GenerateRequest) -> None:
        self._spec = spec
        self._request = request
        self._started_s = time.monotonic()
        self._first_token_s = 0.0
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None
        self._model = ""
        self.tokens = 0

    async def wait(self, arrival: Awaitable[_Arrival]) -> _Arrival:
        """Wait for the provider, at most as long as caller and provider settings allow.

        The wait is bounded here and not around the whole stream: a timeout scope that stays open
        across a ``yield`` would cancel whatever the consumer is doing.
        """
        left_s = self._started_s + self._request.timeout_s - time.monotonic()
        patience_s = self._spec.idle_timeout_s if self.tokens else self._spec.first_token_timeout_s
        try:
            # Not `wait_for`: on Python 3.11 it swallows a cancellation that comes with the arrival.
            async with asyncio.timeout(min(left_s, patience_s)):
                return await arrival
        except TimeoutError as error:
            if left_s <= patience_s:
                raise DeadlineExceeded(f"upstream {self._spec.name} was still writing") from error
            raise self.broken(f"was silent for {patience_s:g} s") from error

    def take(self, item: ChatCompletionChunk) -> TextDelta | None:
        """Account for one item; return its text if it has any."""
        self._model = item.model or self._model
        if item.usage is not None:
            details = item.usage.prompt_tokens_details
            self._usage = Usage(
                prompt_tokens=item.usage.prompt_tokens,
                completion_tokens=item.usage.completion_tokens,
                cached_tokens=(details.cached_tokens or 0) if details else 0,
            )
        if not item.choices:
            return None
        choice = item.choices[0]
        if choice.finish_reason is not None:
            self._finish = _FINISH.get(choice.finish_reason, FinishReason.STOP)
        if not choice.delta.content:
            return None
        if not self.tokens:
            self._first_token_s = time.monotonic() - self._started_s
        logprobs = _logprobs(choice.logprobs)
        count = max(1, len(logprobs))
        self.tokens += count
        return TextDelta(text=choice.delta.content, tokens=count, logprobs=logprobs)

    def completion(self) -> Completion:
        """Return the last chunk, or say that the stream broke: no finish reason, no answer."""
        if self._finish is None:
            raise self.broken("ended without a finish reason")
        usage = self._usage or Usage(
            prompt_tokens=estimate_prompt_tokens(self._request.messages),
            completion_tokens=self.tokens,
            estimated=True,
        )
        return Completion(
            finish_reason=self._finish,
            usage=usage,
            timings=Timings(
                first_token_s=self._first_token_s, total_s=time.monotonic() - self._started_s
            ),
            model=ModelName(self._model),
        )

    def broken(self, how: str) -> LeewardError:
        """Name a failure by how far the stream got."""
        if not self.tokens:
            return UpstreamUnavailable(f"upstream {self._spec.name} {how} before the first token")
        return StreamBroken(f"upstream {self._spec.name} {how}", received_tokens=self.tokens)


def _logprobs(reported: Any) -> tuple[TokenLogprob, ...]:
    content = getattr(reported, "content", None) or ()
    return tuple(
        TokenLogprob(
            token=entry.token,
            logprob=entry.logprob,
            top=tuple((other.token, other.logprob) for other in entry.top_logprobs or ()),
        )
        for entry in content
    )

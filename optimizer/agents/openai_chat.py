"""An OpenAI-compatible endpoint through the async ``openai`` SDK, bounded in time and in size.

Streams, so that an endless reply is cut off and not collected. Knows the wire dialect only:
what to ask, what a reply means and whether to ask again is decided elsewhere; the SDK's own
retries are off, so that no call is made that nobody reserved for.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from optimizer.agents.chat import ChatFailure, ChatReply, ChatRequest, most_tokens
from optimizer.agents.model import FailureKind
from optimizer.agents.spend import Tokens
from runtime.clock import Clock

__all__ = ["Endpoint", "OpenAIChat"]

_BYTES_PER_TOKEN: Final = 16
"""No tokenizer averages more over a whole reply: a longer one is not what was asked for."""
_NEVER_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "UnsupportedProtocol"})
"""The HTTP client's failures before a byte of the request left."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the agent's model answers."""

    base_url: str
    api_key: str = field(repr=False)
    timeout_s: float = 120.0
    """Longest wait for a whole reply."""
    idle_timeout_s: float = 60.0
    """Longest silence inside a stream, and before its first token."""
    connect_timeout_s: float = 5.0
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the limit on a reply; newer OpenAI models want the second."""


class OpenAIChat:
    """One endpoint as a ``ChatPort``."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._client = AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            timeout=openai.Timeout(
                endpoint.idle_timeout_s,
                connect=endpoint.connect_timeout_s,
            ),
        )

    async def close(self) -> None:
        """Close the endpoint's connections."""
        await self._client.close()

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole answer.

        Raises:
            ChatFailure: It did not come, not whole, not in time, or too large.
        """
        started_s = self._clock.monotonic_s()
        reading = _Reading(most_tokens(request))
        failure: ChatFailure
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                await self._read(request, reading)
            return reading.reply(self._clock.monotonic_s() - started_s)
        except TimeoutError:
            failure = ChatFailure(FailureKind.TIMED_OUT)
        except ChatFailure as error:
            failure = error
        except openai.APIError as error:
            failure = _named(error, request)
        except Exception:  # noqa: BLE001 - a malformed event can fail anywhere inside the SDK
            failure = ChatFailure(FailureKind.BROKEN_OFF)
        raise ChatFailure(
            failure.kind,
            is_free=failure.is_free,
            retry_after_s=failure.retry_after_s,
            latency_s=self._clock.monotonic_s() - started_s,
        )

    async def _read(self, request: ChatRequest, reading: "_Reading") -> None:
        call: Any = self._client.chat.completions.create  # its overloads refuse a built mapping
        stream: AsyncStream[ChatCompletionChunk] = await call(
            model=request.model,
            messages=[{"role": turn.role, "content": turn.content} for turn in request.messages],
            stream=True,
            stream_options={"include_usage": True},
            **{self._endpoint.limit_field: request.max_tokens},
            **_options(request),
        )
        try:
            async with stream:
                async for item in stream:
                    reading.take(item)
        except openai.APITimeoutError:
            raise
        except openai.APIConnectionError as error:
            # It was reached, and cut in the middle.
            raise ChatFailure(FailureKind.BROKEN_OFF) from error


class _Reading:
    """What has arrived of one reply."""

    def __init__(self, most: Tokens) -> None:
        self._most = most
        self._most_bytes = most.completion * _BYTES_PER_TOKEN
        self._parts: list[str] = []
        self._bytes = 0
        self._finish: str | None = None
        self._reported: Tokens | None = None

    def take(self, item: ChatCompletionChunk) -> None:
        """Add one item of the stream."""
        if item.usage is not None:
            self._reported = _reported(item.usage)
        for choice in item.choices[:1]:
            self._finish = choice.finish_reason or self._finish
            # Servers of reasoning models send the reasoning beside the content; it is billed too.
            reasoning = getattr(choice.delta, "reasoning_content", None)
            for text, is_answer in ((reasoning, False), (choice.delta.content, True)):
                if isinstance(text, str):
                    self._add(text, is_answer=is_answer)

    def _add(self, text: str, *, is_answer: bool) -> None:
        clean = text.encode("utf-8", "replace")
        self._bytes += len(clean)
        if self._bytes > self._most_bytes:
            raise ChatFailure(FailureKind.TOO_LARGE)
        if is_answer:
            self._parts.append(clean.decode())

    def reply(self, latency_s: float) -> ChatReply:
        """Return the whole reply; without a finish reason there is none."""
        if self._finish is None:
            raise ChatFailure(FailureKind.BROKEN_OFF)
        unreported = Tokens(self._most.prompt, min(self._bytes, self._most.completion))
        return ChatReply(
            text="".join(self._parts),
            finish_reason=self._finish,
            tokens=self._reported or unreported,
            estimated=self._reported is None,
            latency_s=latency_s,
        )


def _options(request: ChatRequest) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.schema is not None:
        options["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": dict(request.schema)},
        }
    return options


def _reported(usage: Any) -> Tokens | None:
    """Return what the endpoint reported, if these are numbers of tokens at all."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    for count in (prompt, completion):
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            return None
    return Tokens(prompt, completion)


def _named(error: openai.APIError, request: ChatRequest) -> ChatFailure:
    """Turn the SDK's failure into ours; the endpoint's text is dropped, it may quote anything."""
    if isinstance(error, openai.RateLimitError):
        wait_s = _retry_after_s(error.response.headers)
        return ChatFailure(FailureKind.RATE_LIMITED, is_free=True, retry_after_s=wait_s)
    if isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        kind = FailureKind.SCHEMA_REFUSED if request.schema is not None else FailureKind.REFUSED
        return ChatFailure(kind, is_free=True)
    if isinstance(error, openai.APIStatusError):
        if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return ChatFailure(FailureKind.REFUSED, is_free=True)
        if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and request.schema is not None:
            # What llama-cpp-python's server says to a schema; others, to whatever broke in them.
            return ChatFailure(FailureKind.SCHEMA_REFUSED)
        return ChatFailure(FailureKind.UNREACHABLE)
    is_free = type(error.__cause__).__name__ in _NEVER_SENT
    if isinstance(error, openai.APITimeoutError) and not is_free:
        return ChatFailure(FailureKind.TIMED_OUT)
    if isinstance(error, openai.APIConnectionError):
        return ChatFailure(FailureKind.UNREACHABLE, is_free=is_free)
    return ChatFailure(FailureKind.BROKEN_OFF)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return 1.0

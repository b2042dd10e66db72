"""One provider through the async ``openai`` SDK: streams in, typed errors out.

Knows the provider's wire dialect; decides nothing about which provider to use (``router``) and
retries nothing itself: the SDK's own retries are off so that no call is made twice unseen.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, TypeVar

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from cloud.upstreams.estimate import estimate_prompt_tokens
from cloud.upstreams.model import UpstreamSpec
from runtime.errors import (
    CapacityExhausted,
    ContextOverflow,
    DeadlineExceeded,
    LeewardError,
    RequestInvalid,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.ids import ModelName
from runtime.ports import (
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
)

__all__ = ["OpenAIUpstream"]

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_DEFAULT_RETRY_AFTER_S = 1.0

_Arrival = TypeVar("_Arrival")


class OpenAIUpstream:
    """A provider's models as streams of chunks."""

    def __init__(self, spec: UpstreamSpec) -> None:
        self.spec = spec
        self._slots = asyncio.Semaphore(spec.max_concurrency)
        self._client = AsyncOpenAI(
            base_url=spec.base_url,
            api_key=spec.api_key,
            max_retries=0,
            timeout=openai.Timeout(
                spec.first_token_timeout_s, connect=spec.connect_timeout_s, read=spec.idle_timeout_s
            ),
        )

    async def close(self) -> None:
        """Close the provider's connections."""
        await self._client.close()

    async def is_reachable(self) -> bool:
        """Ask the provider for its model list, the cheapest call it has."""
        try:
            await self._client.models.list(timeout=self.spec.connect_timeout_s)
        except openai.APIError:
            return False
        return True

    async def generate(
        self, request: GenerateRequest, upstream_model: str
    ) -> AsyncGenerator[Chunk, None]:
        """Stream one answer of ``upstream_model``.

        Raises:
            UpstreamUnavailable: Refused, failed, or silent before the first token.
            StreamBroken: Ended or fell silent without a finish reason.
            CapacityExhausted: The provider limits our rate.
            RequestInvalid: The provider rejects the request as malformed.
            ContextOverflow: The prompt does not fit the provider's context.
            DeadlineExceeded: The caller's time ran out.
        """
        reading = _Reading(self.spec, request)
        async with self._slots:
            try:
                stream = await reading.wait(self._open(request, upstream_model))
                async with stream:
                    items = aiter(stream)
                    while (item := await reading.wait(anext(items, None))) is not None:
                        delta = reading.take(item)
                        if delta is not None:
                            yield delta
            except openai.APIError as error:
                raise _named(error, reading) from error
        yield reading.completion()

    async def _open(
        self, request: GenerateRequest, upstream_model: str
    ) -> AsyncStream[ChatCompletionChunk]:
        call: Any = self._client.chat.completions.create  # its overloads refuse a built mapping
        stream: AsyncStream[ChatCompletionChunk] = await call(
            model=upstream_model,
            messages=[{"role": turn.role, "content": turn.content} for turn in request.messages],
            stream=True,
            **_options(request.sampling),
        )
        return stream


class _Reading:
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
            return await asyncio.wait_for(arrival, min(left_s, patience_s))
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


def _options(sampling: Sampling) -> dict[str, Any]:
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stream_options": {"include_usage": True},
    }
    if sampling.seed is not None:
        options["seed"] = sampling.seed
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    if sampling.logprobs:
        options |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if sampling.json_schema:
        options["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": json.loads(sampling.json_schema)},
        }
    # Not in OpenAI's API, but llama.cpp, vLLM and SGLang take them; sent only when asked for.
    extra: dict[str, Any] = {}
    if sampling.top_k:
        extra["top_k"] = sampling.top_k
    if sampling.min_p:
        extra["min_p"] = sampling.min_p
    if sampling.repeat_penalty != 1.0:
        extra["repeat_penalty"] = sampling.repeat_penalty
    if sampling.grammar:
        extra["grammar"] = sampling.grammar
    if extra:
        options["extra_body"] = extra
    return options


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


def _named(error: openai.APIError, reading: _Reading) -> LeewardError:
    """Turn the SDK's failure into ours; the provider's text is dropped, it may quote a prompt."""
    if isinstance(error, openai.RateLimitError):
        return CapacityExhausted(
            "the upstream limits our rate", retry_after_s=_retry_after_s(error.response.headers)
        )
    if isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        if error.code == "context_length_exceeded":
            return ContextOverflow("the prompt does not fit the upstream's context")
        return RequestInvalid(f"the upstream rejects the request ({error.status_code})")
    if isinstance(error, openai.APITimeoutError):
        return reading.broken("timed out")
    if isinstance(error, openai.APIStatusError):
        return UpstreamUnavailable(f"the upstream answered {error.status_code}")
    return reading.broken(f"failed with {type(error).__name__}")


def _retry_after_s(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return _DEFAULT_RETRY_AFTER_S

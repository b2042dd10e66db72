"""One provider through the async ``openai`` SDK: streams in, typed errors out.

Knows the provider's wire dialect; decides nothing about which provider to use (``router``) and
retries nothing itself: the SDK's own retries are off so that no call is made twice unseen.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import openai
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.reading import Reading
from runtime.errors import (
    CapacityExhausted,
    ContextOverflow,
    LeewardError,
    RequestInvalid,
    UpstreamUnavailable,
)
from runtime.ports import Chunk, GenerateRequest, Sampling

__all__ = ["OpenAIUpstream"]

_DEFAULT_RETRY_AFTER_S = 1.0


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
        reading = Reading(self.spec, request)
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


def _options(sampling: Sampling) -> dict[str, Any]:
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stream_options": {"include_usage": True},
    }
    if sampling.seed is not None:
        options["seed"] = sampling.seed
    for name in ("frequency_penalty", "presence_penalty"):
        if penalty := getattr(sampling, name):
            options[name] = penalty
    if sampling.logit_bias:
        options["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias}
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    if sampling.logprobs:
        options |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if sampling.json_schema:
        options["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": json.loads(sampling.json_schema)},
        }
    if extra := _extra(sampling):
        options["extra_body"] = extra
    return options


def _extra(sampling: Sampling) -> dict[str, Any]:
    """What is not in OpenAI's API, but llama.cpp, vLLM and SGLang take; only what is asked for."""
    extra: dict[str, Any] = {}
    if sampling.top_k:
        extra["top_k"] = sampling.top_k
    if sampling.min_p:
        extra["min_p"] = sampling.min_p
    if sampling.repeat_penalty != 1.0:
        extra["repeat_penalty"] = sampling.repeat_penalty
    if sampling.grammar:
        extra["grammar"] = sampling.grammar
    return extra


def _named(error: openai.APIError, reading: Reading) -> LeewardError:
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

"""One provider through the async ``openai`` SDK: streams in, named failures out.

Knows the provider's wire dialect; decides nothing about which provider to use (``cloud.routing``)
and retries nothing itself: the SDK's own retries are off so that no call is made twice unseen.
The SDK is used in its cheapest mode, ``post`` with the raw response: building and checking its
models costs three times the CPU of everything else in a call.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import httpx2
import openai

from cloud.stages import Embedded
from cloud.upstreams.body import completion_body, generate_body, with_prefix
from cloud.upstreams.connection import TooLarge, open_client, read_bounded, streamed_headers
from cloud.upstreams.drafts import Drafts
from cloud.upstreams.embedding import NoEmbeddings, read_embeddings
from cloud.upstreams.failures import Fault, UpstreamFailed, failed_status
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.prompt_text import PromptTemplate
from cloud.upstreams.reading import Reading
from cloud.upstreams.slots import Slots
from cloud.upstreams.sse import EventTooLarge, SseDecoder
from runtime.clock import Clock
from runtime.errors import DeadlineExceeded, RequestInvalid, UpstreamUnavailable
from runtime.ports import Chunk, EmbedRequest, GenerateRequest, TextDelta

__all__ = ["OpenAIUpstream"]

_EVENT_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_OWN_FAULT: Final = 500
"""Statuses from here on say that the provider is broken."""
_MAX_EMBEDDING_BYTES: Final = 64 * 1024 * 1024
_MAX_ECHO_BYTES: Final = 64 * 1024 * 1024
"""Every token of the prompt comes back with two numbers."""


class OpenAIUpstream:
    """A provider's models as streams of chunks."""

    def __init__(self, spec: UpstreamSpec, clock: Clock) -> None:
        self.spec = spec
        self.slots = Slots(spec)
        self._clock = clock
        self._client = open_client(spec)
        self._stream_options: Any = {"headers": streamed_headers(spec, accept=_EVENT_STREAM)}
        self._json_options: Any = {"headers": streamed_headers(spec, accept=_JSON)}
        self.drafts = Drafts(spec, self._completed)

    async def close(self) -> None:
        """Close the provider's connections."""
        await self._client.close()

    async def probe(self) -> Fault | None:
        """Ask the provider for its model list, the cheapest call it has; return what is wrong.

        Not every server has such a list: any answer but a fault of its own or a refusal of our
        key shows that it is there.
        """
        try:
            async with asyncio.timeout(self.spec.connect_timeout_s):
                response = await self._client.get(
                    "/models", cast_to=httpx2.Response, options=self._json_options
                )
                await response.aclose()
        except openai.APIStatusError as error:
            fault = failed_status(self.spec.name, error, self._clock.now()).fault
            is_wrong = fault is Fault.KEY or error.status_code >= _OWN_FAULT
            return fault if is_wrong else None
        except (openai.APIError, TimeoutError):
            return Fault.UNREACHABLE
        return None

    def reading(self, request: GenerateRequest) -> Reading:
        """Return what an attempt at ``request`` is read into; the caller's time runs from here."""
        return Reading(self.spec, request, self._clock)

    async def generate(
        self, reading: Reading, upstream_model: str, *, goes_on: bool = False
    ) -> AsyncGenerator[Chunk, None]:
        """Stream one answer of ``upstream_model``; closing the generator hangs up.

        Args:
            reading: Made by :meth:`reading`; says at any time how far the stream got.
            upstream_model: The provider's own name for the model.
            goes_on: Whether the last turn is the beginning of the answer, by another provider.

        Raises:
            UpstreamFailed: The provider did not answer, or not to the end; says how.
            RequestInvalid: The request cannot be written in the provider's dialect.
        """
        body = generate_body(reading.request, upstream_model, self.spec.capabilities)
        if goes_on:
            body = with_prefix(body, self.spec.capabilities)
        async with self.slots.taken(reading.left_s):
            reading.start()
            async with aclosing(self._streamed(reading, "/chat/completions", body)) as deltas:
                async for delta in deltas:
                    yield delta
        yield reading.completion()

    async def go_on(
        self, reading: Reading, upstream_model: str, template: PromptTemplate
    ) -> AsyncGenerator[Chunk, None]:
        """Stream what follows a begun answer, as much of the request's draft as is right at once.

        Args:
            reading: Made by :meth:`reading`.
            upstream_model: The provider's own name for the model.
            template: How the model's chats are written.

        Raises:
            UpstreamFailed: The provider did not answer, or not to the end, or checks no drafts.
            RequestInvalid: The template refuses the chat.
        """
        request = reading.request
        prompt = template.text(request.messages) + request.begun
        if request.draft:
            is_able = await reading.wait(self.drafts.is_able(upstream_model, template))
            if not is_able:
                refusal = RequestInvalid(self.drafts.refusal(upstream_model), field="draft")
                raise UpstreamFailed(Fault.REQUEST, refusal)
        async with self.slots.taken(reading.left_s):
            reading.start()
            if request.draft:
                found = await reading.wait(self.drafts.check(request, prompt, upstream_model))
                reading.take_check(found.usage)
                prompt += found.text
                if found.text:
                    yield TextDelta(found.text, found.tokens)
                if found.finish is not None:
                    reading.decide(found.finish)
            if not reading.is_complete:
                able = self.spec.capabilities
                body = completion_body(request, prompt, upstream_model, able, is_echoed=False)
                async with aclosing(self._streamed(reading, "/completions", body)) as deltas:
                    async for delta in deltas:
                        yield delta
        yield reading.completion()

    async def _streamed(
        self, reading: Reading, path: str, body: dict[str, Any]
    ) -> AsyncGenerator[TextDelta, None]:
        response = await self._opened(reading, path, body)
        try:
            async with aclosing(_arrivals(response, reading)) as arrivals:
                async for events in arrivals:
                    delta = reading.take(events)
                    if delta is not None:
                        yield delta
                        reading.check()
        finally:
            await response.aclose()

    async def embed(self, request: EmbedRequest, upstream_model: str) -> Embedded:
        """Turn texts into vectors.

        Raises:
            UpstreamFailed: The provider did not answer, or with something else.
        """
        body = {"model": upstream_model, "input": list(request.texts), "encoding_format": "float"}
        name = self.spec.name
        started_s = self._clock.monotonic_s()
        async with self.slots.taken(request.timeout_s):
            left_s = request.timeout_s - (self._clock.monotonic_s() - started_s)
            try:
                async with asyncio.timeout(min(left_s, self.spec.first_token_timeout_s)):
                    answer = await self._whole("/embeddings", body, max_bytes=_MAX_EMBEDDING_BYTES)
            except TimeoutError as error:
                if left_s <= self.spec.first_token_timeout_s:
                    late = DeadlineExceeded(f"upstream {name} was still computing")
                    raise UpstreamFailed(Fault.DEADLINE, late) from error
                raise self._unavailable(Fault.SILENT, "did not answer in time") from error
        try:
            return await asyncio.to_thread(read_embeddings, answer, request.texts)
        except NoEmbeddings as error:
            raise self._unavailable(Fault.GARBAGE, "answered with no vectors") from error

    async def _completed(self, body: dict[str, Any]) -> bytes:
        return await self._whole("/completions", body, max_bytes=_MAX_ECHO_BYTES)

    async def _whole(self, path: str, body: dict[str, Any], *, max_bytes: int) -> bytes:
        try:
            response = await self._client.post(
                path, cast_to=httpx2.Response, body=body, options=self._json_options
            )
            try:
                return await read_bounded(response, max_bytes)
            finally:
                await response.aclose()
        except openai.APIStatusError as error:
            raise failed_status(self.spec.name, error, self._clock.now()) from error
        except (openai.APIError, httpx2.HTTPError) as error:
            why = f"failed with {type(error).__name__}"
            raise self._unavailable(Fault.UNREACHABLE, why) from error
        except TooLarge as error:
            raise self._unavailable(Fault.GARBAGE, "answered with too much") from error

    async def _opened(self, reading: Reading, path: str, body: dict[str, Any]) -> httpx2.Response:
        try:
            response = await reading.wait(
                self._client.post(
                    path,
                    cast_to=httpx2.Response,
                    body=body,
                    options=self._stream_options,
                )
            )
        except openai.APIStatusError as error:
            raise failed_status(self.spec.name, error, self._clock.now()) from error
        except openai.APITimeoutError as error:
            raise reading.failed(Fault.UNREACHABLE, "took no connection in time") from error
        except openai.APIError as error:
            how = f"failed with {type(error).__name__}"
            raise reading.failed(Fault.UNREACHABLE, how) from error
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _EVENT_STREAM or "content-encoding" in response.headers:
            await response.aclose()
            raise reading.failed(Fault.GARBAGE, "answered with no event stream")
        return response

    def _unavailable(self, fault: Fault, how: str) -> UpstreamFailed:
        return UpstreamFailed(fault, UpstreamUnavailable(f"upstream {self.spec.name} {how}"))


async def _arrivals(
    response: httpx2.Response, reading: Reading
) -> AsyncGenerator[list[bytes], None]:
    """Yield the events of everything that arrives together, to the end of the stream.

    Once the answer is complete, whatever happens to the rest of the stream breaks nothing.
    """
    decoder = SseDecoder()
    async with aclosing(response.aiter_raw()) as pieces:
        while True:
            try:
                received = await reading.wait(anext(pieces, None))
                events = [] if received is None else decoder.feed(received)
            except UpstreamFailed:
                if reading.is_complete:
                    return
                raise
            except (httpx2.HTTPError, EventTooLarge) as error:
                if reading.is_complete:
                    return
                fault = Fault.GARBAGE if isinstance(error, EventTooLarge) else Fault.CUT
                raise reading.failed(fault, f"failed with {type(error).__name__}") from error
            if received is None:
                return
            yield events

"""Turn one model's answer into OpenAI responses: one body, or a stream of SSE chunks."""

import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from cloud.front.refusal import error_body
from cloud.serving import Answer
from runtime.errors import StreamBroken
from runtime.http.boundary import named_failure
from runtime.http.envelope import DONE, Envelope, event_text, usage_data
from runtime.ports import Chunk, Completion, TextDelta, TokenLogprob, Usage

__all__ = ["sse", "whole"]


async def whole(answer: Answer, envelope: Envelope) -> dict[str, Any]:
    """Read an answer to its end and return the response body.

    Raises:
        LeewardError: The answer failed.
    """
    pieces: list[str] = []
    logprobs: list[TokenLogprob] = []
    async for chunk in answer.chunks:
        if isinstance(chunk, Completion):
            body = envelope.body(
                "".join(pieces), chunk.finish_reason, chunk.usage, logprobs, chunk.tool_calls
            )
            return body | {"leeward": _extension(chunk.usage)}
        pieces.append(chunk.text)
        logprobs += chunk.logprobs
    raise StreamBroken("the answer ended without its completion")


async def sse(
    first: Chunk,
    chunks: AsyncGenerator[Chunk, None],
    envelope: Envelope,
    *,
    with_usage: bool,
    logger: logging.Logger,
) -> AsyncGenerator[str, None]:
    """Return an answer as server-sent events.

    A failure is an ``error`` object, never silence, and neither a finish reason nor ``[DONE]``
    comes with it.

    Args:
        first: The first chunk, which is read before the response begins, so that an early failure
            has an HTTP status.
        chunks: What follows it.
        envelope: What every event repeats.
        with_usage: Whether the last event says what was consumed.
        logger: Where a failure is noted.
    """
    opening = "".join(event_text(item) for item in envelope.opening())
    last = first
    try:
        # What is known at the same time is sent at once: each event by itself is a system call.
        yield opening + _text(first, envelope, with_usage=with_usage)
        async for last in chunks:
            yield _text(last, envelope, with_usage=with_usage)
        if not isinstance(last, Completion):
            raise StreamBroken("the answer ended without its completion")  # noqa: TRY301 - told below
    except Exception as error:  # noqa: BLE001 - the boundary is where blind catching belongs
        told = named_failure(error, logger)
        if not isinstance(last, Completion):
            yield event_text(error_body(told))


def _text(chunk: Chunk, envelope: Envelope, *, with_usage: bool) -> str:
    items = _items(chunk, envelope, with_usage=with_usage)
    text = "".join(event_text(item) for item in items)
    return text + DONE if isinstance(chunk, Completion) else text


def _items(chunk: Chunk, envelope: Envelope, *, with_usage: bool) -> Sequence[dict[str, Any]]:
    if isinstance(chunk, TextDelta):
        return (envelope.piece(chunk.text, chunk.logprobs),)
    last = [envelope.tools(chunk.tool_calls)] if chunk.tool_calls else []
    last.append(envelope.end(chunk.finish_reason))
    if with_usage:
        usage = {"usage": usage_data(chunk.usage), "leeward": _extension(chunk.usage)}
        last.append(envelope.chunk([]) | usage)
    return last


def _extension(usage: Usage) -> dict[str, Any]:
    """Leeward's own part of an answer: what it costs, and whether that was counted or reported."""
    return {"cost_usd": usage.cost_usd, "estimated": usage.estimated}

"""Turn a run's events into OpenAI responses: one body, or a stream of SSE chunks."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runtime.errors import LeewardError, StreamBroken
from runtime.executor.events import (
    AnswerDelta,
    AnswerFinished,
    Event,
    Receipt,
    RunFinished,
    RunPlanned,
)
from runtime.executor.plain import receipt_to_data
from runtime.http.status import error_body
from runtime.planner.model import Plan
from runtime.ports import FinishReason, Usage

__all__ = ["Envelope", "whole", "sse"]

Kind = Literal["chat", "text"]
_DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every chunk of one response repeats."""

    id: str
    created: int
    model: str
    kind: Kind

    def chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """Return one streamed object."""
        name = "chat.completion.chunk" if self.kind == "chat" else "text_completion"
        return self._object(name) | {"choices": choices}

    def body(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the one object of a response that is not streamed."""
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        return self._object(name) | {"choices": choices}

    def _object(self, name: str) -> dict[str, Any]:
        return {"id": self.id, "object": name, "created": self.created, "model": self.model}


async def whole(events: AsyncGenerator[Event, None], envelope: Envelope) -> dict[str, Any]:
    """Run to the end and return the response body, receipt included.

    Raises:
        LeewardError: The run failed.
    """
    answer: AnswerFinished | None = None
    receipt: Receipt | None = None
    plan: Plan | None = None
    async with aclosing(events):
        async for event in events:
            match event:
                case RunPlanned():
                    plan = event.plan
                case AnswerFinished():
                    answer = event
                case RunFinished():
                    receipt = event.receipt
                case _:
                    pass
    if answer is None or receipt is None:
        raise StreamBroken("the run ended without an answer")
    choice: dict[str, Any] = {"index": 0, "finish_reason": answer.finish_reason.value}
    if envelope.kind == "chat":
        choice["message"] = {"role": "assistant", "content": answer.text}
    else:
        choice |= {"text": answer.text, "logprobs": None}
    return envelope.body([choice]) | {
        "usage": _usage(receipt.usage),
        "leeward": _extension(receipt, plan),
    }


async def sse(
    plan: Plan | None,
    first: Event,
    events: AsyncGenerator[Event, None],
    envelope: Envelope,
    *,
    with_usage: bool,
) -> AsyncIterator[str]:
    """Return the run as server-sent events; a failure is an ``error`` object, never silence."""
    try:
        async with aclosing(events):
            if envelope.kind == "chat":
                yield _event(envelope.chunk([_delta({"role": "assistant", "content": ""})]))
            for item in _items(first, envelope, plan, with_usage=with_usage):
                yield _event(item)
            async for event in events:
                for item in _items(event, envelope, plan, with_usage=with_usage):
                    yield _event(item)
    except LeewardError as error:
        yield _event(error_body(error))
    yield _DONE


def _items(
    event: Event, envelope: Envelope, plan: Plan | None, *, with_usage: bool
) -> list[dict[str, Any]]:
    match event:
        case AnswerDelta(text):
            return [envelope.chunk([_text(envelope, text)])]
        case AnswerFinished(_, reason, _):
            return [envelope.chunk([_end(envelope, reason)])]
        case RunFinished(receipt):
            last = envelope.chunk([]) | {"leeward": _extension(receipt, plan)}
            return [last | {"usage": _usage(receipt.usage)} if with_usage else last]
        case _:
            return []


def _extension(receipt: Receipt, plan: Plan | None) -> dict[str, Any]:
    """Leeward's own part of an answer: the receipt, and what the planner changed and why."""
    repairs = [] if plan is None else [asdict(repair) for repair in plan.repairs]
    return {"receipt": receipt_to_data(receipt), "repairs": repairs}


def _text(envelope: Envelope, text: str) -> dict[str, Any]:
    if envelope.kind == "chat":
        return _delta({"content": text})
    return {"index": 0, "text": text, "finish_reason": None, "logprobs": None}


def _end(envelope: Envelope, reason: FinishReason) -> dict[str, Any]:
    choice = _delta({}) if envelope.kind == "chat" else {"index": 0, "text": "", "logprobs": None}
    return choice | {"finish_reason": reason.value}


def _delta(delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _event(item: dict[str, Any]) -> str:
    return f"data: {json.dumps(item, ensure_ascii=False, separators=(',', ':'))}\n\n"

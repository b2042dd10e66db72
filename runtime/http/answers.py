"""Turn a run's events into OpenAI responses: one body, or a stream of SSE chunks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

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
from runtime.http.boundary import ErrorBody
from runtime.http.envelope import DONE, Envelope, event_text, usage_data
from runtime.planner.model import Plan
from runtime.ports import TokenLogprob

__all__ = ["Gathered", "extension", "first_answer", "items_of", "sse", "whole"]


@dataclass(slots=True)
class Gathered:
    """What the events of a run came to."""

    answer: AnswerFinished | None = None
    receipt: Receipt | None = None
    plan: Plan | None = None
    logprobs: list[TokenLogprob] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Note the next event."""
        match event:
            case RunPlanned():
                self.plan = event.plan
            case AnswerDelta():
                self.logprobs += event.logprobs
            case AnswerFinished():
                self.answer = event
            case RunFinished():
                self.receipt = event.receipt
            case _:
                pass

    def body(self, envelope: Envelope) -> dict[str, Any]:
        """Return the response body, receipt included.

        Raises:
            StreamBroken: The run ended without an answer.
        """
        answer = self.answer
        if answer is None or self.receipt is None:
            raise StreamBroken("the run ended without an answer")
        body = envelope.body(
            answer.text,
            answer.finish_reason,
            self.receipt.usage,
            self.logprobs,
            answer.tool_calls,
        )
        return body | {"leeward": extension(self.receipt, self.plan)}


async def whole(events: AsyncGenerator[Event, None], envelope: Envelope) -> dict[str, Any]:
    """Run to the end and return the response body, receipt included.

    Raises:
        LeewardError: The run failed.
    """
    gathered = Gathered()
    async with aclosing(events):
        async for event in events:
            gathered.take(event)
    return gathered.body(envelope)


async def first_answer(events: AsyncGenerator[Event, None]) -> tuple[Plan | None, Event]:
    """Return the plan of a run and the first event that says something of its answer.

    Raises:
        LeewardError: The run failed before it.
    """
    plan: Plan | None = None
    async for event in events:
        if isinstance(event, RunPlanned):
            plan = event.plan
        elif isinstance(event, AnswerDelta | AnswerFinished):
            return plan, event
    raise StreamBroken("the run ended without an answer")


async def sse(
    plan: Plan | None,
    first: Event,
    events: AsyncGenerator[Event, None],
    envelope: Envelope,
    *,
    with_usage: bool,
    error_body: ErrorBody,
) -> AsyncGenerator[str, None]:
    """Return the run as server-sent events.

    A failure is an ``error`` object, never silence, and no ``[DONE]`` follows it.
    """
    try:
        async with aclosing(events):
            for item in envelope.opening():
                yield event_text(item)
            for item in _items(first, envelope, plan, with_usage=with_usage):
                yield event_text(item)
            async for event in events:
                for item in _items(event, envelope, plan, with_usage=with_usage):
                    yield event_text(item)
    except LeewardError as error:
        yield event_text(error_body(error))
    else:
        yield DONE


def items_of(event: Event, envelope: Envelope) -> list[dict[str, Any]]:
    """Return what of an answer an event adds to its stream."""
    match event:
        case AnswerDelta(text, logprobs, calls):
            if not calls:
                return [envelope.piece(text, logprobs)]
            before = [envelope.piece(text)] if text else []
            return [*before, envelope.tool_pieces(calls, logprobs)]
        case AnswerFinished():
            return [envelope.end(event.finish_reason)]
        case _:
            return []


def _items(
    event: Event, envelope: Envelope, plan: Plan | None, *, with_usage: bool
) -> list[dict[str, Any]]:
    if not isinstance(event, RunFinished):
        return items_of(event, envelope)
    last = envelope.chunk([]) | {"leeward": extension(event.receipt, plan)}
    return [last | {"usage": usage_data(event.receipt.usage)} if with_usage else last]


def extension(receipt: Receipt, plan: Plan | None) -> dict[str, Any]:
    """Leeward's own part of an answer: the receipt, and what the planner changed and why."""
    repairs = [] if plan is None else [asdict(repair) for repair in plan.repairs]
    return {"receipt": receipt_to_data(receipt), "repairs": repairs}

"""Several choices of one request: runs side by side, told apart by their place.

The first begins alone. Once it says something its prompt is computed, and the others, which begin
like it, need not compute it again.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final

from runtime.errors import LeewardError, StreamBroken
from runtime.executor.events import AnswerDelta, AnswerFinished, Event
from runtime.http.answers import Gathered, extension, items_of
from runtime.http.boundary import ErrorBody
from runtime.http.envelope import DONE, Envelope, event_text, usage_data
from runtime.ports import Usage

__all__ = ["Told", "choices_sse", "first_choice", "side_by_side", "whole_choices"]

_WAITING: Final = 4
"""Events that may wait for a slow reader, of all runs together."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one of the runs said."""

    choice: int
    event: Event


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run is over, well or not."""

    failure: Exception | None = None


async def side_by_side(
    begin: Callable[[int], AsyncGenerator[Event, None]], count: int
) -> AsyncGenerator[Told, None]:
    """Yield what all runs say; when one fails or this generator is closed, all end.

    Args:
        begin: Returns the run of a choice; called once for each.
        count: How many choices there are.
    """
    told = asyncio.Queue[Told | _Ended](_WAITING)
    runs = {asyncio.create_task(_pump(0, begin(0), told))}
    open_runs = count
    try:
        while open_runs:
            item = await told.get()
            if isinstance(item, _Ended):
                if item.failure is not None:
                    raise item.failure
                open_runs -= 1
                continue
            yield item
            if len(runs) < count and isinstance(item.event, AnswerDelta | AnswerFinished):
                runs |= {
                    asyncio.create_task(_pump(choice, begin(choice), told))
                    for choice in range(1, count)
                }
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


async def _pump(
    choice: int, events: AsyncGenerator[Event, None], told: "asyncio.Queue[Told | _Ended]"
) -> None:
    failure: Exception | None = None
    has_answered = False
    try:
        async with aclosing(events):
            async for event in events:
                has_answered |= isinstance(event, AnswerFinished)
                await told.put(Told(choice, event))
        if not has_answered:
            failure = StreamBroken("the run ended without an answer")
    except Exception as error:  # noqa: BLE001 - raised again by whoever reads
        failure = error
    await told.put(_Ended(failure))


@dataclass(slots=True)
class _Choices:
    """What all runs of a request came to."""

    count: int
    each: list[Gathered] = field(init=False)

    def __post_init__(self) -> None:
        self.each = [Gathered() for _ in range(self.count)]

    def take(self, told: Told) -> None:
        self.each[told.choice].take(told.event)

    @property
    def usage(self) -> Usage:
        """The prompt counts once, as OpenAI's does; each receipt says what its run computed."""
        spent = [one.receipt.usage for one in self.each if one.receipt is not None]
        return replace(spent[0], completion_tokens=sum(one.completion_tokens for one in spent))

    @property
    def extension(self) -> dict[str, Any]:
        """The first choice's account as ever, and the others' beside it."""
        first, *others = (
            extension(one.receipt, one.plan) for one in self.each if one.receipt is not None
        )
        rest = [{"index": index} | other for index, other in enumerate(others, start=1)]
        return first | {"choices": rest}


async def whole_choices(
    told: AsyncGenerator[Told, None], envelope: Envelope, count: int
) -> dict[str, Any]:
    """Run all to their ends and return the response body, receipts included.

    Raises:
        LeewardError: A run failed.
    """
    choices = _Choices(count)
    async with aclosing(told):
        async for one in told:
            choices.take(one)
    bodies = [one.body(replace(envelope, index=index)) for index, one in enumerate(choices.each)]
    parts = {"choices": [choice for body in bodies for choice in body["choices"]]}
    return bodies[0] | parts | {"usage": usage_data(choices.usage), "leeward": choices.extension}


async def first_choice(told: AsyncGenerator[Told, None]) -> list[Told]:
    """Return what is told up to the first event that says something of an answer.

    Raises:
        LeewardError: The run failed before it.
    """
    before: list[Told] = []
    async for one in told:
        before.append(one)
        if isinstance(one.event, AnswerDelta | AnswerFinished):
            return before
    raise StreamBroken("the run ended without an answer")


async def choices_sse(
    before: list[Told],
    told: AsyncGenerator[Told, None],
    envelope: Envelope,
    count: int,
    *,
    with_usage: bool,
    error_body: ErrorBody,
) -> AsyncGenerator[str, None]:
    """Return the runs as server-sent events of one stream, each piece with its choice's place.

    A failure is an ``error`` object, never silence, and no ``[DONE]`` follows it.
    """
    choices = _Choices(count)
    envelopes = [replace(envelope, index=index) for index in range(count)]
    try:
        async with aclosing(told):
            for one in envelopes:
                for item in one.opening():
                    yield event_text(item)
            for event in before:
                for item in _items(event, choices, envelopes):
                    yield event_text(item)
            async for event in told:
                for item in _items(event, choices, envelopes):
                    yield event_text(item)
        last = envelope.chunk([]) | {"leeward": choices.extension}
        yield event_text(last | {"usage": usage_data(choices.usage)} if with_usage else last)
    except LeewardError as error:
        yield event_text(error_body(error))
    else:
        yield DONE


def _items(told: Told, choices: _Choices, envelopes: list[Envelope]) -> list[dict[str, Any]]:
    choices.take(told)
    return items_of(told.event, envelopes[told.choice])

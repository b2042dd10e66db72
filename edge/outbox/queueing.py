"""Requests of a device whose policy says ``cloud_away: queue``.

One that bears an idempotency key is kept from its first moment: whatever happens, it is answered
once, and its answer can be fetched by the key. One without is answered as ever; if the cloud is
away when it is planned, it is queued under a new key.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

from edge.outbox.form import is_same_request, to_form
from edge.outbox.model import ENDED, Item, QueuedState
from edge.outbox.outbox import Outbox
from edge.outbox.sending import Sender, cloud_steps
from runtime import errors
from runtime.codec.stored import unpack_events
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.errors import CloudAway, LeewardError, RequestInvalid, RequestQueued
from runtime.executor.events import AnswerDelta, AnswerFinished, Event
from runtime.executor.told_calls import ToldCalls
from runtime.ids import NodeName
from runtime.planner.model import Plan

__all__ = ["QueueingCollaboration", "Runs", "replayed"]


class Runs(Protocol):
    """Plans and runs requests: what the fronts need."""

    async def plan(self, request: CollaborationRequest) -> Plan:
        """Decide what ``run`` would do."""
        ...

    def run(self, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        """Answer a request as a stream of events."""
        ...


_WAITS: Final = "the cloud is away; the request waits, and its answer is fetched by its key"
_ENDED_BADLY: Final = "the request of this key is {state}{because}; a new key makes a new one"


class QueueingCollaboration:
    """Stands before the collaboration and queues what the policy wants queued.

    Args:
        collaboration: Plans and runs.
        outbox: Keeps what waits.
        sender: Runs what is kept.
        cloud: The nodes beyond this device, for plans of what is queued.
    """

    def __init__(
        self,
        collaboration: Collaboration,
        outbox: Outbox,
        sender: Sender,
        *,
        cloud: frozenset[NodeName],
    ) -> None:
        self._collaboration = collaboration
        self._outbox = outbox
        self._sender = sender
        self._cloud = cloud

    async def plan(self, request: CollaborationRequest) -> Plan:
        """Decide what ``run`` would do; raises what the collaboration does."""
        return await self._collaboration.plan(request)

    async def run(self, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        """Answer a request, or queue it.

        Raises:
            RequestQueued: It waits for the cloud.
            OutboxFull: It would have to, and there is no room.
            RequestInvalid: Its key was used for another request.
            LeewardError: What the collaboration raises.
        """
        events = self._kept(request) if request.idempotency_key else self._unkept(request)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _unkept(self, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        is_begun = False
        try:
            async with aclosing(self._collaboration.run(request)) as events:
                async for event in events:
                    is_begun = True
                    yield event
        except CloudAway:
            if is_begun:
                raise  # what was sent once is not sent again without a key
            raise await self._queued(request) from None

    async def _kept(self, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        item = await self._outbox.find(request.idempotency_key)
        if item is not None:
            if not is_same_request(item.form, to_form(request)):
                reason = "this key was used for another request; use a new one for each"
                raise RequestInvalid(reason, field="idempotency_key")
            async for event in replayed(item):
                yield event
            return
        item = await self._outbox.put(
            to_form(request), key=request.idempotency_key, state=QueuedState.RUNNING
        )
        is_shown = False
        try:
            async with aclosing(self._sender.answered(item, request)) as events:
                async for event in events:
                    is_shown |= isinstance(event, AnswerDelta | AnswerFinished)
                    yield event
        except LeewardError as error:
            if is_shown or not await self._sender.is_waiting(item):
                raise
            raise RequestQueued(_WAITS, idempotency_key=item.key) from error

    async def _queued(self, request: CollaborationRequest) -> RequestQueued:
        """Queue a request if a plan for it would hold, were the cloud there."""
        plan = await self._collaboration.plan(request, also_healthy=self._cloud)
        item = await self._outbox.put(to_form(request), cloud_steps=cloud_steps(plan))
        return RequestQueued(_WAITS, idempotency_key=item.key)


async def replayed(item: Item) -> AsyncGenerator[Event, None]:
    """Yield the events of a request that was answered.

    Raises:
        RequestQueued: It is not answered yet.
        LeewardError: It ended otherwise, as it ended then.
    """
    if item.state not in ENDED:
        raise RequestQueued(_WAITS, idempotency_key=item.key)
    if item.state is QueuedState.ANSWERED and item.result is not None:
        finished = unpack_events(item.result)
        answer = next(one for one in finished if isinstance(one, AnswerFinished))
        calls = ToldCalls().rest(answer.tool_calls)
        for event in (finished[0], AnswerDelta(answer.text, (), calls), *finished[1:]):
            yield event
        return
    because = f" ({item.error})" if item.error else ""
    kind = getattr(errors, item.error, LeewardError)
    raise kind(_ENDED_BADLY.format(state=item.state, because=because))

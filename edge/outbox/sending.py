"""Answering what is kept: one request after the other, as soon as the cloud can be reached.

Each is planned, released, scanned and recorded like any other request, under the policy of that
moment. What may pass is tried again later, with growing pauses; the rest ends and says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from edge.outbox.form import from_form
from edge.outbox.model import Item, QueuedState
from edge.outbox.outbox import Outbox
from runtime.clock import Clock
from runtime.codec.stored import pack_events
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.errors import (
    BudgetExhausted,
    Cancelled,
    CloudAway,
    DeadlineExceeded,
    IdentityError,
    LedgerUnavailable,
    LeewardError,
    PolicyViolation,
    PrivacyError,
    VaultLocked,
)
from runtime.executor.events import AnswerFinished, Event, RunFinished, RunPlanned
from runtime.ids import NodeName, StepId
from runtime.planner.model import Plan

__all__ = ["Sender", "cloud_steps"]

_MAY_PASS: Final = (
    BudgetExhausted,
    Cancelled,
    DeadlineExceeded,
    IdentityError,
    LedgerUnavailable,
    VaultLocked,
)
"""Failures after which a kept request is tried again, besides those that say so themselves."""
_LOOK_S: Final = 0.5
_SWEEP_S: Final = 30.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_logger: Final = logging.getLogger("leeward.edge.outbox")


class Sender:
    """Runs the requests of an outbox.

    Args:
        outbox: What is kept.
        collaboration: Plans and runs.
        can_send: Whether the cloud can be reached now.
        cloud: The nodes beyond this device.
        deadline_s: How long one attempt may take, seconds.
        clock: What pauses are measured by.
    """

    def __init__(
        self,
        outbox: Outbox,
        collaboration: Collaboration,
        *,
        can_send: Callable[[], bool],
        cloud: frozenset[NodeName],
        deadline_s: float,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._collaboration = collaboration
        self._can_send = can_send
        self._cloud = cloud
        self._deadline_s = deadline_s
        self._clock = clock
        self._rests: dict[int, tuple[int, float]] = {}
        """By place: how often it failed in a row, and when it may be tried again."""
        self._current: tuple[Item, asyncio.Task[None]] | None = None
        self._sweep_due_s = 0.0

    async def answered(
        self, item: Item, request: CollaborationRequest
    ) -> AsyncGenerator[Event, None]:
        """Run a kept request that has begun; keep its answer, or what else came of it.

        Whoever stops reading leaves it waiting.

        Raises:
            LeewardError: What the run raises; it waits again, or has ended, by then.
        """
        self._outbox.running[request.request_id] = item
        kept: list[Event] = []
        failure: LeewardError | None = None
        is_answered = False
        try:
            async with aclosing(self._run(item, request)) as events:
                async for event in events:
                    if isinstance(event, RunPlanned | AnswerFinished | RunFinished):
                        kept.append(event)
                    if isinstance(event, RunFinished):
                        result = pack_events(kept)
                        await self._outbox.end(item, QueuedState.ANSWERED, result=result)
                        is_answered = True
                    yield event
        except LeewardError as error:
            failure = error
            raise
        finally:
            del self._outbox.running[request.request_id]
            if is_answered:
                self._rests.pop(item.position, None)
            else:
                await asyncio.shield(self._after(item, failure))

    async def is_waiting(self, item: Item) -> bool:
        """Whether a request waits for another attempt."""
        return (await self._outbox.read(item.position)).state is QueuedState.WAITING

    async def cancel(self, key: str) -> Item:
        """Take a request out of the queue, also while it is being answered.

        Raises:
            NotFound: It is not here.
        """
        cancelled = await self._outbox.cancel(key)
        if self._current is not None and self._current[0].position == cancelled.position:
            self._current[1].cancel()
        return cancelled

    async def work(self) -> None:
        """Answer what waits, for ever."""
        while True:
            try:
                if not await self.turn():
                    await self._outbox.wait_change(_LOOK_S)
            except LeewardError as error:
                _logger.warning("outbox_failed", extra={"error": type(error).__name__})
                await asyncio.sleep(_LOOK_S)

    async def turn(self) -> bool:
        """Answer the next request, if one can be; false when there is nothing to do now."""
        await self._sweep()
        item = await self._next() if self._can_send() else None
        if item is None:
            return False
        task = asyncio.create_task(self._send(item))
        self._current = item, task
        try:
            await asyncio.wait([task])
        finally:
            self._current = None
            task.cancel()
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure
        return True

    async def _send(self, item: Item) -> None:
        request = None
        try:
            request = from_form(item.form, key=item.key, deadline_s=self._deadline_s)
            async with aclosing(self.answered(item, request)) as events:
                async for _ in events:
                    pass
        except LeewardError as error:
            _logger.info("outbox_attempt_failed", extra={"error": type(error).__name__})
            if request is None:
                await self._after(item, error)

    async def _run(self, item: Item, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        if item.cloud_steps:
            _require_unmoved(item, await self._collaboration.plan(request))
        try:
            async with aclosing(self._collaboration.run(request)) as events:
                async for event in events:
                    if isinstance(event, RunPlanned) and not item.cloud_steps:
                        await self._outbox.note_steps(item, cloud_steps(event.plan))
                    yield event
        except CloudAway:
            if not item.cloud_steps:
                plan = await self._collaboration.plan(request, also_healthy=self._cloud)
                await self._outbox.note_steps(item, cloud_steps(plan))
            raise

    async def _after(self, item: Item, failure: LeewardError | None) -> None:
        """Say what becomes of a request whose run has brought no answer."""
        name = type(failure).__name__ if failure is not None else ""
        if failure is None or failure.retryable or isinstance(failure, _MAY_PASS):
            self._rest(item)
            await self._outbox.put_back(item, name)
            return
        state = QueuedState.REFUSED if isinstance(failure, PrivacyError) else QueuedState.FAILED
        await self._outbox.end(item, state, error=name)

    def _rest(self, item: Item) -> None:
        """Let others go first for a while; where the link broke, waiting for it is enough."""
        if not self._can_send():
            return
        failures = self._rests.get(item.position, (0, 0.0))[0]
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 16))
        self._rests[item.position] = failures + 1, self._clock.monotonic_s() + pause_s

    async def _next(self) -> Item | None:
        """Begin the first that may be tried now; those that rest hold nobody up."""
        now_s = self._clock.monotonic_s()
        for position in await self._outbox.waiting():
            if self._rests.get(position, (0, 0.0))[1] > now_s:
                continue
            item = await self._outbox.read(position)
            if not await self._expired(item) and (begun := await self._outbox.begin(item)):
                return begun
        return None

    async def _sweep(self) -> None:
        """Now and then, end what has waited too long, and forget what ended long ago."""
        now_s = self._clock.monotonic_s()
        if now_s < self._sweep_due_s:
            return
        self._sweep_due_s = now_s + _SWEEP_S
        for position in await self._outbox.waiting():
            await self._expired(await self._outbox.read(position))
        await self._outbox.purge()

    async def _expired(self, item: Item) -> bool:
        if self._outbox.left_s(item) > 0:
            return False
        self._rests.pop(item.position, None)
        error = DeadlineExceeded.__name__
        return await self._outbox.end(item, QueuedState.EXPIRED, error=error)


def cloud_steps(plan: Plan) -> tuple[str, ...]:
    """Return the steps that a plan places in the cloud."""
    return tuple(str(step.step) for step in plan.steps if step.zone == "cloud")


def _require_unmoved(item: Item, plan: Plan) -> None:
    """Refuse a plan that keeps here what was queued to go to the cloud.

    Raises:
        PolicyViolation: It does: the policy has become stricter since.
    """
    for name in item.cloud_steps:
        step = plan.by_step.get(StepId(name))
        if step is not None and step.zone != "cloud":
            raise PolicyViolation(
                f"step {name} was queued for the cloud and may not leave any more"
            )

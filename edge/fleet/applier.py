"""Carry out an order: fetch, try, switch, watch, and keep the state or go back.

Until the switch nothing that runs has changed; from the switch on the last good state stands by
until the new one has proved itself. The pointer on the disk is ahead of no file it names, so the
machine may stop at any point.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import Final

from edge.fleet.boot import Effective, FleetHome, effective, stored_name, wanted_of
from edge.fleet.inbox import Inbox
from edge.fleet.intake import Accepted, require_forward
from edge.fleet.pointer import Pointer
from edge.fleet.stage import Calls, Pulling, Stage
from edge.fleet.tidying import tidy
from edge.software.software import release_of
from runtime.clock import Clock
from runtime.errors import LeewardError, StateUnhealthy
from runtime.fleet.report import Outcome, StateReport
from runtime.fleet.state import Wanted

__all__ = ["Applier"]

_LOOK_S: Final = 0.25
_FEW_CALLS: Final = 5
"""Fewer calls than this say nothing about a state."""
_logger: Final = logging.getLogger("leeward.edge.fleet")


class Applier:
    """Carries out orders, one at a time.

    Args:
        home: What the device keeps.
        stage: What serves.
        running: What it serves with now.
        pulls: Brings models and software here.
        clock: Measures the probation.
    """

    def __init__(
        self, home: FleetHome, stage: Stage, running: Effective, *, pulls: Pulling, clock: Clock
    ) -> None:
        self._home = home
        self._stage = stage
        self._running = running
        self._pulls = pulls
        self._clock = clock
        self._pointer = home.pointers.load()
        self.inbox = Inbox(home, lambda: self._pointer)
        """Takes what the gateway offers."""
        self._since = Calls()
        """What had ended when the present state was switched to."""

    @property
    def pointer(self) -> Pointer:
        """Where the device stands."""
        return self._pointer

    def report(self) -> StateReport:
        """Return what the gateway is told."""
        pointer, calls = self._pointer, self._stage.calls()
        return StateReport(
            state=pointer.good.state,
            order=pointer.taken,
            outcome=pointer.outcome,
            failure=pointer.failure or self.inbox.refused,
            quality=pointer.quality,
            calls=max(calls.ended - self._since.ended, 0),
            failures=max(calls.failed - self._since.failed, 0),
        )

    async def run(self) -> None:
        """Carry out what is offered, for ever; first what an earlier daemon left unfinished."""
        if self._pointer.is_trial:
            await self._go_on()
        elif self._pointer.outcome is Outcome.TRYING:
            # Nothing was switched, and no order that was taken is sent again.
            await self._carry_out(self._pointer.taken)
        if not self._pointer.is_trial:
            await asyncio.to_thread(self._home.software.keep)
        while True:
            number, taken = await self.inbox.next()
            await asyncio.to_thread(self._home.generations.keep, number, taken)
            await self._save(self._pointer.take(number))
            await self._carry_out(number)

    async def _carry_out(self, number: int) -> None:
        home = self._home
        try:
            accepted = await asyncio.to_thread(home.accepted, number)
            require_forward(accepted, self._pointer.current)
            release = release_of(accepted.wanted)
            if accepted.wanted is not None:
                await self._fetch_all(accepted.wanted)
            if home.software.differs(release):
                prepare = partial(home.software.prepare, release, self._pulls.fetch_bundle)
                await self.inbox.until_here(prepare)
                await self._exchange(accepted)
                return
            candidate = await asyncio.to_thread(
                effective, home, accepted.generation, allows_older=True
            )
            checks = accepted.state.checks if accepted.state else ()
        except LeewardError as error:
            await self._give_up(error, is_refusal=True)
            return
        try:
            quality = await self._stage.try_out(candidate, checks)
        except LeewardError as error:
            await self._give_up(error, is_refusal=False)
            return
        if quality is not None and quality < candidate.health.min_quality:
            await self._give_up(StateUnhealthy("checks"), is_refusal=False, quality=quality)
            return
        await self._switch(candidate, quality)

    async def _fetch_all(self, wanted: Wanted) -> None:
        """Bring every model here that is not; a link that is down is waited for.

        Raises:
            Cancelled: A newer order has come.
            LeewardError: One cannot be had.
        """
        for model in wanted.models.values():
            fetch = partial(self._pulls.fetch, stored_name(model.sha256), model)
            await self.inbox.until_here(fetch)

    async def _exchange(self, accepted: Accepted) -> None:
        """Have the launcher start the release that a state names, which tries the state."""
        # In this order: a daemon that is killed in between does the second step when it starts.
        await self._save(self._pointer.try_out(accepted.generation))
        await asyncio.to_thread(
            self._home.software.try_out,
            release_of(accepted.wanted),
            order=accepted.order.number,
            probation_s=accepted.health.probation_s,
        )
        _logger.info("software_exchanged", extra={"count": accepted.order.number})
        await self._end()

    async def _end(self) -> None:
        """End the daemon, so that the launcher starts what it was told."""
        self._home.software.restart()
        await asyncio.Event().wait()

    async def _go_on(self) -> None:
        """Prove the state on trial that this daemon has started with."""
        running = self._running
        state = running.accepted.state if running.accepted else None
        if state is not None and self._pointer.quality is None:
            try:
                quality = await self._stage.try_out(running, state.checks)
            except LeewardError as error:
                await self._go_back(type(error).__name__)
                return
            await self._save(replace(self._pointer, quality=quality))
            if quality is not None and quality < running.health.min_quality:
                await self._go_back(StateUnhealthy.__name__)
                return
        await self._watch(None)

    async def _switch(self, candidate: Effective, quality: float | None) -> None:
        last = self._running
        await self._save(self._pointer.try_out(candidate.generation, quality=quality))
        try:
            await self._stage.switch(candidate)
        except LeewardError as error:
            await self._save(self._pointer.fail(type(error).__name__, quality=quality))
            _logger.error("state_failed", extra={"error": type(error).__name__})
            await self._return_to(last)
            return
        self._running = candidate
        self._since = self._stage.calls()
        _logger.info("state_switched", extra={"count": candidate.generation.order})
        await self._watch(last)

    async def _watch(self, last: Effective | None) -> None:
        """Watch the state on trial for its probation; then keep it, or go back to ``last``."""
        health = self._running.health
        until_s = self._clock.monotonic_s() + health.probation_s
        while True:
            reason = self._complaint(health.max_failed_share)
            if self.inbox.is_waiting:
                reason = "Superseded"
            if reason:
                await self._go_back(reason, last)
                return
            if self._clock.monotonic_s() >= until_s:
                break
            await asyncio.sleep(_LOOK_S)
        await asyncio.to_thread(self._home.remember, self._running)
        await self._save(self._pointer.keep())
        await asyncio.to_thread(self._home.software.keep)
        _logger.info("state_kept", extra={"count": self._pointer.current.order})
        await asyncio.to_thread(tidy, self._home, self._pointer)

    def _complaint(self, max_failed_share: float) -> str:
        if self._stage.lost_models():
            return "EngineCrashed"
        report = self.report()
        if report.calls >= _FEW_CALLS and report.failures > max_failed_share * report.calls:
            return StateUnhealthy.__name__
        return ""

    async def _go_back(self, failure: str, last: Effective | None = None) -> None:
        """Leave the state on trial for the last good one."""
        _logger.error("state_rolled_back", extra={"reason": failure})
        await self._save(self._pointer.fail(failure, quality=self._pointer.quality))
        software = self._home.software
        release = release_of(await asyncio.to_thread(wanted_of, self._home, self._pointer.current))
        if software.differs(release):
            await asyncio.to_thread(software.leave_for, release, failure=failure)
            await self._end()
        if last is None:
            last = await asyncio.to_thread(
                effective, self._home, self._pointer.current, allows_older=True
            )
        await self._return_to(last)

    async def _return_to(self, last: Effective) -> None:
        await self._stage.switch(last)
        self._running = last
        self._since = self._stage.calls()

    async def _give_up(
        self, error: LeewardError, *, is_refusal: bool, quality: float | None = None
    ) -> None:
        failure = type(error).__name__
        _logger.error("state_failed", extra={"error": failure, "count": self._pointer.taken})
        end = self._pointer.refuse if is_refusal else self._pointer.fail
        await self._save(end(failure, quality=quality))
        await asyncio.to_thread(tidy, self._home, self._pointer)

    async def _save(self, pointer: Pointer) -> None:
        await asyncio.to_thread(self._home.pointers.save, pointer)
        self._pointer = pointer

"""The course of one call: from target to target until there is an answer, whole or named broken.

Before the first token any target may be tried. After it, what the caller has is never sent again:
another provider goes on where the first broke off, or the call ends with how far it got.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final

from cloud.charges import Tally
from cloud.routing.attempt import Attempt
from cloud.routing.continuation import EchoMismatch, Joint
from cloud.routing.hedging import Answered, race
from cloud.routing.needs import can_continue, can_hedge
from cloud.routing.parts import RoutingParts
from cloud.routing.walk import Walk
from cloud.stages import WorstCase
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import Capabilities, Route, Target
from runtime.errors import LeewardError, StreamBroken
from runtime.ports import ChatMessage, Chunk, Completion, GenerateRequest, TextDelta

__all__ = ["Course"]

_LEAST_LEFT_S: Final = 0.001


class Course:
    """One call, running.

    Args:
        parts: What all calls share.
        route: The model that was asked for.
        targets: Those of its targets that can do what the request needs.
        request: What was asked.
        tally: Gets every charge.
        worst: What was reserved for the call; charges are cut to it.
    """

    def __init__(
        self,
        parts: RoutingParts,
        route: Route,
        targets: Sequence[Target],
        request: GenerateRequest,
        tally: Tally,
        worst: WorstCase,
    ) -> None:
        terms = request.key_terms
        if terms is not None and terms.no_retry:
            parts = replace(parts, settings=replace(parts.settings, max_attempts=1))
        self._parts = parts
        self._route = route
        self._targets = targets
        self._request = request
        self._tally = tally
        self._worst = worst
        self._started_s = parts.clock.monotonic_s()
        deadline_s = self._started_s + request.timeout_s
        self._walk = Walk(targets, parts, deadline_s=deadline_s, model=route.model)
        self._can_continue = can_continue(request) and bool(self._continuing())
        self._texts: list[str] = []
        self._tokens = 0
        self._first_token_s = 0.0
        self._joint: Joint | None = None
        self._outcome = "cancelled"

    async def run(self) -> AsyncGenerator[Chunk, None]:
        """Stream the answer.

        Raises:
            LeewardError: There is none, or it broke off.
        """
        try:
            while True:
                attempt, chunk = await self._answered()
                try:
                    while isinstance(chunk, TextDelta):
                        delta = self._new_part(attempt, chunk)
                        if delta is not None:
                            yield delta
                        chunk = await attempt.next()
                    yield self._completed(attempt, chunk)
                except UpstreamFailed as failure:
                    attempt.failed(failure)
                    self._broke_off(attempt, failure)
                else:
                    return
                finally:
                    await attempt.close()
        except LeewardError as error:
            self._outcome = type(error).__name__
            raise
        finally:
            self._parts.metrics.count_call(self._route.model, self._outcome)

    async def _answered(self) -> Answered:
        """Try targets until one answers."""
        while True:
            leader = self._begun(await self._next_target())
            delay_s = self._hedge_delay_s(leader.target)
            if delay_s is None:
                answered = await self._alone(leader)
            else:
                answered = await self._raced(leader, delay_s)
            if answered is not None:
                return answered

    async def _raced(self, leader: Attempt, delay_s: float) -> Answered | None:
        rivals: list[Attempt] = []

        def second() -> Attempt | None:
            rival = self._rival()
            if rival is not None:
                rivals.append(rival)
            return rival

        answered = await race(leader, second, self._attempt_failed, delay_s=delay_s)
        for rival in rivals:
            outcome = "won" if answered is not None and answered[0] is rival else "lost"
            self._parts.metrics.count_hedge(rival.target.upstream, outcome)
        return answered

    async def _alone(self, attempt: Attempt) -> Answered | None:
        try:
            return attempt, await attempt.first()
        except UpstreamFailed as failure:
            attempt.failed(failure)
            self._attempt_failed(attempt, failure)
            return None
        except BaseException:
            await attempt.close()
            raise

    async def _next_target(self) -> Target:
        if self._joint is None:
            target = await self._walk.next()
        else:
            try:
                target = await self._walk.next(self._continuing())
            except LeewardError as error:
                raise self._broken() from error
            self._parts.metrics.count_continuation(target.upstream)
        if self._walk.attempts:
            self._parts.metrics.count_retry(target.upstream)
        return target

    def _begun(self, target: Target) -> Attempt:
        permit = self._parts.board.enter(target)
        assert permit is not None  # noqa: S101 - nothing ran since the walk saw it admitted
        self._walk.begun(target)
        return Attempt(
            self._parts,
            self._route,
            target,
            permit,
            self._asked(target),
            self._tally,
            number=self._walk.attempts,
            goes_on=self._joint is not None and bool(self._joint.sent),
        )

    def _asked(self, target: Target) -> GenerateRequest:
        """Return the request with what is left of the time, and of the answer."""
        left_s = max(_LEAST_LEFT_S, self._walk.left_s)
        if self._joint is None:
            return replace(self._request, timeout_s=left_s)
        is_echoed = self._capabilities(target).continuation == "prefix_echoed"
        self._joint = Joint("".join(self._texts), is_echoed=is_echoed)
        sampling = self._request.sampling
        sampling = replace(sampling, max_tokens=sampling.max_tokens - self._tokens)
        messages = self._request.messages
        if self._joint.sent:
            messages = (*messages, ChatMessage("assistant", self._joint.sent))
        return replace(self._request, messages=messages, sampling=sampling, timeout_s=left_s)

    def _attempt_failed(self, attempt: Attempt, failure: UpstreamFailed) -> None:
        if self._joint is not None and failure.fault is not Fault.DEADLINE:
            failure = UpstreamFailed(failure.fault, self._broken())
        self._walk.failed(attempt.target, failure)

    def _rival(self) -> Attempt | None:
        """Begin a second attempt elsewhere, if there is a place and the budget has room."""
        if self._walk.attempts >= self._parts.settings.max_attempts:
            return None
        target = self._walk.another()
        if target is None or not self._parts.hedges.take():
            return None
        self._parts.metrics.count_hedge(target.upstream, "started")
        return self._begun(target)

    def _hedge_delay_s(self, target: Target) -> float | None:
        if self._joint is not None or not can_hedge(self._request, self._route):
            return None
        slow_s = self._parts.board.slow_s(target)
        return None if slow_s is None else max(slow_s, self._parts.settings.least_hedge_s)

    def _new_part(self, attempt: Attempt, delta: TextDelta) -> TextDelta | None:
        """Return what of a delta the caller does not have yet, and remember it."""
        if not self._tokens:
            self._first_token_s = self._parts.clock.monotonic_s() - self._started_s
        self._tokens += delta.tokens
        if self._joint is not None:
            try:
                text = self._joint.feed(delta.text)
            except EchoMismatch as error:
                what = "went on with another answer"
                raise attempt.reading.failed(Fault.GARBAGE, what) from error
            if not text:
                return None
            delta = replace(delta, text=text)
        if self._can_continue:
            self._texts.append(delta.text)
        return delta

    def _broke_off(self, attempt: Attempt, failure: UpstreamFailed) -> None:
        """Make ready to go on elsewhere, or raise how far the answer got."""
        is_late = failure.fault is Fault.DEADLINE
        has_room = self._request.sampling.max_tokens > self._tokens
        if is_late or not self._can_continue or self._joint is not None or not has_room:
            raise failure.error if is_late else self._broken()
        self._joint = Joint("".join(self._texts), is_echoed=False)
        self._walk.failed(attempt.target, failure)

    def _completed(self, attempt: Attempt, completion: Completion) -> Completion:
        if self._joint is not None and not self._joint.is_whole:
            raise attempt.reading.failed(Fault.GARBAGE, "ended inside of what it repeats")
        attempt.succeeded(completion)
        self._outcome = completion.finish_reason.value
        timings = completion.timings
        return replace(
            completion,
            model=self._route.model,
            node=self._parts.node,
            usage=self._tally.within(self._worst),
            timings=replace(
                timings,
                first_token_s=self._first_token_s or timings.first_token_s,
                total_s=self._parts.clock.monotonic_s() - self._started_s,
            ),
        )

    def _broken(self) -> StreamBroken:
        reason = f"the answer of model {self._route.model} broke off"
        return StreamBroken(reason, received_tokens=self._tokens)

    def _continuing(self) -> Sequence[Target]:
        return [t for t in self._targets if self._capabilities(t).continuation != "none"]

    def _capabilities(self, target: Target) -> Capabilities:
        return self._parts.board.upstreams[target.upstream].spec.capabilities

"""Play one step: its calls, the vote over samples, the fan-out over items, the fallback.

Knows one step and what it reads; knows nothing of the graph around it. Whether the step may
run where it was placed has been decided before it gets here; a fallback is asked about again.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from runtime.errors import (
    BudgetExhausted,
    ContentRefused,
    DeadlineExceeded,
    GateRefused,
    LeewardError,
    PolicyViolation,
    PriceMissing,
    StreamBroken,
)
from runtime.executor.call import Call, Caller, Drawn, Progress, Seat
from runtime.executor.channel import EventChannel
from runtime.executor.events import AnswerDelta, StepFellBack
from runtime.executor.outputs import Value, read_outputs
from runtime.executor.pace import Paces
from runtime.executor.shared_answer import SharedAnswer
from runtime.executor.together import can_share, write_together
from runtime.executor.view import StepView
from runtime.executor.voting import majority
from runtime.graph.model import Step
from runtime.ids import NodeName
from runtime.labels import Label
from runtime.planner.model import PlannedStep
from runtime.policy.model import Zone
from runtime.ports import (
    ChatMessage,
    GenerateRequest,
    Provenance,
    ReleasePort,
    Sampling,
    ToolCall,
    ToolDefinition,
)

__all__ = ["StepJob", "StepOutcome", "StepRunner", "first_failure"]


@dataclass(frozen=True, slots=True)
class StepJob:
    """What one step is to do."""

    step: Step
    planned: PlannedStep
    chats: tuple[tuple[ChatMessage, ...], ...]
    """What its model reads: one chat, or one per mapped item."""
    sampling: Sampling
    label: Label
    """Label of what its node receives."""
    provenance: Provenance
    is_sink: bool
    is_restored: bool
    """Whether the answer may hold placeholders that the caller must not see."""
    tools: tuple[ToolDefinition, ...]
    """What its model may ask for, in the form that it reads."""
    tool_choice: str
    restores_tool_arguments: bool
    """Whether placeholders in what the model asks of tools are put back too."""
    check_fallback: Callable[[NodeName, Zone], None]
    """Raises ``PolicyViolation`` unless the fallback's node may receive what the step reads."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What came of a step."""

    answers: tuple[str, ...]
    """As its model wrote them: one, or one per mapped item."""
    text: str
    """The whole answer as one text."""
    shown: str
    """The sink's answer as the caller sees it; empty for other steps."""
    tool_calls: tuple[ToolCall, ...]
    """What the sink's model asks of tools, as the caller sees it."""
    values: dict[str, Value]
    """Its outputs by name, built-in ones included."""
    draws: tuple[Drawn, ...]
    """All complete calls."""
    winners: tuple[Drawn, ...]
    """The calls whose texts are the answers."""
    seat: Seat
    """Where it was played in the end."""
    fell_back_from: NodeName | None
    progress: Progress
    started_at_s: float
    finished_at_s: float
    person: str = ""
    """Who answered, where a person did."""


class StepRunner:
    """Plays the steps of one run.

    Args:
        caller: Makes the calls.
        releases: Puts originals back into the answer.
        monotonic_s: Reads the clock that deadlines are on.
        channel: Where events go.
        slots: Holds a place for each call in flight.
        deadline_at_s: When the caller's time runs out.
        paces: How fast pairs of models write together; without it, none do.
    """

    def __init__(
        self,
        caller: Caller,
        releases: ReleasePort,
        *,
        paces: Paces | None,
        monotonic_s: Callable[[], float],
        channel: EventChannel,
        slots: asyncio.Semaphore,
        deadline_at_s: float,
    ) -> None:
        self._caller = caller
        self._releases = releases
        self._monotonic_s = monotonic_s
        self._channel = channel
        self._slots = slots
        self._deadline_at_s = deadline_at_s
        self._paces = paces

    async def play(self, job: StepJob) -> StepOutcome:
        """Run a step to its end, on its fallback if its own node fails.

        Raises:
            StreamBroken: The graph's answer broke off after its beginning was shown.
            LeewardError: The step failed, and so did its fallback if it has one.
        """
        started_at_s = self._monotonic_s()
        progress = Progress()
        planned = job.planned
        seat = Seat(planned.node, planned.model, planned.zone)
        view = self._view(job)
        fell_back_from: NodeName | None = None
        try:
            draws = await self._attempt(job, seat, view=view, progress=progress)
        except LeewardError as error:
            self._refuse_unless_fallback(job, error, view=view, progress=progress)
            fell_back_from = seat.node
            progress.first_token_at_s = None
            seat = await self._fall_back(job, error)
            view = self._view(job)
            draws = await self._attempt(job, seat, view=view, progress=progress)
        return await self._outcome(
            job,
            draws,
            view=view,
            seat=seat,
            fell_back_from=fell_back_from,
            progress=progress,
            started_at_s=started_at_s,
        )

    async def _attempt(
        self, job: StepJob, seat: Seat, *, view: StepView, progress: Progress
    ) -> tuple[Drawn, ...]:
        """Make all calls of the step on one node; in order of items, then samples."""
        calls = self._calls(job, seat, view)
        if len(calls) == 1:
            return (await self._draw_one(job, calls[0], progress),)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._draw(call, progress)) for call in calls]
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None
        return tuple(task.result() for task in tasks)

    async def _draw_one(self, job: StepJob, call: Call, progress: Progress) -> Drawn:
        """Make the one call of a step, with the help of who drafts for it."""
        drafter, draft = job.planned.drafter, job.step.draft
        is_shared = call.seat.zone == "cloud" and can_share(call.request)
        paces = self._paces
        if drafter is None or draft is None or paces is None or not is_shared:
            return await self._draw(call, progress)
        job.check_fallback(drafter.node, "edge")
        answer = SharedAnswer(
            self._caller,
            call,
            Seat(drafter.node, drafter.model, "edge"),
            pace=paces.of(call.seat.node, call.seat.model, drafter.model),
            channel=self._channel,
            progress=progress,
            monotonic_s=self._monotonic_s,
        )
        async with self._slots:
            return await write_together(answer, draft)

    async def _draw(self, call: Call, progress: Progress) -> Drawn:
        async with self._slots:
            return await self._caller.draw(call, self._channel, progress)

    def _calls(self, job: StepJob, seat: Seat, view: StepView) -> list[Call]:
        samples = job.step.samples
        total = len(job.chats) * samples
        seed = _base_seed(job)
        has_fallback = job.planned.fallback is not None and seat.node == job.planned.node
        request_id = job.provenance.request_id
        return [
            Call(
                GenerateRequest(
                    model=seat.model,
                    messages=job.chats[index // samples],
                    sampling=job.sampling
                    if total == 1
                    else replace(job.sampling, seed=(seed + index) % 2**32),
                    label=job.label,
                    provenance=job.provenance,
                    idempotency_key=f"{request_id}/{job.step.id}/{index}",
                    tools=job.tools,
                    tool_choice=job.tool_choice,
                    priority=job.provenance.priority,
                ),
                seat,
                self._deadline_at_s,
                has_fallback=has_fallback,
                show=view.show if total == 1 else None,
            )
            for index in range(total)
        ]

    def _refuse_unless_fallback(
        self, job: StepJob, error: LeewardError, *, view: StepView, progress: Progress
    ) -> None:
        """Raise what the caller gets when the step cannot go on elsewhere."""
        if view.has_answered:
            if error.retryable:
                reason = f"the answer of step {job.step.id} broke off"
                raise StreamBroken(reason, received_tokens=progress.tokens) from None
            raise error
        may_fall_back = error.retryable or isinstance(
            error,
            BudgetExhausted
            | ContentRefused
            | GateRefused
            | PolicyViolation
            | DeadlineExceeded
            | PriceMissing,
        )
        has_time = self._monotonic_s() < self._deadline_at_s
        if job.planned.fallback is None or not may_fall_back or not has_time:
            raise error

    async def _fall_back(self, job: StepJob, error: LeewardError) -> Seat:
        fallback = job.planned.fallback
        if fallback is None:
            raise error
        seat = Seat(fallback.node, fallback.model, "edge")
        job.check_fallback(seat.node, seat.zone)
        name = type(error).__name__
        await self._channel.put(StepFellBack(job.step.id, name, seat.node, seat.model))
        return seat

    def _view(self, job: StepJob) -> StepView:
        restorer = None
        if job.is_sink and job.is_restored:
            restorer = self._releases.restorer(job.provenance)
        return StepView(job.step.id, restorer, is_sink=job.is_sink)

    async def _outcome(
        self,
        job: StepJob,
        draws: tuple[Drawn, ...],
        *,
        view: StepView,
        seat: Seat,
        fell_back_from: NodeName | None,
        progress: Progress,
        started_at_s: float,
    ) -> StepOutcome:
        winners, agreement = _elect(draws, job.step.samples)
        answers = tuple(winner.text for winner in winners)
        text = "\n\n".join(answers)
        values = read_outputs(job.step.outputs, text)
        values.update(_builtin_values(winners, agreement))
        shown = await self._show_rest(job, text, view, len(draws)) if job.is_sink else ""
        tool_calls = await self._tool_calls(job, winners)
        if untold := view.told_calls.rest(tool_calls):
            await self._channel.put(AnswerDelta("", tool_calls=untold))
        return StepOutcome(
            answers,
            text,
            shown,
            tool_calls,
            values,
            draws=draws,
            winners=winners,
            seat=seat,
            fell_back_from=fell_back_from,
            progress=progress,
            started_at_s=started_at_s,
            finished_at_s=self._monotonic_s(),
        )

    async def _show_rest(self, job: StepJob, text: str, view: StepView, calls: int) -> str:
        """Show what is left of the graph's answer; return all of it."""
        if calls == 1:
            rest = view.finish()
        else:
            rest = await self._restore(job, text)
            view.shown = rest
        if rest:
            await self._channel.put(AnswerDelta(rest))
        return view.shown

    async def _tool_calls(self, job: StepJob, winners: Sequence[Drawn]) -> tuple[ToolCall, ...]:
        if not job.is_sink or len(winners) != 1:
            return ()
        calls = winners[0].completion.tool_calls
        if not job.is_restored or not job.restores_tool_arguments:
            return calls
        restore = self._releases.restore_json
        return tuple(
            [
                replace(call, arguments=await restore(call.arguments, job.provenance))
                for call in calls
            ]
        )

    async def _restore(self, job: StepJob, text: str) -> str:
        return await self._releases.restore(text, job.provenance) if job.is_restored else text


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure that came first; the others followed from the cancellation."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


def _base_seed(job: StepJob) -> int:
    """Return the first of a step's seeds: the graph's, else one that follows from the request id.

    Without it several samples of a step would depend on how a backend treats a missing seed,
    and may all be the same.
    """
    if job.sampling.seed is not None:
        return job.sampling.seed
    return zlib.crc32(f"{job.provenance.request_id}/{job.step.id}".encode())


def _elect(draws: Sequence[Drawn], samples: int) -> tuple[tuple[Drawn, ...], float]:
    """Return the winner of each item's vote, and the mean share that agreed."""
    if samples == 1:
        return tuple(draws), 1.0
    winners: list[Drawn] = []
    shares: list[float] = []
    for start in range(0, len(draws), samples):
        drawn = draws[start : start + samples]
        index, share = majority([one.text for one in drawn])
        winners.append(drawn[index])
        shares.append(share)
    return tuple(winners), math.fsum(shares) / len(shares) if shares else 1.0


def _builtin_values(winners: Sequence[Drawn], agreement: float) -> dict[str, Value]:
    values: dict[str, Value] = {
        "agreement": agreement,
        "tokens": float(sum(one.tokens for one in winners)),
    }
    count = sum(one.logprob_count for one in winners)
    if count:
        mean = math.fsum(one.logprob_sum for one in winners) / count
        values["confidence"] = math.exp(min(mean, 0.0))
    return values

"""Run a plan: which step is ready, what it reads, what its outcome sets free.

Decides nothing about placement or releases (the plan did) and makes no calls itself
(``step`` and ``call`` do). Sees models, gate and releases as ports.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from runtime.catalog.model import Catalog
from runtime.clock import Clock
from runtime.errors import (
    Cancelled,
    DeadlineExceeded,
    GraphInvalid,
    LeewardError,
    RequestInvalid,
)
from runtime.executor.call import Caller
from runtime.executor.channel import EventChannel
from runtime.executor.events import (
    AnswerFinished,
    Event,
    ReceiptStep,
    ReleaseApplied,
    RunFinished,
    RunPlanned,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from runtime.executor.inputs import Inputs
from runtime.executor.limits import Limits
from runtime.executor.outputs import fired_edges
from runtime.executor.pace import Paces
from runtime.executor.people import PersonPort
from runtime.executor.receipt import finish_reason_of, receipt_of, receipt_step_of
from runtime.executor.rule_step import RulePlayer
from runtime.executor.step import StepJob, StepOutcome, StepRunner, first_failure
from runtime.executor.taint import TaintTracker
from runtime.flow.model import Form
from runtime.graph.model import Edge, Step
from runtime.ids import NodeName, RequestId, SessionId, StepId
from runtime.planner.model import Plan
from runtime.policy.model import Policy, Zone
from runtime.ports import (
    ChatMessage,
    ModelPort,
    Provenance,
    ReleasePort,
    ReleaseRecord,
    Sampling,
    SamplingOverrides,
    ToolDefinition,
)

__all__ = ["Executor", "Limits"]


class Executor:
    """Runs plans over the given ports; holds nothing of any run but how fast models were.

    Args:
        models: One port per node; on an edge, a cloud node's port is the gate.
        releases: Applies the plan's releases and undoes them in answers.
        policy: What every dispatch is checked against once more.
        catalog: Prices for calls that report none.
        clock: What deadlines, latencies and prices' dates are read from.
        rng: Where the jitter of retries is drawn from.
        limits: Bounds of every run.
        sleep: Waits the given seconds.
        people: Brings questions before a person; without it, the rule ``person`` abstains.
    """

    def __init__(
        self,
        models: Mapping[NodeName, ModelPort],
        releases: ReleasePort,
        *,
        policy: Policy,
        catalog: Catalog,
        clock: Clock,
        rng: random.Random,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        people: PersonPort | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._releases = releases
        self._policy = policy
        self._catalog = catalog
        self._clock = clock
        self._people = people
        self._paces = Paces() if self._limits.shares_answers else None
        self._caller = Caller(models, clock, rng=rng, limits=self._limits, sleep=sleep)

    async def run(
        self,
        plan: Plan,
        messages: Sequence[ChatMessage],
        *,
        request_id: RequestId,
        session_id: SessionId,
        deadline_s: float,
        overrides: SamplingOverrides | None = None,
        caller: str = "",
        priority: int = 0,
        tools: Sequence[ToolDefinition] = (),
        tool_choice: str = "auto",
    ) -> AsyncGenerator[Event, None]:
        """Run a plan and stream what happens; closing the stream cancels every call.

        Events come in the order ``RunPlanned``, ``ReleaseApplied`` of the request, then those of
        the steps as they happen, ``AnswerFinished``, ``RunFinished``. A sink that draws several
        answers shows its answer in one ``AnswerDelta`` when the vote is known.

        Args:
            plan: The decision to carry out.
            messages: The request as the application sent it, at least one ``user`` turn.
            request_id: This request; derived seeds follow from it.
            session_id: The session whose placeholders the request shares.
            deadline_s: Time left of the caller's deadline, seconds.
            overrides: What the caller changes in the sampling of every step.
            caller: Who asked, for the turns and caches of this node's own models.
            priority: Where its calls stand among those that wait for these.
            tools: What the sink's model may ask for.
            tool_choice: Whether it does; see ``GenerateRequest``.

        Raises:
            RequestInvalid: There is no user turn.
            DeadlineExceeded: The caller's time ran out; everything was cancelled.
            PolicyViolation: A message was about to reach a node below its label.
            StreamBroken: The answer broke off after its beginning was shown.
            LeewardError: A step failed and had no way on.
        """
        if not any(turn.role == "user" for turn in messages):
            raise RequestInvalid("the chat has no user turn")
        provenance = Provenance(
            request_id,
            session_id,
            plan.plan_id,
            StepId(""),
            graph=plan.graph.name,
            caller=caller,
            priority=priority,
        )
        channel = EventChannel(self._limits.event_capacity)
        run = _Run(
            plan,
            tuple(messages),
            provenance,
            overrides=overrides,
            tools=tuple(tools),
            tool_choice=tool_choice,
            releases=self._releases,
            policy=self._policy,
            catalog=self._catalog,
            clock=self._clock,
            caller=self._caller,
            channel=channel,
            deadline_at_s=self._clock.monotonic_s() + deadline_s,
            parallel_calls=self._limits.parallel_calls,
            people=self._people,
            paces=self._paces,
        )
        # A TaskGroup cannot span a `yield` (it would cancel whoever iterates), so the run has a
        # task of its own, which holds the group, and which this generator outlives in any case.
        driver = asyncio.create_task(_within(run, deadline_s, channel), name=f"run {request_id}")
        driver.add_done_callback(lambda _: channel.close())
        try:
            while (event := await channel.get()) is not None:
                yield event
        finally:
            if not driver.done():
                driver.cancel()
                await asyncio.wait([driver])
        if driver.cancelled():
            raise Cancelled("the run was cancelled from outside")
        if (failure := driver.exception()) is not None:
            raise failure


async def _within(run: _Run, deadline_s: float, channel: EventChannel) -> None:
    """Carry out a run within its caller's time; close the pipe right behind its last event."""
    try:
        async with asyncio.timeout(deadline_s) as timer:
            await run.execute()
    except (TimeoutError, LeewardError):
        if not timer.expired():
            raise
        raise DeadlineExceeded("the caller's time ran out") from None
    channel.close()  # not left to the callback: the reader would take two more turns to see it


class _Run:
    """One run: what is decided, what is still waited for, what has been read and written."""

    def __init__(
        self,
        plan: Plan,
        messages: tuple[ChatMessage, ...],
        provenance: Provenance,
        *,
        overrides: SamplingOverrides | None,
        tools: tuple[ToolDefinition, ...],
        tool_choice: str,
        releases: ReleasePort,
        policy: Policy,
        catalog: Catalog,
        clock: Clock,
        caller: Caller,
        channel: EventChannel,
        deadline_at_s: float,
        parallel_calls: int,
        people: PersonPort | None,
        paces: Paces | None,
    ) -> None:
        self._plan = plan
        self._graph = plan.graph
        self._provenance = provenance
        self._overrides = overrides
        self._tool_choice = tool_choice
        self._restores_tool_arguments = policy.restore_tool_arguments
        self._catalog = catalog
        self._clock = clock
        self._channel = channel
        self._started_at_s = clock.monotonic_s()
        self._today = clock.now().date()
        self._tracker = TaintTracker(
            plan.graph, plan.label, plan.steps, releases=plan.releases, policy=policy
        )
        self._inputs = Inputs(plan, messages, provenance, releases, tools=tools)
        self._rules = RulePlayer(
            self._inputs,
            releases,
            channel=channel,
            monotonic_s=clock.monotonic_s,
            deadline_at_s=deadline_at_s,
            people=people,
        )
        self._runner = StepRunner(
            caller,
            releases,
            monotonic_s=clock.monotonic_s,
            channel=channel,
            slots=asyncio.Semaphore(parallel_calls),
            deadline_at_s=deadline_at_s,
            paces=paces,
        )
        self._group = asyncio.TaskGroup()
        self._undecided = {step: len(edges) for step, edges in plan.graph.incoming.items()}
        self._fired: dict[StepId, list[Edge]] = {step.id: [] for step in plan.graph.steps}
        self._lines: list[ReceiptStep] = []
        self._step_records: list[ReleaseRecord] = []
        self._has_left = False
        self._is_answered = False

    async def execute(self) -> None:
        """Run to the end; every task that it starts is over when it returns or raises."""
        await self._channel.put(RunPlanned(self._plan))
        for record in await self._inputs.release_request():
            await self._channel.put(ReleaseApplied(record))
        try:
            async with self._group:
                await self._play_all(
                    [step for step in self._graph.steps if not self._graph.incoming[step.id]]
                )
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None
        if not self._is_answered:
            raise GraphInvalid(f"no edge into the sink {self._graph.sink.id} fired")
        receipt = receipt_of(
            self._plan,
            self._provenance,
            steps=self._lines,
            releases=(*self._inputs.records, *self._step_records),
            left_the_edge=self._has_left,
            latency_s=self._clock.monotonic_s() - self._started_at_s,
        )
        await self._channel.put(RunFinished(receipt))

    async def _play_all(self, ready: list[Step]) -> None:
        """Run ready steps and what they set free: the first in this task, others in their own.

        A chain thus runs in one task; each further task would cost two turns of the event loop.
        """
        while ready:
            for step in ready[1:]:
                self._group.create_task(self._play_all([step]))
            ready = await self._play(ready[0])

    async def _play(self, step: Step) -> list[Step]:
        """Run one ready step, tell what happened, and return the steps that it set free."""
        fired = self._fired[step.id]
        label = self._tracker.receive(step.id, fired)
        self._tracker.check(step.id)
        records = await self._release_step(step.id)
        planned = self._plan.by_step[step.id]
        tools = self._inputs.tools(step.id)
        job = StepJob(
            step=step,
            planned=planned,
            chats=() if step.rule else await self._inputs.chats(step, fired),
            sampling=self._sampling(step),
            label=label,
            provenance=self._inputs.provenance_of(step.id, records),
            is_sink=step is self._graph.sink,
            is_restored=planned.form is Form.RELEASED and bool(self._inputs.records),
            tools=tools,
            tool_choice=self._tool_choice if tools else "auto",
            restores_tool_arguments=self._restores_tool_arguments,
            check_fallback=lambda node, zone: self._check_fallback(step.id, node, zone),
        )
        await self._channel.put(
            StepStarted(step.id, planned.node, planned.model, planned.zone, planned.form, label)
        )
        outcome = (
            await self._runner.play(job)
            if step.rule is None
            else await self._rules.play(step.rule, job, fired)
        )
        await self._finish(job, outcome)
        drawn = tuple(one.text for one in outcome.draws)
        self._inputs.add(step.id, outcome.answers, outcome.values, drawn=drawn)
        fired_on = fired_edges(self._graph.outgoing[step.id], outcome.values)
        return await self._settle(step.id, fired_on)

    async def _finish(self, job: StepJob, outcome: StepOutcome) -> None:
        line = receipt_step_of(job, outcome, catalog=self._catalog, today=self._today)
        self._lines.append(line)
        self._has_left |= outcome.progress.has_left
        step = job.step.id
        await self._channel.put(StepFinished(step, outcome.text, self._tracker.output(step), line))
        if job.is_sink:
            self._is_answered = True
            reason = finish_reason_of(outcome.winners)
            label = self._tracker.answer(step)
            await self._channel.put(
                AnswerFinished(outcome.shown, reason, label, outcome.tool_calls)
            )

    async def _settle(self, decided: StepId, fired: tuple[Edge, ...]) -> list[Step]:
        """Pass on which edges of a decided step fired; return what is ready, skip what is not."""
        ready: list[Step] = []
        pending = deque([(decided, fired)])
        while pending:
            source, carried = pending.popleft()
            for edge in self._graph.outgoing[source]:
                target = edge.target
                self._undecided[target] -= 1
                if edge in carried:
                    self._fired[target].append(edge)
                if self._undecided[target]:
                    continue
                if self._fired[target]:
                    ready.append(self._graph.by_id[target])
                else:
                    self._tracker.skip(target)
                    await self._channel.put(StepSkipped(target))
                    pending.append((target, ()))
        return ready

    async def _release_step(self, step: StepId) -> tuple[ReleaseRecord, ...]:
        """Record the releases of outputs and decisions that lowered what the step reads."""
        records: list[ReleaseRecord] = []
        for release in self._tracker.lowered(step):
            record = ReleaseRecord(release.by.value, tuple(sorted(release.categories)))
            records.append(record)
            self._step_records.append(record)
            await self._channel.put(ReleaseApplied(record, release.step))
        return tuple(records)

    def _check_fallback(self, step: StepId, node: NodeName, zone: Zone) -> None:
        self._tracker.check(step, node=node, zone=zone)

    def _sampling(self, step: Step) -> Sampling:
        sampling = step.sampling
        if self._overrides is not None:
            sampling = self._overrides.applied_to(sampling)
        edges = self._graph.outgoing[step.id]
        if any(edge.when is not None and edge.when.output == "confidence" for edge in edges):
            sampling = replace(sampling, logprobs=max(1, sampling.logprobs))
        return sampling

"""Let executions in one by one, run them side by side, and never run a pair twice.

Every attempt has its own reservation. A failed attempt is charged its worst case, because nobody
said what it cost, unless it was refused at the door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from optimizer.evaluation.model import (
    NOTHING,
    Answered,
    Evaluated,
    QuestionEvaluator,
    Source,
    Spend,
)
from optimizer.study.budget import Budget, Overdrawn
from optimizer.study.events import Failed
from optimizer.study.jobs import Job, Pair
from optimizer.study.record import Record
from runtime.errors import (
    CapacityExhausted,
    DeadlineExceeded,
    DetectionFailed,
    GraphInvalid,
    LeewardError,
    NotFound,
    RequestInvalid,
)

__all__ = ["ExecutionSettings", "Executions", "Stopped"]

_COST_NOTHING: Final = (
    CapacityExhausted,
    DetectionFailed,
    GraphInvalid,
    NotFound,
    RequestInvalid,
)
"""Refused at the door: nothing ran, so nothing was spent."""


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """How executions are run."""

    workers: int = 1
    timeout_s: float = 120.0
    retries: int = 0
    most_failures_in_a_row: int = 10
    """Executions that all fail stop the study instead of spending on."""


class Stopped(Exception):
    """No further execution starts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Executions:
    """All executions of one run.

    Args:
        evaluator: Runs one graph on one question.
        budget: What may be spent.
        record: What earlier runs did.
        settings: How executions are run.
        foreign: Outcomes that another study paid for.
        is_stopping: Whether somebody wants the run to end now.
        pause: Waits between attempts, seconds.
    """

    def __init__(
        self,
        *,
        evaluator: QuestionEvaluator,
        budget: Budget,
        record: Record,
        settings: ExecutionSettings,
        foreign: dict[Pair, Answered],
        is_stopping: Callable[[], bool],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._evaluator = evaluator
        self._budget = budget
        self._record = record
        self._settings = settings
        self._foreign = foreign
        self._known: dict[Pair, Answered] = {}
        self._under_way: dict[Pair, asyncio.Future[Answered | str]] = {}
        self._workers = asyncio.Semaphore(settings.workers)
        self._is_stopping = is_stopping
        self._pause = pause
        self._failures_in_a_row = 0
        self._last_failure = ""

    async def start(self, job: Job, group: asyncio.TaskGroup, over: Callable[[], None]) -> None:
        """Settle a job from what is known, or wait for room and start it.

        Args:
            job: What to run.
            group: Owns the execution.
            over: Called once the job is over, unless it is over on return.

        Raises:
            Stopped: It may not start; nor may any after it.
        """
        if self._take_recorded(job) or self._take_known(job):
            return
        if job.pair in self._under_way:
            group.create_task(self._wait_twin(job, self._under_way[job.pair], over))
            return
        await self._workers.acquire()
        try:
            self._check_stop()
            worst = self._evaluator.worst_case(job.trial.candidate, job.question)
            ticket = await self._budget.reserve(worst)
        except Overdrawn as overdrawn:
            self._workers.release()
            raise Stopped(f"budget: {overdrawn.cap}") from None
        except BaseException:
            self._workers.release()
            raise
        self._under_way[job.pair] = asyncio.get_running_loop().create_future()
        group.create_task(self._execute(job, ticket, worst, over))

    def _check_stop(self) -> None:
        if self._is_stopping():
            raise Stopped("stop file")
        if self._failures_in_a_row >= self._settings.most_failures_in_a_row:
            raise Stopped(f"failures: {self._last_failure}")

    def _take_recorded(self, job: Job) -> bool:
        """Take over what earlier runs paid for; a failure of an open trial is tried again."""
        found = self._record.of(job.trial.number, job.question)
        for failure in found.failures:
            self._budget.charge(failure.spent)
        job.failures = list(found.failures)
        job.evaluated = found.evaluated
        job.in_journal = len(job.events)
        if found.evaluated is not None:
            self._known.setdefault(job.pair, found.evaluated.answered)
            self._budget.charge(found.evaluated.spent)
            self._evaluator.remember(found.evaluated)
        job.is_over = found.evaluated is not None or found.is_closed
        return job.is_over

    def _take_known(self, job: Job) -> bool:
        for answers, source in ((self._known, Source.KNOWN), (self._foreign, Source.CACHE)):
            answered = answers.get(job.pair)
            if answered is not None:
                job.evaluated, job.is_over = Evaluated(job.question, answered, source), True
                self._known.setdefault(job.pair, answered)
                return True
        return False

    async def _wait_twin(
        self, job: Job, twin: asyncio.Future[Answered | str], over: Callable[[], None]
    ) -> None:
        """Share the outcome of the same graph and question that is already under way."""
        answered = await asyncio.shield(twin)
        if isinstance(answered, str):
            job.failures.append(Failed(job.trial.number, job.question, answered, NOTHING))
        else:
            job.evaluated = Evaluated(job.question, answered, Source.KNOWN)
        job.is_over = True
        over()

    async def _execute(self, job: Job, ticket: int, worst: Spend, over: Callable[[], None]) -> None:
        try:
            await self._attempt_all(job, ticket, worst)
        finally:
            self._workers.release()
            twin = self._under_way.pop(job.pair)
            failed = job.failures[-1].error if job.failures else "Cancelled"
            twin.set_result(job.evaluated.answered if job.evaluated else failed)
        job.is_over = True
        over()

    async def _attempt_all(self, job: Job, ticket: int, worst: Spend) -> None:
        """Run a job until it is answered, fails for good or may not be tried again."""
        for attempt in range(self._settings.retries + 1):
            failure = await self._attempt(job, ticket, worst)
            if failure is None:
                self._failures_in_a_row = 0
                return
            if not failure.retryable or attempt == self._settings.retries:
                break
            await self._pause(_pause_s(failure, attempt))
            try:
                ticket = await self._budget.reserve(worst)
            except Overdrawn:
                break
        self._failures_in_a_row += 1
        self._last_failure = job.failures[-1].error

    async def _attempt(self, job: Job, ticket: int, worst: Spend) -> LeewardError | None:
        """Run a job once and settle its reservation; return the failure, if it was one."""
        candidate, question = job.trial.candidate, job.question
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                evaluated = await self._evaluator.evaluate(candidate, question)
        except (LeewardError, TimeoutError) as error:
            failure = error if isinstance(error, LeewardError) else DeadlineExceeded("question")
            spent = NOTHING if isinstance(failure, _COST_NOTHING) else worst
            name = type(failure).__name__
            job.failures.append(Failed(job.trial.number, question, name, spent))
            await self._budget.settle(ticket, spent)
            return failure
        job.evaluated = evaluated
        self._known[job.pair] = evaluated.answered
        await self._budget.settle(ticket, evaluated.spent)
        return None


def _pause_s(failure: LeewardError, attempt: int) -> float:
    if isinstance(failure, CapacityExhausted):
        return failure.retry_after_s
    return float(2**attempt)

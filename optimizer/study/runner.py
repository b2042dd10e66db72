"""Run a study: ask, dispatch, tell, in an order that no worker count and no kill can change.

A resumed run is the same run from its start, with the journal answering for what was paid for.
Knows no transport, no file format and no particular searcher.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from optimizer.evaluation.model import (
    Answered,
    Evaluated,
    QuestionEvaluator,
    Source,
    outcomes_of,
)
from optimizer.evaluation.virtual import FreeGraph, VirtualTrials
from optimizer.search.model import Outcomes, Searcher, Trial
from optimizer.search.virtual import Learns
from optimizer.study.advisor import Advisor
from optimizer.study.budget import Budget
from optimizer.study.events import Asked, Ended, Header, Learned, Recommended
from optimizer.study.execution import Executions, ExecutionSettings, Stopped
from optimizer.study.jobs import InOrder, Job, Observer, Pair, Recorder
from optimizer.study.journal import Journal
from optimizer.study.record import Record
from optimizer.study.virtual import Virtual
from runtime.executor.step import first_failure

__all__ = ["FINISHED", "RunSettings", "Runner"]

FINISHED: Final = "finished"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a study is run."""

    trials: int
    batch: int = 1
    executions: ExecutionSettings = field(default_factory=ExecutionSettings)
    syncs_each: bool = True
    """Make each outcome durable at once; without, each trial's together (outcomes are free)."""
    records_time: bool = False
    """Whether wall-clock time goes into the journal; it has to where it is capped."""


class Runner:
    """One run of one study, from its beginning or from where the journal ends.

    Args:
        journal: Where everything is recorded.
        header: What the journal must begin with.
        searcher: Freshly made; it is asked again for what the journal holds.
        evaluator: Runs one graph on one question.
        budget: The caps.
        settings: How it is run.
        foreign: Outcomes that are free because another study paid for them.
        is_stopping: Whether somebody wants the run to end now.
        observer: Is shown every event.
        pause: Waits between attempts, seconds.
        advisor: Answers for the searcher's agent, where it has one that must be asked.
        virtual: Scores graphs that calls made for others decide, where the evaluator can.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        header: Header,
        searcher: Searcher,
        evaluator: QuestionEvaluator,
        budget: Budget,
        settings: RunSettings,
        foreign: dict[Pair, Answered] | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        observer: Observer = lambda _event, _budget: None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        advisor: Advisor | None = None,
        virtual: VirtualTrials | None = None,
    ) -> None:
        self._journal = journal
        self._header = header
        self._searcher = searcher
        self._evaluator = evaluator
        self._budget = budget
        self._settings = settings
        self._observer = observer
        self._advisor = advisor
        self._virtual = virtual
        self._record = Record(journal.recorded, file=str(journal.path))
        self._recorder = Recorder(
            journal,
            self._record,
            budget,
            booked=evaluator.booked,
            observer=observer,
            records_time=settings.records_time,
        )
        self._executions = Executions(
            evaluator=evaluator,
            budget=budget,
            record=self._record,
            settings=settings.executions,
            foreign=foreign or {},
            is_stopping=is_stopping,
            pause=pause,
        )

    async def run(self) -> str:
        """Run until the searcher is done, the budget is used up or somebody stops it.

        Returns:
            Why it ended: ``finished``, ``budget: usd``, ``stop file``, ``failures: <class>``.

        Raises:
            StudyInvalid: The journal belongs to another study or searcher.
            NotKept: What was paid for could not be written down.
        """
        if not self._record.check_header(self._header):
            self._journal.append([self._header])
        self._observer(self._header, self._budget)
        self._budget.continue_from(self._record.elapsed_s)
        try:
            await self._search()
            ended = Ended(FINISHED)
        except Stopped as stopped:
            ended = Ended(stopped.reason)
        if self._journal.is_extended or self._record.last_ended != ended.reason:
            self._journal.append([ended])
        self._observer(ended, self._budget)
        return ended.reason

    async def _search(self) -> None:
        asked, recommended, learned = 0, None, Learned(-1, {})
        while asked < self._settings.trials:
            trials = await self._ask()
            if not trials:
                return
            asked += len(trials)
            for trial in trials:
                self._recorder.emit(Asked(trial))
            answers = await self._run_batch(trials)
            for trial, evaluated in zip(trials, answers, strict=True):
                # Also when nothing could be answered: a searcher may wait for every trial it asked.
                self._searcher.tell(trial, outcomes_of(evaluated))
            await self._learn_virtual(trials, answers)
            found = self._searcher.recommend()
            if found != recommended:
                recommended = found
                self._recorder.emit(Recommended(trials[-1].number, found))
            state = _plain(self._searcher.state())
            if state != learned.state and isinstance(state, dict):
                learned = Learned(trials[-1].number, state)
                self._recorder.emit(learned)

    async def _ask(self) -> Sequence[Trial]:
        """Ask for trials; while the searcher waits for its agent, fetch what the agent says."""
        while not (trials := self._searcher.ask(self._settings.batch)):
            advised = await self._advisor.advise(self._record) if self._advisor else None
            if advised is None:
                break
            self._recorder.emit(advised)
        return trials

    async def _learn_virtual(
        self, trials: Sequence[Trial], answers: Sequence[Sequence[Evaluated]]
    ) -> None:
        """Tell the searcher what the calls made so far decide; nothing runs, nothing is charged."""
        most = self._record.header_for(self._header).virtual
        if self._virtual is None or not most or not isinstance(self._searcher, Learns):
            return
        for trial, evaluated in zip(trials, answers, strict=True):
            self._virtual.note(trial.candidate, evaluated)
        after = trials[-1].number
        event = self._record.virtual(after) or Virtual(after, await self._virtual.found(most))
        if not event.graphs:
            return
        self._recorder.emit(event)
        self._virtual.told(event.graphs)
        for one in event.graphs:
            self._searcher.learn(one.candidate, _outcomes(one))

    async def _run_batch(self, trials: Sequence[Trial]) -> list[list[Evaluated]]:
        """Run all questions of all trials; return the answers of each trial.

        Raises:
            Stopped: Some were not run; those that were are in the journal.
            NotKept: What was paid for could not be written down.
        """
        for trial in trials:
            self._evaluator.prepare(trial)
        jobs = [Job(trial, question) for trial in trials for question in trial.questions]
        writer = InOrder(jobs, self._recorder, syncs_each=self._settings.syncs_each)
        stopped: Stopped | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    try:
                        await self._executions.start(job, group, writer.write)
                    except Stopped as reason:
                        stopped = reason
                        break
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None
        writer.write(is_last=True)
        if stopped is not None:
            raise stopped
        return [
            [job.evaluated for job in jobs if job.trial is trial and job.evaluated is not None]
            for trial in trials
        ]


def _outcomes(one: FreeGraph) -> Outcomes:
    return outcomes_of(Evaluated(question, told, Source.KNOWN) for question, told in one.answers)


def _plain(value: object) -> object:
    """Return a searcher's state as JSON would give it back, so that it can be compared."""
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case np.ndarray() | np.generic():
            return _plain(value.tolist())
        case list() | tuple():
            return [_plain(item) for item in value]
        case float() if not math.isfinite(value):
            return None
        case str() | bool() | int() | float() | None:
            return value
        case _:
            return str(value)

"""Looking recorded answers up as work for an engine, and a record whose answers come from there.

What an execution is charged follows from the record alone and is decided here; a worker gets a
copy of the record and answers from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from optimizer.engines.model import Do
from optimizer.evaluation.model import Answered, Evaluated, QuestionEvaluator, Spend
from optimizer.search.model import Candidate, Trial

__all__ = ["Record", "RecordDecider", "RecordWork", "WorkerAnswers"]


class Record(QuestionEvaluator, Protocol):
    """An evaluator that knows every answer."""

    def answered(self, candidate: Candidate, question: int) -> Answered:
        """Return one, for nothing."""


@dataclass(frozen=True, slots=True)
class RecordWork:
    """Looking answers up."""

    answered: Callable[[Candidate, int], Answered]
    """Of a record, which goes to the worker with it."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Do[tuple[Candidate, int], Answered]]:
        """Open nothing: the record is in memory."""

        async def do(request: tuple[Candidate, int]) -> Answered:
            return self.answered(*request)

        yield do


@dataclass(frozen=True, slots=True)
class RecordDecider:
    """Says what calls decide: what the record holds, once every call that it rests on was made."""

    record: Record

    async def decide(self, candidate: Candidate, question: int, paid: Set[int]) -> Answered | None:
        """Return the recorded answer, ``None`` where it rests on a call that was not made."""
        answered = self.record.answered(candidate, question)
        return answered if answered.call_ids and set(answered.call_ids) <= paid else None


class WorkerAnswers:
    """A record that is charged here and answered by an engine's workers.

    Args:
        record: Says what executions spend.
        do: An engine's door to its workers.
    """

    def __init__(self, record: Record, do: Do[tuple[Candidate, int], Answered]) -> None:
        self._record = record
        self._do = do

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""
        return self._record.questions

    def prepare(self, trial: Trial) -> None:
        """Look a trial up as a whole."""
        self._record.prepare(trial)

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return what the execution will be charged."""
        return self._record.worst_case(candidate, question)

    def remember(self, evaluated: Evaluated) -> None:
        """Hear of an outcome of an earlier run."""
        self._record.remember(evaluated)

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return an outcome as the journal is to hold it."""
        return self._record.booked(evaluated)

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Return the recorded outcome; a worker that is lost is a failure, as of any other work.

        Raises:
            LeewardError: The worker was lost.
        """
        answered = await self._do((candidate, question))
        return replace(await self._record.evaluate(candidate, question), answered=answered)

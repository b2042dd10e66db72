"""What running one graph on one question costs and yields, and the seam that runs it.

Plain data and one protocol; knows no transport, no file and no budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np

from optimizer.search.model import Candidate, Outcomes, Trial

__all__ = [
    "NOTHING",
    "Answered",
    "Evaluated",
    "JudgeSpend",
    "NotKept",
    "QuestionEvaluator",
    "Source",
    "Spend",
    "full_spend",
    "outcomes_of",
]


class NotKept(Exception):
    """What was paid for could not be written down, so nothing more may be spent.

    Args:
        file: Where it should stand.
        reason: The system's word for why, such as ``no space left on device``.
    """

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class Source(Enum):
    """Where an outcome came from."""

    FRESH = "fresh"
    """This study ran it and paid for it."""
    CACHE = "cache"
    """Another study had paid for it."""
    KNOWN = "known"
    """This study had run the same graph on the same question before."""


@dataclass(frozen=True, slots=True)
class JudgeSpend:
    """The part of a spend that went into judging answers."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def plus(self, other: JudgeSpend) -> JudgeSpend:
        """Return both together."""
        return JudgeSpend(
            self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls
        )


@dataclass(frozen=True, slots=True)
class Spend:
    """What was, or may be, spent. ``exposed`` holds questions whose content left the edge."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0
    executions: int = 0
    flops: float = 0.0
    exposed: frozenset[int] = frozenset()
    cloud_calls: int = 0
    """How many of the calls left the edge."""
    judge: JudgeSpend = JudgeSpend()
    """How much of money, tokens and calls the judge had."""

    def plus(self, other: Spend) -> Spend:
        """Return both together; a question is exposed once, however often it left."""
        return Spend(
            self.usd + other.usd,
            self.tokens + other.tokens,
            self.calls + other.calls,
            self.executions + other.executions,
            self.flops + other.flops,
            self.exposed | other.exposed,
            self.cloud_calls + other.cloud_calls,
            self.judge.plus(other.judge),
        )


NOTHING = Spend()


@dataclass(frozen=True, slots=True)
class Answered:
    """What one graph did on one question."""

    right: float
    """1 for right, 0 for wrong; scorers may give parts."""
    exposed: bool
    """Whether content left the edge."""
    cost_usd: float
    flops: float
    latency_s: float
    tokens: int = 0
    calls: int = 0
    """How many model calls it took."""
    cloud_calls: int = 0
    """How many of them left the edge."""
    call_ids: tuple[int, ...] = ()
    """The calls that the answer rests on, where the evaluator knows them."""
    judged_by: tuple[int, ...] = ()
    """The judge's votes, where a judge said how right it is; no part of what the graph costs."""
    egress_bytes: float | None = None
    """Content that left the edge; ``None`` where the record does not know."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An outcome, who paid for it, and what of it this study had to pay for now.

    A call that the study has paid for before is free in every later graph that contains it, so
    ``spent`` may be less than what the graph costs whoever runs it (``answered``).
    """

    question: int
    answered: Answered
    source: Source
    spent: Spend = NOTHING
    in_vain: tuple[int, ...] = ()
    """Calls that were needed to find out how to run it, and that the answer does not rest on."""
    alone: Spend = NOTHING
    """The part of ``spent`` that no other execution could share; only the run that spent it knows
    it apart."""


class QuestionEvaluator(Protocol):
    """Runs one graph on one question; the unit that workers are given."""

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""

    def prepare(self, trial: Trial) -> None:
        """Hear of a trial before its questions come one by one; may compute them together."""

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return the most that this execution can spend; reserved before it starts."""

    def remember(self, evaluated: Evaluated) -> None:
        """Hear of an outcome of an earlier run: its calls are paid for."""

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return an outcome as the journal is to hold it; asked once each, in the journal's order.

        Calls that executions share are paid for by the first in that order, whichever ended first.
        """

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Run it.

        Raises:
            LeewardError: It failed; a failure is neither an answer nor remembered.
        """


def full_spend(question: int, answered: Answered) -> Spend:
    """Return what an execution spends when none of its calls was paid for before."""
    return Spend(
        usd=answered.cost_usd,
        tokens=answered.tokens,
        calls=answered.calls,
        executions=1,
        flops=answered.flops,
        exposed=frozenset({question}) if answered.exposed else frozenset(),
        cloud_calls=answered.cloud_calls,
    )


def outcomes_of(evaluated: Iterable[Evaluated]) -> Outcomes:
    """Put single outcomes side by side, as searchers take them."""
    every: Sequence[Evaluated] = tuple(evaluated)
    answers = [one.answered for one in every]
    sent = [one.egress_bytes for one in answers if one.egress_bytes is not None]
    return Outcomes(
        questions=np.array([one.question for one in every], dtype=np.int64),
        right=np.array([one.right for one in answers], dtype=np.float64),
        exposed=np.array([one.exposed for one in answers], dtype=np.bool_),
        cost_usd=np.array([one.cost_usd for one in answers], dtype=np.float64),
        flops=np.array([one.flops for one in answers], dtype=np.float64),
        latency_s=np.array([one.latency_s for one in answers], dtype=np.float64),
        calls=tuple(one.call_ids for one in answers),
        egress_bytes=np.array(sent, dtype=np.float64) if len(sent) == len(answers) else None,
    )

"""Who judges, by which rubric, and what a verdict holds: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from optimizer.evaluation.model import Spend
from runtime.labels import Label
from runtime.ports import ChatMessage

__all__ = [
    "JudgeCase",
    "JudgeEndpoint",
    "JudgeFailure",
    "JudgePort",
    "JudgeReply",
    "JudgeSettings",
    "Reason",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """An OpenAI-compatible endpoint outside the edge, and what its tokens cost."""

    base_url: str
    api_key_env: str
    prompt_usd_per_mtok: float
    completion_usd_per_mtok: float


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Everything about the judge that a study says."""

    model: str
    endpoint: JudgeEndpoint | None
    """``None``: a model of the edge, asked through the edge."""
    rubric: str
    scale: int = 1
    """The best score; 0 is the worst."""
    votes: int = 1
    tries: int = 2
    """Calls per vote, should a reply not be usable."""
    max_tokens: int = 200
    answer_bytes: int = 8_000
    """How much of an answer is shown."""
    timeout_s: float = 60.0
    structured_output: bool = False
    """Ask for the verdict's JSON schema to be enforced."""

    @property
    def is_edge(self) -> bool:
        """Whether nothing leaves the edge for a verdict."""
        return self.endpoint is None


@dataclass(frozen=True, slots=True)
class JudgeCase:
    """What is judged."""

    question: str
    reference: str
    """A good answer; empty where there is none."""
    answer: str
    label: Label


class Reason(Enum):
    """Why a score is what it is."""

    CORRECT = "correct"
    PARTLY_CORRECT = "partly_correct"
    INCORRECT = "incorrect"
    INCOMPLETE = "incomplete"
    OFF_TASK = "off_task"
    UNSAFE = "unsafe"
    NO_ANSWER = "no_answer"
    INSTRUCTS_THE_JUDGE = "instructs_the_judge"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One vote."""

    score: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """What came back of one call, and what it cost."""

    text: str
    is_whole: bool
    """It was not cut at its longest length."""
    spend: Spend


class JudgeFailure(Exception):
    """A call that gave no reply; stays inside ``optimizer.judging``.

    Args:
        kind: A word for it.
        spend: What it may have cost.
        retry_after_s: How long to wait before another; ``None``: another would fail too.
    """

    def __init__(self, kind: str, *, spend: Spend, retry_after_s: float | None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.spend = spend
        self.retry_after_s = retry_after_s


class JudgePort(Protocol):
    """Whoever answers the judge's prompt."""

    async def ask(self, messages: tuple[ChatMessage, ...], *, label: Label) -> JudgeReply:
        """Return the reply.

        Raises:
            JudgeFailure: There is none.
        """

    async def close(self) -> None:
        """Give back connections."""

"""Judge answers: votes, tries, and every call paid for once.

A verdict is stored by everything that it depends on, like any model call; a labelled answer's text
is not. A judge that gives no verdict is a failure: it says nothing of the answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from optimizer.evaluation.cache import CallCache, CallKey
from optimizer.evaluation.model import NOTHING, JudgeSpend, Spend
from optimizer.judging.model import (
    JudgeCase,
    JudgeFailure,
    JudgePort,
    JudgeReply,
    JudgeSettings,
    Verdict,
)
from optimizer.judging.prompt import case_number, judge_messages
from optimizer.judging.verdict import VerdictRejected, read_verdict
from runtime.documents.canonical import sha256_of
from runtime.errors import BackendUnavailable
from runtime.ports import ChatMessage, Sampling

__all__ = ["Judge", "Judged", "PaidVote"]

_ID_BITS: Final = 52
_LONGEST_WAIT_S: Final = 30.0
_NOTE: Final = (
    "Your last reply was refused: {code}. Reply with the one JSON object that was asked for."
)


@dataclass(frozen=True, slots=True)
class PaidVote:
    """One vote, what it cost and the study that paid."""

    id: int
    score: int
    spend: Spend
    study: str

    def as_json(self) -> dict[str, object]:
        """Return the vote as plain data, without who paid."""
        return {"id": self.id, "score": self.score, "spend": _plain(self.spend)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, study: str) -> PaidVote:
        """Return the vote that ``study`` paid for."""
        return cls(int(value["id"]), int(value["score"]), _spend(value["spend"]), study)


@dataclass(frozen=True, slots=True)
class Judged:
    """What all votes come to."""

    right: float
    """The middle vote, 0 to 1."""
    votes: tuple[PaidVote, ...]


class Judge:
    """The judge of one study.

    Args:
        port: Whoever answers.
        settings: Rubric, votes and bounds.
        cache: What was paid for before, and who pays now.
        revision: Of the judge's model.
        pause: Waits between tries, seconds.
    """

    def __init__(
        self,
        port: JudgePort,
        settings: JudgeSettings,
        *,
        cache: CallCache,
        revision: str = "",
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._port = port
        self.settings = settings
        self._cache = cache
        self._revision = revision
        self._pause = pause
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def identity(self) -> str:
        """Hash of everything of the judge that a verdict depends on."""
        settings = self.settings
        where = settings.endpoint.base_url if settings.endpoint else "edge"
        parts = (where, settings.model, self._revision, settings.rubric)
        bounds = (settings.scale, settings.votes, settings.max_tokens, settings.answer_bytes)
        return sha256_of([*parts, *bounds, settings.structured_output])

    async def judge(self, case: JudgeCase) -> Judged:
        """Return the middle of all votes.

        Raises:
            BackendUnavailable: The judge gave no verdict.
        """
        votes = [await self._vote(case, number) for number in range(1, self.settings.votes + 1)]
        scores = sorted(vote.score for vote in votes)
        return Judged(scores[len(scores) // 2] / self.settings.scale, tuple(votes))

    async def _vote(self, case: JudgeCase, number: int) -> PaidVote:
        settings = self.settings
        chat = judge_messages(case, settings, vote=number)
        where = settings.endpoint.base_url if settings.endpoint else "edge"
        # A space: no model of a catalog can have this name.
        name = f"judge {settings.model} {where}"
        key = CallKey(name, self._revision, chat, Sampling(max_tokens=settings.max_tokens))
        digest = key.digest()
        vote_id = int(digest[:16], 16) >> (64 - _ID_BITS)
        async with self._locks[digest]:
            stored = self._cache.get(key)
            if stored is not None:
                return PaidVote.from_json({**stored.value, "id": vote_id}, study=stored.study)
            expected = case_number(case, settings, vote=number)
            verdict, spend = await self._ask(case, chat, expected=expected)
            vote = PaidVote(vote_id, verdict.score, spend, self._cache.study)
            self._cache.put(key, {**vote.as_json(), "reason": verdict.reason.value})
            return vote

    def _read(self, reply: JudgeReply, expected: str) -> Verdict:
        if not reply.is_whole:
            raise VerdictRejected("cut_off")
        return read_verdict(reply.text, case=expected, scale=self.settings.scale)

    async def _ask(
        self, case: JudgeCase, chat: tuple[ChatMessage, ...], *, expected: str
    ) -> tuple[Verdict, Spend]:
        """Ask until there is a verdict; what every try cost is part of what it cost."""
        spend, last, asked = NOTHING, "", chat
        for left in reversed(range(self.settings.tries)):
            try:
                reply = await self._port.ask(asked, label=case.label)
                spend = spend.plus(reply.spend)
                return self._read(reply, expected), spend
            except VerdictRejected as rejected:
                last = rejected.code
                # Not with the refused reply: it may repeat what the answer wanted.
                asked = (*chat, ChatMessage("user", _NOTE.format(code=last)))
            except JudgeFailure as failure:
                last, spend = failure.kind, spend.plus(failure.spend)
                wait_s = failure.retry_after_s
                if wait_s is None or wait_s > _LONGEST_WAIT_S:
                    break
                if left:
                    await self._pause(wait_s)
        raise BackendUnavailable(f"the judge gave no verdict: {last}")


def _plain(spend: Spend) -> dict[str, object]:
    return {**asdict(spend), "exposed": []}


def _spend(fields: Mapping[str, Any]) -> Spend:
    judge = JudgeSpend(**fields["judge"])
    return Spend(**{**fields, "exposed": frozenset(), "judge": judge})

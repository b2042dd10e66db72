"""Fetch an agent's decisions for a search: from the journal, from a record of calls, from the LLM.

What an earlier run decided is decided; what it paid for is in the transcript and is not asked
again; only then is the endpoint called, within the study's budget and the agent's own. When the
LLM gives no usable reply, the built-in rule agent decides, and the journal says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from optimizer.agents.advised_search import AdvisedSearch
from optimizer.agents.desk import Brief, Reply
from optimizer.agents.failures import AgentFailed
from optimizer.agents.llm_agent import LLMAgent, Past
from optimizer.agents.model import Agent, FailureKind, InitBrief, InitReply, RevisionReply
from optimizer.agents.rule_agent import RuleAgent
from optimizer.agents.spend import AgentPrice
from optimizer.agents.transcript import Exchange, Transcript
from optimizer.study.advised import Advised, brief_hash, exchanged
from optimizer.study.record import Record
from optimizer.study.study_meter import StudyMeter

__all__ = ["Advisor", "Tally"]

_GIVE_UP_AFTER: Final = 3
"""Briefs in a row without a usable reply after which the LLM is not asked any more."""
_FREE: Final = frozenset({FailureKind.CAP_REACHED, FailureKind.GIVEN_UP})
"""Failures of which asking again costs neither money nor time."""


class Tally:
    """A transcript that passes everything on, and keeps what belongs to the brief at hand."""

    def __init__(self, kept: Transcript) -> None:
        self._kept = kept
        self._closed: list[Exchange] = []

    def open(self, exchange: Exchange) -> None:
        """Write down what is about to be sent."""
        self._kept.open(exchange)

    def close(self, exchange: Exchange) -> None:
        """Write down the outcome."""
        self._kept.close(exchange)
        self._closed.append(exchange)

    def take(self) -> tuple[Exchange, ...]:
        """Return what was exchanged since the last time."""
        taken, self._closed = tuple(self._closed), []
        return taken


class Advisor:
    """Answers the briefs of one search, one after another.

    Args:
        search: Whose desk is looked at.
        meter: Counts and caps the LLM's calls.
        price: What they cost.
        tally: Where they are written down.
        make_llm: Makes the LLM agent, given what earlier runs left; called once, when it is needed.
    """

    def __init__(
        self,
        search: AdvisedSearch,
        *,
        meter: StudyMeter,
        price: AgentPrice,
        tally: Tally,
        make_llm: Callable[[Past], LLMAgent],
    ) -> None:
        self._search = search
        self._meter = meter
        self._price = price
        self._tally = tally
        self._make_llm = make_llm
        self._rule = RuleAgent(search.checks)
        self._llm: LLMAgent | None = None
        self._past = Past()
        self._number = 0
        self._failed_in_a_row = 0

    async def advise(self, record: Record) -> Advised | None:
        """Answer what the search waits for; ``None`` when it waits for nothing.

        Raises:
            StudyInvalid: The journal's decision answers another brief.
        """
        brief = self._search.desk.brief
        if brief is None:
            return None
        digest = brief_hash(brief)
        advised = record.advice(self._number, digest)
        if advised is None:
            reply = _plain(await self._decide(brief))
            exchanges = tuple(exchanged(one, self._price) for one in self._tally.take())
            advised = Advised(self._number, digest, reply, exchanges)
        else:
            self._remember(advised)
        self._number += 1
        self._count(advised.reply.fell_back)
        self._search.desk.take(advised.reply)
        return advised

    async def close(self) -> None:
        """Give back the endpoint's connections."""
        if self._llm is not None:
            await self._llm.close()

    async def _decide(self, brief: Brief) -> Reply:
        """Let the LLM decide; if it cannot, the rule agent."""
        if self._failed_in_a_row >= _GIVE_UP_AFTER:
            return _by_rule(self._rule, brief, FailureKind.GIVEN_UP)
        if self._llm is None:
            self._llm = self._make_llm(self._past)
        try:
            if isinstance(brief, InitBrief):
                return await self._llm.initialise(brief)
            return await self._llm.revise(brief)
        except AgentFailed as failed:
            return _by_rule(self._rule, brief, failed.kind)

    def _remember(self, advised: Advised) -> None:
        """Count what an earlier run paid for."""
        refused = FailureKind.SCHEMA_REFUSED.value
        for one in advised.exchanges:
            self._meter.charge(one)
            self._past = Past(
                self._past.calls + 1, self._past.takes_schema and one.outcome != refused
            )

    def _count(self, fell_back: FailureKind | None) -> None:
        if fell_back is None:
            self._failed_in_a_row = 0
        elif fell_back not in _FREE:
            self._failed_in_a_row += 1


def _by_rule(rule: Agent, brief: Brief, reason: FailureKind) -> Reply:
    if isinstance(brief, InitBrief):
        return replace(rule.initialise(brief), fell_back=reason)
    try:
        return replace(rule.revise(brief), fell_back=reason)
    except AgentFailed:
        # No allowed graph is close to the last one: the search then draws one.
        return RevisionReply(brief.last.choices, (), "", rule.name, reason)


def _plain(reply: Reply) -> Reply:
    """Return a decision without anybody's words, as the journal gives it back."""
    if isinstance(reply, InitReply):
        return replace(reply, reason="")
    changes = tuple(replace(change, reason="") for change in reply.changes)
    return replace(reply, reason="", changes=changes)

"""What an LLM agent can cost, said before anything is spent: a bound, and an expectation.

The bound is the longest prompt that any brief of the study can make, at one token a byte, with a
reply as long as allowed, tried as often as allowed, for as many briefs as there can be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from optimizer.agents.advised_search import AdvisedSearch
from optimizer.agents.chat import ChatRequest, most_tokens
from optimizer.agents.desk import Brief
from optimizer.agents.facts import HISTORY
from optimizer.agents.failures import Rejection, RejectionCode
from optimizer.agents.labels import Labels
from optimizer.agents.llm_agent import AgentSettings, Structure
from optimizer.agents.model import (
    Estimate,
    Ground,
    InitBrief,
    RevisionBrief,
    Scored,
    Shape,
    edge_present,
)
from optimizer.agents.prompts import init_messages, retry_message, revision_messages
from optimizer.agents.schemas import init_schema, revision_schema
from optimizer.agents.spend import Tokens
from optimizer.agents.starters import MOST_SHOWN
from optimizer.search.model import Measure
from optimizer.study.agent_choice import LLMChoice
from optimizer.study.model import Study

__all__ = ["AgentEstimate", "estimate_agent", "longest_request"]

_LONG: Final = -1.234e15
"""Of the numbers with four digits, one that takes the most characters."""
_CHARACTERS_PER_TOKEN: Final = 4
_ANSWER_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class AgentEstimate:
    """Size and cost of an agent's part in a study."""

    decisions: int
    """At most."""
    expected_calls: int
    expected_tokens: int
    expected_usd: float
    worst_calls: int
    worst_tokens: int
    worst_usd: float
    worst_seconds: float


def estimate_agent(study: Study, search: AdvisedSearch) -> AgentEstimate:
    """Bound what the LLM agent of a study can cost."""
    choice = study.searcher.agent
    assert choice is not None  # noqa: S101 - a search with a desk has an LLM agent
    decisions = _decisions(study)
    most = most_tokens(longest_request(search.ground, choice.settings))
    settings, caps = choice.settings, choice.caps
    once_more = settings.structure is Structure.AUTO
    calls = decisions * settings.tries + once_more
    if caps.calls is not None:
        calls = min(calls, caps.calls)
    worst_tokens, worst_usd = calls * most.total, calls * choice.price.cost_usd(most)
    likely = Tokens(most.prompt // _CHARACTERS_PER_TOKEN, round(most.completion * _ANSWER_SHARE))
    return _capped(
        AgentEstimate(
            decisions=decisions,
            expected_calls=min(decisions, calls),
            expected_tokens=min(decisions, calls) * likely.total,
            expected_usd=min(decisions, calls) * choice.price.cost_usd(likely),
            worst_calls=calls,
            worst_tokens=worst_tokens,
            worst_usd=worst_usd,
            worst_seconds=calls * (choice.timeout_s + settings.max_pause_s),
        ),
        choice,
    )


def longest_request(ground: Ground, settings: AgentSettings) -> ChatRequest:
    """Return a request that no request of a study on this ground exceeds in size."""
    requests = [_request(ground, brief, settings) for brief in _longest_briefs(ground)]
    return max(requests, key=lambda one: most_tokens(one).total)


def _decisions(study: Study) -> int:
    """Return how many briefs there can be: every one but the first is followed by a trial."""
    if study.searcher.name == "maao":
        return -(-study.trials // 2)
    return study.trials + (study.searcher.name == "agent_reinforce")


def _capped(one: AgentEstimate, choice: LLMChoice) -> AgentEstimate:
    """Return the estimate with the agent's own caps, which hold whatever happens."""
    if choice.caps.tokens is not None:
        one = replace(
            one,
            worst_tokens=min(one.worst_tokens, choice.caps.tokens),
            expected_tokens=min(one.expected_tokens, choice.caps.tokens),
        )
    if choice.caps.usd is not None:
        one = replace(
            one,
            worst_usd=min(one.worst_usd, choice.caps.usd),
            expected_usd=min(one.expected_usd, choice.caps.usd),
        )
    return one


def _request(ground: Ground, brief: Brief, settings: AgentSettings) -> ChatRequest:
    labels = Labels(ground)
    if isinstance(brief, InitBrief):
        messages = init_messages(brief, labels, insights=settings.insights)
        schema = init_schema(brief)
    else:
        messages = revision_messages(brief, labels, insights=settings.insights)
        schema = revision_schema(brief, labels)
    return ChatRequest(
        model=settings.model,
        messages=(*messages, retry_message(_longest_rejection(labels))),
        max_tokens=settings.max_tokens,
        schema=None if settings.structure is Structure.TEXT else schema,
    )


def _longest_briefs(ground: Ground) -> tuple[Brief, ...]:
    long = Estimate(_LONG, _LONG, _LONG)
    ground = replace(ground, pool=tuple(replace(model, alone=long) for model in ground.pool))
    labels = Labels(ground)
    choices = tuple(
        edge if edge is not None else names.index(max(names, key=len))
        for edge, names in zip(
            (edge_present(decision) for decision in ground.decisions), labels.options, strict=True
        )
    )
    shape = Shape(steps=1000, width=1000, depth=1000, in_degree=1000)
    scored = Scored(choices, 10**9, long, tuple((measure, long) for measure in Measure), shape)
    counts = (1000,) * len(ground.pool)
    revision = RevisionBrief(
        ground=ground,
        last=scored,
        table=tuple((_LONG,) * len(decision.options) for decision in ground.decisions),
        best=scored,
        history=(scored,) * HISTORY,
        counts=counts,
    )
    return InitBrief(ground, (counts,) * MOST_SHOWN), revision


def _longest_rejection(labels: Labels) -> Rejection:
    names = [*labels.decisions, *(name for names in labels.options for name in names)]
    longest = max(names, key=len)
    counts = "; ".join(f"{name}: 1000 used, 1000 wanted" for name in labels.models)
    detail = max(counts, "x" * 120, key=len)
    where = f"/probabilities/1000 (entry 1000) {longest}"
    return Rejection(RejectionCode.OVER_BUDGET, where, detail, ((longest, longest),) * 3)

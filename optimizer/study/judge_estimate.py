"""What a study's judge will cost, said before anything is spent: expected, and at worst.

Expected: every judged execution asks for all votes once, about an answer half as long as is shown,
with a reply half as long as allowed. At worst: every try is used, on the longest question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from optimizer.evaluation.model import NOTHING, JudgeSpend, Spend
from optimizer.evaluation.rules import GraphRules
from optimizer.judging.cost import worst_of_case
from optimizer.judging.model import JudgeSettings
from optimizer.scoring.model import Scorer
from optimizer.study.model import LiveSource

__all__ = ["JudgingEstimate", "estimate_judging"]

_PART: Final = 0.5
_BYTES_PER_TOKEN: Final = 4
"""Rule of thumb for English; the worst case takes a byte for a token."""


@dataclass(frozen=True, slots=True)
class JudgingEstimate:
    """Both amounts for all executions together."""

    expected: Spend = NOTHING
    worst: Spend = NOTHING
    exposed: int = 0
    """Questions that the judge sees outside the edge."""


def estimate_judging(source: LiveSource, rules: GraphRules, *, executions: int) -> JudgingEstimate:
    """Estimate the judge's part of a study."""
    judged = [task for task in source.tasks if task.scorer is Scorer.JUDGE]
    settings = source.judge
    if settings is None or not judged:
        return JudgingEstimate()
    cases = [worst_of_case(task.question, task.answer, settings, rules) for task in judged]
    # A trial may ask the judged questions only, so at worst every execution is one of them.
    most = max(cases, key=lambda one: (one.usd, one.tokens))
    share = len(judged) / len(source.tasks)
    likely = _likely(settings, rules)
    return JudgingEstimate(
        expected=_times(likely, executions * share * settings.votes),
        worst=_times(most, executions),
        exposed=0 if settings.is_edge else len(judged),
    )


def _likely(settings: JudgeSettings, rules: GraphRules) -> Spend:
    """Return what one call costs that needs no second try."""
    shorter = replace(
        settings,
        votes=1,
        tries=1,
        max_tokens=max(1, round(settings.max_tokens * _PART)),
        answer_bytes=max(100, round(settings.answer_bytes * _PART / _BYTES_PER_TOKEN)),
    )
    return worst_of_case("", "", shorter, rules)


def _times(one: Spend, count: float) -> Spend:
    calls, tokens = math.ceil(one.calls * count), math.ceil(one.tokens * count)
    usd = one.usd * count
    return Spend(
        usd=usd,
        tokens=tokens,
        calls=calls,
        flops=one.flops * count,
        judge=JudgeSpend(usd, tokens, calls),
    )

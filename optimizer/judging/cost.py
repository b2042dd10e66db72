"""What a judge's calls can cost, known before they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from optimizer.agents.spend import AgentPrice, Tokens, prompt_token_bound
from optimizer.evaluation.model import JudgeSpend, Spend
from optimizer.evaluation.rules import GraphRules
from optimizer.judging.model import JudgeCase, JudgeEndpoint, JudgeSettings
from optimizer.judging.prompt import judge_messages, verdict_schema
from runtime.documents.canonical import canonical_json
from runtime.labels import PUBLIC

__all__ = ["endpoint_spend", "for_judging", "worst_of_case", "worst_of_retry"]

_NOTE_TOKENS: Final = 256
"""Room for what a further try is told."""


def for_judging(spend: Spend) -> Spend:
    """Return the same spend, marked as the judge's."""
    return replace(spend, judge=JudgeSpend(spend.usd, spend.tokens, spend.calls))


def endpoint_spend(endpoint: JudgeEndpoint, tokens: Tokens) -> Spend:
    """Return what one call of an endpoint costs."""
    price = AgentPrice(endpoint.prompt_usd_per_mtok, endpoint.completion_usd_per_mtok)
    return for_judging(
        Spend(usd=price.cost_usd(tokens), tokens=tokens.total, calls=1, cloud_calls=1)
    )


def worst_of_case(
    question: str, reference: str, settings: JudgeSettings, rules: GraphRules
) -> Spend:
    """Return the most that judging one answer can cost, however long the answer is."""
    # The longest answer that is shown, in characters that JSON writes as they are.
    case = JudgeCase(question, reference, "x" * (settings.answer_bytes - 2), PUBLIC)
    schema = len(canonical_json(verdict_schema(settings))) if settings.structured_output else 0
    messages = judge_messages(case, settings, vote=settings.votes)
    prompt = prompt_token_bound(messages, schema_bytes=schema) + _NOTE_TOKENS
    one = worst_of_retry(prompt, settings, rules)
    total = Spend()
    for _ in range(settings.votes * settings.tries):
        total = total.plus(one)
    return total


def worst_of_retry(prompt_tokens: int, settings: JudgeSettings, rules: GraphRules) -> Spend:
    """Return the most that one call can cost."""
    if settings.endpoint is not None:
        return endpoint_spend(settings.endpoint, Tokens(prompt_tokens, settings.max_tokens))
    call = rules.worst_call(
        [settings.model], prompt_tokens=prompt_tokens, written=settings.max_tokens
    )
    return for_judging(call)

"""Show what a study's agent will cost and what it did, to people and to scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from optimizer.cli_views import usd
from optimizer.study.agent_estimate import AgentEstimate
from optimizer.study.search_cost import AgentCost
from runtime.cli.output import make_table

__all__ = ["agent_data", "agent_lines", "agent_plan_data", "agent_plan_table"]


def agent_data(cost: AgentCost | None) -> dict[str, Any] | None:
    """Return what an LLM agent did as plain data; nothing of the rule agent, which is free."""
    if cost is None:
        return None
    return {
        "decisions": cost.decisions,
        "by_llm": cost.by_llm,
        "by_rule_agent": dict(cost.fell_back),
        "calls": cost.spent.calls,
        "calls_of_no_use": dict(cost.unused),
        "calls_counted_at_their_most": cost.estimated_calls,
        "prompt_tokens": cost.prompt_tokens,
        "completion_tokens": cost.completion_tokens,
        "usd": cost.spent.usd,
    }


def agent_lines(cost: AgentCost) -> Sequence[str]:
    """Return what an LLM agent did, in words."""
    spent = cost.spent
    amounts = f"{usd(spent.usd)}, {spent.calls:,} calls, {spent.tokens:,} tokens"
    decided = f"{cost.by_llm} of {cost.decisions} decisions were its own"
    lines = [f"of this, the LLM agent: {amounts}; {decided}"]
    if cost.fell_back:
        taken = cost.decisions - cost.by_llm
        lines.append(f"the built-in rule agent decided {taken} times: {_told(cost.fell_back)}")
    if cost.unused:
        lines.append(f"calls of no use: {_told(cost.unused)}")
    if cost.was_given_up:
        lines.append("the LLM failed several times in a row and was not asked any more")
    return lines


def agent_plan_data(estimate: AgentEstimate | None) -> dict[str, Any] | None:
    """Return what an LLM agent may cost as plain data."""
    return None if estimate is None else asdict(estimate)


def agent_plan_table(estimate: AgentEstimate) -> Table:
    """Return what an LLM agent may cost, as part of the whole."""
    rows = [
        ("decisions", "", f"{estimate.decisions:,}"),
        ("calls", f"{estimate.expected_calls:,}", f"{estimate.worst_calls:,}"),
        ("tokens", f"{estimate.expected_tokens:,}", f"{estimate.worst_tokens:,}"),
        ("usd", usd(estimate.expected_usd), usd(estimate.worst_usd)),
    ]
    return make_table(("of this, the LLM agent", "expected", "at worst"), rows)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())

"""The LLM agent's part in what a search cost, and why rules decided in its place.

Empty where no LLM was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from optimizer.study.search_cost import AgentCost

__all__ = ["agent_part"]


def agent_part(cost: AgentCost | None) -> str:
    """Return the table."""
    if cost is None:
        return ""
    taken = cost.decisions - cost.by_llm
    rows = [
        ("money, $", f"{cost.spent.usd:,.6g}"),
        ("calls", f"{cost.spent.calls:,}"),
        ("prompt tokens", f"{cost.prompt_tokens:,}"),
        ("reply tokens", f"{cost.completion_tokens:,}"),
        ("decisions of its own", f"{cost.by_llm:,}"),
        (f"decisions of the built-in rule agent instead{_why(cost.fell_back)}", f"{taken:,}"),
        (f"calls of no use{_why(cost.unused)}", f"{sum(cost.unused.values()):,}"),
    ]
    body = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{number}</td></tr>" for name, number in rows
    )
    told = (
        f"{cost.estimated_calls:,} of its calls are counted at the most that they can have been,"
        " because nobody said what they came to."
        if cost.estimated_calls
        else "All its calls are counted as the endpoint reported them."
    )
    given_up = (
        " It failed several times in a row and was not asked any more." if cost.was_given_up else ""
    )
    return (
        "<h3>Of this, the LLM agent</h3><table><thead><tr><th></th><th class=n>spent</th></tr>"
        f'</thead><tbody>{body}</tbody></table><p class="soft">{told}{given_up}</p>'
    )


def _why(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return f" ({told})"

"""What several calls consumed together."""

from collections.abc import Iterable

from runtime.ports import Usage

__all__ = ["total_usage"]


def total_usage(usages: Iterable[Usage]) -> Usage:
    """Return the sum; estimated when any part is."""
    prompt = completion = cached = 0
    cost_usd = 0.0
    estimated = False
    for usage in usages:
        prompt += usage.prompt_tokens
        completion += usage.completion_tokens
        cached += usage.cached_tokens
        cost_usd += usage.cost_usd
        estimated |= usage.estimated
    return Usage(prompt, completion, cached, cost_usd, estimated)

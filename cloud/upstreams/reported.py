"""What a provider reports beside the text, as far as it can be true."""

import math
from typing import Any, TypeGuard

from cloud.upstreams.estimate import TokenBound
from runtime.ports import TokenLogprob, Usage

__all__ = ["read_logprobs", "read_usage"]


def read_usage(reported: Any, bound: TokenBound, *, has_text: bool) -> Usage | None:
    """Return the usage, or ``None`` when it is malformed or impossible.

    Args:
        reported: The ``usage`` object as parsed.
        bound: The most that can be true.
        has_text: Whether text has arrived, so that zero tokens cannot be true.
    """
    if not isinstance(reported, dict):
        return None
    prompt = reported.get("prompt_tokens")
    completion = reported.get("completion_tokens")
    if not _is_count(prompt, bound.prompt_tokens) or prompt == 0:
        return None
    if not _is_count(completion, bound.completion_tokens) or (has_text and completion == 0):
        return None
    details = reported.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached if _is_count(cached, prompt) else 0,
    )


def read_logprobs(reported: Any) -> tuple[TokenLogprob, ...]:
    """Return the log-probabilities of a piece; malformed ones are left out."""
    content = reported.get("content") if isinstance(reported, dict) else None
    if not isinstance(content, list):
        return ()
    return tuple(
        TokenLogprob(_whole(entry["token"]), float(entry["logprob"]), _alternatives(entry))
        for entry in content
        if _is_logprob(entry)
    )


def _alternatives(entry: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    others = entry.get("top_logprobs")
    if not isinstance(others, list):
        return ()
    return tuple(
        (_whole(one["token"]), float(one["logprob"])) for one in others if _is_logprob(one)
    )


def _whole(token: str) -> str:
    """Return a token's text without halves of characters, which gRPC cannot carry."""
    return token if token.isascii() else token.encode(errors="replace").decode()


def _is_logprob(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
        and math.isfinite(entry["logprob"])
    )


def _is_count(value: Any, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most

"""How much a model's context holds: what is asked, fitted to the model and to the cache.

Plain arithmetic, shared by whoever makes contexts and whoever judges beforehand what they take.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["ContextSize", "fitted", "parked_tokens"]

_DEFAULT_CONTEXT_TOKENS: Final = 8192
_DEFAULT_CACHE_TOKENS: Final = 8192
_PADDING: Final = 256
"""libllama rounds the size of a context up to this."""


@dataclass(frozen=True, slots=True)
class ContextSize:
    """The size of a context."""

    context_tokens: int
    """What prompt and answer of one sequence share."""
    cache_tokens: int
    """Room of all sequences together."""
    slots: int
    """Sequences that can be computed at the same time."""


def fitted(
    *,
    trained_tokens: int,
    context_tokens: int,
    cache_tokens: int,
    slots: int,
    is_deterministic: bool,
) -> ContextSize:
    """Fit slots and contexts into the cache; without other orders, into one default context.

    Args:
        trained_tokens: The longest context that the model knows; a broken file may say 0.
        context_tokens: What is asked for; 0 leaves it to this function.
        cache_tokens: Likewise.
        slots: Sequences at the same time, if they fit.
        is_deterministic: Whether every slot has a whole context of its own.
    """
    wanted = context_tokens or _DEFAULT_CONTEXT_TOKENS
    context = _padded(max(min(trained_tokens, wanted), 1))
    cache = max(context, _padded(cache_tokens or _DEFAULT_CACHE_TOKENS))
    if is_deterministic:
        slots = min(slots, cache // context)
        return ContextSize(context, slots * context, slots)
    return ContextSize(context, min(cache, slots * context), slots)


def parked_tokens(cache_tokens: int) -> int:
    """Return how many tokens of kept prompts a cache may have outside of it, at most."""
    return cache_tokens // 2


def _padded(tokens: int) -> int:
    return -(-tokens // _PADDING) * _PADDING

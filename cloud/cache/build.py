"""From configuration to a running cache."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from cloud.absent import NoCache
from cloud.cache.cache import MemoryCache
from cloud.cache.digest import Digester
from cloud.cache.memory import AnswerMemory
from cloud.cache.rules import CacheRules
from cloud.cache.similarity import Similarity
from cloud.calls import EmbedCall
from cloud.config_cache import CacheConfig
from cloud.stages import AnswerCache, Embedded
from runtime.clock import Clock
from runtime.policy.model import Policy
from runtime.sentinel.embedding import load_encoder
from runtime.telemetry.metrics import Metrics

__all__ = ["new_cache"]

_KEY_BYTES: Final = 32


def new_cache(
    config: CacheConfig | None,
    policy: Policy,
    *,
    embed: Callable[[EmbedCall], Awaitable[Embedded]],
    version: Callable[[], int],
    metrics: Metrics,
    clock: Clock,
) -> AnswerCache:
    """Return an empty cache as configured, or one that keeps nothing.

    Args:
        config: What to keep; ``None`` for no cache.
        policy: Gives labels their levels.
        embed: Turns texts into vectors, metered as a call of the caller.
        version: Counts the changes of the models: what former ones answered is not served.
        metrics: With the rows of ``cloud.cache.metrics``.
        clock: Ages answers.

    Raises:
        ModelInvalid: The sentinel's model is to compare questions and cannot be used.
    """
    if config is None:
        return NoCache()
    own = load_encoder(config.embedding) if config.embedding else None
    return MemoryCache(
        CacheRules(policy, config.max_level, config.models),
        Digester(secrets.token_bytes(_KEY_BYTES), sharing=config.sharing, version=version),
        AnswerMemory(max_bytes=config.max_bytes, ttl_s=config.ttl_s),
        similarity=Similarity(embed, own=own),
        metrics=metrics,
        clock=clock,
        max_answer_bytes=config.max_answer_bytes,
        wait_s=config.wait_s,
    )

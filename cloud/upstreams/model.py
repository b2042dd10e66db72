"""What the gateway knows about its providers and the aliases it serves, as immutable data."""

from dataclasses import dataclass

from runtime.catalog.model import Price
from runtime.ids import ModelName

__all__ = ["Route", "Target", "UpstreamSpec"]


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """One provider: a base URL that speaks the OpenAI API."""

    name: str
    base_url: str
    api_key: str
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 60.0
    """Longest wait for the first token; a slower provider counts as unavailable."""
    idle_timeout_s: float = 30.0
    """Longest silence inside a stream; a longer one counts as broken."""
    max_concurrency: int = 8


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider, under the provider's own name for it."""

    upstream: str
    upstream_model: str


@dataclass(frozen=True, slots=True)
class Route:
    """An alias that edges ask for, its targets in order of preference, and its price."""

    model: ModelName
    targets: tuple[Target, ...]
    prices: tuple[Price, ...] = ()
    context_tokens: int = 0
    family: str = ""

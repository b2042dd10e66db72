"""What the gateway knows about its providers and the aliases it serves, as immutable data."""

from dataclasses import dataclass, field
from typing import Literal

from cloud.upstreams.prompt_text import PromptTemplate
from runtime.catalog.model import Price
from runtime.ids import ModelName

__all__ = [
    "Capabilities",
    "Continuation",
    "LimitField",
    "Route",
    "SchemaDialect",
    "Target",
    "UpstreamSpec",
]

Continuation = Literal["none", "assistant_turn", "final_message", "prefix", "prefix_echoed"]
"""How a provider is asked to go on with an answer that another one began.

``assistant_turn``: the last turn is the assistant's, no more is said (llama.cpp's server).
``final_message``: the same and ``continue_final_message`` (vLLM, SGLang).
``prefix``: the turn is marked ``prefix`` (DeepSeek); ``prefix_echoed``: and the answer repeats
it from its beginning (Mistral).
"""

SchemaDialect = Literal["none", "json_schema", "json_object"]
"""How a provider is told the schema of its answer: as OpenAI's ``json_schema``, or as llama.cpp's
packaged server wants it, a ``schema`` beside ``json_object``."""

LimitField = Literal["max_tokens", "max_completion_tokens"]
"""What a provider calls the most tokens of an answer; OpenAI's reasoning models take the second."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do; a request that needs more is not sent there."""

    tools: bool = True
    schema: SchemaDialect = "json_schema"
    grammar: bool = True
    """GBNF; of the servers in use only llama.cpp's takes it."""
    logprobs: bool = True
    stream_usage: bool = True
    """Reports usage at a stream's end when asked; without it we count ourselves."""
    continuation: Continuation = "none"
    limit_field: LimitField = "max_tokens"
    repeat_penalty: bool = False
    """Takes llama.cpp's ``repeat_penalty``, and is told each call's: its own default may be one."""


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """One provider: a base URL that speaks the OpenAI API."""

    name: str
    base_url: str
    api_key: str | None
    """``None`` sends no key: a local server that was explicitly configured without one."""
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 60.0
    """Longest wait for the first token; a slower provider counts as unavailable."""
    idle_timeout_s: float = 30.0
    """Longest silence inside a stream; a longer one counts as broken."""
    max_concurrency: int = 8
    """Calls in flight at once; further ones wait."""
    max_waiting: int = 256
    """Calls that may wait for a place; further ones are sent elsewhere or refused."""
    max_wait_s: float = 10.0
    """Longest wait for a place, seconds."""
    capabilities: Capabilities = field(default_factory=Capabilities)


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider, under the provider's own name for it."""

    upstream: str
    upstream_model: str
    priority: int = 0
    """Lower ones are asked first; equal ones share the calls by weight."""
    weight: float = 1.0
    prices: tuple[Price, ...] | None = None
    """``None`` charges the route's prices."""
    template: PromptTemplate | None = None
    """How its chats are written, where it goes on with begun answers and checks drafts."""


@dataclass(frozen=True, slots=True)
class Route:
    """An alias that edges ask for, its targets, its price, and how hard to try."""

    model: ModelName
    targets: tuple[Target, ...]
    prices: tuple[Price, ...] = ()
    context_tokens: int = 0
    family: str = ""
    embeds: bool = False
    """Serves ``Embed`` and not ``Generate``."""
    may_hedge: bool = False
    """A call may be asked twice when it is slow: repeating it has no side effects."""

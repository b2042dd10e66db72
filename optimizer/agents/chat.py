"""The seam between the LLM agent and whatever answers it: an endpoint, or a record of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from optimizer.agents.model import FailureKind
from optimizer.agents.spend import Tokens, prompt_token_bound
from runtime.documents.canonical import canonical_json
from runtime.ports import ChatMessage

__all__ = ["ChatFailure", "ChatPort", "ChatReply", "ChatRequest", "most_tokens"]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call, whole: two equal requests are byte for byte the same on the wire."""

    model: str
    messages: tuple[ChatMessage, ...]
    max_tokens: int
    temperature: float | None = 0.1
    """``None`` leaves it to the endpoint (some models take none)."""
    schema: Mapping[str, object] | None = None
    """JSON schema of the reply, if the endpoint is asked to enforce it."""

    def as_json(self) -> dict[str, object]:
        """Return the request as plain data."""
        return {
            "model": self.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in self.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "schema": None if self.schema is None else dict(self.schema),
        }


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What came back of a call that ended well."""

    text: str
    finish_reason: str
    tokens: Tokens
    estimated: bool
    """Whether ``tokens`` is our own upper bound, as the endpoint reported none."""
    latency_s: float


class ChatFailure(Exception):
    """A call that did not end well; stays inside ``optimizer.agents``.

    Args:
        kind: How it ended.
        is_free: Whether it is certain that nothing was billed.
        retry_after_s: How long the endpoint asks us to wait, seconds.
        latency_s: How long the call took, seconds.
    """

    def __init__(
        self,
        kind: FailureKind,
        *,
        is_free: bool = False,
        retry_after_s: float = 0.0,
        latency_s: float = 0.0,
    ) -> None:
        super().__init__(kind.value)
        self.kind = kind
        self.is_free = is_free
        self.retry_after_s = retry_after_s
        self.latency_s = latency_s


class ChatPort(Protocol):
    """Answers chat requests."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole answer.

        Raises:
            ChatFailure: There is none.
        """

    async def close(self) -> None:
        """Give back connections."""


def most_tokens(request: ChatRequest) -> Tokens:
    """Return the most that a request can be billed."""
    schema_bytes = 0 if request.schema is None else len(canonical_json(dict(request.schema)))
    prompt = prompt_token_bound(request.messages, schema_bytes=schema_bytes)
    return Tokens(prompt, request.max_tokens)

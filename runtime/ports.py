"""The seams of the executor: what it needs from models, releases, gate and record.

Each role's ``app.py`` wires the real ones; ``runtime.testing`` ships fakes. Plain data and
protocols only: no transport, no storage.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Protocol

from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label

__all__ = [
    "ChatMessage",
    "Chunk",
    "Completion",
    "EmbeddingPort",
    "Embeddings",
    "FinishReason",
    "GenerateRequest",
    "ModelPort",
    "Provenance",
    "ReleasePort",
    "ReleaseRecord",
    "Sampling",
    "SamplingOverrides",
    "StreamRestorer",
    "TextDelta",
    "Timings",
    "TokenLogprob",
    "Usage",
]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a chat: ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; the defaults are greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all."""
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    """Divides the chance of tokens among the last of prompt and answer; 1 is none."""
    frequency_penalty: float = 0.0
    """Taken from a token's logit for each time the answer has it; 0 is none."""
    presence_penalty: float = 0.0
    """Taken from a token's logit once the answer has it; 0 is none."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """What is added to the logits of single tokens, by number; -100 forbids one."""
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    grammar: str = ""
    """GBNF; excludes ``json_schema``."""
    json_schema: str = ""
    """JSON text of a schema; excludes ``grammar``."""
    logprobs: int = 0
    """How many alternatives to report per token; 0 reports none."""


@dataclass(frozen=True, slots=True)
class SamplingOverrides:
    """What a caller changes in the sampling of every step of a graph; ``None`` changes nothing."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: tuple[tuple[int, float], ...] | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    grammar: str | None = None
    json_schema: str | None = None
    logprobs: int | None = None

    def applied_to(self, sampling: Sampling) -> Sampling:
        """Return ``sampling`` with what is set here; a grammar displaces a schema and back."""
        changes = {
            item.name: value
            for item in fields(self)
            if (value := getattr(self, item.name)) is not None
        }
        if changes.get("grammar"):
            changes.setdefault("json_schema", "")
        elif changes.get("json_schema"):
            changes.setdefault("grammar", "")
        return replace(sampling, **changes)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a call comes from; what gate, ledger and gateway record about it."""

    request_id: RequestId
    session_id: SessionId
    plan_id: PlanId
    step_id: StepId
    graph: str = ""
    releases: tuple["ReleaseRecord", ...] = ()
    """What was done to the content before it got here."""
    caller: str = ""
    """Which of this node's callers asked, for turns and caches; never sent on. Empty: unknown."""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """One call of one model."""

    model: ModelName
    messages: tuple[ChatMessage, ...]
    sampling: Sampling = field(default_factory=Sampling)
    label: Label = PUBLIC
    """Label of ``messages`` as sent, after releases."""
    provenance: Provenance | None = None
    idempotency_key: str = ""
    timeout_s: float = 60.0
    """Time left of the caller's deadline, seconds."""


class FinishReason(Enum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call consumed."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens that were not computed again."""
    cost_usd: float = 0.0
    estimated: bool = False
    """True when the provider reported nothing and we counted ourselves."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of a call went, seconds."""

    queued_s: float = 0.0
    first_token_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token, its log-probability, and the best alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer; always whole characters."""

    text: str
    tokens: int = 1
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The last item of every stream; a stream without it is an error."""

    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    model: ModelName = ModelName("")
    """The model that really answered."""
    node: NodeName = NodeName("")
    ledger_position: int | None = None
    """Set by the gate when the call left the edge."""


Chunk = TextDelta | Completion


class ModelPort(Protocol):
    """Serves the models of one node."""

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer: any number of deltas, then exactly one completion.

        Closing the generator (``aclose``) cancels the call. Raises ``runtime.errors``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What came of embedding texts."""

    vectors: list[list[float]]
    """One of unit length per text, in their order."""
    usage: Usage = field(default_factory=Usage)


class EmbeddingPort(Protocol):
    """Serves the embedding models of one node."""

    async def embed(
        self,
        model: ModelName,
        texts: Sequence[str],
        *,
        timeout_s: float = 60.0,
        caller: str = "",
    ) -> Embeddings:
        """Return one unit-length vector per text.

        Args:
            model: The embedding model.
            texts: What to embed.
            timeout_s: Time left of the caller's deadline, seconds.
            caller: Who asks, as this node knows its callers; never sent on.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """One release that was applied; content-free."""

    by: str
    """``redact``, ``generalise``, ``sketch``, ``approval``, ``model_written``, ``decision_bit``."""
    categories: tuple[Category, ...]
    """Exactly what it removed."""
    spans: int = 0
    """How many spans it replaced."""


class StreamRestorer(Protocol):
    """Puts originals back into a stream, whatever the chunk borders."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can already be shown."""
        ...

    def finish(self) -> str:
        """Return what was held back."""
        ...


class ReleasePort(Protocol):
    """Applies releases to messages and undoes them in answers; lives on the edge."""

    async def release(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        by: str = "redact",
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        """Return the messages without ``categories``, and the record of what was done."""
        ...

    async def restore(self, text: str, provenance: Provenance) -> str:
        """Return ``text`` with the originals released in this request put back."""
        ...

    def restorer(self, provenance: Provenance) -> StreamRestorer:
        """Return a restorer for one stream of this request."""
        ...

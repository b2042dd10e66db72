"""The seams of the executor: what it needs from models, releases, gate and record.

Each role's ``app.py`` wires the real ones; ``runtime.testing`` ships fakes. Plain data and
protocols only: no transport, no storage.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Protocol

from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.key_terms import KeyTerms
from runtime.labels import PUBLIC, Label
from runtime.tool_terms import TOOL_CHOICES, ToolCall, ToolCallPiece, ToolDefinition

__all__ = [
    "ChatMessage",
    "Chunk",
    "Completion",
    "EmbedRequest",
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
    "TOOL_CHOICES",
    "TextDelta",
    "Timings",
    "TokenLogprob",
    "ToolCall",
    "ToolCallPiece",
    "ToolDefinition",
    "Usage",
    "texts_of",
    "uses_tools",
]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a chat: ``role`` is ``system``, ``user``, ``assistant`` or ``tool``."""

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """What the model asked for in this turn; only of an assistant."""
    tool_call_id: str = ""
    """Which call this turn is the result of; only of a tool."""


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
    parallel_tool_calls: bool = True
    """Whether an answer may ask for more than one call of a tool."""

    @property
    def is_greedy(self) -> bool:
        """Whether the token that the model finds likeliest is always taken."""
        shifts = (self.frequency_penalty, self.presence_penalty, *self.logit_bias)
        return self.temperature == 0 and self.repeat_penalty == 1 and not any(shifts)

    @property
    def is_plain(self) -> bool:
        """Whether the answer is text and nothing else, that nothing but its length cuts."""
        return not (self.stop or self.grammar or self.json_schema or self.logprobs)


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
    parallel_tool_calls: bool | None = None

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
    priority: int = 0
    """Where its calls of this node's own models stand among those that wait; never sent on."""


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
    tools: tuple[ToolDefinition, ...] = ()
    """What the model may ask for."""
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``, or the name of the one tool that must be asked for."""
    priority: int = 0
    """Where it stands among calls that wait for the same model: higher goes first."""
    key_terms: KeyTerms | None = None
    """Of a call that its sender keeps until it is answered."""
    begun: str = ""
    """How the answer begins; the stream holds what follows."""
    draft: str = ""
    """A guess at what follows ``begun``. The model says in one step as much of it as it would have
    said; ``max_tokens`` counts what comes behind that."""

    @property
    def continues(self) -> bool:
        """Whether the answer has begun elsewhere, or a guess at it is to be checked."""
        return bool(self.begun or self.draft)

    @property
    def uses_tools(self) -> bool:
        """Whether tools play any part in the call."""
        return uses_tools(self.messages, self.tools)


def uses_tools(messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition]) -> bool:
    """Whether a chat was offered tools, or holds a call of one or its result."""
    return bool(tools) or any(
        turn.role == "tool" or turn.tool_calls or turn.tool_call_id for turn in messages
    )


def texts_of(request: GenerateRequest) -> Iterator[str]:
    """Yield every text of a call that a person or a model may have written, empty ones too.

    Whoever scans, counts or measures what a call holds asks here, so that a part that is added to
    requests is looked at from its first day. Names of models, graphs and steps are not texts.
    """
    for turn in request.messages:
        yield turn.content
        yield turn.tool_call_id
        for call in turn.tool_calls:
            yield from (call.id, call.name, call.arguments)
    for tool in request.tools:
        yield from (tool.name, tool.description, tool.parameters)
    if request.tool_choice not in TOOL_CHOICES:
        yield request.tool_choice
    yield request.begun
    yield request.draft
    yield from request.sampling.stop
    yield request.sampling.grammar
    yield request.sampling.json_schema


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
    tool_calls: tuple[ToolCallPiece, ...] = ()
    """Pieces of calls, where a model's calls can be told while it writes them. All of one call
    together are that call of the completion; a completion that was cut holds none."""


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
    tool_calls: tuple[ToolCall, ...] = ()
    """What the model asks for, when it stopped for that."""
    payload_bytes: int = 0
    """Of the call as it left the edge; set with ``ledger_position``."""
    upstream_repeats: int = 0
    """How often a model had been asked the same under the call's idempotency key before."""
    continued: bool = False
    """Whether the request's ``begun`` and ``draft`` were heeded: older nodes know of neither."""


Chunk = TextDelta | Completion


class ModelPort(Protocol):
    """Serves the models of one node."""

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer: any number of deltas, then exactly one completion.

        Closing the generator (``aclose``) cancels the call. Raises ``runtime.errors``.
        """
        ...


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """One call of one embedding model."""

    model: ModelName
    texts: tuple[str, ...]
    label: Label = PUBLIC
    """Label of ``texts`` as sent, after releases."""
    provenance: Provenance | None = None
    timeout_s: float = 60.0
    """Time left of the caller's deadline, seconds."""


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
    approver: str = ""
    """Who said yes to an ``approval``; stays on this node, in its ledger and receipts."""


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

    async def restore_json(self, text: str, provenance: Provenance) -> str:
        """Return a JSON text with the originals put back inside its strings."""
        ...

    def restorer(self, provenance: Provenance) -> StreamRestorer:
        """Return a restorer for one stream of this request."""
        ...

"""What a running plan tells its caller, in order, and the receipt that ends it."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.flow.model import Form
from runtime.ids import ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.planner.model import Plan
from runtime.policy.model import Zone
from runtime.ports import FinishReason, ReleaseRecord, TokenLogprob, ToolCall, ToolCallPiece, Usage

__all__ = [
    "AnswerDelta",
    "AnswerFinished",
    "DraftCount",
    "Event",
    "Receipt",
    "ReceiptStep",
    "ReleaseApplied",
    "RunFinished",
    "RunPlanned",
    "StepDelta",
    "StepFellBack",
    "StepFinished",
    "StepSkipped",
    "StepStarted",
]


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """First event: the decision."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class ReleaseApplied:
    """Content was released; ``step`` is ``None`` for the request itself."""

    record: ReleaseRecord
    step: StepId | None = None


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step's call was dispatched; one per sample and per mapped item starts under one event."""

    step: StepId
    node: NodeName
    model: ModelName
    zone: Zone
    form: Form
    label: Label


@dataclass(frozen=True, slots=True)
class StepDelta:
    """Text of a step that is not the sink, as its model wrote it."""

    step: StepId
    text: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step's answer is complete."""

    step: StepId
    text: str
    label: Label
    receipt: ReceiptStep


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """No edge into the step fired."""

    step: StepId


@dataclass(frozen=True, slots=True)
class StepFellBack:
    """A cloud step failed and its edge fallback takes over; ``error`` is the class name."""

    step: StepId
    error: str
    node: NodeName
    model: ModelName


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next piece of the graph's answer, restored."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """One per token, where they were asked for, one call gives the answer, and none of its text
    had to be restored: a placeholder's tokens are not the original's."""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    """Pieces of what the model asks of tools; together they are the calls of the whole answer."""


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The graph's answer is complete."""

    text: str
    finish_reason: FinishReason
    label: Label
    tool_calls: tuple[ToolCall, ...] = ()
    """What the model asks for, when it stopped for that."""


@dataclass(frozen=True, slots=True)
class DraftCount:
    """What an edge model wrote of a step's answer; the step's own usage does not contain it."""

    model: ModelName
    written_tokens: int = 0
    kept_tokens: int = 0
    """Of those written, what is in the answer."""


@dataclass(frozen=True, slots=True)
class ReceiptStep:
    """One step as the receipt shows it. Content-free."""

    step: StepId
    role: str
    node: NodeName
    zone: Zone
    model: ModelName
    form: Form
    label: Label
    """What the node received."""
    releases: tuple[ReleaseRecord, ...]
    usage: Usage
    first_token_s: float
    latency_s: float
    finish_reason: FinishReason
    calls: int = 1
    ledger_positions: tuple[int, ...] = ()
    left_bytes: int = 0
    """Of the calls that left the edge, as the ledger counts them."""
    fell_back_from: NodeName | None = None
    person: str = ""
    """Who answered in a model's place, as they named themselves."""
    drafted: DraftCount | None = None
    """What an edge model wrote together with the step's own."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one request's caller can show: content-free."""

    request_id: RequestId
    session_id: SessionId
    plan_id: PlanId
    graph: str
    graph_hash: str
    label: Label
    steps: tuple[ReceiptStep, ...]
    releases: tuple[ReleaseRecord, ...]
    left_the_edge: bool
    latency_s: float
    cost_usd: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Last event of every run that did not fail."""

    receipt: Receipt


Event = (
    RunPlanned
    | ReleaseApplied
    | StepStarted
    | StepDelta
    | StepFinished
    | StepSkipped
    | StepFellBack
    | AnswerDelta
    | AnswerFinished
    | RunFinished
)

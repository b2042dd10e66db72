"""Requests to plan and to run, to and from their messages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from leeward.v1 import collaboration_pb2 as pb
from runtime.codec import bounds
from runtime.codec.chat import decode_chat, encode_chat
from runtime.codec.graph import decode_graph, encode_graph
from runtime.codec.label import decode_label, encode_label
from runtime.codec.plan import decode_plan, encode_plan
from runtime.codec.sampling import decode_overrides, encode_overrides
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Auto, GraphChoice, Inline, choice_of_name
from runtime.errors import RequestInvalid
from runtime.graph.model import Graph
from runtime.ids import SessionId
from runtime.labels import PUBLIC, Label
from runtime.planner.model import Plan
from runtime.ports import ChatMessage, SamplingOverrides

__all__ = [
    "CollaborationCall",
    "decode_plan_request",
    "decode_plan_response",
    "decode_run_request",
    "encode_plan_request",
    "encode_plan_response",
    "encode_run_request",
]


@dataclass(frozen=True, slots=True)
class CollaborationCall:
    """What an application asks for: to plan a graph, or to run it."""

    graph: str | Graph | None
    """A graph's name, the graph itself, or ``None`` to let the node choose."""
    messages: tuple[ChatMessage, ...]
    """At least one user turn."""
    declared_label: Label = PUBLIC
    """What the application knows; it only adds to what the node detects."""
    session_id: SessionId | None = None
    """``None`` starts a new session."""
    sampling: SamplingOverrides = field(default_factory=SamplingOverrides)
    idempotency_key: str = ""
    """Only for running; empty for none."""
    no_retry: bool = False
    """Only for running, and with a key."""
    priority: int = 0
    """Only for running; higher goes first."""

    def request(self, *, deadline_s: float, caller: str) -> CollaborationRequest:
        """Return what this asks of the node that took it in.

        Args:
            deadline_s: Time left, seconds.
            caller: Who asks.
        """
        return CollaborationRequest(
            choice=_choice(self.graph),
            messages=self.messages,
            declared=self.declared_label,
            session_id=self.session_id,
            sampling=self.sampling,
            deadline_s=deadline_s,
            caller=caller,
            priority=self.priority,
            idempotency_key=self.idempotency_key,
            no_retry=self.no_retry,
        )


@bounds.encodable()
def encode_plan_request(call: CollaborationCall) -> pb.PlanRequest:
    """Return the message of a request to plan."""
    return pb.PlanRequest(
        graph=_encode_choice(call.graph),
        messages=encode_chat(call.messages),
        declared_label=encode_label(call.declared_label),
        session_id=call.session_id or "",
        sampling=encode_overrides(call.sampling),
    )


def decode_plan_request(message: pb.PlanRequest) -> CollaborationCall:
    """Return the request to plan of a message.

    Raises:
        RequestInvalid: A field is missing, too large, or not of its kind.
        GraphInvalid: The graph in the message cannot run.
    """
    return _decode_call(message)


@bounds.encodable()
def encode_run_request(call: CollaborationCall) -> pb.RunRequest:
    """Return the message of a request to run."""
    return pb.RunRequest(
        graph=_encode_choice(call.graph),
        messages=encode_chat(call.messages),
        declared_label=encode_label(call.declared_label),
        session_id=call.session_id or "",
        sampling=encode_overrides(call.sampling),
        idempotency_key=call.idempotency_key,
        priority=call.priority,
        no_retry=call.no_retry,
    )


def decode_run_request(message: pb.RunRequest) -> CollaborationCall:
    """Return the request to run of a message.

    Raises:
        RequestInvalid: A field is missing, too large, or not of its kind.
        GraphInvalid: The graph in the message cannot run.
    """
    key = bounds.optional_name(message.idempotency_key, "idempotency_key")
    if message.no_retry and not key:
        raise RequestInvalid("says something of a key; give one", field="no_retry")
    call = _decode_call(message)
    return replace(call, idempotency_key=key, no_retry=message.no_retry, priority=message.priority)


@bounds.encodable()
def encode_plan_response(plan: Plan) -> pb.PlanResponse:
    """Return the answer to a request to plan."""
    return pb.PlanResponse(plan=encode_plan(plan))


def decode_plan_response(message: pb.PlanResponse) -> Plan:
    """Return the plan of the answer."""
    return decode_plan(message.plan)


def _decode_call(message: pb.PlanRequest | pb.RunRequest) -> CollaborationCall:
    messages = decode_chat(message.messages)
    if not any(turn.role == "user" for turn in messages):
        raise RequestInvalid("must hold a user turn", field="messages")
    session_id = bounds.optional_name(message.session_id, "session_id")
    return CollaborationCall(
        graph=_decode_choice(message.graph),
        messages=messages,
        declared_label=decode_label(message.declared_label, "declared_label"),
        session_id=SessionId(session_id) if session_id else None,
        sampling=decode_overrides(message.sampling),
    )


def _encode_choice(graph: str | Graph | None) -> pb.GraphChoice:
    if graph is None:
        return pb.GraphChoice(auto=pb.AutoChoice())
    if isinstance(graph, str):
        return pb.GraphChoice(name=graph)
    return pb.GraphChoice(document=encode_graph(graph))


def _decode_choice(message: pb.GraphChoice) -> str | Graph | None:
    choice = message.WhichOneof("choice")
    if choice == "auto":
        return None
    if choice == "document":
        return decode_graph(message.document, "graph.document")
    return bounds.name(message.name, "graph.name")


def _choice(graph: str | Graph | None) -> GraphChoice:
    if graph is None:
        return Auto()
    return Inline(graph) if isinstance(graph, Graph) else choice_of_name(graph)

"""Calls of one model, their streams, and lists of models, to and from their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leeward.v1 import inference_pb2 as pb
from runtime.codec import bounds
from runtime.codec.chat import (
    decode_chat,
    decode_logprobs,
    decode_timings,
    decode_tool_calls,
    decode_tool_pieces,
    decode_tools,
    decode_usage,
    encode_chat,
    encode_logprobs,
    encode_timings,
    encode_tool_calls,
    encode_tool_pieces,
    encode_tools,
    encode_usage,
)
from runtime.codec.enums import FINISH_REASONS, ZONES
from runtime.codec.label import (
    decode_label_or_unsure,
    decode_releases,
    encode_label,
    encode_release,
)
from runtime.codec.ledger import (
    LedgerReference,
    decode_ledger_reference,
    encode_ledger_reference,
)
from runtime.codec.sampling import decode_sampling, encode_sampling
from runtime.errors import RequestInvalid
from runtime.ids import ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.key_terms import KeyTerms
from runtime.policy.model import Zone
from runtime.ports import (
    TOOL_CHOICES,
    Chunk,
    Completion,
    GenerateRequest,
    Provenance,
    TextDelta,
    ToolDefinition,
)

__all__ = [
    "ServedModel",
    "decode_chunk",
    "decode_generate_request",
    "decode_passage",
    "decode_provenance",
    "decode_served_models",
    "encode_chunk",
    "encode_generate_request",
    "encode_provenance",
    "encode_served_models",
    "generate_payload",
]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model as its node lists it."""

    name: ModelName
    node: NodeName
    zone: Zone
    family: str = ""
    context_tokens: int = 0
    """0 when unknown."""
    loaded: bool = False
    generates: bool = True
    embeds: bool = False


@bounds.encodable()
def encode_generate_request(
    request: GenerateRequest, *, ledger: LedgerReference | None = None
) -> pb.GenerateRequest:
    """Return the message of a call; its deadline travels with gRPC."""
    return pb.GenerateRequest(
        model=request.model,
        messages=encode_chat(request.messages),
        sampling=encode_sampling(request.sampling),
        label=encode_label(request.label),
        provenance=encode_provenance(request.provenance) if request.provenance else None,
        idempotency_key=request.idempotency_key,
        ledger=encode_ledger_reference(ledger) if ledger else None,
        tools=encode_tools(request.tools),
        tool_choice="" if request.tool_choice == "auto" else request.tool_choice,
        priority=request.priority,
        key_terms=_encode_key_terms(request.key_terms) if request.key_terms else None,
        begun=request.begun,
        draft=request.draft,
    )


@bounds.encodable()
def generate_payload(request: GenerateRequest) -> bytes:
    """Return the call's exact bytes without its ledger reference: what the ledger digests.

    The message on the wire is this one and the reference, which stands among the younger fields.
    """
    return encode_generate_request(request).SerializeToString(deterministic=True)


def decode_generate_request(
    message: pb.GenerateRequest, *, timeout_s: float, takes_tools: bool = False
) -> GenerateRequest:
    """Return the call of a message.

    Args:
        message: As received.
        timeout_s: What ``runtime.rpc.deadlines`` says is left, seconds.
        takes_tools: Whether this node handles tools; one that does not refuses them.

    Raises:
        RequestInvalid: A field is missing, too large, or not of its kind.
    """
    if not takes_tools and (message.tools or message.tool_choice):
        raise RequestInvalid("tool calls are not served here", field="tools")
    tools = decode_tools(message.tools)
    return GenerateRequest(
        model=ModelName(bounds.name(message.model, "model")),
        messages=decode_chat(message.messages, takes_tools=takes_tools),
        sampling=decode_sampling(message.sampling),
        label=decode_label_or_unsure(message.label, "label", present=message.HasField("label")),
        provenance=(
            decode_provenance(message.provenance) if message.HasField("provenance") else None
        ),
        idempotency_key=bounds.optional_name(message.idempotency_key, "idempotency_key"),
        timeout_s=timeout_s,
        tools=tools,
        tool_choice=_decode_tool_choice(message.tool_choice, tools),
        priority=message.priority,
        key_terms=_decode_key_terms(message.key_terms) if message.HasField("key_terms") else None,
        begun=bounds.text(message.begun, "begun"),
        draft=bounds.text(message.draft, "draft"),
    )


def _encode_key_terms(terms: KeyTerms) -> pb.KeyTerms:
    return pb.KeyTerms(kept_s=terms.kept_s, no_retry=terms.no_retry, is_repeat=terms.is_repeat)


def _decode_key_terms(message: pb.KeyTerms) -> KeyTerms:
    kept_s = bounds.number(message.kept_s, "key_terms.kept_s")
    return KeyTerms(kept_s, no_retry=message.no_retry, is_repeat=message.is_repeat)


def _decode_tool_choice(choice: str, tools: Sequence[ToolDefinition]) -> str:
    if choice in {"", *TOOL_CHOICES} or choice in {tool.name for tool in tools}:
        return choice or "auto"
    raise RequestInvalid("is neither a known word nor one of the tools", field="tool_choice")


def decode_passage(message: pb.GenerateRequest | pb.EmbedRequest) -> LedgerReference | None:
    """Return where the call stands in its sender's ledger, or ``None`` when it does not say."""
    return decode_ledger_reference(message.ledger) if message.HasField("ledger") else None


def encode_provenance(provenance: Provenance) -> pb.Provenance:
    """Return the message of where a call comes from."""
    return pb.Provenance(
        request_id=provenance.request_id,
        session_id=provenance.session_id,
        plan_id=provenance.plan_id,
        step_id=provenance.step_id,
        graph=provenance.graph,
        releases=[encode_release(record) for record in provenance.releases],
    )


def decode_provenance(message: pb.Provenance, field: str = "provenance") -> Provenance:
    """Return where a call comes from."""
    return Provenance(
        request_id=RequestId(bounds.name(message.request_id, f"{field}.request_id")),
        session_id=SessionId(bounds.optional_name(message.session_id, f"{field}.session_id")),
        plan_id=PlanId(bounds.optional_name(message.plan_id, f"{field}.plan_id")),
        step_id=StepId(bounds.optional_name(message.step_id, f"{field}.step_id")),
        graph=bounds.optional_name(message.graph, f"{field}.graph"),
        releases=decode_releases(message.releases, f"{field}.releases"),
    )


@bounds.encodable()
def encode_chunk(chunk: Chunk) -> pb.GenerateResponse:
    """Return the message of one item of an answer's stream."""
    if isinstance(chunk, TextDelta):
        return pb.GenerateResponse(
            delta=pb.TextDelta(
                text=chunk.text,
                tokens=chunk.tokens,
                logprobs=encode_logprobs(chunk.logprobs),
                tool_calls=encode_tool_pieces(chunk.tool_calls),
            )
        )
    return pb.GenerateResponse(
        completion=pb.Completion(
            finish_reason=FINISH_REASONS.encode(chunk.finish_reason),
            usage=encode_usage(chunk.usage),
            timings=encode_timings(chunk.timings),
            model=chunk.model,
            node=chunk.node,
            ledger_position=chunk.ledger_position,
            payload_bytes=chunk.payload_bytes,
            tool_calls=encode_tool_calls(chunk.tool_calls),
            upstream_repeats=chunk.upstream_repeats,
            continued=chunk.continued,
        )
    )


def decode_chunk(message: pb.GenerateResponse, *, takes_tools: bool = False) -> Chunk:
    """Return one item of an answer's stream; an item that this version does not know is refused.

    Args:
        message: As received.
        takes_tools: Whether tools were offered; who offered none is asked for none.
    """
    kind = message.WhichOneof("item")
    if kind == "delta":
        if message.delta.tool_calls and not takes_tools:
            raise RequestInvalid("no tools were offered", field="delta.tool_calls")
        return _decode_delta(message.delta)
    if kind == "completion":
        if message.completion.tool_calls and not takes_tools:
            raise RequestInvalid("no tools were offered", field="completion.tool_calls")
        return _decode_completion(message.completion)
    raise RequestInvalid("is not a known item", field="item")


def encode_served_models(models: Iterable[ServedModel]) -> pb.ListModelsResponse:
    """Return the message of a list of models, sorted by name."""
    return pb.ListModelsResponse(
        models=[
            pb.ModelInfo(
                name=model.name,
                node=model.node,
                zone=ZONES.encode(model.zone),
                family=model.family,
                context_tokens=model.context_tokens,
                loaded=model.loaded,
                generates=model.generates,
                embeds=model.embeds,
            )
            for model in sorted(models, key=lambda model: model.name)
        ]
    )


def decode_served_models(message: pb.ListModelsResponse) -> tuple[ServedModel, ...]:
    """Return a node's list of models."""
    bounds.count(message.models, "models", at_most=bounds.MAX_RECORDS)
    return tuple(_decode_served_model(item, at) for at, item in enumerate(message.models))


def _decode_delta(message: pb.TextDelta) -> TextDelta:
    return TextDelta(
        text=bounds.text(message.text, "delta.text"),
        tokens=message.tokens if message.HasField("tokens") else 1,
        logprobs=decode_logprobs(message.logprobs, "delta.logprobs"),
        tool_calls=decode_tool_pieces(message.tool_calls, "delta.tool_calls"),
    )


def _decode_completion(message: pb.Completion) -> Completion:
    position = message.ledger_position if message.HasField("ledger_position") else None
    return Completion(
        finish_reason=FINISH_REASONS.decode(message.finish_reason, "completion.finish_reason"),
        usage=decode_usage(message.usage, "completion.usage"),
        timings=decode_timings(message.timings, "completion.timings"),
        model=ModelName(bounds.optional_name(message.model, "completion.model")),
        node=NodeName(bounds.optional_name(message.node, "completion.node")),
        ledger_position=(
            None if position is None else bounds.whole(position, "completion.ledger_position")
        ),
        payload_bytes=bounds.whole(message.payload_bytes, "completion.payload_bytes"),
        tool_calls=decode_tool_calls(message.tool_calls, "completion.tool_calls"),
        upstream_repeats=message.upstream_repeats,
        continued=message.continued,
    )


def _decode_served_model(message: pb.ModelInfo, place: int) -> ServedModel:
    field = f"models[{place}]"
    return ServedModel(
        name=ModelName(bounds.name(message.name, f"{field}.name")),
        node=NodeName(bounds.optional_name(message.node, f"{field}.node")),
        zone=ZONES.decode(message.zone, f"{field}.zone"),
        family=bounds.optional_name(message.family, f"{field}.family"),
        context_tokens=message.context_tokens,
        loaded=message.loaded,
        generates=message.generates,
        embeds=message.embeds,
    )

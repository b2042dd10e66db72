"""What is encoded, sent as bytes and decoded is what it was."""

from dataclasses import replace
from operator import attrgetter
from typing import TypeVar

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from leeward.v1 import inference_pb2
from runtime.codec.collaboration import (
    CollaborationCall,
    decode_plan_request,
    decode_plan_response,
    decode_run_request,
    encode_plan_request,
    encode_plan_response,
    encode_run_request,
)
from runtime.codec.embedding import (
    decode_embed_request,
    decode_embed_response,
    encode_embed_request,
    encode_embed_response,
)
from runtime.codec.events import decode_event, encode_event
from runtime.codec.graph import decode_graph, encode_graph
from runtime.codec.inference import (
    ServedModel,
    decode_chunk,
    decode_generate_request,
    decode_passage,
    decode_served_models,
    encode_chunk,
    encode_generate_request,
    encode_served_models,
    generate_payload,
)
from runtime.codec.ledger import LedgerReference
from runtime.errors import RequestInvalid
from runtime.executor.events import (
    AnswerDelta,
    AnswerFinished,
    DraftCount,
    Event,
    Receipt,
    ReceiptStep,
    ReleaseApplied,
    RunFinished,
    RunPlanned,
    StepDelta,
    StepFellBack,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from runtime.flow.model import FlowProof, Form, PlannedRelease, Reception
from runtime.graph.model import Graph
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Label, Level
from runtime.planner.model import Drafter, Fallback, Plan, PlannedStep, Repair
from runtime.policy.model import ReleaseKind
from runtime.ports import (
    ChatMessage,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    Provenance,
    ReleaseRecord,
    Sampling,
    SamplingOverrides,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCall,
    ToolCallPiece,
    ToolDefinition,
    Usage,
)
from runtime.testing.strategies import graphs, labels

MessageT = TypeVar("MessageT", bound=Message)
NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
SECONDS = st.floats(0, 1e6)
DOLLARS = st.floats(0, 1e3)
COUNTS = st.integers(0, 2**31 - 1)
ZONES = st.sampled_from(("edge", "cloud"))
NODES = NAMES.map(NodeName)
MODELS = NAMES.map(ModelName)
STEPS = NAMES.map(StepId)
CATEGORIES = st.sampled_from(("person", "contact", "health", "project_name")).map(Category)
FINISHES = st.sampled_from(FinishReason)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, DOLLARS, st.booleans())
TIMINGS = st.builds(Timings, SECONDS, SECONDS, SECONDS)
LOGPROBS = st.floats(-200, 0) | st.just(float("-inf"))
RELEASE_RECORDS = st.builds(
    ReleaseRecord,
    by=st.sampled_from([kind.value for kind in ReleaseKind]),
    categories=st.sets(CATEGORIES).map(lambda names: tuple(sorted(names))),
    spans=COUNTS,
)
RELEASES = st.lists(RELEASE_RECORDS, max_size=3).map(tuple)
PROVENANCES = st.builds(
    Provenance,
    request_id=NAMES.map(RequestId),
    session_id=NAMES.map(SessionId),
    plan_id=NAMES.map(PlanId),
    step_id=STEPS,
    graph=NAMES,
    releases=RELEASES,
)
CHATS = st.lists(
    st.builds(ChatMessage, st.sampled_from(("system", "user", "assistant")), TEXTS),
    min_size=1,
    max_size=4,
).map(tuple)
TOOL_NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(
    lambda name: name not in {"auto", "none", "required"}
)
TOOL_CALLS = st.lists(st.builds(ToolCall, NAMES, TOOL_NAMES, TEXTS), max_size=2).map(tuple)
TOOL_PIECES = st.lists(
    st.builds(ToolCallPiece, st.integers(0, 127), TEXTS, st.just("") | NAMES, TOOL_NAMES),
    max_size=2,
).map(tuple)
CHATS_WITH_TOOLS = st.lists(
    st.builds(ChatMessage, st.sampled_from(("system", "user")), TEXTS)
    | st.builds(ChatMessage, st.just("assistant"), TEXTS, TOOL_CALLS)
    | st.builds(ChatMessage, st.just("tool"), TEXTS, tool_call_id=NAMES),
    min_size=1,
    max_size=4,
).map(tuple)
TOOLS = st.lists(
    st.builds(ToolDefinition, TOOL_NAMES, TEXTS, TEXTS),
    max_size=3,
    unique_by=attrgetter("name"),
).map(tuple)
QUESTIONS = CHATS.map(lambda chat: (*chat, ChatMessage("user", "Why?")))
TUNINGS = {
    "temperature": st.floats(0, 100),
    "top_p": st.floats(0, 1),
    "top_k": COUNTS,
    "min_p": st.floats(0, 1),
    "repeat_penalty": st.floats(0, 100),
    "frequency_penalty": st.floats(-100, 100),
    "presence_penalty": st.floats(-100, 100),
    "max_tokens": st.integers(1, 1_000_000),
    "logprobs": st.integers(0, 20),
}
STOPS = st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=9))
BIASES = st.dictionaries(st.integers(0, 2**32 - 1), st.floats(-100, 100), max_size=4).map(
    lambda biases: tuple(sorted(biases.items()))
)
SAMPLINGS = st.builds(
    Sampling,
    **TUNINGS,
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    stop=STOPS.map(lambda stops: tuple(stops[:16])),
    logit_bias=BIASES,
    grammar=TEXTS,
)
OVERRIDES = st.builds(
    SamplingOverrides,
    **{name: st.none() | values for name, values in TUNINGS.items()},
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    stop=STOPS.map(lambda stops: tuple(stops[:16]) or None),
    logit_bias=BIASES.map(lambda biases: biases or None),
    json_schema=st.none() | TEXTS,
)
GENERATE_REQUESTS = st.builds(
    GenerateRequest,
    model=MODELS,
    messages=CHATS,
    sampling=SAMPLINGS,
    label=labels(),
    provenance=st.none() | PROVENANCES,
    idempotency_key=NAMES | st.just(""),
    timeout_s=SECONDS,
    begun=TEXTS,
    draft=TEXTS,
)
REQUESTS_WITH_TOOLS = st.builds(
    GenerateRequest,
    model=MODELS,
    messages=CHATS_WITH_TOOLS,
    tools=TOOLS,
    tool_choice=st.sampled_from(("auto", "none", "required")),
)
TOKENS = st.lists(
    st.builds(
        TokenLogprob,
        token=TEXTS,
        logprob=LOGPROBS,
        top=st.lists(st.tuples(TEXTS, LOGPROBS), max_size=3).map(tuple),
    ),
    max_size=3,
).map(tuple)
CHUNKS = st.builds(
    TextDelta, text=TEXTS, tokens=COUNTS, logprobs=TOKENS, tool_calls=TOOL_PIECES
) | st.builds(
    Completion,
    finish_reason=FINISHES,
    usage=USAGES,
    timings=TIMINGS,
    model=MODELS,
    node=NODES,
    ledger_position=st.none() | COUNTS,
    tool_calls=TOOL_CALLS,
    payload_bytes=COUNTS,
    continued=st.booleans(),
)
DRAFT_COUNTS = st.builds(DraftCount, model=MODELS, written_tokens=COUNTS, kept_tokens=COUNTS)
RECEIPT_STEPS = st.builds(
    ReceiptStep,
    drafted=st.none() | DRAFT_COUNTS,
    step=STEPS,
    role=NAMES,
    node=NODES,
    zone=ZONES,
    model=MODELS,
    form=st.sampled_from(Form),
    label=labels(),
    releases=RELEASES,
    usage=USAGES,
    first_token_s=SECONDS,
    latency_s=SECONDS,
    finish_reason=FINISHES,
    calls=COUNTS,
    ledger_positions=st.lists(COUNTS, max_size=3).map(tuple),
    left_bytes=COUNTS,
    fell_back_from=st.none() | NODES,
)
RECEIPTS = st.builds(
    Receipt,
    request_id=NAMES.map(RequestId),
    session_id=NAMES.map(SessionId),
    plan_id=NAMES.map(PlanId),
    graph=NAMES,
    graph_hash=NAMES,
    label=labels(),
    steps=st.lists(RECEIPT_STEPS, max_size=3).map(tuple),
    releases=RELEASES,
    left_the_edge=st.booleans(),
    latency_s=SECONDS,
    cost_usd=DOLLARS,
    usage=USAGES,
)
PLANNED_RELEASES = st.lists(
    st.builds(
        PlannedRelease,
        by=st.sampled_from(ReleaseKind),
        categories=st.frozensets(CATEGORIES),
        step=st.none() | STEPS,
    ),
    max_size=3,
).map(tuple)
PLANS = st.builds(
    Plan,
    plan_id=NAMES.map(PlanId),
    graph=graphs(max_steps=3),
    graph_hash=NAMES,
    label=labels(),
    steps=st.lists(
        st.builds(
            PlannedStep,
            step=STEPS,
            model=MODELS,
            node=NODES,
            zone=ZONES,
            form=st.sampled_from(Form),
            label=labels(),
            fallback=st.none() | st.builds(Fallback, MODELS, NODES),
            drafter=st.none() | st.builds(Drafter, MODELS, NODES),
            estimated_cost_usd=DOLLARS,
            estimated_latency_s=SECONDS,
        ),
        max_size=3,
    ).map(tuple),
    releases=PLANNED_RELEASES,
    proof=st.builds(
        FlowProof,
        receptions=st.lists(
            st.builds(
                Reception,
                step=STEPS,
                node=NODES,
                label=labels(),
                level=st.sampled_from(Level),
                clearance=st.sampled_from(Level),
                output_label=labels(),
            ),
            max_size=3,
        ).map(tuple),
        releases=PLANNED_RELEASES,
    ),
    repairs=st.lists(st.builds(Repair, STEPS, NAMES, NAMES), max_size=2).map(tuple),
    estimated_cost_usd=DOLLARS,
    estimated_latency_s=SECONDS,
)
EVENTS = st.one_of(
    st.builds(RunPlanned, PLANS),
    st.builds(ReleaseApplied, RELEASE_RECORDS, st.none() | STEPS),
    st.builds(StepStarted, STEPS, NODES, MODELS, ZONES, st.sampled_from(Form), labels()),
    st.builds(StepDelta, STEPS, TEXTS),
    st.builds(StepFinished, STEPS, TEXTS, labels(), RECEIPT_STEPS),
    st.builds(StepSkipped, STEPS),
    st.builds(StepFellBack, STEPS, NAMES, NODES, MODELS),
    st.builds(AnswerDelta, TEXTS, TOKENS, TOOL_PIECES),
    st.builds(AnswerFinished, TEXTS, FINISHES, labels()),
    st.builds(RunFinished, RECEIPTS),
)
CALLS = st.builds(
    CollaborationCall,
    graph=st.none() | NAMES | graphs(max_steps=3),
    messages=QUESTIONS,
    declared_label=labels(),
    session_id=st.none() | NAMES.map(SessionId),
    sampling=OVERRIDES,
)


def sent(message: MessageT) -> MessageT:
    """The message as it arrives at the other end."""
    return type(message).FromString(message.SerializeToString())


@settings(deadline=None)
@given(GENERATE_REQUESTS)
def test_a_call_of_a_model_survives_the_wire(request: GenerateRequest) -> None:
    received = sent(encode_generate_request(request))

    assert decode_generate_request(received, timeout_s=request.timeout_s) == request
    assert decode_passage(received) is None


@settings(deadline=None)
@given(GENERATE_REQUESTS, COUNTS, st.binary(min_size=32, max_size=32))
def test_the_ledger_digests_what_is_sent_but_for_the_reference(
    request: GenerateRequest, position: int, head_mac: bytes
) -> None:
    reference = LedgerReference(position=position, head_mac=head_mac)
    wire = encode_generate_request(request, ledger=reference).SerializeToString(deterministic=True)

    digested = generate_payload(request)

    on_the_wire = inference_pb2.GenerateRequest.FromString(wire)
    assert decode_passage(on_the_wire) == reference
    on_the_wire.ClearField("ledger")
    assert on_the_wire.SerializeToString(deterministic=True) == digested
    assert not inference_pb2.GenerateRequest.FromString(digested).HasField("ledger")


@settings(deadline=None)
@given(CHUNKS)
def test_an_item_of_an_answer_survives_the_wire(chunk: TextDelta | Completion) -> None:
    assert decode_chunk(sent(encode_chunk(chunk)), takes_tools=True) == chunk


@settings(deadline=None)
@given(REQUESTS_WITH_TOOLS)
def test_a_call_with_tools_survives_the_wire_where_they_are_handled(
    request: GenerateRequest,
) -> None:
    received = sent(encode_generate_request(request))

    decoded = decode_generate_request(received, timeout_s=request.timeout_s, takes_tools=True)

    assert replace(decoded, label=request.label) == request


@settings(deadline=None)
@given(REQUESTS_WITH_TOOLS.filter(lambda request: request.uses_tools))
def test_a_call_with_tools_is_refused_everywhere_else(request: GenerateRequest) -> None:
    received = sent(encode_generate_request(request))

    with pytest.raises(RequestInvalid, match="tool calls are not served here"):
        decode_generate_request(received, timeout_s=1.0)


def test_a_tool_can_be_chosen_by_name_and_only_one_that_is_there() -> None:
    request = GenerateRequest(
        ModelName("m"),
        (ChatMessage("user", "x"),),
        tools=(ToolDefinition("dose"),),
        tool_choice="dose",
    )
    other = replace(request, tool_choice="other")

    received = sent(encode_generate_request(request))

    assert decode_generate_request(received, timeout_s=1, takes_tools=True).tool_choice == "dose"
    with pytest.raises(RequestInvalid, match="tool_choice"):
        decode_generate_request(sent(encode_generate_request(other)), timeout_s=1, takes_tools=True)


@settings(deadline=None)
@given(graphs())
def test_a_graph_survives_the_wire(graph: Graph) -> None:
    assert decode_graph(sent(encode_graph(graph))) == graph


@settings(deadline=None)
@given(EVENTS)
def test_an_event_survives_the_wire(event: Event) -> None:
    assert decode_event(sent(encode_event(event))) == event


@settings(deadline=None)
@given(PLANS)
def test_a_plan_survives_the_wire(plan: Plan) -> None:
    assert decode_plan_response(sent(encode_plan_response(plan))) == plan


@settings(deadline=None)
@given(CALLS)
def test_a_request_to_plan_survives_the_wire(call: CollaborationCall) -> None:
    assert decode_plan_request(sent(encode_plan_request(call))) == call


@settings(deadline=None)
@given(CALLS)
def test_a_request_to_run_survives_the_wire(call: CollaborationCall) -> None:
    assert decode_run_request(sent(encode_run_request(call))) == call


@settings(deadline=None)
@given(MODELS, st.lists(TEXTS, min_size=1, max_size=3), labels(), st.none() | PROVENANCES)
def test_an_embedding_call_survives_the_wire(
    model: ModelName, texts: list[str], label: Label, provenance: Provenance | None
) -> None:
    call = EmbedRequest(model=model, texts=tuple(texts), label=label, provenance=provenance)

    assert decode_embed_request(sent(encode_embed_request(call)), timeout_s=call.timeout_s) == call


def test_vectors_survive_the_wire() -> None:
    vectors = [[0.5, -0.25], [1.0, 0.0]]
    usage = Usage(prompt_tokens=3)

    result = decode_embed_response(
        sent(encode_embed_response(vectors, model=ModelName("m"), usage=usage)), texts=2
    )

    assert result.embeddings == ((0.5, -0.25), (1.0, 0.0))
    assert result.usage == usage


def test_a_list_of_models_survives_the_wire_sorted() -> None:
    models = [
        ServedModel(ModelName("tern"), NodeName("near"), "edge", context_tokens=64, loaded=True),
        ServedModel(ModelName("gull"), NodeName("near"), "edge", generates=False, embeds=True),
    ]

    assert decode_served_models(sent(encode_served_models(models))) == tuple(reversed(models))

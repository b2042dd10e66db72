"""What no message may hold is refused by field, and the refusal quotes nothing."""

import pytest

from leeward.v1 import chat_pb2, collaboration_pb2, graph_pb2, inference_pb2, label_pb2, ledger_pb2
from runtime.codec import bounds
from runtime.codec.chat import decode_chat, decode_usage
from runtime.codec.collaboration import CollaborationCall, decode_run_request, encode_run_request
from runtime.codec.embedding import decode_embed_request, decode_embed_response
from runtime.codec.events import decode_event
from runtime.codec.graph import decode_graph
from runtime.codec.inference import (
    decode_chunk,
    decode_generate_request,
    decode_passage,
    encode_generate_request,
)
from runtime.codec.label import decode_label, decode_release, encode_release
from runtime.codec.sampling import decode_sampling, encode_sampling
from runtime.errors import GraphInvalid, RequestInvalid
from runtime.ids import ModelName
from runtime.labels import PUBLIC, UNSURE, Label
from runtime.ports import ChatMessage, GenerateRequest, ReleaseRecord, Sampling

SECRET = "Anna Kowalska"
USER = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content="Why?")


def refused_field(refusal: pytest.ExceptionInfo[RequestInvalid]) -> str:
    assert SECRET not in str(refusal.value)
    return refusal.value.field


def generate(**changes: object) -> inference_pb2.GenerateRequest:
    fields: dict[str, object] = {"model": "tern", "messages": [USER], "label": label_pb2.Label()}
    return inference_pb2.GenerateRequest(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (generate(model=""), "model"),
        (generate(model="x" * 257), "model"),
        (generate(model="a\nb"), "model"),
        (generate(messages=[]), "messages"),
        (generate(messages=[chat_pb2.ChatMessage(content=SECRET)]), "messages[0].role"),
        (
            generate(messages=[USER, chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_TOOL)]),
            "messages[1].tool_calls",
        ),
        (generate(tools=[chat_pb2.ToolDefinition(name=SECRET)]), "tools"),
        (generate(label=label_pb2.Label(categories=[SECRET])), "label.categories"),
        (generate(label=label_pb2.Label(categories=[""])), "label.categories"),
        (
            generate(label=label_pb2.Label(categories=[f"c{n}" for n in range(65)])),
            "label.categories",
        ),
        (generate(provenance=inference_pb2.Provenance()), "provenance.request_id"),
        (
            generate(
                provenance=inference_pb2.Provenance(
                    request_id="r", releases=[label_pb2.ReleaseRecord()]
                )
            ),
            "provenance.releases[0].by",
        ),
        (generate(idempotency_key="k" * 257), "idempotency_key"),
    ],
)
def test_a_bad_call_is_refused_by_field(message: inference_pb2.GenerateRequest, field: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_generate_request(message, timeout_s=1)

    assert refused_field(refusal) == field


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (chat_pb2.Sampling(temperature=float("nan")), "temperature"),
        (chat_pb2.Sampling(temperature=-0.1), "temperature"),
        (chat_pb2.Sampling(top_p=1.5), "top_p"),
        (chat_pb2.Sampling(min_p=float("inf")), "min_p"),
        (chat_pb2.Sampling(max_tokens=0), "max_tokens"),
        (chat_pb2.Sampling(max_tokens=2_000_000), "max_tokens"),
        (chat_pb2.Sampling(logprobs=21), "logprobs"),
        (chat_pb2.Sampling(stop=[""]), "stop[0]"),
        (chat_pb2.Sampling(stop=["x"] * 17), "stop"),
        (chat_pb2.Sampling(grammar="x" * 100_001), "grammar"),
    ],
)
def test_bad_sampling_is_refused_by_field(message: chat_pb2.Sampling, field: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_sampling(message)

    assert refused_field(refusal) == f"sampling.{field}"


def test_a_grammar_excludes_a_schema() -> None:
    with pytest.raises(RequestInvalid, match="excludes"):
        decode_sampling(chat_pb2.Sampling(grammar="root ::= [0-9]", json_schema="{}"))


def test_sampling_that_the_node_would_refuse_is_not_sent() -> None:
    with pytest.raises(RequestInvalid, match=r"sampling\.top_p"):
        encode_sampling(Sampling(top_p=2.0))


@pytest.mark.parametrize("sampling", [Sampling(seed=2**70), Sampling(top_k=-1)])
def test_a_number_too_large_for_the_wire_is_a_named_failure(sampling: Sampling) -> None:
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", "Why?"),), sampling=sampling)

    with pytest.raises(RequestInvalid, match="cannot carry"):
        encode_generate_request(request)


def test_text_that_is_not_unicode_is_a_named_failure_that_does_not_quote_it() -> None:
    call = CollaborationCall(graph="g", messages=(ChatMessage("user", f"{SECRET} \ud800"),))

    with pytest.raises(RequestInvalid) as refusal:
        encode_run_request(call)

    assert refused_field(refusal) == ""
    assert refusal.value.__cause__ is None


def test_a_call_without_a_label_is_unsure_and_one_with_an_empty_label_is_public() -> None:
    silent = generate()
    silent.ClearField("label")

    assert decode_generate_request(silent, timeout_s=1).label == Label(frozenset({UNSURE}))
    assert decode_generate_request(generate(), timeout_s=1).label == PUBLIC


def test_a_turn_with_tool_calls_is_refused_rather_than_read_without_them() -> None:
    turn = chat_pb2.ChatMessage(
        role=chat_pb2.CHAT_ROLE_ASSISTANT, tool_calls=[chat_pb2.ToolCall(name=SECRET)]
    )

    with pytest.raises(RequestInvalid) as refusal:
        decode_chat([turn])

    assert refused_field(refusal) == "messages[0].tool_calls"


def test_a_chat_that_is_too_long_is_refused() -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_chat([USER] * (bounds.MAX_CHAT_TURNS + 1))

    assert refused_field(refusal) == "messages"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_ledger_reference_has_a_mac_of_32_bytes(size: int) -> None:
    message = generate(ledger=ledger_pb2.LedgerReference(position=1, head_mac=bytes(size)))

    with pytest.raises(RequestInvalid) as refusal:
        decode_passage(message)

    assert refused_field(refusal) == "ledger.head_mac"


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        (chat_pb2.Usage(cost_usd=float("nan")), "usage.cost_usd"),
        (chat_pb2.Usage(cost_usd=-1), "usage.cost_usd"),
        (chat_pb2.Usage(cost_usd=float("inf")), "usage.cost_usd"),
        (chat_pb2.Usage(prompt_tokens=2**64 - 1), "usage.prompt_tokens"),
    ],
)
def test_usage_that_cannot_be_is_refused(usage: chat_pb2.Usage, field: str) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_usage(usage)

    assert refused_field(refusal) == field


@pytest.mark.parametrize(
    "message",
    [
        inference_pb2.GenerateResponse(),
        inference_pb2.GenerateResponse(completion=inference_pb2.Completion()),
        inference_pb2.GenerateResponse(
            completion=inference_pb2.Completion(
                finish_reason=chat_pb2.FINISH_REASON_STOP, tool_calls=[chat_pb2.ToolCall()]
            )
        ),
        inference_pb2.GenerateResponse(
            delta=inference_pb2.TextDelta(logprobs=[chat_pb2.TokenLogprob(logprob=0.5)])
        ),
    ],
)
def test_an_item_outside_the_contract_is_refused(message: inference_pb2.GenerateResponse) -> None:
    with pytest.raises(RequestInvalid):
        decode_chunk(message)


def test_a_text_without_a_count_of_tokens_is_one_token() -> None:
    message = inference_pb2.GenerateResponse(delta=inference_pb2.TextDelta(text="a"))

    chunk = decode_chunk(message)

    assert chunk.tokens == 1  # type: ignore[union-attr]


def test_an_event_outside_the_contract_is_refused() -> None:
    with pytest.raises(RequestInvalid):
        decode_event(collaboration_pb2.RunResponse())


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (collaboration_pb2.RunRequest(messages=[USER]), "graph.name"),
        (
            collaboration_pb2.RunRequest(
                graph=collaboration_pb2.GraphChoice(auto=collaboration_pb2.AutoChoice()),
                messages=[chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_SYSTEM)],
            ),
            "messages",
        ),
    ],
)
def test_a_bad_request_to_run_is_refused_by_field(
    message: collaboration_pb2.RunRequest, field: str
) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_run_request(message)

    assert refused_field(refusal) == field


def document(**changes: object) -> graph_pb2.GraphDocument:
    fields: dict[str, object] = {
        "name": "pair",
        "version": "graph/v1",
        "steps": [
            graph_pb2.Step(id="near", role=graph_pb2.ROLE_ASSISTANT),
            graph_pb2.Step(id="far", role=graph_pb2.ROLE_ASSISTANT),
        ],
        "edges": [graph_pb2.Edge(source="near", target="far")],
    }
    return graph_pb2.GraphDocument(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (document(name=""), "graph.name"),
        (document(steps=[]), "graph.steps"),
        (document(steps=[graph_pb2.Step(id="near")]), "graph.steps[0].role"),
        (
            document(edges=[graph_pb2.Edge(source="near", target="far", otherwise=False)]),
            "graph.edges[0].otherwise",
        ),
        (
            document(
                edges=[
                    graph_pb2.Edge(
                        source="near",
                        target="far",
                        when=graph_pb2.Condition(
                            step="near", output="tokens", comparison=graph_pb2.COMPARISON_LT
                        ),
                    )
                ]
            ),
            "graph.edges[0].when.value",
        ),
    ],
)
def test_a_graph_that_is_no_document_is_refused_by_field(
    message: graph_pb2.GraphDocument, field: str
) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        decode_graph(message)

    assert refused_field(refusal) == field


def test_a_graph_on_the_wire_meets_the_same_rules_as_one_in_a_file() -> None:
    circle = document(
        edges=[
            graph_pb2.Edge(source="near", target="far"),
            graph_pb2.Edge(source="far", target="near"),
        ]
    )

    with pytest.raises(GraphInvalid, match="cycle"):
        decode_graph(circle)


def test_embedding_no_text_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="texts"):
        decode_embed_request(inference_pb2.EmbedRequest(model="m"), timeout_s=1.0)


@pytest.mark.parametrize(
    "message",
    [
        inference_pb2.EmbedResponse(),
        inference_pb2.EmbedResponse(embeddings=[inference_pb2.Embedding()]),
        inference_pb2.EmbedResponse(embeddings=[inference_pb2.Embedding(values=[float("nan")])]),
    ],
)
def test_vectors_that_were_not_asked_for_or_are_none_are_refused(
    message: inference_pb2.EmbedResponse,
) -> None:
    with pytest.raises(RequestInvalid, match="embeddings"):
        decode_embed_response(message, texts=1)


def test_a_release_that_nobody_knows_is_refused_on_both_sides() -> None:
    with pytest.raises(RequestInvalid):
        decode_release(label_pb2.ReleaseRecord(), "r")
    with pytest.raises(RequestInvalid):
        encode_release(ReleaseRecord(by="magic", categories=()))


def test_a_label_says_each_category_once() -> None:
    message = label_pb2.Label(categories=["person", "contact", "person"])

    assert decode_label(message, "label") == Label.of("contact", "person")

"""The client against a real server on loopback: streams, breaks, deadlines, cancellation."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import pytest

from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.codec.embedding import decode_embed_request, encode_embed_response
from runtime.codec.inference import (
    ServedModel,
    decode_generate_request,
    decode_passage,
    encode_chunk,
    encode_served_models,
)
from runtime.codec.ledger import LedgerReference
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    DeadlineExceeded,
    EngineCrashed,
    PolicyViolation,
    RequestInvalid,
    StreamBroken,
)
from runtime.ids import ModelName, NodeName
from runtime.labels import Label
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    ModelPort,
    TextDelta,
    Usage,
)
from runtime.rpc.boundary import error_boundary
from runtime.rpc.calls import Metadata
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.deadlines import remaining_s
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.tls import ClientTls, ServerTls

ASK = GenerateRequest(
    model=ModelName("tern"),
    messages=(ChatMessage("user", "Why?"),),
    label=Label.of("project_name"),
    timeout_s=10.0,
)
DONE = Completion(FinishReason.STOP, Usage(1, 2), model=ModelName("tern"), node=NodeName("near"))
Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[["Node", Context], AsyncIterator[pb.GenerateResponse]]


class Node(pb_grpc.InferenceServicer):
    """A node that answers as told and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[GenerateRequest] = []
        self.passages: list[LedgerReference | None] = []
        self.metadata: dict[str, str | bytes] = {}
        self.has_call = asyncio.Event()
        self.was_cancelled = asyncio.Event()

    async def Generate(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateResponse]:
        async with error_boundary(context, "Inference.Generate"):
            timeout_s = remaining_s(context)
            self.requests.append(decode_generate_request(request, timeout_s=timeout_s))
            self.passages.append(decode_passage(request))
            self.metadata = dict(context.invocation_metadata() or ())
            self.has_call.set()
            async for message in self._answer(self, context):
                yield message

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        async with error_boundary(context, "Inference.Embed"):
            call = decode_embed_request(request, timeout_s=1.0)
            vectors = [[float(len(text)), 0.0] for text in call.texts]
            return encode_embed_response(vectors, model=call.model, usage=Usage(4))

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        return encode_served_models([ServedModel(ModelName("tern"), NodeName("near"), "edge")])


@asynccontextmanager
async def serving(
    answer: Answer,
    *,
    server_tls: ServerTls | None = None,
    client_tls: ClientTls | None = None,
    metadata: Callable[[], Metadata] = tuple,
) -> AsyncIterator[tuple[Node, InferenceClient]]:
    node = Node(answer)
    server = new_server(max_concurrent_rpcs=8)
    pb_grpc.add_InferenceServicer_to_server(node, server)
    port = bind(server, "127.0.0.1:0", tls=server_tls)
    await server.start()
    channel = open_channel(ChannelSettings(f"127.0.0.1:{port}", client_tls))
    try:
        yield node, InferenceClient(channel, metadata=metadata)
    finally:
        await channel.close()
        await stop(server, None, grace_s=0)


def answering(*chunks: Chunk, then: Exception | None = None) -> Answer:
    async def answer(_: Node, __: Context) -> AsyncIterator[pb.GenerateResponse]:
        for chunk in chunks:
            yield encode_chunk(chunk)
        if then is not None:
            raise then

    return answer


async def endless(node: Node, _: Context) -> AsyncIterator[pb.GenerateResponse]:
    try:
        yield encode_chunk(TextDelta("Be"))
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        node.was_cancelled.set()
        raise


async def collect(port: ModelPort, request: GenerateRequest = ASK) -> list[Chunk]:
    return [chunk async for chunk in port.generate(request)]


async def test_an_answer_arrives_piece_by_piece_and_ends_with_its_completion() -> None:
    pieces = (TextDelta("Be"), TextDelta("cause", tokens=2), DONE)

    async with serving(answering(*pieces)) as (node, client):
        assert await collect(client) == list(pieces)

    asked = node.requests[0]
    assert (asked.model, asked.messages, asked.label) == (ASK.model, ASK.messages, ASK.label)
    assert node.passages == [None]


async def test_an_answer_arrives_over_mutual_tls(
    server_tls: ServerTls, device_tls: ClientTls
) -> None:
    async with serving(
        answering(TextDelta("Yes"), DONE), server_tls=server_tls, client_tls=device_tls
    ) as (_, client):
        assert await collect(client) == [TextDelta("Yes"), DONE]


async def test_the_callers_time_becomes_the_deadline() -> None:
    async with serving(answering(DONE)) as (node, client):
        await collect(client)

    assert 9 < node.requests[0].timeout_s < 10.5


async def test_the_ledger_reference_and_metadata_travel_with_the_call() -> None:
    reference = LedgerReference(position=41, head_mac=bytes(range(32)))
    traced = (("traceparent", "00-1-2-01"),)

    async with serving(answering(DONE), metadata=lambda: traced) as (node, client):
        async for _ in client.generate(ASK, ledger=reference):
            pass

    assert node.passages == [reference]
    assert node.metadata["traceparent"] == "00-1-2-01"


async def test_a_stream_without_its_completion_is_broken() -> None:
    async with serving(answering(TextDelta("a"), TextDelta("b", tokens=3))) as (_, client):
        with pytest.raises(StreamBroken) as broken:
            await collect(client)

    assert broken.value.received_tokens == 4


async def test_an_empty_stream_is_broken() -> None:
    async with serving(answering()) as (_, client):
        with pytest.raises(StreamBroken) as broken:
            await collect(client)

    assert broken.value.received_tokens == 0


async def test_a_link_that_breaks_after_the_first_token_breaks_the_stream() -> None:
    async def vanish(_: Node, context: Context) -> AsyncIterator[pb.GenerateResponse]:
        yield encode_chunk(TextDelta("a"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with serving(vanish) as (_, client):
        with pytest.raises(StreamBroken) as broken:
            await collect(client)

    assert broken.value.received_tokens == 1


async def test_a_failure_that_the_node_names_keeps_its_name_in_the_middle_of_a_stream() -> None:
    async with serving(answering(TextDelta("a"), then=EngineCrashed("x"))) as (_, client):
        with pytest.raises(EngineCrashed):
            await collect(client)


@pytest.mark.parametrize(
    "failure", [PolicyViolation("x"), CapacityExhausted("x", retry_after_s=7), RequestInvalid("x")]
)
async def test_a_refusal_arrives_as_its_class(failure: Exception) -> None:
    async with serving(answering(then=failure)) as (_, client):
        with pytest.raises(type(failure)):
            await collect(client)


async def test_a_node_that_nobody_serves_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async with open_channel(ChannelSettings(f"127.0.0.1:{port}", None)) as channel:
        with pytest.raises(BackendUnavailable):
            await collect(InferenceClient(channel))


async def test_what_comes_after_the_completion_is_outside_the_contract() -> None:
    async with serving(answering(DONE, TextDelta("more"))) as (_, client):
        with pytest.raises(BackendUnavailable, match="contract"):
            await collect(client)


async def test_an_item_that_nobody_knows_is_outside_the_contract() -> None:
    async def strange(_: Node, __: Context) -> AsyncIterator[pb.GenerateResponse]:
        yield pb.GenerateResponse()

    async with serving(strange) as (_, client):
        with pytest.raises(BackendUnavailable, match="contract"):
            await collect(client)


async def test_a_failure_after_the_completion_takes_nothing_from_the_answer() -> None:
    async with serving(answering(DONE, then=EngineCrashed("x"))) as (_, client):
        assert await collect(client) == [DONE]


async def test_closing_the_stream_cancels_the_call_on_the_node() -> None:
    async with serving(endless) as (node, client):
        async with aclosing(client.generate(ASK)) as chunks:
            assert await anext(chunks) == TextDelta("Be")

        async with asyncio.timeout(5):
            await node.was_cancelled.wait()


async def test_cancelling_the_reader_cancels_the_call_on_the_node() -> None:
    async with serving(endless) as (node, client):
        reader = asyncio.create_task(collect(client))
        async with asyncio.timeout(5):
            await node.has_call.wait()
        reader.cancel()

        with pytest.raises(asyncio.CancelledError):
            await reader
        async with asyncio.timeout(5):
            await node.was_cancelled.wait()


async def test_an_answer_that_takes_too_long_is_a_named_failure() -> None:
    hurried = GenerateRequest(ASK.model, ASK.messages, timeout_s=0.05)

    async with serving(endless) as (_, client):
        with pytest.raises(DeadlineExceeded):
            await collect(client, hurried)


async def test_a_request_that_the_wire_cannot_carry_is_not_sent() -> None:
    garbled = GenerateRequest(ASK.model, (ChatMessage("user", "\ud800"),))

    async with serving(answering(DONE)) as (node, client):
        with pytest.raises(RequestInvalid):
            await collect(client, garbled)

    assert not node.requests


async def test_texts_become_vectors() -> None:
    async with serving(answering()) as (_, client):
        embedded = await client.embed(ModelName("mini"), ["a", "bcd"])
        result = await client.call_embed(EmbedRequest(ModelName("mini"), ("a",), timeout_s=5))

    assert embedded.vectors == [[1.0, 0.0], [3.0, 0.0]]
    assert embedded.usage.prompt_tokens == 4
    assert result.usage.prompt_tokens == 4


async def test_models_are_listed() -> None:
    async with serving(answering()) as (_, client):
        (model,) = await client.list_models(timeout_s=5)

    assert (model.name, model.node, model.zone) == ("tern", "near", "edge")

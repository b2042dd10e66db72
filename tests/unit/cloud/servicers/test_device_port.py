"""What a device gets on its port: answers, models, graphs, health; and how calls end early."""

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from leeward.v1 import collaboration_pb2_grpc, inference_pb2, inference_pb2_grpc, ledger_pb2
from runtime.codec.collaboration import (
    CollaborationCall,
    decode_plan_response,
    encode_plan_request,
    encode_run_request,
)
from runtime.codec.embedding import encode_embed_request
from runtime.codec.events import decode_event
from runtime.codec.inference import encode_generate_request
from runtime.errors import CapacityExhausted, GraphInvalid, LeakFound, LeewardError, NotPermitted
from runtime.executor.events import Receipt, RunFinished
from runtime.graph.document import parse_graph
from runtime.ids import ModelName
from runtime.labels import Label
from runtime.ports import ChatMessage, EmbedRequest, GenerateRequest, TextDelta
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.status import from_rpc_error
from tests.unit.cloud.front.conftest import BIG, END
from tests.unit.cloud.servicers.conftest import OneDevice, Port, running_port

ASKED = (ChatMessage("user", "6 times 7?"),)
REQUEST = encode_generate_request(GenerateRequest(model=BIG, messages=ASKED))


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with running_port() as running:
        yield running


@pytest.fixture
async def channel(port: Port) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(ChannelSettings(port.address, port.tls())) as opened:
        yield opened


async def test_an_answer_ends_with_its_completion_and_says_how_the_cache_served_it(
    port: Port, channel: grpc.aio.Channel
) -> None:
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    answers = [answer async for answer in call]

    assert [a.WhichOneof("item") for a in answers][-1] == "completion"
    assert ("x-leeward-cache", "off") in [tuple(pair) for pair in await call.trailing_metadata()]
    assert port.budgets.callers[0].id == "edge-1"


async def test_the_ledger_head_that_a_call_shows_is_kept_before_the_call_ends(
    port: Port, channel: grpc.aio.Channel
) -> None:
    stub = inference_pb2_grpc.InferenceStub(channel)
    head = ledger_pb2.LedgerReference(position=7, head_mac=bytes(32))
    generate = inference_pb2.GenerateRequest(ledger=head)
    generate.MergeFrom(REQUEST)
    embed = encode_embed_request(EmbedRequest(model=BIG, texts=("one",)))
    embed.ledger.CopyFrom(head)

    _ = [answer async for answer in stub.Generate(generate)]
    await stub.Embed(embed)
    assert port.heads.kept == [("edge-1", 7, bytes(32))] * 2

    port.budgets.refusal = CapacityExhausted("full")
    with pytest.raises(grpc.aio.AioRpcError):
        _ = [answer async for answer in stub.Generate(generate)]
    assert len(port.heads.kept) == 3


async def test_a_stranger_is_refused_and_learns_nothing(port: Port) -> None:
    async with open_channel(ChannelSettings(port.address, port.tls("edge-2"))) as channel:
        failure = await _failure(inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST))

    assert isinstance(failure, NotPermitted)
    assert port.models.asked == []


async def test_vectors_come_in_the_order_of_the_texts(channel: grpc.aio.Channel) -> None:
    request = encode_embed_request(EmbedRequest(model=BIG, texts=("a", "b")))
    answer = await inference_pb2_grpc.InferenceStub(channel).Embed(request)

    assert [tuple(vector.values) for vector in answer.embeddings] == [(1.0, 0.5), (1.0, 0.5)]
    assert answer.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("allowed", "listed"), [(None, ["big"]), (frozenset({ModelName("small")}), [])]
)
async def test_a_caller_sees_and_gets_what_it_may_use_only(
    allowed: frozenset[ModelName] | None, listed: list[str]
) -> None:
    async with (
        running_port(OneDevice(allowed)) as port,
        open_channel(ChannelSettings(port.address, port.tls())) as channel,
    ):
        stub = inference_pb2_grpc.InferenceStub(channel)
        models = (await stub.ListModels(inference_pb2.ListModelsRequest())).models
        failure = await _failure(stub.Generate(REQUEST)) if allowed is not None else None

    assert [model.name for model in models] == listed
    assert (failure is None) is (allowed is None)
    assert failure is None or isinstance(failure, NotPermitted)


async def test_a_cancelled_call_reaches_the_upstream_within_a_tenth_of_a_second(
    port: Port, channel: grpc.aio.Channel
) -> None:
    port.models.script = (TextDelta("for"), asyncio.Event(), END)
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    async for _ in call:
        break
    started_s = time.monotonic()

    call.cancel()
    await port.models.closed.wait()

    assert time.monotonic() - started_s < 0.1
    await port.budgets.ended.wait()
    assert [outcome.status for outcome in port.budgets.settled] == ["cancelled"]


async def test_a_deadline_ends_the_upstream_too(port: Port, channel: grpc.aio.Channel) -> None:
    port.models.script = (asyncio.Event(), END)
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST, timeout=0.3)

    with pytest.raises(grpc.aio.AioRpcError) as late:
        _ = [answer async for answer in call]
    async with asyncio.timeout(2):
        await port.models.closed.wait()

    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    (asked,) = port.models.asked
    assert asked.timeout_s < 0.3


async def test_a_port_that_stops_says_so_first_and_then_takes_nothing_new(
    port: Port, channel: grpc.aio.Channel
) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    release = asyncio.Event()
    port.models.script = (TextDelta("for"), release, END)
    stub = inference_pb2_grpc.InferenceStub(channel)
    running = stub.Generate(REQUEST)
    async for _ in running:
        break

    before = await health.Check(health_pb2.HealthCheckRequest(service="leeward.v1.Collaboration"))
    await port.listener.announce_stop()
    told = await health.Check(health_pb2.HealthCheckRequest())
    stopping = asyncio.create_task(port.listener.stop(5))
    await asyncio.sleep(0.05)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListModels(inference_pb2.ListModelsRequest(), timeout=3)
    release.set()
    rest = [answer async for answer in running]
    await stopping

    assert before.status == health_pb2.HealthCheckResponse.SERVING
    assert told.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert rest[-1].WhichOneof("item") == "completion"


async def test_a_graph_is_planned_and_run_as_the_device(
    port: Port, channel: grpc.aio.Channel
) -> None:
    stub = collaboration_pb2_grpc.CollaborationStub(channel)
    asked = CollaborationCall("twice", ASKED)

    plan = decode_plan_response(await stub.Plan(encode_plan_request(asked)))
    events = [decode_event(event) async for event in stub.Run(encode_run_request(asked))]

    assert {step.node for step in plan.steps} == {"cloud"}
    assert isinstance(events[-1], RunFinished)
    receipt: Receipt = events[-1].receipt
    assert [step.model for step in receipt.steps] == ["big", "big"]
    assert port.budgets.graphs == ["twice", "twice"]


async def test_a_run_that_is_sent_again_repeats_its_calls_under_their_own_keys(
    port: Port, channel: grpc.aio.Channel
) -> None:
    stub = collaboration_pb2_grpc.CollaborationStub(channel)
    for key in ("order-7", "order-7", "order-8", "", ""):
        run = stub.Run(encode_run_request(CollaborationCall("twice", ASKED, idempotency_key=key)))
        _ = [event async for event in run]

    asked = [request.idempotency_key for request in port.models.asked]
    first, again, other, *rest = zip(asked[::2], asked[1::2], strict=True)
    assert first == again
    assert len({first, other, *rest}) == 4


async def test_a_graph_with_a_model_that_the_caller_may_not_use_reaches_no_model() -> None:
    nothing = frozenset({ModelName("small")})
    async with (
        running_port(OneDevice(nothing)) as port,
        open_channel(ChannelSettings(port.address, port.tls())) as channel,
    ):
        stub = collaboration_pb2_grpc.CollaborationStub(channel)
        failure = await _failure(stub.Run(encode_run_request(CollaborationCall("twice", ASKED))))

    assert isinstance(failure, GraphInvalid)
    assert port.models.asked == []


async def test_a_graph_sent_along_may_not_need_an_edge(
    port: Port, channel: grpc.aio.Channel
) -> None:
    graph = parse_graph(
        "{leeward: graph/v1, name: mine, steps: {answer: {role: assistant, model: small}}}"
    )
    stub = collaboration_pb2_grpc.CollaborationStub(channel)

    failure = await _failure(stub.Run(encode_run_request(CollaborationCall(graph, ASKED))))

    assert isinstance(failure, GraphInvalid)
    assert failure.field == "steps.answer.model"
    assert "needs an edge" in failure.reason


async def test_a_declared_label_above_the_clearance_is_refused_with_its_path(
    port: Port, channel: grpc.aio.Channel
) -> None:
    stub = collaboration_pb2_grpc.CollaborationStub(channel)
    asked = CollaborationCall("ask-big", ASKED, declared_label=Label.of("health"))

    failure = await _failure(stub.Run(encode_run_request(asked)))

    assert isinstance(failure, LeakFound)
    assert failure.path[:2] == ("request", "answer@cloud")
    assert port.models.asked == []


async def _failure(call: "grpc.aio.UnaryStreamCall") -> LeewardError:  # type: ignore[type-arg]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        _ = [item async for item in call]
    return from_rpc_error(refused.value)

"""How many calls of devices run at once is bounded; devices that only follow are none of them."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from leeward.v1 import inference_pb2_grpc
from runtime.codec.inference import encode_generate_request
from runtime.errors import CapacityExhausted
from runtime.ports import ChatMessage, GenerateRequest, TextDelta
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.status import from_rpc_error
from tests.unit.cloud.front.conftest import BIG, END
from tests.unit.cloud.servicers.conftest import Port, running_port

REQUEST = encode_generate_request(
    GenerateRequest(model=BIG, messages=(ChatMessage("user", "6 times 7?"),))
)
WATCH = health_pb2.HealthCheckRequest(service="leeward.v1.Inference")


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with running_port(at_most=1) as running:
        yield running


@pytest.fixture
async def channel(port: Port) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(ChannelSettings(port.address, port.tls())) as opened:
        yield opened


async def test_a_call_beyond_the_bound_is_told_when_to_come_back_and_then_served(
    port: Port, channel: grpc.aio.Channel
) -> None:
    stub = inference_pb2_grpc.InferenceStub(channel)
    port.models.script = (TextDelta("for"), asyncio.Event(), END)
    running = stub.Generate(REQUEST)
    async for _ in running:
        break

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        _ = [answer async for answer in stub.Generate(REQUEST)]
    running.cancel()
    async with asyncio.timeout(10):
        await port.models.closed.wait()
        await port.budgets.ended.wait()
    port.models.script = (TextDelta("42"), END)
    answered = [answer async for answer in stub.Generate(REQUEST)]

    error = from_rpc_error(refused.value)
    assert isinstance(error, CapacityExhausted)
    assert error.retry_after_s > 0
    assert answered


async def test_devices_that_follow_the_health_take_no_call_from_anybody(
    port: Port, channel: grpc.aio.Channel
) -> None:
    watches = [health_pb2_grpc.HealthStub(channel).Watch(WATCH) for _ in range(3)]
    async with asyncio.timeout(10):
        seen = [await watch.read() for watch in watches]
    port.models.script = (TextDelta("42"), END)

    answered = [
        answer async for answer in inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    ]

    assert [answer.status for answer in seen] == [health_pb2.HealthCheckResponse.SERVING] * 3
    assert answered
    for watch in watches:
        watch.cancel()

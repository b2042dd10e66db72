"""A device that is revoked while its stream runs hears of it, and what that held is given back."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from leeward.v1 import collaboration_pb2_grpc, inference_pb2_grpc
from runtime.codec.collaboration import CollaborationCall, encode_run_request
from runtime.codec.inference import encode_generate_request
from runtime.errors import NotPermitted
from runtime.ports import ChatMessage, GenerateRequest, TextDelta
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.status import from_rpc_error
from tests.unit.cloud.front.conftest import BIG, END
from tests.unit.cloud.servicers.conftest import Port, running_port

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


async def test_an_open_stream_is_cut_when_its_device_is_revoked(
    port: Port, channel: grpc.aio.Channel
) -> None:
    port.models.script = (TextDelta("for"), asyncio.Event(), END)
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    async for _ in call:
        break

    port.device.is_revoked = True
    with pytest.raises(grpc.aio.AioRpcError) as cut:
        async with asyncio.timeout(10):
            _ = [answer async for answer in call]

    assert isinstance(from_rpc_error(cut.value), NotPermitted)
    async with asyncio.timeout(10):
        await port.models.closed.wait()
        await port.budgets.ended.wait()
    assert [outcome.status for outcome in port.budgets.settled] == ["cancelled"]


async def test_a_stream_that_never_pauses_is_cut_too(port: Port, channel: grpc.aio.Channel) -> None:
    port.models.script = (*(TextDelta("word") for _ in range(200_000)), END)
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    async for _ in call:
        break

    port.device.is_revoked = True
    with pytest.raises(grpc.aio.AioRpcError) as cut:
        await _count(call)

    assert isinstance(from_rpc_error(cut.value), NotPermitted)


async def test_a_run_of_a_graph_is_cut(port: Port, channel: grpc.aio.Channel) -> None:
    port.models.script = (TextDelta("for"), asyncio.Event(), END)
    run = encode_run_request(CollaborationCall("twice", ASKED))
    call = collaboration_pb2_grpc.CollaborationStub(channel).Run(run)
    async for _ in call:
        break

    port.device.is_revoked = True
    with pytest.raises(grpc.aio.AioRpcError) as cut:
        async with asyncio.timeout(10):
            _ = [event async for event in call]

    assert isinstance(from_rpc_error(cut.value), NotPermitted)


async def test_a_caller_who_hangs_up_is_not_taken_for_a_revoked_one(
    port: Port, channel: grpc.aio.Channel
) -> None:
    port.models.script = (TextDelta("for"), asyncio.Event(), END)
    call = inference_pb2_grpc.InferenceStub(channel).Generate(REQUEST)
    async for _ in call:
        break

    call.cancel()
    async with asyncio.timeout(10):
        await port.models.closed.wait()

    stub = inference_pb2_grpc.InferenceStub(channel)
    port.models.script = (TextDelta("42"), END)
    assert [answer async for answer in stub.Generate(REQUEST)]


async def _count(call: "grpc.aio.UnaryStreamCall") -> int:  # type: ignore[type-arg]
    return len([answer async for answer in call])

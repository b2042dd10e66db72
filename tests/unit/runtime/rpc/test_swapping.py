"""A channel is replaced under running calls: none fails; the former one is closed in the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.servers import bind, new_server
from runtime.rpc.swapping import SwappingChannel


class Slow(pb_grpc.InferenceServicer):
    """Streams until it is told to stop, and knows its callers' connections."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.peers: list[str] = []

    async def Generate(
        self, request: pb.GenerateRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.GenerateResponse]:
        self.peers.append(context.peer())
        for _ in range(3):
            yield pb.GenerateResponse()
        await self.go_on.wait()
        for _ in range(50):
            yield pb.GenerateResponse()

    async def ListModels(
        self, request: pb.ListModelsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListModelsResponse:
        self.peers.append(context.peer())
        return pb.ListModelsResponse()


@dataclass(frozen=True, slots=True)
class World:
    servicer: Slow
    open: Callable[[], grpc.aio.Channel]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    servicer = Slow()
    server = new_server(max_concurrent_rpcs=64)
    pb_grpc.add_InferenceServicer_to_server(servicer, server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    settings = ChannelSettings(f"127.0.0.1:{port}", None)
    yield World(servicer, lambda: open_channel(settings))
    await server.stop(0)


async def test_a_stream_goes_on_where_it_began_while_new_calls_go_elsewhere(world: World) -> None:
    async with SwappingChannel(world.open()) as channel:
        stub = pb_grpc.InferenceStub(channel)
        stream = stub.Generate(pb.GenerateRequest())
        await _first(stream)

        channel.swap(world.open())
        await stub.ListModels(pb.ListModelsRequest())
        draining = channel.draining
        world.servicer.go_on.set()
        rest = [answer async for answer in stream]
        async with asyncio.timeout(20):
            await channel.drain()

    begun, later = world.servicer.peers
    assert begun != later
    assert len(rest) == 52
    assert draining == 1
    assert channel.draining == 0


async def test_a_former_channel_is_closed_once_it_is_unused_and_not_before(world: World) -> None:
    first = world.open()
    async with SwappingChannel(first) as channel:
        stream = pb_grpc.InferenceStub(channel).Generate(pb.GenerateRequest())
        await _first(stream)
        channel.swap(world.open())
        draining = asyncio.create_task(channel.drain())
        await asyncio.sleep(0.05)
        was_open = not draining.done()

        stream.cancel()
        async with asyncio.timeout(20):
            await draining

        assert was_open
        assert first.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_no_call_fails_while_channels_come_and_go(world: World) -> None:
    world.servicer.go_on.set()
    async with SwappingChannel(world.open()) as channel:
        stub = pb_grpc.InferenceStub(channel)
        is_over = asyncio.Event()
        answered = 0

        async def call() -> None:
            nonlocal answered
            while not is_over.is_set():
                assert [answer async for answer in stub.Generate(pb.GenerateRequest())]
                await stub.ListModels(pb.ListModelsRequest())
                answered += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(call())
            for _ in range(8):
                newer = world.open()
                await newer.channel_ready()
                channel.swap(newer)
                await channel.drain()
            is_over.set()

    assert answered > 4


async def test_stubs_that_come_and_go_leave_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.open()
    made: list[str] = []
    make = first.unary_unary

    def counted(method: str, *arguments: Any, **named: Any) -> Any:
        made.append(method)
        return make(method, *arguments, **named)

    monkeypatch.setattr(first, "unary_unary", counted)
    async with SwappingChannel(first) as channel:
        for _ in range(5):
            await pb_grpc.InferenceStub(channel).ListModels(pb.ListModelsRequest())

    assert made == ["/leeward.v1.Inference/ListModels"]


async def test_closing_ends_what_still_runs(world: World) -> None:
    channel = SwappingChannel(world.open())
    stream = pb_grpc.InferenceStub(channel).Generate(pb.GenerateRequest())
    await _first(stream)
    channel.swap(world.open())

    await channel.close()

    assert stream.cancelled()


async def _first(stream: "grpc.aio.UnaryStreamCall") -> None:  # type: ignore[type-arg]
    async for _ in stream:
        return

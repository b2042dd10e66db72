"""No failure of a servicer quotes a prompt, in its reply or in a log record."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.errors import LeewardError, NotFound, PolicyViolation
from runtime.rpc.boundary import error_boundary
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.status import from_rpc_error

SECRET = "Anna Kowalska"
Behaviour = Callable[[grpc.aio.ServicerContext[Any, Any]], Awaitable[None]]


class Lister(pb_grpc.InferenceServicer):
    """Behaves as told, under the boundary."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave

    async def ListModels(
        self, request: pb.ListModelsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ListModelsResponse:
        async with error_boundary(context, "Inference.ListModels"):
            await self._behave(context)
            return pb.ListModelsResponse()


@asynccontextmanager
async def serving(behave: Behaviour) -> AsyncIterator["pb_grpc.InferenceAsyncStub"]:
    server = new_server(max_concurrent_rpcs=4)
    pb_grpc.add_InferenceServicer_to_server(Lister(behave), server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    channel = open_channel(ChannelSettings(target=f"127.0.0.1:{port}", tls=None))
    try:
        yield pb_grpc.InferenceStub(channel)
    finally:
        await channel.close()
        await stop(server, None, grace_s=0)


def failing(failure: Exception) -> Behaviour:
    async def behave(_: grpc.aio.ServicerContext[Any, Any]) -> None:
        raise failure

    return behave


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PolicyViolation(f"refused {SECRET}"), grpc.StatusCode.PERMISSION_DENIED),
        (NotFound(SECRET), grpc.StatusCode.NOT_FOUND),
        (ZeroDivisionError(SECRET), grpc.StatusCode.INTERNAL),
    ],
)
async def test_no_failure_quotes_the_prompt(
    failure: Exception, code: grpc.StatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(failing(failure)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListModels(pb.ListModelsRequest(), timeout=5)

    assert refused.value.code() is code
    assert SECRET not in f"{refused.value.details()}{refused.value.trailing_metadata()}"
    assert [record.name for record in caplog.records] == ["leeward.rpc"]
    assert SECRET not in f"{[vars(record) for record in caplog.records]}"


async def test_a_named_failure_arrives_as_its_class() -> None:
    async with serving(failing(PolicyViolation(SECRET))) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListModels(pb.ListModelsRequest(), timeout=5)

    assert type(from_rpc_error(refused.value)) is PolicyViolation


async def test_a_crash_arrives_as_a_broken_node_and_is_logged_with_its_frames(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(failing(KeyError(SECRET))) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListModels(pb.ListModelsRequest(), timeout=5)

    assert isinstance(from_rpc_error(refused.value), LeewardError)
    assert refused.value.details() == "internal error"
    record = next(record for record in caplog.records if record.message == "rpc_crashed")
    assert record.levelno == logging.ERROR
    assert any("test_boundary" in frame for frame in vars(record)["frames"])


async def test_a_servicers_own_abort_passes_through(caplog: pytest.LogCaptureFixture) -> None:
    async def abort(context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(grpc.StatusCode.ALREADY_EXISTS, "there")

    async with serving(abort) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListModels(pb.ListModelsRequest(), timeout=5)

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert not caplog.records


async def test_cancellation_passes_through_unlogged(caplog: pytest.LogCaptureFixture) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_: grpc.aio.ServicerContext[Any, Any]) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(wait) as stub:
        call = stub.ListModels(pb.ListModelsRequest(), timeout=30)
        async with asyncio.timeout(5):
            await entered.wait()
        call.cancel()
        async with asyncio.timeout(5):
            await cancelled.wait()

    assert not [record for record in caplog.records if record.name == "leeward.rpc"]

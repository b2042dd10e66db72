"""Bytes that are no message get the status of a bad request, and nothing is printed about them."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.codec.embedding import decode_embed_request
from runtime.codec.inference import decode_generate_request
from runtime.errors import RequestInvalid
from runtime.rpc.boundary import error_boundary
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.status import from_rpc_error

SERVICE = "/leeward.v1.Inference"
BROKEN = b"\xff\xffAnna Kowalska"
Context = grpc.aio.ServicerContext[Any, Any]


class Decoder(pb_grpc.InferenceServicer):
    async def Generate(
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateResponse]:
        async with error_boundary(context, "Inference.Generate"):
            decode_generate_request(request, timeout_s=1)
            yield pb.GenerateResponse()

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        async with error_boundary(context, "Inference.Embed"):
            decode_embed_request(request, timeout_s=1.0)
            return pb.EmbedResponse()


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = new_server(max_concurrent_rpcs=4)
    pb_grpc.add_InferenceServicer_to_server(Decoder(), server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await stop(server, None, grace_s=0)


async def test_a_malformed_request_is_refused_as_invalid(
    channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(grpc.aio.AioRpcError) as whole:
        await channel.unary_unary(f"{SERVICE}/Embed")(BROKEN)
    with pytest.raises(grpc.aio.AioRpcError) as streamed:
        _ = [item async for item in channel.unary_stream(f"{SERVICE}/Generate")(BROKEN)]

    for refused in (whole, streamed):
        assert isinstance(from_rpc_error(refused.value), RequestInvalid)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    assert {record.name for record in caplog.records} == {"leeward.rpc"}
    assert "Kowalska" not in str([vars(record) for record in caplog.records])


async def test_a_method_that_does_not_exist_stays_unimplemented(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await channel.unary_unary(f"{SERVICE}/Nothing")(BROKEN)

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED

"""The load generator of the gateway's benchmark: it counts whole answers and nothing else."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from bench.gateway_call import CallFailed, Numbers, in_turn, opened, together
from bench.gateway_grpc_load import GrpcCaller, client_context
from bench.gateway_http_load import HttpCaller
from bench.gateway_kinds import http_opener, openai_body
from bench.gateway_upstream import model_name, pieces_of
from bench.gateway_world import Upstream
from bench.loopback_tls import make_loopback_tls
from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.local.process import LocalProcess
from runtime.rpc.servers import bind, new_server

WAIT_S = 10.0


@pytest_asyncio.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    ready = tmp_path / "ready.json"
    process = await LocalProcess.start(
        "upstream",
        [sys.executable, "-m", "bench.gateway_upstream", str(ready)],
        log=tmp_path / "log",
        environment={"PYTHONPATH": ":".join(sys.path)},
    )
    port = (await process.wait_ready_file(ready, timeout_s=60))["port"]
    yield Upstream(int(port), process)
    await process.stop()


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_of_the_upstream_is_read_whole(upstream: Upstream, streams: bool) -> None:
    opener = http_opener(upstream.port, openai_body(model_name(5, 1), streams=streams))

    async with opened(opener, 1) as (caller,):
        await in_turn(caller, 3, Numbers())

        assert caller.text() == "".join(pieces_of(5))
    assert upstream.counts().calls == 3
    assert upstream.counts().finished == 3


async def test_the_gaps_of_a_paced_stream_are_the_pace(upstream: Upstream) -> None:
    opener = http_opener(upstream.port, openai_body(model_name(4, 50), streams=True))

    async with opened(opener, 1) as (caller,):
        answered = await caller.call(1)

    paced_ms = [gap for gap in answered.gaps_ms if gap > 25]
    assert len(paced_ms) == 4  # between four pieces, and before the end
    assert answered.took_ms > 4 * 50 * 0.9


async def test_callers_side_by_side_are_seen_side_by_side(upstream: Upstream) -> None:
    opener = http_opener(upstream.port, openai_body(model_name(2, 100), streams=True))

    async with opened(opener, 6) as callers:
        load = await together(callers, 0.05, Numbers())

    assert len(load.answered) == 6
    assert not load.failed
    assert upstream.counts().most_running == 6


async def test_a_caller_that_hangs_up_is_counted_as_cancelled(upstream: Upstream) -> None:
    caller = await http_opener(upstream.port, openai_body(model_name(9, 100), streams=True))()
    call = asyncio.ensure_future(caller.call(1))
    await _until(lambda: upstream.counts().running == 1)

    caller.close()
    with pytest.raises(CallFailed):
        await call

    await _until(lambda: upstream.counts().cancelled == 1)
    assert upstream.counts().running == 0


CUT = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(("answer", "reason"), [(CUT, "cut"), (REFUSED, "429"), (b"", "broke")])
async def test_what_is_no_whole_answer_fails(answer: bytes, reason: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        caller = await HttpCaller("/", openai_body("m", streams=True)).open("127.0.0.1", port)

        with pytest.raises(CallFailed, match=reason):
            await caller.call(1)
        caller.close()


def _said(text: str) -> pb.GenerateResponse:
    return pb.GenerateResponse(delta=pb.TextDelta(text=text))


END = pb.GenerateResponse(completion=pb.Completion(model="m"))


@asynccontextmanager
async def _grpc_caller(items: list[Any]) -> AsyncIterator[GrpcCaller]:
    """A bare caller of a real ``grpc.aio`` server that answers with ``items``."""

    class Servicer(pb_grpc.InferenceServicer):
        async def Generate(self, request: Any, context: Any) -> AsyncIterator[Any]:
            for item in items:
                if isinstance(item, grpc.StatusCode):
                    await context.abort(item, "no")
                yield item

    tls = make_loopback_tls()
    server = new_server(max_concurrent_rpcs=8)
    pb_grpc.add_InferenceServicer_to_server(Servicer(), server)
    port = bind(server, "127.0.0.1:0", tls=tls.server)
    await server.start()
    identity = tls.client.identity
    assert identity is not None
    context = client_context(
        tls.client.ca_bundle_pem, identity.certificate_chain_pem, identity.private_key_pem
    )
    message = pb.GenerateRequest(model="m").SerializeToString()
    caller = await GrpcCaller(message, authority="bench").open("127.0.0.1", port, context)
    try:
        yield caller
    finally:
        caller.close()
        await server.stop(0)


async def test_a_whole_stream_is_read_over_bare_http2() -> None:
    async with _grpc_caller([_said("wo"), _said("rd"), END]) as caller:
        answers = [await caller.call(number) for number in range(3)]

        assert [len(answer.arrivals_s) for answer in answers] == [3, 3, 3]
        assert caller.text() == "word"


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([_said("word")], "without its completion"),
        ([], "without its completion"),
        ([_said("word"), grpc.StatusCode.UNAVAILABLE], "status '14'"),
        ([grpc.StatusCode.RESOURCE_EXHAUSTED], "status '8"),
    ],
)
async def test_a_stream_that_does_not_end_well_fails(items: list[Any], reason: str) -> None:
    async with _grpc_caller(items) as caller:
        with pytest.raises(CallFailed, match=reason):
            await caller.call(1)


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            if await asyncio.to_thread(is_true):
                return
            await asyncio.sleep(0.01)

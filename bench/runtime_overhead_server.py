"""The far end of ``bench.runtime_overhead``: a no-op node and a bare stream, in one process.

The node is the edge's own ``Inference`` servicer over a model that knows its answer and waits
only when asked to. The bare stream is the least that grpc.aio can do: no messages, no checks, the
same bytes. Both share server, port and TLS.

Protocol with the parent: one JSON line in (certificates, replies), one JSON line out (port);
the server ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, cast

import grpc

from edge.engine.engine import NodeEngine
from edge.servicers.inference import InferenceServicer
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.ids import ModelName, NodeName
from runtime.ports import Chunk, Completion, FinishReason, GenerateRequest, TextDelta, Usage
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.tls import KeyPair, ServerTls
from runtime.testing.plans import CATALOG

__all__ = ["BARE_METHOD", "PIECES", "SLEEP_MARK", "replies"]

BARE_METHOD: Final = "/bench.Bare/Stream"
PIECES: Final = ("The", " answer", " is", " 42", ".", " Answer", ":", " 42")
"""What the no-op model says: one message each, then the completion."""
NODE: Final = NodeName("bench-1")
SLEEP_MARK: Final = "sleep-"
"""A model called ``sleep-200`` waits 200 ms before it answers."""

Context = grpc.aio.ServicerContext[Any, Any]


def replies(model: str) -> list[Chunk]:
    """Return the items of one answer."""
    usage = Usage(prompt_tokens=128, completion_tokens=len(PIECES))
    completion = Completion(FinishReason.STOP, usage, model=ModelName(model), node=NODE)
    return [*(TextDelta(piece) for piece in PIECES), completion]


class NoOpModel:
    """An engine that knows its answer."""

    async def generate(
        self, request: GenerateRequest, *, caller: str = ""
    ) -> AsyncGenerator[Chunk, None]:
        """Stream the fixed answer, after the wait that the model's name asks for."""
        if request.model.startswith(SLEEP_MARK):
            await asyncio.sleep(int(request.model.removeprefix(SLEEP_MARK)) / 1000)
        for chunk in replies(request.model):
            yield chunk


def _bare_handler(messages: list[bytes]) -> grpc.GenericRpcHandler:
    async def stream(_request: bytes, _context: Context) -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    service, method = BARE_METHOD.lstrip("/").split("/")
    # Without serializers grpc.aio passes the bytes through.
    return grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_stream_rpc_method_handler(stream)}
    )


async def _serve(setup: dict[str, Any]) -> None:
    pem = {name: base64.b64decode(setup[name]) for name in ("ca", "certificate", "key")}
    server = new_server(max_concurrent_rpcs=256)
    servicer = InferenceServicer(
        # The servicer asks its engine for nothing here but a stream.
        cast("NodeEngine", NoOpModel()),
        catalog=CATALOG,
        node=NODE,
        default_timeout_s=60.0,
    )
    pb_grpc.add_InferenceServicer_to_server(servicer, server)
    messages = [base64.b64decode(message) for message in setup["messages"]]
    server.add_generic_rpc_handlers((_bare_handler(messages),))
    tls = ServerTls(KeyPair(pem["certificate"], pem["key"]), pem["ca"])
    port = bind(server, "127.0.0.1:0", tls=tls)
    await server.start()
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await stop(server, None, grace_s=0.2)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.stdin.readline())))

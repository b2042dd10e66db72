"""Our side of ``bench.edge_serving``: the edge's engine behind its own servicer, on mutual TLS.

A process of its own, as the daemon is; the model runs in the engine's child as always. One JSON
line in (certificates, models and how they are loaded), one JSON line out (port); ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.servicers.inference import InferenceServicer
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.rpc.servers import bind, new_server, stop
from runtime.rpc.tls import KeyPair, ServerTls
from runtime.testing.plans import CATALOG

NODE = NodeName("bench-1")
_EXPECTED: Final = frozenset({"CapacityExhausted", "ContextOverflow", "DeadlineExceeded"})
"""What calls of the soak end with on purpose; the bench counts them."""


async def _serve(setup: dict[str, Any]) -> None:
    pem = {name: base64.b64decode(setup[name]) for name in ("ca", "certificate", "key")}
    async with NodeEngine(node=NODE, clock=SystemClock()) as engine:
        for model in setup["models"]:
            options = EngineOptions(**model["options"])
            if options.draft is not None:
                options = replace(options, draft=Path(options.draft))
            await engine.load(ModelName(model["name"]), Path(model["path"]), options=options)
        server = new_server(max_concurrent_rpcs=256)
        servicer = InferenceServicer(engine, catalog=CATALOG, node=NODE, default_timeout_s=120.0)
        pb_grpc.add_InferenceServicer_to_server(servicer, server)
        tls = ServerTls(KeyPair(pem["certificate"], pem["key"]), pem["ca"])
        port = bind(server, "127.0.0.1:0", tls=tls)
        await server.start()
        pids = [status.pid for status in engine.models()]
        sys.stdout.write(json.dumps({"port": port, "pids": pids}) + "\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "status":
                sys.stdout.write(json.dumps(_status(engine)) + "\n")
                sys.stdout.flush()
        await stop(server, None, grace_s=0.2)


def _status(engine: NodeEngine) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "open_calls": one.open_calls,
            "restarts": one.restarts,
            "running": one.traffic.running,
            "pid": one.pid,
            "guessed": one.traffic.guessed_tokens,
            "right": one.traffic.right_guesses,
        }
        for one in engine.models()
    ]


def _log_what_nobody_expects() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("node: %(message)s %(error)s", defaults={"error": ""}))
    handler.addFilter(lambda record: getattr(record, "error", "") not in _EXPECTED)
    logging.getLogger("leeward").addHandler(handler)


if __name__ == "__main__":
    _log_what_nobody_expects()
    asyncio.run(_serve(json.loads(sys.stdin.readline())))

"""What ``bench.edge_serving`` runs against: our node, the packaged server and the bare loops.

All three are up during the whole run and idle while another is measured, so that rounds can take
turns and drift of the machine hits all alike.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench.line_process import LineProcess
from bench.loopback_tls import make_loopback_tls
from bench.random_gguf import SHAPE_135M, Shape, write_model
from reference.weights import weights_path
from runtime.local.process import LocalProcess
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.tls import ClientTls

__all__ = ["DRAFT", "MOST_CALLERS", "PLAIN", "RANDOM", "TRAINED", "World", "opened_world"]

RANDOM: Final = "random-135m"
TRAINED: Final = "gannet-l"
DRAFT: Final = "tern-xs"
"""Guesses for it: of another family, a fortieth of its size, with the same vocabulary."""
PLAIN: Final = {name: f"{name}-without-guesses" for name in (RANDOM, TRAINED)}
"""The same models once more, with nothing guessed."""
MOST_CALLERS: Final = 16
_CONTEXT_TOKENS: Final = 4096
_CACHE_TOKENS: Final = 16_384
_START_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class World:
    """Everything that answers."""

    loops: LineProcess
    node: LineProcess
    target: str
    tls: ClientTls
    packaged: httpx.AsyncClient
    engine_pids: dict[str, int]
    """The model's process, by model."""
    takes_every_core: bool
    """Whether a decode leaves none to whoever sends and reads its texts."""

    @asynccontextmanager
    async def callers(self, count: int) -> AsyncIterator[list[InferenceClient]]:
        """Connect so many callers to our node, each with a connection of its own."""
        async with AsyncExitStack() as stack:
            clients = []
            for _ in range(count):
                channel = open_channel(ChannelSettings(self.target, tls=self.tls))
                stack.push_async_callback(channel.close)
                clients.append(InferenceClient(channel))
            yield clients


@asynccontextmanager
async def opened_world(
    directory: Path, *, threads: int, shape: Shape = SHAPE_135M
) -> AsyncIterator[World]:
    """Write the model and start everything; stop it when the block ends.

    Args:
        directory: For the model and logs.
        threads: Of a decode, on every side.
        shape: Of the model.
    """
    model = directory / f"{RANDOM}.gguf"
    await asyncio.to_thread(write_model, model, shape)
    tls = make_loopback_tls()
    async with AsyncExitStack() as stack:
        loops = await stack.enter_async_context(
            LineProcess.running("bench.edge_serving_loops", str(model), str(threads))
        )
        await loops.hear()
        node = await stack.enter_async_context(LineProcess.running("bench.edge_serving_node"))
        models = _models(model, threads)
        await node.say(
            json.dumps(
                {
                    "ca": _text(tls.server.client_ca_bundle_pem or b""),
                    "certificate": _text(tls.server.identity.certificate_chain_pem),
                    "key": _text(tls.server.identity.private_key_pem),
                    "models": models,
                }
            )
        )
        ready = await node.hear()
        packaged = await stack.enter_async_context(_packaged(model, directory, threads=threads))
        pids = dict(zip(sorted(one["name"] for one in models), ready["pids"], strict=True))
        target = f"127.0.0.1:{ready['port']}"
        is_all = threads >= len(os.sched_getaffinity(0))
        yield World(loops, node, target, tls.client, packaged, pids, is_all)


def _models(model: Path, threads: int) -> list[dict[str, Any]]:
    large = {
        "threads": threads,
        "slots": MOST_CALLERS,
        "queue_limit": 64,
        "context_tokens": _CONTEXT_TOKENS,
        "cache_tokens": _CACHE_TOKENS,
    }
    return [
        {"name": RANDOM, "path": str(model), "options": large},
        {
            "name": PLAIN[RANDOM],
            "path": str(model),
            "options": large | {"slots": 1, "guesses": False},
        },
        *(
            {
                "name": name,
                "path": str(weights_path(TRAINED)),
                "options": {"threads": 1, "kept_prefixes": 0} | guesses,
            }
            for name, guesses in (
                (TRAINED, {"draft": str(weights_path(DRAFT))}),
                (PLAIN[TRAINED], {"guesses": False}),
            )
        ),
    ]


@asynccontextmanager
async def _packaged(
    model: Path, directory: Path, *, threads: int
) -> AsyncIterator[httpx.AsyncClient]:
    """Run llama-cpp-python's own server; by default a second caller would cut the first one off."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-W", "ignore", "-m", "llama_cpp.server", "--model", str(model)),
        *("--host", "127.0.0.1", "--port", str(port), "--interrupt_requests", "false"),
        *("--n_ctx", str(_CONTEXT_TOKENS), "--n_threads", str(threads)),
        *("--n_threads_batch", str(threads), "--verbose", "false"),
    ]
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    process = await LocalProcess.start(
        "llama_cpp.server", command, log=directory / "packaged.log", environment=environment
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=_START_LIMIT_S * 5, trust_env=False
        ) as http:
            async with asyncio.timeout(_START_LIMIT_S):
                while not await _is_up(http):  # noqa: ASYNC110 - a process gives no event
                    await asyncio.sleep(_POLL_S)
            yield http
    finally:
        await process.stop()


async def _is_up(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/v1/models")).is_success
    except httpx.TransportError:
        return False


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
